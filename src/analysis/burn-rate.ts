/** A burn-rate alert: both windows must burn the error budget so fast (Google SRE Workbook, chapter 5, table 5-8). Seconds. */
export interface BurnAlert {
  readonly name: 'page1h' | 'page6h' | 'ticket3d';
  readonly rate: number;
  readonly long: number;
  readonly short: number;
}

const MINUTE = 60;
const HOUR = 3600;

export const BURN_ALERTS: readonly BurnAlert[] = [
  { name: 'page1h', rate: 14.4, long: HOUR, short: 5 * MINUTE },
  { name: 'page6h', rate: 6, long: 6 * HOUR, short: 30 * MINUTE },
  { name: 'ticket3d', rate: 1, long: 72 * HOUR, short: 6 * HOUR },
];

/**
 * When each alert would have begun, in seconds after second `from`; null: not until the end. `requests` and `errors` by second. Before the
 * first second there were as many requests a second as until `from` (or on the whole, if that is 0), and no errors.
 */
export function burnAlerts(requests: readonly number[], errors: readonly number[], from: number, allowed: number): Readonly<Record<BurnAlert['name'], number | null>> {
  const sent = sums(requests);
  const failed = sums(errors);
  const end = requests.length;
  const earlier = from > 0 && sent[from]! > 0 ? sent[from]! / from : end === 0 ? 0 : sent[end]! / end;
  const burning = (until: number, window: number): number => {
    const first = Math.max(0, until - window);
    const all = sent[until]! - sent[first]! + earlier * (window - (until - first));
    return all === 0 ? 0 : (failed[until]! - failed[first]!) / all / allowed;
  };
  const found: Record<BurnAlert['name'], number | null> = { page1h: null, page6h: null, ticket3d: null };
  for (const { name, rate, long, short } of BURN_ALERTS) {
    for (let until = from + 1; until <= end && found[name] === null; until++) if (burning(until, long) >= rate && burning(until, short) >= rate) found[name] = until - from;
  }
  return found;
}

/** Sums of the first so many. */
function sums(values: readonly number[]): number[] {
  const result = [0];
  for (const value of values) result.push(result.at(-1)! + value);
  return result;
}
