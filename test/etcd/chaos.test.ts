import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as etcd from '../../src/etcd/index.js';
import { finale } from './chaos/finale.js';
import { planOf } from './chaos/plan.js';
import { report, runPlan } from './chaos/run.js';
import { World } from './chaos/world.js';

/** Schedules of an ordinary test run; the environment may ask for more, or for others. */
const COUNT = Number(process.env['ETCD_CHAOS_SCHEDULES'] ?? 2000);
const FIRST = Number(process.env['ETCD_CHAOS_FIRST'] ?? 1);

describe('chaos in an etcd cluster', () => {
  it(`keeps every promise through ${COUNT} schedules of faults`, () => {
    for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
      const plan = planOf(seed);
      const failure = runPlan(etcd, plan);
      if (failure !== null) assert.fail(report(etcd, plan, failure));
    }
  });

  it('meets what it is meant to meet', () => {
    const met = {
      writes: 0,
      reads: 0,
      localReads: 0,
      open: 0,
      rolledBack: 0,
      snapshots: 0,
      leaders: 0,
      expired: 0,
      resumed: 0,
      compacted: 0,
      bookmarks: 0,
      victims: 0,
      added: 0,
      removed: 0,
    };
    for (let seed = 1; seed <= 250; seed++) {
      const { options, actions } = planOf(seed);
      const world = new World(etcd, options);
      watch(world, met);
      world.run(actions);
      finale(world);
      for (const { kind, local, completed } of world.workers.flatMap(({ operations }) => operations)) {
        if (completed === Number.POSITIVE_INFINITY) met.open++;
        else if (kind !== 'get') met.writes++;
        else if (local) met.localReads++;
        else met.reads++;
      }
      const { members } = world.cluster;
      met.added += members.filter(
        ({ index, confState }) => index >= options.members && confState.voters.length > 0,
      ).length;
      met.removed += members.filter(({ removed }) => removed).length;
    }
    for (const [what, count] of Object.entries(met)) assert.ok(count >= 15, `${what}: ${count}`);
  });

  it('is a function of the seed', () => {
    for (const seed of [2, 5, 11]) {
      const traces = [1, 2].map(() => {
        const { options, actions } = planOf(seed);
        const world = new World(etcd, options);
        world.run(actions);
        return JSON.stringify([
          world.workers.map(({ operations }) => operations),
          world.truth.content(),
          world.simulation.now,
        ]);
      });
      assert.equal(traces[0], traces[1]);
    }
  });
});

/** Counts what happens to members and watches, as one more checker. */
function watch(world: World, met: Record<string, number>): void {
  const count = (what: string) => (met[what] = met[what]! + 1);
  const [first] = world.checkers;
  const told = first!.told.bind(first);
  first!.told = (watching, message, where) => {
    if (message.kind === 'progress') count('bookmarks');
    if (message.kind === 'end') count(message.compactRevision > 0 ? 'compacted' : 'resumed');
    told(watching, message, where);
  };
  const leads = first!.leads.bind(first);
  first!.leads = (member, where) => {
    count('leaders');
    leads(member, where);
  };
  const restored = first!.restored.bind(first);
  first!.restored = (member, where) => {
    count('snapshots');
    restored(member, where);
  };
  for (const { applier, metrics, store, watches } of world.cluster.members) {
    const clear = applier.clear.bind(applier);
    applier.clear = () => {
      if (applier.appliedIndex > applier.consistentIndex) count('rolledBack');
      clear();
    };
    const addVictim = watches.addVictim.bind(watches);
    watches.addVictim = (watcher, events) => {
      count('victims');
      addVictim(watcher, events);
    };
    const revoke = store.lessor.revoke.bind(store.lessor);
    store.lessor.revoke = (id) => {
      if (!world.tenant.revoked.has(id) && metrics.debuggingServerLeaseExpiredTotal > 0) count('expired');
      return revoke(id);
    };
  }
}
