import type { Duration, Time } from '../../kernel/time.js';
import { SECOND } from '../../kernel/time.js';

/** Statistics that scheduler_perf reports, pods a second. */
export interface Throughput {
  readonly average: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
}

/** How often scheduled pods are counted (util.go throughputSampleInterval). */
export const SAMPLE_INTERVAL: Duration = SECOND;

/**
 * Samples of the scheduling throughput (util.go throughputCollector): the first count of scheduled pods only begins the
 * measurement; intervals without progress wait for the next pod and count as often as they lasted.
 */
export class ThroughputCollector {
  private readonly samples: number[] = [];
  private started = false;
  private skipped = 0;
  private lastCount = 0;
  private lastTime: Time = 0;

  /** Counts at a tick. */
  sample(scheduled: number, now: Time): void {
    if (scheduled === 0) return;
    if (!this.started) {
      this.started = true;
      this.lastCount = scheduled;
      this.lastTime = now;
      return;
    }
    const more = scheduled - this.lastCount;
    if (more === 0) {
      this.skipped++;
      return;
    }
    const throughput = (more * SECOND) / (now - this.lastTime);
    for (let i = 0; i <= this.skipped; i++) this.samples.push(throughput);
    this.skipped = 0;
    this.lastCount = scheduled;
    this.lastTime = now;
  }

  /** Null when the workload was over before there was a sample. */
  result(): Throughput | null {
    const sorted = [...this.samples].sort((a, b) => a - b);
    if (sorted.length === 0) return null;
    const at = (percent: number): number => sorted[Math.ceil((sorted.length * percent) / 100) - 1]!;
    const average = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
    return { average, p50: at(50), p90: at(90), p95: at(95), p99: at(99) };
  }
}
