import { type Duration, MINUTE, SECOND, type Time } from '../../kernel/time.js';
import type { PodInfo } from '../cache/pod-info.js';
import { type ClusterEvent, EventKind } from '../framework/events.js';
import { type Framework, guarded } from '../framework/framework.js';
import type { Plugin } from '../framework/plugin.js';
import type { Nominator } from './nominator.js';
import { ActiveHeap, BackoffHeap, NO_PLUGINS, QueuedPod } from './queued-pod.js';

/** Defaults of KubeSchedulerConfiguration (podInitialBackoffSeconds, podMaxBackoffSeconds). */
export const DEFAULT_INITIAL_BACKOFF: Duration = SECOND;
export const DEFAULT_MAXIMUM_BACKOFF: Duration = 10 * SECOND;
/** Longest stay among the unschedulable pods, and how often this is looked at (backend/queue/scheduling_queue.go). */
export const UNSCHEDULABLE_MAXIMUM: Duration = 5 * MINUTE;
export const UNSCHEDULABLE_FLUSH_PERIOD: Duration = 30 * SECOND;
/** Back-offs end at whole seconds, so that pods of one second keep the order of their priorities. */
export const BACKOFF_WINDOW: Duration = SECOND;

/** Answer of the hints to an event. */
const NO = 0;
const AFTER_BACKOFF = 1;
const AT_ONCE = 2;

/** Numbers of pods by place. */
export interface QueueLengths {
  readonly active: number;
  readonly backoff: number;
  readonly unschedulable: number;
  readonly gated: number;
}

/** Beginning of the window that an instant is in. */
function windowOf(time: Time): Time {
  return Math.floor(time / BACKOFF_WINDOW) * BACKOFF_WINDOW;
}

/**
 * The scheduling queue (backend/queue): pods ready to be tried, pods waiting out a back-off, and pods that were found
 * unschedulable and wait for an event that one of the plugins that rejected them calls helpful. Hints depend on the shape of
 * a pod only, so unschedulable pods are grouped by shape and rejecting plugins, and each group is asked once an event.
 */
export class SchedulingQueue {
  private readonly frameworks: ReadonlyMap<string, Framework>;
  private readonly nominator: Nominator;
  private readonly active: ActiveHeap;
  private readonly backoff: BackoffHeap;
  private readonly errorBackoff: BackoffHeap;
  private readonly pods = new Map<string, QueuedPod>();
  private readonly groups = new Map<string, Set<QueuedPod>>();
  private readonly gated = new Set<QueuedPod>();
  /** Those of the gated pods whose gate may open by what happens elsewhere in the cluster. */
  private readonly held = new Set<QueuedPod>();
  private readonly plugins = new Map<string, Plugin>();
  /** Registered event kinds by plugin name. */
  private readonly interests = new Map<string, number>();
  private readonly initialBackoff: Duration;
  private readonly maximumBackoff: Duration;
  private unschedulableCount = 0;
  private sequence = 0;
  /** Events that arrived while a pod was in flight, from position `eventsStart` on. */
  private events: ClusterEvent[] = [];
  private eventsStart = 0;
  private inFlight = 0;
  /** Pods given out so far (SchedulingCycle). */
  cycle = 0;

  constructor(
    frameworks: ReadonlyMap<string, Framework>,
    nominator: Nominator,
    initialBackoff: Duration = DEFAULT_INITIAL_BACKOFF,
    maximumBackoff: Duration = DEFAULT_MAXIMUM_BACKOFF,
  ) {
    this.frameworks = frameworks;
    this.nominator = nominator;
    this.initialBackoff = initialBackoff;
    this.maximumBackoff = maximumBackoff;
    const [first] = frameworks.values();
    const sort = first!.plugins.queueSort[0]!;
    this.active = new ActiveHeap(sort);
    this.backoff = new BackoffHeap(sort);
    this.errorBackoff = new BackoffHeap(sort);
    for (const framework of frameworks.values()) {
      const { preEnqueue, preFilter, filter, reserve, permit } = framework.plugins;
      for (const plugin of new Set([...preEnqueue, ...preFilter, ...filter, ...reserve, ...permit])) {
        this.plugins.set(plugin.name, plugin);
        let kinds = plugin.eventsToRegister === undefined ? -1 : 0;
        for (const interest of plugin.eventsToRegister?.() ?? []) kinds |= interest.kinds;
        this.interests.set(plugin.name, kinds);
      }
    }
  }

  get lengths(): QueueLengths {
    return {
      active: this.active.size,
      backoff: this.backoff.size + this.errorBackoff.size,
      unschedulable: this.unschedulableCount,
      gated: this.gated.size,
    };
  }

  /** Whether some pod waits out a back-off, or for an event. */
  get backingOff(): boolean {
    return this.backoff.size + this.errorBackoff.size > 0;
  }

  get waiting(): boolean {
    return this.unschedulableCount > 0;
  }

  /** Whether `pop` would give a pod. */
  get ready(): boolean {
    return this.active.size > 0 || this.backoff.size > 0;
  }

  has(key: string): boolean {
    return this.pods.has(key);
  }

  /** Takes in a pending pod. */
  add(pod: PodInfo, now: Time): void {
    const queued = new QueuedPod(pod, now, this.sequence++);
    this.pods.set(pod.key, queued);
    this.nominate(pod);
    this.toActive(queued, now);
  }

  /** A pending pod changed; `kinds` are the bits of what changed about it that plugins may care for. */
  update(pod: PodInfo, kinds: number, now: Time): void {
    const queued = this.pods.get(pod.key);
    if (queued === undefined) {
      this.add(pod, now);
      return;
    }
    // A nomination that is only known here stays until the API server tells of it, or of its end.
    const nominated = (other: PodInfo) => other.pod.status.nominatedNodeName ?? '';
    if (nominated(pod) !== '' || nominated(queued.pod) !== '') this.nominate(pod);
    else this.nominator.replace(pod);
    const old = queued.pod.pod;
    if (queued.place === 'inFlight' || queued.place === 'binding') {
      queued.pod = pod;
      if (kinds !== 0 && queued.place === 'inFlight') this.log({ kinds, object: pod.pod, pod, old });
      return;
    }
    const { place } = queued;
    this.takeOut(queued);
    queued.pod = pod;
    if (place === 'active') this.put(queued, 'active');
    else if (place === 'backoff' || place === 'errorBackoff') this.put(queued, place);
    else if (place === 'gated') {
      if ((kinds & (this.interests.get(queued.gatingPlugin) ?? -1)) !== 0) this.toActive(queued, now);
      else this.put(queued, 'gated');
    } else {
      const answer = kinds === 0 ? NO : this.worth(queued, { kinds, object: pod.pod, pod, old });
      this.requeue(queued, answer, now);
    }
  }

  /** A pending pod was deleted, or bound by someone else. */
  delete(key: string): void {
    this.nominator.delete(key);
    const queued = this.pods.get(key);
    if (queued === undefined) return;
    if (queued.place === 'inFlight') this.done(queued);
    else if (queued.place !== 'binding') this.takeOut(queued);
    this.pods.delete(key);
  }

  /** The next pod to try, which is then in flight; with an empty active queue the first one in back-off. */
  pop(now: Time): QueuedPod | undefined {
    let queued = this.active.pop();
    if (queued === undefined) {
      queued = this.backoff.pop();
      if (queued === undefined) return undefined;
      queued.activeSince = now;
      if (queued.initialAttemptTimestamp < 0) queued.initialAttemptTimestamp = now;
    }
    queued.place = 'inFlight';
    this.cycle++;
    queued.attempts++;
    queued.unschedulablePlugins = NO_PLUGINS;
    queued.pendingPlugins = NO_PLUGINS;
    queued.inFlightSince = this.eventsStart + this.events.length;
    this.inFlight++;
    return queued;
  }

  /** The attempt of a pod is over as far as rejections go: it goes on to binding. */
  done(queued: QueuedPod): void {
    if (queued.place !== 'inFlight') return;
    queued.place = 'binding';
    if (--this.inFlight > 0) return;
    this.eventsStart += this.events.length;
    this.events.length = 0;
  }

  /** Forgets a pod that was bound. */
  forget(queued: QueuedPod): void {
    if (this.pods.get(queued.pod.key) === queued) this.pods.delete(queued.pod.key);
  }

  /**
   * A failed attempt. `plugins` rejected the pod (none: an error, which backs off); events that came in meanwhile count.
   * A pod that was deleted during the attempt is dropped.
   */
  addUnschedulable(queued: QueuedPod, plugins: Iterable<string>, pending: Iterable<string>, now: Time): void {
    const present = this.pods.get(queued.pod.key) === queued;
    const missed = this.events.slice(queued.inFlightSince - this.eventsStart);
    this.done(queued);
    if (!present) return;
    queued.timestamp = now;
    queued.unschedulablePlugins = new Set([...queued.unschedulablePlugins, ...plugins]);
    queued.pendingPlugins = new Set([...queued.pendingPlugins, ...pending]);
    if (this.nominator.nodeFor(queued.pod.key) === undefined) this.nominate(queued.pod);
    let answer: number = NO;
    if (queued.unschedulablePlugins.size === 0 && queued.pendingPlugins.size === 0) {
      queued.consecutiveErrors++;
      answer = AFTER_BACKOFF;
    } else {
      queued.consecutiveErrors = 0;
      queued.unschedulableCount++;
      for (const event of missed) {
        if (event.pod !== undefined && isOwn(event) && event.pod.key !== queued.pod.key) continue;
        answer = Math.max(answer, this.worth(queued, event));
      }
    }
    this.requeue(queued, answer, now);
  }

  /** Tells the queue of a change in the cluster; `except`: a pod that it does not move. */
  event(event: ClusterEvent, now: Time, except = ''): void {
    if (this.inFlight > 0) this.log(event);
    if (this.unschedulableCount === 0 && this.held.size === 0) return;
    const moved: QueuedPod[] = [];
    const answers: number[] = [];
    for (const queued of this.held) {
      if ((this.interests.get(queued.gatingPlugin)! & event.kinds) === 0) continue;
      const answer = this.worth(queued, event);
      if (answer === NO) continue;
      moved.push(queued);
      answers.push(answer);
    }
    for (const group of this.groups.values()) {
      const [first] = group;
      if (event.maximumPriority !== undefined && first!.pod.priority > event.maximumPriority) continue;
      const answer = this.worth(first!, event);
      if (answer === NO) continue;
      for (const queued of group) {
        if (queued.pod.key === except) continue;
        moved.push(queued);
        answers.push(answer);
      }
    }
    for (let i = 0; i < moved.length; i++) {
      this.takeOut(moved[i]!);
      this.requeue(moved[i]!, answers[i]!, now);
    }
  }

  /** Moves pods whose back-off has ended into the active queue. */
  flushBackoff(now: Time): void {
    for (const heap of [this.backoff, this.errorBackoff]) {
      for (let head = heap.peek(); head !== undefined && !this.isBackingOff(head, now); head = heap.peek()) {
        heap.pop();
        this.toActive(head, now);
      }
    }
  }

  /** Moves pods on that have been unschedulable for longer than five minutes. */
  flushUnschedulable(now: Time): void {
    const late: QueuedPod[] = [];
    for (const group of this.groups.values()) {
      for (const queued of group) if (now - queued.timestamp > UNSCHEDULABLE_MAXIMUM) late.push(queued);
    }
    for (const queued of late) {
      this.takeOut(queued);
      this.requeue(queued, AFTER_BACKOFF, now);
    }
  }

  /** When the back-off of a failed pod ends. */
  private backoffEnd(queued: QueuedPod): Time {
    const count = queued.consecutiveErrors > 0 ? queued.consecutiveErrors : queued.unschedulableCount;
    if (count === 0 || this.maximumBackoff === 0) return Number.NEGATIVE_INFINITY;
    let duration = this.initialBackoff;
    for (let i = 1; i < count && duration < this.maximumBackoff; i++) duration *= 2;
    return windowOf(queued.timestamp + Math.min(duration, this.maximumBackoff));
  }

  private isBackingOff(queued: QueuedPod, now: Time): boolean {
    return this.backoffEnd(queued) >= windowOf(now);
  }

  private log(event: ClusterEvent): void {
    this.events.push(event);
  }

  /** Whether an event may help a pod, by the hints of the plugins that rejected it (isPodWorthRequeuing). */
  private worth(queued: QueuedPod, event: ClusterEvent): number {
    let answer: number = NO;
    for (const [plugins, result] of [
      [queued.pendingPlugins, AT_ONCE],
      [queued.unschedulablePlugins, AFTER_BACKOFF],
    ] as const) {
      for (const name of plugins) {
        if (((this.interests.get(name) ?? -1) & event.kinds) === 0) continue;
        const plugin = this.plugins.get(name);
        if (plugin?.hint === undefined || guarded(plugin, queued.pod.key, () => plugin.hint!(queued.pod, event))) answer = Math.max(answer, result);
      }
    }
    return answer;
  }

  private requeue(queued: QueuedPod, answer: number, now: Time): void {
    if (answer === NO) this.put(queued, 'unschedulable');
    else if (answer === AFTER_BACKOFF && this.isBackingOff(queued, now)) {
      if (this.gate(queued)) return;
      queued.backoffExpiry = this.backoffEnd(queued);
      this.put(queued, queued.consecutiveErrors > 0 ? 'errorBackoff' : 'backoff');
    } else this.toActive(queued, now);
  }

  private toActive(queued: QueuedPod, now: Time): void {
    if (this.gate(queued)) return;
    if (queued.initialAttemptTimestamp < 0) queued.initialAttemptTimestamp = now;
    queued.activeSince = now;
    this.put(queued, 'active');
  }

  /** Whether a PreEnqueue plugin holds a pod back; then it is put aside. Asked at each move towards the active queue. */
  private gate(queued: QueuedPod): boolean {
    const status = this.frameworks.get(queued.pod.pod.spec.schedulerName)?.preEnqueue(queued.pod) ?? null;
    queued.gatingPlugin = status?.plugin ?? '';
    if (status === null) return false;
    this.put(queued, 'gated');
    return true;
  }

  private put(queued: QueuedPod, place: QueuedPod['place']): void {
    queued.place = place;
    if (place === 'active') this.active.push(queued);
    else if (place === 'backoff') this.backoff.push(queued);
    else if (place === 'errorBackoff') this.errorBackoff.push(queued);
    else if (place === 'gated') {
      this.gated.add(queued);
      if (((this.interests.get(queued.gatingPlugin) ?? -1) & ~own) !== 0) this.held.add(queued);
    } else {
      queued.group = `${queued.pod.shape.id} ${[...queued.unschedulablePlugins].sort().join()} ${[...queued.pendingPlugins].sort().join()}`;
      const group = this.groups.get(queued.group);
      if (group === undefined) this.groups.set(queued.group, new Set([queued]));
      else group.add(queued);
      this.unschedulableCount++;
    }
  }

  private takeOut(queued: QueuedPod): void {
    if (queued.place === 'active') this.active.remove(queued);
    else if (queued.place === 'backoff') this.backoff.remove(queued);
    else if (queued.place === 'errorBackoff') this.errorBackoff.remove(queued);
    else if (queued.place === 'gated') {
      this.gated.delete(queued);
      this.held.delete(queued);
    } else {
      const group = this.groups.get(queued.group)!;
      group.delete(queued);
      if (group.size === 0) this.groups.delete(queued.group);
      this.unschedulableCount--;
    }
  }

  private nominate(pod: PodInfo): void {
    const node = pod.pod.status.nominatedNodeName ?? '';
    if (node === '') this.nominator.delete(pod.key);
    else if (this.nominator.nodeFor(pod.key) !== node) this.nominator.add(pod, node);
  }
}

const own = EventKind.OwnTolerations | EventKind.OwnGatesGone | EventKind.PodScaleDown;

function isOwn(event: ClusterEvent): boolean {
  return (event.kinds & own) !== 0;
}
