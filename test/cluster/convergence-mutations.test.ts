import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { importMutants } from '../raft/mutant.js';
import { type ClusterLibrary, MODULES } from './convergence/library.js';
import { MUTATIONS } from './convergence/mutations.js';
import { findings } from './convergence/outcome.js';
import { plan } from './convergence/plan.js';
import { World } from './convergence/world.js';

/** The project as compiled; copies of it lie beside it while they are imported. */
const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
const PARENT = fileURLToPath(new URL('../../', import.meta.url));
/** Time of one core within which every mistake must be caught by plans taken in order. */
const LIMIT_MS = 60_000;
/** Time that an informer takes for a change. */
const LAG = 15e6;
/** Mistakes that are tried with the other tests; all of them by `npm run convergence:mutations`. */
const FEW = 3;
const some = process.env['CONVERGENCE_MUTATIONS'] === 'all' ? MUTATIONS : MUTATIONS.slice(0, FEW);

function coreTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

describe('mistakes of controllers', () => {
  it('are many, and different', () => {
    assert.ok(MUTATIONS.length >= 34);
    assert.equal(new Set(MUTATIONS.map(({ file, from, to }) => `${file}\n${from}\n${to}`)).size, MUTATIONS.length);
  });

  for (const mutation of some) {
    it(`caught: ${mutation.name}`, async (context) => {
      const modules = await importMutants(SOURCE, PARENT, mutation, MODULES);
      const library = Object.assign({}, ...(modules as object[])) as ClusterLibrary;
      const end = coreTime() + LIMIT_MS;
      for (let seed = 1; coreTime() < end; seed++) {
        // Every other time caches are far behind: what controllers do about that shows only then.
        const world = new World(String(seed), library, seed % 2 === 1 ? LAG : undefined);
        world.run(fc.sample(plan, { numRuns: 1, seed })[0]!);
        const found = findings(world);
        if (found.length === 0) continue;
        context.diagnostic(`plan ${seed}: ${found[0]}`);
        return;
      }
      assert.fail(`not caught within ${LIMIT_MS} ms`);
    });
  }
});
