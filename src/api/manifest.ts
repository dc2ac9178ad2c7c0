import type { Time } from '../kernel/time.js';
import type { Role, RoleBinding, WebhookConfiguration } from './admission-kinds.js';
import { defaultNamespaceLabels } from './defaults.js';
import type { FieldError } from './fields.js';
import * as known from './known-fields.js';
import * as admission from './manifest-admission.js';
import { readHorizontalPodAutoscaler } from './manifest-autoscaling.js';
import * as more from './manifest-controllers.js';
import { readNode, readPod, readService } from './manifest-core.js';
import { readEndpoints } from './manifest-endpoints.js';
import { readEndpointSlice } from './manifest-network.js';
import { present } from './manifest-pod.js';
import { isRolloutKind, readRolloutKind } from './manifest-rollouts.js';
import { readDeployment, readReplicaSet } from './manifest-workloads.js';
import type { KubernetesObject, ObjectMeta, OwnerReference } from './meta.js';
import type { RawMap } from './reader.js';
import { FieldReader, fieldPath, isMap } from './reader.js';
import { infoOfKind } from './resources.js';
import { parseTimestamp } from './timestamps.js';

/**
 * One object as parsed from YAML or JSON becomes a typed object: Kubernetes defaults filled in, quantities as numbers (cpu in
 * millicores), timestamps as simulated time. Kinds without a type of their own keep their fields as written.
 */
export interface ManifestOptions {
  /** Milliseconds since 1970 of simulated time 0, to place timestamps of dumps. Default 2025-01-01T00:00:00Z. */
  readonly startTime?: number;
  /** Namespace of namespaced objects that name none. Default `default`. */
  readonly namespace?: string;
}

export interface ManifestResult {
  /** The object; present also when there are errors, with what could be read. */
  readonly object: KubernetesObject;
  readonly errors: readonly FieldError[];
}

/** 2025-01-01T00:00:00Z, the default instant of simulated time 0. */
export const DEFAULT_START_TIME = 1735689600000;

/** Reads one object. The raw value must be a map; errors name fields by path and are in no particular order of gravity. */
export function readManifest(raw: RawMap, options: ManifestOptions = {}): ManifestResult {
  const read = new FieldReader();
  const apiVersion = read.text(raw, 'apiVersion', '') ?? '';
  const kind = read.text(raw, 'kind', '') ?? '';
  if ((raw.apiVersion ?? '') === '') read.missing('', 'apiVersion');
  if ((raw.kind ?? '') === '') read.missing('', 'kind');
  const startTime = options.startTime ?? DEFAULT_START_TIME;
  const time = (map: RawMap, key: string, path: string): Time | undefined => readTime(read, map, key, path, startTime);
  const metadata = readMetadata(
    read,
    raw,
    infoOfKind(apiVersion, kind)?.namespaced ?? true,
    options.namespace ?? 'default',
    time,
  );
  const typed = readTyped(read, raw, apiVersion, kind, metadata, time);
  return { object: typed, errors: read.errors };
}

function readTyped(
  read: FieldReader,
  raw: RawMap,
  apiVersion: string,
  kind: string,
  metadata: ObjectMeta,
  time: (map: RawMap, key: string, path: string) => Time | undefined,
): KubernetesObject {
  switch (`${apiVersion} ${kind}`) {
    case 'v1 Pod':
      return strict(read, raw, readPod(read, raw, metadata, time));
    case 'v1 Node':
      return strict(read, raw, readNode(read, raw, metadata, time));
    case 'v1 Service':
      return strict(read, raw, readService(read, raw, metadata));
    case 'v1 Endpoints':
      return readEndpoints(read, raw, metadata);
    case 'apps/v1 Deployment':
      return strict(read, raw, readDeployment(read, raw, metadata, time));
    case 'apps/v1 ReplicaSet':
      return strict(read, raw, readReplicaSet(read, raw, metadata, time));
    case 'apps/v1 StatefulSet':
      return strict(read, raw, more.readStatefulSet(read, raw, metadata, time));
    case 'apps/v1 DaemonSet':
      return strict(read, raw, more.readDaemonSet(read, raw, metadata));
    case 'v1 ReplicationController':
      return strict(read, raw, more.readReplicationController(read, raw, metadata));
    case 'batch/v1 Job':
      return strict(read, raw, more.readJob(read, raw, metadata));
    case 'batch/v1 CronJob':
      return strict(read, raw, more.readCronJob(read, raw, metadata));
    case 'policy/v1 PodDisruptionBudget':
      return strict(read, raw, more.readPodDisruptionBudget(read, raw, metadata));
    case 'autoscaling/v2 HorizontalPodAutoscaler':
      return strict(read, raw, readHorizontalPodAutoscaler(read, raw, metadata));
    case 'v1 ResourceQuota':
      return strict(read, raw, more.readResourceQuota(read, raw, metadata));
    case 'v1 PersistentVolumeClaim':
      return strict(read, raw, more.readPersistentVolumeClaim(read, raw, metadata));
    case 'v1 LimitRange':
      return strict(read, raw, admission.readLimitRange(read, raw, metadata));
    case 'scheduling.k8s.io/v1 PriorityClass':
      return admission.readPriorityClass(read, raw, metadata);
    case 'node.k8s.io/v1 RuntimeClass':
      return admission.readRuntimeClass(read, raw, metadata);
    case 'admissionregistration.k8s.io/v1 MutatingWebhookConfiguration':
    case 'admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration':
      return admission.readWebhookConfiguration(read, raw, metadata, kind as WebhookConfiguration['kind']);
    case 'rbac.authorization.k8s.io/v1 Role':
    case 'rbac.authorization.k8s.io/v1 ClusterRole':
      return admission.readRole(read, raw, metadata, kind as Role['kind']);
    case 'rbac.authorization.k8s.io/v1 RoleBinding':
    case 'rbac.authorization.k8s.io/v1 ClusterRoleBinding':
      return admission.readRoleBinding(read, raw, metadata, kind as RoleBinding['kind']);
    case 'discovery.k8s.io/v1 EndpointSlice':
      return readEndpointSlice(read, raw, metadata);
    case 'v1 Namespace':
      return {
        ...raw,
        apiVersion,
        kind,
        metadata: { ...metadata, labels: defaultNamespaceLabels(metadata.name, metadata.labels) },
      };
    default:
      if (isRolloutKind(apiVersion, kind)) return strict(read, raw, readRolloutKind(read, raw, metadata));
      return { ...raw, apiVersion, kind, metadata };
  }
}

function strict(read: FieldReader, raw: RawMap, object: KubernetesObject): KubernetesObject {
  read.rest(raw, '', known.object.modelled, known.object.others);
  return object;
}

function readMetadata(
  read: FieldReader,
  raw: RawMap,
  namespaced: boolean,
  namespace: string,
  time: (map: RawMap, key: string, path: string) => Time | undefined,
): ObjectMeta {
  const map = read.map(raw, 'metadata', '') ?? {};
  const path = 'metadata';
  read.rest(map, path, known.metadata.modelled, known.metadata.others);
  return present<ObjectMeta>({
    name: read.text(map, 'name', path) ?? '',
    namespace: namespaced ? read.text(map, 'namespace', path) || namespace : '',
    generateName: read.text(map, 'generateName', path),
    uid: read.text(map, 'uid', path) ?? '',
    resourceVersion: 0,
    generation: read.integer(map, 'generation', path) ?? 0,
    creationTimestamp: time(map, 'creationTimestamp', path) ?? 0,
    deletionTimestamp: time(map, 'deletionTimestamp', path),
    deletionGracePeriodSeconds: read.integer(map, 'deletionGracePeriodSeconds', path),
    labels: read.labels(map, 'labels', path),
    annotations: read.labels(map, 'annotations', path),
    ownerReferences: read.listOf(map, 'ownerReferences', path, (item, at) =>
      present<OwnerReference>({
        apiVersion: read.text(item, 'apiVersion', at) ?? '',
        kind: read.text(item, 'kind', at) ?? '',
        name: read.text(item, 'name', at) ?? '',
        uid: read.text(item, 'uid', at) ?? '',
        controller: read.flag(item, 'controller', at),
        blockOwnerDeletion: read.flag(item, 'blockOwnerDeletion', at),
      }),
    ),
    finalizers: read.texts(map, 'finalizers', path),
  });
}

function readTime(read: FieldReader, map: RawMap, key: string, path: string, startTime: number): Time | undefined {
  const value = map[key];
  if (value === undefined || value === null) return undefined;
  const milliseconds = typeof value === 'string' ? parseTimestamp(value) : undefined;
  if (milliseconds === undefined)
    return read.wrongType(fieldPath(path, key), value, 'an RFC 3339 time such as 2025-01-01T00:00:00Z');
  return Math.round((milliseconds - startTime) * 1e6);
}

/** Whether a parsed value can be an object: a map. */
export function isObjectMap(value: unknown): value is RawMap {
  return isMap(value);
}
