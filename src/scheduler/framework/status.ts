import type { Duration } from '../../kernel/time.js';

/** Result codes of plugins (staging kube-scheduler framework interface.go `Code`), with the real numbers. */
export const Code = {
  Success: 0,
  Error: 1,
  Unschedulable: 2,
  UnschedulableAndUnresolvable: 3,
  Wait: 4,
  Skip: 5,
  Pending: 6,
} as const;

export type CodeValue = (typeof Code)[keyof typeof Code];

/** Names of the codes as the real scheduler prints them. */
export const codeNames: readonly string[] = [
  'Success',
  'Error',
  'Unschedulable',
  'UnschedulableAndUnresolvable',
  'Wait',
  'Skip',
  'Pending',
];

/**
 * What a plugin answers when it does not simply succeed (success is `null`, so that the common case allocates nothing).
 * Statuses are values and are shared: a plugin makes each of its statuses once.
 */
export class Status {
  readonly code: CodeValue;
  readonly reasons: readonly string[];
  /** Name of the plugin that answered. */
  readonly plugin: string;
  /** With Wait, at Permit: for how long at the longest. */
  readonly timeout: Duration;

  constructor(code: CodeValue, plugin: string, reasons: readonly string[], timeout: Duration = 0) {
    this.code = code;
    this.timeout = timeout;
    this.plugin = plugin;
    this.reasons = reasons;
  }

  /** Reasons joined as in `Status.Message()`. */
  get message(): string {
    return this.reasons.join(', ');
  }

  /** Unschedulable, UnschedulableAndUnresolvable or Pending: the pod was rejected, nothing went wrong. */
  get rejected(): boolean {
    return (
      this.code === Code.Unschedulable || this.code === Code.UnschedulableAndUnresolvable || this.code === Code.Pending
    );
  }
}

/** A status that says Skip. */
export function skip(plugin: string): Status {
  return new Status(Code.Skip, plugin, []);
}

/** A status that says Unschedulable, for one reason. */
export function unschedulable(plugin: string, reason: string): Status {
  return new Status(Code.Unschedulable, plugin, [reason]);
}

/** A status that says UnschedulableAndUnresolvable (preemption cannot help), for one reason. */
export function unresolvable(plugin: string, reason: string): Status {
  return new Status(Code.UnschedulableAndUnresolvable, plugin, [reason]);
}

/** A status that says Wait, at Permit: the pod is bound when the plugin allows it, or rejected after `timeout`. */
export function wait(plugin: string, timeout: Duration): Status {
  return new Status(Code.Wait, plugin, [], timeout);
}
