import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifest } from '../../src/api/manifest.js';
import type { Pod } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { Deployment } from '../../src/api/workloads.js';
import { infoOfKind } from '../../src/api/resources.js';
import { planDrain } from '../../src/client/kubectl/drain.js';
import { Kubectl } from '../../src/client/kubectl/kubectl.js';
import { findRevision } from '../../src/client/kubectl/rollout.js';
import { LAST_APPLIED, mergeThreeWay, withLastApplied } from '../../src/client/kubectl/three-way.js';
import { KubectlProblem, splitKubectl } from '../../src/scenario/kubectl.js';
import type { DrainOptions, KubectlCommand } from '../../src/scenario/types.js';
import { Answers, answered, SetLabel, setUp } from './harness.js';

function manifest(raw: Record<string, unknown>): KubernetesObject {
  const { object, errors } = readManifest(raw) as { object?: KubernetesObject; errors?: unknown };
  assert.ok(object !== undefined, JSON.stringify(errors));
  return object;
}

function web(image: string, labels: Record<string, string> = { team: 'a' }): KubernetesObject {
  return manifest({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', labels },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
    },
  });
}

const target = { resource: 'deployments', object: { namespace: 'default', name: 'web' } } as const;

class Output {
  readonly lines: string[] = [];
  note(phase: string, message: string): void {
    this.lines.push(phase === 'error' ? `error: ${message}` : message);
  }
}

function world() {
  const base = setUp(1);
  const { simulation, connections, client, clientHost } = base;
  const kubectl = new Kubectl({ simulation, connections, user: 'kubernetes-admin', host: clientHost, preferredServer: 0, kubernetesVersion: '1.34' });
  const server = connections.servers[0]!;
  /** Runs a command to its end (or for a while) and says which requests it made and what it printed. */
  const run = (command: KubectlCommand, seconds = 60) => {
    server.metrics.reset();
    const output = new Output();
    const run = kubectl.run(command, output);
    simulation.run(simulation.now + seconds * 1e9);
    return { code: run.exitCode, lines: output.lines, requests: answered(connections) };
  };
  const stored = (resource: string, name: string) => server.cache(resource).objects.get(`default/${name}`)!;
  const put = (object: KubernetesObject) => {
    const { resource } = infoOfKind(object.apiVersion, object.kind)!;
    const { namespace, name } = object.metadata;
    const answers = new Answers();
    client.request({ verb: 'create', resource, namespace, name, body: object }, answers, 0);
    simulation.run(simulation.now + 1e9);
    assert.equal(answers.list[0]!.code, 201, answers.list[0]!.message);
  };
  return { ...base, kubectl, server, run, stored, put };
}

test('apply: GET and POST, then GET alone when nothing changed, GET and PATCH when something did', () => {
  const { run, stored } = world();
  const apply = (object: KubernetesObject) => run({ text: '', verb: 'apply', objects: [object] });
  assert.deepEqual(apply(web('nginx:1')), {
    code: 0,
    lines: ['deployment.apps/web created'],
    requests: { 'create deployments 201': 1, 'get deployments 404': 1 },
  });
  assert.deepEqual(apply(web('nginx:1')), { code: 0, lines: ['deployment.apps/web unchanged'], requests: { 'get deployments 200': 1 } });
  assert.deepEqual(apply(web('nginx:2', { tier: 'front' })), {
    code: 0,
    lines: ['deployment.apps/web configured'],
    requests: { 'get deployments 200': 1, 'patch deployments 200': 1 },
  });
  const now = stored('deployments', 'web') as Deployment;
  assert.equal(now.spec.template.spec.containers[0]!.image, 'nginx:2');
  assert.deepEqual(now.metadata.labels, { tier: 'front' }, 'the label that the manifest dropped is gone');
});

test('create of what exists, get, scale, set image, delete', () => {
  const { run, stored } = world();
  const create: KubectlCommand = { text: '', verb: 'create', objects: [web('nginx:1')] };
  assert.equal(run(create).code, 0);
  const again = run(create);
  assert.equal(again.code, 1);
  assert.deepEqual(again.requests, { 'create deployments 409': 1 });
  assert.deepEqual(run({ text: '', verb: 'get', target, watch: false }).requests, { 'get deployments 200': 1 });
  const all = { resource: 'deployments', object: { namespace: 'default', name: '' } };
  assert.deepEqual(run({ text: '', verb: 'get', target: all, watch: true }).requests, { 'list deployments 200': 1, 'watch deployments 200': 1 });
  const scaled = run({ text: '', verb: 'scale', target, replicas: 7 });
  assert.deepEqual(scaled, {
    code: 0,
    lines: ['deployment.apps/web scaled'],
    requests: { 'get deployments 200': 1, 'patch deployments/scale 200': 1 },
  });
  assert.equal((stored('deployments', 'web') as Deployment).spec.replicas, 7);
  const images = { c: 'nginx:9' };
  assert.deepEqual(run({ text: '', verb: 'set image', target, images }).requests, { 'get deployments 200': 1, 'patch deployments 200': 1 });
  assert.deepEqual(run({ text: '', verb: 'set image', target, images }).requests, { 'get deployments 200': 1 });
  assert.deepEqual(run({ text: '', verb: 'set image', target, images: { d: 'x' } }).lines, ['error: error: unable to find container named "d"']);
  const options = { wait: true, propagationPolicy: 'Background' } as const;
  const gone = run({ text: '', verb: 'delete', targets: [target], files: false, options });
  assert.deepEqual(gone, { code: 0, lines: ['deployment.apps/web deleted'], requests: { 'delete deployments 200': 1, 'get deployments 404': 1 } });
  const missing = run({ text: '', verb: 'scale', target, replicas: 1 });
  assert.deepEqual(missing.lines, ['error: Error from server (NotFound): deployments.apps "web" not found']);
});

test('rollout status: GET, LIST, WATCH, no polling; it ends when the status says so', () => {
  const { run, client, simulation, kubectl, put, connections, server } = world();
  put(web('nginx:1'));
  const waiting = run({ text: '', verb: 'rollout status', target, timeout: 30e9 });
  assert.deepEqual(waiting.lines, ['Waiting for deployment spec update to be observed...', 'error: error: timed out waiting for the condition']);
  server.metrics.reset();
  const output = new Output();
  const status = kubectl.run({ text: '', verb: 'rollout status', target, timeout: 0 }, output);
  simulation.run(simulation.now + 20e9);
  assert.equal(status.exitCode, -1);
  assert.deepEqual(answered(connections), { 'get deployments 200': 1, 'list deployments 200': 1, 'watch deployments 200': 1 });
  const current = server.cache('deployments').objects.get('default/web') as Deployment;
  const done = { observedGeneration: current.metadata.generation, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
  client.request({ verb: 'update', ...target, namespace: 'default', name: 'web', subresource: 'status', body: { ...current, status: done } as Deployment }, new Answers(), 0);
  simulation.run(simulation.now + 1e9);
  assert.equal(status.exitCode, 0);
  assert.equal(output.lines.at(-1), 'deployment "web" successfully rolled out');
});

test('rollout undo: two GETs, LIST of ReplicaSets, PATCH with the template before', () => {
  const { run, put, stored } = world();
  put(web('nginx:2'));
  const { uid } = stored('deployments', 'web').metadata;
  for (const [revision, image] of [['1', 'nginx:1'], ['2', 'nginx:2']] as const) {
    const { spec } = web(image) as Deployment;
    const labels = { app: 'web', 'pod-template-hash': `h${revision}` };
    put({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        ...web(image).metadata,
        name: `web-h${revision}`,
        labels,
        annotations: { 'deployment.kubernetes.io/revision': revision },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid, controller: true }],
      },
      spec: { replicas: 0, minReadySeconds: 0, selector: { matchLabels: labels }, template: { ...spec.template, metadata: { labels } } },
      status: { replicas: 0 },
    } as unknown as KubernetesObject);
  }
  const undo = run({ text: '', verb: 'rollout undo', target, toRevision: 0 });
  assert.deepEqual(undo, {
    code: 0,
    lines: ['deployment.apps/web rolled back'],
    requests: { 'get deployments 200': 2, 'list replicasets 200': 1, 'patch deployments 200': 1 },
  });
  const { template } = (stored('deployments', 'web') as Deployment).spec;
  assert.equal(template.spec.containers[0]!.image, 'nginx:1');
  assert.deepEqual(template.metadata.labels, { app: 'web' });
  assert.match(run({ text: '', verb: 'rollout undo', target, toRevision: 1 }).lines[0]!, /skipped rollback \(current template already matches revision 1\)/);
  assert.match(run({ text: '', verb: 'rollout undo', target, toRevision: 9 }).lines[0]!, /unable to find specified revision 9 in history/);
  assert.match(findRevision([], 0, 'deployment "web"') as string, /no rollout history found for deployment "web"/);
});

const options: DrainOptions = { force: false, ignoreDaemonSets: true, deleteEmptyDirData: false, disableEviction: true, timeout: 0 };

function pod(name: string, owner: string | undefined, extra: Record<string, unknown> = {}): Pod {
  const object = manifest({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'nginx:1' }], ...extra },
  }) as Pod;
  if (owner === undefined) return object;
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: owner, name: 'o', uid: 'u', controller: true }];
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

test('drain plans: daemons stay, unmanaged pods and local storage need flags', () => {
  const local = pod('local', 'ReplicaSet', { volumes: [{ name: 'v', emptyDir: {} }] });
  const pods = [pod('managed', 'ReplicaSet'), pod('daemon', 'DaemonSet'), pod('bare', undefined), local];
  const names = (plan: ReturnType<typeof planDrain>) => plan.pods.map(({ metadata }) => metadata.name);
  assert.deepEqual(planDrain(pods, options).errors, [
    'cannot delete cannot delete Pods that declare no controller (use --force to override): default/bare',
    'cannot delete Pods with local storage (use --delete-emptydir-data to override): default/local',
  ]);
  assert.deepEqual(names(planDrain(pods, { ...options, force: true, deleteEmptyDirData: true })), ['managed', 'bare', 'local']);
  assert.equal(planDrain(pods, { ...options, ignoreDaemonSets: false }).errors.length, 3);
});

test('drain: GET and PATCH of the node, LIST of pods, a DELETE each, then a GET a second until the pods are gone', () => {
  const { run, put, client, simulation, kubectl, server, connections } = world();
  put(manifest({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' }, capacity: { cpu: '4', memory: '8Gi', pods: '110' } } }));
  put(pod('a', 'ReplicaSet'));
  server.metrics.reset();
  const output = new Output();
  const drain = kubectl.run({ text: '', verb: 'drain', node: 'n1', options }, output);
  simulation.run(simulation.now + 3.5e9);
  assert.equal(drain.exitCode, -1);
  assert.deepEqual(answered(connections), {
    'delete pods 200': 1,
    'get nodes 200': 1,
    'get pods 200': 4,
    'list pods 200': 1,
    'patch nodes 200': 1,
  });
  // The kubelet ends the grace period.
  client.request({ verb: 'delete', resource: 'pods', namespace: 'default', name: 'a', gracePeriodSeconds: 0 }, new Answers(), 0);
  simulation.run(simulation.now + 2e9);
  assert.equal(drain.exitCode, 0);
  assert.deepEqual(output.lines, ['node/n1 cordoned', 'evicting pod default/a', 'pod/a evicted', 'node/n1 drained']);
  assert.deepEqual(run({ text: '', verb: 'cordon', node: 'n1' }).requests, { 'get nodes 200': 1 });
  assert.deepEqual(run({ text: '', verb: 'uncordon', node: 'n1' }).requests, { 'get nodes 200': 1, 'patch nodes 200': 1 });
});

const configMaps = (count: number) =>
  Array.from({ length: count }, (_, i) => manifest({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c${String(i).padStart(4, '0')}`, namespace: 'default' } }));

test('get lists in pages of 500 of one state; --watch goes on from there, that of one object from a GET', () => {
  const { run, simulation, put, kubectl, connections, server, client } = world();
  for (const object of configMaps(1200)) client.request({ verb: 'create', resource: 'configmaps', namespace: 'default', name: object.metadata.name, body: object }, new Answers(), 0);
  simulation.run(simulation.now + 30e9);
  const all = { resource: 'configmaps', object: { namespace: 'default', name: '' } };
  assert.deepEqual(run({ text: '', verb: 'get', target: all, watch: false }), { code: 0, lines: ['1200 configmaps'], requests: { 'list configmaps 200': 3 } });
  const one = { resource: 'configmaps', object: { namespace: 'default', name: 'c0001' } };
  server.metrics.reset();
  const [some, single] = [kubectl.run({ text: '', verb: 'get', target: all, watch: true }, new Output()), kubectl.run({ text: '', verb: 'get', target: one, watch: true }, new Output())] as unknown as { events: number; exitCode: number }[];
  simulation.run(simulation.now + 5e9);
  assert.deepEqual(answered(connections), { 'get configmaps 200': 1, 'list configmaps 200': 3, 'watch configmaps 200': 2 });
  put(manifest({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new', namespace: 'default' } }));
  client.request({ verb: 'patch', ...one, namespace: 'default', name: 'c0001', patch: new SetLabel('x') }, new Answers(), 0);
  simulation.run(simulation.now + 1e9);
  assert.deepEqual([some!.events, single!.events, some!.exitCode], [2, 1, -1]);
});

test('delete --all: LIST in pages, a DELETE each in turn at 5 a second after the first 10, then it waits for each', () => {
  const { run, simulation, client, stored } = world();
  for (const object of configMaps(30)) client.request({ verb: 'create', resource: 'configmaps', namespace: 'default', name: object.metadata.name, body: object }, new Answers(), 0);
  simulation.run(simulation.now + 5e9);
  const all = { resource: 'configmaps', object: { namespace: 'default', name: '' } };
  const options = { wait: true, propagationPolicy: 'Background' } as const;
  const command: KubectlCommand = { text: '', verb: 'delete', targets: [all], files: false, options };
  // The LIST and nine DELETEs are free, the other 21 take a fifth of a second each; the GETs of the dynamic client have a limiter of their own.
  const after = run(command, 4.1);
  assert.equal(after.code, -1);
  assert.deepEqual(after.requests, { 'delete configmaps 200': 29, 'list configmaps 200': 1 });
  assert.notEqual(stored('configmaps', 'c0029'), undefined, 'the last one waits for its token');
  simulation.run(simulation.now + 20e9);
  assert.equal(stored('configmaps', 'c0029'), undefined);
  assert.deepEqual(run(command), { code: 0, lines: ['No resources found'], requests: { 'list configmaps 200': 1 } });
});

test('delete waits for an object that is still there: GET, LIST, WATCH; --wait=false does not; files have a limiter an object', () => {
  const { run, put, client, simulation, kubectl, server, connections } = world();
  put(pod('a', 'ReplicaSet'));
  const one = { resource: 'pods', object: { namespace: 'default', name: 'a' } };
  const background = { propagationPolicy: 'Background' } as const;
  const quick = run({ text: '', verb: 'delete', targets: [one], files: false, options: { wait: false, ...background } });
  assert.deepEqual(quick, { code: 0, lines: ['pod/a deleted'], requests: { 'delete pods 200': 1 } });
  server.metrics.reset();
  const waiting = kubectl.run({ text: '', verb: 'delete', targets: [one], files: false, options: { wait: true, ...background } }, new Output());
  simulation.run(simulation.now + 10e9);
  assert.equal(waiting.exitCode, -1);
  assert.deepEqual(answered(connections), { 'delete pods 200': 1, 'get pods 200': 1, 'list pods 200': 1, 'watch pods 200': 1 });
  client.request({ verb: 'delete', resource: 'pods', namespace: 'default', name: 'a', gracePeriodSeconds: 0 }, new Answers(), 0);
  simulation.run(simulation.now + 0.1e9);
  assert.equal(waiting.exitCode, 0);
  const many = configMaps(40);
  assert.deepEqual(run({ text: '', verb: 'create', objects: many }, 1).requests, { 'create configmaps 201': 40 }, 'no token is waited for');
  const targets = many.map(({ metadata: { namespace, name } }) => ({ resource: 'configmaps', object: { namespace, name } }));
  const files = run({ text: '', verb: 'delete', targets, files: true, options: { wait: false, ...background } }, 1);
  assert.deepEqual([files.code, files.requests], [0, { 'delete configmaps 200': 40 }]);
});

test('drain evicts 5 pods a second after the first 10: nobody has stated limits for its clients', () => {
  const { run, put, client, simulation } = world();
  put(manifest({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' }, capacity: { cpu: '4', memory: '8Gi', pods: '110' } } }));
  for (let i = 0; i < 20; i++) client.request({ verb: 'create', resource: 'pods', namespace: 'default', name: `p${i}`, body: pod(`p${i}`, 'ReplicaSet') }, new Answers(), 0);
  simulation.run(simulation.now + 5e9);
  const count = (seconds: number) => run({ text: '', verb: 'drain', node: 'n1', options: { ...options, disableEviction: false } }, seconds).requests['create pods/eviction 201'];
  assert.equal(count(1.1), 15, 'ten at once, five in the second after');
});

test('three-way merge: the manifest wins, what it dropped goes, what others added stays', () => {
  const first = withLastApplied(web('nginx:1')) as Deployment;
  assert.equal(mergeThreeWay(web('nginx:1'), first), first, 'nothing to do');
  const { template } = first.spec;
  const sidecar = { ...template.spec.containers[0]!, name: 'sidecar', image: 'proxy:1' };
  const touched = {
    ...first,
    metadata: { ...first.metadata, labels: { ...first.metadata.labels, other: 'x' } },
    spec: { ...first.spec, template: { ...template, spec: { ...template.spec, containers: [...template.spec.containers, sidecar] } } },
  };
  const merged = mergeThreeWay(web('nginx:2', {}), touched) as Deployment;
  assert.deepEqual(merged.metadata.labels, { other: 'x' });
  assert.deepEqual(merged.spec.template.spec.containers.map(({ image }) => image), ['nginx:2', 'proxy:1']);
  assert.ok(merged.metadata.annotations![LAST_APPLIED]!.includes('nginx:2'));
  assert.equal(mergeThreeWay(web('nginx:2', {}), merged), merged, 'twice is once');
});

test('command lines: verbs, flags and the nearest right one', () => {
  const problem = (text: string) => (splitKubectl(text) as KubectlProblem).message;
  assert.equal(problem('rollot undo deployment/web'), 'unknown kubectl command "rollot undo"; did you mean "rollout undo"?');
  assert.equal(problem('rollout unod deployment/web'), 'unknown kubectl command "rollout unod"; did you mean "rollout undo"?');
  assert.equal(problem('drian node-1'), 'unknown kubectl command "drian"; did you mean "drain"?');
  assert.equal(problem('scale deployment/web --replica=3'), 'kubectl scale has no flag "--replica"; did you mean "--replicas"?');
  assert.equal(problem('scale deployment/web --replicas'), 'the flag --replicas needs a value');
  assert.match(problem('apply -f web.yaml --server-side'), /^kubectl apply --server-side is not modelled: objects have no managedFields here/);
  const line = splitKubectl('kubectl set image deployment/web c="nginx:2" -n shop');
  assert.ok(!(line instanceof KubectlProblem));
  assert.deepEqual([line.verb, [...line.flags]], ['set image', [['namespace', 'shop']]]);
});
