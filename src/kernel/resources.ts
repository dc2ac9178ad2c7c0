import { Fifo } from './fifo.js';
import type { Suspension, Waitable, Waiter } from './process.js';
import type { Simulation } from './simulation.js';
import type { Duration, Time } from './time.js';
import { Continuation, WaitingLine } from './waiting-line.js';

/**
 * `capacity` units that are taken one at a time and given back: `yield* server.acquire()` … `server.release()`, or
 * `yield* server.use(time)` for both around a sleep. Components call `request`. Who waits is served first come, first served, or by priority.
 */
export class Server implements Waitable<void> {
  readonly capacity: number;
  /** Units taken. */
  busy = 0;
  private readonly simulation: Simulation;
  private readonly line: WaitingLine;
  private busyTime = 0;
  private since: Time;

  constructor(simulation: Simulation, capacity = 1, discipline: 'fifo' | 'priority' = 'fifo') {
    if (!(capacity >= 1)) throw new RangeError(`a server of capacity ${capacity} serves nobody`);
    this.simulation = simulation;
    this.capacity = capacity;
    this.line = new WaitingLine(discipline === 'priority');
    this.since = simulation.now;
  }

  /** Number waiting. */
  get waiting(): number {
    return this.line.size;
  }

  /** Average part of the capacity in use so far. */
  get utilization(): number {
    this.account();
    return this.busyTime / (this.capacity * this.simulation.now);
  }

  /** Takes a unit, waiting for it; a smaller `priority` is served earlier if the server goes by priority. */
  acquire(priority = 0): Iterable<Suspension, void> {
    if (this.ready()) {
      this.take();
      return this.simulation.processes.pass(undefined);
    }
    return this.simulation.wait(priority === 0 ? this : this.claim(priority));
  }

  /** A claim to a unit as something to wait for together with others. For one use. */
  claim(priority = 0): Waitable<void> {
    return new Claim(this, priority);
  }

  /** Takes a unit for a component: true at once, or false and an event (`target`, `opcode`, `argument`) when the unit is its. */
  request(target: number, opcode: number, argument = 0, priority = 0): boolean {
    if (this.ready()) {
      this.take();
      return true;
    }
    this.line.join(new Continuation(this.simulation, target, opcode, argument), 1, priority);
    return false;
  }

  /** Gives a unit back; it goes to the first in line. */
  release(): void {
    const next = this.line.shift();
    if (next !== undefined) {
      next.waiter.wake(undefined);
      return;
    }
    if (this.busy === 0) throw new Error('a unit was given back that nobody took');
    this.account();
    this.busy--;
  }

  /** Takes a unit for a time, and gives it back also when interrupted. */
  *use(time: Duration, priority = 0): Generator<Suspension, void, unknown> {
    yield* this.acquire(priority);
    try {
      yield* this.simulation.sleep(time);
    } finally {
      this.release();
    }
  }

  ready(): boolean {
    return this.busy < this.capacity && this.line.size === 0;
  }

  take(): void {
    this.account();
    this.busy++;
  }

  subscribe(waiter: Waiter, priority = 0): void {
    this.line.join(waiter, 1, priority);
  }

  unsubscribe(waiter: Waiter, woken: boolean): void {
    if (woken) this.release();
    else this.line.leave(waiter);
  }

  private account(): void {
    this.busyTime += this.busy * (this.simulation.now - this.since);
    this.since = this.simulation.now;
  }
}

class Claim implements Waitable<void> {
  private readonly server: Server;
  private readonly priority: number;

  constructor(server: Server, priority: number) {
    this.server = server;
    this.priority = priority;
  }

  ready(): boolean {
    return this.server.ready();
  }

  take(): void {
    this.server.take();
  }

  subscribe(waiter: Waiter): void {
    this.server.subscribe(waiter, this.priority);
  }

  unsubscribe(waiter: Waiter, woken: boolean): void {
    this.server.unsubscribe(waiter, woken);
  }
}

/** Items in order of arrival: `yield* store.get()` waits for one, `store.put(item)` gives one; `yield* store.offer(item)` waits for room. */
export class Store<T> implements Waitable<T> {
  private readonly simulation: Simulation;
  private readonly capacity: number;
  private readonly items = new Fifo<T>();
  private readonly returned: T[] = [];
  private readonly takers = new WaitingLine(false);
  private readonly givers = new Fifo<{ waiter: Waiter; item: T }>();

  constructor(simulation: Simulation, capacity: number = Number.POSITIVE_INFINITY) {
    this.simulation = simulation;
    this.capacity = capacity;
  }

  /** Items there. */
  get size(): number {
    return this.items.length + this.returned.length;
  }

  /** Puts an item, without waiting; false when there is no room. */
  put(item: T): boolean {
    const taker = this.takers.shift();
    if (taker !== undefined) {
      taker.waiter.wake(item);
      return true;
    }
    if (this.size >= this.capacity) return false;
    this.items.push(item);
    return true;
  }

  /** Puts an item, waiting for room. */
  offer(item: T): Iterable<Suspension, void> {
    if (this.put(item)) return this.simulation.processes.pass(undefined);
    return this.simulation.wait(new Offer(this, this.givers, item));
  }

  /** Takes the oldest item, waiting for one. */
  get(): Iterable<Suspension, T> {
    return this.simulation.wait(this);
  }

  /** Takes the oldest item, if there is one. */
  poll(): T | undefined {
    return this.ready() ? this.take() : undefined;
  }

  ready(): boolean {
    return this.size > 0;
  }

  take(): T {
    const item = this.returned.length > 0 ? this.returned.pop()! : this.items.shift()!;
    const giver = this.givers.shift();
    if (giver !== undefined) {
      this.items.push(giver.item);
      giver.waiter.wake(undefined);
    }
    return item;
  }

  subscribe(waiter: Waiter): void {
    this.takers.join(waiter, 1, 0);
  }

  unsubscribe(waiter: Waiter, woken: boolean, value: unknown): void {
    if (!woken) {
      this.takers.leave(waiter);
      return;
    }
    const next = this.takers.shift();
    if (next !== undefined) next.waiter.wake(value);
    else this.returned.push(value as T);
  }
}

class Offer<T> implements Waitable<void> {
  private readonly store: Store<T>;
  private readonly givers: Fifo<{ waiter: Waiter; item: T }>;
  private readonly item: T;

  constructor(store: Store<T>, givers: Fifo<{ waiter: Waiter; item: T }>, item: T) {
    this.store = store;
    this.givers = givers;
    this.item = item;
  }

  ready(): boolean {
    return false;
  }

  take(): void {
    this.store.put(this.item);
  }

  subscribe(waiter: Waiter): void {
    this.givers.push({ waiter, item: this.item });
  }

  unsubscribe(waiter: Waiter, woken: boolean): void {
    if (!woken) this.givers.removeIf((entry) => entry.waiter === waiter);
  }
}

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
