import type { Duration, Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import { LogHistogram } from '../stats/log-histogram.js';
import { CAUSES, SUCCESS } from './causes.js';
import { mechanismOf } from './mechanisms.js';

export * from './causes.js';

/** Failed requests of one second, version, cause and mechanism. */
class FailureCell {
  readonly version: string;
  readonly cause: number;
  readonly mechanism: number;
  errors = 0;
  /** Failures whose lag is known, their sum and the longest, nanoseconds. */
  lagged = 0;
  lagSum = 0;
  lagMax = 0;

  constructor(version: string, cause: number, mechanism: number) {
    this.version = version;
    this.cause = cause;
    this.mechanism = mechanism;
  }
}

/** Failed requests of a second by version, cause and mechanism: a record of the trace. */
export interface FailureRow {
  /** Seconds since the origin. */
  readonly second: number;
  readonly version: string;
  readonly cause: string;
  /** Number in `MECHANISMS`. */
  readonly mechanism: number;
  readonly errors: number;
  /** How many of them have a lag: how long what they failed by had been so. */
  readonly lagged: number;
  /** Nanoseconds. */
  readonly lagSum: number;
  readonly lagMax: number;
}

/** Requests of one second that one version answered (or that reached no pod, version empty). */
class Cell {
  requests = 0;
  errors = 0;
  /** Seconds, of requests without error. */
  readonly latency = new LogHistogram();
}

/** One version's requests by second, and when it was hit first and last. */
class VersionSeries {
  readonly cells: (Cell | undefined)[] = [];
  first: Time = Number.POSITIVE_INFINITY;
  last: Time = Number.NEGATIVE_INFINITY;
}

/** Totals of a window. */
export interface RequestTotals {
  readonly requests: number;
  readonly errors: number;
  /** Errors by cause (see `CAUSES`); causes that did not occur are left out. */
  readonly byCause: Readonly<Record<string, number>>;
  /** Latency in seconds of requests without error. */
  readonly latency: LogHistogram;
}

/** One row of the requests of a second. */
export interface RequestRow {
  /** Seconds since the origin. */
  readonly second: number;
  readonly version: string;
  readonly requests: number;
  readonly errors: number;
  readonly latency: LogHistogram;
}

/** Requests to one Service: counts and latencies by the second in which they ended, by version and by cause. */
export class ServiceStatistics {
  /** `namespace/name`. */
  readonly service: string;
  /** Instant from which seconds are counted; requests that end before are not counted. */
  origin: Time = 0;
  private readonly versions = new Map<string, VersionSeries>();
  /** By cause, errors by second. */
  private readonly causes: number[][] = CAUSES.map(() => []);
  /** By second, in order of first failure. */
  private readonly failures: (FailureCell[] | undefined)[] = [];
  private lastVersion = '';
  private lastSeries: VersionSeries;
  private seconds = 0;

  constructor(service: string) {
    this.service = service;
    this.lastSeries = new VersionSeries();
    this.versions.set('', this.lastSeries);
  }

  /**
   * Counts one request that ended at `end`. A failed one with its mechanism (0: as the cause says) and with how long that had been so;
   * negative: does not apply. In a sample it stands for `weight` requests.
   */
  record(version: string, cause: number, sent: Time, end: Time, mechanism = 0, lag: Duration = -1, weight = 1): void {
    const second = Math.floor((end - this.origin) / SECOND);
    if (second < 0) return;
    if (second >= this.seconds) this.seconds = second + 1;
    const series = this.series(version);
    let cell = series.cells[second];
    if (cell === undefined) {
      cell = new Cell();
      while (series.cells.length < second) series.cells.push(undefined);
      series.cells[second] = cell;
    }
    cell.requests += weight;
    if (end < series.first) series.first = end;
    if (end > series.last) series.last = end;
    if (cause === SUCCESS) {
      cell.latency.observe((end - sent) / SECOND, weight);
      return;
    }
    cell.errors += weight;
    const counts = this.causes[cause]!;
    while (counts.length <= second) counts.push(0);
    counts[second]! += weight;
    this.failure(second, version, cause, mechanismOf(cause, mechanism), lag, weight);
  }

  private failure(second: number, version: string, cause: number, mechanism: number, lag: Duration, weight: number): void {
    while (this.failures.length <= second) this.failures.push(undefined);
    const cells = (this.failures[second] ??= []);
    let cell = cells.find((each) => each.mechanism === mechanism && each.cause === cause && each.version === version);
    if (cell === undefined) cells.push((cell = new FailureCell(version, cause, mechanism)));
    cell.errors += weight;
    if (lag < 0) return;
    cell.lagged += weight;
    cell.lagSum += weight * lag;
    if (lag > cell.lagMax) cell.lagMax = lag;
  }

  private series(version: string): VersionSeries {
    if (version === this.lastVersion) return this.lastSeries;
    let series = this.versions.get(version);
    if (series === undefined) {
      series = new VersionSeries();
      this.versions.set(version, series);
    }
    this.lastVersion = version;
    this.lastSeries = series;
    return series;
  }

  /** Versions that were hit, in order of first hit; the empty one stands for requests that reached no pod. */
  versionNames(): readonly string[] {
    return [...this.versions.keys()];
  }

  /**
   * Totals of the whole seconds that begin in [from, to), over all versions or for one. `byCause` counts all versions.
   */
  totals(from: Time, to: Time, version?: string): RequestTotals {
    const first = Math.max(0, Math.ceil((from - this.origin) / SECOND));
    const end = Math.min(this.seconds, Math.ceil((to - this.origin) / SECOND));
    let requests = 0;
    let errors = 0;
    const latency = new LogHistogram();
    for (const [name, series] of this.versions) {
      if (version !== undefined && name !== version) continue;
      for (let second = first; second < end; second++) {
        const cell = series.cells[second];
        if (cell === undefined) continue;
        requests += cell.requests;
        errors += cell.errors;
        latency.merge(cell.latency);
      }
    }
    const byCause: Record<string, number> = {};
    for (let cause = 1; cause < CAUSES.length; cause++) {
      let count = 0;
      for (let second = first; second < end; second++) count += this.causes[cause]![second] ?? 0;
      if (count > 0) byCause[CAUSES[cause]!] = count;
    }
    return { requests, errors, byCause, latency };
  }

  /** Rows by second, inside a second by version in order of first hit; seconds without requests are left out. */
  *rows(): Generator<RequestRow> {
    for (let second = 0; second < this.seconds; second++) {
      for (const [version, { cells }] of this.versions) {
        const cell = cells[second];
        if (cell === undefined) continue;
        yield { second, version, requests: cell.requests, errors: cell.errors, latency: cell.latency };
      }
    }
  }

  /** Errors by second and cause, as [second, cause, errors]. */
  *errorRows(): Generator<readonly [number, string, number]> {
    for (let second = 0; second < this.seconds; second++) {
      for (let cause = 1; cause < CAUSES.length; cause++) {
        const errors = this.causes[cause]![second] ?? 0;
        if (errors > 0) yield [second, CAUSES[cause]!, errors];
      }
    }
  }

  /** Failed requests of the seconds that begin in [from, to), by second, version, cause and mechanism. */
  *failureRows(from: Time, to: Time): Generator<FailureRow> {
    const first = Math.max(0, Math.ceil((from - this.origin) / SECOND));
    const end = Math.min(this.failures.length, Math.ceil((to - this.origin) / SECOND));
    for (let second = first; second < end; second++) {
      for (const { version, cause, mechanism, errors, lagged, lagSum, lagMax } of this.failures[second] ?? []) {
        yield { second, version, cause: CAUSES[cause]!, mechanism, errors, lagged, lagSum, lagMax };
      }
    }
  }

  /** When a version was first and last hit; undefined when it never was. */
  span(version: string): { readonly first: Time; readonly last: Time } | undefined {
    const series = this.versions.get(version);
    return series === undefined || series.first === Number.POSITIVE_INFINITY
      ? undefined
      : { first: series.first, last: series.last };
  }

  /**
   * The traffic of a new version from `start` on, as times since `start` in nanoseconds: until its first request ended, until the
   * end of the first second in which it had at least half of the requests that reached a pod (or all, if that was earlier), and
   * until the last request of any other version ended. Undefined where it has not happened.
   */
  takeover(version: string, start: Time): { first?: number; half?: number; all?: number } {
    const span = this.span(version);
    if (span === undefined) return {};
    const result: { first?: number; half?: number; all?: number } = { first: Math.max(0, span.first - start) };
    const half = this.halfAt(version, start);
    let last = start;
    for (const [name, series] of this.versions)
      if (name !== '' && name !== version && series.last > last) last = series.last;
    if (last < span.last) result.all = Math.max(result.first!, last - start);
    if (half !== undefined) result.half = Math.min(half - start, result.all ?? half);
    return result;
  }

  private halfAt(version: string, start: Time): Time | undefined {
    for (let second = Math.max(0, Math.floor((start - this.origin) / SECOND)); second < this.seconds; second++) {
      let all = 0;
      let wanted = 0;
      for (const [name, series] of this.versions) {
        const requests = name === '' ? 0 : (series.cells[second]?.requests ?? 0);
        all += requests;
        if (name === version) wanted = requests;
      }
      if (wanted > 0 && 2 * wanted >= all) return this.origin + (second + 1) * SECOND;
    }
    return undefined;
  }
}
