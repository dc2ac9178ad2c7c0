import type { ConfigMap, ServiceAccount } from '../api/cluster-kinds.js';
import type { Node } from '../api/core.js';
import { keyOf, type KubernetesObject, type ObjectMeta } from '../api/meta.js';
import { infoOfKind } from '../api/resources.js';
import type { Deployment, Lease } from '../api/workloads.js';
import { typicalBytes } from '../apiserver/object-size.js';
import { decide, type RegistryContext } from '../apiserver/registry.js';
import { withProtection } from '../apiserver/admission/class-plugins.js';
import { CERTIFICATE, CERTIFICATE_ANNOTATIONS } from '../controllers/namespace-defaults.js';
import { CLAIM_FINALIZER, VOLUME_FINALIZER } from '../controllers/volume-protection.js';
import { KWOK_IDENTITY } from '../node/kwok/node-leases.js';
import { isKwokNode } from '../node/kwok/stage.js';
import type { PersistentVolume } from '../scheduler/cache/cluster-objects.js';
import type { ObjectName, Scenario } from '../scenario/types.js';

/** One stored object of the start state. */
export interface StartObject {
  readonly resource: string;
  /** `namespace/name` or `name`. */
  readonly key: string;
  readonly object: KubernetesObject;
  readonly bytes: number;
}

const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const LEASE_DURATION_SECONDS = 40;

/**
 * What etcd holds when the simulation begins: namespaces, registered nodes with their leases, and the objects of the
 * scenario's manifests, all as the API server would have stored them. Scalings that the timeline asks for at 0 s are part of
 * the start. `nodes`: those that are registered already.
 */
export function startObjects(scenario: Scenario, registry: RegistryContext, nodes: readonly Node[] = scenario.cluster.nodes): StartObject[] {
  const objects: StartObject[] = [];
  const namespaces = new Set(SYSTEM_NAMESPACES);
  const election = scenario.cluster.scheduler.configuration?.leaderElection;
  if (election?.leaderElect === true) namespaces.add(election.resourceNamespace);
  for (const object of scenario.objects) if (object.metadata.namespace !== '') namespaces.add(object.metadata.namespace);
  for (const object of scenario.objects) if (object.kind === 'Namespace') namespaces.delete(object.metadata.name);
  for (const name of namespaces) store(objects, namespaceObject(name), registry);
  for (const node of nodes) {
    store(objects, readyNode(node), registry);
    store(objects, nodeLease(node.metadata.name, isKwokNode(node)), registry);
  }
  const given = new Set(scenario.objects.map((object) => `${object.kind} ${keyOf(object)}`));
  const all = [...namespaces, ...scenario.objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata: { name } }) => name)];
  for (const namespace of all) {
    for (const object of namespaceDefaults(namespace)) if (!given.has(`${object.kind} ${keyOf(object)}`)) store(objects, object, registry);
  }
  const replicas = startReplicas(scenario);
  const claims = new Claims(scenario.objects);
  for (const object of claims.first(scenario.objects)) {
    const wanted = object.kind === 'Deployment' ? replicas.get(keyOf(object)) : undefined;
    if (wanted === undefined) claims.stored(store(objects, protectedObject(claims.rebound(object)), registry));
    else {
      const deployment = object as Deployment;
      store(objects, { ...deployment, spec: { ...deployment.spec, replicas: wanted } } as Deployment, registry);
    }
  }
  return objects;
}

/** Claims and volumes as plugin StorageObjectInUseProtection has let them in. */
function protectedObject(object: KubernetesObject): KubernetesObject {
  if (object.kind === 'PersistentVolumeClaim') return withProtection(object, CLAIM_FINALIZER);
  return object.kind === 'PersistentVolume' ? withProtection(object, VOLUME_FINALIZER) : object;
}

/** Volumes of a dump name their claims by uid: claims get new ones when they are stored, and the volumes have to name those. */
class Claims {
  /** Uids in the manifests, by claim. */
  private readonly given = new Map<string, string>();
  private readonly uids = new Map<string, string>();

  constructor(objects: readonly KubernetesObject[]) {
    for (const object of objects) if (object.kind === 'PersistentVolumeClaim') this.given.set(keyOf(object), object.metadata.uid);
  }

  /** Claims come before volumes. */
  first(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
    if (this.given.size === 0 || !objects.some(({ kind }) => kind === 'PersistentVolume')) return objects;
    return [...objects.filter(({ kind }) => kind !== 'PersistentVolume'), ...objects.filter(({ kind }) => kind === 'PersistentVolume')];
  }

  stored(object: KubernetesObject | undefined): void {
    if (object?.kind === 'PersistentVolumeClaim') this.uids.set(keyOf(object), object.metadata.uid);
  }

  rebound(object: KubernetesObject): KubernetesObject {
    if (object.kind !== 'PersistentVolume') return object;
    const volume = object as PersistentVolume;
    const { claimRef } = volume.spec;
    const key = `${claimRef?.namespace ?? ''}/${claimRef?.name ?? ''}`;
    if (claimRef?.uid === undefined || claimRef.uid === '' || this.given.get(key) !== claimRef.uid) return object;
    return { ...volume, spec: { ...volume.spec, claimRef: { ...claimRef, uid: this.uids.get(key)! } } } as KubernetesObject;
  }
}

/** Whether a timeline action is already part of the start state. */
export function isStartAction(action: Scenario['timeline'][number]): boolean {
  return action.action === 'scale' && action.at === 0;
}

function startReplicas(scenario: Scenario): Map<string, number> {
  const replicas = new Map<string, number>();
  for (const action of scenario.timeline) {
    if (action.action === 'scale' && action.at === 0) replicas.set(deploymentKey(action.deployment), action.replicas);
  }
  return replicas;
}

function deploymentKey(name: ObjectName): string {
  return `${name.namespace}/${name.name}`;
}

/** Stores an object as the API server would on creation, then as `finish` makes of it; what is stored, or undefined when it is refused. */
export function store(
  objects: StartObject[],
  object: KubernetesObject,
  registry: RegistryContext,
  finish?: (created: KubernetesObject) => KubernetesObject,
): KubernetesObject | undefined {
  const info = infoOfKind(object.apiVersion, object.kind);
  if (info === undefined) return undefined;
  const { namespace, name } = object.metadata;
  const decision = decide({ verb: 'create', resource: info.resource, namespace, name, body: object }, undefined, registry);
  if (decision.kind !== 'put') return undefined;
  const stored = finish === undefined ? decision.object : finish(decision.object);
  objects.push({ resource: info.resource, key: keyOf(stored), object: stored, bytes: typicalBytes(info.resource, stored) });
  return stored;
}

function metadata(name: string, namespace = ''): ObjectMeta {
  return { name, namespace, uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 };
}

function namespaceObject(name: string): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: metadata(name) };
}

/** What the controller manager has put into every namespace long ago. */
function namespaceDefaults(namespace: string): readonly KubernetesObject[] {
  const account: ServiceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('default', namespace) };
  const certificate: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata('kube-root-ca.crt', namespace), annotations: CERTIFICATE_ANNOTATIONS }, data: { 'ca.crt': CERTIFICATE } };
  return [account, certificate];
}

/** A node that has been up for a while: Ready, without pressure. */
function readyNode(node: Node): Node {
  const has = new Set(node.status.conditions?.map((condition) => condition.type));
  const normal = (type: string, reason: string) => ({ type, status: 'False' as const, reason, lastHeartbeatTime: 0, lastTransitionTime: 0 });
  const conditions = [
    ...(node.status.conditions ?? []),
    ...(has.has('MemoryPressure') ? [] : [normal('MemoryPressure', 'KubeletHasSufficientMemory')]),
    ...(has.has('DiskPressure') ? [] : [normal('DiskPressure', 'KubeletHasNoDiskPressure')]),
    ...(has.has('PIDPressure') ? [] : [normal('PIDPressure', 'KubeletHasSufficientPID')]),
    ...(has.has('Ready')
      ? []
      : [{ type: 'Ready', status: 'True' as const, reason: 'KubeletReady', lastHeartbeatTime: 0, lastTransitionTime: 0 }]),
  ];
  return { ...node, status: Object.assign({}, node.status, isKwokNode(node) ? { phase: 'Running' } : {}, { conditions }) };
}

function nodeLease(name: string, kwok: boolean): Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: metadata(name, 'kube-node-lease'),
    spec: { holderIdentity: kwok ? KWOK_IDENTITY : name, leaseDurationSeconds: LEASE_DURATION_SECONDS, renewTime: 0 },
  };
}
