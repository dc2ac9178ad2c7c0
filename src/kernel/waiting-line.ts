import { Fifo } from './fifo.js';
import type { Waiter } from './process.js';
import type { Simulation } from './simulation.js';

/** Who waits at a resource, and for how much. */
interface Waiting {
  readonly waiter: Waiter;
  readonly amount: number;
  readonly priority: number;
  readonly order: number;
  gone: boolean;
}

/** Waiting line: by priority (smaller first), then by order of arrival. Leaving early is a mark. */
export class WaitingLine {
  /** Those who have not left. */
  size = 0;
  private readonly byPriority: boolean;
  private readonly fifo = new Fifo<Waiting>();
  private readonly heap: Waiting[] = [];
  private order = 0;

  constructor(byPriority: boolean) {
    this.byPriority = byPriority;
  }

  join(waiter: Waiter, amount: number, priority: number): void {
    this.size++;
    const entry = { waiter, amount, priority, order: this.order++, gone: false };
    if (!this.byPriority) {
      this.fifo.push(entry);
      return;
    }
    const { heap } = this;
    let place = heap.length;
    heap.push(entry);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  /** The first in line; undefined when nobody waits. */
  peek(): Waiting | undefined {
    for (;;) {
      const first = this.byPriority ? this.heap[0] : this.fifo.peek();
      if (first === undefined || !first.gone) return first;
      this.drop();
    }
  }

  /** Takes the first out of the line. */
  shift(): Waiting | undefined {
    const first = this.peek();
    if (first === undefined) return undefined;
    this.size--;
    first.gone = true;
    this.drop();
    return first;
  }

  /** A waiter leaves; false when it is not in line. */
  leave(waiter: Waiter): boolean {
    const entries = this.byPriority ? this.heap : this.fifo.toArray();
    const entry = entries.find((other) => other.waiter === waiter && !other.gone);
    if (entry === undefined) return false;
    entry.gone = true;
    this.size--;
    return true;
  }

  private drop(): void {
    if (!this.byPriority) {
      this.fifo.shift();
      return;
    }
    const { heap } = this;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      if (child + 1 < size && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}

function before(a: Waiting, b: Waiting): boolean {
  return a.priority < b.priority || (a.priority === b.priority && a.order < b.order);
}

/** Continues a component: an event for it, in the instant in which its turn comes. */
export class Continuation implements Waiter {
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly opcode: number;
  private readonly argument: number;

  constructor(simulation: Simulation, target: number, opcode: number, argument: number) {
    this.simulation = simulation;
    this.target = target;
    this.opcode = opcode;
    this.argument = argument;
  }

  wake(): void {
    this.simulation.schedule(0, this.target, this.opcode, this.argument);
  }
}
