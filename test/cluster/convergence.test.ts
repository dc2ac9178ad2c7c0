import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findings } from './convergence/outcome.js';
import { plan } from './convergence/plan.js';
import { SETTLING, World } from './convergence/world.js';

/**
 * Convergence: whatever users do and whatever breaks, everything ends as declared, or says why not. More plans, or one again:
 * `CONVERGENCE_PLANS=500 CONVERGENCE_SEED=7 CONVERGENCE_PATH=3:1 npm run convergence`.
 */
const PLANS = Number(process.env['CONVERGENCE_PLANS'] ?? 24);
const SEED = Number(process.env['CONVERGENCE_SEED'] ?? 1);
const PATH = process.env['CONVERGENCE_PATH'];

test(`${PLANS} random plans: the declared state, or the reason why not, within ${SETTLING / 1e9} s`, () => {
  const looked = { growth: 0, shrinking: 0, evictions: 0, completions: 0, creations: 0, deletions: 0, updates: 0 };
  fc.assert(
    fc.property(plan, fc.nat(1000), (steps, seed) => {
      const world = new World(String(seed));
      world.run(steps);
      const found = findings(world);
      for (const key of Object.keys(looked) as (keyof typeof looked)[]) looked[key] += { ...world.watchman.looked, ...world.watchman.syncs.looked, ...world.watchman.pods.looked }[key];
      assert.deepEqual(found, [], `${found.join('\n')}\n${world.log.join('\n')}`);
    }),
    { numRuns: PLANS, seed: SEED, includeErrorInReport: true, ...(PATH === undefined ? {} : { path: PATH }) },
  );
  if (PATH === undefined) for (const [what, count] of Object.entries(looked)) assert.ok(count * 8 >= PLANS, `${what}: ${count} checks`);
});
