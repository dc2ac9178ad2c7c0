import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { PROGRAM, scenarioFolder, towtank } from './towtank.js';

/** A comparison with one seed that is interrupted, and goes on. */

let directory = '';
let file = '';
let whole = '';

before(async () => {
  ({ directory, file } = scenarioFolder('goes-on', [
    'seed: 7',
    'duration: 3m',
    'cluster: { nodes: [{ count: 6, template: nodes/4cpu-16gi.yaml }] }',
    'manifests: strategies/web/web.yaml',
    'behaviour: [{ image: "*/web:*", start: 2s, stop: 1s, drains: true, request: { time: 10ms, concurrency: 8 } }]',
    'traffic: [{ to: service/web, rate: 50/s }]',
    'rollout: { deployment: web, image: "registry.example/web:v2", at: 20s, strategies: [recreate, ramped, blueGreen] }',
    'objectives: [errors < 50%]',
  ]));
  whole = join(directory, 'whole');
  assert.equal((await towtank('compare', file, '--out', whole, '--quiet')).code, 0);
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** All files of an output with their bytes. */
function bytes(path: string): Record<string, string> {
  const names = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(names.map(({ parentPath, name }) => [relative(path, join(parentPath, name)), readFileSync(join(parentPath, name)).toString('base64')]));
}

/** Runs the comparison; the process gets a SIGINT at the n-th time that it lets the event loop turn; says how often that was. */
function interruptAt(turn: number, out: string): { readonly code: number | null; readonly stderr: string; readonly turns: number } {
  const patch = join(directory, 'patch.mjs');
  writeFileSync(
    patch,
    `import timers from 'node:timers/promises';
import { syncBuiltinESMExports } from 'node:module';
const real = timers.setImmediate;
let turns = 0;
timers.setImmediate = (...args) => {
  if (++turns === ${turn}) process.kill(process.pid, 'SIGINT');
  return real(...args);
};
syncBuiltinESMExports();
process.on('exit', () => process.stdout.write('turns ' + turns));
`,
  );
  const args = ['--import', pathToFileURL(patch).href, PROGRAM, 'compare', file, '--out', out, '--quiet'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
  return { code: status, stderr, turns: Number(/turns (\d+)$/.exec(stdout)?.[1]) };
}

test('finished strategies are kept; the same command goes on from there to the same bytes', async () => {
  const out = join(directory, 'out');
  const kept = join(directory, '.out.runs');
  const { turns } = interruptAt(-1, join(directory, 'counted'));
  // Warm start, three strategies and then files: the first is over, the last is not.
  const files = readdirSync(whole).length;
  const { code, stderr } = interruptAt(Math.round(0.6 * (turns - files)), out);
  assert.equal(code, 130);
  const done = Number(/^interrupted; (\d) of 3 strategies are kept: the same command goes on from there\n$/.exec(stderr)?.[1]);
  assert.ok(done === 1 || done === 2, stderr);
  assert.ok(existsSync(kept) && !existsSync(out), 'no half-written output');
  const { code: end } = await towtank('compare', file, '--out', out, '--quiet');
  assert.equal(end, 0);
  assert.deepEqual(bytes(out), bytes(whole));
  assert.ok(!existsSync(kept));
  // While the files are written all runs are over.
  const late = interruptAt(turns - 2, join(directory, 'late'));
  assert.deepEqual([late.code, late.stderr], [130, 'interrupted; 3 of 3 strategies are kept: the same command goes on from there\n']);
  assert.equal((await towtank('compare', file, '--out', join(directory, 'late'), '--quiet')).code, 0);
  assert.deepEqual(bytes(join(directory, 'late')), bytes(whole));
});

test('nothing has finished: nothing is kept; what belongs to another scenario or is torn is not used', async () => {
  const out = join(directory, 'early');
  const { code, stderr } = interruptAt(1, out);
  assert.deepEqual([code, stderr], [130, 'interrupted; nothing was written\n']);
  assert.deepEqual(readdirSync(directory).filter((name) => name.includes('early')), []);
  writeFileSync(join(directory, '.early.runs'), 'torn');
  assert.equal((await towtank('compare', file, '--out', out, '--quiet')).code, 0);
  assert.deepEqual(bytes(out), bytes(whole));
});
