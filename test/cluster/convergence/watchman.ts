import type { Pod } from '../../../src/api/core.js';
import { isPodReady } from '../../../src/api/core.js';
import { controllerOf, type KubernetesObject } from '../../../src/api/meta.js';
import type { Deployment } from '../../../src/api/workloads.js';
import type { ChangeObserver } from '../../../src/apiserver/connections.js';
import type { WatchRecord } from '../../../src/apiserver/watch-cache.js';
import type { Process } from '../../../src/client/process.js';
import type { ApiClient } from '../../../src/client/types.js';
import type { SimulatedCluster } from '../../../src/cluster/simulated-cluster.js';
import type { Reconciler, Reconciliation } from '../../../src/controllers/controller.js';
import type { ClusterLibrary } from './library.js';
import { PodWatch } from './pod-watch.js';
import { SyncWatch } from './sync-watch.js';

/** Healthy pods that the budget of `guarded` demands. */
const GUARDED = 3;

/** Looks at every write as it is sent, and at every change as it happens, for what must never be. */
export class Watchman implements ChangeObserver {
  readonly violations: string[] = [];
  /** How often each thing was looked at: a check that never looks proves nothing. */
  readonly looked = { evictions: 0, completions: 0 };
  readonly pods: PodWatch;
  readonly syncs = new SyncWatch(this.violations);
  /** Deployments and versions of theirs of which once no pods were wanted (`uid/image`): such a rollout is complete at once. */
  readonly onceEmpty = new Set<string>();
  private readonly guarded = new Map<string, Pod>();
  private readonly ordinals = new Map<string, string>();
  private readonly library: ClusterLibrary;
  private cluster: SimulatedCluster | null = null;

  constructor(library: ClusterLibrary) {
    this.library = library;
    this.pods = new PodWatch(this.violations, () => this.cluster?.simulation.now ?? 0);
  }

  /** Does something while every controller that is made is looked over the shoulder: what its syncs read, and what they send. */
  guarding<T>(work: () => T): T {
    const watchman = this;
    const process = this.library.Process.prototype;
    const workers = this.library.ControllerWorkers.prototype;
    const { client } = process;
    const { start } = workers;
    process.client = function (name: string, qps: number, burst: number): ApiClient {
      const made = client.call(this, name, qps, burst);
      return name === 'deployment-controller' ? watchman.syncs.overlook(made) : watchman.pods.overlook(made, name, this);
    };
    workers.start = function (reconciler, informers) {
      start.call(this, new Overlooked(reconciler, watchman, this.name, (this as unknown as { readonly context: Process }).context), informers);
    };
    try {
      return work();
    } finally {
      process.client = client;
      workers.start = start;
    }
  }

  /** A controller's sync of a key reads its caches. */
  begins(controller: string, key: string, process: Process): void {
    if (controller === 'deployment-controller') this.syncs.begins(key, process);
    else if (controller === 'job-controller') this.pods.jobBegins(key, process);
    else if (controller === 'statefulset-controller') this.pods.setBegins(key, process);
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
    if (spec.replicas === 0) this.onceEmpty.add(`${metadata.uid}/${spec.template.spec.containers[0]!.image}`);
  }
}

function isHealthy(pod: Pod): boolean {
  return isPodReady(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** Tells of each sync before it begins. */
class Overlooked implements Reconciler {
  private readonly reconciler: Reconciler;
  private readonly watchman: Watchman;
  private readonly controller: string;
  private readonly process: Process;

  constructor(reconciler: Reconciler, watchman: Watchman, controller: string, process: Process) {
    this.reconciler = reconciler;
    this.watchman = watchman;
    this.controller = controller;
    this.process = process;
  }

  reconcile(key: string): Reconciliation | null {
    this.watchman.begins(this.controller, key, this.process);
    return this.reconciler.reconcile(key);
  }

  podsOf(key: string): number {
    return this.reconciler.podsOf?.(key) ?? 0;
  }
}
