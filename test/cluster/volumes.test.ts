import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { PersistentVolume, PersistentVolumeClaim } from '../../src/scheduler/cache/cluster-objects.js';
import { Cases, objects } from './cases.js';

const { folder } = new Cases('volumes');

const ZONE = 'topology.kubernetes.io/zone';

writeFileSync(
  join(folder, 'db.yaml'),
  `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: ssd, annotations: { storageclass.kubernetes.io/is-default-class: "true" } }
provisioner: pd.csi.storage.gke.io
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: storage.k8s.io/v1
kind: CSINode
metadata: { name: node-0 }
spec: { drivers: [{ name: pd.csi.storage.gke.io, nodeID: node-0, allocatable: { count: 1 } }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: db
  replicas: 6
  podManagementPolicy: Parallel
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      containers: [{ name: db, image: "db:1", resources: { requests: { cpu: 100m } } }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Gi } } }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: logs }
spec: { storageClassName: manual, accessModes: [ReadWriteOnce], selector: { matchLabels: { tier: logs } }, resources: { requests: { storage: 5Gi } } }
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: manual }
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: PersistentVolume
    metadata: { name: small-other-tier }
    spec: { storageClassName: manual, capacity: { storage: 5Gi }, accessModes: [ReadWriteOnce], local: { path: /a } }
  - apiVersion: v1
    kind: PersistentVolume
    metadata: { name: local-b, labels: { tier: logs } }
    spec:
      storageClassName: manual
      capacity: { storage: 10Gi }
      accessModes: [ReadWriteOnce]
      local: { path: /mnt }
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: ${ZONE}, operator: In, values: [b] }] }] } }
---
apiVersion: v1
kind: Pod
metadata: { name: logger }
spec:
  containers: [{ name: c, image: "logger:1" }]
  volumes: [{ name: logs, persistentVolumeClaim: { claimName: logs } }]
---
apiVersion: v1
kind: Pod
metadata: { name: lost }
spec:
  containers: [{ name: c, image: "logger:1" }]
  volumes: [{ name: logs, persistentVolumeClaim: { claimName: nowhere } }]
`,
);

function run(provision: string): ScenarioRun {
  const lines = [
    'cluster: { nodes: [{ count: 3, name: node, zones: [a, b, c], template: node.yaml }] }',
    'manifests: db.yaml',
    'behaviour: [{ image: "*" }]',
    'duration: 5s',
    `profile: { volumes: { provision: ${provision} } }`,
  ];
  writeFileSync(join(folder, 'case.yaml'), `${lines.join('\n')}\n`);
  const made = new ScenarioRun(loadScenario(join(folder, 'case.yaml')));
  made.warmUp();
  return made;
}


test('claims of a StatefulSet: the default class, a volume in the zone of the node, no more volumes than a node can attach', () => {
  const made = run('4s');
  const pods = objects<Pod>(made, 'pods').filter(({ metadata }) => metadata.name.startsWith('db-'));
  const claims = new Map(objects<PersistentVolumeClaim>(made, 'persistentvolumeclaims').map((claim) => [claim.metadata.name, claim]));
  const volumes = new Map(objects<PersistentVolume>(made, 'persistentvolumes').map((volume) => [volume.metadata.name, volume]));
  assert.equal(pods.length, 6);
  for (const { metadata, spec } of pods) {
    const claim = claims.get(`data-${metadata.name}`)!;
    assert.equal(claim.spec.storageClassName, 'ssd');
    assert.equal(claim.status!.phase, 'Bound');
    const volume = volumes.get(claim.spec.volumeName!)!;
    assert.equal(volume.spec.csi!.driver, 'pd.csi.storage.gke.io');
    const zone = { 'node-0': 'a', 'node-1': 'b', 'node-2': 'c' }[spec.nodeName!];
    assert.deepEqual(volume.spec.nodeAffinity!.required!.nodeSelectorTerms[0]!.matchExpressions![0]!.values, [zone]);
  }
  assert.ok(pods.filter(({ spec }) => spec.nodeName === 'node-0').length <= 1);
});

test('a volume made by hand is taken by selector and reach; a pod without its claim waits and says why', () => {
  const made = run('1s');
  const pods = new Map(objects<Pod>(made, 'pods').map((pod) => [pod.metadata.name, pod]));
  assert.equal(pods.get('logger')!.spec.nodeName, 'node-1');
  const logs = objects<PersistentVolumeClaim>(made, 'persistentvolumeclaims').find(({ metadata }) => metadata.name === 'logs')!;
  assert.equal(logs.spec.volumeName, 'local-b');
  const condition = pods.get('lost')!.status.conditions!.find(({ type }) => type === 'PodScheduled')!;
  assert.match(condition.message!, /^0\/3 nodes are available: persistentvolumeclaim "nowhere" not found\./);
});

test('the pod is bound when its volume has been made: later with a slower provisioner', () => {
  const boundAt = (provision: string) => {
    const { attempts } = run(provision).cluster.scheduler;
    return Math.max(...attempts.filter(({ pod }) => pod.startsWith('default/db-')).map(({ time }) => time));
  };
  const start = (made: ScenarioRun) =>
    Math.min(...objects<Pod>(made, 'pods').filter(({ metadata }) => metadata.name.startsWith('db-')).map(({ status }) => status.startTime!));
  assert.ok(boundAt('1s') < 5e9);
  assert.ok(start(run('20s')) - start(run('1s')) > 15e9);
});

test('a pod with a generic ephemeral volume gets its claim, its volume, and runs', () => {
  const pod = `apiVersion: v1
kind: Pod
metadata: { name: worker }
spec:
  containers: [{ name: c, image: "worker:1" }]
  volumes:
    - name: scratch
      ephemeral:
        volumeClaimTemplate:
          spec: { storageClassName: ssd, accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
`;
  const storageClass = 'apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: { name: ssd }\nprovisioner: csi.example.com\nvolumeBindingMode: WaitForFirstConsumer\n';
  writeFileSync(join(folder, 'ephemeral.yaml'), `${storageClass}---\n${pod}`);
  const lines = ['cluster: { nodes: [{ count: 2, name: node, zones: [a, b], template: node.yaml }] }', 'manifests: ephemeral.yaml', 'behaviour: [{ image: "*" }]', 'duration: 60s'];
  writeFileSync(join(folder, 'ephemeral-case.yaml'), `${lines.join('\n')}\n`);
  const made = new ScenarioRun(loadScenario(join(folder, 'ephemeral-case.yaml')));
  made.warmUp();
  while (made.advance());
  const [worker] = objects<Pod>(made, 'pods').filter(({ metadata }) => metadata.name === 'worker');
  assert.equal(worker!.status.phase, 'Running');
  const [claim] = objects<PersistentVolumeClaim>(made, 'persistentvolumeclaims');
  assert.equal(claim!.metadata.name, 'worker-scratch');
  assert.equal(claim!.status!.phase, 'Bound');
  assert.deepEqual(claim!.metadata.finalizers, ['kubernetes.io/pvc-protection']);
});
