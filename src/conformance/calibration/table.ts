import { type MeanOf, type PhaseFigures, quantileOf, sumOf } from './figures.js';
import type { RecordedPhase } from './recording.js';

/** How far a row may be off, as shares. */
export interface Ranges {
  readonly duration: number;
  readonly count: number;
  readonly latency: number;
  readonly limiter: number;
}

/** For the run that the profile was taken from. */
export const OWN_RANGES: Ranges = { duration: 0.1, count: 0.1, latency: 0.25, limiter: 0.25 };
/** For runs predicted with another run's profile. */
export const OTHER_RANGES: Ranges = { duration: 0.3, count: 0.3, latency: 0.3, limiter: 0.3 };

/** One row of the comparison. */
export interface Row {
  readonly phase: string;
  readonly what: string;
  readonly unit: string;
  readonly real: number;
  readonly simulated: number;
  readonly range: number;
  /** Difference as a share of the real value; of small counts and waits what is beyond their slack. */
  readonly difference: number;
}

/** Requests of these kinds are compared: the others come from the start of processes, or are made by the server for itself. */
const COMPARED = new Set(['nodes', 'nodes/status', 'pods', 'pods/status', 'pods/binding', 'leases', 'events', 'deployments', 'deployments/status', 'replicasets', 'replicasets/status']);
/** A count may differ by this many requests in any case. */
const COUNT_SLACK = 2;
/** Kinds of requests, and means of fewer values than these, are not compared. */
const FEWEST_REQUESTS = 3;
const FEWEST_VALUES = 20;
/** Waits of fewer requests than these are not compared: their 99th percentile, and most of their mean, is a single wait. */
const FEWEST_WAITS = 100;
/** Waits below the first bound of the histogram are alike (seconds). */
const NO_WAIT = 0.005;

/** The rows of one phase, of several simulations the median. */
export function compare({ phase, figures: real }: RecordedPhase, simulations: readonly PhaseFigures[], ranges: Ranges): readonly Row[] {
  const rows: Row[] = [];
  const add = (what: string, unit: string, a: number, b: number, range: number, slack = 0): void => {
    const beyond = Math.max(0, Math.abs(b - a) - slack);
    rows.push({ phase, what, unit, real: a, simulated: b, range, difference: beyond === 0 ? 0 : beyond / Math.max(a, slack) });
  };
  if (real.complete) add('duration', 's', real.seconds, median(simulations.map(({ seconds }) => seconds)), ranges.duration);
  for (const key of keys([real, ...simulations].map(({ requests }) => requests))) {
    if (!COMPARED.has(key.split(' ')[1] ?? '') || key.startsWith('WATCH')) continue;
    const a = real.requests.get(key) ?? 0;
    const b = median(simulations.map(({ requests }) => requests.get(key) ?? 0));
    if (Math.max(a, b) >= FEWEST_REQUESTS) add(`requests ${key}`, '', a, b, ranges.count, COUNT_SLACK);
  }
  const model = simulations.map(({ latencies }) => byVerb(latencies));
  for (const [verb, histogram] of byVerb(real.latencies)) {
    const found = present(model, verb);
    if (histogram.count < FEWEST_VALUES || found.length === 0) continue;
    add(`mean latency ${verb}`, 'ms', mean(histogram) * 1e3, median(found.map(mean)) * 1e3, ranges.latency);
  }
  for (const [verb, histogram] of real.limiter) {
    const found = present(simulations.map(({ limiter }) => limiter), verb);
    if (histogram.count < FEWEST_WAITS || found.length === 0) continue;
    add(`mean limiter wait ${verb}`, 's', mean(histogram), median(found.map(mean)), ranges.limiter, NO_WAIT);
    add(`p99 limiter wait ${verb}`, 's', quantileOf(histogram, 0.99), median(found.map((one) => quantileOf(one, 0.99))), ranges.limiter, NO_WAIT);
  }
  return rows;
}

/** The middle one of several values, of an even number the lower. */
function median(values: readonly number[]): number {
  return [...values].sort((x, y) => x - y)[(values.length - 1) >> 1]!;
}

/** What maps have of a key. */
function present<T>(maps: readonly ReadonlyMap<string, T>[], key: string): readonly T[] {
  return maps.map((map) => map.get(key)).filter((value) => value !== undefined);
}

function keys(maps: readonly ReadonlyMap<string, unknown>[]): readonly string[] {
  return [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
}

function mean({ count, sum }: MeanOf): number {
  return sum / count;
}

function byVerb(latencies: ReadonlyMap<string, MeanOf>): ReadonlyMap<string, MeanOf> {
  const groups = new Map<string, MeanOf[]>();
  for (const key of [...latencies.keys()].sort()) {
    const [verb = '', resource = ''] = key.split(' ');
    if (!COMPARED.has(resource)) continue;
    const group = groups.get(verb) ?? [];
    group.push(latencies.get(key)!);
    groups.set(verb, group);
  }
  return new Map([...groups].map(([verb, group]) => [verb, sumOf(group)]));
}

/** Whether a row is in range. */
export function inRange(row: Row): boolean {
  return row.difference <= row.range;
}

/** The table as text, the tally last. */
export function tableLines(rows: readonly Row[]): readonly string[] {
  const cells = rows.map((row) => [
    row.phase,
    row.what,
    figure(row.real, row.unit),
    figure(row.simulated, row.unit),
    percent(row),
    `${Math.round(row.range * 100)} %`,
    inRange(row) ? 'in range' : 'OUT OF RANGE',
  ]);
  const all = [['phase', 'row', 'real', 'simulated', 'off by', 'range', 'verdict'], ...cells];
  const widths = all[0]!.map((_, i) => Math.max(...all.map((line) => line[i]!.length)));
  const lines = all.map((line) => line.map((cell, i) => (i >= 2 && i <= 5 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ').trimEnd());
  let worst = 0;
  for (const { difference } of rows) worst = Math.max(worst, difference);
  const passed = rows.filter(inRange).length;
  return [...lines, `calibration: rows in range ${passed}/${rows.length}, worst ${(worst * 100).toFixed(1)} %`];
}

function percent({ difference, real, simulated }: Row): string {
  return `${simulated < real && difference > 0 ? '-' : ''}${(difference * 100).toFixed(1)} %`;
}

function figure(value: number, unit: string): string {
  if (unit === '') return String(value);
  return `${value.toFixed(unit === 'ms' || value < 1 ? 3 : 2)} ${unit}`;
}
