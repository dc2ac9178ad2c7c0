import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EtcdError } from '../../src/etcd/errors.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { ClosedLoop, Harness } from './harness.js';

/** Ten keys on every member, all committed. */
function filled(spec: ConstructorParameters<typeof Harness>[0]): Harness {
  const harness = new Harness(spec);
  for (let i = 0; i < 10; i++) harness.put(`/k/${i}`, i);
  harness.run(SECOND);
  return harness;
}

test('members that hold the same have the same hash at every revision; a flipped bit changes it', () => {
  const harness = filled({});
  const [first, second] = harness.cluster.members.map(({ store }) => store);
  const hashes = Array.from({ length: 10 }, (_, i) => first!.hash(i + 2));
  assert.equal(new Set(hashes).size, 10);
  assert.deepEqual(
    hashes,
    Array.from({ length: 10 }, (_, i) => second!.hash(i + 2)),
  );
  assert.equal(first!.hash(99), undefined);
  harness.cluster.corrupt(1);
  assert.notEqual(first!.hash(11), second!.hash(11));
});

test('the leader finds a member that differs, within the interval; writes stop until the alarm is disarmed, reads do not', () => {
  const harness = filled({ spec: { corruptCheckTime: 5 * SECOND } });
  harness.run(20 * SECOND);
  assert.equal(harness.put('/fine').response.error, undefined);
  harness.cluster.corrupt(2);
  const start = harness.simulation.now;
  while (!harness.cluster.members.every(({ store }) => store.corrupt)) harness.simulation.step();
  assert.ok(harness.simulation.now - start < 5.1 * SECOND);
  for (const request of [
    { op: 'put', key: '/k/0', value: 1, bytes: 1 },
    { op: 'delete', key: '/k/0' },
    { op: 'txn', key: '/k/0', expectedModRevision: 2, then: 'delete', bytes: 0 },
    { op: 'leaseGrant', id: 5, ttlSeconds: 9 },
    { op: 'compact', revision: 3 },
  ] as const) {
    assert.equal(harness.call(request).response.error, EtcdError.Corrupt, request.op);
  }
  assert.equal(harness.call({ op: 'range', key: '/k/', prefix: true }).response.kvs!.length, 10);
  // Members that start again, or get a snapshot, know of the alarm.
  harness.cluster.fail(1);
  harness.cluster.heal(1);
  harness.run(SECOND);
  assert.ok(harness.cluster.members[1]!.store.corrupt);
  harness.cluster.disarmAlarms();
  harness.run(100 * MILLISECOND);
  assert.equal(harness.put('/again').response.error, undefined);
  // Nothing is repaired: the next check raises it again.
  harness.run(6 * SECOND);
  assert.equal(harness.put('/k/1').response.error, EtcdError.Corrupt);
});

test('checks under load, with slow followers and compaction, raise no false alarm', () => {
  const spec = { corruptCheckTime: 50 * MILLISECOND };
  const harness = new Harness({ spec, costs: { fsync: { kind: 'lognormal', median: MILLISECOND, sigma: 1.5 } } });
  harness.cluster.setDiskFactor(2, 10);
  const loop = new ClosedLoop(harness, harness.client, 20);
  for (let i = 0; i < 40; i++) {
    harness.run(100 * MILLISECOND);
    harness.call({ op: 'compact', revision: harness.cluster.members[2]!.store.revision - 3 });
    if (i % 10 === 9) harness.cluster.moveLeader((i / 10) | 0 ? 1 : 0);
  }
  assert.ok(loop.latencies.length > 5000, `${loop.latencies.length}`);
  assert.ok(harness.cluster.members.every(({ store }) => !store.corrupt));
});

test('a member that differs from its peers does not start when it compares itself first; one that does not, does', () => {
  for (const initialCorruptCheck of [true, false]) {
    const harness = filled({ spec: { initialCorruptCheck } });
    for (const index of [1, 2]) harness.cluster.fail(index);
    harness.cluster.corrupt(2);
    for (const index of [1, 2]) harness.cluster.heal(index);
    harness.run(5 * SECOND);
    const [, sound, corrupt] = harness.cluster.members;
    assert.ok(sound!.running);
    assert.equal(corrupt!.running, !initialCorruptCheck);
    assert.equal(harness.put('/a').response.error, undefined);
  }
});

test('members that start all at once, with nobody to ask, start', () => {
  const harness = filled({ spec: { initialCorruptCheck: true } });
  for (const index of [0, 1, 2]) harness.cluster.fail(index);
  for (const index of [0, 1, 2]) harness.cluster.heal(index);
  harness.run(5 * SECOND);
  assert.ok(harness.cluster.members.every(({ running }) => running));
  assert.equal(harness.put('/a').response.error, undefined);
});
