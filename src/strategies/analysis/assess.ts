import { SECOND, type Duration, type Time } from '../../kernel/time.js';
import { type Expression, ExpressionError, holds, type Value } from './expression.js';

/**
 * AnalysisRuns of Argo Rollouts as a state machine (argo-rollouts analysis/analysis.go): which measurements are due, what each
 * says, and what all of them mean. Time and measured values are arguments.
 */

/** Phases of measurements, metrics and runs. */
export type AnalysisPhase = 'Pending' | 'Running' | 'Successful' | 'Failed' | 'Error' | 'Inconclusive';

/** defaults: DefaultConsecutiveErrorLimit and DefaultErrorRetryInterval. */
export const CONSECUTIVE_ERROR_LIMIT = 4;
export const ERROR_RETRY: Duration = 10 * SECOND;
/** Measurements that a run keeps of each metric (DefaultMeasurementHistoryLimit). */
const HISTORY = 10;

/** A metric of an analysis with its limits resolved. */
export interface MetricRule {
  readonly name: string;
  /** Nanoseconds; 0: no interval, one measurement. */
  readonly interval: Duration;
  readonly initialDelay: Duration;
  /** 0: endless with an interval, once without. */
  readonly count: number;
  /** −1: never fails. */
  readonly failureLimit: number;
  readonly inconclusiveLimit: number;
  readonly consecutiveErrorLimit: number;
  /** 0: not looked at. */
  readonly consecutiveSuccessLimit: number;
  readonly success: Expression | null;
  readonly failure: Expression | null;
  /** Measured, but without a say (dryRun). */
  readonly dryRun: boolean;
}

export interface Measurement {
  readonly phase: AnalysisPhase;
  readonly at: Time;
  readonly value: string;
  readonly message?: string;
}

export interface MetricResult {
  readonly name: string;
  readonly phase: AnalysisPhase;
  readonly message: string;
  readonly count: number;
  readonly successful: number;
  readonly failed: number;
  readonly inconclusive: number;
  readonly error: number;
  readonly consecutiveError: number;
  readonly consecutiveSuccess: number;
  readonly dryRun: boolean;
  readonly measurements: readonly Measurement[];
}

/** State of a run. */
export interface AnalysisState {
  readonly phase: AnalysisPhase;
  readonly message: string;
  readonly startedAt: Time;
  readonly results: readonly MetricResult[];
}

/** What a provider found: a value, or why there is none. */
export type Found = { readonly value: Value } | { readonly error: string };

/** Asks the provider of a metric. */
export interface Provider {
  find(metric: MetricRule): Found;
}

const WORSE: readonly AnalysisPhase[] = ['Successful', 'Inconclusive', 'Failed', 'Error'];

export function isCompleted(phase: AnalysisPhase): boolean {
  return phase !== 'Pending' && phase !== 'Running';
}

/** What a value means (evaluate.EvaluateResult): without conditions everything is a success. */
export function judgeValue(rule: Pick<MetricRule, 'success' | 'failure'>, value: Value): AnalysisPhase {
  const { success, failure } = rule;
  if (success === null && failure === null) return 'Successful';
  const good = success !== null && holds(success, value);
  const bad = failure !== null && holds(failure, value);
  if (bad) return 'Failed';
  if (failure !== null && success === null) return 'Successful';
  if (good) return 'Successful';
  return failure === null ? 'Failed' : 'Inconclusive';
}

/** A new run that has measured nothing. */
export function newAnalysis(now: Time): AnalysisState {
  return { phase: 'Running', message: '', startedAt: now, results: [] };
}

/** Measurements of a metric that are wanted; Infinity: endless (EffectiveCount). */
function wantedCount(rule: MetricRule): number {
  if (rule.count > 0) return rule.count;
  return rule.interval === 0 ? 1 : Number.POSITIVE_INFINITY;
}

function resultOf(state: AnalysisState, rule: MetricRule): MetricResult | undefined {
  return state.results.find(({ name }) => name === rule.name);
}

/** When a metric is measured next; Infinity: never. */
function dueAt(state: AnalysisState, rule: MetricRule): Time {
  const result = resultOf(state, rule);
  const last = result?.measurements.at(-1);
  if (result === undefined || last === undefined) return state.startedAt + rule.initialDelay;
  if (isCompleted(result.phase) || result.count >= wantedCount(rule)) return Number.POSITIVE_INFINITY;
  return last.at + (rule.interval === 0 ? ERROR_RETRY : rule.interval);
}

/** When the run has to be looked at next; Infinity: it is over. */
export function nextMeasurement(state: AnalysisState, rules: readonly MetricRule[]): Time {
  if (isCompleted(state.phase)) return Number.POSITIVE_INFINITY;
  return rules.reduce((first, rule) => Math.min(first, dueAt(state, rule)), Number.POSITIVE_INFINITY);
}

/** Takes what is due now and says what it means. `terminate`: the rollout does not need the run any more. */
export function advanceAnalysis(
  state: AnalysisState,
  rules: readonly MetricRule[],
  now: Time,
  provider: Provider,
  terminate = false,
): AnalysisState {
  if (isCompleted(state.phase)) return state;
  // The first metric that ends badly stops the others.
  let terminating = terminate || state.results.some(({ phase, dryRun }) => !dryRun && isBad(phase));
  const results = rules.map((rule) => {
    const before = resultOf(state, rule) ?? emptyResult(rule);
    const measured = !terminating && dueAt(state, rule) <= now ? measure(before, rule, now, provider) : before;
    return concluded(rule, measured, false);
  });
  terminating ||= results.some(({ phase, dryRun }) => !dryRun && isBad(phase));
  const assessed = terminating ? results.map((result, i) => concluded(rules[i]!, result, true)) : results;
  return { ...state, ...verdict(assessed), results: assessed };
}

function concluded(rule: MetricRule, result: MetricResult, terminating: boolean): MetricResult {
  const phase = assess(rule, result, terminating);
  if (phase === result.phase) return result;
  const ended = { ...result, phase };
  return { ...ended, message: explain(rule, ended) };
}

function isBad(phase: AnalysisPhase): boolean {
  return phase === 'Failed' || phase === 'Error' || phase === 'Inconclusive';
}

function verdict(results: readonly MetricResult[]): { readonly phase: AnalysisPhase; readonly message: string } {
  if (results.some(({ phase }) => !isCompleted(phase))) return { phase: 'Running', message: '' };
  let worst: AnalysisPhase = 'Successful';
  let message = '';
  for (const { name, phase, dryRun, message: why } of results) {
    if (dryRun || WORSE.indexOf(phase) <= WORSE.indexOf(worst)) continue;
    worst = phase;
    message = `Metric "${name}" assessed ${phase} due to ${why}`;
  }
  return { phase: worst, message };
}

function emptyResult(rule: MetricRule): MetricResult {
  const { name, dryRun } = rule;
  return { name, phase: 'Pending', message: '', count: 0, successful: 0, failed: 0, inconclusive: 0, error: 0, consecutiveError: 0, consecutiveSuccess: 0, dryRun, measurements: [] };
}

function measure(result: MetricResult, rule: MetricRule, now: Time, provider: Provider): MetricResult {
  const measurement = take(rule, now, provider);
  const { phase } = measurement;
  const counts = phase === 'Error' ? 0 : 1;
  return {
    ...result,
    count: result.count + counts,
    successful: result.successful + (phase === 'Successful' ? 1 : 0),
    failed: result.failed + (phase === 'Failed' ? 1 : 0),
    inconclusive: result.inconclusive + (phase === 'Inconclusive' ? 1 : 0),
    error: result.error + (1 - counts),
    consecutiveError: phase === 'Error' ? result.consecutiveError + 1 : 0,
    consecutiveSuccess: phase === 'Successful' ? result.consecutiveSuccess + 1 : 0,
    measurements: [...result.measurements.slice(1 - HISTORY), measurement],
  };
}

function take(rule: MetricRule, at: Time, provider: Provider): Measurement {
  const found = provider.find(rule);
  if ('error' in found) return { phase: 'Error', at, value: '', message: found.error };
  const value = textOf(found.value);
  try {
    return { phase: judgeValue(rule, found.value), at, value };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { phase: 'Error', at, value, message: error.message };
  }
}

function textOf(value: Value): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

/** What a metric's measurements mean (assessMetricStatus). */
function assess(rule: MetricRule, result: MetricResult, terminating: boolean): AnalysisPhase {
  if (isCompleted(result.phase)) return result.phase;
  if (result.measurements.length === 0) return terminating ? 'Successful' : 'Pending';
  if (rule.failureLimit >= 0 && result.failed > rule.failureLimit) return 'Failed';
  if (result.inconclusive > rule.inconclusiveLimit) return 'Inconclusive';
  if (result.consecutiveError > rule.consecutiveErrorLimit) return 'Error';
  const limit = rule.consecutiveSuccessLimit;
  if (limit > 0 && result.consecutiveSuccess >= limit) return 'Successful';
  if (result.count >= wantedCount(rule)) {
    if (limit === 0) return 'Successful';
    return rule.failureLimit < 0 ? 'Failed' : 'Inconclusive';
  }
  return terminating ? 'Successful' : 'Running';
}

/** Why a metric ended as it did, in Argo's words. */
function explain(rule: MetricRule, result: MetricResult): string {
  if (result.phase === 'Failed') return `failed (${result.failed}) > failureLimit (${rule.failureLimit})`;
  if (result.phase === 'Inconclusive') return `inconclusive (${result.inconclusive}) > inconclusiveLimit (${rule.inconclusiveLimit})`;
  if (result.phase === 'Error') return `consecutiveErrors (${result.consecutiveError}) > consecutiveErrorLimit (${rule.consecutiveErrorLimit})`;
  return '';
}
