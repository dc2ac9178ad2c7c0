import { Processor, ProcessorShare } from '../etcd/processor.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';

/**
 * Cores of a process, first come first served: a job holds one core for its duration, then the owner gets an event and asks
 * `finish` what it was. Jobs carry a number of the owner's (a slot). When the process dies, `reset` forgets all jobs. The work of a job is
 * known when it comes, so its end is too: waiting for a core costs no event, and a job whose end nobody waits for none at all.
 */
export class CpuPool {
  /** What `finish` says of a job that was forgotten by `reset`. */
  static readonly FORGOTTEN = -2;

  private life = 0;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly opcode: number;
  private readonly coreCount: number;
  private cores: ProcessorShare;
  /** The cores are those of a machine that others use too: they do not end with the process. */
  private readonly shared: boolean;
  /** Running jobs by event argument: the owner's number, and the life in which they began. */
  private readonly numbers: number[] = [];
  private readonly lives: number[] = [];
  private readonly free: number[] = [];

  /** Jobs end with events `opcode` of component `target`; `machine`: cores that others use too, instead of `cores` of its own. */
  constructor(simulation: Simulation, target: number, opcode: number, cores: number, machine?: ProcessorShare) {
    this.simulation = simulation;
    this.target = target;
    this.opcode = opcode;
    this.coreCount = cores;
    this.shared = machine !== undefined;
    this.cores = machine ?? new ProcessorShare(new Processor(cores));
  }

  /** Asks for a core for a duration; where cores are shared, the job ends `wait` after it has let go of its core. */
  request(duration: Duration, number: number, wait: Duration = 0): void {
    const end = (this.shared ? wait : 0) + this.cores.reserve(this.simulation.now, Math.round(duration));
    const argument = this.free.pop() ?? this.numbers.length;
    this.numbers[argument] = number;
    this.lives[argument] = this.life;
    this.simulation.postAt(end, this.target, this.opcode, argument);
  }

  /** A job whose end nobody waits for. */
  work(duration: Duration): void {
    this.cores.reserve(this.simulation.now, Math.round(duration));
  }

  /** A request has been answered; `beside`: work for it that nobody waits for, where cores are shared. */
  answered(beside: Duration): void {
    if (!this.shared) return;
    const { now } = this.simulation;
    this.cores.handled(now);
    if (beside > 0) this.cores.beside(now, beside);
  }

  /** Ends the job of an event's argument; returns its number, or FORGOTTEN. */
  finish(argument: number): number {
    this.free.push(argument);
    return this.lives[argument] === this.life ? this.numbers[argument]! : CpuPool.FORGOTTEN;
  }

  /** Forgets all jobs, those in service included. */
  reset(): void {
    this.life++;
    if (!this.shared) this.cores = new ProcessorShare(new Processor(this.coreCount));
  }
}
