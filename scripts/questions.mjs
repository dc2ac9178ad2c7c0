// Puts what `towtank compare` prints for each scenario of a folder into the page about it, and draws the figures that follow. Needs a build.
//   node scripts/questions.mjs scenarios/etcd        docs/etcd.md
//   node scripts/questions.mjs scenarios/apiserver   docs/apiserver.md
//   node scripts/questions.mjs scenarios/network     docs/network.md
//   node scripts/questions.mjs scenarios/studies     docs/studies.md
// A figure is an image whose title names what it shows, of the comparison before it:
// or, without one, the figure of the report that its text begins with (when Chromium is installed): ![API latency p99: …](images/apiserver-lists.svg)
//   ![errors](images/network-dns.svg "errors")   ![p99, ms](images/x.svg "latency.before.p99 * 1000")
// A table across the comparisons of a page has a row a scenario, named by what the star stands for, and a column a run:
//   <!-- across scenarios/studies/version-*.yaml rollout.timeToDetect s --> … <!-- /across -->
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bars } from './figure.mjs';

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: node scripts/questions.mjs FOLDER [BUILD]');
const build = process.argv[3] ?? 'dist';
const page = join('docs', `${basename(folder)}.md`);
const out = mkdtempSync(join(tmpdir(), 'towtank-questions-'));
const BLOCK = /```console\n\$ towtank compare (\S+)\n[\s\S]*?```((?:\n+!\[[^\]]*\]\(images\/\S+\.svg "[^"]+"\))*)/g;
const reports = new Map();
const ACROSS = /<!-- across (\S+)\*(\S+) ([\w.]+)( s)? -->[\s\S]*?<!-- \/across -->/g;
const compared = new Map();
const written = readFileSync(page, 'utf8').replace(BLOCK, (_block, file, images) => {
  const directory = join(out, file.replaceAll('/', '-'));
  reports.set(`${basename(folder)}-${basename(file, '.yaml')}`, directory);
  const args = [`${build}/src/cli/main.js`, 'compare', file, '--quiet', '--out', directory];
  const run = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (run.status === null || run.status > 1) throw new Error(run.stderr);
  const { runs } = JSON.parse(readFileSync(join(directory, 'summary.json'), 'utf8'));
  compared.set(file, runs);
  for (const [, title, image, path, scale] of images.matchAll(/!\[([^\]]*)\]\((images\/\S+\.svg) "([\w.]+)(?: \* (\d+))?"\)/g))
    writeFileSync(join('docs', image), bars(runs, path, title, Number(scale ?? 1)));
  // Hashes name the exact version of the model; the page is about its answers.
  const answer = run.stdout.replace(/^trace hashes:.*\n/m, '').trimEnd();
  return `\`\`\`console\n$ towtank compare ${file}\n${answer}\n\`\`\`${images}`;
});
const text = written.replace(ACROSS, (_block, before, after, path, seconds) => {
  const rows = [...compared].filter(([file]) => file.startsWith(before) && file.endsWith(after));
  const names = Object.keys(rows[0][1]);
  const cell = (run) => {
    const value = path.split('.').reduce((at, key) => at?.[key], run?.metrics);
    if (typeof value !== 'number') return '-';
    return seconds === undefined ? String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',') : `${value.toFixed(1)} s`;
  };
  const lines = rows.map(([file, runs]) => `| ${file.slice(before.length, -after.length)} | ${names.map((name) => cell(runs[name])).join(' | ')} |`);
  return `<!-- across ${before}*${after} ${path}${seconds ?? ''} -->\n| | ${names.join(' | ')} |\n|---|${'--:|'.repeat(names.length)}\n${lines.join('\n')}\n<!-- /across -->`;
});
const chromium = '/usr/bin/chromium';
const figures = [...text.matchAll(/!\[([^\]:]+)[^\]]*\]\(images\/([a-z-]+)\.svg\)/g)].filter(([, , name]) => reports.has(name));
if (figures.length > 0 && existsSync(chromium)) {
  const { chromium: browserType } = await import('playwright-core');
  const browser = await browserType.launch({ executablePath: chromium, args: ['--no-sandbox'] });
  for (const [, title, name] of figures) {
    const view = await browser.newPage({ viewport: { width: 1180, height: 1000 } });
    await view.goto(pathToFileURL(join(reports.get(name), 'report.html')).href);
    await view.waitForSelector('html[data-drawn]');
    // Drawn by the report itself, for light and dark ground.
    writeFileSync(join('docs', 'images', `${name}.svg`), `${await view.evaluate((wanted) => window.towtankPicture(wanted), title)}\n`);
    await view.close();
  }
  await browser.close();
}
rmSync(out, { recursive: true });
writeFileSync(page, text);
