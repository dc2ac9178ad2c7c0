import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as raft from '../../src/raft/index.js';
import { finale } from './chaos/finale.js';
import { planOf } from './chaos/plan.js';
import { report, runPlan } from './chaos/run.js';
import { World } from './chaos/world.js';

/** Schedules of an ordinary test run; the environment may ask for more, or for others. */
const COUNT = Number(process.env['RAFT_CHAOS_SCHEDULES'] ?? 3000);
const FIRST = Number(process.env['RAFT_CHAOS_FIRST'] ?? 1);

describe('chaos', () => {
  it(`keeps every promise through ${COUNT} schedules of faults`, () => {
    for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
      const plan = planOf(seed);
      const failure = runPlan(raft, plan);
      if (failure !== null) assert.fail(report(raft, plan, failure));
    }
  });

  it('meets what it is meant to meet', () => {
    const met = { acknowledged: 0, reads: 0, terms: 0, restored: 0, joint: 0, learners: 0, late: 0 };
    for (let seed = 1; seed <= 200; seed++) {
      const { options, actions } = planOf(seed);
      const world = new World(raft, options);
      const restored = new Set<object>();
      for (const action of actions) {
        world.act(action);
        for (const { storage, store } of world.members) {
          if (storage !== null && storage.snapshot().index > 0) restored.add(storage.snapshot());
          if (store.confState.votersOutgoing.length > 0) met.joint++;
          if (store.confState.learners.length > 0) met.learners++;
        }
      }
      finale(world);
      met.restored += restored.size;
      met.terms += Math.max(...world.members.map(({ disk }) => disk.hardState.term));
      for (const { kind, completed } of world.operations) {
        if (completed === Number.POSITIVE_INFINITY) met.late++;
        else if (kind === 'get') met.reads++;
        else met.acknowledged++;
      }
    }
    for (const [what, count] of Object.entries(met)) assert.ok(count >= 100, `${what}: ${count}`);
  });

  it('is a function of the seed', () => {
    for (const seed of [3, 17, 28]) {
      const traces = [1, 2].map(() => {
        const { options, actions } = planOf(seed);
        const world = new World(raft, options);
        world.run(actions);
        return JSON.stringify([world.operations, world.members.map(({ disk, store }) => [disk, store])]);
      });
      assert.equal(traces[0], traces[1]);
      assert.notEqual(traces[0], '');
    }
  });
});
