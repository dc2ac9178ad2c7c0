// Puts what `towtank compare` prints for each scenario of a folder into the page about it. Needs a build.
//   node scripts/questions.mjs scenarios/etcd        docs/etcd.md
//   node scripts/questions.mjs scenarios/apiserver   docs/apiserver.md
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: node scripts/questions.mjs FOLDER [BUILD]');
const build = process.argv[3] ?? 'dist';
const page = join('docs', `${basename(folder)}.md`);
const out = mkdtempSync(join(tmpdir(), 'towtank-questions-'));
const text = readFileSync(page, 'utf8').replace(/```console\n\$ towtank compare (\S+)\n[\s\S]*?```/g, (_block, file) => {
  const args = [`${build}/src/cli/main.js`, 'compare', file, '--quiet', '--out', join(out, file.replaceAll('/', '-'))];
  const run = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (run.status === null || run.status > 1) throw new Error(run.stderr);
  // Hashes name the exact version of the model; the page is about its answers.
  const answer = run.stdout.replace(/^trace hashes:.*\n/m, '').trimEnd();
  return `\`\`\`console\n$ towtank compare ${file}\n${answer}\n\`\`\``;
});
rmSync(out, { recursive: true });
writeFileSync(page, text);
