import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isPodReady, type Pod } from '../../src/api/core.js';
import type { Deployment } from '../../src/api/workloads.js';
import type { ApiRequest } from '../../src/apiserver/request.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';

const folder = mkdtempSync(join(tmpdir(), 'towtank-kubectl-'));
const scenarios = fileURLToPath(new URL('../../../scenarios/', import.meta.url));
for (const name of ['hello', 'nodes']) cpSync(join(scenarios, name), join(folder, name), { recursive: true });
after(() => rmSync(folder, { recursive: true }));

function load(...timeline: string[]) {
  const lines = [
    'duration: 6m',
    'cluster: { nodes: [{ count: 4, zones: [a, b], template: nodes/4cpu-16gi.yaml }] }',
    'manifests: hello/hello.yaml',
    'behaviour: [{ image: "nginx:*", start: 200ms }]',
    'timeline:',
    ...timeline.map((entry) => `  - ${entry}`),
  ];
  const path = join(folder, 'scenario.yaml');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return loadScenario(path, {});
}

test('a timeline of kubectl commands: image, status, undo and drain against a whole cluster', () => {
  const scenario = load(
    '{ at: 1s, kubectl: "scale deployment/hello --replicas=6" }',
    '{ at: 10s, kubectl: "set image deployment/hello web=nginx:9.9" }',
    '{ at: 11s, kubectl: "rollout status deployment/hello" }',
    '{ at: 50s, kubectl: "rollout undo deployment/hello" }',
    '{ at: 51s, kubectl: "rollout status deploy hello --timeout=1m" }',
    '{ at: 80s, kubectl: "drain node-0 --ignore-daemonsets" }',
    '{ at: 110s, kubectl: "get pods -A" }',
  );
  const container = (scenario.objects.find(({ kind }) => kind === 'Deployment') as Deployment).spec.template.spec.containers[0]!;
  assert.equal(container.name, 'web');
  const run = new ScenarioRun({ ...scenario, duration: 120e9 });
  while (run.advance());
  const lines = run.timeline.log.map(({ phase, message }) => `${phase}: ${message}`);
  assert.equal(lines.filter((line) => line.startsWith('error')).join('\n'), '');
  assert.equal(lines.filter((line) => line === 'kubectl: deployment "hello" successfully rolled out').length, 2);
  assert.ok(lines.includes('kubectl: deployment.apps/hello rolled back'));
  assert.ok(lines.includes('kubectl: node/node-0 drained'), lines.join('\n'));
  const [hello] = [...run.cluster.connections.current('deployments')].filter(({ metadata }) => metadata.name === 'hello') as Deployment[];
  assert.equal(hello!.spec.template.spec.containers[0]!.image, container.image);
  for (const pod of run.cluster.connections.current('pods')) {
    assert.notEqual((pod as unknown as { spec: { nodeName?: string } }).spec.nodeName, 'node-0');
  }
});

/** Counts a user's answers since the start of the run. */
class Audit {
  readonly counts: Record<string, number> = {};
  answered(user: string, { verb, resource, subresource }: ApiRequest, code: number): void {
    if (user !== 'kubernetes-admin') return;
    const key = `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`} ${code}`;
    this.counts[key] = (this.counts[key] ?? 0) + 1;
  }
}

const sorted = (counts: Readonly<Record<string, number>>) => Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)).map((entry) => entry.join(' '));

test('each command by its name in a timeline, and the requests it makes', () => {
  const config = (value: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { key: "${value}" }\n`;
  for (const value of ['1', '2']) writeFileSync(join(folder, `settings-${value}.yaml`), config(value));
  const commands: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
    ['create -f settings-1.yaml', { 'create configmaps 201': 1 }],
    // An object that was created without the annotation gets it: a PATCH.
    ['apply -f settings-2.yaml', { 'get configmaps 200': 1, 'patch configmaps 200': 1 }],
    ['apply -f settings-2.yaml', { 'get configmaps 200': 1 }],
    ['get configmap settings', { 'get configmaps 200': 1 }],
    ['get deployments --watch', { 'list deployments 200': 1, 'watch deployments 200': 1 }],
    ['scale deployment/hello --replicas=6', { 'get deployments 200': 1, 'patch deployments/scale 200': 1 }],
    // What is complete is not watched.
    ['rollout status deployment/hello', { 'get deployments 200': 1, 'list deployments 200': 1 }],
    ['set image deployment/hello web=nginx:9.9; rollout status deployment/hello', { 'get deployments 200': 2, 'list deployments 200': 1, 'patch deployments 200': 1, 'watch deployments 200': 1 }],
    ['rollout undo deployment/hello', { 'get deployments 200': 2, 'list replicasets 200': 1, 'patch deployments 200': 1 }],
    // The node, its pods, an eviction each, and the first look at each pod, which is still there; then a look a second.
    ['drain node-0 --ignore-daemonsets', { 'get nodes 200': 1, 'patch nodes 200': 1, 'list pods 200': 1 }],
    // settings, and kube-root-ca.crt, which its controller has written anew when kubectl looks: another uid is gone enough.
    ['delete configmaps --all', { 'list configmaps 200': 1, 'delete configmaps 200': 2, 'get configmaps 200': 1, 'get configmaps 404': 1 }],
  ];
  const every = 30;
  const scenario = load(...commands.flatMap(([text], i) => text.split('; ').map((line, k) => `{ at: ${1 + i * every + k}s, kubectl: "${line}" }`)));
  const run = new ScenarioRun({ ...scenario, duration: (2 + commands.length * every) * 1e9 });
  let audit = new Audit();
  let next = 0;
  const seen: (readonly [string, Readonly<Record<string, number>>])[] = [];
  while (run.advance()) {
    if (run.origin < 0 || run.cluster.simulation.now < run.origin + next * every * 1e9 + 0.5e9) continue;
    if (next > 0) seen.push([commands[next - 1]![0], audit.counts]);
    audit = new Audit();
    run.cluster.connections.auditor = audit;
    next++;
  }
  const drained = seen.findIndex(([text]) => text.startsWith('drain'));
  const { 'create pods/eviction 201': evicted = 0, 'get pods 200': looks = 0, 'get pods 404': gone = 0, ...drain } = seen[drained]![1];
  assert.ok(evicted > 0 && gone === evicted && looks >= evicted, JSON.stringify(seen[drained]));
  seen[drained] = [seen[drained]![0], drain];
  assert.deepEqual(seen.map(([text, counts]) => [text, sorted(counts)]), commands.map(([text, counts]) => [text, sorted(counts)]));
  assert.deepEqual(run.timeline.log.filter(({ phase }) => phase === 'error'), []);
});

test('drains of two nodes at once wait for a disruption budget and never break it', () => {
  writeFileSync(
    join(folder, 'budget.yaml'),
    'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: hello }\nspec: { minAvailable: 5, selector: { matchLabels: { app: hello } } }\n',
  );
  const scenario = load(
    '{ at: 0s, scale: { deployment: hello, replicas: 6 } }',
    '{ at: 1s, kubectl: "apply -f budget.yaml" }',
    '{ at: 5s, kubectl: "drain node-0" }',
    '{ at: 5s, kubectl: "drain node-1" }',
  );
  const run = new ScenarioRun({ ...scenario, duration: 240e9 });
  let least = Number.POSITIVE_INFINITY;
  while (run.advance()) {
    if (run.origin < 0 || run.cluster.simulation.now < run.origin + 2e9) continue;
    const healthy = [...run.cluster.connections.current('pods')].filter((object) => {
      const pod = object as Pod;
      return pod.metadata.labels?.['app'] === 'hello' && pod.metadata.deletionTimestamp === undefined && isPodReady(pod);
    });
    least = Math.min(least, healthy.length);
  }
  const lines = run.timeline.log.map(({ message }) => message);
  assert.equal(least, 5, 'one at a time, and one does go');
  assert.ok(lines.some((line) => line.includes("Cannot evict pod as it would violate the pod's disruption budget.")), lines.join('\n'));
  assert.ok(lines.includes('node/node-0 drained') && lines.includes('node/node-1 drained'), lines.join('\n'));
});

test('commands of another user are decided by roles', () => {
  const role = 'apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: { name: dev }\nsubjects: [{ kind: Group, name: devs, apiGroup: rbac.authorization.k8s.io }]\nroleRef: { kind: ClusterRole, name: view, apiGroup: rbac.authorization.k8s.io }\n';
  writeFileSync(join(folder, 'role.yaml'), role);
  const scenario = load(
    '{ at: 1s, kubectl: "get pods --as alice" }',
    '{ at: 2s, kubectl: "apply -f role.yaml" }',
    '{ at: 3s, kubectl: "get pods --as alice --as-group devs" }',
    '{ at: 4s, kubectl: "delete deployment/hello --as=alice --as-group=devs" }',
  );
  const run = new ScenarioRun({ ...scenario, duration: 10e9 });
  while (run.advance());
  const lines = run.timeline.log.filter(({ message }) => !message.startsWith('$')).map(({ message }) => message);
  assert.deepEqual(lines, [
    'Error from server (Forbidden): pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "default"',
    'rolebinding.rbac.authorization.k8s.io/dev created',
    '3 pods',
    'Error from server (Forbidden): deployments.apps "hello" is forbidden: User "alice" cannot delete resource "deployments" in API group "apps" in the namespace "default"',
  ]);
  assert.match(errors('{ at: 1s, kubectl: "get pods --as-group devs" }'), /--as-group needs --as/);
});

/** Errors that loading gives. */
function errors(...timeline: string[]): string {
  try {
    load(...timeline);
  } catch (error) {
    return String(error);
  }
  return '';
}

test('mistakes in a command are errors with their place and the nearest right name', () => {
  assert.match(errors('{ at: 1s, kubectl: "rollout undo deployment/helo" }'), /scenario\.yaml:6:24: no Deployment is named default\/helo; did you mean hello\?/);
  assert.match(errors('{ at: 1s, kubectl: "rolout undo deployment/hello" }'), /scenario\.yaml:6:24: unknown kubectl command "rolout undo"; did you mean "rollout undo"\?/);
  assert.match(errors('{ at: 1s, kubectl: "scale deployment/hello" }'), /scenario\.yaml:6:24: the flag --replicas is missing/);
  assert.match(errors('{ at: 1s, kubectl: "scale service/hello --replicas=1" }'), /kubectl scale works on deployments/);
  assert.match(errors('{ at: 1s, kubectl: "drain node-9" }'), /no Node is named node-9/);
  assert.match(errors('{ at: 1s, kubectl: "apply -f missing.yaml" }'), /scenario\.yaml:6:24: .*missing\.yaml/);
  assert.match(errors('{ at: 1s, kubectl: "apply -f hello/hello.yaml --server-side" }'), /scenario\.yaml:6:24: kubectl apply --server-side is not modelled: objects have no managedFields here/);
  assert.match(errors('{ at: 1s, kubectl: "delete --all" }'), /kubectl delete --all needs a kind and no name/);
  assert.match(errors('{ at: 1s, kubectl: "delete pods --all --cascade=none" }'), /--cascade: expected background, foreground or orphan, found "none"/);
  assert.equal(errors('{ at: 1s, kubectl: "apply -f hello/hello.yaml" }', '{ at: 2s, kubectl: "delete -f hello/hello.yaml --wait=false --grace-period=0" }', '{ at: 3s, kubectl: "delete pods --all -A" }'), '');
});
