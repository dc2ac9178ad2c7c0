import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Command } from '../../src/etcd/command.js';
import { Store } from '../../src/etcd/mvcc.js';
import type { EtcdRequest } from '../../src/etcd/types.js';
import { Wal } from '../../src/etcd/wal.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { EMPTY_CONF_STATE } from '../../src/raft/storage.js';
import { ClosedLoop, Harness } from './harness.js';

const BATCH = 100 * MILLISECOND;
const ENTRY = { type: 0, data: null, dataLength: 10 };

/** Everything that a store answers, at every revision that it still has. */
function content(store: Store): unknown {
  const first = Math.max(1, store.compactRevision);
  const revisions = Array.from({ length: store.revision - first + 1 }, (_, i) => first + i);
  const leases = store.lessor.list().sort((a, b) => a.id - b.id);
  return {
    ...store.snapshot(),
    history: revisions.slice(1).map((revision) => store.eventsAt(revision)),
    leases: leases.map((lease) => ({ ...lease, ttl: store.lessor.ttlSeconds(lease.id) })),
    ranges: revisions.map((revision) => store.range('', true, 0, revision)),
    count: store.count(''),
  };
}

test('a store taken back to its last mark is as it was then, and takes the same commands again to the same end', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const id = fc.integer({ min: 1, max: 3 });
  const request = fc.oneof(
    fc.record({
      op: fc.constant('put' as const),
      key,
      value: fc.nat(9),
      bytes: fc.nat(9),
      lease: fc.constantFrom(0, 1, 2, 3),
    }),
    fc.record({ op: fc.constant('delete' as const), key }),
    fc.record({ op: fc.constant('leaseGrant' as const), id, ttlSeconds: fc.constantFrom(2, 9) }),
    fc.record({ op: fc.constant('leaseRevoke' as const), id }),
    fc.record({ op: fc.constant('compact' as const), revision: fc.nat(15) }),
  );
  const requests = fc.array(request, { maxLength: 40 });
  const run = (store: Store, list: readonly EtcdRequest[]) => {
    for (const one of list) store.apply(new Command(one, 0, 0, 0, null));
  };
  let compacted = 0;
  fc.assert(
    fc.property(requests, requests, (before, after) => {
      const store = new Store(1e9);
      run(store, before);
      const mark = store.mark();
      const then = content(store);
      run(store, after);
      const end = content(store);
      if (store.compactRevision > mark.compactRevision) compacted++;
      store.rollback(mark);
      assert.deepEqual(content(store), then);
      run(store, after);
      assert.deepEqual(content(store), end);
      // A second crash finds the same mark.
      store.rollback(mark);
      assert.deepEqual(content(store), then);
    }),
    { seed: 5, numRuns: 2000 },
  );
  assert.ok(compacted > 200, `${compacted}`);
});

test('a killed member comes back with what its backend has committed and replays the rest of its log', () => {
  const harness = new Harness({}, 1);
  for (let i = 0; i < 20; i++) harness.put(`/k/${i}`, i);
  harness.run(2 * BATCH);
  const [, , follower] = harness.cluster.members;
  const committed = follower!.applier.consistentIndex;
  assert.equal(follower!.store.revision, 21);
  assert.equal(committed, follower!.applier.appliedIndex);
  // The first of these opens a batch, which is committed 100 ms after the last one at the earliest.
  for (let i = 0; i < 5; i++) harness.put('/late', i);
  assert.equal(follower!.store.revision, 26);
  const { commit } = follower!.storage.initialHardState();
  harness.cluster.fail(2);
  assert.equal(follower!.store.revision, 21);
  assert.equal(follower!.store.get('/late'), null);
  assert.equal(follower!.applier.appliedIndex, committed);
  assert.equal(follower!.wal.entry(commit)?.index, commit, 'the log has more than the backend');
  harness.cluster.heal(2);
  harness.run(SECOND);
  assert.deepEqual(content(follower!.store), content(harness.cluster.leader!.store));
});

test('a batch of the backend ends after 100 ms, with 10,000 operations, or at once with a revoked lease or a compaction', () => {
  const ends: [EtcdRequest, boolean][] = [
    [{ op: 'put', key: '/x', value: 0, bytes: 1 }, false],
    [{ op: 'delete', key: '/a' }, false],
    [{ op: 'leaseRevoke', id: 7 }, true],
    [{ op: 'compact', revision: 2 }, true],
  ];
  for (const [request, atOnce] of ends) {
    const harness = new Harness({ members: 1 });
    const { applier } = harness.cluster.members[0]!;
    harness.call({ op: 'leaseGrant', id: 7, ttlSeconds: 60 });
    harness.put('/a');
    harness.run(2 * BATCH);
    harness.call(request);
    harness.run(10 * MILLISECOND);
    assert.equal(applier.consistentIndex === applier.appliedIndex, atOnce, request.op);
    harness.run(BATCH);
    assert.equal(applier.consistentIndex, applier.appliedIndex);
  }
  const busy = new Harness({ members: 1, costs: { requestCpu: 0, readyCpu: 0, entryCpu: 0, applyCpu: 1 } });
  const loop = new ClosedLoop(busy, busy.client, 1000);
  const { applier } = busy.cluster.members[0]!;
  let last = applier.consistentIndex;
  let largest = 0;
  while (loop.latencies.length < 100_000) {
    busy.simulation.step();
    largest = Math.max(largest, applier.consistentIndex - last);
    last = applier.consistentIndex;
  }
  assert.ok(largest >= 10_000 && largest < 12_000, `${largest}`);
});

test('when every member loses power at once, every acknowledged write is there afterwards', () => {
  for (const members of [1, 3, 5]) {
    const harness = new Harness({ members, seed: `power-${members}` });
    const acknowledged: string[] = [];
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 7; i++) {
        const key = `/k/${round}/${i}`;
        if (harness.put(key, i).response.error === undefined) acknowledged.push(key);
      }
      for (const { index } of harness.cluster.members) harness.cluster.fail(index, true);
      for (const { store } of harness.cluster.members) assert.ok(store.revision < 1 + acknowledged.length);
      for (const { index } of harness.cluster.members) harness.cluster.heal(index);
      harness.run(15 * SECOND);
    }
    assert.ok(acknowledged.length > 20, `${acknowledged.length}`);
    for (const { store } of harness.cluster.members) {
      assert.equal(store.revision, 1 + acknowledged.length);
      for (const key of acknowledged) assert.notEqual(store.get(key), null, key);
    }
  }
});

test('a restart reads the log since the newest snapshot before the member takes part, and serves when it has joined', () => {
  const harness = new Harness({ costs: { walReplayCpu: MILLISECOND } }, 1);
  for (let i = 0; i < 200; i++) harness.put('/a', i);
  const follower = harness.cluster.members[2]!;
  const entries = follower.wal.length;
  assert.ok(entries >= 200 && entries < 210, `${entries}`);
  harness.cluster.fail(2);
  const start = harness.simulation.now;
  harness.cluster.heal(2);
  while (!follower.running) harness.simulation.step();
  assert.equal(harness.simulation.now - start, entries * MILLISECOND);
  assert.ok(!follower.serving);
  while (!follower.serving) harness.simulation.step();
  assert.equal(follower.store.revision, harness.cluster.leader!.store.revision);
  assert.ok(harness.simulation.now - start < entries * MILLISECOND + 3 * SECOND);
});

test('a restarted member that finds no cluster serves local reads after five seconds', () => {
  const harness = new Harness({}, 1);
  harness.put('/a');
  harness.run(SECOND);
  for (const index of [0, 1, 2]) harness.cluster.fail(index);
  harness.cluster.heal(1);
  harness.run(4900 * MILLISECOND);
  assert.ok(!harness.cluster.members[1]!.serving);
  harness.run(3 * SECOND);
  const { response } = harness.call({ op: 'range', key: '/a', prefix: false, serializable: true });
  assert.equal(response.kvs!.length, 1);
});

test('a member killed while it reads its log starts over', () => {
  const harness = new Harness({ costs: { walReplayCpu: 10 * MILLISECOND } });
  for (let i = 0; i < 50; i++) harness.put('/a', i);
  harness.cluster.fail(2);
  harness.cluster.heal(2);
  harness.run(100 * MILLISECOND);
  harness.cluster.fail(2);
  harness.run(SECOND);
  assert.ok(!harness.cluster.members[2]!.running);
  harness.cluster.heal(2);
  harness.run(3 * SECOND);
  assert.equal(harness.cluster.members[2]!.store.revision, 51);
});

test('a log of a snapshot count of entries begins anew, and the backend is never behind its beginning', () => {
  const harness = new Harness({ spec: { snapshotCount: 100 } });
  const loop = new ClosedLoop(harness, harness.client, 20);
  for (let i = 0; i < 40; i++) {
    harness.run(50 * MILLISECOND);
    for (const { wal, applier } of harness.cluster.members) {
      assert.ok(wal.length < 300, `${wal.length}`);
      assert.ok(applier.consistentIndex >= wal.snapshotIndex);
    }
  }
  loop.running = false;
  harness.run(SECOND);
  for (const index of [0, 1, 2]) harness.cluster.fail(index);
  for (const index of [0, 1, 2]) harness.cluster.heal(index);
  harness.run(10 * SECOND);
  for (const { store } of harness.cluster.members) assert.equal(store.revision, 1 + loop.latencies.length);
});

test('a commit index that was written without a sync is lost, entries and votes that were synced are not', () => {
  const wal = new Wal();
  wal.buffer({ term: 2, vote: 1, commit: 0 });
  wal.sync([1, 2, 3].map((index) => ({ ...ENTRY, term: 2, index })));
  wal.buffer({ term: 2, vote: 1, commit: 3 });
  wal.sync([{ ...ENTRY, term: 2, index: 4 }]);
  wal.buffer({ term: 2, vote: 1, commit: 4 });
  let storage = wal.recover();
  assert.deepEqual(storage.initialHardState(), { term: 2, vote: 1, commit: 3 });
  assert.equal(storage.lastIndex(), 4);
  // Entries of a later term replace those that it found.
  wal.sync([{ ...ENTRY, term: 3, index: 3 }]);
  storage = wal.recover();
  assert.deepEqual([storage.lastIndex(), storage.term(3)], [3, 3]);
  assert.ok(wal.holds(3, 3) && !wal.holds(2, 3) && !wal.holds(2, 4));
  wal.cut(2, EMPTY_CONF_STATE);
  assert.deepEqual([wal.snapshotIndex, wal.length, wal.holds(2, 1)], [2, 1, true]);
  assert.equal(wal.recover().firstIndex(), 3);
});
