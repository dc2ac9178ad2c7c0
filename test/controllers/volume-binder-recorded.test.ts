import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { KubernetesObject } from '../../src/api/meta.js';
import { failure } from '../../src/apiserver/call.js';
import type { ApiRequest, ApiResponse } from '../../src/apiserver/request.js';
import type { Reconciliation } from '../../src/controllers/controller.js';
import { PersistentVolumeBinder } from '../../src/controllers/persistent-volume-binder.js';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../src/scheduler/cache/cluster-objects.js';
import { FakeCluster } from './fake-cluster.js';

/** One sync of the real PersistentVolume controller of v1.34.4 on a random state (test/data/controllers/PROVENANCE.md). */

interface Action {
  readonly verb: string;
  readonly resource: string;
  readonly sub?: string;
  readonly name: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly claimRef?: readonly string[] | null;
  readonly volumeName?: string;
  readonly storageClassName?: string | null;
  readonly status?: readonly unknown[];
}

interface Recorded {
  readonly sync: 'claim' | 'volume';
  readonly default: boolean;
  readonly volumes: readonly Json[] | null;
  readonly claims: readonly Json[] | null;
  readonly pods?: readonly Json[];
  readonly actions: readonly Action[];
  readonly events: readonly string[];
  readonly error?: string;
}

interface Json {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion?: string };
}

const text = gunzipSync(readFileSync('test/data/controllers/volume-binder.jsonl.gz')).toString();
const cases = text.split('\n').map((line) => JSON.parse(line) as Recorded);

function object<T extends KubernetesObject>(kind: string, json: Json): T {
  const { namespace = '', resourceVersion = '1' } = json.metadata;
  const metadata = { generation: 1, creationTimestamp: 0, ...json.metadata, namespace, resourceVersion: Number(resourceVersion) };
  return { apiVersion: 'v1', kind, ...json, metadata } as unknown as T;
}

const CLASSES: readonly (readonly [name: string, provisioner: string, mode: string])[] = [
  ['imm', 'csi.example.com', 'Immediate'],
  ['late', 'csi.example.com', 'WaitForFirstConsumer'],
  ['manual', 'kubernetes.io/no-provisioner', 'WaitForFirstConsumer'],
  ['ebs', 'kubernetes.io/aws-ebs', 'Immediate'],
  ['hp', 'kubernetes.io/host-path', 'Immediate'],
  ['nfs', 'kubernetes.io/nfs', 'Immediate'],
  ['made', 'kubernetes.io/no-provisioner', 'Immediate'],
];

function storageClass(name: string, provisioner: string, volumeBindingMode: string, annotations?: Record<string, string>): StorageClass {
  const json = { metadata: { name, ...(annotations === undefined ? {} : { annotations }) }, provisioner, volumeBindingMode };
  return object('StorageClass', json as Json);
}

/** What a request would have been recorded as. */
function written(request: ApiRequest): Action {
  const { verb, resource, subresource, name, body } = request;
  const plain = { verb, resource, ...(subresource === undefined ? {} : { sub: subresource }), name };
  if (body === undefined) return plain;
  const { annotations = {}, finalizers = [] } = body.metadata;
  if (resource === 'persistentvolumes') {
    const { spec, status } = body as PersistentVolume;
    const { claimRef } = spec;
    const reference = claimRef === undefined ? null : [claimRef.namespace!, claimRef.name, claimRef.uid ?? ''];
    return { ...plain, annotations, finalizers, claimRef: reference, status: [status?.phase ?? '', status?.message ?? ''] };
  }
  const { spec, status = {} } = body as PersistentVolumeClaim;
  const shown = [status.phase ?? '', status.accessModes ?? [], status.capacity?.storage ?? '', status.currentVolumeAttributesClassName ?? ''];
  return { ...plain, annotations, finalizers, volumeName: spec.volumeName ?? '', storageClassName: spec.storageClassName ?? null, status: shown };
}

/** Answers as an API server does that has nothing else to do. */
function answer(request: ApiRequest, stored: Map<string, KubernetesObject>): ApiResponse {
  const key = `${request.resource} ${request.name}`;
  const current = stored.get(key);
  if (current === undefined) return failure(404, `${request.resource} "${request.name}" not found`);
  if (request.verb === 'get') return { code: 200, object: current };
  if (request.verb === 'delete') {
    stored.delete(key);
    return { code: 200, object: current };
  }
  const { metadata } = request.body!;
  if (metadata.resourceVersion !== current.metadata.resourceVersion) return failure(409, 'conflict');
  const object = { ...request.body!, metadata: { ...metadata, resourceVersion: metadata.resourceVersion + 1 } };
  stored.set(key, object);
  return { code: 200, object };
}

function run(sync: Reconciliation, stored: Map<string, KubernetesObject>): Action[] {
  const actions: Action[] = [];
  for (let requests = sync.next([]); requests !== null; ) {
    actions.push(...requests.map((request) => written(request)));
    requests = sync.next(requests.map((request) => answer(request, stored)));
  }
  return actions;
}

function replay(recorded: Recorded): { readonly actions: readonly Action[]; readonly events: readonly string[]; readonly error: string | undefined } {
  const cluster = new FakeCluster({ nodes: 0 });
  const show = (resource: string, shown: KubernetesObject) =>
    (cluster.informer(resource) as unknown as { change(object: KubernetesObject, deleted: boolean): void }).change(shown, false);
  const binder = new PersistentVolumeBinder(cluster, cluster.client('binder'));
  const stored = new Map<string, KubernetesObject>();
  for (const each of CLASSES) show('storageclasses', storageClass(...each));
  if (recorded.default) show('storageclasses', storageClass('std', 'csi.std.com', 'WaitForFirstConsumer', { 'storageclass.kubernetes.io/is-default-class': 'true' }));
  for (const pod of recorded.pods ?? []) show('pods', object('Pod', pod));
  for (const json of recorded.claims ?? []) {
    const claim = object<PersistentVolumeClaim>('PersistentVolumeClaim', json);
    stored.set(`persistentvolumeclaims ${claim.metadata.name}`, claim);
    show('persistentvolumeclaims', claim);
    binder.storeClaim(claim);
  }
  for (const json of recorded.volumes ?? []) {
    const volume = object<PersistentVolume>('PersistentVolume', json);
    stored.set(`persistentvolumes ${volume.metadata.name}`, volume);
    show('persistentvolumes', volume);
    binder.storeVolume(volume);
  }
  const sync = recorded.sync === 'claim' ? binder.claimSync('default/c1')! : binder.volumeSync('v1')!;
  const actions = run(sync, stored);
  const events = cluster.events.map(({ type, reason, message }) => `${type} ${reason} ${message}`);
  return { actions, events, error: sync.error };
}

/** Go keeps the pods of a claim in no order. */
function sorted(event: string): string {
  return event.replace(/waiting for pods (\S+)/, (_, names: string) => `waiting for pods ${names.split(',').sort().join()}`);
}

test('3,000 syncs of claims and volumes: requests, events and errors of the real controller', () => {
  assert.equal(cases.length, 3000);
  cases.forEach((recorded, i) => {
    const { actions, events, error } = replay(recorded);
    assert.deepEqual({ case: i, actions, events: events.map(sorted) }, { case: i, actions: recorded.actions, events: recorded.events.map(sorted) });
    if (recorded.error !== undefined) assert.equal(error, recorded.error);
  });
});
