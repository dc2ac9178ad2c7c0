import type { Component, Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import { DrawCursor } from '../node/draws.js';
import type { Randomness } from '../random/stream.js';
import type { FaultTarget, RandomFaultSpec } from '../scenario/types.js';
import type { FaultBook } from './fault-book.js';

/** Something breaks; argument: number of the occurrence. */
const OP_FAIL = 1;
/** It is repaired. */
const OP_REPAIR = 2;

/** Draws of a fault by its number: the time before it, the time until its repair, its nodes; those of its chain are `LINK` apart. */
const DRAW_GAP = 0;
const DRAW_REPAIR = 64;
const DRAW_CHANCE = 128;
const DRAW_AFTER = 192;
const DRAW_NODES = 256;
const LINK = 65_536;

/** Told what breaks and what is repaired. */
export interface FaultLog {
  note(phase: string, message: string): void;
}

/** One fault that is to come, or holds. */
interface Occurrence {
  readonly source: number;
  /** Number of the fault in its source, and place in the chain that it began. */
  readonly number: number;
  readonly link: number;
  /** What it has broken. */
  broken: readonly FaultTarget[];
}

/**
 * Faults that come at random, each with a stream of its own in which a fault's draws are keyed by its number: when it comes, what it takes
 * and how long it holds depend on the seed only, so that strategies and variants meet the same ones.
 */
export class RandomFaults implements Component {
  readonly name = 'faults';
  private readonly simulation: Simulation;
  private readonly specs: readonly RandomFaultSpec[];
  private readonly book: FaultBook;
  private readonly log: FaultLog;
  private readonly draws: DrawCursor[];
  private readonly occurrences: Occurrence[] = [];
  private readonly target: number;
  private readonly begun: boolean[];
  private origin: Time = 0;

  constructor(simulation: Simulation, randomness: Randomness, specs: readonly RandomFaultSpec[], book: FaultBook, log: FaultLog) {
    this.simulation = simulation;
    this.specs = specs;
    this.book = book;
    this.log = log;
    this.draws = specs.map((_, i) => new DrawCursor(randomness.keyed(`faults/${i}`)));
    this.begun = specs.map(() => false);
    this.target = simulation.add(this);
  }

  /** The scenario's time begins. */
  start(origin: Time): void {
    this.origin = origin;
    this.specs.forEach(({ progress, from }, i) => {
      if (progress === undefined) this.begin(i, origin + from);
    });
  }

  /** Some sources wait for an instant of the rollout. */
  get waits(): boolean {
    return this.specs.some(({ progress }, i) => progress !== undefined && !this.begun[i]);
  }

  /** How far the rollout is: the share of its replicas that is ready in the new version, and whether it is over. */
  progressed(share: number, over: boolean): void {
    this.specs.forEach(({ progress, from }, i) => {
      if (progress === undefined || this.begun[i] || !(over || (progress !== 'end' && share >= progress))) return;
      this.begin(i, this.simulation.now + from);
    });
  }

  private begin(source: number, from: Time): void {
    this.begun[source] = true;
    this.next(source, 0, from);
  }

  /** Schedules the fault of a number, which comes one gap after `from`. */
  private next(source: number, number: number, from: Time): void {
    const { every, until, most } = this.specs[source]!;
    const at = from + Math.max(1, this.draws[source]!.sample(every, number, DRAW_GAP));
    if (number >= (most ?? Number.POSITIVE_INFINITY) || at >= this.origin + (until ?? Number.POSITIVE_INFINITY)) return;
    this.schedule({ source, number, link: 0, broken: [] }, at);
  }

  private schedule(occurrence: Occurrence, at: Time): void {
    this.simulation.scheduleAt(at, this.target, OP_FAIL, this.occurrences.push(occurrence) - 1);
  }

  describe(opcode: number): string {
    return opcode === OP_FAIL ? 'something breaks at random' : 'it is repaired';
  }

  handle(opcode: number, argument: number): void {
    const occurrence = this.occurrences[argument]!;
    if (opcode === OP_REPAIR) {
      for (const target of occurrence.broken) this.say('repair', this.book.repair(target));
      return;
    }
    const { source, number, link } = occurrence;
    const { simulation } = this;
    const { target, repair, cascade } = this.specs[source]!;
    const draws = this.draws[source]!;
    const first = link * LINK;
    occurrence.broken = drawTargets(target, draws.at(number, first + DRAW_NODES));
    for (const each of occurrence.broken) this.say(link === 0 ? 'fault' : 'cascade', this.book.fail(each));
    if (repair !== undefined) simulation.schedule(draws.sample(repair, number, first + DRAW_REPAIR), this.target, OP_REPAIR, argument);
    if (cascade !== undefined && link < cascade.most && draws.at(number, first + DRAW_CHANCE).next() < cascade.chance) {
      const after = draws.sample(cascade.after, number, first + DRAW_AFTER);
      this.schedule({ source, number, link: link + 1, broken: [] }, simulation.now + after);
    }
    if (link === 0) this.next(source, number + 1, simulation.now);
  }

  private say(phase: string, message: string | undefined): void {
    if (message !== undefined) this.log.note(phase, message);
  }
}

/** Source of numbers in [0, 1). */
interface Draws {
  next(): number;
}

/** What a fault takes: nodes are drawn, everything else is itself. Each node of a group has the same chance. */
export function drawTargets(target: FaultTarget, draws: Draws): readonly FaultTarget[] {
  if (target.kind !== 'nodes') return [target];
  const { groups, count } = target;
  const all = groups.reduce((sum, group) => sum + group.length, 0);
  let place = Math.floor(draws.next() * all);
  let g = 0;
  while (place >= groups[g]!.length) place -= groups[g++]!.length;
  const left = [...groups[g]!];
  const taken: FaultTarget[] = [];
  while (taken.length < count && left.length > 0) {
    const [name] = left.splice(Math.floor(draws.next() * left.length), 1);
    taken.push({ kind: 'node', name: name! });
  }
  return taken;
}
