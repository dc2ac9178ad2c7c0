import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { Randomness } from '../../src/random/stream.js';
import { ScenarioBehaviour } from '../../src/workload/behaviour.js';
import { imageMatches } from '../../src/workload/image-pattern.js';
import { testContainer, testPod } from '../node/harness.js';
import { behaviour, IMAGE, TrafficBench } from './harness.js';

const quick = { kind: 'constant', value: 10 * MILLISECOND } as const;
const slow = { kind: 'constant', value: 10 * SECOND } as const;

test('patterns of images', () => {
  assert.equal(imageMatches('*/frontend:v0.10.*', 'gcr.io/x/frontend:v0.10.1'), true);
  assert.equal(imageMatches('*/frontend:v0.10.*', 'gcr.io/x/frontend:v0.11.0'), false);
  assert.equal(imageMatches('redis:alpine', 'redis:alpine'), true);
  assert.equal(imageMatches('ab*ba', 'aba'), false);
  assert.equal(imageMatches('*', ''), true);
});

test('an image without behaviour is named', () => {
  const none = new ScenarioBehaviour([behaviour(quick)], new Randomness('1'));
  assert.throws(() => none.of('nginx:1'), /no behaviour matches image nginx:1/);
});

test('lives are drawn by owner, ordinal, container and restart, not by the name of the pod', () => {
  const drawn = { ...behaviour(quick), startup: { kind: 'lognormal', median: SECOND, sigma: 0.5 } as const };
  const behaviours = new ScenarioBehaviour([drawn], new Randomness('7'));
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-abc', uid: 'u1', controller: true };
  const pod = (name: string, uid: string) => {
    const made = testPod(name, { containers: [testContainer({ image: IMAGE })] });
    return { ...made, metadata: { ...made.metadata, ownerReferences: [{ ...owner, uid }] } };
  };
  const container = testContainer({ image: IMAGE });
  const life = (name: string, uid: string, ordinal: number, restart: number) =>
    behaviours.life(pod(name, uid), container, restart, ordinal).startup;
  assert.equal(life('web-abc-1', 'u1', 3, 0), life('web-abc-2', 'u2', 3, 0));
  assert.notEqual(life('web-abc-1', 'u1', 3, 0), life('web-abc-1', 'u1', 4, 0));
  assert.notEqual(life('web-abc-1', 'u1', 3, 0), life('web-abc-1', 'u1', 3, 1));
});

test('no endpoint, refused, reset and unreachable are told apart', () => {
  const bench = new TrafficBench({ behaviours: [behaviour(slow, { concurrency: 100 })], rate: 1, pods: 1 });
  const [pod] = bench.pods as [(typeof bench.pods)[0]];
  bench.run(10);
  const held = bench.workload.pods.requests.used;
  assert.ok(held > 0);
  bench.workload.pods.podStoppedListening(pod, true);
  bench.workload.pods.settle();
  assert.equal(bench.workload.pods.requests.used, 0);
  bench.run(20);
  bench.tell([]);
  bench.run(30);
  const { byCause } = bench.totals();
  assert.equal(byCause['connection-reset'], held);
  assert.ok(byCause['connection-refused']! > 0 && byCause['no-endpoint']! > 0);
  bench.addPod(0);
  bench.tell([pod]);
  bench.run(32);
  bench.network.setUp(0, false);
  bench.run(60);
  assert.ok(bench.totals().byCause['node-unreachable']! > 0);
});

test('a pod that stops accepting finishes what it holds', () => {
  const bench = new TrafficBench({ behaviours: [behaviour(slow, { concurrency: 1 })], rate: 1 });
  bench.run(5);
  const held = bench.workload.pods.requests.used;
  bench.workload.pods.podStoppedListening(bench.pods[0]!, false);
  bench.run(200);
  const { requests, errors, byCause } = bench.totals();
  assert.equal(errors, byCause['connection-refused']);
  assert.equal(requests - errors, held);
});

test('errors of the application at the stated share', () => {
  const bench = new TrafficBench({ behaviours: [behaviour(quick, { concurrency: 8, errors: 0.05 })], rate: 100 });
  bench.run(1000);
  const { requests, byCause } = bench.totals();
  assert.ok(Math.abs(byCause.application! / requests - 0.05) < 0.003);
});

test('the same requests meet the same demand, whatever the number of pods', () => {
  const time = { kind: 'exponential', mean: 10 * MILLISECOND } as const;
  const mean = (pods: number) => {
    const bench = new TrafficBench({ behaviours: [behaviour(time, { concurrency: 1000 })], rate: 200, pods });
    bench.run(100);
    return bench.totals(0, 99);
  };
  const one = mean(1);
  const ten = mean(10);
  assert.equal(one.requests, ten.requests);
  assert.equal(one.latency.sum, ten.latency.sum);
});

test('takeover: first, half and all traffic of a new version', () => {
  const bench = new TrafficBench({ behaviours: [behaviour(quick, { concurrency: 100 })], rate: 200, pods: 2 });
  bench.run(10);
  const fresh = [2, 3].map((index) => bench.addPod(index, IMAGE.replace('v1', 'v2')));
  bench.tell([bench.pods[0]!, fresh[0]!]);
  bench.run(20);
  bench.tell(fresh);
  bench.run(30);
  const [statistics] = bench.workload.statistics();
  const { first, half, all } = statistics!.takeover('v2', 10 * SECOND);
  assert.ok(first! > 0.1 * SECOND && first! < 0.3 * SECOND, `first ${first}`);
  assert.ok(half! >= SECOND && half! <= 8 * SECOND, `half ${half}`);
  assert.ok(all! > 10 * SECOND && all! < 10.3 * SECOND, `all ${all}`);
});

test('property: every request ends exactly once, and none is served after its pod was killed', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          at: fc.integer({ min: 1, max: 200 }),
          pod: fc.nat(3),
          what: fc.constantFrom('stop', 'kill', 'start'),
        }),
        {
          maxLength: 20,
        },
      ),
      fc.nat(1000),
      (steps, seed) => {
        const bench = new TrafficBench({
          behaviours: [behaviour({ kind: 'exponential', mean: 200 * MILLISECOND }, { concurrency: 2, queue: 3 })],
          rate: 30,
          pods: 4,
          timeout: SECOND,
          seed: String(seed),
        });
        const { pods } = bench.workload;
        for (const step of [...steps].sort((a, b) => a.at - b.at)) {
          bench.run(step.at / 10);
          const pod = bench.pods[step.pod]!;
          if (step.what === 'start') {
            if (pods.of(pod.metadata.uid) === undefined) bench.addPod(step.pod);
          } else pods.podStoppedListening(pod, step.what === 'kill');
          const held = bench.pods.reduce((sum, { metadata }) => {
            const server = pods.of(metadata.uid);
            return sum + (server === undefined ? 0 : server.inService + server.queued);
          }, 0);
          assert.equal(pods.requests.used, held);
          for (const { metadata } of bench.pods) {
            const server = pods.of(metadata.uid);
            if (server !== undefined) assert.ok(server.inService <= 2 && server.queued <= 3);
          }
        }
        bench.run(25);
        const sent = bench.workload.traffic[0]!.sent;
        assert.equal(bench.totals().requests + pods.requests.used - timedOut(bench), sent);
      },
    ),
    { numRuns: 100 },
  );
});

/** Requests under way that were counted as timed out already. */
function timedOut(bench: TrafficBench): number {
  const { requests } = bench.workload.pods;
  let count = 0;
  for (let i = 1; i < requests.size; i++) if (requests.state[i] !== 0 && requests.timedOut[i] !== 0) count++;
  return count;
}
