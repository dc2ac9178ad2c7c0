import type { Time } from '../kernel/time.js';

/** A line of a rollout's log. */
export interface RolloutEntry {
  readonly time: Time;
  readonly phase: string;
  readonly message: string;
}

/** Something that brings a new version out, and may take it back: a release pipeline, or a controller that is asked to. */
export interface RolloutProcess {
  /** Workloads that take part. */
  readonly deployments: readonly string[];
  readonly log: readonly RolloutEntry[];
  /** −1: not yet. */
  readonly startedAt: Time;
  /** When the new version was out completely; −1: not, or not yet. */
  readonly finishedAt: Time;
  /** When it was decided to take the new version back, and when the old one was back completely; −1: not. */
  readonly detectedAt: Time;
  readonly rolledBackAt: Time;
  /** Why it gave up, or took the version back; empty: it did not. */
  readonly failure: string;
  startAt(time: Time): void;
}
