import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';

const folder = mkdtempSync(join(tmpdir(), 'towtank-kwok-'));
after(() => rmSync(folder, { recursive: true }));

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 10
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: c, image: "x:1", resources: { requests: { cpu: 100m } } }] }
`;

function scenario(kwok: string, rest: string, files: Readonly<Record<string, string>> = {}): string {
  const all = { 'web.yaml': DEPLOYMENT, ...files };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text);
  const path = join(folder, 'scenario.yaml');
  writeFileSync(
    path,
    `cluster:
  nodes:
    - { kind: kwok, count: 5, template: { status: { capacity: { cpu: 8, memory: 32Gi } } } }
  controllerManager: { qps: 500, burst: 1000 }
  ${kwok}
manifests: web.yaml
duration: 2m
${rest}`,
  );
  return path;
}

function finished(path: string): ScenarioRun {
  const run = new ScenarioRun(loadScenario(path));
  while (run.advance());
  return run;
}

test('pods on nodes of KWOK become ready by one PATCH each, with addresses of their nodes', () => {
  const run = finished(scenario('', 'timeline: [{ at: 5s, scale: { deployment: web, replicas: 30 } }]'));
  const pods = [...run.cluster.connections.current('pods')] as Pod[];
  assert.equal(pods.length, 30);
  const addresses = new Set<string>();
  for (const pod of pods) {
    assert.equal(pod.status.phase, 'Running');
    assert.deepEqual(
      pod.status.conditions!.map(({ type, status }) => `${type}=${status}`),
      ['Initialized=True', 'Ready=True', 'ContainersReady=True', 'PodScheduled=True'],
    );
    assert.equal(pod.status.containerStatuses![0]!.image, 'x:1');
    assert.ok(pod.status.containerStatuses![0]!.state.running!.startedAt > 0);
    const node = Number(pod.spec.nodeName!.split('-')[1]);
    assert.ok(pod.status.podIP!.startsWith(`10.0.${node}.`), pod.status.podIP!);
    assert.equal(pod.status.hostIP, `172.16.0.${node + 1}`);
    addresses.add(pod.status.podIP!);
  }
  assert.equal(addresses.size, 30);
  // Twenty pods after the start: one PATCH of the status each, and nothing else of theirs.
  const requests = run.result().tables.find((table) => table.spec.name === 'api_requests_by_second')!;
  const verbs = requests.column('verb');
  const resources = requests.column('resource');
  const numbers = requests.column('requests') as Float64Array;
  const count = (verb: string, resource: string): number =>
    numbers.reduce((sum, value, i) => (verbs[i] === verb && resources[i] === resource ? sum + value : sum), 0);
  assert.equal(count('patch', 'pods/status'), 20);
  assert.equal(count('get', 'pods'), 0);
  // Five leases of nodes, each renewed every 10 to 10.4 s (11 or 12 times in 120 s), and two of leaders, every 2 s (59 to 61 times).
  const renewals = count('update', 'leases');
  assert.ok(renewals >= 5 * 11 + 2 * 59 && renewals <= 5 * 12 + 2 * 61, `${renewals} updates of leases`);
});

test('a pod is deleted twice by kwok: the mark without grace is a change that its stage matches again', () => {
  const run = finished(scenario('', 'timeline: [{ at: 5s, scale: { deployment: web, replicas: 8 } }]'));
  assert.equal([...run.cluster.connections.current('pods')].length, 8);
  const requests = run.result().tables.find((table) => table.spec.name === 'api_requests_by_second')!;
  const codes = new Map<number, number>();
  requests.column('verb').forEach((verb: unknown, i: number) => {
    if (verb !== 'delete' || requests.column('resource')[i] !== 'pods') return;
    const code = Number(requests.column('code')[i]);
    codes.set(code, (codes.get(code) ?? 0) + Number(requests.column('requests')[i]));
  });
  // Two pods, with workers to spare: one DELETE of the ReplicaSet controller, one of kwok that removes the pod, one too late.
  assert.deepEqual([...codes], [[200, 4], [404, 2]]);
});

/** The stages of the recordings: Running 50 ms after the binding, Ready after what the pod's annotations say, gone at once. */
const RECORDED = `
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: start }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchExpressions:
    - { key: '.metadata.deletionTimestamp', operator: DoesNotExist }
    - { key: '.status.phase', operator: In, values: [Pending] }
  delay: { durationMilliseconds: 50 }
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      - { type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }} }
      - { type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }} }
      - { type: ContainersReady, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }} }
      containerStatuses:
      {{ range .spec.containers }}
      - { name: {{ .name | Quote }}, image: {{ .image | Quote }}, ready: false, restartCount: 0, state: { running: { startedAt: {{ $now | Quote }} } } }
      {{ end }}
      podIP: {{ PodIPWith .spec.nodeName false .metadata.uid .metadata.name .metadata.namespace | Quote }}
      phase: Running
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: ready }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchExpressions:
    - { key: '.metadata.deletionTimestamp', operator: DoesNotExist }
    - { key: '.status.phase', operator: In, values: [Running] }
    - { key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: NotIn, values: ['True'] }
  delay: { durationMilliseconds: 0, durationFrom: { expressionFrom: '.metadata.annotations["tow/ready"]' } }
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      - { type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }} }
      - { type: ContainersReady, status: "True", lastTransitionTime: {{ $now | Quote }} }
      containerStatuses:
      {{ range .spec.containers }}
      - { name: {{ .name | Quote }}, image: {{ .image | Quote }}, ready: true, restartCount: 0, state: { running: { startedAt: {{ $now | Quote }} } } }
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: delete }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector: { matchExpressions: [{ key: '.metadata.deletionTimestamp', operator: Exists }] }
  next: { delete: true }
`;

for (const [surge, unavailable] of [
  ['25%', '25%'],
  [0, 1],
] as const) {
  test(`the requests of kwok in a recorded rollout of ten pods, surge ${surge}, unavailable ${unavailable}`, () => {
    const web = DEPLOYMENT.replace('  selector:', `  strategy: { rollingUpdate: { maxSurge: ${surge}, maxUnavailable: ${unavailable} } }\n  selector:`).replace(
      'labels: { app: web } }',
      'labels: { app: web }, annotations: { tow/ready: 2s } }',
    );
    const run = finished(
      scenario(
        // Workers enough that no deletion waits for another, as none did in the recordings.
        'kwok: { stages: recorded.yaml, podPlayStageParallelism: 16 }',
        'timeline: [{ at: 1s, apply: roll.yaml }, { at: 10s, setImage: { deployment: roll, image: "x:2" } }]',
        { 'recorded.yaml': RECORDED, 'roll.yaml': web.replaceAll('name: web', 'name: roll') },
      ),
    );
    const table = run.result().tables.find((each) => each.spec.name === 'api_requests_by_second')!;
    const counts = new Map<string, number>();
    for (let i = 0; i < table.length; i++) {
      const key = `${table.column('verb')[i]} ${table.column('resource')[i]} ${table.column('code')[i]}`;
      counts.set(key, (counts.get(key) ?? 0) + Number(table.column('requests')[i]));
    }
    const found = ['create pods 201', 'create pods/binding 201', 'patch pods/status 200', 'delete pods 200', 'delete pods 404'];
    // As in the audit log of the recording: two status patches a pod, a DELETE of the ReplicaSet controller and two of kwok for each old pod.
    assert.deepEqual(found.map((key) => [key, counts.get(key)]), [
      ['create pods 201', 20],
      ['create pods/binding 201', 20],
      ['patch pods/status 200', 40],
      ['delete pods 200', 20],
      ['delete pods 404', 10],
    ]);
  });
}

test('general stages take one to five seconds a step', () => {
  const run = finished(scenario('kwok: { stages: general }', 'timeline: [{ at: 5s, scale: { deployment: web, replicas: 30 } }]'));
  const pods = [...run.cluster.connections.current('pods')] as Pod[];
  for (const pod of pods) assert.equal(pod.status.phase, 'Running');
  const late = [...run.observer.pods.values()].filter((life) => life.created > run.origin);
  assert.equal(late.length, 20);
  for (const life of late) {
    const seconds = (life.ready - life.scheduled) / 1e9;
    assert.ok(seconds > 2 && seconds < 10.2, `${seconds} s`);
  }
});

test('a Stage is refused with its file and line', () => {
  const stage = `apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: { name: broken }
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchExpressions:
    - { key: '.status.phase', operator: In, values: [Pending] }
  next:
    statusTemplate: |
      phase: Running
      startTime: {{ Later | Quote }}
`;
  const path = scenario('kwok: { stages: stage.yaml }', '', { 'stage.yaml': stage });
  assert.throws(
    () => loadScenario(path),
    (error: Error) => /stage\.yaml:12:\d+: the function Later is not known here/.test(String(error)),
  );
  const wrong = stage.replace("'.status.phase'", "'.status.phase | test(\"P\")'").replace('Later', 'Now');
  assert.throws(
    () => loadScenario(scenario('kwok: { stages: stage.yaml }', '', { 'stage.yaml': wrong })),
    (error: Error) => /stage\.yaml:8:\d+: the jq function test is not known here/.test(String(error)),
  );
  assert.throws(
    () => loadScenario(scenario('kwok: { stages: fats }', '')),
    (error: Error) => /expected fast, general, a file or a folder|did you mean "fast"/.test(String(error)),
  );
});
