import { nearestName } from '../api/nearest.js';
import { MINUTE, SECOND } from '../kernel/time.js';
import { mean } from '../random/distribution.js';
import { type CsvField, errorAt, readCsv } from './csv.js';
import type { InputError } from './input-error.js';
import type { RawArrivals, RawTraffic } from './schema-traffic.js';
import { toDistribution } from './schema-values.js';
import { fileFrom, type Path, readSource, type SourceItem } from './source.js';
import type { ArrivalSpec, BreakerSpec, RetrySpec, TraceRow } from './traffic-types.js';
import type { TrafficSpec } from './types.js';
import { duration, rate, share } from './units.js';

const DEFAULT_TIMEOUT = '1s';
const DEFAULT_THINK = { kind: 'exponential', mean: SECOND } as const;
const DEFAULT_PERIOD = '24h';
/** Envoy: retry back-off base interval 25 ms, maximum ten times the base. */
const DEFAULT_BACK_OFF = '25ms';
const BACK_OFF_FACTOR = 10;
/** Finagle and Linkerd: minRetriesPerSec 10. */
const DEFAULT_MINIMUM_RATE = 10;
/** Envoy outlier detection: base_ejection_time 30 s, max_ejection_percent 10. */
const DEFAULT_EJECTION = '30s';
const DEFAULT_MAXIMUM_EJECTED = 0.1;
/** Longest slot of a trace's last row when it cannot be seen from the row before. */
const LONE_SLOT = MINUTE;

/** Where a scenario's traffic is read. */
export interface TrafficContext {
  readonly item: SourceItem;
  readonly folder: string;
  readonly errors: InputError[];
  readonly files: string[];
}

/** What traffic says besides the Service and its times; undefined when something is wrong, which goes to the errors. */
export function toTrafficOptions(
  raw: RawTraffic,
  path: Path,
  context: TrafficContext,
): Omit<TrafficSpec, 'service' | 'start' | 'end'> | undefined {
  const arrivals = raw.arrivals;
  const spec =
    typeof arrivals === 'object'
      ? toArrivals(arrivals, [...path, 'arrivals'], context)
      : arrivals === 'constant'
        ? ({ kind: 'constant' } as const)
        : null;
  if (spec === undefined) return undefined;
  if (raw.mixedVersionErrors !== undefined && raw.clients === undefined && raw.client === undefined && spec?.kind !== 'closed') {
    const message = 'expected only where clients are told apart: give "clients", "client", or "arrivals" with "users"';
    context.errors.push(context.item.keyError([...path, 'mixedVersionErrors'], { message }));
    return undefined;
  }
  return {
    rate: spec === null || spec.kind === 'constant' ? rate(raw.rate!) : meanRate(spec),
    ...(spec === null ? {} : { arrivals: spec }),
    timeout: duration(raw.timeout ?? DEFAULT_TIMEOUT),
    ...(raw.balancing === undefined ? {} : { balancing: raw.balancing }),
    ...(raw.retries === undefined ? {} : { retries: toRetries(raw.retries) }),
    ...(raw.hedge === undefined
      ? {}
      : { hedge: { after: duration(raw.hedge.after), maximum: raw.hedge.maximum ?? 1 } }),
    ...(raw.breaker === undefined ? {} : { breaker: toBreaker(raw.breaker) }),
    ...(raw.cohort === undefined ? {} : { cohort: share(raw.cohort) }),
    ...(raw.mixedVersionErrors === undefined ? {} : { mixedVersionErrors: share(raw.mixedVersionErrors) }),
    ...(raw.cancels === undefined ? {} : { cancels: raw.cancels }),
  };
}

function toRetries(raw: NonNullable<RawTraffic['retries']>): RetrySpec {
  const base = duration(raw.backOff ?? DEFAULT_BACK_OFF);
  const maximum = raw.maximumBackOff === undefined ? BACK_OFF_FACTOR * base : duration(raw.maximumBackOff);
  return {
    maximum: raw.maximum,
    ...(raw.tryTimeout === undefined ? {} : { tryTimeout: duration(raw.tryTimeout) }),
    backOff: { base, maximum },
    ...(raw.budget === undefined
      ? {}
      : { budget: { share: share(raw.budget), minimumRate: raw.minimumRate ?? DEFAULT_MINIMUM_RATE } }),
  };
}

function toBreaker(raw: NonNullable<RawTraffic['breaker']>): BreakerSpec {
  return {
    ...(raw.maximumRequests === undefined ? {} : { maximumRequests: raw.maximumRequests }),
    ...(raw.consecutiveErrors === undefined ? {} : { consecutiveErrors: raw.consecutiveErrors }),
    ejection: duration(raw.ejection ?? DEFAULT_EJECTION),
    maximumEjected: raw.maximumEjected === undefined ? DEFAULT_MAXIMUM_EJECTED : share(raw.maximumEjected),
  };
}

function toArrivals(raw: RawArrivals, path: Path, context: TrafficContext): ArrivalSpec | undefined {
  const complain = (at: Path, message: string): undefined => {
    context.errors.push(context.item.error(at, { message }));
    return undefined;
  };
  if (raw.users !== undefined)
    return { kind: 'closed', users: raw.users, think: raw.think === undefined ? DEFAULT_THINK : toDistribution(raw.think) };
  if (raw.bursts !== undefined) {
    const states = raw.bursts.map((state) => ({ rate: rate(state.rate), stay: toDistribution(state.stay) }));
    if (states.every((state) => state.rate === 0)) return complain([...path, 'bursts'], 'expected a rate above 0 in some state');
    const stuck = states.findIndex(({ stay }) => mean(stay) <= 0);
    if (stuck >= 0) return complain([...path, 'bursts', stuck, 'stay'], 'expected a stay longer than 0s');
    return { kind: 'bursts', states };
  }
  if (raw.profile !== undefined) {
    const points = raw.profile.map((point) => ({ at: duration(point.at), rate: rate(point.rate) }));
    const period = duration(raw.period ?? DEFAULT_PERIOD);
    const late = points.findIndex(({ at }, i) => at >= period || (i > 0 && at <= points[i - 1]!.at));
    if (late >= 0)
      return complain([...path, 'profile', late, 'at'], `expected ascending times before the period ${raw.period ?? DEFAULT_PERIOD}, found ${raw.profile[late]!.at}`);
    if (points.every((point) => point.rate === 0)) return complain([...path, 'profile'], 'expected a rate above 0 at some point');
    return { kind: 'profile', points, period };
  }
  return readTrace(raw, path, context);
}

/** Requests a second on average. */
function meanRate(spec: ArrivalSpec): number {
  switch (spec.kind) {
    case 'constant':
      return 0;
    case 'closed':
      return (spec.users * SECOND) / Math.max(1, mean(spec.think));
    case 'bursts': {
      let time = 0;
      let requests = 0;
      for (const state of spec.states) {
        time += mean(state.stay);
        requests += state.rate * mean(state.stay);
      }
      return requests / time;
    }
    case 'profile': {
      let area = 0;
      const { points, period } = spec;
      points.forEach((point, i) => {
        const next = points[i + 1] ?? { at: points[0]!.at + period, rate: points[0]!.rate };
        area += ((point.rate + next.rate) / 2) * (next.at - point.at);
      });
      return area / period;
    }
    case 'trace': {
      let requests = 0;
      for (const row of spec.rows) requests += row.count;
      const last = spec.rows[spec.rows.length - 1]!;
      return (requests * SECOND) / Math.max(SECOND, spec.repeat ?? last.at + last.slot);
    }
  }
}

/** Reads recorded arrivals; times count from the first row, which need not be the earliest. */
function readTrace(raw: RawArrivals, path: Path, context: TrafficContext): ArrivalSpec | undefined {
  const { errors, item } = context;
  const before = errors.length;
  const file = fileFrom(context.folder, raw.trace!);
  let source: ReturnType<typeof readSource>;
  try {
    source = readSource(file);
  } catch (error) {
    errors.push(item.error([...path, 'trace'], { message: error instanceof Error ? error.message : String(error) }));
    return undefined;
  }
  context.files.push(file);
  const [header, ...rows] = readCsv(source, errors);
  const names = header?.map(({ text }) => text) ?? [];
  const column = (name: string | undefined, key: string): number => {
    if (name === undefined) return 0;
    const place = names.indexOf(name);
    if (place >= 0) return place;
    const suggestion = nearestName(name, names);
    const hint = suggestion === undefined ? `; its columns: ${names.join(', ')}` : `; did you mean "${suggestion}"?`;
    errors.push(item.error([...path, key], { message: `${raw.trace} has no column "${name}"${hint}` }));
    return -1;
  };
  const time = column(raw.time, 'time');
  const count = raw.count === undefined ? -1 : column(raw.count, 'count');
  if (errors.length > before) return undefined;
  const unit = raw.unit === undefined ? SECOND : duration(raw.unit);
  const text = source.text();
  const read: { at: number; count: number }[] = [];
  for (const row of rows) {
    if (row.length !== names.length) {
      errors.push(errorAt(source, text, (row[names.length] ?? row[0]!).offset, `expected ${names.length} field${names.length === 1 ? '' : 's'} as in the first line, found ${row.length}`));
      return undefined;
    }
    const at = timeOf(row[time], unit);
    const requests = count < 0 ? 1 : Number(row[count]?.text.trim() || Number.NaN);
    if (at === undefined) errors.push(errorAt(source, text, (row[time] ?? row[0]!).offset, `expected a time, found "${row[time]?.text ?? ''}"`));
    else if (!Number.isInteger(requests) || requests < 0)
      errors.push(errorAt(source, text, (row[count] ?? row[0]!).offset, `expected a number of requests, found "${row[count]?.text ?? ''}"`));
    else read.push({ at, count: requests });
    if (errors.length > before) return undefined;
  }
  read.sort((a, b) => a.at - b.at);
  if (!read.some((row) => row.count > 0)) {
    errors.push(item.error([...path, 'trace'], { message: `${raw.trace} holds no arrivals` }));
    return undefined;
  }
  return slots(read, raw);
}

function slots(read: readonly { readonly at: number; readonly count: number }[], raw: RawArrivals): ArrivalSpec {
  const speed = raw.speed ?? 1;
  const first = read[0]!.at;
  let slot = LONE_SLOT;
  const rows: TraceRow[] = read.map((row, i) => {
    const next = read[i + 1];
    if (next !== undefined && next.at > row.at) slot = next.at - row.at;
    return {
      at: Math.round((row.at - first) / speed),
      count: row.count,
      slot: raw.count === undefined ? 0 : Math.round((next === undefined ? slot : next.at - row.at) / speed),
    };
  });
  const last = read[read.length - 1]!;
  // One pass lasts to the end of its last row: a row without stated length lasts as long as the one before it.
  return {
    kind: 'trace',
    rows,
    ...(raw.repeat === true ? { repeat: Math.max(1, Math.round((last.at - first + slot) / speed)) } : {}),
  };
}

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|[+-]00:?00)?$/;

/** Nanoseconds of a number in `unit`, or of a timestamp in UTC since 2000-03-01, to about a tenth of a microsecond. */
function timeOf(field: CsvField | undefined, unit: number): number | undefined {
  const text = field?.text.trim() ?? '';
  const match = TIMESTAMP.exec(text);
  if (match === null) {
    const value = text === '' ? Number.NaN : Number(text);
    return Math.abs(value * unit) <= Number.MAX_SAFE_INTEGER ? value * unit : undefined;
  }
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return undefined;
  // The day before the first of the next month is the last.
  if (day > daysSince2000(month === 12 ? year + 1 : year, (month % 12) + 1, 1) - daysSince2000(year, month, 1)) return undefined;
  const seconds = ((daysSince2000(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
  return seconds * SECOND + Number((match[7] ?? '').padEnd(9, '0'));
}

/** Days from 2000-03-01 by the proleptic Gregorian calendar. */
function daysSince2000(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1;
  const years = shifted - 2000;
  const leaps = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return years * 365 + leaps + ofYear;
}
