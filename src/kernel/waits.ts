import type { Waitable, Waiter } from './process.js';
import type { EventHandle, Simulation } from './simulation.js';
import type { Duration } from './time.js';

/** A moment that processes wait for: `fire` lets all that wait at that moment go on, with a value. */
export class Signal<T = void> implements Waitable<T> {
  private waiters: Waiter[] = [];

  /** Number of waiters. */
  get size(): number {
    return this.waiters.length;
  }

  /** Wakes all who wait now, in the order in which they came. */
  fire(value: T): void {
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) waiter.wake(value);
  }

  ready(): boolean {
    return false;
  }

  take(): T {
    throw new Error('a signal is never ready');
  }

  subscribe(waiter: Waiter): void {
    this.waiters.push(waiter);
  }

  unsubscribe(waiter: Waiter): void {
    this.waiters = this.waiters.filter((other) => other !== waiter);
  }
}

/** A delay as something to wait for, together with others; it begins when it is waited for. Serves one waiter at a time. */
export class Timer implements Waitable<void> {
  private readonly simulation: Simulation;
  private readonly delay: Duration;
  private armed: { slot: number; event: EventHandle } | null = null;

  constructor(simulation: Simulation, delay: Duration) {
    this.simulation = simulation;
    this.delay = delay;
  }

  ready(): boolean {
    return false;
  }

  take(): void {}

  subscribe(waiter: Waiter): void {
    this.armed = this.simulation.processes.arm(this.delay, waiter);
  }

  unsubscribe(): void {
    if (this.armed !== null) this.simulation.processes.disarm(this.armed);
    this.armed = null;
  }
}

/** One member of a group: passes on which of them it is. */
class Member implements Waiter {
  /** Over, with a value. */
  done = false;
  value: unknown = undefined;
  readonly what: Waitable<unknown>;
  private readonly group: Group;
  private readonly index: number;

  constructor(group: Group, what: Waitable<unknown>, index: number) {
    this.group = group;
    this.what = what;
    this.index = index;
  }

  wake(value: unknown): void {
    this.done = true;
    this.value = value;
    this.group.memberDone(this.index);
  }

  /** Gives up the wait, or gives back what it brought. */
  leave(): void {
    if (!this.joined) return;
    this.joined = false;
    this.what.unsubscribe(this, this.done, this.value);
  }

  joined = false;

  join(): void {
    this.joined = true;
    if (this.what.ready()) {
      this.done = true;
      this.value = this.what.take();
    } else {
      this.what.subscribe(this);
    }
  }
}

/** Several waits as one: over when `needed` of them are. */
class Group implements Waitable<unknown> {
  private readonly members: Member[];
  private readonly needed: number;
  private readonly result: (members: readonly Member[], last: number) => unknown;
  private waiter: Waiter | null = null;
  private first = -1;
  private over = 0;

  constructor(
    parts: readonly Waitable<unknown>[],
    needed: number,
    result: (members: readonly Member[], last: number) => unknown,
  ) {
    this.members = parts.map((part, index) => new Member(this, part, index));
    this.needed = needed;
    this.result = result;
  }

  /** Joins the members in order; those that are over already count at once. */
  ready(): boolean {
    for (const [index, member] of this.members.entries()) {
      member.join();
      if (member.done) {
        this.over++;
        if (this.first < 0) this.first = index;
        if (this.over === this.needed) break;
      }
    }
    return this.over >= this.needed;
  }

  take(): unknown {
    this.leaveOthers();
    return this.result(this.members, this.first);
  }

  subscribe(waiter: Waiter): void {
    this.waiter = waiter;
  }

  unsubscribe(): void {
    this.waiter = null;
    for (const member of this.members) member.leave();
  }

  memberDone(index: number): void {
    this.over++;
    if (this.first < 0) this.first = index;
    if (this.over !== this.needed || this.waiter === null) return;
    this.leaveOthers();
    const { waiter } = this;
    this.waiter = null;
    waiter.wake(this.result(this.members, this.first));
  }

  private leaveOthers(): void {
    for (const member of this.members) if (!member.done) member.leave();
  }
}

type Values<T extends readonly Waitable<unknown>[]> = { [K in keyof T]: T[K] extends Waitable<infer V> ? V : never };

/** The first of several waits: its index and value. The others are given up. For one use. */
export function any<T>(...parts: readonly Waitable<T>[]): Waitable<{ readonly index: number; readonly value: T }> {
  return new Group(parts, 1, (members, index) => ({ index, value: members[index]!.value })) as Waitable<{
    readonly index: number;
    readonly value: T;
  }>;
}

/** All of several waits: their values in the order given. For one use. */
export function all<T extends readonly Waitable<unknown>[]>(...parts: T): Waitable<Values<T>> {
  return new Group(parts, parts.length, (members) => members.map((member) => member.value)) as unknown as Waitable<
    Values<T>
  >;
}

/** What a wait with a limit brought. */
export type Timely<T> = { readonly timedOut: false; readonly value: T } | { readonly timedOut: true };

/** A wait for something, but not longer than a time. For one use. */
export function within<T>(simulation: Simulation, limit: Duration, what: Waitable<T>): Waitable<Timely<T>> {
  return new Group([what, new Timer(simulation, limit)], 1, (members, index) =>
    index === 0 ? { timedOut: false, value: members[0]!.value } : { timedOut: true },
  ) as unknown as Waitable<Timely<T>>;
}
