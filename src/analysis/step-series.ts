/**
 * A quantity that holds its value from one change to the next: `values[i]` holds on [times[i], times[i+1]), the last one
 * for ever. Times ascend; before the first change the quantity does not exist.
 */
export interface StepSeries {
  readonly times: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

/** Integral of f(value) over [from, to] in units of value · time. */
export function timeIntegral(
  series: StepSeries,
  from: number,
  to: number,
  f: (value: number) => number = (value) => value,
): number {
  const { times, values } = series;
  let sum = 0;
  for (let i = firstAt(times, from); i < times.length && times[i]! < to; i++) {
    const start = Math.max(times[i]!, from);
    const end = Math.min(i + 1 < times.length ? times[i + 1]! : to, to);
    if (end > start) sum += f(values[i]!) * (end - start);
  }
  return sum;
}

/** Mean over time on the part of [from, to] where the quantity exists; null when there is none. */
export function timeAverage(series: StepSeries, from: number, to: number): number | null {
  if (series.times.length === 0) return null;
  const start = Math.max(from, series.times[0]!);
  return to > start ? timeIntegral(series, start, to) / (to - start) : null;
}

/** Least value held at any instant of [from, to]; null when the quantity does not exist there. */
export function lowest(series: StepSeries, from: number, to: number): number | null {
  let least: number | null = null;
  for (let i = firstAt(series.times, from); i < series.times.length && series.times[i]! <= to; i++) {
    const value = series.values[i]!;
    if (least === null || value < least) least = value;
  }
  return least;
}

/** ∫ max(0, value − wanted): surge in pod-seconds when the values are pods. */
export function surge(series: StepSeries, wanted: number, from: number, to: number): number {
  return timeIntegral(series, from, to, (value) => Math.max(0, value - wanted));
}

/** ∫ max(0, wanted − value): capacity missing, in pod-seconds when the values are available pods. */
export function deficit(series: StepSeries, wanted: number, from: number, to: number): number {
  return timeIntegral(series, from, to, (value) => Math.max(0, wanted - value));
}

/** First time at which the value is at least `level`, at or after `from`; null when it never is. */
export function timeToReach(series: StepSeries, level: number, from: number): number | null {
  for (let i = firstAt(series.times, from); i < series.times.length; i++) {
    if (series.values[i]! >= level) return Math.max(series.times[i]!, from);
  }
  return null;
}

/** Index of the change that holds at `time`, or the first one after it. */
function firstAt(times: ArrayLike<number>, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! <= time) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : low - 1;
}
