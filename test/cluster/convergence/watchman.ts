import type { Pod } from '../../../src/api/core.js';
import { isPodReady } from '../../../src/api/core.js';
import { controllerOf, type IntOrString, type KubernetesObject } from '../../../src/api/meta.js';
import type { Deployment, ReplicaSet } from '../../../src/api/workloads.js';
import type { ChangeObserver } from '../../../src/apiserver/connections.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../../../src/apiserver/request.js';
import type { WatchRecord } from '../../../src/apiserver/watch-cache.js';
import type { Process } from '../../../src/client/process.js';
import type { ApiClient } from '../../../src/client/types.js';
import type { SimulatedCluster } from '../../../src/cluster/simulated-cluster.js';
import type { ClusterLibrary } from './library.js';
import { PodWatch } from './pod-watch.js';

const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAXIMUM = 'deployment.kubernetes.io/max-replicas';
/** Healthy pods that the budget of `guarded` demands. */
const GUARDED = 3;

/** A size that was sent and is not yet to be seen in the cache. */
interface Sent {
  readonly resourceVersion: number;
  readonly replicas: number;
}

/** What one version of a Deployment allows. */
interface Bounds {
  readonly replicas: number;
  readonly maximum: number;
  readonly floor: number;
  readonly rolling: boolean;
}

/** Looks at every write as it is sent, and at every change as it happens, for what must never be. */
export class Watchman implements ChangeObserver {
  readonly violations: string[] = [];
  /** How often each thing was looked at: a check that never looks proves nothing. */
  readonly looked = { growth: 0, shrinking: 0, evictions: 0, completions: 0 };
  readonly pods: PodWatch;
  /** Deployments that once wanted no pods: such a rollout is complete at once. */
  readonly onceEmpty = new Set<string>();
  private readonly bounds = new Map<string, Bounds[]>();
  private readonly sent = new Map<string, Sent>();
  private readonly guarded = new Map<string, Pod>();
  private readonly ordinals = new Map<string, string>();
  private readonly library: ClusterLibrary;
  private cluster: SimulatedCluster | null = null;

  constructor(library: ClusterLibrary) {
    this.library = library;
    this.pods = new PodWatch(this.violations, () => this.cluster?.simulation.now ?? 0);
  }

  /** Does something while the client of every Deployment controller that is made is looked over the shoulder. */
  guarding<T>(work: () => T): T {
    const watchman = this;
    const { prototype } = this.library.Process;
    const { client } = prototype;
    prototype.client = function (name: string, qps: number, burst: number): ApiClient {
      const made = client.call(this, name, qps, burst);
      return name === 'deployment-controller' ? watchman.overlook(made, this) : watchman.pods.overlook(made, name, this);
    };
    try {
      return work();
    } finally {
      prototype.client = client;
    }
  }

  watch(cluster: SimulatedCluster): void {
    this.cluster = cluster;
    cluster.connections.observer = this;
    for (const resource of ['replicasets', 'jobs', 'pods']) for (const object of cluster.connections.current(resource)) this.pods.learn(object);
    for (const object of cluster.connections.current('deployments')) this.learn(object as Deployment);
    const { pods } = cluster.workload;
    const listening = pods.podListening.bind(pods);
    const stopped = pods.podStoppedListening.bind(pods);
    pods.podListening = (pod) => {
      this.starts(pod);
      listening(pod);
    };
    pods.podStoppedListening = (pod, killed) => {
      if (killed && this.ordinals.get(pod.metadata.name) === pod.metadata.uid) this.ordinals.delete(pod.metadata.name);
      stopped(pod, killed);
    };
  }

  /** A container of a pod runs now: no other pod of its ordinal may. */
  private starts({ metadata }: Pod): void {
    if (!metadata.name.startsWith('db-')) return;
    const other = this.ordinals.get(metadata.name);
    if (other !== undefined && other !== metadata.uid) this.violations.push(`two pods ${metadata.name} run at once`);
    this.ordinals.set(metadata.name, metadata.uid);
  }

  changed(record: WatchRecord): void {
    this.pods.changed(record);
    const { resource, object, type, previous } = record;
    const owners = (object.metadata.ownerReferences ?? []).filter(({ controller }) => controller === true);
    if (owners.length > 1) this.violations.push(`${resource} ${object.metadata.name} has ${owners.length} controllers`);
    const before = previous === undefined ? undefined : controllerOf(previous)?.uid;
    if (before !== undefined && owners.length === 1 && owners[0]!.uid !== before) {
      this.violations.push(`${resource} ${object.metadata.name} went from one controller to another in one write`);
    }
    if (resource === 'deployments') this.learn(object as Deployment);
    else if (resource === 'jobs') this.jobChanged(object);
    else if (resource === 'pods') this.podChanged(object as Pod, type === 'DELETED');
  }

  private jobChanged(object: KubernetesObject): void {
    const { spec, status } = object as unknown as { spec: { completions?: number }; status: { succeeded?: number } };
    this.looked.completions++;
    if (this.pods.behind.has(object.metadata.name)) return;
    if ((status.succeeded ?? 0) > (spec.completions ?? Number.POSITIVE_INFINITY)) {
      this.violations.push(`job ${object.metadata.name}: ${status.succeeded} of ${spec.completions} completions`);
    }
  }

  /** Pods of `guarded` go by evictions alone. */
  private podChanged(pod: Pod, deleted: boolean): void {
    const { name, uid, deletionTimestamp, labels } = pod.metadata;
    if (labels?.['app'] !== 'guarded') return;
    const old = this.guarded.get(uid);
    const leaves = (deleted || deletionTimestamp !== undefined) && old !== undefined && isHealthy(old);
    if (deleted) this.guarded.delete(uid);
    else this.guarded.set(uid, pod);
    if (!leaves) return;
    this.looked.evictions++;
    const healthy = [...this.guarded.values()].filter(isHealthy).length;
    if (healthy < GUARDED) this.violations.push(`the eviction of ${name} leaves ${healthy} healthy pods of at least ${GUARDED}`);
  }

  private learn({ metadata, spec }: Deployment): void {
    let list = this.bounds.get(metadata.uid);
    if (list === undefined) {
      list = [];
      this.bounds.set(metadata.uid, list);
    }
    const { replicas, strategy } = spec;
    if (replicas === 0) this.onceEmpty.add(metadata.uid);
    const rolling = strategy.rollingUpdate;
    let unavailable = rolling === undefined ? replicas : resolved(rolling.maxUnavailable, replicas, Math.floor);
    const surge = rolling === undefined ? 0 : resolved(rolling.maxSurge, replicas, Math.ceil);
    if (surge === 0 && unavailable === 0) unavailable = 1;
    const bounds = {
      replicas,
      maximum: replicas === 0 ? 0 : replicas + surge,
      floor: replicas - Math.min(unavailable, replicas),
      rolling: rolling !== undefined && spec.paused !== true,
    };
    const last = list.at(-1);
    if (last === undefined || JSON.stringify(last) !== JSON.stringify(bounds)) list.push(bounds);
  }

  private overlook(client: ApiClient, process: Process): ApiClient {
    const request = client.request.bind(client);
    client.request = (call, receiver, tag) => {
      const size = call.resource === 'replicasets' && call.subresource === undefined ? (call.body as ReplicaSet | undefined) : undefined;
      if (size === undefined) request(call, receiver, tag);
      else request(call, new Unsent(this.sent, this.judge(call, size, process), receiver), tag);
    };
    return client;
  }

  /** A write of the size of a ReplicaSet, on the state that the controller's cache shows and what it has sent since. */
  private judge(call: ApiRequest, next: ReplicaSet, process: Process): string {
    const owner = controllerOf(next)?.uid ?? '';
    const uid = call.verb === 'create' ? next.metadata.name : next.metadata.uid;
    let before = 0;
    let available = 0;
    let own = 0;
    let ownAvailable = 0;
    let scaling = false;
    const desired = next.metadata.annotations?.[DESIRED];
    for (const set of process.informer<ReplicaSet>('replicasets').list()) {
      if (controllerOf(set)?.uid !== owner) continue;
      const sent = this.sent.get(set.metadata.uid);
      const current = sent !== undefined && sent.resourceVersion === set.metadata.resourceVersion;
      const replicas = current ? sent.replicas : set.spec.replicas;
      before += replicas;
      available += set.status.availableReplicas ?? 0;
      if (set.metadata.uid === uid) {
        own = replicas;
        ownAvailable = set.status.availableReplicas ?? 0;
      }
      if (set.spec.replicas > 0 && set.metadata.annotations?.[DESIRED] !== desired) scaling = true;
    }
    this.sent.set(uid, { resourceVersion: next.metadata.resourceVersion, replicas: next.spec.replicas });
    const versions = (this.bounds.get(owner) ?? []).filter(({ replicas }) => String(replicas) === desired);
    if (next.spec.replicas > own) this.grows(next, before, before - own + next.spec.replicas, versions);
    else if (next.spec.replicas < own && !scaling) {
      this.shrinks(next, available, available - ownAvailable + Math.min(ownAvailable, next.spec.replicas), versions);
    }
    return uid;
  }

  private grows(next: ReplicaSet, before: number, after: number, versions: readonly Bounds[]): void {
    this.looked.growth++;
    const { name, annotations } = next.metadata;
    if (!versions.some(({ maximum }) => annotations?.[MAXIMUM] === String(maximum) || maximum === 0)) {
      this.violations.push(`replicaset ${name} is written for a size that its Deployment never had: ${JSON.stringify(annotations)}`);
    }
    const maximum = Math.max(before, ...versions.map((version) => version.maximum));
    if (after > maximum) this.violations.push(`replicaset ${name} → ${next.spec.replicas}: ${before} pods in all become ${after}, more than ${maximum}`);
  }

  private shrinks(next: ReplicaSet, before: number, after: number, versions: readonly Bounds[]): void {
    if (versions.length === 0 || versions.some(({ rolling }) => !rolling)) return;
    this.looked.shrinking++;
    const floor = Math.min(before, ...versions.map((version) => version.floor));
    if (after < floor) this.violations.push(`replicaset ${next.metadata.name} → ${next.spec.replicas}: ${before} available pods become ${after}, fewer than ${floor}`);
  }
}

function resolved(value: IntOrString, total: number, round: (value: number) => number): number {
  return typeof value === 'number' ? value : round((Number(value.replace('%', '')) * total) / 100);
}

function isHealthy(pod: Pod): boolean {
  return isPodReady(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** Forgets a size that was not written after all. */
class Unsent implements ResponseReceiver {
  private readonly sent: Map<string, Sent>;
  private readonly uid: string;
  private readonly receiver: ResponseReceiver;

  constructor(sent: Map<string, Sent>, uid: string, receiver: ResponseReceiver) {
    this.sent = sent;
    this.uid = uid;
    this.receiver = receiver;
  }

  receive(tag: number, response: ApiResponse, request: ApiRequest): void {
    if (!succeeded(response)) this.sent.delete(this.uid);
    this.receiver.receive(tag, response, request);
  }
}
