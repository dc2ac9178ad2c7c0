import type { Time } from '../../kernel/time.js';
import type { PodInfo } from '../cache/pod-info.js';
import { PluginError } from '../framework/framework.js';
import type { Plugin, QueuedPodView } from '../framework/plugin.js';
import { type HeapItem, IndexedHeap } from './heap.js';

/** Where a pod of the queue is. */
export type QueuePlace = 'active' | 'backoff' | 'errorBackoff' | 'unschedulable' | 'gated' | 'inFlight' | 'binding';

/** Of pods that no plugin has rejected. */
export const NO_PLUGINS: ReadonlySet<string> = new Set();

/** A pending pod in the scheduling queue (framework QueuedPodInfo). */
export class QueuedPod implements HeapItem, QueuedPodView {
  heapIndex = -1;
  pod: PodInfo;
  place: QueuePlace = 'inFlight';
  /** When it entered the queue, or when its last attempt failed. */
  timestamp: Time;
  /** When it first entered the active queue; −1: not yet. */
  initialAttemptTimestamp: Time = -1;
  /** When it entered the active queue for the current attempt. */
  activeSince: Time = 0;
  attempts = 0;
  unschedulableCount = 0;
  consecutiveErrors = 0;
  /** Whole-second window in which its back-off ends, nanoseconds. */
  backoffExpiry: Time = 0;
  /** Plugins that rejected it in its last attempt, and those whose answer was Pending; one empty set for all that have none. */
  unschedulablePlugins = NO_PLUGINS;
  pendingPlugins = NO_PLUGINS;
  /** Plugin that keeps it out of the active queue; empty: none. */
  gatingPlugin = '';
  /** Key of its group among the unschedulable pods. */
  group = '';
  /** Position of the cluster event log when it was popped. */
  inFlightSince = 0;
  /** Arrival order, the last tie break. */
  readonly sequence: number;

  constructor(pod: PodInfo, timestamp: Time, sequence: number) {
    this.pod = pod;
    this.timestamp = timestamp;
    this.sequence = sequence;
  }
}

/** Pods ready to be scheduled, in the order of the QueueSort plugin. */
export class ActiveHeap extends IndexedHeap<QueuedPod> {
  private readonly sort: Plugin;

  constructor(sort: Plugin) {
    super();
    this.sort = sort;
  }

  protected before(a: QueuedPod, b: QueuedPod): boolean {
    return firstOf(this.sort, a, b);
  }
}

function firstOf(sort: Plugin, a: QueuedPod, b: QueuedPod): boolean {
  try {
    if (sort.less!(a, b)) return true;
    return !sort.less!(b, a) && a.sequence < b.sequence;
  } catch (error) {
    throw new PluginError(sort.name, a.pod.key, error);
  }
}

/** Pods waiting out a back-off: by the end of it, then as in the active queue. */
export class BackoffHeap extends IndexedHeap<QueuedPod> {
  private readonly sort: Plugin;

  constructor(sort: Plugin) {
    super();
    this.sort = sort;
  }

  protected before(a: QueuedPod, b: QueuedPod): boolean {
    if (a.backoffExpiry !== b.backoffExpiry) return a.backoffExpiry < b.backoffExpiry;
    return firstOf(this.sort, a, b);
  }
}
