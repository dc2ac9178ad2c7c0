import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import type { DistributionSpec } from '../../src/random/distribution.js';
import type { CallSpec, ImageBehaviour, RequestBehaviour } from '../../src/scenario/types.js';
import { callerName } from '../../src/workload/call-graph.js';
import { behaviour, TrafficBench } from './harness.js';

/** A front end `web` that calls Services of one pod each, every one with its own image. */
const constant = (milliseconds: number): DistributionSpec => ({ kind: 'constant', value: milliseconds * MILLISECOND });
const exponential = (milliseconds: number): DistributionSpec => ({ kind: 'exponential', mean: milliseconds * MILLISECOND });

function call(name: string, more: Partial<CallSpec> = {}, traffic: Partial<CallSpec['traffic']> = {}): CallSpec {
  return {
    traffic: { service: { namespace: 'default', name }, rate: 0, start: 0, timeout: 1e6 * SECOND, via: 'clusterIP', ...traffic },
    share: 1, count: 1, optional: false, ...more,
  };
}

interface Behind {
  readonly time: DistributionSpec;
  readonly request?: Partial<RequestBehaviour>;
  readonly pods?: number;
}

function graph(front: Partial<RequestBehaviour>, behind: Readonly<Record<string, Behind>>, rate = 50, timeout = 1e6 * SECOND): TrafficBench {
  const image = (name: string): string => `registry.example/${name}:v1`;
  const behaviours: ImageBehaviour[] = [behaviour(constant(1), { concurrency: 1e6, ...front })];
  for (const [name, { time, request }] of Object.entries(behind)) behaviours.push({ ...behaviour(time, { concurrency: 1e6, ...request }), image: `*/${name}:*` });
  const run = new TrafficBench({ behaviours, rate, timeout });
  let index = 10;
  for (const [name, { pods = 1 }] of Object.entries(behind)) run.tell(Array.from({ length: pods }, () => run.addPod(index++, image(name))), name);
  run.proxies.settle();
  return run;
}

const near = (actual: number, wanted: number, tolerance: number): void =>
  assert.ok(Math.abs(actual / wanted - 1) < tolerance, `${actual} instead of ${wanted}`);

test('stages follow one another, calls of a stage run side by side', () => {
  const run = graph(
    { calls: [[call('a')], [call('b'), call('c', { count: 3 })], [call('a')]] },
    { a: { time: constant(5) }, b: { time: constant(20) }, c: { time: constant(30) } },
  );
  run.run(20);
  const { requests, errors, latency } = run.totals(1);
  assert.ok(requests > 800);
  assert.equal(errors, 0);
  near(latency.mean, 0.001 + 0.005 + 0.03 + 0.005, 0.001);
  const [a, b, c] = run.workload.graph!.statistics().map(({ statistics }) => statistics.totals(1 * SECOND, 19 * SECOND).requests);
  near(a! / 2, b!, 0.01);
  near(c! / 3, b!, 0.01);
});

test('two calls side by side to exponential servers take 3/2 of a mean, one after the other take two', () => {
  const servers = { a: { time: exponential(100) }, b: { time: exponential(100) } };
  const parallel = graph({ calls: [[call('a'), call('b')]] }, servers, 200);
  parallel.run(120);
  near(parallel.totals(5).latency.mean, 0.001 + 0.15, 0.02);
  const serial = graph({ calls: [[call('a')], [call('b')]] }, servers, 200);
  serial.run(120);
  near(serial.totals(5).latency.mean, 0.001 + 0.2, 0.02);
});

test('a chain of two single servers is two M/M/1 queues (Jackson 1957): each keeps its own mean', () => {
  const run = graph({ calls: [[call('a')], [call('b')]] }, { a: { time: exponential(10), request: { concurrency: 1 } }, b: { time: exponential(5), request: { concurrency: 1 } } }, 60);
  run.run(600);
  // 1/(100 − 60) + 1/(200 − 60) seconds.
  near(run.totals(20).latency.mean, 0.001 + 1 / 40 + 1 / 140, 0.05);
});

test('a share of the requests makes a call', () => {
  const run = graph({ calls: [[call('a', { share: 0.25 })]] }, { a: { time: constant(100) } }, 200);
  run.run(60);
  near(run.totals(1).latency.mean, 0.001 + 0.025, 0.03);
});

test('a failed call fails its request, unless it is optional; retries are those of the call', () => {
  const servers = { a: { time: constant(1), request: { errors: 0.2 } } };
  const needs = graph({ calls: [[call('a')]] }, servers, 200);
  needs.run(60);
  const totals = needs.totals(1);
  near(totals.errors / totals.requests, 0.2, 0.06);
  assert.deepEqual(Object.keys(totals.byCause), ['dependency']);
  const optional = graph({ calls: [[call('a', { optional: true })]] }, servers, 200);
  optional.run(60);
  assert.equal(optional.totals(1).errors, 0);
  const backOff = { base: MILLISECOND, maximum: MILLISECOND };
  const again = graph({ calls: [[call('a', {}, { retries: { maximum: 2, backOff } })]] }, servers, 200);
  again.run(120);
  near(again.totals(1).errors / again.totals(1).requests, 0.008, 0.25);
});

test('a request keeps its place in the pod while it waits for its calls, but no processor', () => {
  const run = graph({ concurrency: 1, calls: [[call('a')]] }, { a: { time: constant(9) } }, 50);
  run.run(100);
  // M/D/1 with 10 ms: W = s + ρs/(2(1 − ρ)).
  near(run.totals(5).latency.mean, 0.01 + (0.5 * 0.01) / (2 * 0.5), 0.05);
  const server = [...run.workload.pods.running][0]!;
  server.settleCpu(run.simulation.now);
  near(server.cpuTime / SECOND, 50 * 100 * 0.001, 0.05);
});

test('a call to a Service without endpoints, and one that takes too long, fail the request at the right time', () => {
  const nobody = graph({ calls: [[call('a')]] }, { a: { time: constant(1), pods: 0 } });
  nobody.run(10);
  assert.equal(nobody.totals(1).byCause['dependency'], nobody.totals(1).requests);
  const slow = graph({ concurrency: 1e6, calls: [[call('a', {}, { timeout: 50 * MILLISECOND })]] }, { a: { time: constant(500) } }, 50);
  slow.run(10);
  assert.equal(slow.totals(2).byCause['dependency'], slow.totals(2).requests);
  const { statistics } = slow.workload.graph!.statistics()[0]!;
  assert.ok(statistics.totals(2 * SECOND, 10 * SECOND).byCause['timeout']! > 300);
});

test('an open circuit fails the request at once and loses none', () => {
  const breaker = { maximumRequests: 2, ejection: SECOND, maximumEjected: 1 };
  const run = graph({ calls: [[call('a', {}, { breaker }), call('b')], [call('b')]] }, { a: { time: constant(200) }, b: { time: constant(1) } }, 100);
  run.run(30);
  const { requests, errors, byCause } = run.totals(1);
  assert.ok(errors > 0.5 * requests && errors < requests, `${errors} of ${requests}`);
  assert.equal(byCause['dependency'], errors);
  assert.ok(run.workload.pods.requests.used < 60);
});

test('a killed pod resets its requests and the answers to their calls come to nobody', () => {
  const run = graph({ calls: [[call('a')], [call('a')]] }, { a: { time: constant(400) } }, 50);
  run.run(5);
  const held = run.workload.pods.of(run.pods[0]!.metadata.uid)!.inService;
  assert.ok(held > 20);
  run.workload.pods.podStoppedListening(run.pods[0]!, true);
  run.run(10);
  assert.equal(run.totals(4, 6).byCause['connection-reset'], held);
  assert.equal(run.workload.pods.requests.used, 0);
});

test('a graph three deep, the same luck twice', () => {
  const make = (): TrafficBench => graph({ calls: [[call('a')]] }, { a: { time: exponential(5), request: { calls: [[call('b', { count: 2 })]] } }, b: { time: exponential(5) } }, 100);
  const [first, second] = [make(), make()];
  first.run(60);
  second.run(60);
  // 5 ms + the longer of two exponentials of 5 ms.
  near(first.totals(1).latency.mean, 0.001 + 0.005 + 0.0075, 0.04);
  assert.deepEqual([...first.workload.statistics()[0]!.rows()].map(({ latency }) => latency.mean), [...second.workload.statistics()[0]!.rows()].map(({ latency }) => latency.mean));
});

test('callers are named by their image', () => {
  assert.equal(callerName('*/shop/cartservice:*'), 'cartservice');
  assert.equal(callerName('docker.io/istio/examples-bookinfo-productpage-v1:1.20'), 'examples-bookinfo-productpage-v1');
  assert.equal(callerName('redis:alpine'), 'redis');
  assert.equal(callerName('*'), '*');
});
