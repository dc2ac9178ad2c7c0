import type { Processor } from '../etcd/processor.js';
import { Fifo } from '../kernel/fifo.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';

/**
 * Cores of a process, first come first served: a job holds one core for its duration, then the owner gets an event and asks
 * `finish` what it was. Jobs carry a number of the owner's (a slot). When the process dies, `reset` forgets all jobs.
 */
export class CpuPool {
  /** Number of jobs nobody waits for. */
  static readonly BACKGROUND = -1;
  /** What `finish` says of a job that was forgotten by `reset`. */
  static readonly FORGOTTEN = -2;

  /** Core-time used so far. */
  busyTime: Duration = 0;
  private busy = 0;
  private life = 0;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly opcode: number;
  private readonly cores: number;
  private readonly waiting = new Fifo<Job>();
  /** Running jobs by event argument: the owner's number, and the life in which they began. */
  private readonly numbers: number[] = [];
  private readonly lives: number[] = [];
  private readonly free: number[] = [];

  private readonly machine: Processor | null;

  /** Jobs end with events `opcode` of component `target`; `machine`: cores that others use too, instead of `cores` of its own. */
  constructor(simulation: Simulation, target: number, opcode: number, cores: number, machine?: Processor) {
    this.machine = machine ?? null;
    this.simulation = simulation;
    this.target = target;
    this.opcode = opcode;
    this.cores = cores;
  }

  /** Asks for a core for a duration. */
  request(duration: Duration, number: number): void {
    if (this.machine !== null) this.begin(this.machine.reserve(this.simulation.now, duration) - this.simulation.now, number);
    else if (this.busy < this.cores) this.begin(duration, number);
    else this.waiting.push({ duration, number });
  }

  /** Jobs waiting for a core. */
  get queueLength(): number {
    return this.waiting.length;
  }

  /** Ends the job of an event's argument: frees its core; returns its number, or FORGOTTEN. */
  finish(argument: number): number {
    const number = this.numbers[argument]!;
    this.free.push(argument);
    if (this.lives[argument] !== this.life) return CpuPool.FORGOTTEN;
    this.busy--;
    const next = this.waiting.shift();
    if (next !== undefined) this.begin(next.duration, next.number);
    return number;
  }

  /** Forgets all jobs, those in service included. */
  reset(): void {
    this.life++;
    this.busy = 0;
    this.waiting.clear();
  }

  private begin(duration: Duration, number: number): void {
    this.busy++;
    this.busyTime += duration;
    const argument = this.free.pop() ?? this.numbers.length;
    this.numbers[argument] = number;
    this.lives[argument] = this.life;
    this.simulation.post(duration, this.target, this.opcode, argument);
  }
}

interface Job {
  readonly duration: Duration;
  readonly number: number;
}
