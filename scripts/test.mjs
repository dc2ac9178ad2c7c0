// Runs every compiled test (Node 20 has no glob in `node --test` arguments). Arguments: parts of file names to select.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const wanted = process.argv.slice(2);
const files = readdirSync('dist/test', { recursive: true })
  .map((name) => join('dist/test', String(name)))
  .filter((name) => name.endsWith('.test.js') && (wanted.length === 0 || wanted.some((part) => name.includes(part))))
  .sort();
if (files.length === 0) {
  console.error('no test file matches', wanted.join(' '));
  process.exit(2);
}
const run = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...files], { stdio: 'inherit' });
process.exit(run.status ?? 1);
