// Puts what `towtank compare` prints for each scenario about etcd into docs/etcd.md. Needs a build.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const build = process.argv[2] ?? 'dist';
const out = mkdtempSync(join(tmpdir(), 'towtank-etcd-'));
const page = readFileSync('docs/etcd.md', 'utf8').replace(
  /```console\n\$ towtank compare (scenarios\/etcd\/\S+)\n[\s\S]*?```/g,
  (_block, file) => {
    const args = [`${build}/src/cli/main.js`, 'compare', file, '--quiet', '--out', join(out, file.replaceAll('/', '-'))];
    const run = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (run.status === null || run.status > 1) throw new Error(run.stderr);
    // Hashes name the exact version of the model; the page is about its answers.
    const answer = run.stdout.replace(/^trace hashes:.*\n/m, '').trimEnd();
    return `\`\`\`console\n$ towtank compare ${file}\n${answer}\n\`\`\``;
  },
);
rmSync(out, { recursive: true });
writeFileSync('docs/etcd.md', page);
