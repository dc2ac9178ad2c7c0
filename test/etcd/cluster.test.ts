import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EtcdError } from '../../src/etcd/errors.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { ClosedLoop, COSTS, constant, Harness, RTT } from './harness.js';

const FSYNC = MILLISECOND;
/** Everything of a write but round trips and fsyncs, on its way through the leader. */
const LEADER_CPU = COSTS.requestCpu / 2 + COSTS.readyCpu + COSTS.entryCpu;
const COMMIT_CPU = COSTS.readyCpu + COSTS.applyCpu + COSTS.requestCpu / 2;
/** A follower's part: receive, Ready, and the leader's receipt of the answer. */
const FOLLOWER_CPU = COSTS.messageCpu + COSTS.readyCpu + COSTS.entryCpu + COSTS.messageCpu;

test('a write in a quiet cluster takes the client round trip and the slower of own fsync and fastest follower', () => {
  for (const leaderFactor of [1, 3]) {
    const harness = new Harness();
    harness.cluster.setDiskFactor(0, leaderFactor);
    harness.run(50 * MILLISECOND);
    const { response, latency } = harness.put('/a');
    assert.equal(response.error, undefined);
    const follower = RTT + FSYNC + FOLLOWER_CPU;
    assert.equal(latency, RTT + LEADER_CPU + Math.max(leaderFactor * FSYNC, follower) + COMMIT_CPU);
  }
});

test('one slow follower of three does not show, both do', () => {
  const latencies = [
    [1, 1],
    [20, 1],
    [20, 20],
  ].map(([first, second]) => {
    const harness = new Harness();
    harness.cluster.setDiskFactor(1, first!);
    harness.cluster.setDiskFactor(2, second!);
    return harness.put('/a').latency;
  });
  assert.equal(latencies[0], latencies[1]);
  assert.equal(latencies[2]! - latencies[0]!, 19 * FSYNC);
});

test('a single member answers after its own fsync', () => {
  const harness = new Harness({ members: 1 });
  const { latency } = harness.put('/a');
  assert.equal(latency, RTT + LEADER_CPU + FSYNC + COMMIT_CPU);
});

test('a follower forwards a write to the leader and answers when it has applied it', () => {
  const harness = new Harness({}, 1);
  const { response, latency } = harness.put('/a');
  assert.equal(response.revision, 2);
  assert.ok(latency > RTT + RTT + FSYNC + RTT, `${latency}`);
  assert.equal(harness.cluster.members[1]!.store.get('/a')!.modRevision, 2);
});

test("losing one member of three keeps writes, losing two ends them in etcd's timeout", () => {
  const harness = new Harness();
  harness.cluster.fail(2);
  assert.equal(harness.put('/a').response.error, undefined);
  harness.cluster.fail(1);
  const { response, latency } = harness.put('/b');
  // The leader notices after an election timeout that it has no quorum; the request waits for 5 s + 2 election timeouts.
  assert.equal(response.error, EtcdError.Timeout);
  assert.ok(latency >= 7 * SECOND && latency < 7 * SECOND + MILLISECOND, `${latency}`);
  harness.cluster.heal(1);
  harness.run(5 * SECOND);
  assert.equal(harness.put('/c').response.error, undefined);
});

test('after the leader is killed another one is elected, writes resume, no acknowledged write is lost', () => {
  const harness = new Harness({}, -1);
  const acknowledged = new Map<string, number>();
  for (let i = 0; i < 50; i++) {
    const { response } = harness.put(`/k/${i}`, i);
    if (response.error === undefined) acknowledged.set(`/k/${i}`, i);
  }
  const killedAt = harness.simulation.now;
  harness.cluster.fail(0);
  while (harness.cluster.leader === undefined) harness.simulation.step();
  const outage = harness.simulation.now - killedAt;
  assert.ok(outage > 800 * MILLISECOND && outage < 4 * SECOND, `${outage}`);
  assert.notEqual(harness.cluster.leader!.index, 0);
  for (let i = 50; i < 60; i++) {
    const { response } = harness.put(`/k/${i}`, i);
    if (response.error === undefined) acknowledged.set(`/k/${i}`, i);
  }
  assert.equal(acknowledged.size, 60);
  const range = harness.call({ op: 'range', key: '/k/', prefix: true }).response;
  for (const [key, value] of acknowledged) assert.equal(range.kvs!.find((kv) => kv.key === key)?.value, value);
  harness.cluster.heal(0);
  harness.run(3 * SECOND);
  const revisions = harness.cluster.members.map((member) => member.store.revision);
  assert.deepEqual(revisions, [61, 61, 61]);
});

test('doubling the fsync time raises the latency of writes', () => {
  const quantiles = [1, 2].map((factor) => {
    const harness = new Harness({ costs: { fsync: { kind: 'lognormal', median: factor * FSYNC, sigma: 0.4 } } });
    const loop = new ClosedLoop(harness, harness.client, 10);
    harness.run(5 * SECOND);
    return [loop.quantile(0.5), loop.quantile(0.99)];
  });
  assert.ok(quantiles[1]![0]! > 1.5 * quantiles[0]![0]!);
  assert.ok(quantiles[1]![1]! > 1.5 * quantiles[0]![1]!);
});

test('group commit: throughput grows with the number of clients far beyond one write per fsync', () => {
  const rates = [1, 10, 100, 1000].map((clients) => {
    const harness = new Harness();
    const loop = new ClosedLoop(harness, harness.client, clients);
    harness.run(2 * SECOND);
    assert.equal(loop.errors, 0);
    return loop.latencies.length / 2;
  });
  assert.ok(rates[1]! > 3 * rates[0]!);
  assert.ok(rates[2]! > 5 * rates[1]!);
  assert.ok(rates[3]! > 2 * rates[2]!);
  assert.ok(rates[2]! > 10 * (1e9 / FSYNC) * 0.9);
});

test('a linearizable read sees the write acknowledged before it, at any member; revisions rise by one', () => {
  const harness = new Harness();
  const clients = [0, 1, 2].map((index) => harness.connect(index));
  for (let i = 0; i < 20; i++) {
    const write = harness.call({ op: 'put', key: '/x', value: i, bytes: 8 }, clients[i % 3]!).response;
    assert.equal(write.revision, i + 2);
    const read = harness.call({ op: 'range', key: '/x', prefix: false }, clients[(i + 1) % 3]!).response;
    assert.equal(read.kvs![0]!.value, i);
  }
});

test('a serializable read needs no quorum', () => {
  const harness = new Harness();
  harness.put('/a');
  harness.run(SECOND);
  harness.cluster.fail(1);
  harness.cluster.fail(2);
  const { response, latency } = harness.call({ op: 'range', key: '/a', prefix: false, serializable: true });
  assert.equal(response.kvs!.length, 1);
  assert.equal(latency, RTT + COSTS.requestCpu + COSTS.rangeCpu);
});

test('a linearizable read in a quiet cluster costs one heartbeat round more than a serializable one', () => {
  const harness = new Harness();
  harness.run(50 * MILLISECOND);
  const { latency } = harness.call({ op: 'range', key: '/a', prefix: false });
  const round = COSTS.readyCpu + RTT + COSTS.messageCpu + COSTS.readyCpu + COSTS.messageCpu + COSTS.readyCpu;
  assert.equal(latency, RTT + COSTS.requestCpu + COSTS.rangeCpu + round);
});

test('the first member that a client prefers is left when it dies and taken again when it is back', () => {
  const harness = new Harness({}, 1);
  harness.put('/a');
  harness.cluster.fail(1);
  harness.run(SECOND / 2);
  assert.equal(harness.put('/b').response.error, undefined);
  harness.cluster.heal(1);
  harness.run(5 * SECOND);
  const before = harness.cluster.members[1]!.metrics.networkClientGrpcSentBytesTotal;
  assert.equal(harness.put('/c').response.error, undefined);
  assert.ok(harness.cluster.members[1]!.metrics.networkClientGrpcSentBytesTotal > before);
});

test('a write under way when its member dies fails with the error of a closed connection', () => {
  const harness = new Harness();
  harness.client.request({ op: 'put', key: '/a', value: 0, bytes: 1 }, harness, 7);
  harness.run(RTT);
  harness.cluster.fail(0);
  harness.run(SECOND);
  assert.equal(harness.responses[0]!.response.error, EtcdError.ConnectionClosed);
});

test('a request larger than 1.5 MiB and one beyond the quota are refused as etcd refuses them', () => {
  const harness = new Harness({ spec: { quotaBackendBytes: 10_000_000 } });
  assert.equal(harness.put('/a', 0, 1_600_000).response.error, EtcdError.RequestTooLarge);
  for (let i = 0; i < 9; i++) assert.equal(harness.put(`/big/${i}`, 0, 1_000_000).response.error, undefined);
  assert.equal(harness.put('/big/9', 0, 1_000_000).response.error, EtcdError.NoSpace);
  harness.run(SECOND);
  // The alarm now refuses even small writes; reads and deletes go on.
  assert.equal(harness.put('/small', 0, 1).response.error, EtcdError.NoSpace);
  assert.equal(harness.call({ op: 'delete', key: '/big/0' }).response.error, undefined);
  assert.equal(harness.call({ op: 'range', key: '/big/', prefix: true, countOnly: true }).response.count, 8);
});

test('the same seed gives the same events, another seed others', () => {
  const hashes = ['a', 'a', 'b'].map((seed) => {
    const costs = { fsync: { kind: 'lognormal', median: FSYNC, sigma: 0.3 } } as const;
    const harness = new Harness({ seed, costs, rtt: { kind: 'uniform', low: RTT / 2, high: RTT } });
    new ClosedLoop(harness, harness.client, 20);
    harness.run(SECOND);
    harness.cluster.fail(0);
    harness.run(5 * SECOND);
    return harness.simulation.traceHash;
  });
  assert.equal(hashes[0], hashes[1]);
  assert.notEqual(hashes[0], hashes[2]);
});

test('disks at constant speed and zero processing: the committed rate of one client is the inverse of its latency', () => {
  const free = { requestCpu: 0, readyCpu: 0, entryCpu: 0, messageCpu: 0, applyCpu: 0, rangeCpu: 0, watchEventCpu: 0 };
  const harness = new Harness({ costs: { ...free, backendCommit: constant(0) } });
  const loop = new ClosedLoop(harness, harness.client, 1);
  harness.run(SECOND);
  assert.ok(loop.latencies.every((latency) => latency === 2 * RTT + FSYNC));
});
