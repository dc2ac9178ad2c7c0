import { Fifo } from '../kernel/fifo.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import type { Duration, Time } from '../kernel/time.js';
import { LogHistogram } from '../stats/index.js';
import type { WorkQueueFigures } from './metrics.js';
import { TokenBucket } from './token-bucket.js';
import type { WorkQueue, WorkQueueConsumer } from './types.js';

const OP_DELAY_OVER = 1;

/** client-go's default controller rate limiter: 5 ms · 2^n to 1000 s per item, and 10/s burst 100 over all items. */
const BASE_DELAY: Duration = 5e6;
const MAXIMUM_DELAY: Duration = 1000e9;
const OVERALL_QPS = 10;
const OVERALL_BURST = 100;

interface Delayed {
  readonly key: string;
  readonly readyAt: Time;
}

/**
 * client-go's rate-limiting delaying queue (util/workqueue): a key that waits is not added twice; a key that is being
 * processed and added again goes back after `done`; a key waiting with a delay keeps the earlier time.
 */
export class RateLimitingQueue implements WorkQueue, Component {
  readonly name: string;
  /** workqueue_adds_total, workqueue_retries_total. */
  adds = 0;
  retriesTotal = 0;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly consumer: WorkQueueConsumer;
  private readonly baseDelay: Duration;
  private readonly maximumDelay: Duration;
  private readonly queue = new Fifo<string>();
  /** Keys that wait (or are in work and will wait again), with the time at which they were added; keys in work, with their start. */
  private readonly dirty = new Map<string, Time>();
  private readonly processing = new Map<string, Time>();
  private readonly queueDuration = new LogHistogram();
  private readonly workDuration = new LogHistogram();
  private stopped = false;
  private readonly failures = new Map<string, number>();
  private readonly waiting = new Map<string, Time>();
  private readonly delayed = new Slots<Delayed>();
  private readonly bucket = new TokenBucket(OVERALL_QPS, OVERALL_BURST);

  constructor(
    simulation: Simulation,
    name: string,
    consumer: WorkQueueConsumer,
    baseDelay: Duration = BASE_DELAY,
    maximumDelay: Duration = MAXIMUM_DELAY,
  ) {
    this.simulation = simulation;
    this.name = `workqueue/${name}`;
    this.consumer = consumer;
    this.baseDelay = baseDelay;
    this.maximumDelay = maximumDelay;
    this.target = simulation.add(this);
  }

  get length(): number {
    return this.queue.length;
  }

  add(key: string): void {
    if (this.dirty.has(key) || this.stopped) return;
    this.adds++;
    this.dirty.set(key, this.simulation.now);
    if (this.processing.has(key)) return;
    this.queue.push(key);
    this.consumer.workAvailable();
  }

  addAfter(key: string, delay: Duration): void {
    // client-go counts what is queued for later, whatever for.
    this.retriesTotal++;
    if (delay <= 0) {
      this.add(key);
      return;
    }
    const readyAt = this.simulation.now + Math.round(delay);
    const known = this.waiting.get(key);
    if (known !== undefined && known <= readyAt) return;
    this.waiting.set(key, readyAt);
    this.simulation.scheduleAt(readyAt, this.target, OP_DELAY_OVER, this.delayed.put({ key, readyAt }));
  }

  describe(): string {
    return 'the delay of a key is over';
  }

  handle(_opcode: number, argument: number): void {
    const { key, readyAt } = this.delayed.take(argument);
    if (this.waiting.get(key) !== readyAt) return;
    this.waiting.delete(key);
    this.add(key);
  }

  addRateLimited(key: string): void {
    const failures = this.failures.get(key) ?? 0;
    this.failures.set(key, failures + 1);
    let delay = this.baseDelay;
    for (let i = 0; i < failures && delay < this.maximumDelay; i++) delay *= 2;
    this.addAfter(key, Math.max(Math.min(delay, this.maximumDelay), this.bucket.reserve(this.simulation.now)));
  }

  retries(key: string): number {
    return this.failures.get(key) ?? 0;
  }

  forget(key: string): void {
    this.failures.delete(key);
  }

  get(): string | undefined {
    if (this.stopped) return undefined;
    const key = this.queue.shift();
    if (key === undefined) return undefined;
    const { now } = this.simulation;
    this.queueDuration.observe(now - this.dirty.get(key)!);
    this.dirty.delete(key);
    this.processing.set(key, now);
    return key;
  }

  /** The process ends: keys are neither taken in nor handed out any more. */
  stop(): void {
    this.stopped = true;
  }

  /** What the queue exports now. */
  figures(): WorkQueueFigures {
    const { now } = this.simulation;
    let unfinished = 0;
    let longest = 0;
    for (const started of this.processing.values()) {
      unfinished += now - started;
      longest = Math.max(longest, now - started);
    }
    return {
      name: this.name.slice(this.name.lastIndexOf('/') + 1),
      workqueue_depth: this.queue.length,
      workqueue_adds_total: this.adds,
      workqueue_retries_total: this.retriesTotal,
      workqueue_queue_duration_seconds: this.queueDuration,
      workqueue_work_duration_seconds: this.workDuration,
      workqueue_unfinished_work_seconds: unfinished,
      workqueue_longest_running_processor_seconds: longest,
    };
  }

  done(key: string): void {
    const started = this.processing.get(key);
    if (started !== undefined) this.workDuration.observe(this.simulation.now - started);
    this.processing.delete(key);
    if (!this.dirty.has(key)) return;
    this.queue.push(key);
    this.consumer.workAvailable();
  }
}
