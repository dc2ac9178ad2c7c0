import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../src/kernel/time.js';
import { at, Bench, condition, constantProfile, SERVES, testContainer, testPod, testProbe } from './harness.js';

/** Times of an event's occurrences. */
function times(bench: Bench, reason: string): number[] {
  return bench.events.filter((event) => event.reason === reason).map((event) => at(event.time));
}

/** When a condition of the pod became true in the API. */
function becameTrue(bench: Bench, pod: string, type: string): number | undefined {
  const entry = bench.history.find(
    ({ pod: version }) => version.metadata.name === pod && condition(version, type)?.status === 'True',
  );
  return entry === undefined ? undefined : at(entry.time);
}

test('a pod without probes: every step takes its time, PLEG shows it, two status writes', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.add(testPod('a'));
  bench.run(5);
  // prepare 60, sandbox 250, image check 2, create 60, start 80 ms
  assert.deepEqual(times(bench, 'Pulled'), [0.31]);
  assert.deepEqual(times(bench, 'Created'), [0.372]);
  assert.deepEqual(times(bench, 'Started'), [0.452]);
  const { plegPhase } = bench.kubelets.fleet.nodes[0]!;
  const seen = at(plegPhase > 0.452 * SECOND ? plegPhase : plegPhase + SECOND) + 0.03;
  assert.ok(Math.abs(becameTrue(bench, 'a', 'Ready')! - seen) < 0.0011);
  assert.equal(bench.pod('a')!.status.phase, 'Running');
  assert.match(bench.pod('a')!.status.podIP!, /^10\.1\.0\.\d+$/);
  const writes = bench.requests.filter(({ request }) => request.resource === 'pods').map(({ request }) => request.verb);
  assert.deepEqual(writes, ['get', 'patch', 'get', 'patch']);
  assert.deepEqual(
    bench.listening.map(({ time, what }) => [at(time), what]),
    [[0.452, 'start']],
  );
});

test('readiness: probed when the start is seen, then every period; ready at the first tick after the application listens', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, startup: 12.3 * SECOND });
  bench.add(testPod('a', { containers: [testContainer({ readinessProbe: testProbe() })] }));
  bench.run(40);
  const running = bench.history.find(({ pod }) => pod.status.phase === 'Running')!.time;
  // As in the worked example of the prober: ticks d, d + 10, d + 20 after the start; listening 12.3 s after it.
  assert.ok(Math.abs(becameTrue(bench, 'a', 'Ready')! - at(running + 20 * SECOND)) < 0.0011);
  assert.deepEqual(times(bench, 'Unhealthy'), [at(running), at(running + 10 * SECOND)]);
});

test('a probe that goes on succeeding costs no events', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  const probe = testProbe({ periodSeconds: 1 });
  bench.add(testPod('a', { containers: [testContainer({ readinessProbe: probe, livenessProbe: probe })] }));
  bench.run(20);
  const { events } = bench.simulation;
  bench.run(1000);
  assert.equal(bench.simulation.events - events, 0);
});

test('startup probe holds readiness and liveness back, its success probes readiness at once', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, startup: 7 * SECOND });
  const containers = [
    testContainer({
      startupProbe: testProbe({ periodSeconds: 5, failureThreshold: 30 }),
      readinessProbe: testProbe({ periodSeconds: 60 }),
      livenessProbe: testProbe({ periodSeconds: 1, failureThreshold: 1 }),
    }),
  ];
  bench.add(testPod('a', { containers }));
  bench.run(60);
  assert.equal(times(bench, 'Killing').length, 0);
  const unhealthy = bench.events.filter((event) => event.reason === 'Unhealthy');
  assert.ok(unhealthy.every((event) => event.message.startsWith('Startup probe failed')));
  // Ticks 0, 5, 10 of the worker, which began with the pod's first sync; then at most one wait for the pod cache.
  const ready = becameTrue(bench, 'a', 'Ready')!;
  assert.ok(ready >= 10 && ready < 11.1, `ready at ${ready}`);
});

test('liveness: a container that listens too late is killed after threshold × period and restarted', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', (restart) => ({ ...SERVES, startup: restart === 0 ? 1000 * SECOND : 0 }));
  bench.add(testPod('a', { containers: [testContainer({ livenessProbe: testProbe() })] }));
  bench.run(120);
  assert.equal(times(bench, 'Killing').length, 1);
  // The worker's ticks are whole periods after the first sync: 10, 20, 30; detection waits for the pod cache at most 1.03 s.
  const killed = times(bench, 'Killing')[0]!;
  assert.ok(killed >= 30 && killed < 31.1, `killed at ${killed}`);
  assert.equal(bench.pod('a')!.status.containerStatuses![0]!.restartCount, 1);
  assert.equal(bench.pod('a')!.status.containerStatuses![0]!.ready, true);
  const kinds = bench.listening.map(({ what }) => what);
  assert.deepEqual(kinds, ['start']);
});

test('crash loop: delays 10, 20, 40, … counted from the end, tried every 10 to 15 s in 1.34', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, runtime: SECOND, exitCode: 1 });
  bench.add(testPod('a'));
  bench.run(700);
  const started = times(bench, 'Started');
  const backOffs = [0, 10, 20, 40, 80, 160];
  for (let i = 0; i < backOffs.length; i++) {
    const gap = started[i + 1]! - (started[i]! + 1);
    // PLEG ≤ 1.03 s; then retries every 10–15 s on a ticker of 1 s, each of which may wait for the pod cache; start 0.142 s.
    const latest = backOffs[i]! === 0 ? 0 : 17.1;
    assert.ok(gap >= backOffs[i]! && gap <= backOffs[i]! + 1.2 + latest, `restart ${i + 1} after ${gap} s`);
  }
  const status = bench.history.map(({ pod }) => pod.status.containerStatuses?.[0]?.state.waiting?.reason);
  assert.ok(status.includes('CrashLoopBackOff'));
  assert.ok(times(bench, 'BackOff').length > 6);
  assert.equal(bench.pod('a')!.status.phase, 'Running');
});

test('crash loop: mean restart delays of 1.34', () => {
  // Monte Carlo of the rule alone: PLEG U(0,1) + 0.03 s, then tries after 10·(1 + U/2) s on a 1 s ticker until the delay is over.
  const oracle = [13.52, 26.54, 46.95];
  const sums = [0, 0, 0];
  const runs = 400;
  const bench = new Bench(runs);
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, runtime: SECOND, exitCode: 1 });
  for (let i = 0; i < runs; i++) bench.add(testPod(`p${i}`), i);
  bench.run(200);
  for (let i = 0; i < runs; i++) {
    const started = bench.events
      .filter((event) => event.pod === `p${i}` && event.reason === 'Started')
      .map((event) => at(event.time));
    for (let k = 0; k < 3; k++) sums[k]! += started[k + 2]! - started[k + 1]! - 1 - 0.142;
  }
  const means = sums.map((sum) => sum / runs);
  oracle.forEach((expected, k) => {
    assert.ok(Math.abs(means[k]! - expected) < 1, `mean delay ${k}: ${means[k]} instead of ${expected}`);
  });
});

test('images: pulled one after another, then cached; what does not exist backs off', () => {
  const bench = new Bench();
  bench.behaviour.bytes = 150e6;
  bench.behaviour.missing.add('gone:v1');
  bench.add(testPod('a'));
  bench.add(testPod('b', { containers: [testContainer({ image: 'app:v2' })] }));
  bench.run(0.5);
  bench.add(testPod('c', { containers: [testContainer({ image: 'gone:v1' })] }));
  bench.run(10);
  const pulled = times(bench, 'Pulled');
  // Both ask at 0.31; each pull takes 0.15 + 2.8 s.
  assert.deepEqual(pulled, [3.26, 6.21]);
  bench.add(testPod('d'));
  bench.run(100);
  assert.equal(times(bench, 'Pulled').length, 3);
  assert.ok(times(bench, 'Failed').length > 2);
  const reasons = new Set(bench.history.map(({ pod }) => pod.status.containerStatuses?.[0]?.state.waiting?.reason));
  assert.ok(reasons.has('ErrImagePull') && reasons.has('ImagePullBackOff'));
});

test('graceful deletion: preStop 5 s and 8 s of draining end the process after 13 s, then the object goes', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, shutdown: 8 * SECOND, stopListening: 0 });
  bench.add(testPod('a', { containers: [testContainer({ preStop: { handler: 'sleep', seconds: 5 } })] }));
  bench.run(10);
  bench.delete('a');
  bench.run(40);
  const what = bench.listening.map(({ time, what: kind }) => [at(time), kind]);
  assert.deepEqual(what.slice(1), [
    [15, 'stop'],
    [23, 'kill'],
  ]);
  assert.equal(bench.pod('a'), undefined);
  const removal = bench.requests.find(({ request }) => request.verb === 'delete')!;
  assert.equal(removal.request.gracePeriodSeconds, 0);
  assert.equal(removal.request.preconditions!.uid, 'uid-a');
  // Sandbox 0.2 s, then the next relist (up to 1 s, and 0.03 s long).
  assert.ok(at(removal.time) >= 23.23 && at(removal.time) <= 24.231, `deleted at ${at(removal.time)}`);
  const last = bench.history.at(-1)!.pod;
  assert.equal(last.status.phase, 'Succeeded');
  assert.equal(condition(last, 'Ready')!.status, 'False');
});

test('an application that ignores SIGTERM is killed at the end of the grace period', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', {
    ...SERVES,
    shutdown: Number.POSITIVE_INFINITY,
    stopListening: Number.POSITIVE_INFINITY,
  });
  bench.add(testPod('a', { containers: [testContainer({ preStop: { handler: 'sleep', seconds: 5 } })] }));
  bench.run(10);
  bench.delete('a');
  bench.run(60);
  assert.deepEqual(bench.listening.map(({ time, what }) => [at(time), what]).slice(1), [[40, 'kill']]);
  const { terminated } = bench.history.at(-1)!.pod.status.containerStatuses![0]!.state;
  assert.equal(terminated!.exitCode, 137);
  assert.equal(bench.history.at(-1)!.pod.status.phase, 'Failed');
});

test('force deletion: the object is gone at once, the process gets 2 s', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, shutdown: 20 * SECOND });
  bench.add(testPod('a'));
  bench.run(10);
  bench.delete('a', 0);
  bench.run(20);
  assert.deepEqual(bench.listening.map(({ time, what }) => [at(time), what]).slice(1), [
    [10, 'stop'],
    [12, 'kill'],
  ]);
  assert.equal(bench.kubelets.fleet.nodes[0]!.pods.size, 0);
  assert.equal(bench.kubelets.fleet.nodes[0]!.usedPods, 0);
});

test('sidecars start before and stop after the main container', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1', 'proxy:v1', 'setup:v1']);
  bench.behaviour.lives.set('setup:v1', { ...SERVES, startup: Number.POSITIVE_INFINITY, runtime: 2 * SECOND });
  bench.behaviour.lives.set('app:v1', { ...SERVES, shutdown: 3 * SECOND });
  bench.add(
    testPod('a', {
      initContainers: [
        testContainer({ name: 'setup', image: 'setup:v1' }),
        testContainer({ name: 'proxy', image: 'proxy:v1', restartPolicy: 'Always' }),
      ],
    }),
  );
  bench.run(10);
  const order = bench.events.filter((event) => event.reason === 'Started').map((event) => event.message);
  assert.deepEqual(order, ['Started container setup', 'Started container proxy', 'Started container server']);
  assert.equal(bench.pod('a')!.status.phase, 'Running');
  assert.equal(condition(bench.pod('a'), 'Ready')!.status, 'True');
  bench.delete('a');
  bench.run(30);
  const statuses = bench.history.at(-1)!.pod.status;
  const app = statuses.containerStatuses![0]!.state.terminated!;
  const proxy = statuses.initContainerStatuses![1]!.state.terminated!;
  assert.equal(at(app.finishedAt), 13);
  assert.equal(at(proxy.finishedAt), 14);
});

test('a pod that the node cannot hold fails with the reason', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  const big = { resources: { requests: { cpu: 3000 } } };
  bench.add(testPod('a', { containers: [testContainer(big)] }));
  bench.add(testPod('b', { containers: [testContainer(big)] }));
  bench.run(10);
  assert.equal(bench.pod('a')!.status.phase, 'Running');
  assert.equal(bench.pod('b')!.status.phase, 'Failed');
  assert.equal(bench.pod('b')!.status.reason, 'OutOfcpu');
});

test('a pod that runs to its end succeeds and frees the node', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, runtime: 5 * SECOND });
  bench.add(testPod('a', { restartPolicy: 'Never' }));
  bench.run(30);
  assert.equal(bench.pod('a')!.status.phase, 'Succeeded');
  assert.equal(bench.kubelets.fleet.nodes[0]!.usedPods, 0);
  assert.deepEqual(times(bench, 'Killing'), []);
});

test('a status write that fails is repeated in the 10 s batch', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.broken = 500;
  bench.add(testPod('a'));
  bench.run(30);
  assert.equal(bench.pod('a')!.status.phase, 'Pending');
  const gets = bench.requests.filter(({ request }) => request.verb === 'get').length;
  assert.ok(gets >= 3 && gets <= 6, `${gets} tries`);
  bench.broken = 0;
  bench.run(41);
  assert.equal(bench.pod('a')!.status.phase, 'Running');
});

test('what others write into the kubelet’s conditions is set right at the next batch', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.add(testPod('a'));
  bench.run(10);
  const pod = bench.pod('a')!;
  const conditions = pod.status.conditions!.map((entry) =>
    entry.type === 'Ready' ? { ...entry, status: 'False' as const } : entry,
  );
  bench.put({ ...pod, status: { ...pod.status, conditions } });
  bench.run(21);
  assert.equal(condition(bench.pod('a'), 'Ready')!.status, 'True');
});

test('leases are renewed every 10 s and the status is patched every 5 min, spread over the nodes', () => {
  const nodes = 100;
  const bench = new Bench(nodes);
  bench.kubelets.start();
  bench.run(600);
  const leases = bench.requests.filter(({ request, code }) => request.resource === 'leases' && code < 300);
  // The wait is 10·(1 + 0.04·U) s, 10.2 on average.
  assert.ok(Math.abs(leases.length - (nodes * 600) / 10.2) <= nodes, `${leases.length} leases`);
  const patches = bench.requests.filter(({ request }) => request.resource === 'nodes');
  assert.ok(Math.abs(patches.length - nodes * 2) <= 10, `${patches.length} patches`);
  const first = leases.filter(({ time }) => time < 5 * SECOND).length;
  assert.ok(first > 30 && first < 70, 'phases are spread');
});

test('a crash silences a node and kills its pods; after its return they run again at other addresses', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.kubelets.start();
  bench.add(testPod('a'));
  bench.add(testPod('b'));
  bench.run(20);
  bench.kubelets.fail(0);
  assert.deepEqual(
    bench.listening.slice(2).map(({ what }) => what),
    ['kill', 'kill'],
  );
  const before = bench.requests.length;
  bench.run(100);
  assert.equal(bench.requests.length, before);
  bench.kubelets.heal(0);
  bench.kubelets.podChanged(0, bench.pod('a')!);
  bench.remove(bench.pod('b')!);
  bench.run(110);
  assert.equal(bench.pod('a')!.status.phase, 'Running');
  assert.equal(condition(bench.pod('a'), 'Ready')!.status, 'True');
  assert.equal(bench.pod('a')!.status.containerStatuses![0]!.restartCount, 1);
  assert.equal(bench.listening.at(-1)!.what, 'start');
  assert.equal(bench.kubelets.fleet.nodes[0]!.usedPods, 1);
  assert.ok(bench.requests.some(({ request, time }) => request.resource === 'leases' && time === 100 * SECOND));
});

test('warm start: a running pod is adopted without a single request, and can be deleted', () => {
  const bench = new Bench();
  const pod = bench.kubelets.warmPod(
    0,
    testPod('a', { containers: [testContainer({ readinessProbe: testProbe() })] }),
    -100 * SECOND,
  );
  bench.store.set('pods/default/a', pod);
  bench.kubelets.warmStart(0, pod);
  bench.run(1000);
  assert.equal(bench.requests.length, 0);
  assert.deepEqual(
    bench.listening.map(({ what, ip }) => [what, ip]),
    [['start', pod.status.podIP]],
  );
  bench.delete('a');
  bench.run(1010);
  assert.equal(bench.pod('a'), undefined);
});

test('1.36 writes the ready sandbox at once and sees a start without waiting for the next relist', () => {
  const readyAt = (version: '1.34' | '1.36') => {
    const bench = new Bench(1, '1', constantProfile(), version);
    bench.behaviour.bytes = 150e6;
    bench.add(testPod('a'));
    bench.run(10);
    const sandbox = becameTrue(bench, 'a', 'PodReadyToStartContainers')!;
    return {
      sandbox,
      ready: becameTrue(bench, 'a', 'Ready')!,
      patches: bench.requests.filter(({ request }) => request.verb === 'patch' && request.resource === 'pods').length,
    };
  };
  const late = readyAt('1.34');
  const soon = readyAt('1.36');
  assert.deepEqual(soon, { sandbox: 0.31, ready: 3.43, patches: 3 });
  assert.equal(late.patches, 2);
  assert.ok(late.sandbox === late.ready && late.ready > 3.43 && late.ready < 4.44);
});

test('from 1.35 a crashed container is tried again when its back-off ends', () => {
  const bench = new Bench(1, '1', constantProfile(), '1.35');
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, runtime: SECOND, exitCode: 1 });
  bench.add(testPod('a'));
  bench.run(60);
  const started = times(bench, 'Started');
  const wait = started[2]! - started[1]! - 1;
  assert.ok(wait >= 10 && wait <= 17.2, `second restart after ${wait} s`);
  assert.equal(times(bench, 'BackOff').filter((time) => time < started[2]!).length, 1);
});

test('activeDeadlineSeconds end a pod as Failed', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.add(testPod('a', { activeDeadlineSeconds: 20, restartPolicy: 'Never' }));
  bench.run(60);
  const { status } = bench.pod('a')!;
  assert.deepEqual([status.phase, status.reason], ['Failed', 'DeadlineExceeded']);
  assert.equal(at(status.containerStatuses![0]!.state.terminated!.finishedAt), 21);
  assert.equal(bench.kubelets.fleet.nodes[0]!.usedPods, 0);
});

test('an evicted pod stops within its grace and becomes Failed with the reason', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, shutdown: 10 * SECOND });
  bench.add(testPod('a'));
  bench.run(10);
  assert.equal(bench.kubelets.evict(0, 'uid-a', 'Evicted', 'The node was low on resource: memory.', 1), true);
  assert.equal(bench.kubelets.evict(0, 'uid-a', 'Evicted', 'again', 1), false);
  bench.run(20);
  const { status } = bench.pod('a')!;
  assert.deepEqual([status.phase, status.reason], ['Failed', 'Evicted']);
  assert.equal(at(status.containerStatuses![0]!.state.terminated!.finishedAt), 12);
});

test('a sidecar waits for its turn until the grace period is over, not longer', () => {
  const bench = new Bench();
  bench.kubelets.warmImages(['app:v1', 'proxy:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, shutdown: Number.POSITIVE_INFINITY });
  bench.behaviour.lives.set('proxy:v1', { ...SERVES, shutdown: 0 });
  bench.add(
    testPod('a', {
      terminationGracePeriodSeconds: 10,
      initContainers: [testContainer({ name: 'proxy', image: 'proxy:v1', restartPolicy: 'Always' })],
      // The hook uses up the grace period; the container gets the minimum of 2 s after it.
      containers: [testContainer({ preStop: { handler: 'sleep', seconds: 60 } })],
    }),
  );
  bench.run(10);
  bench.delete('a');
  bench.run(30);
  const { status } = bench.history.at(-1)!.pod;
  assert.equal(at(status.initContainerStatuses![0]!.state.terminated!.finishedAt), 20);
  assert.equal(at(status.containerStatuses![0]!.state.terminated!.finishedAt), 22);
});
