import { Fifo } from '../kernel/fifo.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';

/**
 * Cores of a process, first come first served: a job holds one core for its duration, then the owner gets its event. The
 * owner must call `finished` when it handles such an event, and `reset` when its process dies.
 */
export class CpuPool {
  /** Argument of jobs nobody waits for (a slot is never this number). */
  static readonly BACKGROUND = 0xffffffff;

  /** Core-time used so far. */
  busyTime: Duration = 0;
  private busy = 0;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly cores: number;
  private readonly waiting = new Fifo<Job>();
  /** Jobs whose events are still pending although the process died since. */
  private stale = 0;

  constructor(simulation: Simulation, target: number, cores: number) {
    this.simulation = simulation;
    this.target = target;
    this.cores = cores;
  }

  /** Asks for a core for a duration. */
  request(duration: Duration, opcode: number, argument: number): void {
    if (this.busy < this.cores) this.begin(duration, opcode, argument);
    else this.waiting.push({ duration, opcode, argument });
  }

  /** Jobs waiting for a core. */
  get queueLength(): number {
    return this.waiting.length;
  }

  /** Frees the core of the job whose event the owner handles now. */
  finished(): void {
    if (this.stale > 0) {
      this.stale--;
      return;
    }
    this.busy--;
    const next = this.waiting.shift();
    if (next !== undefined) this.begin(next.duration, next.opcode, next.argument);
  }

  /** Forgets all jobs; events of those that hold a core still come and must still be reported with `finished`. */
  reset(): void {
    this.stale += this.busy;
    this.busy = 0;
    this.waiting.clear();
  }

  private begin(duration: Duration, opcode: number, argument: number): void {
    this.busy++;
    this.busyTime += duration;
    this.simulation.schedule(duration, this.target, opcode, argument);
  }
}

interface Job {
  readonly duration: Duration;
  readonly opcode: number;
  readonly argument: number;
}
