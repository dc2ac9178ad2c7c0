import { Fifo } from '../kernel/fifo.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import type { Duration, Time } from '../kernel/time.js';
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
  private readonly dirty = new Set<string>();
  private readonly processing = new Set<string>();
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
    if (this.dirty.has(key)) return;
    this.adds++;
    this.dirty.add(key);
    if (this.processing.has(key)) return;
    this.queue.push(key);
    this.consumer.workAvailable();
  }

  addAfter(key: string, delay: Duration): void {
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
    this.retriesTotal++;
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
    const key = this.queue.shift();
    if (key === undefined) return undefined;
    this.dirty.delete(key);
    this.processing.add(key);
    return key;
  }

  done(key: string): void {
    this.processing.delete(key);
    if (!this.dirty.has(key)) return;
    this.queue.push(key);
    this.consumer.workAvailable();
  }
}
