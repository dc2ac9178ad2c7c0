/**
 * The benchmark programs on the public API. The same work is done by `peers/native.cpp` and `peers/simpy_peers.py`; clocks must agree bit for
 * bit, because every program adds increments that were rounded once to whole nanoseconds.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import FastPriorityQueue from 'fastpriorityqueue';
import { type Component, type EventListName, Server, Simulation, type Suspension } from '../../src/kernel/index.js';
import { Randomness, type Stream, standardExponential } from '../../src/random/index.js';

const MASK = 16383;

/** A file of 16,384 increments and what one unit of it is in nanoseconds. */
export interface Increments {
  readonly file: string;
  readonly scale: number;
}

/** Exponential with mean 1 s; 0 to 20 whole milliseconds (the file counts in 1/1024); a mix like a cluster's, in seconds. */
export const EXPONENTIAL: Increments = { file: 'inc.bin', scale: 1e9 };
export const TIES: Increments = { file: 'inc-ties.bin', scale: 1024e6 };
export const MIXED: Increments = { file: 'inc-mixed.bin', scale: 1e9 };

/** Reads increments, rounded to whole nanoseconds. */
export function load(root: string, { file, scale }: Increments): Float64Array {
  const bytes = readFileSync(join(root, 'bench/engine/data', file));
  const increments = new Float64Array(MASK + 1);
  for (let i = 0; i <= MASK; i++) increments[i] = Math.round(bytes.readDoubleLE(8 * i) * scale);
  return increments;
}

/** A program that can be run for a number of events at a time. */
export interface Program {
  run(events: number): void;
  readonly clock: number;
  readonly hash: string;
}

/** HOLD: n events are pending; each, when it comes, schedules the next. */
export class Hold implements Component, Program {
  readonly name = 'hold';
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly increments: Float64Array;
  private k = 0;

  constructor(n: number, increments: Float64Array, options: { eventList?: EventListName; hash?: boolean } = {}) {
    this.simulation = new Simulation(options);
    this.target = this.simulation.add(this);
    this.increments = increments;
    for (let i = 0; i < n; i++) this.handle(1, i);
  }

  handle(opcode: number, argument: number): void {
    const k = this.k;
    this.k = (k + 1) & MASK;
    this.simulation.post(this.increments[k]!, this.target, opcode, argument);
    if (--this.left === 0) this.simulation.stop();
  }

  left = 0;

  run(events: number): void {
    this.left = events;
    this.simulation.run();
  }

  get clock(): number {
    return this.simulation.now;
  }

  get hash(): string {
    return this.simulation.traceHash;
  }
}

interface Entry {
  readonly time: number;
  readonly sequence: number;
  readonly payload: number;
}

/** HOLD on the library fastpriorityqueue with an object an event, without an engine. */
export class LibraryHold implements Program {
  readonly hash = '';
  clock = 0;
  private readonly increments: Float64Array;
  private readonly queue = new FastPriorityQueue<Entry>(
    (a, b) => a.time < b.time || (a.time === b.time && a.sequence < b.sequence),
  );
  private sequence = 0;
  private k = 0;

  constructor(n: number, increments: Float64Array) {
    this.increments = increments;
    for (let i = 0; i < n; i++) this.push(i);
  }

  private push(payload: number): void {
    const k = this.k;
    this.k = (k + 1) & MASK;
    this.queue.add({ time: this.clock + this.increments[k]!, sequence: this.sequence++, payload });
  }

  run(events: number): void {
    for (let i = 0; i < events; i++) {
      const entry = this.queue.poll()!;
      this.clock = entry.time;
      this.push(entry.payload);
    }
  }
}

const ACTORS = 1000;
const MESSAGES = 16;

class Actor implements Component {
  readonly name: string;
  private readonly world: Phold;
  private readonly number: number;
  private state: number;
  private sent = 0;

  constructor(world: Phold, number: number) {
    this.world = world;
    this.number = number;
    this.name = `actor-${number}`;
    this.state = Math.imul(number, 2654435761) | 0;
  }

  handle(): void {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) | 0;
    const { world } = this;
    const delay = world.base + world.increments[(this.number * MESSAGES + this.sent++) & MASK]!;
    world.simulation.post(delay, (this.state >>> 8) % ACTORS, 1);
    if (--world.left === 0) world.simulation.stop();
  }
}

/** PHOLD: 1,000 actors with 16 messages each; a message that arrives is sent on to another actor. */
export class Phold implements Program {
  readonly simulation: Simulation;
  readonly increments: Float64Array;
  readonly base: number;
  left = 0;

  constructor(increments: Float64Array, scale: number, options: { eventList?: EventListName; hash?: boolean } = {}) {
    this.simulation = new Simulation(options);
    this.increments = increments;
    this.base = Math.round(0.1 * scale);
    const actors = Array.from({ length: ACTORS }, (_, i) => new Actor(this, i));
    for (const actor of actors) this.simulation.add(actor);
    for (const actor of actors) for (let message = 0; message < MESSAGES; message++) actor.handle();
  }

  run(events: number): void {
    this.left = events;
    this.simulation.run();
  }

  get clock(): number {
    return this.simulation.now;
  }

  get hash(): string {
    return this.simulation.traceHash;
  }
}

const SECOND = 1e9;

/** M/M/1 (λ 0.9, μ 1) with a generator process for each customer; the mean time in the system is near 10. */
export class Mm1Processes {
  private readonly simulation = new Simulation({ hash: false });
  private readonly server = new Server(this.simulation);
  private readonly arrivals: Stream;
  private readonly services: Stream;
  private total = 0;
  private served = 0;

  constructor() {
    const randomness = new Randomness('1');
    this.arrivals = randomness.stream('arrivals');
    this.services = randomness.stream('services');
  }

  private *customer(): Generator<Suspension, void, unknown> {
    const { simulation, server } = this;
    const arrived = simulation.now;
    yield* server.acquire();
    yield* simulation.sleep(standardExponential(this.services) * SECOND);
    server.release();
    this.total += simulation.now - arrived;
    this.served++;
  }

  private *source(customers: number): Generator<Suspension, void, unknown> {
    for (let i = 0; i < customers; i++) {
      yield* this.simulation.sleep((standardExponential(this.arrivals) * SECOND) / 0.9);
      this.simulation.process(this.customer());
    }
  }

  /** Serves customers; the mean time in the system so far, in seconds. */
  run(customers: number): number {
    this.simulation.process(this.source(customers));
    this.simulation.run();
    return this.total / this.served / SECOND;
  }
}

const ARRIVE = 0;
const LEAVE = 1;

/** M/M/1 as a component with opcodes. */
export class Mm1Component implements Component {
  readonly name = 'mm1';
  private readonly simulation = new Simulation({ hash: false });
  private readonly target = this.simulation.add(this);
  private readonly arrivals: Stream;
  private readonly services: Stream;
  private readonly line: number[] = [];
  private head = 0;
  private left = 0;
  private total = 0;
  private served = 0;

  constructor() {
    const randomness = new Randomness('1');
    this.arrivals = randomness.stream('arrivals');
    this.services = randomness.stream('services');
  }

  handle(opcode: number): void {
    const { simulation, line } = this;
    if (opcode === ARRIVE) {
      line.push(simulation.now);
      if (line.length - this.head === 1) this.serve();
      if (--this.left > 0)
        simulation.schedule((standardExponential(this.arrivals) * SECOND) / 0.9, this.target, ARRIVE);
    } else {
      this.total += simulation.now - line[this.head++]!;
      this.served++;
      if (this.head === line.length) {
        line.length = 0;
        this.head = 0;
      } else {
        this.serve();
      }
    }
  }

  private serve(): void {
    this.simulation.schedule(standardExponential(this.services) * SECOND, this.target, LEAVE);
  }

  run(customers: number): number {
    this.left = customers;
    this.simulation.schedule((standardExponential(this.arrivals) * SECOND) / 0.9, this.target, ARRIVE);
    this.simulation.run();
    return this.total / this.served / SECOND;
  }
}
