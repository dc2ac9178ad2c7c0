import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { PROGRAM, scenarioFolder } from './towtank.js';

/** What can go wrong while results are written, each with the program as a user starts it. */
let directory = '';
let file = '';
let results = '';
let count = 0;

before(() => {
  ({ directory, file } = scenarioFolder('failures', [
    'question: What is left when it fails?',
    'duration: 20s',
    'cluster: { nodes: [{ count: 3, template: nodes/4cpu-16gi.yaml }] }',
    'manifests: hello/hello.yaml',
    'behaviour: [{ image: "nginx:*" }]',
    'objectives: [api errors < 1%]',
  ]));
});
beforeEach(() => {
  results = join(directory, `results-${count++}`);
  mkdirSync(results);
});
after(() => rmSync(directory, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program; `patch` is a module that is loaded before it. */
function start(args: readonly string[], patch = '', options: { uid?: number } = {}): Ended {
  const first: string[] = [];
  if (patch !== '') {
    const path = join(directory, 'patch.mjs');
    writeFileSync(path, patch);
    first.push('--import', pathToFileURL(path).href);
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [...first, PROGRAM, ...args], { encoding: 'utf8', timeout: 60_000, ...options });
  return { code: status, stdout, stderr };
}

/** A module after which `action` happens once `bytes` have been written to files (not to the standard streams). */
function afterBytes(bytes: number, action: string): string {
  return `import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const write = fs.writeSync;
let left = ${bytes};
fs.writeSync = (file, data, ...rest) => {
  if (file > 2 && (left -= data.length) < 0) { ${action} }
  return write(file, data, ...rest);
};
syncBuiltinESMExports();
`;
}

const run = (...more: string[]): string[] => ['run', file, '--quiet', '--out', join(results, 'out'), ...more];
const files = (): string[] => readdirSync(results);

for (const [code, words, bytes] of [
  ['ENOSPC', 'no space left on the device', 0],
  ['ENOSPC', 'no space left on the device', 100_000],
  ['EDQUOT', 'the disk quota is used up', 300_000],
  ['EIO', 'input/output error of the device', 500_000],
] as const) {
  test(`${code} after ${bytes} bytes: a message that names the file, exit 1, nothing left`, () => {
    const { code: exit, stderr, stdout } = start(run(), afterBytes(bytes, `throw Object.assign(new Error('write'), { code: '${code}' });`));
    assert.equal(exit, 1);
    assert.match(stderr, new RegExp(`^towtank: cannot write \\S+out/\\S+: ${words}\n$`));
    assert.equal(stdout, '');
    assert.deepEqual(files(), []);
  });
}

test('a real disk that is full', (context) => {
  const script = `mount -t tmpfs -o size=256k none "$0" && "$1" "$2" run "$3" --quiet --out "$0/out"; code=$?; ls -A "$0"; exit $code`;
  const args = ['--mount', 'sh', '-c', script, results, process.execPath, PROGRAM, file];
  const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 60_000 });
  if (status === null || /unshare|mount/.test(stderr)) return context.skip('needs the right to mount');
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^towtank: cannot write \S+: no space left on the device\n$/);
  assert.equal(stdout, '', 'nothing is left on the disk');
});

test('a full disk while the trace of every event is written', () => {
  const traced = join(directory, 'scenarios', 'traced.yaml');
  writeFileSync(traced, `${readFileSync(file, 'utf8')}record: { eventTrace: true }\n`);
  const patch = afterBytes(0, "throw Object.assign(new Error('write'), { code: 'ENOSPC' });");
  const { code, stderr } = start(['run', traced, '--quiet', '--out', join(results, 'out')], patch);
  assert.equal(code, 1);
  assert.match(stderr, /^towtank: cannot write \S+event_trace\.parquet: no space left on the device\n$/);
  assert.deepEqual(files(), []);
});

test('a folder that may not be written is refused before the run', (context) => {
  // Root may write anywhere: then somebody else tries.
  const other = process.getuid?.() === 0 ? { uid: 65_534 } : {};
  chmodSync(directory, 0o755);
  chmodSync(results, 0o555);
  if (start(['--version'], '', other).code !== 0) return context.skip('nobody else may read the program');
  const { code, stderr, stdout } = start(run(), '', other);
  chmodSync(results, 0o755);
  assert.equal(code, 1);
  assert.match(stderr, /^towtank: cannot write \S+out: permission denied\n$/);
  assert.equal(stdout, '');
  assert.deepEqual(files(), []);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`${signal} while files are written: exit 130, an earlier output stays whole`, () => {
    const out = join(results, 'out');
    assert.equal(start(run()).code, 0);
    const before = readdirSync(out).sort();
    const summary = readFileSync(join(out, 'summary.json'), 'utf8');
    const patch = afterBytes(20_000, `left = Infinity; process.kill(process.pid, '${signal}');`);
    const { code, stderr, stdout } = start(run('--seed', '7'), patch);
    assert.equal(code, 130, stderr);
    assert.equal(stderr, 'interrupted; nothing was written\n');
    assert.equal(stdout, '');
    assert.deepEqual(files(), ['out']);
    assert.deepEqual(readdirSync(out).sort(), before);
    assert.equal(readFileSync(join(out, 'summary.json'), 'utf8'), summary);
  });
}

test('whoever asks twice does not wait for the end, and nothing is left either', () => {
  const patch = afterBytes(20_000, "left = Infinity; process.kill(process.pid, 'SIGINT'); setImmediate(() => process.kill(process.pid, 'SIGTERM'));");
  assert.equal(start(run(), patch).code, 130);
  assert.deepEqual(files(), []);
});

test('a reader that has seen enough: no complaint, the verdict is the exit code, the results are there', () => {
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['-c', '"$0" "$@" | head -1; exit $PIPESTATUS', process.execPath, PROGRAM, ...run('--json')],
    { encoding: 'utf8', timeout: 60_000 },
  );
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  assert.equal(stdout, '{\n');
  assert.ok(existsSync(join(results, 'out', 'report.html')));
  const schema = spawnSync('bash', ['-c', '"$0" "$1" schema | true; exit $PIPESTATUS', process.execPath, PROGRAM], { encoding: 'utf8' });
  assert.deepEqual([schema.status, schema.stderr], [0, '']);
});

test('standard output on a full disk: a message, exit 1, the results are there', { skip: !existsSync('/dev/full') }, () => {
  const { status, stderr } = spawnSync('sh', ['-c', '"$0" "$@" > /dev/full', process.execPath, PROGRAM, ...run()], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 1);
  assert.equal(stderr, 'towtank: cannot write standard output: no space left on the device\n');
  assert.ok(existsSync(join(results, 'out', 'summary.json')));
});

test('an interrupted report leaves the old one', () => {
  assert.equal(start(run()).code, 0);
  const out = join(results, 'out');
  const before = readdirSync(out).sort();
  const full = start(['report', out], afterBytes(1000, "throw Object.assign(new Error('write'), { code: 'ENOSPC' });"));
  assert.equal(full.code, 1);
  assert.match(full.stderr, /report\.html: no space left on the device/);
  assert.deepEqual(readdirSync(out).sort(), before);
});
