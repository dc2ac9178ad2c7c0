import type { RunResult } from '../analysis/result.js';
import { type HistogramFamily, labelText } from '../metrics/histograms.js';
import type { Table } from '../metrics/recorder.js';

/** A value at a simulated time in seconds. */
export interface Sample {
  readonly time: number;
  readonly value: number;
}

/** One time series: the suffix of the family's name (`_total`, `_bucket`), labels as text, values in order of time. */
export interface Series {
  readonly suffix: string;
  readonly labels: string;
  readonly samples: readonly Sample[];
}

export interface Family {
  /** Name without suffix. */
  readonly name: string;
  /** unknown: a counter whose name, in its component, does not end as OpenMetrics wants it. */
  readonly type: 'counter' | 'gauge' | 'histogram' | 'info' | 'unknown';
  readonly help: string;
  readonly series: readonly Series[];
}

/** Times at which a monitoring system would have read the metrics: every `interval` seconds, and the end of the run. */
export function scrapeTimes(result: RunResult, interval: number): number[] {
  const end = result.summary.simulatedSeconds;
  const times: number[] = [];
  for (let i = 0; i * interval < end; i++) times.push(i * interval);
  return [...times, end];
}

/** Labels of a time series by name. */
export type Labels = Readonly<Record<string, string>>;

/** Sums a column of counts by label set, cumulated at each scrape; a row of second t is complete at t + 1. */
export function counter(
  name: string,
  help: string,
  table: Table | undefined,
  value: string,
  times: readonly number[],
  labels: (row: number) => Labels,
): Family {
  const groups = group(table, labels);
  const counts = table === undefined ? undefined : (table.column(value) as Float64Array);
  const ends = table === undefined ? undefined : (table.column('time') as Float64Array);
  const series = [...groups].map(([text, rows]) => {
    let next = 0;
    let sum = 0;
    const samples = times.map((time) => {
      while (next < rows.length && ends![rows[next]!]! + 1 <= time) {
        const count = counts![rows[next++]!]!;
        if (!Number.isNaN(count)) sum += count;
      }
      return { time, value: sum };
    });
    return { suffix: '_total', labels: text, samples };
  });
  return { name, type: 'counter', help, series };
}

/** The last value of a column before each scrape, by label set; none before the first. A row of second t is its end, t + 1. */
export function gauge(
  name: string,
  help: string,
  table: Table | undefined,
  value: string,
  times: readonly number[],
  labels: (row: number) => Labels,
): Family {
  const groups = group(table, labels);
  const values = table === undefined ? undefined : (table.column(value) as Float64Array);
  const ends = table === undefined ? undefined : (table.column('time') as Float64Array);
  const series = [...groups].map(([text, rows]) => {
    const samples: Sample[] = [];
    let next = 0;
    let last = Number.NaN;
    for (const time of times) {
      while (next < rows.length && ends![rows[next]!]! + 1 <= time) last = values![rows[next++]!]!;
      if (!Number.isNaN(last)) samples.push({ time, value: last });
    }
    return { suffix: '', labels: text, samples };
  });
  return { name, type: 'gauge', help, series: series.filter((entry) => entry.samples.length > 0) };
}

function group(table: Table | undefined, labels: (row: number) => Labels): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (let row = 0; row < (table?.length ?? 0); row++) {
    const text = labelText(labels(row));
    const rows = groups.get(text);
    if (rows === undefined) groups.set(text, [row]);
    else rows.push(row);
  }
  return groups;
}

/** A histogram of exact observations: `at` the time of each, cumulated at each scrape. */
export function histogram(
  family: HistogramFamily,
  labels: Labels,
  observations: readonly Sample[],
  times: readonly number[],
): Family {
  if (observations.length === 0) return { name: family.name, type: 'histogram', help: family.help, series: [] };
  const ordered = [...observations].sort((a, b) => a.time - b.time);
  const bounds = [...family.bounds, Number.POSITIVE_INFINITY];
  const counts = bounds.map(() => 0);
  const states: { time: number; counts: number[]; sum: number }[] = [];
  let next = 0;
  let sum = 0;
  for (const time of times) {
    for (; next < ordered.length && ordered[next]!.time <= time; next++) {
      const { value } = ordered[next]!;
      sum += value;
      for (let i = bounds.length - 1; i >= 0 && value <= bounds[i]!; i--) counts[i]!++;
    }
    states.push({ time, counts: [...counts], sum });
  }
  return {
    name: family.name,
    type: 'histogram',
    help: family.help,
    series: histogramSeries(labelText(labels), bounds, states),
  };
}

/** How many of the samples have happened at each scrape. */
export function countsAt(samples: readonly Sample[], times: readonly number[]): Sample[] {
  const ordered = Float64Array.from(samples, (sample) => sample.time).sort();
  let next = 0;
  return times.map((time) => {
    while (next < ordered.length && ordered[next]! <= time) next++;
    return { time, value: next };
  });
}

export function histogramSeries(
  labels: string,
  bounds: readonly number[],
  states: readonly { time: number; counts: readonly number[]; sum: number }[],
): Series[] {
  const comma = labels === '' ? '' : ',';
  const buckets = bounds.map((bound, i) => ({
    suffix: '_bucket',
    labels: `${labels}${comma}le="${boundText(bound)}"`,
    samples: states.map((state) => ({ time: state.time, value: state.counts[i]! })),
  }));
  const last = bounds.length - 1;
  return [
    ...buckets,
    { suffix: '_sum', labels, samples: states.map((state) => ({ time: state.time, value: state.sum })) },
    { suffix: '_count', labels, samples: states.map((state) => ({ time: state.time, value: state.counts[last]! })) },
  ];
}

/** A bound as OpenMetrics writes it: always with a point. */
function boundText(bound: number): string {
  if (bound === Number.POSITIVE_INFINITY) return '+Inf';
  return Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
}
