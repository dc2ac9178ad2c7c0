/**
 * Wall time of whole comparisons as a user starts them (`npm run bench:strategies [--only four|large]`), with the outputs they write:
 * - four strategies × 30 replications, 100 pods on 100 nodes, 500 requests a second: at most 90 s on two cores;
 * - a ramped rollout of 5,000 pods on 5,000 nodes under 10,000 requests a second, 10 simulated minutes: at most 45 s.
 * Exit status 1 when one takes longer.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandFlags } from './command-flags.js';

interface Case {
  readonly name: string;
  readonly arguments: readonly string[];
  /** Seconds. */
  readonly limit: number;
}

const cases: readonly Case[] = [
  { name: 'four', arguments: ['scenarios/strategies/four.yaml', '--replications', '30', '--workers', '2'], limit: 90 },
  { name: 'large', arguments: ['scenarios/strategies/large.yaml'], limit: 45 },
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const place = process.argv.indexOf('--only');
const only = place < 0 ? undefined : process.argv[place + 1];
for (const { name, arguments: rest, limit } of cases) {
  if (only !== undefined && only !== name) continue;
  const out = mkdtempSync(join(tmpdir(), 'towtank-bench-'));
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [...commandFlags(), 'dist/src/cli/main.js', 'compare', ...rest, '--quiet', '--out', out], { cwd: root, encoding: 'utf8' });
  const seconds = (performance.now() - start) / 1000;
  rmSync(out, { recursive: true });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
  const missed = seconds > limit;
  console.log(`${name}: ${seconds.toFixed(1)} s (${missed ? 'MISSES the limit' : 'limit'} ${limit} s)`);
  if (missed) process.exitCode = 1;
}
