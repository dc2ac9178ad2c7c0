import type { Suspension, Waitable, Waiter } from './process.js';
import type { Simulation } from './simulation.js';
import type { Duration } from './time.js';
import { WaitingLine } from './waiting-line.js';

/** An amount between 0 and `capacity`: `yield* level.get(n)` waits until it is there, `level.put(n)` adds. First come, first served. */
export class Level {
  readonly capacity: number;
  private readonly simulation: Simulation;
  private amount: number;
  private readonly line = new WaitingLine(false);

  constructor(simulation: Simulation, capacity: number = Number.POSITIVE_INFINITY, initial = 0) {
    this.simulation = simulation;
    this.capacity = capacity;
    this.amount = initial;
  }

  /** What is there. */
  get value(): number {
    return this.amount;
  }

  /** Number waiting. */
  get waiting(): number {
    return this.line.size;
  }

  /** Adds an amount; what exceeds the capacity is lost and returned. */
  put(amount: number): number {
    const lost = Math.max(0, this.amount + amount - this.capacity);
    this.amount += amount - lost;
    this.serve();
    return lost;
  }

  /** Takes an amount, waiting for it. */
  get(amount: number): Iterable<Suspension, void> {
    return this.simulation.wait(new Demand(this, amount));
  }

  /** Takes an amount if it is there and nobody waits. */
  poll(amount: number): boolean {
    if (this.line.size > 0 || this.amount < amount) return false;
    this.amount -= amount;
    return true;
  }

  /** For `Demand`. */
  join(waiter: Waiter, amount: number): void {
    if (amount > this.capacity) throw new RangeError(`${amount} never fits into a level of ${this.capacity}`);
    this.line.join(waiter, amount, 0);
  }

  /** For `Demand`. */
  leave(waiter: Waiter): void {
    this.line.leave(waiter);
    this.serve();
  }

  private serve(): void {
    for (let first = this.line.peek(); first !== undefined && first.amount <= this.amount; first = this.line.peek()) {
      this.amount -= first.amount;
      this.line.shift();
      first.waiter.wake(undefined);
    }
  }
}

class Demand implements Waitable<void> {
  private readonly level: Level;
  private readonly amount: number;

  constructor(level: Level, amount: number) {
    this.level = level;
    this.amount = amount;
  }

  ready(): boolean {
    return this.level.waiting === 0 && this.level.value >= this.amount;
  }

  take(): void {
    this.level.poll(this.amount);
  }

  subscribe(waiter: Waiter): void {
    this.level.join(waiter, this.amount);
  }

  unsubscribe(waiter: Waiter, woken: boolean): void {
    if (woken) this.level.put(this.amount);
    else this.level.leave(waiter);
  }
}

/**
 * Tokens that arrive at a steady rate and are kept up to `burst`. Taking more than there are reserves them and waits until they
 * have arrived, first come, first served (the generic cell rate algorithm: one number of state, no events of its own).
 */
export class TokenBucket {
  private readonly simulation: Simulation;
  private readonly interval: number;
  private readonly burst: number;
  /** When the bucket is full again. */
  private full: number;

  /** @param rate tokens a second  @param burst tokens kept at most; the bucket begins full */
  constructor(simulation: Simulation, rate: number, burst: number) {
    if (!(rate > 0)) throw new RangeError(`a rate of ${rate} tokens a second`);
    this.simulation = simulation;
    this.interval = 1e9 / rate;
    this.burst = burst;
    this.full = simulation.now;
  }

  /** Tokens there now; negative when some are reserved. */
  get tokens(): number {
    return this.burst - Math.max(0, this.full - this.simulation.now) / this.interval;
  }

  /** Takes tokens; the delay until they have arrived, in whole nanoseconds (0: they are there). */
  reserve(tokens = 1): Duration {
    const { now } = this.simulation;
    this.full = Math.max(this.full, now) + tokens * this.interval;
    return Math.max(0, Math.ceil(this.full - this.burst * this.interval - now));
  }

  /** Takes tokens if they are there. */
  poll(tokens = 1): boolean {
    const full = Math.max(this.full, this.simulation.now) + tokens * this.interval;
    if (full - this.burst * this.interval > this.simulation.now) return false;
    this.full = full;
    return true;
  }

  /** Takes tokens, waiting until they have arrived. */
  take(tokens = 1): Iterable<Suspension, void> {
    const delay = this.reserve(tokens);
    return delay === 0 ? this.simulation.processes.pass(undefined) : this.simulation.sleep(delay);
  }
}
