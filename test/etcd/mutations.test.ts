import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { importMutant } from '../raft/mutant.js';
import { planOf } from './chaos/plan.js';
import { runPlan, shrink } from './chaos/run.js';
import type { EtcdLibrary } from './chaos/world.js';
import { MUTATIONS } from './mutations.js';

/** The room of the store, its watches, leases and disks; beside it the rooms that it imports. */
const SOURCE = fileURLToPath(new URL('../../src/etcd/', import.meta.url));
const ROOMS = fileURLToPath(new URL('../../src/', import.meta.url));
/** Time of one core within which every mistake must be caught by schedules taken in order. */
const LIMIT_MS = 60_000;

function coreTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

describe('mistakes around the protocol', () => {
  it('are many, and different', () => {
    assert.ok(MUTATIONS.length >= 20);
    assert.equal(new Set(MUTATIONS.map(({ file, from, to }) => `${file}\n${from}\n${to}`)).size, MUTATIONS.length);
  });

  for (const mutation of MUTATIONS) {
    it(`caught: ${mutation.name}`, async (context) => {
      const library = await importMutant<EtcdLibrary>(SOURCE, ROOMS, mutation);
      const end = coreTime() + LIMIT_MS;
      for (let seed = 1; coreTime() < end; seed++) {
        const failure = runPlan(library, planOf(seed));
        if (failure === null) continue;
        context.diagnostic(`seed ${seed}: ${failure.text.split('\n')[0]}`);
        return;
      }
      assert.fail(`not caught within ${LIMIT_MS} ms`);
    });
  }

  it('are shown by a schedule that is much shorter than the one that found them', async () => {
    const mutation = MUTATIONS.find(({ name }) => name === 'a crash leaves the store as it was')!;
    const library = await importMutant<EtcdLibrary>(SOURCE, ROOMS, mutation);
    let seed = 1;
    while (runPlan(library, planOf(seed)) === null) seed++;
    const plan = planOf(seed);
    const failure = runPlan(library, plan)!;
    const short = shrink(library, plan, failure);
    assert.equal(runPlan(library, short)?.checker, failure.checker);
    assert.ok(short.actions.length * 4 < plan.actions.length, `${short.actions.length} of ${plan.actions.length}`);
  });
});
