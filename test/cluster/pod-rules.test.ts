import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../../src/api/core.js';
import type { ScenarioRun } from '../../src/cluster/run.js';
import { PodAddresses } from '../../src/node/addresses.js';
import { ContainerRuntime } from '../../src/node/container-runtime.js';
import { Prober } from '../../src/node/prober.js';
import { type PodRecord, RUNNING } from '../../src/node/records.js';
import { PodServers } from '../../src/workload/pods.js';
import { Cases, deployment, service } from './cases.js';

/** Rules that pods keep in any whole cluster, whatever breaks: looked at ten times a second in random scenarios with faults. */

const cases = new Cases('pod-rules');
const NODES = 6;
const SECONDS = 100;
const RUNS = Number(process.env['POD_RULES_RUNS'] ?? 8);

// Three fit on a node of four cores.
cases.write(
  'web.yaml',
  deployment(12, {
    pod: [
      'tolerations:',
      '  - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 5 }',
      '  - { key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 5 }',
      'terminationGracePeriodSeconds: 8',
    ],
    image: 'registry.example/web:v1',
    container: [
      'resources: { requests: { cpu: "1", memory: 1Gi } }',
      'readinessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 2, failureThreshold: 1 }',
      'livenessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 5 }',
    ],
  }),
  service(),
);

const node = fc.nat(NODES - 1).map((i) => `node-${i}`);
const action = fc.oneof(
  fc.record({ fail: fc.record({ node }), for: fc.integer({ min: 5, max: 40 }).map((s) => `${s}s`) }),
  fc.record({ fail: fc.record({ hang: node }), for: fc.integer({ min: 5, max: 40 }).map((s) => `${s}s`) }),
  fc.record({ fail: fc.record({ link: fc.record({ from: node, to: fc.constant('control-plane-0'), oneWay: fc.boolean() }) }), for: fc.integer({ min: 5, max: 60 }).map((s) => `${s}s`) }),
  fc.record({ fail: fc.record({ link: fc.record({ from: fc.constant('control-plane-0'), to: node, oneWay: fc.constant(true) }) }), for: fc.integer({ min: 5, max: 60 }).map((s) => `${s}s`) }),
  fc.record({ restart: fc.record({ kubelet: node, start: fc.constant('5s') }) }),
  fc.record({ restart: fc.record({ runtime: node, start: fc.constant('12s') }) }),
  fc.record({ kubectl: node.map((name) => `kubectl drain ${name}`) }),
  fc.record({ kubectl: node.map((name) => `kubectl uncordon ${name}`) }),
  fc.record({ setImage: fc.record({ deployment: fc.constant('web'), image: fc.constantFrom('registry.example/web:v2', 'registry.example/web:v3') }) }),
  fc.record({ scale: fc.record({ deployment: fc.constant('web'), replicas: fc.integer({ min: 0, max: 30 }) }) }),
);
const plans = fc.array(fc.tuple(fc.integer({ min: 1, max: SECONDS - 20 }), action), { minLength: 2, maxLength: 8 });

function start(plan: readonly (readonly [number, object])[]): ScenarioRun {
  return cases.start({
    duration: `${SECONDS}s`,
    cluster: { nodes: [{ count: NODES, name: 'node', zones: ['a', 'b', 'c'], template: 'node.yaml' }] },
    manifests: 'web.yaml',
    behaviour: [
      { image: '*/web:v1', start: '3s', stop: '2s', drains: true, cached: true, request: { time: '20ms', concurrency: 4 } },
      { image: '*/web:v2', start: '5s', stop: '12s', cached: true, request: { time: '20ms', concurrency: 4 } },
      { image: '*/web:v3', start: '1s', stop: '1s', cached: true, memory: { base: '500Mi', leakPerSecond: '200Mi' }, request: { time: '20ms', concurrency: 4 } },
    ],
    traffic: [{ to: 'service/web', rate: '100/s', timeout: '2s' }],
    timeline: [...plan].sort(([a], [b]) => a - b).map(([at, what]) => ({ at: `${at}s`, ...what })),
  });
}

/** Whether every container of a pod runs. */
function runs(pod: PodRecord): boolean {
  return pod.main.every(({ state }) => state === RUNNING);
}

function check(run: ScenarioRun): void {
  const { cluster } = run;
  const { workload, kubelets, simulation } = cluster;
  const records = new Map<string, PodRecord>();
  const addresses = new Map<string, string>();
  for (const machine of kubelets.fleet.nodes) {
    let cpu = 0;
    let pods = 0;
    for (const record of machine.pods.values()) {
      records.set(record.uid, record);
      const { address } = record;
      if (address !== undefined) {
        assert.equal(addresses.get(address), undefined, `${address} is used twice`);
        addresses.set(address, record.uid);
      }
      const alive = record.main.filter(({ state }) => state === RUNNING);
      for (const { spec } of alive) cpu += spec.resources?.requests?.['cpu'] ?? 0;
      if (alive.length > 0) pods++;
    }
    const { allocatable } = machine.node.status;
    assert.ok(cpu <= allocatable['cpu']! && pods <= allocatable['pods']!, `${machine.name}: ${cpu} millicores requested by what runs`);
  }
  for (const server of workload.pods.running) {
    const record = records.get(server.uid);
    assert.ok(record !== undefined && runs(record), `${server.uid} serves after its containers stopped`);
    assert.equal(record.address === undefined ? -1 : cluster.proxies.addresses.number(record.address), server.address, 'a pod serves at an address that it does not have');
    assert.equal(workload.pods.at(server.address), server, 'two pods serve at one address');
  }
  for (const object of cluster.connections.current('pods')) {
    const pod = object as Pod;
    const ready = pod.status.conditions?.find(({ type }) => type === 'Ready');
    const record = records.get(pod.metadata.uid);
    if (ready?.status !== 'True' || record === undefined) continue;
    const [container] = record.main;
    // Of an earlier life nothing is known here; of this one the application listened before the probe passed, and that before it was written.
    if (container!.startedAt > ready.lastTransitionTime!) continue;
    assert.ok(container!.listenAt <= ready.lastTransitionTime! && ready.lastTransitionTime! <= simulation.now, `${pod.metadata.name} is Ready without a passed probe`);
  }
}

const rules = fc.property(plans, (plan) => {
  const run = start(plan);
  const { simulation } = run.cluster;
  while (!run.done) {
    simulation.run(simulation.now + 1e8);
    if (run.origin >= 0) check(run);
  }
});

test('property: in random scenarios with faults pods keep their rules', () => {
  const found = fc.check(rules, { numRuns: RUNS, seed: 11, endOnFailure: true });
  assert.ok(!found.failed, `${found.errorInstance}: ${JSON.stringify(found.counterexample)}`);
});

const MISTAKES: readonly [what: string, prototype: object, method: string, other: (...values: never[]) => unknown, message: RegExp][] = [
  ['requests are served by pods that have stopped', PodServers.prototype, 'podStoppedListening', () => undefined, /serves after|does not have|two pods/],
  ['probes pass before the application listens', Prober.prototype, 'healthyAt', () => true, /Ready without a passed probe/],
  ['addresses of other nodes are given out', PodAddresses.prototype, 'take', () => '10.9.9.9', /used twice/],
  ['containers that stop leave their pod serving', ContainerRuntime.prototype, 'stopsListening', () => undefined, /serves after|does not have/],
];

for (const [what, prototype, method, other, message] of MISTAKES) {
  test(`the property finds that ${what}`, () => {
    const methods = prototype as Record<string, unknown>;
    const own = methods[method];
    methods[method] = other;
    try {
      const found = fc.check(rules, { numRuns: RUNS, seed: 11, endOnFailure: true });
      assert.ok(found.failed, 'nothing was found');
      assert.match(String(found.errorInstance), message);
    } finally {
      methods[method] = own;
    }
  });
}
