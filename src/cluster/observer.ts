import type { Event, Pod } from '../api/core.js';
import { isPodReady, podCondition } from '../api/core.js';
import { podVersion } from '../api/image.js';
import { controllerOf, keyOf, type KubernetesObject } from '../api/meta.js';
import type { EndpointSlice, ReplicaSet } from '../api/workloads.js';
import type { ChangeObserver } from '../apiserver/connections.js';
import type { WatchRecord } from '../apiserver/watch-cache.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { Recorder, TableRecorder } from '../metrics/recorder.js';
import { EVENTS, PODS, REPLICAS_BY_SECOND } from '../metrics/tables.js';
import type { PodStepObserver } from '../node/behaviour.js';
import { type AppTracker, NEVER } from './app-tracker.js';
import type { RestartLog } from '../strategies/analysis/restarts.js';
import type { NodeUsage } from './node-usage.js';
import { DELETED, type PodLife, PodLives, PULLED, READY, REMOVED, SANDBOXED, SCHEDULED, STARTED, WATCHED } from './pod-life.js';

interface SetCounts {
  readonly deployment: string;
  readonly name: string;
  readonly version: string;
  desired: number;
  pods: number;
  ready: number;
  available: number;
  /** The last sample had pods: one more row is due that says there are none. */
  sampled: boolean;
  /** What the last sample saw, as one number. */
  sampledAs: number;
  /** Its place in the order of arrival. */
  readonly place: number;
  /** It stands among those that changed since the last sample. */
  changed: boolean;
}

/** ReplicaSets that get a row each second; of more, unchanged ones get theirs less often. */
const SETS_BY_SECOND = 200;

/**
 * Follows every change of the cluster from outside the model, at no cost in simulated time: the lives of pods, the sizes of
 * ReplicaSets, events, and through an `AppTracker` what a rollout does to its application.
 */
export class Observer implements ChangeObserver, PodStepObserver {
  /** Time of the last change of a pod's status: tells when the cluster has settled. */
  lastPodChange: Time = 0;
  readonly pods = new Map<string, PodLife>();
  private readonly book = new PodLives();
  /** Lives by places in a cache, and whose they are: a place may have become another pod's. */
  private readonly placed: (PodLife | null)[] = [];
  private readonly placedUids: string[] = [];
  private readonly sets = new Map<string, SetCounts>();
  /** The same in order of arrival; and those that changed since the last sample. */
  private readonly setOrder: SetCounts[] = [];
  private readonly changedSets: SetCounts[] = [];
  private readonly finished: PodLife[] = [];
  private readonly readyBySlice = new Map<string, number>();
  private readonly simulation: Simulation;
  private readonly recorder: Recorder;
  private readonly tracker: AppTracker;
  private readonly usage: NodeUsage;
  private origin: Time = NEVER;
  /** Where restarts of the application's containers are noted; null: nobody asks. */
  restarts: RestartLog | null = null;

  constructor(simulation: Simulation, recorder: Recorder, tracker: AppTracker, usage: NodeUsage) {
    this.usage = usage;
    this.simulation = simulation;
    this.recorder = recorder;
    this.tracker = tracker;
  }

  /** From this instant, which is time 0 of all outputs, events are recorded. */
  begin(origin: Time): void {
    this.origin = origin;
  }

  /** What was there before anything changed. */
  present(resource: string, objects: Iterable<KubernetesObject>): void {
    for (const object of objects) this.changed({ type: 'ADDED', resource, key: keyOf(object), object, previous: undefined, revision: 0});
  }

  changed(record: WatchRecord): void {
    switch (record.resource) {
      case 'pods':
        this.podChanged(record);
        return;
      case 'replicasets':
        this.replicaSetChanged(record);
        return;
      case 'endpointslices':
        this.sliceChanged(record);
        return;
      case 'events':
        this.eventChanged(record.object as Event);
        return;
    }
  }

  private podChanged(record: WatchRecord): void {
    const pod = record.object as Pod;
    const now = this.simulation.now;
    this.lastPodChange = now;
    let life = this.lifeOf(pod.metadata.uid, record.place ?? -1);
    if (life === undefined) {
      if (record.type === 'DELETED') return;
      life = this.book.begin(pod);
      this.pods.set(pod.metadata.uid, life);
      const set = this.changing(life.replicaSet);
      if (set !== undefined) set.pods++;
      this.tracker.podAdded(life);
    }
    if (record.type === 'DELETED') {
      this.podRemoved(pod, life, now);
      return;
    }
    if (life.node === '' && pod.spec.nodeName !== undefined) {
      life.node = pod.spec.nodeName;
      this.usage.count(pod, 1);
      life.comes(SCHEDULED, now);
    }
    if (pod.metadata.deletionTimestamp !== undefined) life.comes(DELETED, now);
    if (pod.status.phase === 'Running' && life.watched === NEVER) {
      if (life.started === NEVER) life.comes(STARTED, startedAt(pod) ?? now);
      life.comes(WATCHED, now);
    }
    let restarts = 0;
    const { containerStatuses } = pod.status;
    if (containerStatuses !== undefined) for (let i = 0; i < containerStatuses.length; i++) restarts += containerStatuses[i]!.restartCount;
    if (restarts > life.restarts && this.tracker.belongs(life)) this.restarts?.add(life.version, now, restarts - life.restarts);
    life.restarts = restarts;
    const ready = isPodReady(pod);
    if (ready && life.ready === NEVER) life.comes(READY, podCondition(pod, 'Ready')?.lastTransitionTime ?? now);
    this.setReady(life, ready && pod.metadata.deletionTimestamp === undefined);
  }

  /** The life of a pod, by its place in the cache of the server that told of it, mostly the only one (negative: it has none). */
  private lifeOf(uid: string, place: number): PodLife | undefined {
    if (place < 0) return this.pods.get(uid);
    if (place < this.placed.length && this.placedUids[place] === uid) return this.placed[place]!;
    const life = this.pods.get(uid);
    if (life === undefined) return undefined;
    while (this.placed.length <= place) {
      this.placed.push(null);
      this.placedUids.push('');
    }
    this.placed[place] = life;
    this.placedUids[place] = uid;
    return life;
  }

  /** A step of a pod on its node, which the API does not show (or later). */
  podStep(pod: Pod, step: 'sandboxed' | 'pulled' | 'started', time: Time): void {
    const life = this.pods.get(pod.metadata.uid);
    life?.comes(step === 'sandboxed' ? SANDBOXED : step === 'pulled' ? PULLED : STARTED, time);
  }

  private podRemoved(pod: Pod, life: PodLife, now: Time): void {
    this.setReady(life, false);
    life.comes(REMOVED, now);
    life.comes(DELETED, now);
    this.pods.delete(pod.metadata.uid);
    this.finished.push(life);
    const set = this.changing(life.replicaSet);
    if (set !== undefined) set.pods--;
    if (life.node !== '') this.usage.count(pod, -1);
    this.tracker.podRemoved(life);
  }

  private setReady(life: PodLife, ready: boolean): void {
    if (life.isReady === ready) return;
    life.isReady = ready;
    const set = this.changing(life.replicaSet);
    if (set !== undefined) set.ready += ready ? 1 : -1;
  }

  /** The counts of a ReplicaSet, which are about to change. */
  private changing(key: string): SetCounts | undefined {
    const set = this.sets.get(key);
    if (set !== undefined && !set.changed) {
      set.changed = true;
      this.changedSets.push(set);
    }
    return set;
  }

  private replicaSetChanged(record: WatchRecord): void {
    const replicaSet = record.object as ReplicaSet;
    const key = `${replicaSet.metadata.namespace}/${replicaSet.metadata.name}`;
    let set = this.changing(key);
    if (record.type === 'DELETED') {
      if (set !== undefined) set.desired = set.available = 0;
      return;
    }
    if (set === undefined) {
      const owner = controllerOf(replicaSet);
      set = {
        deployment: `${replicaSet.metadata.namespace}/${owner?.name ?? ''}`,
        name: replicaSet.metadata.name,
        version: podVersion(replicaSet.spec.template.spec),
        desired: 0,
        pods: 0,
        ready: 0,
        available: 0,
        sampled: false,
        sampledAs: -1,
        place: this.setOrder.length,
        changed: true,
      };
      this.sets.set(key, set);
      this.setOrder.push(set);
      this.changedSets.push(set);
    }
    set.desired = replicaSet.spec.replicas;
    set.available = replicaSet.status.availableReplicas ?? 0;
  }

  private sliceChanged(record: WatchRecord): void {
    const slice = record.object as EndpointSlice;
    const service = slice.metadata.labels?.['kubernetes.io/service-name'];
    if (service === undefined) return;
    let ready = 0;
    if (record.type !== 'DELETED') for (const endpoint of slice.endpoints) if (endpoint.conditions.ready) ready++;
    const before = this.readyBySlice.get(record.key) ?? 0;
    this.readyBySlice.set(record.key, ready);
    if (ready !== before) this.tracker.endpointsChanged(`${slice.metadata.namespace}/${service}`, ready - before);
  }

  private eventChanged(event: Event): void {
    if (this.origin === NEVER) return;
    const { involvedObject } = event;
    const object = `${involvedObject.kind}/${involvedObject.namespace ?? ''}/${involvedObject.name}`;
    const time = (event.lastTimestamp - this.origin) / 1e9;
    this.recorder.table(EVENTS).append([time, event.type, event.reason, object, event.message, event.count]);
  }

  /**
   * Appends the sizes of all ReplicaSets that have or want pods, and once those that no longer do. Where there are very many, one that
   * has not changed gets a row only now and then.
   */
  sample(second: number): void {
    const table = this.recorder.table(REPLICAS_BY_SECOND);
    const { setOrder, changedSets } = this;
    const interval = Math.max(1, Math.ceil(setOrder.length / SETS_BY_SECOND));
    changedSets.sort((a, b) => a.place - b.place);
    let next = 0;
    // Of each interval one is due, another one each second.
    for (let due = (interval - ((second + 1) % interval)) % interval; due < setOrder.length; due += interval) {
      while (next < changedSets.length && changedSets[next]!.place < due) this.sampleSet(table, second, changedSets[next++]!, false);
      if (next < changedSets.length && changedSets[next]!.place === due) next++;
      this.sampleSet(table, second, setOrder[due]!, true);
    }
    while (next < changedSets.length) this.sampleSet(table, second, changedSets[next++]!, false);
    for (const set of changedSets) set.changed = false;
    while (changedSets.length > 0) changedSets.pop();
  }

  private sampleSet(table: TableRecorder, second: number, set: SetCounts, due: boolean): void {
    const empty = set.desired === 0 && set.pods === 0;
    if (empty && !set.sampled) return;
    const changes = set.desired + set.pods * 3 + set.ready * 5 + set.available * 7;
    if (!due && changes === set.sampledAs) return;
    set.sampledAs = changes;
    set.sampled = !empty;
    table.append([second, set.deployment, set.name, set.version, set.desired, set.pods, set.ready, set.available]);
  }

  /** Appends the use of nodes, when a sample is due. */
  sampleNodes(second: number): void {
    this.usage.sample(second, this.recorder);
  }

  /** All pods seen, those that are gone first. */
  lives(): readonly PodLife[] {
    return [...this.finished, ...this.pods.values()];
  }

  /** Writes the table of pods: to be called once, at the end. */
  writePods(): void {
    const table = this.recorder.table(PODS);
    const at = (time: Time): number => (time === NEVER ? Number.NaN : (time - this.origin) / 1e9);
    for (const life of this.lives()) {
      table.append([
        life.namespace,
        life.name,
        life.owner,
        life.version,
        life.node,
        at(life.created),
        at(life.scheduled),
        at(life.sandboxed),
        at(life.pulled),
        at(life.started),
        at(life.ready),
        at(life.watched),
        at(life.deleted),
        at(life.removed),
        life.restarts,
      ]);
    }
  }
}

function startedAt(pod: Pod): Time | undefined {
  let latest: Time | undefined;
  for (const status of pod.status.containerStatuses ?? []) {
    const started = status.state.running?.startedAt;
    if (started !== undefined && (latest === undefined || started > latest)) latest = started;
  }
  return latest;
}
