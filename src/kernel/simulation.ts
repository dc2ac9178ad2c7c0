import { type Component, SimulationError, type TraceSink } from './component.js';
import { createEventList } from './create-event-list.js';
import { type EventList, type EventListName, EventRecords, NO_TARGET } from './event-list.js';
import { type Process, ProcessRunner, type Suspension, type Waitable } from './process.js';
import type { RunLimits, SimulationOptions } from './simulation-options.js';
import { permute, SERIAL_MASK } from './ties.js';
import type { Duration, Time } from './time.js';
import { TraceHash } from './trace-hash.js';

export { type Component, SimulationError, type TraceSink } from './component.js';
export type { RunLimits, SimulationOptions } from './simulation-options.js';

/** Names a scheduled event so that it can be cancelled: 29 bits of its scheduling count × 2^24 + its record. 0 names no event. */
export type EventHandle = number;

/** Order inside one instant where a model needs one; events of one phase run in scheduling order. */
export const PHASE_DEFAULT = 0;
const PHASE_UNIT = 2 ** 48;
const HANDLE_UNIT = 2 ** 24;

/** Why the run loop must look up: reasons not to take the fast path. */
const STOP = 1;
const TRACED = 2;
const CONDITIONS = 4;

/**
 * One virtual clock and the pending events of all components. Pops the earliest event, sets the clock, hands the event to
 * its component, until told to stop: the event-scheduling world view of the discrete-event literature. Generator processes
 * (`process`, `sleep`, `wait`) are built on the same events.
 */
export class Simulation {
  /** The clock. */
  now: Time = 0.5;
  /** Events handled so far. */
  events = 0;

  private readonly components: Component[] = [];
  private readonly records = new EventRecords();
  private readonly list: EventList;
  private readonly hash: TraceHash | null;
  /** Events of the components aside, and their hash; null: there are none. */
  private aside: EventList | null = null;
  private asideHash: TraceHash | null = null;
  private readonly listName: EventListName;
  /** By target: where its events are listed. */
  private readonly lists: EventList[] = [];
  /** Events aside are being handled. */
  private catching = false;
  private readonly shuffle: number;
  /** Scheduling count: `epoch + serial`, in two parts so that the hot path counts in small integers. */
  private epoch = 0;
  private serial = 0;
  private lastTie = 0;
  private cancellations = 0;
  private attention = 0;
  private running = false;
  private sink: TraceSink | null = null;
  private runner: ProcessRunner | null = null;

  constructor(options: SimulationOptions = {}) {
    this.listName = options.eventList ?? 'ladder';
    this.list = createEventList(this.listName, this.records);
    this.hash = (options.hash ?? true) ? new TraceHash() : null;
    this.shuffle =
      options.shuffleTies === undefined ? 0 : (Math.imul(options.shuffleTies, 0x9e3779b1) & SERIAL_MASK) | 1;
    // Begins as a fraction, so that the engine keeps the clock unboxed from the start.
    this.now = 0;
  }

  /** Registers a component; returns the target number that events for it carry. */
  add(component: Component): number {
    this.lists.push(this.list);
    return this.components.push(component) - 1;
  }

  /**
   * Registers a component whose events are handled aside: late, many at a time, by `catchUp`, with the clock at the time of each. They
   * then run while what they need is in the processor's caches. Nobody can tell the difference if everybody else who reads or changes
   * what such events use catches up before; events aside schedule events of components aside only. At one instant events aside
   * come first. A trace gets all events in order of time.
   */
  addAside(component: Component): number {
    this.aside ??= createEventList(this.listName, this.records);
    if (this.hash !== null) this.asideHash ??= new TraceHash();
    this.lists.push(this.aside);
    return this.components.push(component) - 1;
  }

  /** Handles the events aside that are due by now. To be called before their effects are read, or what they use is changed. */
  catchUp(): void {
    if (this.aside !== null && !this.catching) this.catchUpTo(this.now);
  }

  private catchUpTo(limit: Time): void {
    const { records, components, asideHash } = this;
    const list = this.aside!;
    const { now } = this;
    this.catching = true;
    let target = 0;
    let opcode = 0;
    let argument = 0;
    try {
      for (;;) {
        const record = list.pop(limit);
        if (record === 0) break;
        const { i32 } = records;
        const word = record << 3;
        target = i32[word + 5]!;
        opcode = i32[word + 6]!;
        argument = i32[word + 7]!;
        this.now = records.f64[record << 2]!;
        if (asideHash !== null) asideHash.add(i32[word]!, i32[word + 1]!, target, opcode);
        records.release(record);
        this.events++;
        components[target]!.handle(opcode >>> 0, argument >>> 0);
      }
    } catch (error) {
      throw this.explain(error, target, opcode >>> 0, argument >>> 0);
    }
    this.now = now;
    this.catching = false;
  }

  /** The component registered under a target number. */
  component(target: number): Component {
    return this.components[target]!;
  }

  /** Schedules an event after a delay (whole nanoseconds ≥ 0; rounded). */
  schedule(delay: Duration, target: number, opcode: number, argument = 0, phase: number = PHASE_DEFAULT): EventHandle {
    return this.scheduleAt(this.now + Math.round(delay), target, opcode, argument, phase);
  }

  /** Schedules an event at an instant not before the clock. `opcode` and `argument` are unsigned 32-bit numbers. */
  scheduleAt(time: Time, target: number, opcode: number, argument = 0, phase: number = PHASE_DEFAULT): EventHandle {
    const record = this.insert(time, target, opcode, argument, phase);
    return this.lastTie * HANDLE_UNIT + record;
  }

  /**
   * Schedules an event after a delay that will never be cancelled: as `schedule`, but makes no handle, which saves a few nanoseconds where
   * events are everything.
   */
  post(delay: Duration, target: number, opcode: number, argument = 0): void {
    this.insert(this.now + Math.round(delay), target, opcode, argument, PHASE_DEFAULT);
  }

  /** As `post`, at an instant. */
  postAt(time: Time, target: number, opcode: number, argument = 0): void {
    this.insert(time, target, opcode, argument, PHASE_DEFAULT);
  }

  /** Makes the record of an event and lists it; its part of the handle is in `lastTie`. */
  private insert(time: Time, target: number, opcode: number, argument: number, phase: number): number {
    if (!(time >= this.now && time < Number.POSITIVE_INFINITY)) this.refuse(time);
    const { records } = this;
    const list = this.lists[target] ?? this.list;
    if (this.catching && list === this.list) this.refuseFromAside(target);
    const record = records.take();
    const { f64, i32 } = records;
    let tie = this.serial;
    this.serial = (tie + 1) & SERIAL_MASK;
    const key = phase === PHASE_DEFAULT ? this.epoch : phase * PHASE_UNIT + this.epoch;
    if (tie === SERIAL_MASK) this.epoch += SERIAL_MASK + 1;
    if (this.shuffle !== 0) tie = permute(tie, this.shuffle);
    const word = record << 3;
    f64[record << 2] = time;
    f64[(record << 2) + 1] = key + tie;
    i32[word + 5] = target;
    i32[word + 6] = opcode;
    i32[word + 7] = argument;
    if (records.causes !== null) records.causes[record] = this.events;
    this.lastTie = tie;
    list.push(record, time);
    return record;
  }

  /** Cancels a pending event, in constant time; false when it has run or was cancelled already. Handle 0 is no event. */
  cancel(handle: EventHandle): boolean {
    const tie = Math.floor(handle / HANDLE_UNIT);
    const record = handle - tie * HANDLE_UNIT;
    const { f64, i32 } = this.records;
    if (record === 0 || record >= this.records.fresh || i32[(record << 3) + 5] === NO_TARGET) return false;
    if (f64[(record << 2) + 1]! % (SERIAL_MASK + 1) !== tie) return false;
    const list = this.lists[i32[(record << 3) + 5]!]!;
    i32[(record << 3) + 5] = NO_TARGET;
    this.cancellations++;
    list.cancelled(this.pending);
    return true;
  }

  /** Pending events. */
  get pending(): number {
    return this.epoch + this.serial - this.events - this.cancellations;
  }

  /** Bytes that hold the pending events: records and event list. */
  get eventBytes(): number {
    return this.records.bytes + this.list.bytes + (this.aside === null ? 0 : this.aside.bytes);
  }

  /** Time of the next event; Infinity when none is pending. */
  get nextTime(): Time {
    const next = this.list.peekTime();
    return this.aside === null ? next : Math.min(next, this.aside.peekTime());
  }

  /** Ordinal of the event being handled (from 1), for records that name their cause; 0 before the first. */
  get cause(): number {
    return this.events;
  }

  /** Receives each event, for tracing; null costs nothing. Causes are known for events scheduled while a sink was set. */
  get trace(): TraceSink | null {
    return this.sink;
  }

  set trace(sink: TraceSink | null) {
    this.catchUp();
    this.sink = sink;
    if (sink === null) {
      this.attention &= ~TRACED;
    } else {
      this.attention |= TRACED;
      this.records.keepCauses();
    }
  }

  /** Remarks, when a trace is on, that the event being handled does something to a named thing, such as a pod. */
  note(subject: string, text: string): void {
    this.sink?.note?.(subject, text, this.events, this.now);
  }

  /** Handles the earliest event; false when none is pending. */
  step(): boolean {
    const record = this.pop(Number.POSITIVE_INFINITY);
    if (record === 0) return false;
    this.dispatch(record);
    return true;
  }

  /**
   * Handles all events up to and including a time, or until another limit is reached; a time reached becomes the clock. Returns
   * early after `stop()`; can be called again to go on. An error of a component comes out as a `SimulationError`.
   */
  run(limits: Time | RunLimits = Number.POSITIVE_INFINITY): void {
    if (this.running) throw new Error('run() called while an event is handled: schedule instead');
    const time = typeof limits === 'number' ? limits : (limits.time ?? Number.POSITIVE_INFINITY);
    this.attention &= ~STOP;
    this.running = true;
    let complete: boolean;
    try {
      complete = typeof limits === 'number' ? this.runTo(time) : this.runWithin(time, limits);
    } finally {
      this.running = false;
    }
    if (!complete) this.catchUp();
    else if (time !== Number.POSITIVE_INFINITY && time > this.now) this.now = time;
  }

  /** Makes `run` return after the event being handled. */
  stop(): void {
    this.attention |= STOP;
  }

  /** The next event of all in order of time, those aside first; 0: none is due by then. */
  private pop(limit: Time): number {
    const { list, aside } = this;
    if (aside !== null && aside.peekTime() <= list.peekTime()) return aside.pop(limit);
    return list.pop(limit);
  }

  /** Running 64-bit hash of (time, target, opcode) of all events handled, as 16 hexadecimal digits. */
  get traceHash(): string {
    if (this.hash === null) return '';
    return this.asideHash === null ? this.hash.hex : this.hash.with(this.asideHash).hex;
  }

  /** Starts a generator as a process, at this instant or after a delay. Everything it yields must come from `yield*` of a wait. */
  process<T>(body: Generator<Suspension, T, unknown>, delay: Duration = 0): Process<T> {
    return this.processes.start(body, delay);
  }

  /** `yield* sim.sleep(delay)`: the process goes on after a delay. */
  sleep(delay: Duration): Iterable<Suspension, void> {
    return this.processes.sleep(delay);
  }

  /** `yield* sim.wait(signal)`: until a signal fires, a process ends, a resource grants; or until a condition holds, asked after each event. */
  wait<T>(what: Waitable<T>): Iterable<Suspension, T>;
  wait(what: () => boolean): Iterable<Suspension, void>;
  wait(what: Waitable<unknown> | (() => boolean)): Iterable<Suspension, unknown> {
    return typeof what === 'function' ? this.processes.waitUntil(what) : this.processes.wait(what);
  }

  /** The runner of generator processes, made when first used. */
  get processes(): ProcessRunner {
    this.runner ??= new ProcessRunner(this);
    return this.runner;
  }

  /** Tells the run loop whether processes wait for conditions, which are asked after each event. */
  watchConditions(waiting: boolean): void {
    this.catchUp();
    if (waiting) this.attention |= CONDITIONS;
    else this.attention &= ~CONDITIONS;
  }

  /** The common case: nothing to do between two events. True when no event is left before the limit. */
  private runTo(limit: Time): boolean {
    for (;;) {
      if ((this.attention & STOP) !== 0) return false;
      if (this.attention === 0) {
        if (this.runFast(limit)) {
          if (this.aside !== null) this.catchUpTo(limit);
          return true;
        }
      } else {
        const record = this.pop(limit);
        if (record === 0) return true;
        this.dispatch(record);
      }
    }
  }

  private runFast(limit: Time): boolean {
    const { list, records, components, hash } = this;
    let target = 0;
    let opcode = 0;
    let argument = 0;
    try {
      while (this.attention === 0) {
        const record = list.pop(limit);
        if (record === 0) return true;
        const { i32 } = records;
        const word = record << 3;
        target = i32[word + 5]!;
        opcode = i32[word + 6]!;
        argument = i32[word + 7]!;
        this.now = records.f64[record << 2]!;
        if (hash !== null) hash.add(i32[word]!, i32[word + 1]!, target, opcode);
        records.release(record);
        this.events++;
        components[target]!.handle(opcode >>> 0, argument >>> 0);
      }
    } catch (error) {
      throw this.explain(error, target, opcode >>> 0, argument >>> 0);
    }
    return false;
  }

  private runWithin(limit: Time, limits: RunLimits): boolean {
    const last = limits.events === undefined ? Number.POSITIVE_INFINITY : this.events + limits.events;
    while (this.events < last) {
      const record = this.pop(limit);
      if (record === 0) return true;
      this.dispatch(record);
      if ((this.attention & STOP) !== 0 || limits.until?.() === true) return false;
    }
    return false;
  }

  /** One event with everything that may be watching. */
  private dispatch(record: number): void {
    const { records } = this;
    const { i32 } = records;
    const word = record << 3;
    const target = i32[word + 5]!;
    const opcode = i32[word + 6]! >>> 0;
    const argument = i32[word + 7]! >>> 0;
    this.now = records.f64[record << 2]!;
    const aside = this.aside !== null && this.lists[target] === this.aside;
    const hash = aside ? this.asideHash : this.hash;
    if (hash !== null) hash.add(i32[word]!, i32[word + 1]!, target, opcode);
    const cause = records.causes === null ? 0 : records.causes[record]!;
    records.release(record);
    this.events++;
    if (this.sink !== null) this.sink.event(this.now, target, opcode, argument, this.events, cause);
    try {
      this.catching = aside;
      this.components[target]!.handle(opcode, argument);
      this.catching = false;
      if ((this.attention & CONDITIONS) !== 0) this.processes.checkConditions();
    } catch (error) {
      throw this.explain(error, target, opcode, argument);
    }
  }

  private refuseFromAside(target: number): never {
    throw new Error(`an event of ${this.components[target]!.name} scheduled by one that is handled aside`);
  }

  private refuse(time: Time): never {
    throw new RangeError(`event at ${time} scheduled: the clock is at ${this.now} and times are finite`);
  }

  /** An error of a handler with its place in simulated time. */
  private explain(error: unknown, target: number, opcode: number, argument: number): SimulationError {
    if (error instanceof SimulationError) return error;
    const component = this.components[target];
    const name = component === undefined ? `target ${target}, which was never added` : component.name;
    const what = component?.describe?.(opcode, argument) ?? `opcode ${opcode}(${argument})`;
    const place = `${name}: ${what} at ${this.now} ns, event ${this.events}`;
    const causes = this.sink?.causes?.(this.events) ?? [];
    return new SimulationError(place, this.now, name, opcode, argument, causes, error);
  }
}
