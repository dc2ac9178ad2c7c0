import type { Duration, Time } from '../../kernel/time.js';
import type { PodInfo } from '../cache/pod-info.js';
import { Code, Status } from './status.js';

/** Longest wait at Permit (framework/runtime/framework.go maxTimeout). */
export const MAXIMUM_PERMIT_WAIT: Duration = 15 * 60e9;

interface PendingPermit {
  readonly timeout: Duration;
  readonly deadline: Time;
}

/** A pod that has its node, and is not bound before every plugin that asked to wait allows it (waiting_pods_map.go). */
export class WaitingPod {
  readonly pod: PodInfo;
  readonly node: string;
  /** Why it will not be bound; null: nobody has rejected it. */
  rejection: Status | null = null;
  private readonly pending = new Map<string, PendingPermit>();

  constructor(pod: PodInfo, node: string) {
    this.pod = pod;
    this.node = node;
  }

  /** A plugin asks to wait, for `timeout` at the longest. */
  await(plugin: string, timeout: Duration, now: Time): void {
    const bounded = Math.min(timeout, MAXIMUM_PERMIT_WAIT);
    this.pending.set(plugin, { timeout: bounded, deadline: now + bounded });
  }

  /** Plugins that have not allowed it yet. */
  get pendingPlugins(): readonly string[] {
    return [...this.pending.keys()];
  }

  /** A plugin lets it go on; the last one to do so lets it be bound. */
  allow(plugin: string): void {
    this.pending.delete(plugin);
  }

  /** It will not be bound, and is tried again as a pod that was found unschedulable. */
  reject(plugin: string, message: string): void {
    this.rejection ??= new Status(Code.Unschedulable, plugin, [message]);
  }

  /** Nothing is waited for any more. */
  get settled(): boolean {
    return this.rejection !== null || this.pending.size === 0;
  }

  /** When the first of the plugins has waited long enough. */
  get deadline(): Time {
    let first = Number.POSITIVE_INFINITY;
    for (const { deadline } of this.pending.values()) first = Math.min(first, deadline);
    return first;
  }

  /** Rejects the pod when a plugin has waited long enough. */
  expire(now: Time): void {
    for (const [plugin, { timeout, deadline }] of this.pending) {
      if (deadline > now) continue;
      this.reject(plugin, `rejected due to timeout after waiting ${goDuration(timeout)} at plugin ${plugin}`);
    }
  }
}

/** Pods that wait at Permit, for plugins to allow or reject (Handle.IterateOverWaitingPods, GetWaitingPod). */
export class WaitingPods {
  private readonly byKey = new Map<string, WaitingPod>();

  get size(): number {
    return this.byKey.size;
  }

  /** By `namespace/name`. */
  get(key: string): WaitingPod | undefined {
    return this.byKey.get(key);
  }

  /** All in order of their waiting. */
  values(): Iterable<WaitingPod> {
    return this.byKey.values();
  }

  add(pod: WaitingPod): void {
    this.byKey.set(pod.pod.key, pod);
  }

  delete(key: string): void {
    this.byKey.delete(key);
  }
}

/** A duration as Go prints it: `10s`, `1m30s`, `15m0s`, `1.5s`, `250ms`. */
export function goDuration(nanoseconds: Duration): string {
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const seconds = Math.floor(nanoseconds / 1e9);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = `${(seconds % 60) + (nanoseconds % 1e9) / 1e9}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
