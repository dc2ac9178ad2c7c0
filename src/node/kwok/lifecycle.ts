import type { Labels } from '../../api/meta.js';
import { parseTimestamp } from '../../api/timestamps.js';
import type { Duration, Time } from '../../kernel/time.js';
import { evaluateCel } from './cel.js';
import { evaluateJq } from './jq.js';
import type { Expression, Requirement, Stage } from './stage.js';

/** An object as stages see it. */
export interface StageSubject {
  readonly labels: Labels | undefined;
  readonly annotations: Labels | undefined;
  /** The object for a jq expression that begins with this path: as the model holds it where that is the same as JSON, else as JSON. */
  data(path: readonly string[]): unknown;
  /** The object as JSON. */
  json(): unknown;
  /** Simulated time of a value that is a timestamp; undefined for other values. */
  timeOf(value: unknown): Time | undefined;
}

/** Whether a stage's selector matches (pkg/utils/lifecycle/lifecycle.go match). Throws CelError. */
export function stageMatches(stage: Stage, subject: StageSubject): boolean {
  if (!labelsMatch(stage.matchLabels, subject.labels) || !labelsMatch(stage.matchAnnotations, subject.annotations)) return false;
  for (const requirement of stage.matchExpressions) if (!requirementMatches(requirement, subject)) return false;
  return true;
}

function labelsMatch(wanted: Labels, found: Labels | undefined): boolean {
  for (const key in wanted) if (found?.[key] !== wanted[key]) return false;
  return true;
}

/** pkg/utils/expression/selector.go Matches. */
function requirementMatches(requirement: Requirement, subject: StageSubject): boolean {
  if (requirement.language === 'cel') return evaluateCel(requirement.program, subject.json()) === true;
  const values = evaluateJq(requirement.query, subject.data(requirement.path));
  switch (requirement.operator) {
    case 'In':
      return values !== undefined && values.some((value) => hasValue(value, requirement.values));
    case 'NotIn':
      return values === undefined || !values.some((value) => hasValue(value, requirement.values));
    case 'Exists':
      return values !== undefined && values.length > 0;
    case 'DoesNotExist':
      return values === undefined || values.length === 0;
  }
}

function hasValue(value: unknown, wanted: readonly string[]): boolean {
  return (typeof value === 'string' || typeof value === 'boolean') && wanted.includes(String(value));
}

/** The stages whose selectors match, in order. */
export function matchingStages(stages: readonly Stage[], subject: StageSubject): readonly Stage[] {
  return stages.filter((stage) => stageMatches(stage, subject));
}

/** Weight of a stage for an object; undefined when its expression gives none. */
export function stageWeight(stage: Stage, subject: StageSubject): number | undefined {
  if (stage.weightFrom === null) return stage.weight;
  const value = firstValue(stage.weightFrom, subject);
  if (value === undefined) return stage.weight;
  if (typeof value === 'number') return Math.trunc(value);
  if (typeof value !== 'string') return stage.weight;
  return /^[+-]?(?:0[xX][0-9a-fA-F]+|\d+)$/.test(value) ? Number(value) : undefined;
}

/** Stages of which any may come next, by their weights (ListAllPossible). */
export function possibleStages(stages: readonly Stage[], subject: StageSubject): readonly Stage[] {
  const matched = matchingStages(stages, subject);
  if (matched.length < 2) return matched;
  const weights = matched.map((stage) => stageWeight(stage, subject));
  const total = weights.reduce<number>((sum, weight) => sum + (weight ?? 0), 0);
  if (weights.every((weight) => weight === undefined)) return matched;
  return matched.filter((_stage, i) => (total === 0 ? weights[i] !== undefined : (weights[i] ?? -1) > 0));
}

/** Draws one number in [0, 1); asked only when there is a choice. */
export interface StageDraw {
  next(): number;
}

/** The stage that comes next (Match): by chance according to the weights; undefined when none matches. */
export function nextStage(stages: readonly Stage[], subject: StageSubject, draw: StageDraw): Stage | undefined {
  const possible = possibleStages(stages, subject);
  if (possible.length < 2) return possible[0];
  const weights = possible.map((stage) => stageWeight(stage, subject) ?? 0);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total <= 0) return possible[Math.floor(draw.next() * possible.length)];
  let offset = Math.floor(draw.next() * total);
  for (let i = 0; i < possible.length; i++) {
    offset -= weights[i]!;
    if (offset < 0) return possible[i];
  }
  return possible.at(-1);
}

/** Between which durations the delay of a stage lies: none, one, or two (DelayRangePossible). */
export function delayRange(stage: Stage, subject: StageSubject, now: Time): readonly Duration[] {
  const { delay } = stage;
  if (delay === null) return [];
  const duration = durationOf(delay.durationFrom, delay.duration, subject, now);
  if (duration === undefined) return [];
  if (delay.jitterDuration === null && delay.jitterDurationFrom === null) return [duration];
  const jitter = durationOf(delay.jitterDurationFrom, delay.jitterDuration ?? undefined, subject, now);
  if (jitter === undefined) return [duration];
  return jitter <= duration ? [jitter] : [duration, jitter];
}

/** The delay of a stage; at least 0. */
export function stageDelay(stage: Stage, subject: StageSubject, now: Time, draw: StageDraw): Duration {
  const [low = 0, high] = delayRange(stage, subject, now);
  return Math.max(0, high === undefined ? low : low + Math.floor(draw.next() * (high - low)));
}

/** pkg/utils/lifecycle/value_duration_from.go: an instant, or a duration as Go writes it. */
function durationOf(from: Expression | null, fallback: Duration | undefined, subject: StageSubject, now: Time): Duration | undefined {
  if (from === null) return fallback;
  const value = firstValue(from, subject);
  if (value === undefined) return fallback;
  if (value === '') return undefined;
  const time = subject.timeOf(value);
  if (time !== undefined) return time - now;
  return (typeof value === 'string' ? parseGoDuration(value) : undefined) ?? fallback;
}

function firstValue(expression: Expression, subject: StageSubject): unknown {
  if (expression.language === 'cel') return evaluateCel(expression.program, subject.json());
  return evaluateJq(expression.query, subject.data(expression.path))?.[0];
}

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** A duration as Go's time.ParseDuration reads it, such as `1m30s`; undefined when it is none. */
export function parseGoDuration(text: string): Duration | undefined {
  const match = /^([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return text === '0' ? 0 : undefined;
  let sum = 0;
  for (const [, amount, unit] of match[2]!.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g)) sum += Number(amount) * UNITS[unit!]!;
  return Math.round(match[1] === '-' ? -sum : sum);
}

/** An object given as JSON, with timestamps as text. `startTime`: milliseconds since 1970 of simulated time 0. */
export class JsonSubject implements StageSubject {
  readonly labels: Labels | undefined;
  readonly annotations: Labels | undefined;
  private readonly object: Record<string, unknown>;
  private readonly startTime: number;

  constructor(object: Record<string, unknown>, startTime: number) {
    const metadata = (object.metadata ?? {}) as { labels?: Labels; annotations?: Labels };
    this.labels = metadata.labels;
    this.annotations = metadata.annotations;
    this.object = object;
    this.startTime = startTime;
  }

  data(): unknown {
    return this.object;
  }

  json(): unknown {
    return this.object;
  }

  timeOf(value: unknown): Time | undefined {
    const milliseconds = typeof value === 'string' ? parseTimestamp(value) : undefined;
    return milliseconds === undefined ? undefined : Math.round((milliseconds - this.startTime) * 1e6);
  }
}
