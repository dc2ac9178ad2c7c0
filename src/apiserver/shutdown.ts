import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';

/** Opcodes of the server under which the steps of its shutdown come. */
export interface ShutdownOpcodes {
  readonly drain: number;
  readonly start: number;
}

/** How one process ends gracefully and starts again (server/genericapiserver.go, RunWithContext). */
export class Shutdown {
  /** Told to end: /readyz fails, though it still serves. */
  ending = false;
  /** Works off what it has, accepts nothing and ends then. */
  draining = false;
  /** From its end until it starts again; −1: it does not start by itself. */
  startAfter: Duration = -1;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly opcodes: ShutdownOpcodes;

  constructor(simulation: Simulation, target: number, opcodes: ShutdownOpcodes) {
    this.simulation = simulation;
    this.target = target;
    this.opcodes = opcodes;
  }

  /** SIGTERM: the process serves on for `delay` (--shutdown-delay-duration) before it drains. */
  begin(delay: Duration, startAfter: Duration): void {
    this.startAfter = startAfter;
    this.ending = true;
    this.simulation.post(delay, this.target, this.opcodes.drain);
  }

  /** Whether the process will start by itself. */
  get restarts(): boolean {
    return this.startAfter >= 0;
  }

  /** The process has ended as it should, and starts again after a while. */
  startAgain(startAfter: Duration): void {
    this.startAfter = startAfter;
    this.simulation.post(startAfter, this.target, this.opcodes.start);
  }

  /** The process has ended, in whatever way. */
  reset(): void {
    this.ending = false;
    this.draining = false;
    this.startAfter = -1;
  }
}
