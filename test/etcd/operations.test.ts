import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EtcdError } from '../../src/etcd/errors.js';
import { MEMBER_EVENTS, MEMBER_OPCODE } from '../../src/etcd/opcodes.js';
import { SEGMENT_BYTES, Wal } from '../../src/etcd/wal.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { ClosedLoop, Harness } from './harness.js';

test('a follower that missed more than the kept log is brought up by a snapshot', () => {
  const harness = new Harness();
  harness.cluster.fail(2);
  const loop = new ClosedLoop(harness, harness.client, 200);
  harness.run(SECOND);
  loop.running = false;
  harness.run(SECOND);
  const missed = harness.cluster.members[0]!.store.revision;
  assert.ok(missed > 10_000);
  assert.ok(harness.cluster.members[0]!.storage.firstIndex() > 1000);
  const watcher = harness.connect(2);
  harness.cluster.heal(2);
  watcher.watch('', missed + 1, harness, 5);
  harness.run(5 * SECOND);
  const [leader, , follower] = harness.cluster.members;
  assert.deepEqual(follower!.store.range('', true, 0, 0), leader!.store.range('', true, 0, 0));
  assert.equal(follower!.store.revision, leader!.store.revision);
  // It takes part again: with it alone the leader has a quorum.
  harness.cluster.fail(1);
  assert.equal(harness.put('/after').response.error, undefined);
  harness.run(SECOND);
  assert.deepEqual(
    harness.events.map((event) => event.kv.key),
    ['/after'],
  );
});

test('a learner catches up, may be promoted only then, and counts in the quorum from then on', () => {
  const harness = new Harness();
  for (let i = 0; i < 50; i++) harness.put(`/k/${i}`);
  const host = harness.network.addHost('etcd-3', 'a');
  const index = harness.cluster.addLearner(host);
  assert.equal(index, 3);
  assert.equal(harness.cluster.addLearner(host), 4, 'the first is not yet applied as a learner');
  harness.run(SECOND);
  const learner = harness.cluster.members[3]!;
  assert.ok(learner.isLearner);
  assert.equal(learner.store.revision, harness.cluster.members[0]!.store.revision);
  assert.equal(harness.cluster.addLearner(host), EtcdError.TooManyLearners);
  const client = harness.connect(3);
  assert.equal(
    harness.call({ op: 'put', key: '/x', value: 0, bytes: 1 }, client).response.error,
    EtcdError.NotSupportedForLearner,
  );
  assert.equal(
    harness.call({ op: 'range', key: '/k/', prefix: true, serializable: true }, client).response.kvs!.length,
    50,
  );
  // A learner is no voter: two failures of three still stop writes.
  assert.equal(harness.cluster.promote(3), '');
  harness.run(SECOND);
  assert.deepEqual(harness.cluster.leader!.confState.voters, [1, 2, 3, 4]);
  harness.cluster.fail(1);
  assert.equal(harness.put('/y').response.error, undefined);
  harness.cluster.fail(2);
  assert.equal(harness.put('/z').response.error, EtcdError.Timeout);
});

test('a dead member is replaced: learner in, promoted, old one out', () => {
  const harness = new Harness();
  harness.put('/a');
  harness.cluster.fail(2);
  const index = harness.cluster.addLearner(harness.network.addHost('etcd-3', 'a')) as number;
  harness.run(2 * SECOND);
  assert.equal(harness.cluster.promote(index), '');
  harness.run(SECOND);
  assert.equal(harness.cluster.remove(2), '');
  harness.run(SECOND);
  assert.deepEqual(harness.cluster.leader!.confState.voters, [1, 2, 4]);
  harness.cluster.fail(1);
  assert.equal(harness.put('/b').response.error, undefined);
  assert.equal(harness.cluster.members[index]!.store.get('/b')!.modRevision, 3);
  // Two of three are down: removing one of those that are left is refused.
  harness.run(5 * SECOND);
  assert.equal(harness.cluster.remove(index), EtcdError.UnhealthyCluster);
});

test('a removed member stops and does not come back', () => {
  const harness = new Harness();
  assert.equal(harness.cluster.remove(1), '');
  harness.run(SECOND);
  const member = harness.cluster.members[1]!;
  assert.ok(member.removed && !member.running);
  harness.cluster.heal(1);
  assert.ok(!member.running);
  assert.equal(harness.put('/a').response.error, undefined);
});

test('the leadership moves on request without an election timeout', () => {
  const harness = new Harness();
  harness.put('/a');
  harness.cluster.moveLeader(2);
  const start = harness.simulation.now;
  while (harness.cluster.leader?.index !== 2) harness.simulation.step();
  assert.ok(harness.simulation.now - start < 20 * MILLISECOND);
  assert.equal(harness.put('/b').response.error, undefined);
});

test('a defragmentation of the leader stalls writes and reads, of a follower neither; first moving the leader helps', () => {
  const latencies = [0, 1].map((victim) => {
    const harness = new Harness();
    harness.put('/a');
    harness.cluster.defragment(victim, 3 * SECOND);
    return [harness.put('/b').latency, harness.call({ op: 'range', key: '/a', prefix: false }).latency];
  });
  assert.ok(latencies[0]![0]! > 2.9 * SECOND);
  assert.ok(latencies[1]![0]! < 20 * MILLISECOND);
  assert.ok(latencies[1]![1]! < 20 * MILLISECOND);
  const moved = new Harness({}, 1);
  moved.cluster.moveLeader(1);
  moved.run(SECOND);
  moved.cluster.defragment(0, 3 * SECOND);
  assert.ok(moved.put('/b').latency < 20 * MILLISECOND);
});

test('while applies are stalled, more than 5,000 committed entries make the member refuse: too many requests', () => {
  const harness = new Harness();
  const loop = new ClosedLoop(harness, harness.client, 8000);
  harness.cluster.defragment(0, 4 * SECOND);
  harness.run(2 * SECOND);
  loop.running = false;
  assert.equal(loop.errors, 0);
  assert.equal(harness.put('/more').response.error, EtcdError.TooManyRequests);
  harness.run(4 * SECOND);
  assert.equal(harness.put('/again').response.error, undefined);
});

test('compaction and defragmentation give room below the quota again, then the alarm can be lifted', () => {
  const harness = new Harness({ spec: { quotaBackendBytes: 20_000_000 } });
  for (let i = 0; i < 19; i++) harness.put('/same', i, 1_000_000);
  assert.equal(harness.put('/same', 0, 1_000_000).response.error, EtcdError.NoSpace);
  harness.run(SECOND);
  harness.call({ op: 'compact', revision: harness.cluster.leader!.store.revision });
  harness.run(SECOND);
  for (const index of [0, 1, 2]) harness.cluster.defragment(index, 10 * MILLISECOND);
  harness.run(SECOND);
  assert.equal(harness.put('/same').response.error, EtcdError.NoSpace, 'the alarm stays until it is lifted');
  harness.cluster.disarmAlarms();
  harness.run(SECOND);
  assert.equal(harness.put('/same').response.error, undefined);
});

test('a backup restored into a new cluster has the same keys, revisions, history and leases', () => {
  const harness = new Harness();
  harness.call({ op: 'leaseGrant', id: 9, ttlSeconds: 3600 });
  for (let i = 0; i < 30; i++)
    harness.call({ op: 'put', key: `/k/${i % 7}`, value: i, bytes: 100, lease: i % 7 === 3 ? 9 : 0 });
  harness.call({ op: 'delete', key: '/k/2' });
  const backup = harness.cluster.backup();
  harness.put('/later');
  const restored = new Harness({ seed: 'other' });
  for (const index of [0, 1, 2]) restored.cluster.fail(index);
  restored.cluster.restore(backup);
  restored.run(SECOND);
  const original = harness.cluster.members[0]!.store;
  for (const member of restored.cluster.members) {
    assert.equal(member.store.revision, backup.revision);
    for (const revision of [10, 20, backup.revision]) {
      assert.deepEqual(member.store.range('', true, 0, revision), original.range('', true, 0, revision));
    }
    assert.ok(member.store.lessor.has(9));
  }
  restored.run(SECOND);
  assert.equal(restored.put('/new').response.revision, backup.revision + 1);
});

test('a paused leader is replaced, and steps back when it goes on; its clients wait', () => {
  const harness = new Harness({}, 1);
  harness.put('/a');
  harness.cluster.pause(0);
  harness.run(4 * SECOND);
  assert.notEqual(harness.cluster.leader!.index, 0);
  assert.equal(harness.put('/b').response.error, undefined);
  harness.cluster.resume(0);
  harness.run(2 * SECOND);
  assert.ok(!harness.cluster.members[0]!.isLeader);
  assert.equal(harness.cluster.members[0]!.store.get('/b')!.value, 0);
});

test('a machine that goes down tells nobody: its clients notice by keepalive and retransmission', () => {
  const harness = new Harness({}, 1);
  harness.client.watch('/', 0, harness, 3);
  harness.run(SECOND);
  const down = harness.simulation.now;
  harness.cluster.fail(1, true);
  const { response, latency } = harness.put('/a');
  assert.equal(response.error, EtcdError.KeepaliveFailed);
  assert.ok(latency >= 10 * SECOND && latency < 11 * SECOND);
  assert.equal(harness.cancelled.length, 1);
  assert.ok(harness.cancelled[0]!.at - down < 42 * SECOND);
  assert.equal(harness.put('/b').response.error, undefined);
});

test('a removed member that missed its removal is turned away by the others, and stops', () => {
  const harness = new Harness();
  const [leader, , away] = harness.cluster.members;
  const links = (connected: boolean) => {
    for (const { host } of harness.cluster.members) {
      if (host === away!.host) continue;
      harness.network.setLink(host, away!.host, connected);
      harness.network.setLink(away!.host, host, connected);
    }
  };
  // It was in touch a moment ago, so that its removal is allowed.
  links(false);
  assert.equal(harness.cluster.remove(2), '');
  harness.run(SECOND);
  assert.deepEqual(leader!.confState.voters, [1, 2]);
  assert.ok(away!.running && !away!.removed);
  links(true);
  harness.run(3 * SECOND);
  assert.ok(away!.removed && !away!.running);
  assert.equal(harness.put('/a').response.error, undefined);
});

test('every event of a member has its own number and says what it means', () => {
  const numbers = Object.values(MEMBER_OPCODE);
  assert.deepEqual(numbers, [...numbers.keys()]);
  assert.equal(MEMBER_EVENTS.length, numbers.length);
  assert.equal(new Set(MEMBER_EVENTS).size, numbers.length);
});

test('the log is cut into segments of 64 MB; a cut costs another sync', () => {
  const wal = new Wal();
  const entry = { term: 1, index: 1, type: 0, data: null, dataLength: 1_000_000 };
  let syncs = 0;
  for (let i = 0; i < 128; i++) syncs += wal.save([entry], true).syncs;
  assert.equal(wal.segments, Math.floor((128 * 1_000_064) / SEGMENT_BYTES) + 1);
  assert.equal(syncs, 128 + wal.segments - 1);
});

test('metrics have the numbers that Prometheus would read', () => {
  const harness = new Harness({ spec: { dedicatedWalDisk: true } });
  for (let i = 0; i < 100; i++) harness.put(`/k/${i}`);
  harness.run(10 * SECOND);
  const { metrics } = harness.cluster.members[0]!;
  assert.equal(metrics.mvccPutTotal, 100);
  assert.equal(metrics.serverProposalsPending, 0);
  assert.equal(metrics.serverProposalsAppliedTotal, metrics.serverProposalsCommittedTotal);
  assert.equal(metrics.diskWalFsyncDurationSeconds.count, 100);
  assert.ok(Math.abs(metrics.diskWalFsyncDurationSeconds.sum - 0.1) < 1e-9);
  assert.equal(metrics.peer(2).roundTrip.count, 2);
  assert.ok(Math.abs(metrics.peer(2).roundTrip.sum - 2 * 0.0004) < 1e-9);
  assert.ok(metrics.diskBackendCommitDurationSeconds.count >= 2);
  assert.equal(harness.cluster.members[0]!.takeSample().puts, 100);
  assert.equal(harness.cluster.members[0]!.takeSample().puts, 0);
});
