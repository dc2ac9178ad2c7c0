import { type Duration, type Time, toSeconds } from '../kernel/time.js';
import type { Recorder } from '../metrics/recorder.js';
import { SCHEDULER_ATTEMPTS } from '../metrics/tables.js';
import type { CycleInProgress } from './binding-cycles.js';

/** One attempt to place a pod, as it ended. */
export interface Attempt {
  /** End of the scheduling cycle. */
  readonly time: Time;
  /** `namespace/name`. */
  readonly pod: string;
  readonly result: 'scheduled' | 'unschedulable' | 'error';
  /** Chosen node; empty without one. */
  readonly node: string;
  readonly attempt: number;
  /** Wait in the active queue. */
  readonly queued: Duration;
  readonly duration: Duration;
  readonly evaluated: number;
  readonly feasible: number;
  readonly message: string;
}

/** Writes attempts from position `from` on into their table; times count from `origin`. */
export function writeAttempts(attempts: readonly Attempt[], recorder: Recorder, from: number, origin: Time): void {
  const table = recorder.table(SCHEDULER_ATTEMPTS);
  for (let i = from; i < attempts.length; i++) {
    const { time, pod, result, node, attempt, queued, duration, evaluated, feasible, message } = attempts[i]!;
    table.append([
      toSeconds(time - origin),
      pod,
      result,
      node,
      attempt,
      toSeconds(queued),
      toSeconds(duration),
      evaluated,
      feasible,
      message,
    ]);
  }
}

/** The attempt that a cycle was, as it ended. */
export function attemptOf(cycle: CycleInProgress, result: Attempt['result'], message: string, time: Time): Attempt {
  const { queued, started, node } = cycle;
  const { evaluated, feasible } = cycle.result;
  return {
    time,
    pod: queued.pod.key,
    result,
    node,
    attempt: queued.attempts,
    queued: started - queued.activeSince,
    duration: time - started,
    evaluated,
    feasible,
    message,
  };
}
