import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Event, Node, Pod } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { VolumeAttachment } from '../../src/api/volumes.js';
import { ClusterFaults } from '../../src/cluster/cluster-faults.js';
import { SimulatedCluster } from '../../src/cluster/simulated-cluster.js';
import { loadScenario } from '../../src/scenario/index.js';
import { Cases } from './cases.js';

const SECOND = 1e9;
const { folder } = new Cases('attach');

function manifests(attachRequired: boolean): string {
  return `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: ssd, annotations: { storageclass.kubernetes.io/is-default-class: "true" } }
provisioner: disk.example.com
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: { name: disk.example.com }
spec: { attachRequired: ${attachRequired} }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec: { storageClassName: ssd, accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Gi } } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: db }
spec:
  replicas: 1
  strategy: { type: Recreate }
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      terminationGracePeriodSeconds: 2
      tolerations: [{ key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 10 }]
      containers: [{ name: db, image: "db:1", resources: { requests: { cpu: 100m } } }]
      volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
`;
}

function start(attachRequired: boolean): SimulatedCluster {
  const profile = 'volumes: { provision: 2s, attach: 4s, detach: 3s, mount: 1s }';
  writeFileSync(join(folder, 'objects.yaml'), manifests(attachRequired));
  const text = `question: Where is the disk?\nduration: 20m\ncluster: { nodes: [{ count: 2, template: node.yaml }] }\nmanifests: [objects.yaml]\nprofile: { ${profile} }\nbehaviour: [{ image: "db:*", start: 1s, stop: 1s }]\n`;
  writeFileSync(join(folder, 'scenario.yaml'), text);
  const cluster = new SimulatedCluster(loadScenario(join(folder, 'scenario.yaml')));
  cluster.start();
  return cluster;
}

const all = <T extends KubernetesObject>(cluster: SimulatedCluster, resource: string): T[] => [...cluster.connections.current(resource)] as T[];
const pod = (cluster: SimulatedCluster): Pod => all<Pod>(cluster, 'pods').find(({ metadata }) => metadata.deletionTimestamp === undefined)!;
const node = (cluster: SimulatedCluster, name: string): Node => all<Node>(cluster, 'nodes').find(({ metadata }) => metadata.name === name)!;
const reasons = (cluster: SimulatedCluster): string[] => all<Event & { reason: string; message: string }>(cluster, 'events').map(({ reason, message }) => `${reason}: ${message}`);

test('a pod waits until its volume is in use, attached and mounted; the node says so; a driver without attachment does not wait', () => {
  const times = [true, false].map((attachRequired) => {
    const cluster = start(attachRequired);
    cluster.simulation.run(60 * SECOND);
    const { status, spec } = pod(cluster);
    assert.equal(status.phase, 'Running');
    const attachments = all<VolumeAttachment>(cluster, 'volumeattachments');
    assert.equal(attachments.length, attachRequired ? 1 : 0);
    const { volumesAttached = [], volumesInUse = [] } = node(cluster, spec.nodeName!).status;
    assert.deepEqual(volumesAttached.map(({ name }) => name), volumesInUse);
    if (attachRequired) {
      assert.match(attachments[0]!.metadata.name, /^csi-[0-9a-f]{64}$/);
      assert.deepEqual([attachments[0]!.spec.attacher, attachments[0]!.spec.nodeName, attachments[0]!.status?.attached], ['disk.example.com', spec.nodeName, true]);
      assert.deepEqual(attachments[0]!.metadata.finalizers, ['external-attacher/disk-example-com']);
      assert.match(volumesInUse[0]!, /^kubernetes\.io\/csi\/disk\.example\.com\^pvc-/);
      assert.ok(reasons(cluster).some((line) => /^SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "pvc-/.test(line)));
    }
    return status.containerStatuses![0]!.state.running!.startedAt! / SECOND;
  });
  // Provisioned after 2 s; attached after 4 s more, seen within 0.5 s · 1.05^k; mounted in 1 s. The node's status has its turn every 10 s.
  assert.ok(times[0]! - times[1]! >= 5 && times[0]! - times[1]! <= 5 + 10 + 3, `${times}`);
});

test('the volume moves with its pod: unmounted, detached, attached elsewhere; until then the new pod is told why it waits', () => {
  const cluster = start(true);
  cluster.simulation.run(60 * SECOND);
  const first = pod(cluster).spec.nodeName!;
  const client = cluster.kubectl.client('kubectl', 50, 300);
  const receiver = { receive: () => {} };
  const patch = { bytes: 40, apply: (current: KubernetesObject) => ({ ...current, spec: { ...(current as Node).spec, unschedulable: true } }) as KubernetesObject };
  client.request({ verb: 'patch', resource: 'nodes', namespace: '', name: first, patch }, receiver, 0);
  client.request({ verb: 'delete', resource: 'pods', namespace: 'default', name: pod(cluster).metadata.name }, receiver, 0);
  cluster.simulation.run(65 * SECOND);
  const { nodeName } = pod(cluster).spec;
  assert.notEqual(nodeName, first);
  assert.equal(pod(cluster).status.phase, 'Pending');
  assert.ok(reasons(cluster).some((line) => /^FailedAttachVolume: Multi-Attach error for volume "pvc-[^"]+" Volume is already (exclusively attached to one node|used by pod)/.test(line)), reasons(cluster).join('\n'));
  cluster.simulation.run(120 * SECOND);
  assert.equal(pod(cluster).status.phase, 'Running');
  assert.deepEqual(all<VolumeAttachment>(cluster, 'volumeattachments').map(({ spec }) => spec.nodeName), [nodeName]);
  assert.deepEqual(node(cluster, first).status.volumesAttached, []);
  assert.deepEqual(node(cluster, first).status.volumesInUse, []);
});

test('a dead node keeps its volume for six minutes, then it is detached by force', () => {
  const cluster = start(true);
  cluster.simulation.run(60 * SECOND);
  const { nodeName } = pod(cluster).spec;
  new ClusterFaults(cluster).setNode(cluster.nodeNames.indexOf(nodeName!), false);
  // Lost after 50 s, evicted after 10 s more: the pod stays Terminating, so somebody has to take it away.
  cluster.simulation.run(180 * SECOND);
  const dead = all<Pod>(cluster, 'pods').find(({ spec }) => spec.nodeName === nodeName)!;
  assert.ok(dead.metadata.deletionTimestamp !== undefined);
  const client = cluster.kubectl.client('kubectl', 50, 300);
  client.request({ verb: 'delete', resource: 'pods', namespace: 'default', name: dead.metadata.name, gracePeriodSeconds: 0 }, { receive: () => {} }, 0);
  const from = cluster.simulation.now;
  cluster.simulation.run(from + 350 * SECOND);
  assert.equal(pod(cluster).status.phase, 'Pending');
  assert.equal(all<VolumeAttachment>(cluster, 'volumeattachments')[0]!.spec.nodeName, nodeName);
  cluster.simulation.run(from + 390 * SECOND);
  assert.notEqual(all<VolumeAttachment>(cluster, 'volumeattachments')[0]!.spec.nodeName, nodeName);
  // The new pod's kubelet has backed off up to 122 s between its looks.
  cluster.simulation.run(from + 390 * SECOND + 122 * SECOND);
  assert.equal(pod(cluster).status.phase, 'Running');
});
