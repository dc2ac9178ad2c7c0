import type { Time } from './time.js';

/** A part of the model: owns state, receives the events it scheduled for itself or others scheduled for it. */
export interface Component {
  /** Unique name in the simulation, such as `etcd-0` or `kube-scheduler`. */
  readonly name: string;
  /** One event. `opcode` says what happens, `argument` is an unsigned 32-bit number (often a slot, see `Slots`). */
  handle(opcode: number, argument: number): void;
  /** What an event of this component means, in words, for traces and errors. */
  describe?(opcode: number, argument: number): string;
}

/** A sink for the trace: called once for each event, before it is handled. */
export interface TraceSink {
  /**
   * @param sequence ordinal of the event in order of handling, from 1
   * @param cause ordinal of the event whose handling scheduled this one; 0 when it was scheduled from outside, or before the trace began
   */
  event(time: Time, target: number, opcode: number, argument: number, sequence: number, cause: number): void;
  /** A remark on the event being handled: something happened to a named thing, such as a pod. */
  note?(subject: string, text: string, sequence: number, time: Time): void;
  /** What led to an event, in words, nearest first: for errors. */
  causes?(sequence: number): readonly string[];
}

/** An error thrown while an event was handled, with the simulated time and the events that led to it. */
export class SimulationError extends Error {
  /** Simulated time of the event. */
  readonly time: Time;
  /** Name of the component that handled it. */
  readonly component: string;
  readonly opcode: number;
  readonly argument: number;
  /** The chain of causes, nearest first, in words; empty without a trace. */
  readonly causes: readonly string[];

  constructor(
    what: string,
    time: Time,
    component: string,
    opcode: number,
    argument: number,
    causes: readonly string[],
    error: unknown,
  ) {
    const message = error instanceof Error ? error.message : String(error);
    const chain = causes.map((line) => `\n  caused by ${line}`).join('');
    super(`${message}\n  in ${what}${chain}`, { cause: error });
    this.name = 'SimulationError';
    this.time = time;
    this.component = component;
    this.opcode = opcode;
    this.argument = argument;
    this.causes = causes;
  }
}
