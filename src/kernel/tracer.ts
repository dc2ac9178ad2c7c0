import type { Component, TraceSink } from './component.js';
import type { Time } from './time.js';

/** One event as the ring holds it. */
export interface TracedEvent {
  /** Ordinal in order of handling, from 1. */
  readonly sequence: number;
  /** Ordinal of the event that scheduled it; 0: outside, or before the trace. */
  readonly cause: number;
  readonly time: Time;
  readonly target: number;
  readonly opcode: number;
  readonly argument: number;
}

/** A remark made by `Simulation.note`. */
export interface TracedNote {
  readonly sequence: number;
  readonly time: Time;
  readonly subject: string;
  readonly text: string;
}

/** Where the names of components come from. */
export interface ComponentSource {
  component(target: number): Component;
}

/** Words a record takes in the ring: time and cause as doubles, target, opcode, argument and a spare word. */
const RECORD_DOUBLES = 4;

/**
 * Keeps the last events in a binary ring (32 bytes each) and the remarks on them, and walks back from an event to what caused it:
 * `simulation.trace = new Tracer(simulation)`. A cause always comes before its effect, so a chain is as long as the ring reaches.
 */
export class Tracer implements TraceSink {
  /** Events the ring holds. */
  readonly capacity: number;
  private readonly source: ComponentSource;
  private readonly ring: Float64Array;
  private readonly words: Int32Array;
  /** Ordinal of the newest event. */
  private newest = 0;
  private oldest = 0;
  private readonly notes = new Map<string, TracedNote[]>();
  private readonly notesByEvent = new Map<number, TracedNote[]>();

  /** @param source the simulation, for names  @param capacity events kept, rounded up to a power of two */
  constructor(source: ComponentSource, capacity = 1 << 20) {
    this.source = source;
    let size = 1;
    while (size < capacity) size *= 2;
    this.capacity = size;
    this.ring = new Float64Array(size * RECORD_DOUBLES);
    this.words = new Int32Array(this.ring.buffer);
  }

  event(time: Time, target: number, opcode: number, argument: number, sequence: number, cause: number): void {
    const at = (sequence & (this.capacity - 1)) * RECORD_DOUBLES;
    this.ring[at] = time;
    this.ring[at + 1] = cause;
    const word = 2 * at;
    this.words[word + 4] = target;
    this.words[word + 5] = opcode;
    this.words[word + 6] = argument;
    this.newest = sequence;
    if (this.oldest === 0) this.oldest = sequence;
  }

  note(subject: string, text: string, sequence: number, time: Time): void {
    const note = { sequence, time, subject, text };
    append(this.notes, subject, note);
    append(this.notesByEvent, sequence, note);
  }

  /** An event by its ordinal; undefined when the ring no longer holds it. */
  at(sequence: number): TracedEvent | undefined {
    if (sequence > this.newest || sequence < this.oldest || sequence <= this.newest - this.capacity) return undefined;
    const at = (sequence & (this.capacity - 1)) * RECORD_DOUBLES;
    const word = 2 * at;
    return {
      sequence,
      cause: this.ring[at + 1]!,
      time: this.ring[at]!,
      target: this.words[word + 4]!,
      opcode: this.words[word + 5]! >>> 0,
      argument: this.words[word + 6]! >>> 0,
    };
  }

  /** The newest events, oldest first. */
  last(count: number): TracedEvent[] {
    const events: TracedEvent[] = [];
    for (let sequence = Math.max(1, this.newest - count + 1); sequence <= this.newest; sequence++) {
      const event = this.at(sequence);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  /** Things that were remarked on, in order of their first remark. */
  get subjects(): string[] {
    return [...this.notes.keys()];
  }

  /** The remarks on a thing. */
  notesOn(subject: string): readonly TracedNote[] {
    return this.notes.get(subject) ?? [];
  }

  /** An event and its causes, nearest first; stops where the ring or the trace ends. */
  chain(sequence: number): TracedEvent[] {
    const events: TracedEvent[] = [];
    for (let event = this.at(sequence); event !== undefined; event = this.at(event.cause)) {
      events.push(event);
      if (event.cause === 0) break;
    }
    return events;
  }

  /** One event in words. */
  line(event: TracedEvent): string {
    const component = this.source.component(event.target) as Component | undefined;
    const name = component?.name ?? `target ${event.target}`;
    const what = component?.describe?.(event.opcode, event.argument) ?? `opcode ${event.opcode}(${event.argument})`;
    const notes = (this.notesByEvent.get(event.sequence) ?? [])
      .map((note) => `; ${note.subject}: ${note.text}`)
      .join('');
    return `#${event.sequence} ${clock(event.time)} ${name}: ${what}${notes}`;
  }

  /** For errors: what led to an event, nearest first, without the event itself. */
  causes(sequence: number): string[] {
    return this.chain(sequence)
      .slice(1, 21)
      .map((event) => this.line(event));
  }

  /**
   * Readable lines from an effect back to its first cause. The effect is an event's ordinal (`1234` or `#1234`) or the name of a thing
   * remarked on (a pod): then the story of all remarks on it, and the chain behind the last. Undefined when nothing is known of it.
   */
  explain(what: string): string[] | undefined {
    if (/^#?\d+$/.test(what)) {
      const chain = this.chain(Number(what.replace('#', '')));
      return chain.length === 0 ? undefined : this.indented(chain);
    }
    const notes = this.notes.get(what);
    if (notes === undefined) return undefined;
    const story = notes.map((note) => `${clock(note.time)} #${note.sequence} ${note.text}`);
    const last = notes[notes.length - 1]!;
    const chain = this.chain(last.sequence);
    if (chain.length === 0) return [`${what}:`, ...story, 'The events behind it are no longer in the ring.'];
    return [`${what}:`, ...story, '', `Why "${last.text}":`, ...this.indented(chain)];
  }

  private indented(chain: readonly TracedEvent[]): string[] {
    const lines = chain.map((event, i) => (i === 0 ? this.line(event) : `  because ${this.line(event)}`));
    const end = chain[chain.length - 1]!.cause;
    lines.push(
      end === 0
        ? '  (scheduled from outside, or before the trace began)'
        : `  (event #${end} is no longer in the ring)`,
    );
    return lines;
  }
}

function append<K>(map: Map<K, TracedNote[]>, key: K, note: TracedNote): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [note]);
  else list.push(note);
}

/** A time as seconds with nine digits, aligned. */
function clock(time: Time): string {
  const sign = time < 0 ? '-' : '';
  const absolute = Math.abs(time);
  const whole = Math.floor(absolute / 1e9);
  return `${sign}${whole}.${String(absolute - whole * 1e9).padStart(9, '0')}s`;
}
