import type { DaemonSet, StatefulSet } from '../../../src/api/apps.js';
import type { Job } from '../../../src/api/batch.js';
import { isPodActive, isPodReady, type Pod } from '../../../src/api/core.js';
import { controllerOf, type KubernetesObject } from '../../../src/api/meta.js';
import type { ReplicaSet } from '../../../src/api/workloads.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../../../src/apiserver/request.js';
import type { WatchRecord } from '../../../src/apiserver/watch-cache.js';
import type { Process } from '../../../src/client/process.js';
import type { ApiClient, ResourceEventHandler } from '../../../src/client/types.js';
import { nodeOf } from '../../../src/controllers/daemon-pods.js';
import { EXPECTATIONS_TIMEOUT } from '../../../src/controllers/expectations.js';
import { hasFinalizer } from '../../../src/controllers/job-failures.js';

/** What a controller reads may be so old: longer than any server, leader or watch is away. */
const WINDOW = 60e9;

/** No StatefulSet has more pods. */
const ORDINALS = 10;

const OWN: Readonly<Record<string, string>> = {
  'replicaset-controller': 'ReplicaSet',
  'job-controller': 'Job',
  'daemon-set-controller': 'DaemonSet',
  'statefulset-controller': 'StatefulSet',
};

interface Size {
  readonly time: number;
  readonly wanted: number;
}

/** What a sync of a Job goes by; `working` counts what it makes in. */
interface JobRead {
  readonly resourceVersion: number;
  readonly completions: number | undefined;
  readonly done: number;
  working: number;
}

/** One owner's pods as they really are, whatever its controller believes. */
class Owner {
  readonly active = new Map<string, Pod>();
  readonly sizes: Size[] = [];
  /** Creations and deletions sent and not answered. */
  creating = 0;
  readonly deleting = new Set<string>();
  /** Writes whose answer got lost: the pod may be there, and nobody can know. */
  lost = 0;

  /** Sizes that a controller may still go by. */
  recent(now: number): number[] {
    const first = this.sizes.findLastIndex(({ time }) => time <= now - WINDOW);
    return this.sizes.slice(Math.max(0, first)).map(({ wanted }) => wanted);
  }
}

/**
 * Looks at every creation and deletion of a pod as its controller sends it: no owner gets more pods than it ever wanted of late, none
 * loses more than that, no Job does more work than is left, no node gets a second daemon, ordinals come and go in order.
 */
export class PodWatch {
  readonly looked = { creations: 0, deletions: 0, updates: 0 };
  /**
   * Jobs that got pods from a sync that had read a Job older than what its controller had written itself. Until 1.36
   * (StaleControllerConsistencyJob) nothing keeps it from that, so such a Job may do more than was asked.
   */
  readonly behind = new Set<string>();
  /** What syncs have read of Jobs, and which versions the controller's writes have made, by uid. */
  private readonly jobsRead = new Map<string, JobRead>();
  /** Pods that the Job controller has taken its finalizer off, whatever its cache shows: counted, or to be counted by a Job that it has read. */
  private readonly released = new Set<string>();
  private readonly jobsWritten = new Map<string, number>();
  /** Sizes of StatefulSets that syncs have read, by uid. */
  private readonly setsRead = new Map<string, number>();
  private readonly violations: string[];
  private readonly owners = new Map<string, Owner>();
  private readonly now: () => number;
  /** Pods that the ReplicaSet controller has made and its cache has not shown, by uid, with their ReplicaSets and times. */
  private readonly unseen = new Map<string, { readonly owner: string; readonly time: number }>();

  constructor(violations: string[], now: () => number) {
    this.violations = violations;
    this.now = now;
  }

  private of(uid: string): Owner {
    let owner = this.owners.get(uid);
    if (owner === undefined) this.owners.set(uid, (owner = new Owner()));
    return owner;
  }

  /**
   * Whether a ReplicaSet waits for a pod that came and went while its controller's watch was away: a list afterwards does not show it,
   * and the controller makes and deletes no pods until it has waited five minutes (controller_utils.go, ExpectationsTimeout).
   */
  waitsForLostPod(replicaSet: string): boolean {
    for (const { owner, time } of this.unseen.values()) if (owner === replicaSet && this.now() - time <= EXPECTATIONS_TIMEOUT) return true;
    return false;
  }

  /** The cache of the ReplicaSet controller shows a pod for the first time. */
  shown(pod: Pod): void {
    this.unseen.delete(pod.metadata.uid);
  }

  /** A worker takes a Job from its queue: its sync goes by what the caches show now. */
  jobBegins(key: string, process: Process): void {
    const job = process.informer<Job>('jobs').get(key);
    if (job === undefined) return;
    const { uid, resourceVersion } = job.metadata;
    const { uncountedTerminatedPods: listed, succeeded = 0 } = job.status;
    const known = new Set(listed?.succeeded ?? []);
    let working = 0;
    for (const pod of process.informer<Pod>('pods').list()) {
      if (controllerOf(pod)?.uid !== uid) continue;
      if (isPodActive(pod)) working++;
      else if (pod.status.phase === 'Succeeded' && hasFinalizer(pod) && !this.released.has(pod.metadata.uid) && job.spec.completionMode !== 'Indexed') known.add(pod.metadata.uid);
    }
    this.jobsRead.set(uid, { resourceVersion, completions: job.spec.completions, done: succeeded + known.size, working });
  }

  /** A worker takes a StatefulSet from its queue. */
  setBegins(key: string, process: Process): void {
    const set = process.informer<StatefulSet>('statefulsets').get(key);
    if (set !== undefined) this.setsRead.set(set.metadata.uid, set.spec.replicas);
  }

  learn(object: KubernetesObject): void {
    const { kind, metadata } = object;
    if (kind === 'ReplicaSet') this.size(metadata.uid, (object as ReplicaSet).spec.replicas);
    else if (kind === 'Job') this.size(metadata.uid, (object as Job).spec.parallelism ?? 1);
    else if (kind === 'Pod') this.podSeen(object as Pod, false);
  }

  changed({ object, type }: WatchRecord): void {
    if (object.kind === 'Pod') this.podSeen(object as Pod, type === 'DELETED');
    else if (type !== 'DELETED') this.learn(object);
  }

  private size(uid: string, wanted: number): void {
    const { sizes } = this.of(uid);
    if (sizes.at(-1)?.wanted !== wanted) sizes.push({ time: this.now(), wanted });
  }

  private podSeen(pod: Pod, gone: boolean): void {
    const uid = controllerOf(pod)?.uid;
    if (uid === undefined) return;
    const owner = this.of(uid);
    if (gone || !isPodActive(pod)) owner.active.delete(pod.metadata.uid);
    else owner.active.set(pod.metadata.uid, pod);
  }

  /** The client of a controller, looked over the shoulder. */
  overlook(client: ApiClient, name: string, process: Process): ApiClient {
    const kind = OWN[name];
    if (kind === undefined) return client;
    // A new process knows nothing of what the one before has sent and heard no answer to.
    for (const owner of this.owners.values()) {
      owner.lost += owner.creating;
      owner.creating = 0;
      owner.deleting.clear();
    }
    if (kind === 'Job') this.released.clear();
    if (kind === 'ReplicaSet') {
      this.unseen.clear();
      process.informer<Pod>('pods').addEventHandler(new Shown(this));
    }
    const request = client.request.bind(client);
    client.request = (call, receiver, tag) => {
      if (kind === 'Job') receiver = new JobWritten(receiver, this.jobsWritten, this.released);
      const pods = call.resource === 'pods' && call.subresource === undefined;
      if (!pods || (call.verb !== 'create' && call.verb !== 'delete')) request(call, receiver, tag);
      else request(call, call.verb === 'create' ? this.create(call, kind, process, receiver) : this.remove(call, kind, process, receiver), tag);
    };
    return client;
  }

  private create(call: ApiRequest, kind: string, process: Process, receiver: ResponseReceiver): ResponseReceiver {
    const pod = call.body as Pod;
    const reference = controllerOf(pod)!;
    const owner = this.of(reference.uid);
    this.looked.creations++;
    owner.creating++;
    const all = owner.active.size + owner.creating - owner.lost;
    if (kind === 'ReplicaSet' || kind === 'Job') {
      const most = Math.max(...owner.recent(this.now()));
      if (all > most) this.violations.push(`${kind} ${reference.name} gets its ${all}th pod of ${most}`);
    }
    if (kind === 'Job') this.workLeft(reference);
    if (kind === 'DaemonSet') {
      const node = nodeOf(pod);
      const others = [...owner.active.values()].filter((other) => nodeOf(other) === node).length;
      if (others > owner.lost) this.violations.push(`DaemonSet ${reference.name} gets a second pod on ${node}`);
    }
    if (kind === 'StatefulSet') this.inOrder(pod, reference.name, process);
    return new Answered(kind === 'ReplicaSet' ? new Made(receiver, process, this.unseen, this.now) : receiver, owner, undefined);
  }

  /** On what the sync read and has made since: pods that work and pods that are done are no more than the Job asks for. */
  private workLeft({ name, uid }: { name: string; uid: string }): void {
    const read = this.jobsRead.get(uid);
    if (read === undefined) {
      this.violations.push(`Job ${name} gets a pod without a sync`);
      return;
    }
    if (read.resourceVersion < (this.jobsWritten.get(uid) ?? 0)) this.behind.add(name);
    const { completions, done } = read;
    const working = ++read.working;
    if (completions !== undefined && working + done > completions) this.violations.push(`Job ${name}: ${working} pods work when ${done} of ${completions} are done`);
  }

  /** On what the controller's cache shows: all lower ordinals are there and ready. */
  private inOrder(pod: Pod, name: string, process: Process): void {
    const ordinal = Number(pod.metadata.name.slice(name.length + 1));
    const pods = process.informer<Pod>('pods');
    for (let lower = 0; lower < ordinal; lower++) {
      const other = pods.get(`${pod.metadata.namespace}/${name}-${lower}`);
      if (other === undefined || !isPodReady(other)) this.violations.push(`${pod.metadata.name} is made before ${name}-${lower} is ready`);
    }
  }

  private remove(call: ApiRequest, kind: string, process: Process, receiver: ResponseReceiver): ResponseReceiver {
    const pod = process.informer<Pod>('pods').get(`${call.namespace}/${call.name}`);
    const reference = pod === undefined ? undefined : controllerOf(pod);
    if (pod === undefined || reference === undefined) return receiver;
    const owner = this.of(reference.uid);
    this.looked.deletions++;
    const { uid } = pod.metadata;
    if (kind === 'ReplicaSet' && owner.active.has(uid)) {
      const left = [...owner.active.keys()].filter((other) => other !== uid && !owner.deleting.has(other)).length;
      const least = Math.min(...owner.recent(this.now()));
      if (left + owner.lost < least) this.violations.push(`ReplicaSet ${reference.name} keeps ${left} pods of ${least}`);
    }
    if (kind === 'DaemonSet') this.daemonGoes(pod, reference, process, owner);
    if (kind === 'StatefulSet') this.ordinalGoes(pod, reference.name, process);
    owner.deleting.add(uid);
    return new Answered(receiver, owner, uid);
  }

  /** A daemon that works is replaced only if the others work, as many as must (on what the cache shows). */
  private daemonGoes(pod: Pod, { name, uid }: { name: string; uid: string }, process: Process, owner: Owner): void {
    if (!isPodReady(pod)) return;
    const set = process.informer<DaemonSet>('daemonsets').get(`${pod.metadata.namespace}/${name}`);
    if (set === undefined || set.metadata.uid !== uid) return;
    this.looked.updates++;
    const { maxUnavailable } = set.spec.updateStrategy.rollingUpdate!;
    let down = 0;
    for (const other of process.informer<Pod>('pods').list()) {
      if (controllerOf(other)?.uid !== uid || other === pod) continue;
      if (!isPodReady(other) || other.metadata.deletionTimestamp !== undefined || owner.deleting.has(other.metadata.uid)) down++;
    }
    if (down >= Number(maxUnavailable)) this.violations.push(`DaemonSet ${name} takes ${pod.metadata.name} away when ${down} others do not work`);
  }

  /** A pod of a StatefulSet goes when it is above the wanted ones, or to be renewed when all others are ready; the highest first. */
  private ordinalGoes(pod: Pod, name: string, process: Process): void {
    const pods = process.informer<Pod>('pods');
    const set = process.informer<StatefulSet>('statefulsets').get(`${pod.metadata.namespace}/${name}`);
    if (set === undefined || pod.status.phase === 'Failed' || pod.status.phase === 'Succeeded') return;
    this.looked.updates++;
    const ordinal = Number(pod.metadata.name.slice(name.length + 1));
    const hash = (each: Pod): string => each.metadata.labels?.['controller-revision-hash'] ?? '';
    const size = this.setsRead.get(set.metadata.uid) ?? set.spec.replicas;
    if (ordinal >= size) {
      for (let other = ordinal + 1; other < ORDINALS; other++) {
        if (pods.get(`${pod.metadata.namespace}/${name}-${other}`) !== undefined) this.violations.push(`${pod.metadata.name} goes before ${name}-${other} is gone`);
      }
      return;
    }
    for (let other = ordinal + 1; other < set.spec.replicas; other++) {
      const higher = pods.get(`${pod.metadata.namespace}/${name}-${other}`);
      if (higher !== undefined && hash(higher) === hash(pod) && higher.metadata.deletionTimestamp === undefined) this.violations.push(`${pod.metadata.name} is renewed before ${name}-${other}`);
    }
    if (!isPodReady(pod)) return;
    for (let other = 0; other < set.spec.replicas; other++) {
      const sibling = pods.get(`${pod.metadata.namespace}/${name}-${other}`);
      if (other === ordinal) continue;
      if (sibling === undefined || !isPodReady(sibling) || sibling.metadata.deletionTimestamp !== undefined) this.violations.push(`${pod.metadata.name} goes while ${name}-${other} does not work`);
    }
  }
}

/** Notes which version of a Job the controller has written, and which pods it has taken its finalizer off. */
class JobWritten implements ResponseReceiver {
  private readonly receiver: ResponseReceiver;
  private readonly written: Map<string, number>;
  private readonly released: Set<string>;

  constructor(receiver: ResponseReceiver, written: Map<string, number>, released: Set<string>) {
    this.receiver = receiver;
    this.written = written;
    this.released = released;
  }

  receive(tag: number, response: ApiResponse, request: ApiRequest): void {
    const object = succeeded(response) ? response.object : undefined;
    if (object !== undefined && request.resource === 'jobs') this.written.set(object.metadata.uid, object.metadata.resourceVersion);
    else if (object !== undefined && request.verb === 'patch' && request.resource === 'pods' && !hasFinalizer(object as Pod)) this.released.add(object.metadata.uid);
    this.receiver.receive(tag, response, request);
  }
}

/** Tells which pods a cache shows. */
class Shown implements ResourceEventHandler<Pod> {
  private readonly watch: PodWatch;

  constructor(watch: PodWatch) {
    this.watch = watch;
  }

  onAdd(pod: Pod): void {
    this.watch.shown(pod);
  }

  onUpdate(_old: Pod, pod: Pod): void {
    this.watch.shown(pod);
  }

  onDelete(pod: Pod): void {
    this.watch.shown(pod);
  }
}

/** Notes pods that were made before the cache shows them. */
class Made implements ResponseReceiver {
  private readonly receiver: ResponseReceiver;
  private readonly process: Process;
  private readonly unseen: Map<string, { readonly owner: string; readonly time: number }>;
  private readonly now: () => number;

  constructor(receiver: ResponseReceiver, process: Process, unseen: Map<string, { readonly owner: string; readonly time: number }>, now: () => number) {
    this.receiver = receiver;
    this.process = process;
    this.unseen = unseen;
    this.now = now;
  }

  receive(tag: number, response: ApiResponse, request: ApiRequest): void {
    const pod = succeeded(response) ? (response.object as Pod) : undefined;
    const known = pod === undefined || this.process.informer<Pod>('pods').get(`${pod.metadata.namespace}/${pod.metadata.name}`) !== undefined;
    if (!known) this.unseen.set(pod.metadata.uid, { owner: controllerOf(pod)?.uid ?? '', time: this.now() });
    this.receiver.receive(tag, response, request);
  }
}

/** Notes that a creation or a deletion was answered. */
class Answered implements ResponseReceiver {
  private readonly receiver: ResponseReceiver;
  private readonly owner: Owner;
  private readonly pod: string | undefined;

  constructor(receiver: ResponseReceiver, owner: Owner, pod: string | undefined) {
    this.receiver = receiver;
    this.owner = owner;
    this.pod = pod;
  }

  receive(tag: number, response: ApiResponse, request: ApiRequest): void {
    if (this.pod === undefined) this.owner.creating--;
    else if (!succeeded(response)) this.owner.deleting.delete(this.pod);
    if (!succeeded(response) && (response.code === 0 || response.code >= 500)) this.owner.lost++;
    this.receiver.receive(tag, response, request);
  }
}
