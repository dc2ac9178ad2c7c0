import { PrometheusHistogram } from '../../etcd/metrics.js';
import { LogHistogram } from '../../stats/index.js';

/** Why priority and fairness turned a request away (label `reason` of apiserver_flowcontrol_rejected_requests_total). */
export type RejectReason = 'queue-full' | 'concurrency-limit' | 'time-out';

/** Buckets of util/flowcontrol/metrics/metrics.go (1.34). */
export const QUEUE_LENGTHS = Float64Array.of(0, 10, 25, 50, 100, 250, 500, 1000);
export const ESTIMATED_SEATS = Float64Array.of(1, 2, 4, 8, 16, 32, 64, 100);
export const WATCH_COUNTS = Float64Array.of(0, 1, 10, 100, 1000, 10000);

/** apiserver_flowcontrol_* of one flow schema in its priority level. Durations in nanoseconds. */
export class FlowFigures {
  readonly level: string;
  readonly schema: string;
  dispatched = 0;
  readonly rejected = new Map<RejectReason, number>();
  waiting = 0;
  waitingSeats = 0;
  executing = 0;
  executingSeats = 0;
  /** Requests in the queue of each that joined one, itself included. */
  readonly queueLengths = new PrometheusHistogram(QUEUE_LENGTHS);
  /** Seats of each request, the larger of those at its execution and after. */
  readonly estimatedSeats = new PrometheusHistogram(ESTIMATED_SEATS);
  /** Watchers that each write will be sent to. */
  readonly watchCounts = new PrometheusHistogram(WATCH_COUNTS);
  private readonly waited = new LogHistogram();
  /** Requests that have not waited: not in `waited` yet. */
  private unwaited = 0;
  /** Time in the queue of requests that were turned away. */
  readonly vainWaits = new LogHistogram();
  /** From the start of a request to its answer; of watches to their beginning. */
  readonly execution = new LogHistogram();
  readonly watchExecution = new LogHistogram();

  constructor(level: string, schema: string) {
    this.level = level;
    this.schema = schema;
  }

  /** Time in the queue of requests that were executed. */
  get waits(): LogHistogram {
    if (this.unwaited > 0) this.waited.observe(0, this.unwaited);
    this.unwaited = 0;
    return this.waited;
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
    if (waited === 0) this.unwaited++;
    else this.waited.observe(waited);
  }

  /** Nobody waits or executes any more: the process died. */
  clear(): void {
    this.waiting = 0;
    this.waitingSeats = 0;
    this.executing = 0;
    this.executingSeats = 0;
  }
}
