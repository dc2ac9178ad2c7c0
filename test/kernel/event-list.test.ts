import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EVENT_LISTS, type EventListName, Simulation } from '../../src/kernel/index.js';

interface Pending {
  readonly time: number;
  readonly phase: number;
  readonly sequence: number;
  readonly argument: number;
  readonly handle: number;
}

/** The oracle: a plain array, sorted by (time, phase, scheduling order) when the next event is wanted. */
class Oracle {
  pending: Pending[] = [];
  private sequence = 0;

  push(time: number, phase: number, argument: number, handle: number): void {
    this.pending.push({ time, phase, sequence: this.sequence++, argument, handle });
  }

  pop(): Pending | undefined {
    this.pending.sort((a, b) => a.time - b.time || a.phase - b.phase || a.sequence - b.sequence);
    return this.pending.shift();
  }
}

/** What is done: push with a delay, pop, cancel the n-th pending event, or look at the next time. */
type Step =
  | { kind: 'push'; delay: number; phase: number }
  | { kind: 'pop' }
  | { kind: 'cancel'; which: number }
  | { kind: 'peek' };

/** Five shapes of delays: few values (ties), bursts of one instant, uniform, heavy-tailed over twelve decades, and none but rare far ones. */
const shapes: Record<string, fc.Arbitrary<number>> = {
  ties: fc.integer({ min: 0, max: 3 }).map((x) => x * 1000),
  burst: fc.constantFrom(0, 0, 0, 0, 7),
  uniform: fc.integer({ min: 0, max: 1_000_000 }),
  heavy: fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 1000 }))
    .map(([bits, x]) => Math.floor((2 ** bits * x) / 1000)),
  far: fc.constantFrom(0, 1, 1, 2, 3, 50, 1e9, 3.6e12),
};

function steps(delay: fc.Arbitrary<number>): fc.Arbitrary<Step[]> {
  const push = fc.record({ kind: fc.constant('push' as const), delay, phase: fc.constantFrom(0, 0, 0, 0, 1, 2) });
  const block = fc.oneof(
    { weight: 3, arbitrary: fc.array(push, { minLength: 1, maxLength: 150 }) },
    { weight: 3, arbitrary: fc.array(fc.constant<Step>({ kind: 'pop' }), { minLength: 1, maxLength: 120 }) },
    {
      weight: 2,
      arbitrary: fc.array(fc.oneof<fc.Arbitrary<Step>[]>(push, fc.constant<Step>({ kind: 'pop' })), { maxLength: 100 }),
    },
    {
      weight: 2,
      arbitrary: fc.array(
        fc.nat(1e6).map<Step>((which) => ({ kind: 'cancel', which })),
        { maxLength: 40 },
      ),
    },
    { weight: 1, arbitrary: fc.constant<Step[]>([{ kind: 'peek' }]) },
  );
  return fc.array(block, { maxLength: 12 }).map((blocks) => blocks.flat());
}

function replay(list: EventListName, sequence: readonly Step[]): void {
  const simulation = new Simulation({ eventList: list });
  let handled = -1;
  const target = simulation.add({ name: 'probe', handle: (_opcode, argument) => void (handled = argument) });
  const oracle = new Oracle();
  let count = 0;
  const drain = () => {
    const expected = oracle.pop();
    handled = -1;
    assert.equal(simulation.step(), expected !== undefined);
    if (expected === undefined) return false;
    assert.equal(handled, expected.argument);
    assert.equal(simulation.now, expected.time);
    assert.equal(simulation.cancel(expected.handle), false, 'an event that ran cannot be cancelled');
    return true;
  };
  for (const step of sequence) {
    if (step.kind === 'push') {
      const time = simulation.now + step.delay;
      oracle.push(time, step.phase, count, simulation.schedule(step.delay, target, 1, count, step.phase));
      count++;
    } else if (step.kind === 'pop') {
      drain();
    } else if (step.kind === 'cancel' && oracle.pending.length > 0) {
      const [gone] = oracle.pending.splice(step.which % oracle.pending.length, 1);
      assert.equal(simulation.cancel(gone!.handle), true);
      assert.equal(simulation.cancel(gone!.handle), false, 'an event cannot be cancelled twice');
    } else if (step.kind === 'peek') {
      assert.equal(
        simulation.nextTime,
        Math.min(Number.POSITIVE_INFINITY, ...oracle.pending.map((event) => event.time)),
      );
    }
    assert.equal(simulation.pending, oracle.pending.length);
  }
  while (drain());
}

for (const list of EVENT_LISTS) {
  for (const [shape, delay] of Object.entries(shapes)) {
    test(`${list}: pushes, pops and cancellations of shape ${shape} against a sorted array`, () => {
      fc.assert(
        fc.property(steps(delay), (sequence) => replay(list, sequence)),
        { numRuns: 60 },
      );
    });
  }
}

/** Component that pops and pushes by a small generator of its own; cancels some of what it scheduled. */
class Churn {
  readonly name = 'churn';
  readonly target: number;
  private readonly simulation: Simulation;
  private state = 1;
  private readonly handles: number[] = [];

  constructor(simulation: Simulation, readonlyPending: number) {
    this.simulation = simulation;
    this.target = simulation.add(this);
    for (let i = 0; i < readonlyPending; i++) this.push(i);
  }

  private random(): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) | 0;
    return this.state >>> 8;
  }

  private push(argument: number): void {
    const kind = this.random() % 4;
    const delay =
      kind === 0 ? 0 : kind === 1 ? (this.random() % 5) * 1e6 : kind === 2 ? this.random() : this.random() * 1e4;
    this.handles.push(this.simulation.schedule(delay, this.target, 1, argument));
  }

  handle(_opcode: number, argument: number): void {
    this.push(argument);
    if (this.random() % 3 === 0) {
      const at = this.random() % this.handles.length;
      if (this.simulation.cancel(this.handles[at]!)) this.push(argument + 1);
      this.handles[at] = this.handles[this.handles.length - 1]!;
      this.handles.pop();
    }
  }
}

test('all event lists give the same trace hash, at sizes that use rungs, spills and sweeps', () => {
  for (const pending of [3, 100, 5000]) {
    const hashes = EVENT_LISTS.map((eventList) => {
      const simulation = new Simulation({ eventList });
      new Churn(simulation, pending);
      simulation.run({ events: 60_000 });
      assert.equal(simulation.pending, pending);
      return simulation.traceHash;
    });
    assert.equal(new Set(hashes).size, 1, hashes.join(' '));
  }
});

test('bursts after a pause, and after a look ahead over cancelled events, are handled in order and not lost', () => {
  const trace = (list: EventListName, looks: boolean, bursts: readonly (readonly number[])[]) => {
    const simulation = new Simulation({ eventList: list });
    const handled: number[] = [];
    const target = simulation.add({ name: 'target', handle: (_opcode, argument) => handled.push(simulation.now, argument) });
    const handles: number[] = [];
    bursts.forEach(([count = 0, spread = 0, cancel = 0, pause = 0], burst) => {
      for (let i = 0; i < count; i++) {
        const delay = (i * 7919) % (spread + 1);
        handles.push(simulation.schedule(delay, target, 0, burst * 1000 + i));
      }
      for (let i = 0; i < cancel; i++) simulation.cancel(handles[(i * 104_729) % handles.length]!);
      if (looks) handled.push(simulation.nextTime);
      simulation.run(simulation.now + pause);
    });
    simulation.run();
    return handled;
  };
  const burst = fc.tuple(fc.nat(300), fc.constantFrom(0, 50, 1e6, 1e9), fc.nat(200), fc.constantFrom(0, 1e3, 1e7, 1e8));
  fc.assert(
    fc.property(fc.boolean(), fc.array(burst, { minLength: 2, maxLength: 8 }), (looks, bursts) => {
      const expected = trace('heap', looks, bursts);
      for (const list of EVENT_LISTS) assert.deepEqual(trace(list, looks, bursts), expected, list);
    }),
    { seed: 8, numRuns: 600 },
  );
});

test('a million pending events take at most 40 bytes each, and cancelled ones are swept out', () => {
  const simulation = new Simulation();
  const target = simulation.add({ name: 'none', handle: () => undefined });
  const handles = new Float64Array(1_000_000);
  for (let i = 0; i < 1_000_000; i++) handles[i] = simulation.schedule((i * 7919) % 1_000_003, target, 1, i);
  simulation.step();
  assert.ok(simulation.eventBytes <= 40 * 1_000_000, `${simulation.eventBytes / 1e6} bytes an event`);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < handles.length; i++) {
      simulation.cancel(handles[i]!);
      handles[i] = simulation.schedule(1e9 + i, target, 1, i);
    }
  }
  assert.equal(simulation.pending, 1_000_000);
  assert.ok(
    simulation.eventBytes <= 90 * 1_000_000,
    `${simulation.eventBytes / 1e6} bytes an event after three million cancellations`,
  );
});

test('times beyond the reach of 32-bit bucket numbers', () => {
  for (const eventList of EVENT_LISTS) {
    const simulation = new Simulation({ eventList });
    const seen: number[] = [];
    const target = simulation.add({ name: 'probe', handle: (_opcode, argument) => void seen.push(argument) });
    // A narrow crowd far away, then one event long before it, after the crowd was dealt.
    for (let i = 0; i < 200; i++) simulation.scheduleAt(9e15 + (199 - i), target, 1, 199 - i);
    assert.equal(simulation.nextTime, 9e15);
    simulation.scheduleAt(5, target, 1, 1000);
    simulation.scheduleAt(9e15 - 1, target, 1, 1001);
    simulation.scheduleAt(9e15 + 1e6, target, 1, 1002);
    simulation.run();
    assert.deepEqual(seen, [1000, 1001, ...Array.from({ length: 200 }, (_, i) => i), 1002]);
  }
});

/** What one event may do to the others: shapes that are hard for lists which sort late. */
const hard: Record<string, (simulation: Simulation, target: number, n: number) => void> = {
  'descending times nearer than everything known': (simulation, target, n) => {
    for (let i = 0; i < n; i++) simulation.schedule(2 * n - i, target, 2);
  },
  'a crowd that each schedules something near': (simulation, target, n) => {
    for (let i = 0; i < n; i++) simulation.schedule(100, target, 3);
  },
  'few values, then one far outlier': (simulation, target, n) => {
    simulation.schedule(1e15, target, 2);
    for (let i = 0; i < n; i++) simulation.schedule((i * 7919) % 1000, target, 2);
  },
  'exponentially spaced': (simulation, target, n) => {
    for (let i = 0; i < n; i++) simulation.schedule(2 ** (i % 50) + (i % 97), target, 2);
  },
};

function hardRun(eventList: EventListName, shape: string, n: number): { hash: string; ns: number } {
  const simulation = new Simulation({ eventList });
  let k = 0;
  const target = simulation.add({
    name: 'hard',
    handle(opcode) {
      if (opcode === 1) hard[shape]!(simulation, target, n);
      else if (opcode === 3) simulation.schedule(1 + ((k++ * 7919) % 5000), target, 2);
    },
  });
  // A wide first rung whose first bucket takes all that comes.
  for (let i = 0; i < 200; i++) simulation.schedule(1e9 * i, target, 2);
  simulation.schedule(10, target, 1);
  const started = process.hrtime.bigint();
  simulation.run();
  return { hash: simulation.traceHash, ns: Number(process.hrtime.bigint() - started) / n };
}

for (const shape of Object.keys(hard)) {
  test(`no quadratic cost: ${shape}`, () => {
    const n = 60_000;
    let ladder = Number.POSITIVE_INFINITY;
    let heap = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      const a = hardRun('ladder', shape, n);
      const b = hardRun('heap', shape, n);
      assert.equal(a.hash, b.hash);
      ladder = Math.min(ladder, a.ns);
      heap = Math.min(heap, b.ns);
    }
    assert.ok(ladder < 4 * heap, `${ladder} ns an event, ${heap} with the heap`);
  });
}
