import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DEFAULT_KUBELET } from '../../src/api/kubelet-configuration.js';
import { SECOND } from '../../src/kernel/time.js';
import { IMAGE_GC_MINIMUM_AGE, IMAGE_GC_PERIOD, pullTokens, REGISTRY_BURST, REGISTRY_PULL_QPS } from '../../src/node/image-policy.js';
import { MAX_BACK_OFF, NO_BACK_OFF, nextBackOff, RESYNC_INTERVAL } from '../../src/node/restart-policy.js';
import { VOLUME_LAST_RETRY, VOLUME_WAIT_TIMEOUT } from '../../src/node/volume-manager.js';
import { loadScenario } from '../../src/scenario/index.js';
import { at, Bench, condition, constantProfile, SERVES, testContainer, testPod, testProbe } from './harness.js';

/**
 * The numbers that the sources of the kubelet (v1.36.3) promise, each as one example that can be worked out by hand. docs/node.md lists
 * them all, with those of the other files here.
 */

function times(bench: Bench, reason: string, pod?: string): number[] {
  return bench.events.filter((event) => event.reason === reason && (pod === undefined || event.pod === pod)).map((event) => at(event.time));
}

/** When the pod's Ready condition changed in the API, after `from` seconds. */
function flips(bench: Bench, name: string, from: number): [number, string][] {
  const found: [number, string][] = [];
  let last = '';
  for (const { time, pod } of bench.history) {
    if (pod.metadata.name !== name) continue;
    const status = condition(pod, 'Ready')?.status ?? '';
    if (status !== last && at(time) > from) found.push([at(time), status]);
    last = status;
  }
  return found;
}

test('constants of the kubelet: defaults.go, image_gc_manager.go, volume_manager.go', () => {
  assert.deepEqual([REGISTRY_PULL_QPS, REGISTRY_BURST], [5, 10]);
  assert.deepEqual([IMAGE_GC_PERIOD, IMAGE_GC_MINIMUM_AGE].map(at), [300, 120]);
  assert.deepEqual([DEFAULT_KUBELET.imageGcHighPercent, DEFAULT_KUBELET.imageGcLowPercent], [85, 80]);
  assert.equal(DEFAULT_KUBELET.parallelImagePulls, 1);
  assert.equal(at(DEFAULT_KUBELET.evictionTransitionPeriod), 300);
  assert.deepEqual([RESYNC_INTERVAL, VOLUME_WAIT_TIMEOUT, VOLUME_LAST_RETRY].map(at), [60, 123, 122]);
  assert.deepEqual(
    DEFAULT_KUBELET.evictionThresholds.map(({ signal, value }) => [signal, 'bytes' in value ? value.bytes : `${value.percent}%`]),
    [
      ['memory.available', 104_857_600],
      ['nodefs.available', '10%'],
      ['nodefs.inodesFree', '5%'],
      ['imagefs.available', '15%'],
      ['imagefs.inodesFree', '5%'],
    ],
  );
});

test('probe with a period of 10 s, first tick 0.4 s after the start, application ready after 12.3 s: ticks 0.4, 10.4, 20.4, ready at 20.4', () => {
  // Of 40 kubelets the one whose relist sees the start 0.4 s after it.
  const bench = new Bench(40);
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, startup: 12.3 * SECOND });
  for (let node = 0; node < 40; node++) bench.add(testPod(`p-${node}`, { containers: [testContainer({ readinessProbe: testProbe() })] }), node);
  bench.run(60);
  let near = 0;
  for (let node = 0; node < 40; node++) {
    const [started] = times(bench, 'Started', `p-${node}`);
    const failed = times(bench, 'Unhealthy', `p-${node}`);
    const [ready] = flips(bench, `p-${node}`, 0).filter(([, status]) => status === 'True')[0]!;
    const first = failed[0]! - started!;
    // Seen by a relist once a second, 30 ms long; then whole periods.
    assert.ok(first >= 0.03 && first <= 1.031, `first tick ${first}`);
    assert.deepEqual(failed.map((time) => Math.round((time - started! - first) * 1000) / 1000), [0, 10]);
    assert.ok(Math.abs(ready - started! - (first + 20)) < 0.002, `${ready - started!} after ${first}`);
    if (Math.abs(first - 0.4) < 0.03) near++;
  }
  assert.ok(near > 0, 'one of the first ticks is at 0.4 s');
});

test('a pod is unready 20 to 31 s after its application fell silent, by the defaults: the third failure in a row, 10 s apart', () => {
  const nodes = 200;
  const bench = new Bench(nodes);
  bench.kubelets.warmImages(['app:v1']);
  for (let node = 0; node < nodes; node++) bench.add(testPod(`p-${node}`, { containers: [testContainer({ readinessProbe: testProbe() })] }), node);
  bench.run(100);
  // The instants are spread over the period by the relists of the nodes.
  const silent: number[] = [];
  for (let node = 0; node < nodes; node++) {
    bench.run(100 + node / 20);
    silent.push(100 + node / 20);
    for (const pod of bench.kubelets.fleet.nodes[node]!.pods.values()) bench.kubelets.fleet.runtime.closes(pod.main[0]!);
  }
  bench.run(150);
  const waits = silent.map((time, node) => flips(bench, `p-${node}`, 99).filter(([, status]) => status === 'False')[0]![0] - time);
  assert.ok(Math.min(...waits) >= 20 && Math.max(...waits) <= 31, `${Math.min(...waits)} to ${Math.max(...waits)}`);
  const mean = waits.reduce((a, b) => a + b) / nodes;
  assert.ok(Math.abs(mean - 25) < 1, `${mean} on average`);
  // Both ends of the range occur.
  assert.ok(Math.min(...waits) < 21 && Math.max(...waits) > 29);
});

test('initialDelaySeconds of 15 with a period of 10: ticks at 0 and 10 s are skipped, ready at 20', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.add(testPod('a', { containers: [testContainer({ readinessProbe: testProbe({ initialDelaySeconds: 15 }) })] }));
  bench.run(40);
  const running = at(bench.history.find(({ pod }) => pod.status.phase === 'Running')!.time);
  assert.deepEqual(times(bench, 'Unhealthy'), []);
  assert.ok(Math.abs(flips(bench, 'a', 0).filter(([, status]) => status === 'True')[0]![0] - (running + 20)) < 0.002);
});

test('an exec probe takes the time of a process start: Ready is that much later than with HTTP', () => {
  const ready = (handler: 'httpGet' | 'exec', execProbe?: number): number => {
    const base = constantProfile();
    const kubelet = execProbe === undefined ? base.kubelet : { ...base.kubelet, execProbe: { kind: 'constant' as const, value: execProbe } };
    const bench = new Bench(1, '1', { ...base, kubelet });
    bench.kubelets.warmImages(['app:v1']);
    bench.add(testPod('a', { containers: [testContainer({ readinessProbe: testProbe({ handler }) })] }));
    bench.run(40);
    return flips(bench, 'a', 0).filter(([, status]) => status === 'True')[0]![0];
  };
  const usual = ready('httpGet');
  assert.equal(ready('httpGet', 60e6), usual);
  assert.equal(ready('exec'), usual);
  assert.ok(Math.abs(ready('exec', 60e6) - usual - 0.06) < 0.0015);
});

test('a preStop hook of handler exec takes the time of a process start, one of HTTP that of a request', () => {
  const killed = (handler: 'httpGet' | 'exec'): number => {
    const base = constantProfile();
    const bench = new Bench(1, '1', { ...base, kubelet: { ...base.kubelet, execProbe: { kind: 'constant' as const, value: 60e6 } } });
    bench.kubelets.warmImages(['app:v1']);
    bench.behaviour.lives.set('app:v1', { ...SERVES, shutdown: SECOND });
    bench.add(testPod('a', { containers: [testContainer({ preStop: { handler } })] }));
    bench.run(10);
    bench.delete('a');
    bench.run(30);
    return at(bench.listening.find(({ what }) => what === 'kill')!.time) - 10;
  };
  assert.ok(Math.abs(killed('exec') - killed('httpGet') - 0.06) < 0.0015);
});

test('successThreshold of 3 with a period of 5: two periods more', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.add(testPod('a', { containers: [testContainer({ readinessProbe: testProbe({ periodSeconds: 5, successThreshold: 3 }) })] }));
  bench.run(40);
  const running = at(bench.history.find(({ pod }) => pod.status.phase === 'Running')!.time);
  assert.ok(Math.abs(flips(bench, 'a', 0).filter(([, status]) => status === 'True')[0]![0] - (running + 10)) < 0.002);
});

test('a liveness probe with a grace period of its own: SIGKILL after 3 s, not after 30', () => {
  for (const [probeGrace, seconds] of [[3, 3], [undefined, 30]] as const) {
    const bench = new Bench();
    bench.kubelets.warmImages(['app:v1']);
    bench.behaviour.lives.set('app:v1', (restart) => ({ ...SERVES, startup: restart === 0 ? Number.POSITIVE_INFINITY : 0, shutdown: Number.POSITIVE_INFINITY }));
    const livenessProbe = testProbe({ periodSeconds: 1, failureThreshold: 1, ...(probeGrace === undefined ? {} : { terminationGracePeriodSeconds: probeGrace }) });
    bench.add(testPod('a', { containers: [testContainer({ livenessProbe })] }));
    bench.run(60);
    const killing = times(bench, 'Killing')[0]!;
    // The next life starts at once after the end of the one before: one first restart has no delay.
    const [, second] = times(bench, 'Started');
    assert.ok(Math.abs(second! - killing - seconds - 0.142) < 0.002, `${second! - killing}`);
  }
});

test('a longest delay of restarts below 10 s is the first delay too, on the nodes that have it', () => {
  const bench = new Bench(2, '1', constantProfile(), '1.36', undefined, { machines: { 'node-0': { maxRestartPeriod: 4 * SECOND } } });
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, runtime: SECOND, exitCode: 1 });
  bench.add(testPod('capped'), 0);
  bench.add(testPod('usual'), 1);
  bench.run(200);
  const gaps = (pod: string) => times(bench, 'Started', pod).map((time, i, list) => time - (list[i - 1] ?? 0)).slice(2);
  // One second of life, then the delay from its end on, seen by a relist and tried again with up to half as much again.
  assert.ok(gaps('capped').length >= 20 && gaps('capped').every((gap) => gap >= 5 && gap < 5 + 2 + 1.3), `${gaps('capped')}`);
  const usual = gaps('usual');
  for (const [i, delay] of [10, 20, 40].entries()) assert.ok(usual[i]! >= delay + 1 && usual[i]! < 1.5 * delay + 2.3, `${usual}`);
});

test('image back-off: 10, 20, 40, 80, 160, 300, 300 s from the failure; tries come with syncs 10 to 15 s apart', () => {
  let entry = NO_BACK_OFF;
  const delays: number[] = [];
  for (let i = 0, now = 0; i < 7; i++) {
    entry = nextBackOff(entry, now, now);
    delays.push(at(entry.backOff));
    now += entry.backOff;
  }
  assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300]);
  assert.equal(at(MAX_BACK_OFF), 300);
  const bench = new Bench();
  bench.behaviour.missing.add('gone:v1');
  bench.add(testPod('a', { containers: [testContainer({ image: 'gone:v1' })] }));
  bench.run(1000);
  const tries = times(bench, 'Pulling');
  for (let i = 0; i < 5; i++) {
    const gap = tries[i + 1]! - tries[i]! - 0.15;
    assert.ok(gap >= delays[i]! && gap <= delays[i]! + 17.1, `try ${i + 1} after ${gap} s`);
  }
});

test('pull limiter: 5 a second, burst 10, asked when a pull begins', () => {
  assert.equal(pullTokens(0, 0, SECOND), 5);
  assert.equal(pullTokens(0, 0, 10 * SECOND), 10);
  const pull = (parallelImagePulls: number) => {
    const bench = new Bench(1, '1', constantProfile(), undefined, undefined, { configuration: { ...DEFAULT_KUBELET, parallelImagePulls } });
    bench.behaviour.bytes = 1e6;
    for (let i = 0; i < 12; i++) bench.add(testPod(`p-${i}`, { containers: [testContainer({ image: `app-${i}:v1` })] }));
    bench.run(60);
    const refused = bench.events.filter(({ message }) => message.endsWith('pull QPS exceeded'));
    return { refused: refused.length, pulled: times(bench, 'Pulled').length };
  };
  // Twelve at once: two are refused, and pulled after their back-off. One after the other they take 0.15 s and more each, and none is.
  assert.deepEqual(pull(Number.POSITIVE_INFINITY), { refused: 2, pulled: 12 });
  assert.deepEqual(pull(1), { refused: 0, pulled: 12 });
});

test('containers of a pod start one after the other: the second pull begins when the first container runs', () => {
  const bench = new Bench();
  const containers = [testContainer({ name: 'first', image: 'one:v1' }), testContainer({ name: 'second', image: 'two:v1' })];
  bench.add(testPod('a', { containers }));
  bench.run(20);
  const order = bench.events.filter(({ reason }) => ['Pulling', 'Pulled', 'Created', 'Started'].includes(reason));
  assert.deepEqual(order.map(({ reason }) => reason), ['Pulling', 'Pulled', 'Created', 'Started', 'Pulling', 'Pulled', 'Created', 'Started']);
  // 100 MB: 1 s of transfer, unpacking 1.667 s, which overlap but for a fifth of the shorter one.
  const [pulling, second] = times(bench, 'Pulling');
  assert.equal(pulling, 0.31);
  assert.ok(Math.abs(second! - (0.31 + 0.15 + 1.6667 + 0.2 + 0.06 + 0.08)) < 0.001, `${second}`);
});

test('20 pods that start at once on a node: the runtime takes 1 + 0.04·(20 − 10) times as long', () => {
  const base = constantProfile();
  const profile = { ...base, kubelet: { ...base.kubelet, contention: { free: 10, share: 0.04 } } };
  const bench = new Bench(1, '1', profile);
  bench.kubelets.warmImages(['app:v1']);
  for (let i = 0; i < 20; i++) bench.add(testPod(`p-${i}`));
  bench.run(5);
  // 60 ms of preparation, then sandboxes of 250 ms × 1.4.
  assert.equal(times(bench, 'Pulled')[0], 0.41);
  const alone = new Bench(1, '1', profile);
  alone.kubelets.warmImages(['app:v1']);
  for (let i = 0; i < 10; i++) alone.add(testPod(`p-${i}`));
  alone.run(5);
  assert.equal(times(alone, 'Pulled')[0], 0.31);
});

test('PLEG: a change is seen by the next relist, once a second: U(0, 1) s and the relist later', () => {
  const nodes = 400;
  const bench = new Bench(nodes);
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, runtime: 30 * SECOND, exitCode: 1 });
  for (let node = 0; node < nodes; node++) bench.add(testPod(`p-${node}`, { restartPolicy: 'Never' }), node);
  bench.run(60);
  // Written by the status that tells of the end: containers ended 30 s after their start at 0.452 s.
  const seen = bench.history.filter(({ pod }) => pod.status.containerStatuses?.[0]?.state.terminated !== undefined);
  const first = new Map<string, number>();
  for (const { pod, time } of seen) if (!first.has(pod.metadata.name)) first.set(pod.metadata.name, at(time) - 30.452);
  const delays = [...first.values()];
  assert.equal(delays.length, nodes);
  assert.ok(Math.min(...delays) >= 0.029 && Math.max(...delays) <= 1.031, `${Math.min(...delays)} to ${Math.max(...delays)}`);
  const mean = delays.reduce((a, b) => a + b) / nodes;
  // Standard error of 400 uniform draws: 0.0144.
  assert.ok(Math.abs(mean - 0.53) < 0.05, `${mean}`);
});

test('status manager: one pod after the other, GET and PATCH each; what changes meanwhile is sent once, as it is then', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  for (let i = 0; i < 5; i++) bench.add(testPod(`p-${i}`));
  bench.run(5);
  const pods = bench.requests.filter(({ request }) => request.resource === 'pods');
  for (let i = 0; i < pods.length; i += 2) {
    assert.deepEqual([pods[i]!.request.verb, pods[i + 1]!.request.verb], ['get', 'patch']);
    assert.equal(pods[i]!.request.name, pods[i + 1]!.request.name);
  }
  // A pod's start: Pending with its conditions, then Running and Ready.
  assert.equal(pods.length, 5 * 2 * 2);
});

test('requests of one life of a pod: 2 to 3 GET and PATCH, 4 events, 1 token at its start; GET, PATCH, DELETE and an event at its end', () => {
  const bench = new Bench(1, '1', constantProfile(), undefined, undefined, { configuration: { ...DEFAULT_KUBELET, requestsTokens: true } });
  bench.add(
    testPod('a', {
      serviceAccountName: 'web',
      volumes: [{ name: 'api', projected: { sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }] } }],
      containers: [testContainer({ readinessProbe: testProbe() })],
    }),
  );
  bench.behaviour.lives.set('app:v1', { ...SERVES, startup: SECOND });
  const count = (from: number, to: number) => {
    const found: Record<string, number> = {};
    for (const { request, time } of bench.requests) {
      if (at(time) < from || at(time) >= to || request.resource === 'nodes') continue;
      const kind = request.subresource === 'token' ? 'token' : request.verb;
      found[kind] = (found[kind] ?? 0) + 1;
    }
    return { ...found, events: bench.events.filter(({ time }) => at(time) >= from && at(time) < to).length };
  };
  bench.run(60);
  // Events: Pulling, Pulled, Created, Started, and one failed probe.
  assert.deepEqual(count(0, 60), { token: 1, get: 3, patch: 3, events: 5 });
  bench.delete('a');
  bench.run(100);
  // GET and PATCH of the terminal status, GET and DELETE with grace 0 when nothing is left; the event is Killing.
  assert.deepEqual(count(60, 100), { get: 2, patch: 1, delete: 1, events: 1 });
});

test('worker: changes that come while a sync runs are merged into one more', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.add(testPod('a'));
  bench.run(0.1);
  const syncs = () => [...bench.kubelets.fleet.nodes[0]!.pods.values()][0]!.syncs;
  // Ten updates of the object in the middle of the first sync.
  for (let i = 0; i < 10; i++) bench.put({ ...bench.pod('a')!, metadata: { ...bench.pod('a')!.metadata, labels: { i: `${i}` } } });
  bench.run(5);
  assert.ok(syncs() <= 3, `${syncs()} syncs`);
});

test('addresses: pods of a node are numbered in its podCIDR, containers of a pod share one, host network takes the node’s', () => {
  const bench = new Bench(2);
  bench.kubelets.warmImages(['app:v1']);
  const two = [testContainer({ name: 'x' }), testContainer({ name: 'y' })];
  bench.add(testPod('a', { containers: two }), 0);
  bench.add(testPod('b'), 0);
  bench.add(testPod('c'), 1);
  bench.add(testPod('h', { hostNetwork: true }), 1);
  bench.run(5);
  const ip = (name: string) => bench.pod(name)!.status.podIP;
  assert.deepEqual(['a', 'b', 'c'].map(ip), ['10.1.0.2', '10.1.0.3', '10.1.1.2']);
  assert.equal(ip('h'), bench.kubelets.hostAddress(1));
  assert.equal(bench.pod('h')!.status.hostIP, bench.kubelets.hostAddress(1));
});

test('the budget of a start on its node: half a second of work, then seen by a relist: 1 s in the median, at the 99th percentile below 5 s', () => {
  const nodes = 400;
  const { profile } = loadScenario(fileURLToPath(new URL('../../../scenarios/strategies.yaml', import.meta.url)));
  const bench = new Bench(nodes, '1', profile, '1.34');
  bench.kubelets.warmImages(['app:v1']);
  for (let i = 0; i < nodes; i++) bench.add(testPod(`p-${i}`), i);
  bench.run(30);
  const ready = Array.from({ length: nodes }, (_, i) => flips(bench, `p-${i}`, 0).find(([, status]) => status === 'True')![0]).sort((a, b) => a - b);
  const median = ready[nodes / 2]!;
  assert.ok(median > 0.85 && median < 1.35, `${median}`);
  assert.ok(ready[Math.floor(nodes * 0.99)]! < 5);
});
