import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import fc from 'fast-check';
import {
  CheckpointTypes,
  EVENT_LISTS,
  markReplayPoint,
  ProcessorSharing,
  replayTo,
  restoreCheckpoint,
  Server,
  Simulation,
  Slots,
  type Suspension,
  saveCheckpoint,
} from '../../src/kernel/index.js';
import { type DistributionSpec, Randomness, type Stream, sample } from '../../src/random/index.js';
import { LogHistogram } from '../../src/stats/index.js';

function copy<T extends object>(root: T): T {
  const types = new CheckpointTypes();
  return restoreCheckpoint<T>(structuredClone(saveCheckpoint(root, types)), types);
}

test('any graph of plain data comes back equal', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withMap: true, withSet: true, withTypedArray: true, withSparseArray: true }),
      (value) => {
        const root = { value };
        assert.deepStrictEqual(copy(root), root);
      },
    ),
    { numRuns: 500 },
  );
});

class Node {
  next: Node | null = null;
  readonly label: string;
  constructor(label: string) {
    this.label = label;
  }
  shout(): string {
    return this.label.toUpperCase();
  }
}

class Special extends Node {
  extra: unknown[] = [1, 2, 3, -0, Number.NaN, 2 ** 40, undefined];

  constructor(label: string) {
    super(label);
    delete this.extra[1];
  }
}

test('cycles, shared references, class instances, object keys and shared buffers keep their identity', () => {
  const a = new Node('a');
  const b = new Special('b');
  a.next = b;
  b.next = a;
  const f64 = new Float64Array(4);
  const root = {
    a,
    b,
    map: new Map<object, object>([[a, b]]),
    set: new Set([b]),
    f64,
    i32: new Int32Array(f64.buffer, 8, 2),
    bare: Object.create(null),
  };
  f64[1] = 1.5;
  const twin = copy(root);
  assert.ok(twin.a instanceof Node && twin.b instanceof Special);
  assert.equal(twin.b.shout(), 'B');
  assert.equal(twin.a.next, twin.b);
  assert.equal(twin.b.next, twin.a);
  assert.equal(twin.map.get(twin.a), twin.b);
  assert.ok(twin.set.has(twin.b));
  assert.equal(twin.i32.buffer, twin.f64.buffer);
  assert.deepEqual([...twin.i32], [...root.i32]);
  assert.equal(Object.getPrototypeOf(twin.bare), null);
  assert.deepStrictEqual(twin.b.extra, b.extra);
  assert.ok(!(1 in twin.b.extra) && Object.is(twin.b.extra[3], -0));
  twin.f64[0] = 7;
  assert.equal(f64[0], 0, 'nothing is shared with the original');
});

test('a chain of 100,000 objects does not overflow the stack', () => {
  const first = new Node('0');
  let last = first;
  for (let i = 1; i < 100_000; i++) last = last.next = new Node(`${i}`);
  let length = 0;
  for (let node: Node | null = copy(first); node !== null; node = node.next) length++;
  assert.equal(length, 100_000);
});

test('what cannot be saved is named with its path; externals are not saved', () => {
  const path = (bad: unknown) => ({ simulation: { components: [{ state: new Map([['pods', bad]]) }] } });
  for (const [bad, message] of [
    [() => 1, /root\.simulation\.components\.0\.state\.pods holds the function/],
    [Promise.resolve(), /pods holds a Promise/],
    [new WeakMap(), /pods holds a WeakMap/],
    [Symbol('x'), /pods holds a symbol/],
    [(function* () {})(), /pods holds a/],
    [new Date(0), /pods holds a Date/],
  ] as const) {
    assert.throws(() => saveCheckpoint(path(bad)), message);
  }
  const types = new CheckpointTypes().external('log', console.log);
  const saved = saveCheckpoint(path(console.log), types);
  const other = () => undefined;
  const twin = restoreCheckpoint<ReturnType<typeof path>>(saved, new CheckpointTypes().external('log', other));
  assert.equal(twin.simulation.components[0]!.state.get('pods'), other);
  assert.throws(() => restoreCheckpoint(saved, new CheckpointTypes()), /external log was not declared/);
});

test('in another process classes are found by name', () => {
  const saved = saveCheckpoint({ node: new Node('x') });
  assert.throws(() => restoreCheckpoint(saved, new CheckpointTypes()), /class Node was not registered/);
  const twin = restoreCheckpoint<{ node: Node }>(saved, new CheckpointTypes().classes(Node));
  assert.equal(twin.node.shout(), 'X');
});

const delay: DistributionSpec = { kind: 'exponential', mean: 1e6 };

/** Components with slots, maps, streams, keyed draws, handles, resources and a histogram. */
class Station {
  readonly name: string;
  readonly target: number;
  private readonly simulation: Simulation;
  private readonly stream: Stream;
  private readonly jobs = new Slots<{ readonly id: number; readonly since: number }>();
  private readonly timeouts = new Map<number, number>();
  private readonly server: Server;
  private readonly cpu: ProcessorSharing;
  readonly histogram = new LogHistogram();
  next: Station | null = null;
  lost = 0;

  constructor(simulation: Simulation, randomness: Randomness, name: string) {
    this.simulation = simulation;
    this.name = name;
    this.stream = randomness.stream(name);
    this.server = new Server(simulation, 2);
    this.cpu = new ProcessorSharing(simulation, 1, `${name}/cpu`);
    this.target = simulation.add(this);
  }

  arrive(id: number): void {
    const slot = this.jobs.put({ id, since: this.simulation.now });
    this.timeouts.set(slot, this.simulation.schedule(5e6, this.target, 9, slot));
    if (this.server.request(this.target, 1, slot)) this.simulation.schedule(0, this.target, 1, slot);
  }

  handle(opcode: number, slot: number): void {
    if (opcode === 1) {
      this.cpu.submit(sample(delay, this.stream), this.target, 2, slot);
    } else if (opcode === 2) {
      this.server.release();
      if (this.simulation.cancel(this.timeouts.get(slot)!)) this.timeouts.delete(slot);
      const job = this.jobs.take(slot);
      this.histogram.observe(this.simulation.now - job.since);
      this.simulation.schedule(sample(delay, this.stream), this.next!.target, 3, job.id);
    } else if (opcode === 3) {
      this.arrive(slot);
    } else {
      this.timeouts.delete(slot);
      this.lost++;
    }
  }
}

function network(eventList: 'ladder' | 'heap' | 'fastpriorityqueue'): { simulation: Simulation; stations: Station[] } {
  const simulation = new Simulation({ eventList });
  const randomness = new Randomness('1');
  const stations = Array.from({ length: 5 }, (_, i) => new Station(simulation, randomness, `station-${i}`));
  for (const [i, station] of stations.entries()) station.next = stations[(i + 1) % stations.length]!;
  for (let id = 0; id < 100; id++) stations[id % 5]!.arrive(id);
  return { simulation, stations };
}

for (const eventList of EVENT_LISTS) {
  test(`${eventList}: saved at a time, restored and continued, a run has the hash and results of the uninterrupted run`, () => {
    const whole = network(eventList);
    whole.simulation.run(2e9);
    const types = new CheckpointTypes();
    const part = network(eventList);
    part.simulation.run(0.7e9);
    const saved = saveCheckpoint(part, types);
    part.simulation.run(1e9); // going on does not disturb what was saved
    for (let copies = 0; copies < 2; copies++) {
      const restored = restoreCheckpoint<ReturnType<typeof network>>(saved, types);
      assert.ok(restored.simulation !== part.simulation && restored.simulation.now === 0.7e9);
      restored.simulation.run(2e9);
      assert.equal(restored.simulation.traceHash, whole.simulation.traceHash);
      assert.equal(restored.simulation.events, whole.simulation.events);
      for (const [i, station] of restored.stations.entries()) {
        assert.deepEqual(station.histogram.toJSON(), whole.stations[i]!.histogram.toJSON());
        assert.equal(station.lost, whole.stations[i]!.lost);
      }
    }
    part.simulation.run(2e9);
    assert.equal(part.simulation.traceHash, whole.simulation.traceHash);
  });
}

test('a checkpoint in the middle of a run of ties', () => {
  class Burst {
    readonly name = 'burst';
    readonly target: number;
    private readonly simulation: Simulation;
    constructor(simulation: Simulation) {
      this.simulation = simulation;
      this.target = simulation.add(this);
    }
    handle(_opcode: number, argument: number): void {
      if (argument > 0) this.simulation.schedule(argument % 3 === 0 ? 0 : 10, this.target, 1, argument - 1);
    }
  }
  const build = () => {
    const simulation = new Simulation();
    const burst = new Burst(simulation);
    for (let i = 0; i < 500; i++) simulation.schedule(10, burst.target, 1, 20);
    return simulation;
  };
  const whole = build();
  whole.run();
  for (const events of [1, 250, 499, 500, 501, 777, 5000]) {
    const part = build();
    part.run({ events });
    const twin = copy(part);
    twin.run();
    assert.equal(twin.traceHash, whole.traceHash, `after ${events} events`);
  }
});

test('restoring a run of components costs at most a tenth of reaching it', () => {
  const part = network('ladder');
  const started = process.hrtime.bigint();
  part.simulation.run(20e9);
  const reached = process.hrtime.bigint() - started;
  const types = new CheckpointTypes();
  const saved = saveCheckpoint(part, types);
  let best = reached;
  for (let i = 0; i < 5; i++) {
    const from = process.hrtime.bigint();
    restoreCheckpoint(saved, types);
    const took = process.hrtime.bigint() - from;
    if (took < best) best = took;
  }
  assert.ok(best * 10n <= reached, `${best} ns for ${reached} ns`);
});

test('generator processes refuse to be copied and are restored by replay', () => {
  const build = (mean: number) => () => {
    const simulation = new Simulation();
    const stream = new Randomness('1').stream('x');
    const server = new Server(simulation, 1);
    function* customer(): Generator<Suspension, void, unknown> {
      yield* server.use(sample({ kind: 'exponential', mean }, stream));
    }
    function* arrivals(): Generator<Suspension, void, unknown> {
      for (;;) {
        yield* simulation.sleep(sample(delay, stream));
        simulation.process(customer());
      }
    }
    simulation.process(arrivals());
    return simulation;
  };
  const whole = build(1e6)();
  whole.run(1e9);
  const part = build(1e6)();
  part.run(0.4e9);
  assert.throws(() => saveCheckpoint(part), /cannot be saved/);
  const point = markReplayPoint(part);
  const restored = replayTo(build(1e6), point);
  assert.equal(restored.now, 0.4e9);
  restored.run(1e9);
  assert.equal(restored.traceHash, whole.traceHash);
  assert.throws(() => replayTo(build(2e6), point), /another way/);
});

class ManyFields {
  a = 1; b = 2; c = 3; d = 4; e = 5; f = 6; g = 7; h = 8; i = 9; j = 0.5; k = null; l = ''; m = 13; n = 14; o = 15; p = 16; q = 17; r = 18; s = 19; t = 20;
}

test('a restored object with many fields is no slow dictionary', () => {
  setFlagsFromString('--allow-natives-syntax');
  const isFast = new Function('object', 'return %HasFastProperties(object)') as (object: object) => boolean;
  const types = new CheckpointTypes();
  const checkpoint = saveCheckpoint([new ManyFields(), new ManyFields()], types);
  const restored = restoreCheckpoint<ManyFields[]>(checkpoint, types);
  assert.deepEqual(restored, [new ManyFields(), new ManyFields()]);
  for (const object of restored) assert.ok(isFast(object));
});
