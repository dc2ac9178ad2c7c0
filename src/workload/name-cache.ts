import type { Duration, Time } from '../kernel/time.js';

/** Addresses of a headless Service as somebody knows them: null for a name whose one address never changes. */
export type Records = ArrayLike<number> | null;

interface Kept {
  readonly records: Records;
  readonly until: Time;
}

/** Answers that are kept for a time, by who keeps them: what they say may be out of date. */
export class NameCache {
  private readonly kept = new Map<string | number, Kept>();

  /** What is kept; undefined: nothing, or it is too old. */
  get(key: string | number, now: Time): Records | undefined {
    const kept = this.kept.get(key);
    if (kept === undefined) return undefined;
    if (now < kept.until) return kept.records;
    this.kept.delete(key);
    return undefined;
  }

  keep(key: string | number, records: Records, now: Time, time: Duration): void {
    if (time > 0) this.kept.set(key, { records, until: now + time });
  }
}
