import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../../src/api/core.js';
import { SECOND } from '../../src/kernel/time.js';
import { RESULT_SUCCESS } from '../../src/node/probe-policy.js';
import { type ContainerRecord, RUNNING } from '../../src/node/records.js';
import { PodAddresses } from '../../src/node/addresses.js';
import { ContainerRuntime } from '../../src/node/container-runtime.js';
import { Prober } from '../../src/node/prober.js';
import { Termination } from '../../src/node/termination.js';
import { Bench, condition, constantProfile, SERVES, testContainer, testPod, testProbe } from './harness.js';

const NODES = 2;
const NODE_CPU = 4000;

const step = fc.record({
  wait: fc.integer({ min: 0, max: 12_000 }),
  what: fc.constantFrom('add', 'add', 'add', 'delete', 'delete', 'force', 'fail', 'heal', 'break', 'mend', 'kubelet', 'runtime', 'evict', 'fill'),
  choice: fc.nat(100),
  shape: fc.nat(9),
});

/** Pods of several shapes: with and without probes, crashing, deaf, with hooks, sidecars and init containers. */
function podOf(name: string, shape: number): Pod {
  // Two fit on a node.
  const resources = { requests: { cpu: 1500 } };
  switch (shape) {
    case 0:
      return testPod(name, { containers: [testContainer({ resources, image: 'crash:v1' })] });
    case 1:
      return testPod(name, {
        containers: [testContainer({ resources, image: 'deaf:v1', livenessProbe: testProbe({ periodSeconds: 2 }) })],
      });
    case 2:
      return testPod(name, {
        containers: [
          testContainer({ resources, readinessProbe: testProbe(), preStop: { handler: 'sleep', seconds: 3 } }),
        ],
      });
    case 3:
      return testPod(name, {
        initContainers: [testContainer({ name: 'proxy', image: 'proxy:v1', restartPolicy: 'Always' })],
        containers: [
          testContainer({ resources, startupProbe: testProbe({ periodSeconds: 1 }), readinessProbe: testProbe() }),
        ],
      });
    case 4:
      return testPod(name, { restartPolicy: 'Never', containers: [testContainer({ resources, image: 'job:v1' })] });
    case 5:
      return testPod(name, { containers: [testContainer({ resources, image: 'missing:v1' })] });
    case 6:
      return testPod(name, {
        containers: [testContainer({ resources }), testContainer({ name: 'second', image: 'slow:v1' })],
      });
    case 7:
      return testPod(name, { containers: [testContainer({ resources, image: 'leak:v1', readinessProbe: testProbe({ periodSeconds: 1 }) })] });
    case 8:
      // Its readiness fails again and again, as its process is killed and started anew.
      return testPod(name, {
        containers: [testContainer({ resources, image: 'flaky:v1', readinessProbe: testProbe({ periodSeconds: 1, failureThreshold: 1 }) })],
      });
    default:
      return testPod(name, {
        containers: [testContainer({ resources, readinessProbe: testProbe({ periodSeconds: 3 }) })],
      });
  }
}

function bench(version: '1.34' | '1.36'): Bench {
  const made = new Bench(NODES, '1', constantProfile(), version);
  for (const node of made.kubelets.fleet.nodes) node.diskBytes = 10e9;
  const { lives, missing } = made.behaviour;
  lives.set('app:v1', { ...SERVES, startup: 1.5 * SECOND, shutdown: 4 * SECOND, stopListening: 2 * SECOND });
  lives.set('slow:v1', { ...SERVES, startup: 5 * SECOND, shutdown: Number.POSITIVE_INFINITY, stopListening: SECOND });
  lives.set('crash:v1', { ...SERVES, startup: SECOND, runtime: 3 * SECOND, exitCode: 1 });
  lives.set('deaf:v1', { ...SERVES, startup: Number.POSITIVE_INFINITY });
  lives.set('leak:v1', { ...SERVES, startup: SECOND, memory: { base: 2e9, perSecond: 4e8 } });
  lives.set('flaky:v1', (restart) => ({ ...SERVES, startup: (restart + 1) * SECOND, runtime: (restart + 4) * SECOND, exitCode: 137, outOfMemory: true }));
  lives.set('job:v1', { ...SERVES, runtime: 6 * SECOND });
  missing.add('missing:v1');
  return made;
}

/** What must hold at any time. */
function check(made: Bench): void {
  for (const node of made.kubelets.fleet.nodes) {
    let running = 0;
    for (const pod of node.pods.values()) {
      if (pod.serving) {
        assert.ok(
          pod.main.every((container) => container.state === RUNNING),
          `${pod.pod.metadata.name} serves, and a container of it does not run`,
        );
        assert.notEqual(pod.address, undefined, 'a pod serves without address');
      }
      for (const container of pod.main) {
        if (container.state === RUNNING) running += container.spec.resources?.requests?.['cpu'] ?? 0;
        if (container.ready && container.readiness !== null) {
          assert.equal(container.readiness.result, RESULT_SUCCESS, 'ready without a passed probe');
          assert.ok(container.listenAt <= made.simulation.now, 'ready before it listened');
        }
      }
    }
    assert.ok(running <= NODE_CPU, `running containers request ${running}`);
    assert.ok((node.used.cpu ?? 0) <= NODE_CPU, 'more CPU admitted than the node has');
    assert.ok(node.usedPods >= 0);
    const addresses = new Set<string>();
    for (const pod of node.pods.values()) {
      if (pod.address === undefined) continue;
      assert.ok(!addresses.has(pod.address), `address ${pod.address} used twice`);
      addresses.add(pod.address);
    }
  }
}

/** A pod listens once at a time, and at its end it is told to have been killed. */
function checkListening(made: Bench): Map<string, boolean> {
  const state = new Map<string, boolean>();
  const byAddress = new Map<string, string>();
  const address = new Map<string, string>();
  for (const { pod, what, ip } of made.listening) {
    if (what === 'start') {
      assert.ok(state.get(pod) !== true, `${pod} listens twice`);
      assert.equal(byAddress.get(ip!), undefined, `${ip} of ${pod} serves another pod`);
      byAddress.set(ip!, pod);
      address.set(pod, ip!);
      state.set(pod, true);
    } else {
      assert.equal(state.get(pod), true, `${pod} stopped without having listened`);
      if (what === 'kill') {
        state.set(pod, false);
        byAddress.delete(address.get(pod)!);
      }
    }
  }
  return state;
}

/** A pod with probes becomes Ready in the API only after it has listened in this life. */
function checkReadiness(made: Bench): void {
  const ready = new Map<string, boolean>();
  for (const { time, pod } of made.history) {
    const { name } = pod.metadata;
    const is = condition(pod, 'Ready')?.status === 'True';
    if (
      is &&
      ready.get(name) !== true &&
      pod.spec.containers.some((container) => container.readinessProbe !== undefined)
    ) {
      assert.ok(
        made.listening.some((entry) => entry.pod === name && entry.what === 'start' && entry.time <= time),
        `${name} Ready at ${time} without having listened`,
      );
    }
    ready.set(name, is);
  }
}

/** Random lives of pods and nodes keep every rule, and leave nothing behind. */
const lives = fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom('1.34', '1.36'), (steps, version) => {
  const made = bench(version);
  const up = [true, true];
  let time = 0;
  let count = 0;
  const heal = (node: number): void => {
    if (up[node]) return;
    up[node] = true;
    made.kubelets.heal(node);
    for (const pod of [...made.store.values()]) {
      if (pod.kind === 'Pod' && (pod as Pod).spec.nodeName === `node-${node}`)
        made.kubelets.podChanged(node, pod as Pod);
    }
  };
  for (const { wait, what, choice, shape } of steps) {
    time += wait / 1000;
    made.run(time);
    check(made);
    const pods = [...made.store.values()].filter((object) => object.kind === 'Pod') as Pod[];
    const pod = pods[choice % Math.max(1, pods.length)];
    const node = choice % NODES;
    if (what === 'add') made.add(podOf(`p${count++}`, shape), node);
    else if (what === 'delete' && pod !== undefined && pod.metadata.deletionTimestamp === undefined)
      made.delete(pod.metadata.name);
    else if (what === 'force' && pod !== undefined) made.delete(pod.metadata.name, 0);
    else if (what === 'fail' && up[node]) {
      up[node] = false;
      made.kubelets.fail(node);
    } else if (what === 'heal') heal(node);
    else if (what === 'break') {
      made.broken = 500;
      made.brokenVerb = ['', 'get', 'patch', 'delete'][choice % 4]!;
    } else if (what === 'mend') made.broken = 0;
    else if (what === 'kubelet' && up[node]) made.kubelets.restartKubelet(node, 0, (choice % 7) * SECOND);
    else if (what === 'runtime' && up[node]) made.kubelets.restartRuntime(node, 0, (choice % 40) * SECOND);
    else if (what === 'evict' && pod !== undefined) {
      made.kubelets.evict(Number(pod.spec.nodeName!.slice('node-'.length)), pod.metadata.uid, 'Evicted', 'by the plan', shape);
    } else if (what === 'fill') made.kubelets.fleet.nodes[node]!.otherDiskBytes = choice % 2 === 0 ? 0 : 9e9;
  }
  made.broken = 0;
  heal(0);
  heal(1);
  made.run(time + 100);
  check(made);
  for (const object of [...made.store.values()]) {
    if (object.kind === 'Pod' && object.metadata.deletionTimestamp === undefined) made.delete(object.metadata.name);
  }
  made.run(time + 400);
  check(made);
  const listening = checkListening(made);
  assert.ok(
    [...listening.values()].every((value) => !value),
    'a pod listens for ever',
  );
  checkReadiness(made);
  for (const node of made.kubelets.fleet.nodes) {
    assert.deepEqual([...node.pods.keys()], [], 'pods are left on a node');
    assert.equal(node.usedPods, 0);
    assert.equal(node.used.cpu ?? 0, 0);
    assert.equal(node.starting, 0);
  }
  assert.equal([...made.store.values()].filter((object) => object.kind === 'Pod').length, 0);
  assert.deepEqual(
    [made.kubelets.fleet.pods.size, made.kubelets.fleet.containers.size, made.kubelets.fleet.probes.size],
    [0, 0, 0],
  );
});

test('property: random lives of pods and nodes keep every rule, and leave nothing behind', () => {
  fc.assert(lives, { numRuns: 300 });
});

/** Puts another method into a class while `run` runs. */
function mutated<T extends object>(prototype: T, method: string, other: (...values: never[]) => unknown, run: () => void): void {
  const methods = prototype as Record<string, unknown>;
  const own = methods[method];
  assert.equal(typeof own, 'function', `${method} is a method`);
  methods[method] = other;
  try {
    run();
  } finally {
    methods[method] = own;
  }
}

/** What `Prober.attach` would be if it kept the results of the container before. */
function forgetsReset(this: Prober, container: ContainerRecord): void {
  if (container.probedFrom === container.startedAt) return;
  container.probedFrom = container.startedAt;
  container.condemned = false;
  if (container.startup !== null) this.trigger(container.startup);
}

/** Mistakes, each against one rule, and what the property says about them. */
const MISTAKES: readonly [what: string, prototype: object, method: string, other: (...values: never[]) => unknown, message: RegExp][] = [
  ['containers that stop leave their pod serving', ContainerRuntime.prototype, 'stopsListening', () => undefined, /serves|listens/],
  ['probes pass whatever the application does', Prober.prototype, 'healthyAt', () => true, /ready before it listened|without having listened/],
  ['probes are not reset by a restart', Prober.prototype, 'attach', forgetsReset as never, /ready before it listened/],
  ['an address is given while it is in use', PodAddresses.prototype, 'take', () => '10.1.0.2', /used twice|serves another pod/],
  ['admitted pods are not counted', Termination.prototype, 'claimNode', () => undefined, /running containers request/],
];

for (const [what, prototype, method, other, message] of MISTAKES) {
  test(`the property finds that ${what}`, () => {
    mutated(prototype, method, other, () => {
      const found = fc.check(lives, { numRuns: 300, seed: 7, endOnFailure: true });
      assert.ok(found.failed, 'nothing was found');
      assert.match(String(found.errorInstance), message);
    });
  });
}
