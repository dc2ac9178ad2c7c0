import { type Duration, MILLISECOND, SECOND, type Time } from '../kernel/time.js';
import { SYSTEM_CRITICAL_PRIORITY } from './eviction-policy.js';
import { type Fleet, OP_SHUTDOWN } from './fleet.js';
import type { NodeRecord } from './node-record.js';
import type { PodRecord } from './records.js';

/** nodeshutdown_manager.go: reason and message of pods that are ended, and of pods that come too late. */
export const TERMINATED_REASON = 'Terminated';
export const TERMINATED_MESSAGE = 'Pod was terminated in response to imminent node shutdown.';
export const REFUSED = { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' } as const;

/** How often it is looked whether the last statuses are sent: a modelling choice. */
const LAST_WORDS: Duration = 100 * MILLISECOND;

/** Switches machines off. */
export interface MachineSwitch {
  switchOff(node: number): void;
}

/** A machine that is to be switched off: the kubelet ends its pods first, ordinary ones, then critical ones. */
export interface Shutdown {
  /** 0: ordinary pods are being ended, 1: critical ones, 2: what the API is to know of them is sent. */
  group: 0 | 1 | 2;
  /** When the machine ends at the latest. */
  readonly deadline: Time;
  waiting: PodRecord[];
  /** The end of the group's time. */
  event: number;
}

/**
 * Graceful shutdown of nodes (pkg/kubelet/nodeshutdown): with `shutdownGracePeriod` the kubelet delays the machine's end, its node is not
 * ready, and pods get their own grace period, at most their group's share of the time.
 */
export class Shutdowns {
  private readonly fleet: Fleet;
  machines: MachineSwitch | null = null;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** The machine has been told to end. */
  begin(node: NodeRecord): void {
    const { fleet } = this;
    if (node.shutdown !== null) return;
    if (!node.up || fleet.kubelet.shutdownGraceSeconds === 0) {
      this.machines?.switchOff(node.index);
      return;
    }
    fleet.nodeEvent(node, 'Normal', 'NodeShutdown', 'Shutdown manager detected shutdown event');
    node.ready = false;
    fleet.heartbeats.reportSoon(node);
    node.shutdown = { group: 0, deadline: fleet.simulation.now + fleet.kubelet.shutdownGraceSeconds * SECOND, waiting: [], event: 0 };
    this.endGroup(node, node.shutdown);
  }

  private endGroup(node: NodeRecord, shutdown: Shutdown): void {
    const { fleet } = this;
    const { shutdownGraceSeconds, shutdownCriticalSeconds } = fleet.kubelet;
    const seconds = shutdown.group === 1 ? shutdownCriticalSeconds : shutdownGraceSeconds - shutdownCriticalSeconds;
    shutdown.waiting = [...node.pods.values()].filter((pod) => !pod.terminated && isCritical(pod) === (shutdown.group === 1));
    if (shutdown.waiting.length === 0) {
      this.groupOver(node, shutdown);
      return;
    }
    shutdown.event = fleet.after(seconds * SECOND, OP_SHUTDOWN, node.index);
    for (const pod of [...shutdown.waiting]) {
      const grace = Math.min(seconds, pod.pod.spec.terminationGracePeriodSeconds);
      fleet.workers.failPod(pod, TERMINATED_REASON, TERMINATED_MESSAGE, grace, TERMINATED_MESSAGE);
    }
  }

  /** The time of a group is over. */
  timeOver(node: NodeRecord): void {
    const shutdown = node.shutdown!;
    shutdown.event = 0;
    if (shutdown.group < 2) this.groupOver(node, shutdown);
    else this.finish(node, shutdown);
  }

  /** A pod has stopped. */
  podStopped(pod: PodRecord): void {
    const { node } = pod;
    const { shutdown } = node;
    const place = shutdown?.waiting.indexOf(pod) ?? -1;
    if (shutdown === null || place < 0) return;
    shutdown.waiting.splice(place, 1);
    if (shutdown.waiting.length === 0) this.groupOver(node, shutdown);
  }

  private groupOver(node: NodeRecord, shutdown: Shutdown): void {
    this.fleet.simulation.cancel(shutdown.event);
    shutdown.event = 0;
    shutdown.waiting = [];
    if (shutdown.group === 0) {
      shutdown.group = 1;
      this.endGroup(node, shutdown);
      return;
    }
    shutdown.group = 2;
    this.finish(node, shutdown);
  }

  /** The lock on the machine's end is released; the kubelet's process lives on until the statuses are sent, if there is time. */
  private finish(node: NodeRecord, shutdown: Shutdown): void {
    const { fleet } = this;
    const busy = node.statusPod !== null || node.statusQueue.length > 0;
    if (busy && fleet.simulation.now < shutdown.deadline) shutdown.event = fleet.after(LAST_WORDS, OP_SHUTDOWN, node.index);
    else this.machines?.switchOff(node.index);
  }

  /** The kubelet's process is gone, and what it was doing. */
  drop(node: NodeRecord): void {
    if (node.shutdown === null) return;
    this.fleet.simulation.cancel(node.shutdown.event);
    node.shutdown = null;
    node.ready = true;
  }
}

function isCritical(pod: PodRecord): boolean {
  return pod.fixed || (pod.pod.spec.priority ?? 0) >= SYSTEM_CRITICAL_PRIORITY;
}
