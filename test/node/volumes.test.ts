import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_KUBELET } from '../../src/api/kubelet-configuration.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import { SECOND } from '../../src/kernel/time.js';
import { at, Bench, constantProfile, testPod } from './harness.js';

function bench(mount = 1): Bench {
  const profile = { ...constantProfile(), volumes: { provision: { kind: 'constant', value: 0 }, mount: { kind: 'constant', value: mount * SECOND } } };
  const made = new Bench(1, '1', profile as ReturnType<typeof constantProfile>, undefined, undefined, { configuration: { ...DEFAULT_KUBELET, readsClaims: true } });
  made.kubelets.warmImages(['app:v1']);
  return made;
}

function put(made: Bench, resource: string, namespace: string, name: string, fields: object): void {
  const metadata = { name, namespace, uid: name, resourceVersion: 1, generation: 0, creationTimestamp: 0 };
  made.store.set(`${resource}/${namespace}/${name}`, { apiVersion: 'v1', kind: resource, metadata, ...fields } as unknown as KubernetesObject);
}

const claims = (...names: string[]) => ({ volumes: names.map((claimName) => ({ name: `v-${claimName}`, persistentVolumeClaim: { claimName } })) });
const bound = (volumeName: string): object => ({ spec: { volumeName }, status: { phase: 'Bound' } });
const CSI = { spec: { csi: { driver: 'disk.example.com', volumeHandle: 'h' } } };

const mounts = (made: Bench): [number, string][] => made.events.filter(({ reason }) => reason === 'FailedMount').map(({ time, message }) => [at(time), message]);

test('a claim that is missing: FailedMount at once, ContainerCreating, tried again every 10 to 15 s; it starts when the claim is there', () => {
  const made = bench();
  made.add(testPod('a', claims('data')));
  made.run(30);
  const text = 'Unable to attach or mount volumes: unmounted volumes=[v-data], unattached volumes=[], failed to process volumes=[v-data]: error processing PVC default/data: failed to fetch PVC from API server: persistentvolumeclaims "data" not found';
  const failed = mounts(made);
  assert.deepEqual([...new Set(failed.map(([, message]) => message))], [text]);
  assert.equal(failed[0]![0], 0.06);
  assert.ok(failed.length >= 2 && failed.length <= 3);
  for (let i = 1; i < failed.length; i++) {
    const gap = failed[i]![0] - failed[i - 1]![0];
    assert.ok(gap >= 10 && gap < 16.1, `${gap}`);
  }
  assert.equal(made.pod('a')!.status.containerStatuses![0]!.state.waiting!.reason, 'ContainerCreating');
  put(made, 'persistentvolumeclaims', 'default', 'data', bound('pv'));
  put(made, 'persistentvolumes', '', 'pv', CSI);
  made.run(50);
  assert.equal(made.pod('a')!.status.phase, 'Running');
});

test('a claim that is not bound, one that is being deleted, and a volume that is missing', () => {
  const made = bench();
  put(made, 'persistentvolumeclaims', 'default', 'loose', { spec: {}, status: { phase: 'Pending' } });
  put(made, 'persistentvolumeclaims', 'default', 'lost', bound('gone'));
  put(made, 'persistentvolumeclaims', 'default', 'going', bound('pv'));
  const going = made.store.get('persistentvolumeclaims/default/going')!;
  made.store.set('persistentvolumeclaims/default/going', { ...going, metadata: { ...going.metadata, deletionTimestamp: 1 } });
  for (const name of ['loose', 'lost', 'going']) made.add(testPod(name, claims(name)));
  made.run(5);
  const said = mounts(made).map(([, message]) => message.slice(message.indexOf('error processing')));
  assert.deepEqual(said, [
    'error processing PVC default/loose: PVC is not bound',
    'error processing PVC default/lost: failed to fetch PV gone from API server: persistentvolumes "gone" not found',
    'error processing PVC default/going: PVC is being deleted',
  ]);
});

test('of two volumes one is missing: the other is mounted meanwhile, and once only', () => {
  const made = bench();
  put(made, 'persistentvolumeclaims', 'default', 'one', bound('pv1'));
  put(made, 'persistentvolumes', '', 'pv1', CSI);
  made.add(testPod('a', claims('one', 'two')));
  made.run(5);
  assert.match(mounts(made)[0]![1], /unmounted volumes=\[v-one v-two\], unattached volumes=\[\], failed to process volumes=\[v-two\]: error processing PVC default\/two/);
  made.run(18);
  assert.match(mounts(made)[1]![1], /unmounted volumes=\[v-two\]/);
  assert.equal(made.requests.filter(({ request }) => request.resource === 'persistentvolumes').length, 1);
  put(made, 'persistentvolumeclaims', 'default', 'two', bound('pv2'));
  put(made, 'persistentvolumes', '', 'pv2', CSI);
  made.run(50);
  assert.equal(made.pod('a')!.status.phase, 'Running');
});

test('mounts fail while the plugin of a CSI driver is gone, with a back-off from 500 ms to 2 min 2 s', () => {
  const made = bench();
  put(made, 'persistentvolumeclaims', 'default', 'data', bound('pv'));
  put(made, 'persistentvolumes', '', 'pv', CSI);
  made.kubelets.setCsiDrivers(0, false);
  made.add(testPod('a', claims('data')));
  made.run(20);
  const failed = mounts(made);
  assert.deepEqual(failed.map(([time]) => time), [0.06, 0.56, 1.56, 3.56, 7.56, 15.56]);
  assert.equal(
    failed[0]![1],
    'MountVolume.MountDevice failed for volume "pv" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name disk.example.com not found in the list of registered CSI drivers',
  );
  made.kubelets.setCsiDrivers(0, true);
  made.run(40);
  assert.equal(made.pod('a')!.status.phase, 'Running');
  // The next try is at 31.56 s; mounting takes 1 s, sandbox, image, creation and start 392 ms.
  assert.equal(at(made.listening[0]!.time), 32.952);
});

test('a mount that takes longer than 2 min 3 s: the sync fails without an event, the next one finds the volume', () => {
  const made = bench(130);
  put(made, 'persistentvolumeclaims', 'default', 'data', bound('pv'));
  put(made, 'persistentvolumes', '', 'pv', CSI);
  made.add(testPod('a', claims('data')));
  made.run(200);
  assert.deepEqual(mounts(made), []);
  const since = at(made.listening[0]!.time);
  // The sync ended at 123.06 s, the volume is there at 130.06 s, the next sync comes 10 to 15 s after the first one's end.
  assert.ok(since > 133 && since < 140, `${since}`);
});

test('a pod that waits for a claim is deleted: it ends at once, and nothing is left', () => {
  const made = bench();
  made.add(testPod('a', claims('data')));
  made.run(5);
  made.delete('a');
  made.run(10);
  assert.equal(made.pod('a'), undefined);
  assert.equal(made.kubelets.fleet.nodes[0]!.pods.size, 0);
});
