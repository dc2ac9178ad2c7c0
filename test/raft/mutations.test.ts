import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planOf } from './chaos/plan.js';
import { runPlan, shrink } from './chaos/run.js';
import { loadMutant } from './mutant.js';
import { MUTATIONS } from './mutations.js';

/** Wall time within which every mistake must be caught by schedules taken in order. */
const LIMIT_MS = 60_000;

describe('mistakes in the protocol', () => {
  it('are many, and different', () => {
    assert.ok(MUTATIONS.length >= 20);
    assert.equal(new Set(MUTATIONS.map(({ file, from, to }) => `${file}\n${from}\n${to}`)).size, MUTATIONS.length);
  });

  for (const mutation of MUTATIONS) {
    it(`caught: ${mutation.name}`, async (context) => {
      const library = await loadMutant(mutation);
      const end = performance.now() + LIMIT_MS;
      for (let seed = 1; performance.now() < end; seed++) {
        const failure = runPlan(library, planOf(seed));
        if (failure === null) continue;
        context.diagnostic(`seed ${seed}: ${failure.text}`);
        return;
      }
      assert.fail(`not caught within ${LIMIT_MS} ms`);
    });
  }

  it('are shown by a schedule that is much shorter than the one that found them', async () => {
    const library = await loadMutant(MUTATIONS.find(({ name }) => name === 'a vote is not recorded')!);
    let seed = 1;
    while (runPlan(library, planOf(seed)) === null) seed++;
    const plan = planOf(seed);
    const failure = runPlan(library, plan)!;
    const short = shrink(library, plan, failure);
    assert.equal(runPlan(library, short)?.checker, failure.checker);
    assert.ok(short.actions.length * 4 < plan.actions.length, `${short.actions.length} of ${plan.actions.length}`);
  });

  it('cannot be misspelt: a text that is not there is refused', async () => {
    await assert.rejects(loadMutant({ name: '', file: 'log.js', from: 'no such text', to: '' }), /not exactly once/);
  });
});
