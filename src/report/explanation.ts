import type { FailureMetrics, RunResult } from '../analysis/result.js';
import type { Study } from '../analysis/study.js';
import { formatCount, formatSeconds } from './format.js';

/** What made requests fail, in words: each count is the sum of the rows of `failures_by_second` with that mechanism. */

/** What is said of the requests that failed by a mechanism, after their count and "request(s)"; `lag`: the longest, in words. */
const WORDS: Readonly<Record<string, (lag: string) => string>> = {
  'no-ready-pod': () => 'found no pod ready',
  'proxy-without-endpoints': () => 'found no endpoint at a proxy that had not synced, while pods were ready',
  'no-local-endpoint': () => 'entered at a node without a pod of its own under a policy Local',
  'terminating-pod': (lag) => `sent to terminating pods in the ${lag} before proxies synced`,
  'last-resort-pod': () => 'sent to terminating pods that listened no more, as no pod was ready',
  'ended-pod': (lag) => `sent to pods whose process had ended, up to ${lag} before`,
  'starting-pod': () => 'sent to pods that did not listen yet',
  'stopped-in-flight': () => 'held by terminating pods that ended before they answered',
  'ended-in-flight': () => 'held by pods whose process ended',
  'out-of-memory-in-flight': () => 'held by pods that were killed at their memory limit',
  'node-lost-in-flight': () => 'held by pods whose machine was lost',
  'unreachable-pod': (lag) => `sent to pods on machines that could not be reached${lag === '' ? '' : `, up to ${lag} after they were lost`}`,
  'unreachable-entry': () => 'sent to nodes that could not be reached',
  'queue-full': () => 'refused by pods whose queue was full',
  'timeout-in-queue': () => 'given up by their users while pods had too much to do',
  'timeout-in-service': () => 'given up by their users while a pod worked on them',
  'timeout-on-the-way': () => 'given up by their users before they had reached a pod',
  'version-error': () => 'answered with an error of the version',
  'load-error': () => 'answered with an error that the version gives only under load',
  'circuit-open': () => 'refused by an open circuit breaker',
  'name-resolution': () => 'without an address, as the name was not found',
  'failed-dependency': () => 'failed because a call that they needed failed',
  'no-route': () => 'without a route at the Ingress',
  'service-after-client': () => 'without an address, as the Service was created after the clients, which find it by their environment',
  'stale-record': () => 'sent to pods that an old answer of the DNS named',
  'mixed-version': () => 'answered by another version than the one that their client had met just before',
  'timeout-in-lookup': () => 'given up by their users while names were looked up',
  'no-load-balancer': () => 'sent before the cloud had made the load balancer and found a node good',
  'stale-environment': () => 'sent to the address that a Service had before, as clients have it in their environment',
};

/** Mechanisms that make up less of a difference than this are left out of its sentence. */
const TELLING = 0.1;

/** A part of a sentence. */
type Part = Pick<FailureMetrics, 'mechanism' | 'errors' | 'longestLag'>;

/** `37 requests sent to terminating pods in the 890 ms before proxies synced`. */
export function describeFailure({ mechanism, errors, longestLag }: Part): string {
  return `${formatCount(errors)} ${phrase(mechanism, errors, longestLag)}`;
}

function phrase(mechanism: string, errors: number, longestLag: number | null): string {
  const said = WORDS[mechanism]?.(longestLag === null ? '' : formatSeconds(longestLag)) ?? `failed by ${mechanism}`;
  return `request${errors === 1 ? '' : 's'} ${said}`;
}

/** Why the requests of one run failed: `37 errors: requests sent to …`; undefined when none did. */
export function explainRun({ summary }: RunResult): string | undefined {
  const { errors, failures } = summary.metrics;
  return failures.length === 0 ? undefined : sentence(errors, failures);
}

function sentence(errors: number, failures: readonly FailureMetrics[]): string {
  const total = `${formatCount(errors)} error${errors === 1 ? '' : 's'}`;
  const [only] = failures;
  if (failures.length === 1) return `${total}: ${phrase(only!.mechanism, errors, only!.longestLag)}`;
  return `${total}: ${byErrors(failures).map(describeFailure).join('; ')}`;
}

function byErrors<T extends Part>(failures: readonly T[]): readonly T[] {
  return [...failures].sort((a, b) => b.errors - a.errors);
}

/**
 * Why the requests of several runs failed, a sentence a run that has errors, and what the run with the most of them has more than the
 * one with the fewest. Says what happened with this seed, never which run is better.
 */
export function explain(results: readonly RunResult[]): string[] {
  const lines = results.flatMap((result) => {
    const said = explainRun(result);
    return said === undefined ? [] : [`${result.name}: ${said}`];
  });
  if (results.length < 2) return lines;
  const counted = [...results].filter(({ summary }) => summary.metrics.requests > 0).sort((a, b) => a.summary.metrics.errors - b.summary.metrics.errors);
  const fewest = counted[0];
  const most = counted.at(-1);
  if (fewest === undefined || most === undefined || fewest.summary.metrics.errors === most.summary.metrics.errors) return lines;
  const said = difference(most.name, most.summary.metrics.failures, fewest.name, fewest.summary.metrics.failures);
  return said === undefined ? lines : [...lines, `${said} (seed ${most.summary.seed})`];
}

/** `recreate has 6,029 errors more than blueGreen: 6,029 requests more found no pod ready`. */
function difference(most: string, more: readonly FailureMetrics[], fewest: string, less: readonly FailureMetrics[]): string | undefined {
  const errors = sum(more) - sum(less);
  if (errors <= 0) return undefined;
  const parts = more
    .map(({ mechanism, errors: own, longestLag }) => ({ mechanism, errors: own - (less.find((each) => each.mechanism === mechanism)?.errors ?? 0), longestLag }))
    .filter((part) => part.errors >= TELLING * errors);
  const said = byErrors(parts).map((part) => `${formatCount(part.errors)} more ${phrase(part.mechanism, part.errors, part.longestLag)}`);
  return `${most} has ${formatCount(errors)} errors more than ${fewest}${said.length === 0 ? '' : `: ${said.join('; ')}`}`;
}

function sum(failures: readonly FailureMetrics[]): number {
  return failures.reduce((total, { errors }) => total + errors, 0);
}

/**
 * Why requests failed over all seeds, a sentence a run; and where the paired intervals leave no doubt which run has the smallest share of
 * errors, what each of the others has more.
 */
export function explainStudy({ failures, measures, seeds }: Study): string[] {
  const names = Object.keys(failures);
  const lines = names.filter((name) => failures[name]!.length > 0).map((name) => `${name}, ${seeds} seeds: ${sentence(sum(failures[name]!), failures[name]!)}`);
  const rows = measures.find(({ name }) => name === 'Error share')?.rows ?? [];
  const [best, ...others] = rows;
  if (best === undefined || others.some(({ tied }) => tied)) return lines;
  const said = others.flatMap(({ name }) => difference(name, failures[name] ?? [], best.name, failures[best.name] ?? []) ?? []);
  return [...lines, ...said.map((text) => `${text} (over ${seeds} seeds)`)];
}
