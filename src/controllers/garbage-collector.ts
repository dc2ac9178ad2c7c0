import { copyMetadata, withMetadata } from '../api/copies.js';
import type { KubernetesObject, OwnerReference } from '../api/meta.js';
import { infoOfKind, resourceInfo, resources } from '../api/resources.js';
import { succeeded, type ApiRequest, type ApiResponse, type Patch } from '../apiserver/request.js';
import { Changes } from '../client/changes.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, ResourceEventHandler } from '../client/types.js';
import { ControllerWorkers, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';
import { FOREGROUND_FINALIZER, type GraphEffects, type GraphNode, ORPHAN_FINALIZER, OwnershipGraph } from './garbage-graph.js';
import { ReleasePatch } from './ownership.js';

const WORKERS = 20;
/** Owners known to be gone that are remembered (garbagecollector.go NewReferenceCache(500)). */
const ABSENT_OWNERS = 500;
/** Not collected: events have their own expiry, and leases of nodes are renewed far too often to be worth a graph node each. */
const IGNORED = new Set(['events', 'leases']);

function resourceOf(reference: OwnerReference): string | undefined {
  return infoOfKind(reference.apiVersion, reference.kind)?.resource;
}

/** Whether a resource named in an owner reference has no namespace. */
function scopeOf(node: GraphNode): { namespace: string; name: string } {
  const info = resources().find((candidate) => candidate.resource === node.resource);
  return { namespace: info?.namespaced === false ? '' : node.namespace, name: node.name };
}

/** Name of an owner among those that are gone. */
function absentKey(uid: string, resource: string, namespace: string, name: string): string {
  return `${uid} ${resource} ${namespace}/${name}`;
}

/** As much of an object as an event needs. */
function objectOf(node: GraphNode): KubernetesObject {
  const { group, version, kind } = resourceInfo(node.resource);
  const { name, namespace, uid } = node;
  return { apiVersion: group === '' ? version : `${group}/${version}`, kind, metadata: { name, namespace, uid, resourceVersion: 0, generation: 0, creationTimestamp: 0 } };
}

/** Deletes what nobody owns any more (pkg/controller/garbagecollector). */
export class GarbageCollector implements Reconciler {
  readonly graph = new OwnershipGraph();
  readonly workers: ControllerWorkers;
  readonly orphaners: ControllerWorkers;
  /** Owners that are gone, oldest first: a uid may be looked for in a namespace where it never was. */
  private readonly absentOwners = new Set<string>();
  private readonly context: ProcessContext;
  private readonly client: ApiClient;
  private recorder: EventRecorder | null = null;

  constructor(context: ProcessContext, client: ApiClient) {
    this.context = context;
    this.client = client;
    this.workers = new ControllerWorkers(context, { name: 'garbage-collector', workers: WORKERS, client });
    this.orphaners = new ControllerWorkers(context, { name: 'garbage-collector-orphan', workers: WORKERS, client });
    const informers = resources()
      .filter(({ resource }) => !IGNORED.has(resource))
      .map(({ resource }) => {
        const informer = context.informers.informer(resource);
        informer.addEventHandler(new GraphHandler(this, resource));
        return informer;
      });
    this.workers.start(this, informers);
    this.orphaners.start(new Orphaner(this), informers);
  }

  reconcile(uid: string): Reconciliation | null {
    const node = this.graph.nodes.get(uid);
    if (node === undefined || (node.beingDeleted && !node.deletingDependents)) return null;
    return new AttemptToDelete(this, node);
  }

  put(resource: string, object: KubernetesObject): void {
    this.apply(this.graph.put(resource, object, resourceOf));
  }

  /** An object is gone, seen by the informer or told by a 404. */
  remove(uid: string): void {
    const node = this.graph.nodes.get(uid);
    const effects = this.graph.remove(uid);
    if (effects.attemptToDelete.length > 0) this.rememberAbsent(absentKey(uid, node!.resource, scopeOf(node!).namespace, node!.name));
    this.apply(effects);
  }

  isAbsent(key: string): boolean {
    return this.absentOwners.has(key);
  }

  rememberAbsent(key: string): void {
    this.absentOwners.add(key);
    if (this.absentOwners.size <= ABSENT_OWNERS) return;
    for (const oldest of this.absentOwners) {
      this.absentOwners.delete(oldest);
      return;
    }
  }

  apply(effects: GraphEffects): void {
    for (const uid of effects.attemptToDelete) this.workers.queue.add(uid);
    for (const uid of effects.attemptToOrphan) this.orphaners.queue.add(uid);
    for (const { dependent, owner } of effects.misplaced ?? []) this.reportMisplaced(dependent, owner);
  }

  /** reportInvalidNamespaceOwnerRef. */
  private reportMisplaced(node: GraphNode, owner: string): void {
    const reference = node.owners.find(({ uid }) => uid === owner);
    if (reference === undefined) return;
    this.recorder ??= this.context.eventRecorder('garbage-collector-controller', this.client);
    const { apiVersion, kind, name, uid } = reference;
    const message = `ownerRef [${apiVersion}/${kind}, namespace: ${node.namespace}, name: ${name}, uid: ${uid}] does not exist in namespace "${node.namespace}"`;
    this.recorder.event(objectOf(node), 'Warning', 'OwnerRefInvalidNamespace', message);
  }
}

class GraphHandler implements ResourceEventHandler<KubernetesObject> {
  readonly updates = Changes.Owners | Changes.Deletion;
  private readonly collector: GarbageCollector;
  private readonly resource: string;

  constructor(collector: GarbageCollector, resource: string) {
    this.collector = collector;
    this.resource = resource;
  }

  onAdd(object: KubernetesObject): void {
    this.collector.put(this.resource, object);
  }

  onUpdate(old: KubernetesObject, object: KubernetesObject): void {
    if (old.metadata.uid !== object.metadata.uid) this.collector.remove(old.metadata.uid);
    this.collector.put(this.resource, object);
  }

  onDelete(object: KubernetesObject): void {
    this.collector.remove(object.metadata.uid);
  }
}

/** Takes a finalizer off. */
export class RemoveFinalizerPatch implements Patch {
  readonly bytes = 120;
  readonly fresh = true;
  readonly finalizer: string;

  constructor(finalizer: string) {
    this.finalizer = finalizer;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const finalizers = current.metadata.finalizers ?? [];
    if (!finalizers.includes(this.finalizer)) return current;
    const metadata = copyMetadata(current.metadata);
    metadata.finalizers = finalizers.filter((name) => name !== this.finalizer);
    return withMetadata(current, metadata);
  }
}

/** Takes the references to some owners off (DeleteOwnerRefStrategicMergePatch). */
class RemoveOwnersPatch implements Patch {
  readonly bytes: number;
  private readonly uids: readonly string[];

  constructor(uids: readonly string[]) {
    this.uids = uids;
    this.bytes = 80 + 60 * uids.length;
  }

  apply(current: KubernetesObject): KubernetesObject {
    let object = current;
    for (const uid of this.uids) object = new ReleasePatch(uid).apply(object);
    return object;
  }
}

const READ = 0;
const READ_DONE = 1;
const OWNERS = 2;
const OWNER_READ = 3;
const DECIDE = 4;
const WRITTEN = 5;

/** Looks at one object: keeps it, takes dead references off, or deletes it (attemptToDeleteItem). */
class AttemptToDelete extends StagedReconciliation {
  private readonly collector: GarbageCollector;
  private readonly node: GraphNode;
  private latest: KubernetesObject | undefined = undefined;
  private owners: readonly OwnerReference[] = [];
  private ownerIndex = 0;
  private readonly dangling: string[] = [];
  private readonly waiting: string[] = [];
  private solid = 0;

  constructor(collector: GarbageCollector, node: GraphNode) {
    super();
    this.collector = collector;
    this.node = node;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case READ:
        this.stage = READ_DONE;
        return [{ verb: 'get', resource: this.node.resource, ...scopeOf(this.node) }];
      case READ_DONE:
        return this.readDone(responses[0]!);
      case OWNERS:
        return this.nextOwner();
      case OWNER_READ:
        return this.ownerRead(responses[0]!);
      case DECIDE:
        return this.decide();
      default:
        // A conflict, or an object that is gone, is looked at again; the watch brings what changed.
        if (!succeeded(responses[0]!)) return this.fail(responses[0]!.message ?? 'request failed');
        return null;
    }
  }

  private readDone(response: ApiResponse): Step {
    if (response.code === 404 || (succeeded(response) && response.object!.metadata.uid !== this.node.uid)) {
      this.collector.remove(this.node.uid);
      return null;
    }
    if (!succeeded(response)) return this.fail(response.message ?? 'request failed');
    this.node.virtual = false;
    this.latest = response.object!;
    if (this.node.deletingDependents) return this.deletingDependents();
    this.owners = this.latest.metadata.ownerReferences ?? [];
    if (this.owners.length === 0) return null;
    this.stage = OWNERS;
    return undefined;
  }

  /** Foreground deletion: done when no dependent blocks it (processDeletingDependentsItem). */
  private deletingDependents(): Step {
    const blocking = this.collector.graph.blockingDependents(this.node);
    if (blocking.length > 0) {
      for (const dependent of blocking) if (!dependent.deletingDependents) this.collector.workers.queue.add(dependent.uid);
      return null;
    }
    this.stage = WRITTEN;
    return [this.request('patch', { patch: new RemoveFinalizerPatch(FOREGROUND_FINALIZER) })];
  }

  private nextOwner(): Step {
    while (this.ownerIndex < this.owners.length) {
      const reference = this.owners[this.ownerIndex]!;
      const resource = resourceOf(reference);
      if (resource === undefined) this.solid++;
      else if (scopeOf(this.node).namespace === '' && infoOfKind(reference.apiVersion, reference.kind)!.namespaced) {
        // Something without a namespace cannot belong to something in one: it is left alone.
        return null;
      } else if (this.collector.isAbsent(this.absent(reference, resource))) this.dangling.push(reference.uid);
      else {
        this.stage = OWNER_READ;
        return [{ verb: 'get', resource, namespace: this.scope(reference), name: reference.name }];
      }
      this.ownerIndex++;
    }
    this.stage = DECIDE;
    return undefined;
  }

  private scope({ apiVersion, kind }: OwnerReference): string {
    return infoOfKind(apiVersion, kind)!.namespaced ? this.node.namespace : '';
  }

  private absent(reference: OwnerReference, resource: string): string {
    return absentKey(reference.uid, resource, this.scope(reference), reference.name);
  }

  private ownerRead(response: ApiResponse): Step {
    const reference = this.owners[this.ownerIndex]!;
    const { uid } = reference;
    if (response.code === 404) {
      this.collector.rememberAbsent(this.absent(reference, resourceOf(reference)!));
      this.dangling.push(uid);
    } else if (!succeeded(response)) return this.fail(response.message ?? 'request failed');
    else {
      const { metadata } = response.object!;
      if (metadata.uid !== uid) {
        this.collector.rememberAbsent(this.absent(reference, resourceOf(reference)!));
        this.dangling.push(uid);
      } else if (metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(FOREGROUND_FINALIZER) === true) this.waiting.push(uid);
      else this.solid++;
    }
    this.ownerIndex++;
    this.stage = OWNERS;
    return undefined;
  }

  private decide(): Step {
    const gone = [...this.dangling, ...this.waiting];
    this.stage = WRITTEN;
    if (this.solid > 0) {
      if (gone.length === 0) return null;
      return [this.request('patch', { patch: new RemoveOwnersPatch(gone) })];
    }
    const { finalizers } = this.latest!.metadata;
    const foreground =
      (this.waiting.length > 0 && this.node.dependents !== null) || finalizers?.includes(FOREGROUND_FINALIZER) === true;
    const propagationPolicy = finalizers?.includes(ORPHAN_FINALIZER) === true ? 'Orphan' : foreground ? 'Foreground' : 'Background';
    const { uid, resourceVersion } = this.latest!.metadata;
    return [this.request('delete', { propagationPolicy, preconditions: { uid, resourceVersion } })];
  }

  private request(verb: ApiRequest['verb'], extra: Partial<ApiRequest>): ApiRequest {
    return { verb, resource: this.node.resource, ...scopeOf(this.node), ...extra };
  }
}

/** Lets dependents go before their owner does (attemptToOrphan). */
class Orphaner implements Reconciler {
  private readonly collector: GarbageCollector;

  constructor(collector: GarbageCollector) {
    this.collector = collector;
  }

  reconcile(uid: string): Reconciliation | null {
    const node = this.collector.graph.nodes.get(uid);
    return node === undefined ? null : new AttemptToOrphan(this.collector, node);
  }
}

class AttemptToOrphan extends StagedReconciliation {
  private readonly collector: GarbageCollector;
  private readonly node: GraphNode;

  constructor(collector: GarbageCollector, node: GraphNode) {
    super();
    this.collector = collector;
    this.node = node;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    for (const response of responses) {
      if (!succeeded(response) && response.code !== 404) return this.fail(response.message ?? 'request failed');
    }
    if (this.stage === 0) {
      this.stage = 1;
      const patch = new ReleasePatch(this.node.uid);
      const requests: ApiRequest[] = [];
      for (const uid of this.node.dependents ?? []) {
        const dependent = this.collector.graph.nodes.get(uid);
        if (dependent !== undefined) requests.push({ verb: 'patch', resource: dependent.resource, ...scopeOf(dependent), patch });
      }
      return requests.length === 0 ? undefined : requests;
    }
    if (this.stage > 1) return null;
    this.stage = 2;
    const patch = new RemoveFinalizerPatch(ORPHAN_FINALIZER);
    return [{ verb: 'patch', resource: this.node.resource, ...scopeOf(this.node), patch }];
  }
}
