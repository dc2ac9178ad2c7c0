import type { Component, EventHandle, Simulation } from './simulation.js';
import { Slots } from './slots.js';
import type { Duration } from './time.js';

/** What a generator process yields while it waits; made by `yield*` of a wait, never by hand. */
export const SUSPENDED: unique symbol = Symbol('suspended');
export type Suspension = typeof SUSPENDED;

/** Someone to tell when a wait is over. */
export interface Waiter {
  wake(value: unknown): void;
}

/** Something a process can wait for: a signal, the end of another process, a timer, a request to a resource, any or all of these. */
export interface Waitable<T> {
  /** Already over? Then `take` gives the value at once. */
  ready(): boolean;
  /** The value of a wait that is ready; a resource hands its unit over. */
  take(): T;
  subscribe(waiter: Waiter): void;
  /** Forgets a waiter; when it has been woken but does not take what it was given, `value` goes back. */
  unsubscribe(waiter: Waiter, woken: boolean, value: unknown): void;
}

/** Thrown inside a process by `interrupt`, at the wait it is in. Not caught there, it ends the process quietly. */
export class Interrupt extends Error {
  readonly reason: unknown;

  constructor(reason: unknown) {
    super(`interrupted: ${String(reason)}`);
    this.name = 'Interrupt';
    this.reason = reason;
  }
}

const START = 0;
const RESUME = 1;
const WAKE = 2;
const INTERRUPT = 3;
const FIRE = 4;

const NEW = 0;
const RUNNING = 1;
const WAITING = 2;
const ENDED = 3;

/** A running generator: can be waited for (its value is what it returns) and interrupted. */
export class Process<T = unknown> implements Waitable<T>, Waiter {
  /** What the body returned, once ended; undefined before, and after an interrupt that it did not catch. */
  value: T | undefined = undefined;
  /** For the runner. */
  readonly body: Generator<Suspension, T, unknown>;
  state = NEW;
  slot = 0;
  /** Pending event that continues the process. */
  timer: EventHandle = 0;
  /** What it waits for, and what it was given. */
  waitingFor: Waitable<unknown> | null = null;
  woken = false;
  delivered: unknown = undefined;
  private waiters: Waiter[] | null = null;
  private readonly runner: ProcessRunner;

  constructor(runner: ProcessRunner, body: Generator<Suspension, T, unknown>) {
    this.runner = runner;
    this.body = body;
  }

  /** Has the body not returned yet? */
  get alive(): boolean {
    return this.state !== ENDED;
  }

  /** Throws an `Interrupt` in the process, at the wait it is in; false when it has ended. What it waited for is given up. */
  interrupt(reason?: unknown): boolean {
    return this.runner.interrupt(this, reason);
  }

  ready(): boolean {
    return this.state === ENDED;
  }

  take(): T {
    return this.value as T;
  }

  subscribe(waiter: Waiter): void {
    (this.waiters ??= []).push(waiter);
  }

  unsubscribe(waiter: Waiter): void {
    if (this.waiters !== null) this.waiters = this.waiters.filter((other) => other !== waiter);
  }

  /** The wait is over: goes on in an event of this instant. */
  wake(value: unknown): void {
    this.delivered = value;
    this.woken = true;
    this.runner.wake(this);
  }

  /** Takes the result and tells those who wait for it. */
  end(value: T | undefined): void {
    this.state = ENDED;
    this.value = value;
    const { waiters } = this;
    this.waiters = null;
    if (waiters !== null) for (const waiter of waiters) waiter.wake(value);
  }
}

/**
 * Runs generators as processes on the events of a simulation. A wait costs no object: every wait of a runner is the same iterator,
 * which suspends when it is first asked and finishes when the runner comes back to it.
 */
export class ProcessRunner implements Component {
  readonly name = 'processes';
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly slots: (Process | null)[] = [];
  private readonly free: number[] = [];
  private active: Process | null = null;
  private readonly iterator: WaitIterator;
  private readonly timers = new Slots<Waiter>();
  private conditions: { process: Process; holds: () => boolean }[] = [];

  constructor(simulation: Simulation) {
    this.simulation = simulation;
    this.iterator = new WaitIterator();
    this.target = simulation.add(this);
  }

  /** The process whose body is running; null outside of processes. */
  get current(): Process | null {
    return this.active;
  }

  /** Processes that have not ended. */
  get size(): number {
    return this.slots.length - this.free.length;
  }

  /** Starts a body in an event after a delay. */
  start<T>(body: Generator<Suspension, T, unknown>, delay: Duration): Process<T> {
    const process = new Process<T>(this, body);
    const slot = this.free.pop();
    if (slot === undefined) process.slot = this.slots.push(process) - 1;
    else {
      process.slot = slot;
      this.slots[slot] = process;
    }
    process.timer = this.simulation.schedule(delay, this.target, START, process.slot);
    return process;
  }

  handle(opcode: number, slot: number): void {
    if (opcode === FIRE) {
      this.timers.take(slot).wake(undefined);
      return;
    }
    const process = this.slots[slot]!;
    process.timer = 0;
    if (opcode === RESUME) {
      this.advance(process, undefined);
    } else if (opcode === WAKE) {
      const value = process.delivered;
      process.waitingFor = null;
      process.woken = false;
      process.delivered = undefined;
      this.advance(process, value);
    } else if (opcode === START) {
      this.advance(process, undefined);
    } else {
      const reason = process.delivered;
      process.delivered = undefined;
      this.throwInto(process, reason);
    }
  }

  describe(opcode: number, slot: number): string {
    if (opcode === FIRE) return 'a timer ends';
    const verb = ['starts', 'goes on after a sleep', 'goes on after a wait', 'is interrupted'][opcode];
    return `process ${slot} ${verb}`;
  }

  /** The running process waits for a delay. */
  sleep(delay: Duration): Iterable<Suspension, void> {
    const process = this.enter();
    process.timer = this.simulation.schedule(delay, this.target, RESUME, process.slot);
    return this.iterator as Iterable<Suspension, void>;
  }

  /** The running process waits for something. */
  wait<T>(what: Waitable<T>): Iterable<Suspension, T> {
    if (what.ready()) return this.pass(what.take());
    const process = this.enter();
    process.waitingFor = what;
    what.subscribe(process);
    return this.iterator as Iterable<Suspension, T>;
  }

  /** The running process waits until a condition holds. */
  waitUntil(holds: () => boolean): Iterable<Suspension, void> {
    if (holds()) return this.pass(undefined);
    const process = this.enter();
    this.conditions.push({ process, holds });
    this.simulation.watchConditions(true);
    return this.iterator as Iterable<Suspension, void>;
  }

  /** A wait that is over before it began. */
  pass<T>(value: T): Iterable<Suspension, T> {
    this.demandYielded();
    this.iterator.finish(value);
    return this.iterator as Iterable<Suspension, T>;
  }

  /** Lets the processes go on whose condition holds now. */
  checkConditions(): void {
    const { conditions } = this;
    let kept = 0;
    for (const waiting of conditions) {
      if (waiting.holds()) waiting.process.wake(undefined);
      else conditions[kept++] = waiting;
    }
    conditions.length = kept;
    if (kept === 0) this.simulation.watchConditions(false);
  }

  /** For `Timer`: wakes a waiter after a delay; the slot and the event, to call it off with `disarm`. */
  arm(delay: Duration, waiter: Waiter): { slot: number; event: EventHandle } {
    const slot = this.timers.put(waiter);
    return { slot, event: this.simulation.schedule(delay, this.target, FIRE, slot) };
  }

  /** For `Timer`. */
  disarm(timer: { slot: number; event: EventHandle }): void {
    if (this.simulation.cancel(timer.event)) this.timers.take(timer.slot);
  }

  /** For `Process.wake`. */
  wake(process: Process): void {
    process.timer = this.simulation.schedule(0, this.target, WAKE, process.slot);
  }

  /** For `Process.interrupt`. */
  interrupt(process: Process, reason: unknown): boolean {
    if (process.state === ENDED) return false;
    if (process === this.active) throw new Error('a process cannot interrupt itself');
    this.simulation.cancel(process.timer);
    process.waitingFor?.unsubscribe(process, process.woken, process.delivered);
    process.waitingFor = null;
    process.woken = false;
    this.conditions = this.conditions.filter((waiting) => waiting.process !== process);
    if (this.conditions.length === 0) this.simulation.watchConditions(false);
    process.delivered = reason;
    process.timer = this.simulation.schedule(0, this.target, INTERRUPT, process.slot);
    return true;
  }

  /** The running process is about to wait. */
  private enter(): Process {
    const process = this.active;
    if (process === null) throw new Error('only a process can wait: start one with process()');
    this.demandYielded();
    if (process.state === WAITING) throw new Error('the process waits already: write yield* before each wait');
    process.state = WAITING;
    return process;
  }

  private demandYielded(): void {
    if (!this.iterator.finished) return;
    this.iterator.finished = false;
    throw new Error('a wait was made and not waited for: write yield* before each wait');
  }

  private advance(process: Process, value: unknown): void {
    const { iterator } = this;
    if (process.state === WAITING) iterator.finish(value);
    process.state = RUNNING;
    const outer = this.active;
    this.active = process;
    let ended = false;
    try {
      const result = process.body.next(value);
      ended = result.done === true;
      if (ended) this.end(process, result.value);
      else if (result.value !== SUSPENDED || process.state !== WAITING) {
        throw new Error('a process yielded something that is no wait: write yield* sim.sleep(...), not yield');
      }
    } catch (error) {
      if (!ended) this.end(process, undefined);
      throw error;
    } finally {
      this.active = outer;
    }
    if (ended) this.demandYielded();
  }

  private throwInto(process: Process, reason: unknown): void {
    process.state = RUNNING;
    const outer = this.active;
    this.active = process;
    try {
      const result = process.body.throw(new Interrupt(reason));
      if (result.done === true) this.end(process, result.value);
    } catch (error) {
      this.end(process, undefined);
      if (!(error instanceof Interrupt)) throw error;
    } finally {
      this.active = outer;
    }
  }

  private end(process: Process, value: unknown): void {
    this.slots[process.slot] = null;
    this.free.push(process.slot);
    process.end(value);
  }
}

/** The one wait of a runner. */
class WaitIterator implements IterableIterator<Suspension, unknown> {
  /** The next question is answered with the end of the wait. */
  finished = false;
  private readonly suspended: IteratorYieldResult<Suspension> = { done: false, value: SUSPENDED };
  private readonly over: IteratorReturnResult<unknown> = { done: true, value: undefined };

  [Symbol.iterator](): this {
    return this;
  }

  finish(value: unknown): void {
    this.finished = true;
    this.over.value = value;
  }

  next(): IteratorResult<Suspension, unknown> {
    if (!this.finished) return this.suspended;
    this.finished = false;
    return this.over;
  }

  throw(error: unknown): never {
    throw error;
  }

  return(value: unknown): IteratorReturnResult<unknown> {
    return { done: true, value };
  }
}
