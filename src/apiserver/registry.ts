import type { Pod, PodStatus, Service } from '../api/core.js';
import { admit } from '../api/defaults.js';
import { type FieldError, invalidMessage } from '../api/fields.js';
import type { Condition, KubernetesObject } from '../api/meta.js';
import { resourceInfo } from '../api/resources.js';
import { assembled, copyMetadata, same, sameObject, type WritableMeta, withMetadata } from '../api/copies.js';
import { validateObject } from '../api/validation.js';
import { validateChange } from '../api/validation-update.js';
import type { Deployment, Lease } from '../api/workloads.js';
import type { Time } from '../kernel/time.js';
import { boundSpec } from './bound-specs.js';
import { failure } from './call.js';
import { equal } from '../api/equal.js';
import type { ApiRequest, ApiResponse } from './request.js';
import { kindOf, type RequestKind } from './request-kind.js';

/**
 * What the API server's registry makes of a write (k8s.io/apiserver pkg/registry/generic/registry/store.go and the strategies
 * in pkg/registry): pure decisions from the request and the current object.
 */
export type Decision =
  /** `deletes`: once this is written the object is deleted, in a transaction of its own. */
  | { readonly kind: 'put'; readonly object: KubernetesObject; readonly expectedRevision: number; readonly deletes?: true }
  | { readonly kind: 'delete'; readonly object: KubernetesObject; readonly expectedRevision: number }
  | { readonly kind: 'unchanged'; readonly object: KubernetesObject }
  | { readonly kind: 'fail'; readonly response: ApiResponse };

/** What the registry takes from its surroundings: the clock, and allocators of identifiers and addresses. */
export interface RegistryContext {
  readonly now: Time;
  newUid(): string;
  /** 5 characters for names made from generateName. */
  newNameSuffix(): string;
  newClusterIP(): string;
  /** 30000–32767. */
  newNodePort(): number;
}

/** A request is refused before admission. */
export class Refusal {
  readonly response: ApiResponse;

  constructor(response: ApiResponse) {
    this.response = response;
  }
}

/** What a request asks for, before admission: the object to be stored (undefined: a delete, or a subresource without one), or a refusal. */
export type Proposal = KubernetesObject | undefined | Refusal;

/** Decides a create, update, patch or delete without admission plugins, given the current object (undefined: there is none). */
export function decide(request: ApiRequest, current: KubernetesObject | undefined, context: RegistryContext): Decision {
  const kind = kindOf(request);
  const proposal = propose(request, kind, current, context);
  if (proposal instanceof Refusal) return fail(proposal.response);
  return settle(request, kind, current, admitPlainly(kind, proposal), context);
}

/** What Priority, ServiceAccount and DefaultTolerationSeconds make of a new pod in a cluster without classes. */
export function admitPlainly({ creates }: RequestKind, object: KubernetesObject | undefined): KubernetesObject | undefined {
  return creates && object?.kind === 'Pod' ? admit(object as Pod) : object;
}

/** The first half of a decision: what admission is asked about. */
export function propose(request: ApiRequest, kind: RequestKind, current: KubernetesObject | undefined, context: RegistryContext): Proposal {
  if (kind.creates) {
    if (current !== undefined) return new Refusal(alreadyExists(request));
    return newObject(request.body!, request.fresh === true, context);
  }
  if (current === undefined) return new Refusal(notFound(request));
  const { preconditions } = request;
  if (preconditions !== undefined) {
    const { uid, resourceVersion } = current.metadata;
    if (preconditions.uid !== undefined && preconditions.uid !== uid) {
      return new Refusal(failure(409, `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${uid}`));
    }
    if (preconditions.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) return new Refusal(conflict(request));
  }
  if (kind.verb === 'delete' || kind.subresource === 'binding') return undefined;
  return proposeUpdate(request, kind, current);
}

/** The second half: validation of the admitted object, and what is to be written. */
export function settle(
  request: ApiRequest,
  kind: RequestKind,
  current: KubernetesObject | undefined,
  object: KubernetesObject | undefined,
  context: RegistryContext,
): Decision {
  if (current === undefined) return settleCreate(object!, context);
  if (kind.verb === 'delete') return decideDelete(request, current, context);
  if (kind.subresource === 'binding') return decideBinding(request, current as Pod, context);
  return settleUpdate(request, kind, current, object!, context);
}

function fail(response: ApiResponse): Decision {
  return { kind: 'fail', response };
}

/** `deployments.apps "web"`: how API messages name an object. */
export function qualifiedName(request: ApiRequest): string {
  const { group } = resourceInfo(request.resource);
  return `${group === '' ? request.resource : `${request.resource}.${group}`} "${request.name}"`;
}

/** 404 in the server's words; a scale that is read is missing under its own name (ScaleREST.Get). */
export function notFound(request: ApiRequest): ApiResponse {
  const { resource, subresource, verb } = request;
  const name = qualifiedName(request);
  const shown = subresource === 'scale' && verb === 'get' ? name.replace(resource, `${resource}/scale`) : name;
  return failure(404, `${shown} not found`);
}

/** 409 Conflict in the server's words. */
export function conflict(request: ApiRequest): ApiResponse {
  return failure(
    409,
    `Operation cannot be fulfilled on ${qualifiedName(request)}: the object has been modified; please apply your changes to the latest version and try again`,
  );
}

/** A body with what the server fills in before admission; `own`: in place. */
function newObject(body: KubernetesObject, own: boolean, context: RegistryContext): KubernetesObject {
  const metadata = own ? (body.metadata as WritableMeta) : copyMetadata(body.metadata);
  if (metadata.name === '') metadata.name = `${metadata.generateName ?? ''}${context.newNameSuffix()}`;
  metadata.uid = context.newUid();
  metadata.resourceVersion = 0;
  metadata.generation = 1;
  metadata.creationTimestamp = context.now;
  return own ? body : withMetadata(body, metadata);
}

function settleCreate(admitted: KubernetesObject, context: RegistryContext): Decision {
  const errors = validateObject(admitted);
  if (errors.length > 0) return fail(invalid(admitted, errors));
  return { kind: 'put', object: prepareForCreate(admitted, context), expectedRevision: 0 };
}

/** 422 Invalid in the server's words. */
function invalid(object: KubernetesObject, errors: readonly FieldError[]): ApiResponse {
  return failure(422, invalidMessage(object.apiVersion, object.kind, object.metadata.name, errors));
}

/** 409 AlreadyExists in the server's words. */
export function alreadyExists(request: ApiRequest): ApiResponse {
  return failure(409, `${qualifiedName(request)} already exists`, 'AlreadyExists');
}

/** Clears status and allocates addresses, as the strategies' PrepareForCreate do. */
function prepareForCreate(object: KubernetesObject, context: RegistryContext): KubernetesObject {
  switch (object.kind) {
    case 'Pod': {
      const pod = object as Pod;
      const gates = pod.spec.schedulingGates?.length ?? 0;
      // As admission leaves the pods of controllers.
      if (gates === 0 && isNew(pod.status)) return pod;
      const status = { phase: 'Pending', qosClass: pod.status?.qosClass ?? 'BestEffort' };
      if (gates === 0) return assembled(pod, pod.metadata, pod.spec, status);
      return assembled(pod, pod.metadata, pod.spec, { ...status, conditions: [gated(context.now)] });
    }
    case 'Deployment':
      return { ...object, status: {} } as Deployment;
    case 'Namespace':
      // A namespace goes when the namespace controller has emptied it; kept here with the other finalizers, not in its spec.
      return {
        ...object,
        metadata: { ...object.metadata, finalizers: ['kubernetes', ...(object.metadata.finalizers ?? []).filter((name) => name !== 'kubernetes')] },
        status: { phase: 'Active' },
      } as KubernetesObject;
    case 'ReplicaSet':
      return { ...object, status: { replicas: 0 } } as unknown as KubernetesObject;
    case 'Service': {
      const service = object as Service;
      const { spec } = service;
      if (spec.type === 'ExternalName' || spec.clusterIP === 'None') return service;
      const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
      const ports = spec.ports.map((port) =>
        external && port.nodePort === undefined ? { ...port, nodePort: context.newNodePort() } : port,
      );
      const clusterIP = spec.clusterIP ?? context.newClusterIP();
      const checked = spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local' && spec.extra?.['healthCheckNodePort'] === undefined;
      const extra = checked ? { extra: { ...spec.extra, healthCheckNodePort: context.newNodePort() } } : {};
      return { ...service, spec: { ...spec, ports, clusterIP, ...extra } } as Service;
    }
    case 'StorageClass':
      // pkg/apis/storage/v1 SetDefaults_StorageClass.
      return { volumeBindingMode: 'Immediate', reclaimPolicy: 'Delete', ...object } as KubernetesObject;
    case 'PersistentVolume':
      return newVolume(object, context.now);
    case 'PersistentVolumeClaim':
      return { ...withDefaults(object, { volumeMode: 'Filesystem' }), status: { phase: 'Pending' } } as KubernetesObject;
    default:
      return object;
  }
}

/** Whether a status is that of a new pod: a phase and a class of service. */
function isNew(status: PodStatus | undefined): boolean {
  if (status === undefined || status.phase !== 'Pending' || status.qosClass === undefined) return false;
  let keys = 0;
  for (const _ in status) keys++;
  return keys === 2;
}

/** Condition of a pod that is made with scheduling gates (registry/core/pod/strategy.go applySchedulingGatedCondition). */
function gated(now: Time): Condition {
  const message = 'Scheduling is blocked due to non-empty scheduling gates';
  return { type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message, lastTransitionTime: now };
}

/** A volume is Pending until the binder has seen it (pkg/registry/core/persistentvolume/strategy.go, SetDefaults_PersistentVolume). */
function newVolume(object: WithSpecAndStatus, now: Time): KubernetesObject {
  const volume = withDefaults(object, { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' });
  return { ...volume, status: { phase: 'Pending', lastPhaseTransitionTime: now } } as KubernetesObject;
}

function withDefaults(object: WithSpecAndStatus, defaults: object): KubernetesObject {
  return { ...object, spec: { ...defaults, ...(object.spec as object) } } as KubernetesObject;
}

interface PhaseStatus {
  readonly phase?: string;
  readonly lastPhaseTransitionTime?: Time;
}

/** The status of a volume with the time of its last phase (strategy.go persistentvolumeStatusStrategy.PrepareForUpdate). */
function volumeStatus(status: PhaseStatus | undefined, before: PhaseStatus | undefined, now: Time): PhaseStatus {
  const last = before?.lastPhaseTransitionTime;
  if (status?.phase === before?.phase) {
    return status?.lastPhaseTransitionTime !== undefined || last === undefined ? { ...status } : { ...status, lastPhaseTransitionTime: last };
  }
  const given = status?.lastPhaseTransitionTime;
  return given === undefined || given === last ? { ...status, lastPhaseTransitionTime: now } : { ...status };
}

interface WithSpecAndStatus extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

function proposeUpdate(request: ApiRequest, kind: RequestKind, current: WithSpecAndStatus): Proposal {
  if (kind.verb === 'patch') return request.patch!.apply(current);
  if (kind.subresource === 'scale') {
    const spec = current.spec as { readonly replicas: number };
    return { ...current, spec: { ...spec, replicas: request.replicas! } } as WithSpecAndStatus;
  }
  const wanted = request.body!;
  const version = wanted.metadata.resourceVersion;
  if (version !== 0 && version !== current.metadata.resourceVersion) return new Refusal(conflict(request));
  return wanted;
}

/** A status write: of the metadata annotations may change with it (the Deployment controller keeps the revision there), the rest not. */
function settleStatus(current: WithSpecAndStatus, wanted: WithSpecAndStatus, context: RegistryContext): Decision {
  const { annotations } = wanted.metadata;
  const before = current.metadata;
  const annotated = annotations !== undefined && annotations !== before.annotations;
  const status = newStatus(current, wanted, context.now);
  if (same(status, current.status) && (!annotated || same(annotations, before.annotations))) return { kind: 'unchanged', object: current };
  const metadata = copyMetadata(before);
  if (annotated) metadata.annotations = annotations;
  return written(assembled(current, metadata, current.spec, status), before.resourceVersion, context);
}

function settleUpdate(request: ApiRequest, kind: RequestKind, current: WithSpecAndStatus, wanted: WithSpecAndStatus, context: RegistryContext): Decision {
  if (wanted === current) return { kind: 'unchanged', object: current };
  if (kind.subresource === 'status') return settleStatus(current, wanted, context);
  const before = current.metadata;
  const { resourceVersion } = before;
  const changed = wanted.spec !== undefined && wanted.spec !== current.spec;
  if (wanted.spec !== current.spec) {
    const errors = validateChange(current, wanted);
    if (errors.length > 0) return fail(invalid(current, errors));
  }
  const spec = changed && (isRenewed(kind, current, wanted) || !equal(wanted.spec, current.spec)) ? wanted.spec : current.spec;
  const own = wanted.metadata !== before && (kind.verb === 'patch' ? request.patch!.fresh === true : isOwnBody(request, current));
  const metadata = own ? (wanted.metadata as WritableMeta) : copyMetadata(wanted.metadata);
  metadata.uid = before.uid;
  metadata.creationTimestamp = before.creationTimestamp;
  metadata.resourceVersion = resourceVersion;
  metadata.generation = spec === current.spec ? before.generation : before.generation + 1;
  const whole = own && wanted.spec === spec && wanted.status === current.status;
  const object = whole ? wanted : assembled(wanted, metadata, spec, current.status);
  // Another spec is one that differs, see above.
  if (spec === current.spec && sameObject(object, current)) return { kind: 'unchanged', object: current };
  return written(object, resourceVersion, context);
}

/** Whether an update renews a lease, as nearly all of leases do. */
function isRenewed({ resource }: RequestKind, current: WithSpecAndStatus, wanted: WithSpecAndStatus): boolean {
  return resource === 'leases' && (wanted as Lease).spec.renewTime !== (current as Lease).spec.renewTime;
}

/** An update that has changed something: an object that waits for nothing more to be deleted is. */
function written(object: KubernetesObject, expectedRevision: number, context: RegistryContext): Decision {
  const { deletionTimestamp } = object.metadata;
  if (deletionTimestamp !== undefined && deletionTimestamp <= context.now && finished(object)) return { kind: 'delete', object, expectedRevision };
  return { kind: 'put', object, expectedRevision };
}

function newStatus(current: WithSpecAndStatus, wanted: WithSpecAndStatus, now: Time): unknown {
  if (current.kind !== 'PersistentVolume' || wanted.status === current.status) return wanted.status;
  return volumeStatus(wanted.status as PhaseStatus | undefined, current.status as PhaseStatus | undefined, now);
}

/** Whether the server may fill in the body of an update: not where that would make it look newer than it is, should it be tried again. */
function isOwnBody({ fresh, body }: ApiRequest, current: KubernetesObject): boolean {
  return fresh === true && body!.metadata.resourceVersion === current.metadata.resourceVersion;
}

/** An object being deleted goes when its last finalizer does; a pod's grace period is ended by the kubelet's own DELETE. */
function finished(object: KubernetesObject): boolean {
  const finalizers = object.metadata.finalizers;
  if (finalizers !== undefined && finalizers.length > 0) return false;
  return (object.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

const NO_CONDITIONS: readonly Condition[] = [];

/** A status with other conditions; that of a pod which was just made is written out. */
function withConditions(status: PodStatus, conditions: readonly Condition[]): PodStatus {
  const { phase, qosClass } = status;
  let keys = 0;
  for (const _ in status) keys++;
  if (qosClass !== undefined && keys === (status.conditions === undefined ? 2 : 3)) return { phase, qosClass, conditions };
  return { ...status, conditions };
}

function decideBinding(request: ApiRequest, pod: Pod, context: RegistryContext): Decision {
  if (pod.metadata.deletionTimestamp !== undefined) {
    return fail(failure(409, `Operation cannot be fulfilled on pods/binding "${pod.metadata.name}": pod ${pod.metadata.name} is being deleted, cannot be assigned to a host`));
  }
  if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '') {
    return fail(
      failure(409, `Operation cannot be fulfilled on pods/binding "${pod.metadata.name}": pod ${pod.metadata.name} is already assigned to node "${pod.spec.nodeName}"`),
    );
  }
  const conditions: Condition[] = [];
  for (const condition of pod.status.conditions ?? NO_CONDITIONS) if (condition.type !== 'PodScheduled') conditions.push(condition);
  conditions.push({ type: 'PodScheduled', status: 'True', lastTransitionTime: context.now });
  const object = assembled(pod, copyMetadata(pod.metadata), boundSpec(pod.spec, request.target!), withConditions(pod.status, conditions));
  return { kind: 'put', object, expectedRevision: pod.metadata.resourceVersion };
}

function decideDelete(request: ApiRequest, current: KubernetesObject, context: RegistryContext): Decision {
  const expectedRevision = current.metadata.resourceVersion;
  const finalizers = finalizersFor(request, current);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, generation } = current.metadata;
  const pod = current.kind === 'Pod';
  // Only pods are deleted with grace; a pod that has none left is deleted as the others are.
  if (finalizers.length === 0 && (!pod || (deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0))) {
    return { kind: 'delete', object: current, expectedRevision };
  }
  const marked = deletionTimestamp !== undefined;
  // Of an object that is being deleted the period can only be shortened.
  const grace = marked ? (request.gracePeriodSeconds ?? deletionGracePeriodSeconds) : gracePeriod(request, current);
  if (marked && grace >= deletionGracePeriodSeconds && finalizers.length === (current.metadata.finalizers?.length ?? 0)) {
    return { kind: 'unchanged', object: current };
  }
  const metadata = copyMetadata(current.metadata);
  // BeforeDelete bumps the generation of an object that it marks.
  metadata.generation = marked ? generation : generation + 1;
  metadata.deletionTimestamp = marked ? deletionTimestamp - (deletionGracePeriodSeconds - grace) * 1e9 : context.now + grace * 1e9;
  metadata.deletionGracePeriodSeconds = grace;
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  const object = withMetadata(current, metadata);
  // A graceful deletion of no seconds writes the mark first, so that watchers see it, and deletes then (updateForGracefulDeletionAndFinalizers).
  return { kind: 'put', object, expectedRevision, ...(grace === 0 && finalizers.length === 0 ? { deletes: true } : {}) };
}

/** Finalizers an object must lose before it goes, with those that the propagation policy asks for. */
function finalizersFor(request: ApiRequest, current: KubernetesObject): readonly string[] {
  const finalizers = current.metadata.finalizers ?? [];
  const wanted =
    request.propagationPolicy === 'Foreground'
      ? 'foregroundDeletion'
      : request.propagationPolicy === 'Orphan'
        ? 'orphan'
        : undefined;
  if (wanted === undefined || finalizers.includes(wanted)) return finalizers;
  return [...finalizers, wanted];
}

/** Seconds of grace: pods only, and none for pods that no kubelet has or that have finished (pod strategy CheckGracefulDelete). */
function gracePeriod(request: ApiRequest, current: KubernetesObject): number {
  if (current.kind !== 'Pod') return 0;
  const pod = current as Pod;
  if (pod.spec.nodeName === undefined || pod.spec.nodeName === '') return 0;
  if (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') return 0;
  return request.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds;
}
