import type { Event, PodStatus } from './core.js';
import { equal } from './equal.js';
import type { Condition, KubernetesObject, ObjectMeta } from './meta.js';

/** Metadata that nobody has seen yet. */
export type WritableMeta = { -readonly [Key in keyof ObjectMeta]: ObjectMeta[Key] };

const GENERATE_NAME = 1;
const LABELS = 2;
const ANNOTATIONS = 4;
const OWNERS = 8;
const FINALIZERS = 16;
const DELETION = 32;
const GRACE = 64;

function presentIn(meta: ObjectMeta): number {
  let present = 0;
  if (meta.generateName !== undefined) present |= GENERATE_NAME;
  if (meta.labels !== undefined) present |= LABELS;
  if (meta.annotations !== undefined) present |= ANNOTATIONS;
  if (meta.ownerReferences !== undefined) present |= OWNERS;
  if (meta.finalizers !== undefined) present |= FINALIZERS;
  if (meta.deletionTimestamp !== undefined) present |= DELETION;
  if (meta.deletionGracePeriodSeconds !== undefined) present |= GRACE;
  return present;
}

/**
 * A copy of metadata. Written out, not spread: V8 gives the result of a spread a hidden class of its own for each class of its source,
 * so objects that are read, changed and written again and again would have ever new ones, and every access would be slow.
 */
export function copyMetadata(from: ObjectMeta): WritableMeta {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp } = from;
  const present = presentIn(from);
  // The frequent ones as literals, so that everything is inside the object.
  switch (present) {
    case 0:
      return { name, namespace, uid, resourceVersion, generation, creationTimestamp };
    case LABELS:
      return { name, namespace, uid, resourceVersion, generation, creationTimestamp, labels: from.labels! };
    case GENERATE_NAME | LABELS | OWNERS:
      return {
        name,
        namespace,
        uid,
        resourceVersion,
        generation,
        creationTimestamp,
        generateName: from.generateName!,
        labels: from.labels!,
        ownerReferences: from.ownerReferences!,
      };
    case LABELS | ANNOTATIONS | OWNERS:
      return {
        name,
        namespace,
        uid,
        resourceVersion,
        generation,
        creationTimestamp,
        labels: from.labels!,
        annotations: from.annotations!,
        ownerReferences: from.ownerReferences!,
      };
    case GENERATE_NAME | LABELS | OWNERS | DELETION | GRACE:
      return {
        name,
        namespace,
        uid,
        resourceVersion,
        generation,
        creationTimestamp,
        generateName: from.generateName!,
        labels: from.labels!,
        ownerReferences: from.ownerReferences!,
        deletionTimestamp: from.deletionTimestamp!,
        deletionGracePeriodSeconds: from.deletionGracePeriodSeconds!,
      };
    default:
  }
  const copy: WritableMeta = { name, namespace, uid, resourceVersion, generation, creationTimestamp };
  if (from.generateName !== undefined) copy.generateName = from.generateName;
  if (from.labels !== undefined) copy.labels = from.labels;
  if (from.annotations !== undefined) copy.annotations = from.annotations;
  if (from.ownerReferences !== undefined) copy.ownerReferences = from.ownerReferences;
  if (from.finalizers !== undefined) copy.finalizers = from.finalizers;
  if (from.deletionTimestamp !== undefined) copy.deletionTimestamp = from.deletionTimestamp;
  if (from.deletionGracePeriodSeconds !== undefined) copy.deletionGracePeriodSeconds = from.deletionGracePeriodSeconds;
  return copy;
}

interface Whole extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** An object with other metadata, spec and status (undefined: it has none), and all else as it is. Written out like `copyMetadata`. */
export function assembled(base: KubernetesObject, metadata: ObjectMeta, spec: unknown, status: unknown): KubernetesObject {
  const { apiVersion, kind } = base;
  if (kind === 'Event' && spec === undefined && status === undefined) {
    const event = assembledEvent(base as Event, metadata);
    if (event !== undefined) return event;
  }
  let object: Whole;
  if (spec === undefined) object = status === undefined ? { apiVersion, kind, metadata } : { apiVersion, kind, metadata, status };
  else object = status === undefined ? { apiVersion, kind, metadata, spec } : { apiVersion, kind, metadata, spec, status };
  for (const key in base) {
    if (key === 'apiVersion' || key === 'kind' || key === 'metadata' || key === 'spec' || key === 'status') continue;
    (object as unknown as Record<string, unknown>)[key] = (base as unknown as Record<string, unknown>)[key];
  }
  return object;
}

/** How many keys an event has that has all of its own and no other. */
const EVENT_KEYS = 11;

/** The same for events, which have neither spec nor status, and of which there are more than of anything else; undefined: it has other keys too. */
function assembledEvent(base: Event, metadata: ObjectMeta): Event | undefined {
  let keys = 0;
  for (const _ in base) keys++;
  const { apiVersion, kind, involvedObject, reason, message, type, source, firstTimestamp, lastTimestamp, count } = base;
  if (keys !== EVENT_KEYS || involvedObject === undefined || reason === undefined || message === undefined || type === undefined) return undefined;
  if (source === undefined || firstTimestamp === undefined || lastTimestamp === undefined || count === undefined) return undefined;
  return { apiVersion, kind, metadata, involvedObject, reason, message, type, source, firstTimestamp, lastTimestamp, count };
}

/** How many of a pod status' fields there are, by which others are told. */
function fieldsOf(status: PodStatus): number {
  let fields = 1;
  if (status.conditions !== undefined) fields++;
  if (status.hostIP !== undefined) fields++;
  if (status.podIP !== undefined) fields++;
  if (status.startTime !== undefined) fields++;
  if (status.containerStatuses !== undefined) fields++;
  if (status.initContainerStatuses !== undefined) fields++;
  if (status.qosClass !== undefined) fields++;
  if (status.reason !== undefined) fields++;
  if (status.message !== undefined) fields++;
  if (status.nominatedNodeName !== undefined) fields++;
  if (status.observedGeneration !== undefined) fields++;
  return fields;
}

/** Whether a pod status has fields that the models do not know. */
function hasOthers(status: PodStatus): boolean {
  let keys = 0;
  for (const _ in status) keys++;
  return keys !== fieldsOf(status);
}

/**
 * A pod status with the fields of another one over its own: as by spreading, written out like `copyMetadata`. The nominated node is the other
 * one's, the class of service its own.
 */
export function mergedStatus(under: PodStatus, over: PodStatus, conditions: readonly Condition[]): PodStatus {
  if (hasOthers(under) || hasOthers(over)) return spreadStatus(under, over, conditions);
  const { phase } = over;
  const hostIP = over.hostIP ?? under.hostIP;
  const podIP = over.podIP ?? under.podIP;
  const startTime = over.startTime ?? under.startTime;
  const containerStatuses = over.containerStatuses ?? under.containerStatuses;
  const qosClass = under.qosClass ?? over.qosClass;
  const initContainerStatuses = over.initContainerStatuses ?? under.initContainerStatuses;
  const reason = over.reason ?? under.reason;
  const message = over.message ?? under.message;
  const observedGeneration = over.observedGeneration ?? under.observedGeneration;
  const { nominatedNodeName } = over;
  let status: { -readonly [Key in keyof PodStatus]: PodStatus[Key] };
  // What kubelets write as literals, so that everything is inside the object.
  if (hostIP !== undefined && startTime !== undefined && containerStatuses !== undefined && qosClass !== undefined) {
    if (podIP === undefined) status = { phase, conditions, hostIP, startTime, containerStatuses, qosClass };
    else status = { phase, conditions, hostIP, startTime, containerStatuses, qosClass, podIP };
  } else {
    status = { phase, conditions };
    if (hostIP !== undefined) status.hostIP = hostIP;
    if (startTime !== undefined) status.startTime = startTime;
    if (containerStatuses !== undefined) status.containerStatuses = containerStatuses;
    if (qosClass !== undefined) status.qosClass = qosClass;
    if (podIP !== undefined) status.podIP = podIP;
  }
  if (initContainerStatuses !== undefined) status.initContainerStatuses = initContainerStatuses;
  if (reason !== undefined) status.reason = reason;
  if (message !== undefined) status.message = message;
  if (nominatedNodeName !== undefined) status.nominatedNodeName = nominatedNodeName;
  if (observedGeneration !== undefined) status.observedGeneration = observedGeneration;
  return status;
}

function spreadStatus(under: PodStatus, over: PodStatus, conditions: readonly Condition[]): PodStatus {
  const { nominatedNodeName: _nominated, ...kept } = under;
  return { ...kept, ...over, conditions, ...(under.qosClass === undefined ? {} : { qosClass: under.qosClass }) };
}

/** An object with other metadata. */
export function withMetadata<T extends KubernetesObject>(base: T, metadata: ObjectMeta): T {
  const { spec, status } = base as Whole;
  return assembled(base, metadata, spec, status) as T;
}

/** Deep equality of two objects: as `equal`, for those that share most of what they hold. */
export function sameObject(a: KubernetesObject, b: KubernetesObject): boolean {
  if (a.apiVersion !== b.apiVersion || a.kind !== b.kind || !sameMetadata(a.metadata, b.metadata)) return false;
  const left = a as Whole;
  const right = b as Whole;
  return same(left.spec, right.spec) && same(left.status, right.status) && sameRest(left, right);
}

/** Deep equality of metadata. */
export function sameMetadata(a: ObjectMeta, b: ObjectMeta): boolean {
  return (
    a.name === b.name &&
    a.namespace === b.namespace &&
    a.uid === b.uid &&
    a.resourceVersion === b.resourceVersion &&
    a.generation === b.generation &&
    a.creationTimestamp === b.creationTimestamp &&
    a.generateName === b.generateName &&
    a.deletionTimestamp === b.deletionTimestamp &&
    a.deletionGracePeriodSeconds === b.deletionGracePeriodSeconds &&
    same(a.labels, b.labels) &&
    same(a.annotations, b.annotations) &&
    same(a.ownerReferences, b.ownerReferences) &&
    same(a.finalizers, b.finalizers)
  );
}

/** Deep equality of values that are mostly the same ones. */
export function same(a: unknown, b: unknown): boolean {
  return a === b || equal(a, b);
}

/** Whether all keys but metadata, spec and status hold the same. */
function sameRest(a: KubernetesObject, b: KubernetesObject): boolean {
  const left = a as unknown as Record<string, unknown>;
  const right = b as unknown as Record<string, unknown>;
  let keys = 0;
  for (const key in left) {
    keys++;
    if (key === 'apiVersion' || key === 'kind' || key === 'metadata' || key === 'spec' || key === 'status') continue;
    if (!same(left[key], right[key])) return false;
  }
  for (const _ in right) keys--;
  return keys === 0;
}
