import { FastPriorityQueueEventList } from './fast-priority-queue-list.js';
import type { EventColumns, EventList, EventListName } from './event-list.js';
import { HeapEventList } from './heap-list.js';
import type { Duration, Time } from './time.js';

/** A part of the model: owns state, receives the events it scheduled for itself or others scheduled for it. */
export interface Component {
  /** Unique name in the simulation, such as `etcd-0` or `kube-scheduler`. */
  readonly name: string;
  /** One event. `opcode` says what happens, `argument` is an unsigned 32-bit number (often a slot, see `Slots`). */
  handle(opcode: number, argument: number): void;
}

/** Names a scheduled event so that it can be cancelled: record index × 2^16 + generation. 0 names no event. */
export type EventHandle = number;

/** Order inside one instant where a model needs one; events of one phase run in scheduling order. */
export const PHASE_DEFAULT = 0;
const PHASE_UNIT = 2 ** 48;

export interface SimulationOptions {
  /** Which event list orders the events; all give the same order. Default `heap`. */
  readonly eventList?: EventListName;
}

/** A sink for the trace: called once for each event, before it is handled. */
export interface TraceSink {
  event(time: Time, target: number, opcode: number, argument: number, sequence: number, cause: number): void;
}

function createEventList(name: EventListName): EventList {
  return name === 'fastpriorityqueue' ? new FastPriorityQueueEventList() : new HeapEventList();
}

/**
 * One virtual clock and the pending events of all components. Pops the earliest event, sets the clock, hands the event to
 * its component, until told to stop: the event-scheduling world view of the discrete-event literature.
 */
export class Simulation {
  /** The clock. */
  now: Time = 0;
  /** Events handled so far. */
  events = 0;
  /** Receives each event, for tracing; null costs nothing. */
  trace: TraceSink | null = null;

  private readonly components: Component[] = [];
  private readonly list: EventList;
  private columns: EventColumns;
  private freeHead = 1;
  private sequence = 0;
  private stopped = false;
  private hashLow = 0x811c9dc5 | 0;
  private hashHigh = 0x9e3779b9 | 0;
  private current = 0;

  constructor(options: SimulationOptions = {}) {
    this.list = createEventList(options.eventList ?? 'heap');
    this.columns = allocate(1024);
    link(this.columns, 1, 1024);
    this.list.attach(this.columns);
  }

  /** Registers a component; returns the target number that events for it carry. */
  add(component: Component): number {
    return this.components.push(component) - 1;
  }

  /** The component registered under a target number. */
  component(target: number): Component {
    return this.components[target]!;
  }

  /** Schedules an event after a delay (whole nanoseconds ≥ 0; rounded). */
  schedule(delay: Duration, target: number, opcode: number, argument = 0, phase: number = PHASE_DEFAULT): EventHandle {
    return this.scheduleAt(this.now + Math.round(delay), target, opcode, argument, phase);
  }

  /** Schedules an event at an instant not before the clock. */
  scheduleAt(time: Time, target: number, opcode: number, argument = 0, phase: number = PHASE_DEFAULT): EventHandle {
    if (!(time >= this.now)) throw new RangeError(`event at ${time} scheduled before the clock ${this.now}`);
    let index = this.freeHead;
    if (index === 0) index = this.grow();
    const columns = this.columns;
    this.freeHead = columns.next[index]!;
    columns.time[index] = time;
    columns.key[index] = phase * PHASE_UNIT + this.sequence++;
    columns.target[index] = target;
    columns.opcode[index] = opcode;
    columns.argument[index] = argument;
    this.list.push(index);
    return index * 65536 + columns.generation[index]!;
  }

  /** Cancels a pending event; false when it has run or was cancelled already. Handle 0 is no event. */
  cancel(handle: EventHandle): boolean {
    if (handle === 0) return false;
    const index = Math.floor(handle / 65536);
    if (this.columns.generation[index] !== handle % 65536) return false;
    this.list.remove(index);
    this.release(index);
    return true;
  }

  /** Pending events. */
  get pending(): number {
    return this.list.size;
  }

  /** Time of the next event; Infinity when none is pending. */
  get nextTime(): Time {
    return this.list.peekTime();
  }

  /** Sequence number of the event being handled, for records that name their cause. */
  get cause(): number {
    return this.current;
  }

  /** Handles the earliest event; false when none is pending. */
  step(): boolean {
    const index = this.list.pop();
    if (index < 0) return false;
    const columns = this.columns;
    const time = columns.time[index]!;
    const target = columns.target[index]!;
    const opcode = columns.opcode[index]!;
    const argument = columns.argument[index]!;
    this.release(index);
    this.now = time;
    this.events++;
    this.mix(time, target * 65536 + opcode);
    if (this.trace !== null) this.trace.event(time, target, opcode, argument, this.events, this.current);
    this.current = this.events;
    this.components[target]!.handle(opcode, argument);
    return true;
  }

  /** Handles all events up to and including `until`, then sets the clock to `until`; returns early after `stop()`. */
  run(until: Time = Number.POSITIVE_INFINITY): void {
    this.stopped = false;
    while (!this.stopped && this.list.peekTime() <= until) this.step();
    if (!this.stopped && until !== Number.POSITIVE_INFINITY && until > this.now) this.now = until;
  }

  /** Makes `run` return after the event being handled. */
  stop(): void {
    this.stopped = true;
  }

  /** Running 64-bit hash of (time, target, opcode) of all events handled, as 16 hexadecimal digits. */
  get traceHash(): string {
    return hex(this.hashHigh) + hex(this.hashLow);
  }

  private mix(time: Time, what: number): void {
    const high = Math.floor(time / 4294967296);
    let low = Math.imul(this.hashLow ^ (time - high * 4294967296), 0x01000193);
    low = (low << 13) | (low >>> 19);
    let up = Math.imul(this.hashHigh ^ what ^ (low >>> 7), 0x85ebca6b);
    up = (up << 15) | (up >>> 17);
    this.hashLow = (low + Math.imul(high, 0x9e3779b1)) ^ (up >>> 3);
    this.hashHigh = (up + what) | 0;
  }

  private release(index: number): void {
    const columns = this.columns;
    columns.generation[index] = columns.generation[index]! + 1;
    columns.next[index] = this.freeHead;
    this.freeHead = index;
  }

  private grow(): number {
    const old = this.columns;
    const size = old.time.length;
    const columns = allocate(size * 2);
    columns.time.set(old.time);
    columns.key.set(old.key);
    columns.next.set(old.next);
    columns.target.set(old.target);
    columns.opcode.set(old.opcode);
    columns.generation.set(old.generation);
    columns.argument.set(old.argument);
    link(columns, size, size * 2);
    this.columns = columns;
    this.list.attach(columns);
    this.freeHead = size;
    return size;
  }
}

function allocate(size: number): EventColumns {
  return {
    time: new Float64Array(size),
    key: new Float64Array(size),
    next: new Uint32Array(size),
    target: new Uint32Array(size),
    opcode: new Uint16Array(size),
    generation: new Uint16Array(size),
    argument: new Uint32Array(size),
  };
}

/** Chains records `from`..`to - 1` into a free list that ends with 0 (record 0 is never used). */
function link(columns: EventColumns, from: number, to: number): void {
  for (let index = from; index < to; index++) columns.next[index] = index + 1 < to ? index + 1 : 0;
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
