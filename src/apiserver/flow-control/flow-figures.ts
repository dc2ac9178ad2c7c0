import { LogHistogram } from '../../stats/index.js';

/** Why priority and fairness turned a request away (label `reason` of apiserver_flowcontrol_rejected_requests_total). */
export type RejectReason = 'queue-full' | 'concurrency-limit' | 'time-out';

/** apiserver_flowcontrol_* of one flow schema in its priority level. Durations in nanoseconds. */
export class FlowFigures {
  readonly level: string;
  readonly schema: string;
  dispatched = 0;
  readonly rejected = new Map<RejectReason, number>();
  waiting = 0;
  executing = 0;
  executingSeats = 0;
  /** Time in the queue of requests that were executed, and of those that were turned away. */
  readonly waits = new LogHistogram();
  readonly vainWaits = new LogHistogram();
  /** From the start of a request to its answer. */
  readonly execution = new LogHistogram();

  constructor(level: string, schema: string) {
    this.level = level;
    this.schema = schema;
  }

  reject(reason: RejectReason, waited: number): void {
    this.rejected.set(reason, (this.rejected.get(reason) ?? 0) + 1);
    this.vainWaits.observe(waited);
  }

  /** A request starts after it has waited. */
  start(seats: number, waited: number): void {
    this.dispatched++;
    this.executing++;
    this.executingSeats += seats;
    this.waits.observe(waited);
  }

  /** Nobody waits or executes any more: the process died. */
  clear(): void {
    this.waiting = 0;
    this.executing = 0;
    this.executingSeats = 0;
  }
}
