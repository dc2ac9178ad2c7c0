import type { TraceSink } from './component.js';
import type { Simulation } from './simulation.js';
import { type ComponentSource, type TracedEvent, Tracer } from './tracer.js';

/** A random draw as it is compared. */
export interface TracedDraw {
  readonly path: string;
  readonly key: number;
  readonly k: number;
  readonly value: number;
}

/** Collects draws; give it to `new Randomness(seed, log)` of one side. */
export class DrawLog {
  /** Draws since the last event. */
  recent: TracedDraw[] = [];

  draw(path: string, key: number, k: number, value: number): void {
    this.recent.push({ path, key, k, value });
  }
}

/** Where two runs of the same thing part. */
export interface Difference {
  readonly kind: 'event' | 'draw' | 'end';
  /** Ordinal of the event at which they part. */
  readonly sequence: number;
  /** What each side did, in words. */
  readonly first: string;
  readonly second: string;
  /** What led to it on each side, nearest first. */
  readonly firstCauses: readonly string[];
  readonly secondCauses: readonly string[];
}

/** One of the two runs. */
class Side implements TraceSink {
  readonly tracer: Tracer;
  readonly draws = new DrawLog();
  readonly simulation: Simulation;
  seen: TracedEvent | null = null;

  constructor(build: (draws: DrawLog) => Simulation, capacity: number) {
    this.simulation = build(this.draws);
    this.tracer = new Tracer(this.simulation as ComponentSource, capacity);
    this.simulation.trace = this;
  }

  event(time: number, target: number, opcode: number, argument: number, sequence: number, cause: number): void {
    this.tracer.event(time, target, opcode, argument, sequence, cause);
    this.seen = { time, target, opcode, argument, sequence, cause };
  }

  note(subject: string, text: string, sequence: number, time: number): void {
    this.tracer.note(subject, text, sequence, time);
  }

  causes(sequence: number): string[] {
    return this.tracer.causes(sequence);
  }

  /** Handles the next event up to a time; false at the end. */
  step(until: number): boolean {
    this.seen = null;
    this.draws.recent = [];
    return this.simulation.nextTime <= until && this.simulation.step();
  }
}

/**
 * Runs two simulations side by side and stops at the first event or random draw in which they differ: `--check-determinism`. Both are
 * built by the same function, so any difference is hidden state: real time, real randomness, an order that depends on memory.
 */
export class Lockstep {
  private readonly first: Side;
  private readonly second: Side;

  /**
   * @param build makes a simulation; its `Randomness` takes the draw log: `new Randomness(seed, draws)`
   * @param capacity events kept for the chains of causes
   */
  constructor(build: (draws: DrawLog) => Simulation, capacity = 1 << 16) {
    this.first = new Side(build, capacity);
    this.second = new Side(build, capacity);
  }

  /** The first simulation, for its results. */
  get simulation(): Simulation {
    return this.first.simulation;
  }

  /** Runs both up to a time; the first difference, or undefined when they did the same. */
  run(until: number = Number.POSITIVE_INFINITY): Difference | undefined {
    const { first, second } = this;
    const built = this.compareDraws();
    if (built !== undefined) return built;
    for (;;) {
      const went = first.step(until);
      if (second.step(until) !== went) return this.differ('end', this.eventText(first), this.eventText(second));
      if (!went) return undefined;
      const a = first.seen!;
      const b = second.seen!;
      if (
        a.time !== b.time ||
        a.target !== b.target ||
        a.opcode !== b.opcode ||
        a.argument !== b.argument ||
        a.cause !== b.cause
      ) {
        return this.differ('event', this.eventText(first), this.eventText(second));
      }
      const draw = this.compareDraws();
      if (draw !== undefined) return draw;
    }
  }

  private compareDraws(): Difference | undefined {
    const a = this.first.draws.recent;
    const b = this.second.draws.recent;
    const length = Math.max(a.length, b.length);
    for (let i = 0; i < length; i++) {
      const x = a[i];
      const y = b[i];
      if (
        x === undefined ||
        y === undefined ||
        x.path !== y.path ||
        x.key !== y.key ||
        x.k !== y.k ||
        x.value !== y.value
      ) {
        return this.differ('draw', drawText(x), drawText(y));
      }
    }
    return undefined;
  }

  private eventText(side: Side): string {
    return side.seen === null ? 'no event: the run is over' : side.tracer.line(side.seen);
  }

  private differ(kind: Difference['kind'], first: string, second: string): Difference {
    const sequence = Math.max(this.first.simulation.events, this.second.simulation.events);
    const where = this.first.seen === null ? '' : ` in ${this.first.tracer.line(this.first.seen)}`;
    return {
      kind,
      sequence,
      first: kind === 'draw' ? first + where : first,
      second: kind === 'draw' ? second + where : second,
      firstCauses: this.first.causes(this.first.simulation.events),
      secondCauses: this.second.causes(this.second.simulation.events),
    };
  }
}

function drawText(draw: TracedDraw | undefined): string {
  if (draw === undefined) return 'no draw';
  const key = draw.key < 0 ? '' : ` of key ${draw.key}`;
  return `draw ${draw.k}${key} of ${draw.path} = ${draw.value}`;
}
