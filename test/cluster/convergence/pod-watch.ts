import type { DaemonSet, StatefulSet } from '../../../src/api/apps.js';
import type { Job } from '../../../src/api/batch.js';
import { isPodActive, isPodReady, type Pod } from '../../../src/api/core.js';
import { controllerOf, type KubernetesObject } from '../../../src/api/meta.js';
import type { ReplicaSet } from '../../../src/api/workloads.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../../../src/apiserver/request.js';
import type { WatchRecord } from '../../../src/apiserver/watch-cache.js';
import type { Process } from '../../../src/client/process.js';
import type { ApiClient } from '../../../src/client/types.js';
import { nodeOf } from '../../../src/controllers/daemon-pods.js';
import { hasFinalizer } from '../../../src/controllers/job-failures.js';

/** What a controller reads may be so old: longer than any server, leader or watch is away. */
const WINDOW = 60e9;

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
   * Jobs whose controller was refused a status because it had read an old Job. Until 1.36 (StaleControllerConsistencyJob) nothing keeps
   * it from making pods on what it read, so such a Job may do more than was asked.
   */
  readonly behind = new Set<string>();
  private readonly violations: string[];
  private readonly owners = new Map<string, Owner>();
  private readonly now: () => number;

  constructor(violations: string[], now: () => number) {
    this.violations = violations;
    this.now = now;
  }

  private of(uid: string): Owner {
    let owner = this.owners.get(uid);
    if (owner === undefined) this.owners.set(uid, (owner = new Owner()));
    return owner;
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
    const request = client.request.bind(client);
    client.request = (call, receiver, tag) => {
      if (kind === 'Job' && call.resource === 'jobs') receiver = new Refused(receiver, this.behind);
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
    if (kind === 'Job') this.workLeft(pod, reference, process, owner);
    if (kind === 'DaemonSet') {
      const node = nodeOf(pod);
      const others = [...owner.active.values()].filter((other) => nodeOf(other) === node).length;
      if (others > owner.lost) this.violations.push(`DaemonSet ${reference.name} gets a second pod on ${node}`);
    }
    if (kind === 'StatefulSet') this.inOrder(pod, reference.name, process);
    return new Answered(receiver, owner, undefined);
  }

  /** On what the controller's caches show: pods that work and pods that are done are no more than the Job asks for. */
  private workLeft(pod: Pod, { name, uid }: { name: string; uid: string }, process: Process, owner: Owner): void {
    const job = process.informer<Job>('jobs').get(`${pod.metadata.namespace}/${name}`);
    if (job?.spec.completions === undefined || job.metadata.uid !== uid) return;
    const { uncountedTerminatedPods: listed, succeeded = 0 } = job.status;
    const known = new Set(listed?.succeeded ?? []);
    let working = 0;
    for (const other of process.informer<Pod>('pods').list()) {
      if (controllerOf(other)?.uid !== uid) continue;
      if (isPodActive(other)) working++;
      else if (other.status.phase === 'Succeeded' && hasFinalizer(other) && job.spec.completionMode !== 'Indexed') known.add(other.metadata.uid);
    }
    const all = working + owner.creating;
    if (all + succeeded + known.size > job.spec.completions) this.violations.push(`Job ${name}: ${all} pods work when ${succeeded + known.size} of ${job.spec.completions} are done`);
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

/** Notes Jobs whose status was refused. */
class Refused implements ResponseReceiver {
  private readonly receiver: ResponseReceiver;
  private readonly behind: Set<string>;

  constructor(receiver: ResponseReceiver, behind: Set<string>) {
    this.receiver = receiver;
    this.behind = behind;
  }

  receive(tag: number, response: ApiResponse, request: ApiRequest): void {
    if (response.code === 409) this.behind.add(request.name);
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
