import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { InputErrors, isInputError, loadScenario } from '../../src/scenario/index.js';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'towtank-machines-'));
});
after(() => rmSync(folder, { recursive: true }));

const NODE = '{ apiVersion: v1, kind: Node, metadata: { name: n }, status: { capacity: { cpu: 4, memory: 8Gi, pods: 10 } } }';

function load(text: string) {
  const file = join(folder, 'scenario.yaml');
  writeFileSync(file, text);
  return loadScenario(file);
}

function problems(text: string): string {
  try {
    load(text);
  } catch (error) {
    if (isInputError(error) || error instanceof InputErrors) return String(error);
    throw error;
  }
  return '';
}

test('the runtime of a group of nodes, or of their manifest, is part of the Node objects', () => {
  const { cluster, findings } = load(`cluster: { nodes: [{ name: a, count: 1, runtime: cri-o, template: ${NODE} }, { name: b, count: 1, runtime: docker://28.3.3, supervisor: none, template: ${NODE} }, { name: c, count: 1, template: ${NODE} }] }\n`);
  const versions = cluster.nodes.map(({ status }) => status.nodeInfo?.['containerRuntimeVersion']);
  assert.deepEqual(versions, ['cri-o://', 'docker://28.3.3', undefined]);
  assert.deepEqual(cluster.machines, { 'b-0': { unsupervised: true } });
  assert.deepEqual(findings, []);
});

test('a runtime that is not known: an error in the scenario, a warning about a manifest', () => {
  const text = problems(`cluster: { nodes: [{ count: 1, runtime: crio, template: ${NODE} }] }\n`);
  assert.match(text, /scenario\.yaml:1:\d+: expected containerd, cri-o or docker, found crio/);
  const { findings } = load(`cluster: { nodes: [{ count: 2, template: ${NODE.replace('status: {', 'status: { nodeInfo: { containerRuntimeVersion: "rkt://1.30.0" },')} }] }\n`);
  assert.equal(findings.length, 1);
  assert.match(findings[0]!.message, /^node node-0: the container runtime rkt:\/\/1\.30\.0 is not known; .* containerd/);
});

test('a timeline lets a kubelet die twice; its supervisor starts it again each time', () => {
  const scenario = load(`
duration: 60s
cluster: { nodes: [{ count: 2, template: ${NODE} }] }
timeline:
  - { at: 5s, fail: { kubelet: node-1 } }
  - { at: 30s, fail: { kubelet: node-1 } }
  - { at: 35s, heal: { kubelet: node-1 } }
`);
  const run = new ScenarioRun(scenario);
  run.warmUp();
  const node = run.cluster.kubelets.fleet.nodes[1]!;
  const down: number[] = [];
  while (run.advance()) if (!node.up) down.push(Math.floor((run.cluster.simulation.now - run.origin) / 1e9));
  // Sampled each second, after what happens in it.
  assert.deepEqual(down, [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 30, 31, 32, 33, 34]);
  assert.deepEqual(run.timeline.log.map(({ message }) => message), ['the kubelet of node-1 dies', 'the kubelet of node-1 dies', 'the kubelet of node-1 is started']);
});

const PROXY = `apiVersion: v1
kind: Pod
metadata: { name: proxy, namespace: kube-system, labels: { tier: node } }
spec:
  hostNetwork: true
  priorityClassName: system-node-critical
  containers: [{ name: proxy, image: "proxy:1", resources: { requests: { cpu: 250m } } }]
`;

function staticScenario(timeline: string, nodes = 2): string {
  writeFileSync(join(folder, 'proxy.yaml'), PROXY);
  return `
duration: 150s
cluster: { nodes: [{ count: ${nodes}, staticPods: proxy.yaml, template: ${NODE} }] }
behaviour: [{ image: "proxy:1", cached: true }]
${timeline}`;
}

function pods(run: ScenarioRun): Pod[] {
  return [...run.cluster.connections.current('pods')].map((object) => object as Pod);
}

test('static pods of a scenario: mirrors with the class’s priority, that survive deletion, eviction and drains', () => {
  const scenario = load(staticScenario(`timeline:
  - { at: 10s, kubectl: "delete pod proxy-node-0 -n kube-system" }
  - { at: 60s, kubectl: "drain node-1 --force" }
`));
  const run = new ScenarioRun(scenario);
  run.warmUp();
  const before = pods(run);
  assert.deepEqual(before.map(({ metadata }) => metadata.name).sort(), ['proxy-node-0', 'proxy-node-1']);
  for (const pod of before) {
    assert.equal(pod.status.phase, 'Running', pod.metadata.name);
    assert.equal(pod.spec.priority, 2_000_001_000);
    assert.equal(pod.status.podIP, pod.status.hostIP);
  }
  while (run.advance());
  const after = pods(run);
  assert.equal(after.length, 2);
  for (const { metadata, status } of after) {
    assert.equal(status.phase, 'Running');
    assert.equal(metadata.deletionTimestamp, undefined);
    const same = before.some(({ metadata: { uid } }) => uid === metadata.uid);
    assert.equal(same, metadata.name === 'proxy-node-1', metadata.name);
    assert.equal(status.containerStatuses![0]!.restartCount, 0);
  }
  assert.ok(run.timeline.log.some(({ message }) => message === 'node/node-1 drained'), run.timeline.log.map(({ message }) => message).join('\n'));
});

test('a node that is gone from the API gets no mirror', () => {
  const run = new ScenarioRun(load(staticScenario('timeline: [{ at: 10s, delete: { object: node/node-1 } }]\n')));
  run.warmUp();
  while (run.advance());
  assert.deepEqual(pods(run).map(({ metadata }) => metadata.name), ['proxy-node-0']);
});

test('what is no static pod is an error at its place', () => {
  writeFileSync(join(folder, 'service.yaml'), 'apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { ports: [{ port: 80 }] }\n');
  assert.match(problems(`cluster: { nodes: [{ count: 1, staticPods: service.yaml, template: ${NODE} }] }\n`), /service\.yaml:2:7: expected a Pod, found a Service/);
  writeFileSync(join(folder, 'account.yaml'), PROXY.replace('hostNetwork: true', 'serviceAccountName: admin'));
  assert.match(problems(`cluster: { nodes: [{ count: 1, staticPods: account.yaml, template: ${NODE} }] }\n`), /account\.yaml:5:3: static pods may not reference serviceaccounts/);
});

test('a timeline writes and removes files of static pods', () => {
  writeFileSync(join(folder, 'proxy.yaml'), PROXY);
  const run = new ScenarioRun(load(`
duration: 60s
cluster: { nodes: [{ count: 1, template: ${NODE} }] }
behaviour: [{ image: "proxy:1", cached: true }]
timeline:
  - { at: 5s, staticPod: { node: node-0, apply: proxy.yaml } }
  - { at: 30s, staticPod: { node: node-0, remove: kube-system/proxy } }
  - { at: 31s, staticPod: { node: node-0, remove: proxy } }
`));
  run.warmUp();
  let most = 0;
  while (run.advance()) most = Math.max(most, pods(run).length);
  assert.equal(most, 1);
  assert.deepEqual(pods(run), []);
  assert.deepEqual(run.timeline.log.map(({ phase }) => phase), ['static pod', 'static pod', 'error']);
});

const SHOP = `apiVersion: apps/v1
kind: Deployment
metadata: { name: front }
spec:
  replicas: 2
  selector: { matchLabels: { app: front } }
  template:
    metadata: { labels: { app: front } }
    spec: { containers: [{ name: front, image: "front:1" }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: cart }
spec:
  replicas: 2
  selector: { matchLabels: { app: cart } }
  template:
    metadata: { labels: { app: cart } }
    spec: { containers: [{ name: cart, image: "cart:1" }] }
`;
const CART = 'apiVersion: v1\nkind: Service\nmetadata: { name: cart }\nspec: { selector: { app: cart }, ports: [{ port: 80 }] }\n';

test('clients that find Services by their environment cannot reach one that is created after them; the endpoints show why', () => {
  writeFileSync(join(folder, 'shop.yaml'), SHOP);
  writeFileSync(join(folder, 'cart.yaml'), CART);
  const run = new ScenarioRun(load(`
duration: 90s
cluster: { nodes: [{ count: 2, template: ${NODE} }] }
manifests: shop.yaml
behaviour: [{ image: "front:1", cached: true, exit: { after: 60s, code: 1 } }, { image: "cart:1", cached: true }]
traffic: [{ to: service/cart, client: deployment/front, discovery: environment, rate: 20/s, from: 10s }]
timeline:
  - { at: 5s, apply: cart.yaml }
  - { at: 20s, inspect: { kubelet: "*" } }
  - { at: 85s, inspect: { kubelet: "*" } }
`));
  run.warmUp();
  while (run.advance());
  const result = run.result();
  const start = run.origin / 1e9;
  const before = run.cluster.workload.totals(run.origin + 10e9, run.origin + 20e9);
  const after = run.cluster.workload.totals(run.origin + 75e9, run.origin + 85e9);
  assert.ok(before.requests > 100);
  assert.deepEqual(before.byCause, { 'not-in-environment': before.errors });
  assert.equal(before.errors, before.requests);
  assert.equal(after.errors, 0, `${start}: their containers have started again`);
  const failures = result.summary.findings;
  assert.ok(Array.isArray(failures));
  assert.deepEqual(result.files!.map(({ name }) => name), ['kubelet.node-0.20s.json', 'kubelet.node-1.20s.json', 'kubelet.node-0.85s.json', 'kubelet.node-1.85s.json']);
  const hosts = result.files!.map(({ content }) => {
    const { environments } = JSON.parse(content) as { environments: Record<string, Record<string, Record<string, string>>> };
    return Object.entries(environments).flatMap(([name, containers]) => (name.startsWith('default/front') ? [containers['front']!['CART_SERVICE_HOST'] !== undefined] : []));
  });
  assert.deepEqual(hosts.slice(0, 2).flat(), [false, false]);
  assert.deepEqual(hosts.slice(2).flat(), [true, true]);
});

test('inodes and process ids of machines and of containers', () => {
  const run = new ScenarioRun(load(`
duration: 100s
cluster: { nodes: [{ count: 2, inodes: 100000, processIds: 4096, template: ${NODE} }], kubelet: { evictionHard: { pid.available: 10% } } }
manifests: shop.yaml
behaviour: [{ image: "front:1", cached: true, processes: { base: 10 } }, { image: "cart:1", cached: true, processes: { base: 20, growPerSecond: 40 } }]
`));
  run.warmUp();
  while (run.advance());
  const evicted = pods(run).filter(({ status }) => status.reason === 'Evicted' && !status.message!.startsWith('Pod was rejected'));
  assert.ok(evicted.length >= 2);
  for (const { metadata, status } of evicted) {
    assert.match(metadata.name, /^cart-/);
    assert.match(status.message!, /^The node was low on resource: pids\. Threshold quantity: 409, /);
  }
});
