import type { Suspension, Waitable, Waiter } from './process.js';
import type { Component, EventHandle, Simulation } from './simulation.js';
import type { Duration, Time } from './time.js';

interface Job {
  /** Attained service at which the job is done. */
  readonly finish: number;
  readonly order: number;
  readonly waiter: Waiter | null;
  readonly target: number;
  readonly opcode: number;
  readonly argument: number;
  gone: boolean;
}

/** Attained service below this many nanoseconds of what a job needs counts as done: event times are whole. */
const TOLERANCE = 1e-3;

/**
 * `capacity` processors shared by all jobs in service: each gets min(1, capacity / jobs) of a processor. Jobs are kept by the
 * attained service at which they finish, so that an arrival or an end costs O(log jobs) however many share.
 */
export class ProcessorSharing implements Component {
  readonly name: string;
  private readonly simulation: Simulation;
  private readonly capacity: number;
  private readonly target: number;
  private readonly heap: Job[] = [];
  private jobs = 0;
  private order = 0;
  /** Service that a job present all the time has had, as of `since`. */
  private attained = 0;
  private since: Time = 0;
  private timer: EventHandle = 0;

  constructor(simulation: Simulation, capacity = 1, name = 'processor sharing') {
    this.simulation = simulation;
    this.capacity = capacity;
    this.name = name;
    this.target = simulation.add(this);
  }

  /** Jobs in service. */
  get size(): number {
    return this.jobs;
  }

  /** `yield* cpu.serve(work)`: needs `work` nanoseconds of a processor. */
  serve(work: Duration): Iterable<Suspension, void> {
    return this.simulation.wait(new Work(this, work));
  }

  /** Work for a component; an event (`target`, `opcode`, `argument`) when it is done. */
  submit(work: Duration, target: number, opcode: number, argument = 0): void {
    this.enter(work, null, target, opcode, argument);
  }

  /** For `Work`. */
  join(work: Duration, waiter: Waiter): void {
    this.enter(work, waiter, 0, 0, 0);
  }

  /** For `Work`: a job is given up. */
  leave(waiter: Waiter): void {
    this.advance();
    const job = this.heap.find((other) => other.waiter === waiter && !other.gone);
    if (job === undefined) return;
    job.gone = true;
    this.jobs--;
    this.plan();
  }

  handle(): void {
    this.timer = 0;
    this.advance();
    while (this.heap.length > 0 && (this.heap[0]!.gone || this.heap[0]!.finish <= this.attained + TOLERANCE)) {
      const job = this.pop();
      if (job.gone) continue;
      job.gone = true;
      this.jobs--;
      if (job.waiter !== null) job.waiter.wake(undefined);
      else this.simulation.schedule(0, job.target, job.opcode, job.argument);
    }
    this.plan();
  }

  describe(): string {
    return 'a job is done';
  }

  private enter(work: Duration, waiter: Waiter | null, target: number, opcode: number, argument: number): void {
    this.advance();
    this.jobs++;
    this.push({ finish: this.attained + work, order: this.order++, waiter, target, opcode, argument, gone: false });
    this.plan();
  }

  private advance(): void {
    const { now } = this.simulation;
    if (this.jobs > 0) this.attained += (now - this.since) * Math.min(1, this.capacity / this.jobs);
    this.since = now;
  }

  /** Schedules the next end. */
  private plan(): void {
    if (this.timer !== 0) this.simulation.cancel(this.timer);
    this.timer = 0;
    while (this.heap.length > 0 && this.heap[0]!.gone) this.pop();
    const first = this.heap[0];
    if (first === undefined) {
      this.attained = 0;
      return;
    }
    const left = Math.max(0, first.finish - this.attained) / Math.min(1, this.capacity / this.jobs);
    this.timer = this.simulation.schedule(Math.ceil(left - TOLERANCE), this.target, 0);
  }

  private push(job: Job): void {
    const { heap } = this;
    let place = heap.length;
    heap.push(job);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!earlier(job, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = job;
  }

  private pop(): Job {
    const { heap } = this;
    const top = heap[0]!;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return top;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      if (child + 1 < size && earlier(heap[child + 1]!, heap[child]!)) child++;
      if (!earlier(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
    return top;
  }
}

function earlier(a: Job, b: Job): boolean {
  return a.finish < b.finish || (a.finish === b.finish && a.order < b.order);
}

/** A piece of work as something to wait for. */
class Work implements Waitable<void> {
  private readonly server: ProcessorSharing;
  private readonly work: Duration;

  constructor(server: ProcessorSharing, work: Duration) {
    this.server = server;
    this.work = work;
  }

  ready(): boolean {
    return false;
  }

  take(): void {}

  subscribe(waiter: Waiter): void {
    this.server.join(this.work, waiter);
  }

  unsubscribe(waiter: Waiter, woken: boolean): void {
    if (!woken) this.server.leave(waiter);
  }
}
