import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import type { KubernetesObject } from '../../src/api/meta.js';
import { EphemeralVolumeController } from '../../src/controllers/ephemeral-volumes.js';
import { ExternalProvisioner } from '../../src/controllers/external-provisioner.js';
import { PersistentVolumeBinder } from '../../src/controllers/persistent-volume-binder.js';
import { SECOND } from '../../src/kernel/time.js';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../src/scheduler/cache/cluster-objects.js';
import { template } from './builders.js';
import { FakeCluster, type FakeOptions, meta } from './fake-cluster.js';

/** Claims and volumes from beginning to end: what each reclaim policy and binding mode leaves. */

const VOLUME = 'persistentvolumes';
const CLAIM = 'persistentvolumeclaims';

function volume(name: string, storage: string, rest: Partial<PersistentVolume['spec']> = {}): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: meta(name, ''),
    spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], ...rest },
  };
}

function claim(name: string, storage: string, rest: Partial<PersistentVolumeClaim['spec']> = {}): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: meta(name),
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...rest },
  };
}

function storageClass(name: string, rest: Partial<StorageClass> = {}): StorageClass {
  return { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: meta(name, ''), provisioner: 'csi.example.com', ...rest };
}

class Storage extends FakeCluster {
  readonly provisioner: ExternalProvisioner;

  constructor(options: FakeOptions = {}, provision = 3 * SECOND) {
    super(options);
    Object.assign(this.profile, { volumes: { provision: { kind: 'constant', value: provision } } });
    new PersistentVolumeBinder(this, this.client('persistent-volume-binder'));
    this.provisioner = new ExternalProvisioner(this);
  }

  add(...objects: readonly KubernetesObject[]): void {
    const resources = { PersistentVolume: VOLUME, PersistentVolumeClaim: CLAIM, StorageClass: 'storageclasses' } as Record<string, string>;
    for (const object of objects) assert.equal(this.create(resources[object.kind]!, object).code, 201);
  }

  settle(): void {
    this.run(this.now + 10 * SECOND);
  }

  volume(name: string): PersistentVolume {
    return this.get<PersistentVolume>(VOLUME, name)!;
  }

  claim(name: string): PersistentVolumeClaim {
    return this.get<PersistentVolumeClaim>(CLAIM, `default/${name}`)!;
  }

  said(object: string): readonly string[] {
    return this.events.filter((event) => event.object === object).map(({ type, reason, message }) => `${type} ${reason} ${message}`);
  }
}

test('a new volume is Pending, then Available, and says since when', () => {
  const cluster = new Storage();
  cluster.add(volume('v', '1Gi'));
  assert.deepEqual(cluster.volume('v').status, { phase: 'Pending', lastPhaseTransitionTime: 0 });
  assert.equal(cluster.volume('v').spec.persistentVolumeReclaimPolicy, 'Retain');
  cluster.settle();
  const { phase, lastPhaseTransitionTime } = cluster.volume('v').status!;
  assert.equal(phase, 'Available');
  assert.ok(lastPhaseTransitionTime! > 0 && lastPhaseTransitionTime! < SECOND);
});

test('the smallest volume is bound, both sides say so, and the claim has its size', () => {
  const cluster = new Storage();
  cluster.add(volume('huge', '100Gi'), volume('right', '10Gi'), volume('small', '1Gi'));
  cluster.settle();
  cluster.add(claim('c', '5Gi'));
  cluster.settle();
  const bound = cluster.claim('c');
  assert.equal(bound.spec.volumeName, 'right');
  assert.deepEqual(bound.status, { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '10Gi' } });
  const yes = { 'pv.kubernetes.io/bind-completed': 'yes', 'pv.kubernetes.io/bound-by-controller': 'yes' };
  assert.deepEqual(bound.metadata.annotations, yes);
  const { spec, status, metadata } = cluster.volume('right');
  assert.equal(spec.claimRef!.uid, bound.metadata.uid);
  assert.equal(status!.phase, 'Bound');
  assert.deepEqual(metadata.annotations, { 'pv.kubernetes.io/bound-by-controller': 'yes' });
  // Volume first, then the claim; spec before status.
  const writes = cluster.audit.filter(({ user, request }) => user === 'persistent-volume-binder' && request.name !== 'huge' && request.name !== 'small').slice(-4);
  assert.deepEqual(
    writes.map(({ request }) => `${request.verb} ${request.resource}${request.subresource === undefined ? '' : `/${request.subresource}`}`),
    [`update ${VOLUME}`, `update ${VOLUME}/status`, `update ${CLAIM}`, `update ${CLAIM}/status`],
  );
});

test('Retain: the volume stays Released with its claimRef, and nobody gets it until a user takes that off', () => {
  const cluster = new Storage();
  cluster.add(volume('v', '5Gi'));
  cluster.settle();
  cluster.add(claim('c', '5Gi'));
  cluster.settle();
  cluster.delete(CLAIM, 'default/c');
  cluster.settle();
  const released = cluster.volume('v');
  assert.equal(released.status!.phase, 'Released');
  assert.equal(released.spec.claimRef!.name, 'c');
  // Not even a claim of the same name.
  cluster.add(claim('c', '5Gi'));
  cluster.settle();
  assert.equal(cluster.claim('c').status!.phase, 'Pending');
  assert.equal(cluster.volume('v').status!.phase, 'Released');
  const refused = 'Normal FailedBinding no persistent volumes available for this claim and no storage class is set';
  assert.ok(cluster.said('PersistentVolumeClaim/c').includes(refused));
  cluster.edit<PersistentVolume>(VOLUME, 'v', ({ spec: { claimRef: _, ...spec }, ...rest }) => ({ ...rest, spec }));
  cluster.run(cluster.now + 20 * SECOND);
  assert.equal(cluster.claim('c').spec.volumeName, 'v');
  assert.equal(cluster.volume('v').status!.phase, 'Bound');
});

test('Delete: the provisioner makes the volume and deletes it with its claim', () => {
  const cluster = new Storage();
  cluster.add(storageClass('fast'), claim('c', '5Gi', { storageClassName: 'fast' }));
  cluster.run(2 * SECOND);
  assert.equal(cluster.claim('c').metadata.annotations!['volume.kubernetes.io/storage-provisioner'], 'csi.example.com');
  assert.equal(cluster.claim('c').status!.phase, 'Pending');
  cluster.settle();
  const name = `pvc-${cluster.claim('c').metadata.uid}`;
  assert.equal(cluster.claim('c').spec.volumeName, name);
  const { spec, metadata, status } = cluster.volume(name);
  assert.equal(spec.persistentVolumeReclaimPolicy, 'Delete');
  assert.equal(status!.phase, 'Bound');
  assert.equal(metadata.annotations!['pv.kubernetes.io/provisioned-by'], 'csi.example.com');
  assert.ok(metadata.finalizers!.includes('external-provisioner.volume.kubernetes.io/finalizer'));
  assert.equal(cluster.provisioner.provisioned, 1);
  assert.deepEqual([...new Set(cluster.said('PersistentVolumeClaim/c'))], [
    "Normal ExternalProvisioning Waiting for a volume to be created either by the external provisioner 'csi.example.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
    'Normal Provisioning External provisioner is provisioning volume for claim "default/c"',
    `Normal ProvisioningSucceeded Successfully provisioned volume ${name}`,
  ]);
  cluster.delete(CLAIM, 'default/c');
  cluster.settle();
  assert.equal(cluster.volume(name), undefined);
});

test('a class with policy Retain: its volume stays', () => {
  const cluster = new Storage();
  cluster.add(storageClass('kept', { reclaimPolicy: 'Retain' }), claim('c', '5Gi', { storageClassName: 'kept' }));
  cluster.settle();
  const { volumeName } = cluster.claim('c').spec;
  cluster.delete(CLAIM, 'default/c');
  cluster.settle();
  assert.equal(cluster.volume(volumeName!).status!.phase, 'Released');
  assert.deepEqual(cluster.volume(volumeName!).metadata.finalizers?.includes('external-provisioner.volume.kubernetes.io/finalizer'), false);
});

test('a volume made by hand that nobody can delete: Failed, with the message; said once', () => {
  const cluster = new Storage();
  cluster.add(volume('v', '5Gi', { persistentVolumeReclaimPolicy: 'Delete', hostPath: { path: '/data' } }));
  cluster.settle();
  cluster.add(claim('c', '5Gi'));
  cluster.settle();
  cluster.delete(CLAIM, 'default/c');
  cluster.run(cluster.now + 60 * SECOND);
  const message = 'host_path deleter only supports /tmp/.+ but received provided /data';
  assert.deepEqual(cluster.said('PersistentVolume/v'), [`Warning VolumeFailedDelete ${message}`]);
  assert.equal(cluster.volume('v').status!.phase, 'Failed');
  assert.equal(cluster.volume('v').status!.message, message);
});

test('a bound claim whose volume is gone is Lost', () => {
  const cluster = new Storage();
  cluster.add(volume('v', '5Gi'));
  cluster.settle();
  cluster.add(claim('c', '5Gi'));
  cluster.settle();
  cluster.edit<PersistentVolume>(VOLUME, 'v', (object) => ({ ...object, metadata: { ...object.metadata, finalizers: [] } }));
  cluster.delete(VOLUME, 'v');
  cluster.settle();
  assert.deepEqual(cluster.claim('c').status, { phase: 'Lost' });
  assert.deepEqual(cluster.said('PersistentVolumeClaim/c'), ['Warning ClaimLost Bound claim has lost its PersistentVolume. Data on the volume is lost!']);
});

test('WaitForFirstConsumer: nothing is bound before the scheduler has chosen; then the volume is made in the zone', () => {
  const cluster = new Storage();
  cluster.add(storageClass('late', { volumeBindingMode: 'WaitForFirstConsumer' }), volume('v', '5Gi', { storageClassName: 'late' }));
  cluster.add(claim('c', '5Gi', { storageClassName: 'late' }));
  cluster.run(40 * SECOND);
  assert.equal(cluster.claim('c').status!.phase, 'Pending');
  const said = cluster.said('PersistentVolumeClaim/c');
  // Once at first and with each resync of 15 s.
  assert.deepEqual(said, Array(3).fill('Normal WaitForFirstConsumer waiting for first consumer to be created before binding'));
  cluster.edit<PersistentVolumeClaim>(CLAIM, 'default/c', (object) => ({
    ...object,
    metadata: { ...object.metadata, annotations: { 'volume.kubernetes.io/selected-node': 'node-1' } },
  }));
  cluster.settle();
  const made = cluster.volume(cluster.claim('c').spec.volumeName!);
  assert.deepEqual(made.spec.nodeAffinity!.required!.nodeSelectorTerms[0]!.matchExpressions![0]!.values, ['b']);
  assert.equal(cluster.volume('v').status!.phase, 'Available');
});

test('pre-bound: a claim that names a volume, a volume that names a claim, and those that do not fit', () => {
  const cluster = new Storage();
  const reserved = volume('reserved', '50Gi', { claimRef: { namespace: 'default', name: 'owner' } });
  cluster.add(volume('small', '1Gi'), volume('large', '20Gi'), reserved);
  cluster.settle();
  assert.equal(cluster.volume('reserved').status!.phase, 'Available');
  cluster.add(claim('wants', '5Gi', { volumeName: 'large' }), claim('greedy', '5Gi', { volumeName: 'small' }));
  cluster.add(claim('owner', '1Gi'), claim('thief', '1Gi', { volumeName: 'reserved' }), claim('early', '1Gi', { volumeName: 'unborn' }));
  cluster.run(cluster.now + 5 * SECOND);
  assert.equal(cluster.volume('large').spec.claimRef!.name, 'wants');
  // What a user has asked for is not marked as the controller's.
  assert.equal(cluster.claim('wants').metadata.annotations!['pv.kubernetes.io/bound-by-controller'], undefined);
  assert.equal(cluster.claim('owner').spec.volumeName, 'reserved');
  assert.equal(cluster.volume('reserved').metadata.annotations, undefined);
  assert.equal(cluster.claim('greedy').status!.phase, 'Pending');
  assert.equal(cluster.said('PersistentVolumeClaim/greedy')[0], 'Warning VolumeMismatch Cannot bind to requested volume "small": requested PV is too small');
  assert.equal(cluster.said('PersistentVolumeClaim/thief')[0], 'Warning FailedBinding volume "reserved" already bound to a different claim.');
  assert.deepEqual(cluster.said('PersistentVolumeClaim/early'), []);
  cluster.add(volume('unborn', '1Gi'));
  cluster.run(cluster.now + 16 * SECOND);
  assert.equal(cluster.claim('early').status!.phase, 'Bound');
});

test('two claims, one volume: the loser waits, and conflicts leave no volume bound twice', () => {
  let refuse = 2;
  const cluster = new Storage({ refuse: ({ resource, verb }) => (resource === CLAIM && verb === 'update' && refuse-- > 0 ? { code: 409, message: 'conflict' } : undefined) });
  cluster.add(volume('v', '1Gi'));
  cluster.run(SECOND);
  cluster.add(claim('a', '1Gi'), claim('b', '1Gi'));
  cluster.run(60 * SECOND);
  const bound = ['a', 'b'].filter((name) => cluster.claim(name).status!.phase === 'Bound');
  assert.deepEqual(bound, ['a']);
  assert.equal(cluster.volume('v').spec.claimRef!.name, 'a');
});

test('a claim without class gets the default class once there is one', () => {
  const cluster = new Storage();
  cluster.add(claim('c', '1Gi'));
  cluster.run(SECOND);
  const standard = storageClass('standard');
  cluster.add({ ...standard, metadata: { ...standard.metadata, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } } } as StorageClass);
  cluster.run(30 * SECOND);
  assert.equal(cluster.claim('c').spec.storageClassName, 'standard');
  assert.equal(cluster.claim('c').status!.phase, 'Bound');
});

test('a class that is not there: ProvisioningFailed, again with each resync', () => {
  const cluster = new Storage();
  cluster.add(claim('c', '1Gi', { storageClassName: 'gp9' }));
  cluster.run(20 * SECOND);
  assert.deepEqual(cluster.said('PersistentVolumeClaim/c'), Array(2).fill('Warning ProvisioningFailed storageclass.storage.k8s.io "gp9" not found'));
});

test('without claims and volumes the binder does nothing at all', () => {
  const cluster = new Storage();
  cluster.run(3600 * SECOND);
  assert.equal(cluster.audit.length, 0);
});

test('a thousand claims and volumes: syncs stay few', () => {
  const cluster = new Storage();
  const count = 1000;
  for (let i = 0; i < count; i++) cluster.add(volume(`v${i}`, `${(i * 7919) % count + 1}Gi`));
  cluster.run(10 * SECOND);
  for (let i = 0; i < count; i++) cluster.add(claim(`c${i}`, `${i + 1}Gi`));
  cluster.run(60 * SECOND);
  // Each gets the one that fits it exactly.
  for (let i = 0; i < count; i++) assert.equal(cluster.volume(cluster.claim(`c${i}`).spec.volumeName!).spec.capacity!.storage, `${i + 1}Gi`);
  const writes = cluster.audit.filter(({ user }) => user === 'persistent-volume-binder').length;
  assert.equal(writes, 5 * count);
});

test('generic ephemeral volumes: a claim for each, owned by the pod; made again when deleted; not somebody else’s', () => {
  const cluster = new Storage({ readyAfter: () => -1 });
  new EphemeralVolumeController(cluster, cluster.client('ephemeral-volume-controller'));
  cluster.add(storageClass('fast'), claim('other-scratch', '1Gi'));
  const volumeClaimTemplate = { metadata: { labels: { kind: 'scratch' } }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'fast', resources: { requests: { storage: '2Gi' } } } };
  const pod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: meta(name), spec: { ...template('a').spec, volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate } }] }, status: {} }) as unknown as Pod;
  for (const name of ['worker', 'other']) assert.equal(cluster.create('pods', pod(name)).code, 201);
  cluster.settle();
  const made = cluster.claim('worker-scratch');
  const { uid } = cluster.get('pods', 'default/worker')!.metadata;
  assert.deepEqual(made.metadata.ownerReferences, [{ apiVersion: 'v1', kind: 'Pod', name: 'worker', uid, controller: true, blockOwnerDeletion: true }]);
  assert.deepEqual(made.metadata.labels, { kind: 'scratch' });
  assert.equal(made.status!.phase, 'Bound');
  assert.equal(made.status!.capacity!.storage, 2 * 1024 ** 3);
  const message = 'ephemeral volume scratch: PVC default/other-scratch was not created for pod default/other (pod is not owner)';
  assert.equal(cluster.said('Pod/other')[0], `Warning FailedBinding ${message}`);
  cluster.edit<PersistentVolumeClaim>(CLAIM, 'default/worker-scratch', (object) => ({ ...object, metadata: { ...object.metadata, finalizers: [] } }));
  cluster.delete(CLAIM, 'default/worker-scratch');
  cluster.settle();
  assert.notEqual(cluster.claim('worker-scratch').metadata.uid, made.metadata.uid);
});
