// The same trace hash on every runtime: Node 20, 22, 24 and 26, Bun, and headless Chromium where it is installed; on those of Node also
// the same bytes of CSV, Parquet, OpenMetrics, trace and summary. The runtimes come from the npm
// packages `node` and `bun`, into a folder of their own (TOWTANK_RUNTIMES, by default in the system's temporary folder). Build first.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = process.env.TOWTANK_DIST ?? join(root, 'dist');
const store = process.env.TOWTANK_RUNTIMES ?? join(tmpdir(), 'towtank-runtimes');
const wanted = process.argv.slice(2);

const work = mkdtempSync(join(tmpdir(), 'towtank-probe-'));
const bundle = join(work, 'probe.mjs');
await build({
  stdin: {
    contents: `import { probe } from ${JSON.stringify(join(dist, 'test/kernel/runtime-probe.js'))};
const line = probe();
if (typeof document === 'undefined') console.log(line);
else document.title = document.body.textContent = line;`,
    resolveDir: root,
  },
  bundle: true,
  format: 'esm',
  target: 'es2022',
  external: ['crypto'],
  outfile: bundle,
  logLevel: 'error',
});

/** The runtime's program, installed when it is not there; undefined when it cannot be. */
function installed(name, version, program) {
  const folder = join(store, `${name}-${version}`);
  const path = join(folder, 'node_modules', '.bin', program);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const npm = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--silent', `${name}@${version}`], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (existsSync(path)) return path;
  console.error(`${name}@${version} could not be installed: ${npm.stderr}`);
  return undefined;
}

function run(program, args) {
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: 300_000 });
  if (done.status !== 0) return `failed: ${done.error?.message ?? done.stderr.slice(0, 500)}`;
  return (
    /towtank [^<\n]+|event lists differ[^<\n]+/.exec(done.stdout)?.[0].trim() ??
    `printed no result: ${done.stdout.slice(0, 200)}`
  );
}

/** The system's Chromium, for a page that runs the same bundle. */
function chromium() {
  const program = [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    process.env.CHROMIUM ?? '',
  ].find((path) => path !== '' && existsSync(path));
  if (program === undefined) return undefined;
  const page = join(work, 'probe.html');
  const classic = join(work, 'probe.js');
  return { program, page, classic };
}

/** The line of a run's outputs; on Node only, because files belong to Node. */
const outputsProbe = join(dist, 'test/export/runtime-probe.js');
const outputs = [];
const results = [];
const skipped = [];

function record(name, line) {
  results.push({ name, line });
  console.log(`${name.padEnd(12)} ${line}`);
}

function recordOutputs(name, program) {
  const line = run(program, [outputsProbe]);
  outputs.push({ name, line });
  console.log(`${''.padEnd(12)} ${line}`);
}

const selected = (name) => wanted.length === 0 || wanted.some((part) => name.includes(part));

if (selected('this')) {
  record(`node ${process.versions.node}`, run(process.execPath, [bundle]));
  recordOutputs(`node ${process.versions.node}`, process.execPath);
}
for (const version of ['20', '22', '24', '26']) {
  if (!selected(`node@${version}`)) continue;
  const program = installed('node', version, 'node');
  if (program === undefined) skipped.push(`node ${version}`);
  else {
    record(`node@${version}`, run(program, [bundle]));
    recordOutputs(`node@${version}`, program);
  }
}
if (selected('bun')) {
  const program = installed('bun', 'latest', 'bun');
  if (program === undefined) skipped.push('bun');
  else record('bun', run(program, [bundle]));
}
if (selected('chromium')) {
  const browser = chromium();
  if (browser === undefined) {
    skipped.push('chromium');
  } else {
    await build({
      entryPoints: [bundle],
      bundle: true,
      format: 'iife',
      platform: 'browser',
      external: ['crypto'],
      outfile: browser.classic,
      logLevel: 'error',
    });
    writeFileSync(browser.page, '<!doctype html><meta charset="utf-8"><body></body><script src="probe.js"></script>');
    const args = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      `--user-data-dir=${join(work, 'profile')}`,
      '--dump-dom',
      pathToFileURL(browser.page).href,
    ];
    record('chromium', run(browser.program, args));
  }
}

rmSync(work, { recursive: true, force: true });
const lines = new Set(results.map((result) => result.line));
const outputLines = new Set(outputs.map((output) => output.line));
const sameOutputs = outputLines.size <= 1 && [...outputLines].every((line) => line.startsWith('towtank outputs '));
const passed = lines.size === 1 && [...lines][0].startsWith('towtank ') && sameOutputs;
for (const name of skipped) console.log(`${name.padEnd(12)} skipped: not there and not to be installed`);
if (outputs.length > 0) console.log(sameOutputs ? `${outputs.length} versions of Node write the same bytes` : 'outputs differ');
console.log(passed ? `${results.length} runtimes agree` : 'the runtimes differ');
console.log(`${passed ? results.length : 0} passed, ${passed ? 0 : results.length} failed, ${skipped.length} skipped`);
process.exit(passed ? 0 : 1);
