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
