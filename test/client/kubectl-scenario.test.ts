import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isPodReady, type Pod } from '../../src/api/core.js';
import type { Deployment } from '../../src/api/workloads.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';

const folder = mkdtempSync(join(tmpdir(), 'towtank-kubectl-'));
const scenarios = fileURLToPath(new URL('../../../scenarios/', import.meta.url));
for (const name of ['hello', 'nodes']) cpSync(join(scenarios, name), join(folder, name), { recursive: true });
after(() => rmSync(folder, { recursive: true }));

function load(...timeline: string[]) {
  const lines = [
    'duration: 2m',
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
  const run = new ScenarioRun(scenario);
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
  assert.equal(errors('{ at: 1s, kubectl: "apply -f hello/hello.yaml" }'), '');
});
