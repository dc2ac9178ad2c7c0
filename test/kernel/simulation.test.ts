import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Component, MILLISECOND, SECOND, Simulation, SimulationError } from '../../src/kernel/index.js';

/** Records what it handles. */
class Recorder implements Component {
  readonly name: string;
  readonly target: number;
  readonly seen: { at: number; opcode: number; argument: number }[] = [];
  private readonly simulation: Simulation;

  constructor(simulation: Simulation, name = 'recorder') {
    this.simulation = simulation;
    this.name = name;
    this.target = simulation.add(this);
  }

  handle(opcode: number, argument: number): void {
    this.seen.push({ at: this.simulation.now, opcode, argument });
  }
}

test('events run in order of time, then of scheduling; the clock stands where they happen', () => {
  const simulation = new Simulation();
  const recorder = new Recorder(simulation);
  simulation.schedule(20, recorder.target, 1, 1);
  simulation.schedule(10, recorder.target, 2, 4294967295);
  simulation.post(20, recorder.target, 3, 3);
  simulation.schedule(10.4, recorder.target, 4, 4);
  simulation.run();
  assert.deepEqual(recorder.seen, [
    { at: 10, opcode: 2, argument: 4294967295 },
    { at: 10, opcode: 4, argument: 4 },
    { at: 20, opcode: 1, argument: 1 },
    { at: 20, opcode: 3, argument: 3 },
  ]);
  assert.equal(simulation.events, 4);
});

test('phases order one instant, also when they are scheduled from inside it', () => {
  const simulation = new Simulation();
  const order: number[] = [];
  const target = simulation.add({
    name: 'phases',
    handle(opcode) {
      order.push(opcode);
      if (opcode === 1) {
        simulation.schedule(0, target, 5, 0, 2);
        simulation.schedule(0, target, 3, 0, 1);
        simulation.schedule(0, target, 2);
        simulation.schedule(0, target, 4, 0, 1);
      }
    },
  });
  simulation.schedule(7, target, 6, 0, 3);
  simulation.schedule(7, target, 1);
  simulation.run();
  assert.deepEqual(order, [1, 2, 3, 4, 5, 6]);
});

test('run until a time, a number of events, a condition; stop and continue', () => {
  const simulation = new Simulation();
  const recorder = new Recorder(simulation);
  for (let i = 1; i <= 10; i++) simulation.scheduleAt(i * 10, recorder.target, 1, i);
  simulation.run(35);
  assert.deepEqual([simulation.now, simulation.events], [35, 3]);
  simulation.run({ events: 2 });
  assert.deepEqual([simulation.now, simulation.events], [50, 5]);
  simulation.run({ until: () => recorder.seen.length === 7 });
  assert.deepEqual([simulation.now, simulation.events], [70, 7]);
  simulation.run({ time: 75, events: 100 });
  assert.deepEqual([simulation.now, simulation.events], [75, 7]);
  const stopper = simulation.add({ name: 'stopper', handle: () => simulation.stop() });
  simulation.scheduleAt(80, stopper, 1);
  simulation.run(1000);
  assert.deepEqual([simulation.now, simulation.events], [80, 9]);
  simulation.run(1000);
  assert.deepEqual([simulation.now, simulation.events, simulation.pending], [1000, 11, 0]);
  assert.equal(simulation.nextTime, Number.POSITIVE_INFINITY);
  assert.equal(simulation.step(), false);
});

test('an event cannot be scheduled in the past, at no time or in no order', () => {
  const simulation = new Simulation();
  const recorder = new Recorder(simulation);
  simulation.run(100);
  for (const time of [99, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => simulation.scheduleAt(time, recorder.target, 1), RangeError);
  }
  simulation.scheduleAt(100, recorder.target, 1);
  assert.equal(simulation.pending, 1);
});

test('a handle of an event that ran or was cancelled never hits another event that reuses its record', () => {
  const simulation = new Simulation();
  const recorder = new Recorder(simulation);
  const stale: number[] = [];
  for (let i = 0; i < 100_000; i++) {
    const handle = simulation.schedule(1, recorder.target, 1, 0);
    stale.push(handle);
    if (i % 2 === 0) simulation.cancel(handle);
    else simulation.step();
  }
  simulation.schedule(1, recorder.target, 9, 7);
  for (const handle of stale) assert.equal(simulation.cancel(handle), false);
  assert.equal(simulation.cancel(0), false);
  assert.equal(simulation.pending, 1);
});

test('the hash tells runs apart by time, target and opcode, and does not depend on how the run was cut', () => {
  const hash = (build: (simulation: Simulation, a: number, b: number) => void, cut = false) => {
    const simulation = new Simulation();
    build(simulation, new Recorder(simulation, 'a').target, new Recorder(simulation, 'b').target);
    if (cut) {
      simulation.run(15);
      simulation.step();
    }
    simulation.run();
    return simulation.traceHash;
  };
  const base = hash((s, a) => [10, 20, 30].forEach((t) => void s.schedule(t, a, 1)));
  assert.equal(
    hash((s, a) => [10, 20, 30].forEach((t) => void s.schedule(t, a, 1)), true),
    base,
  );
  const others = [
    hash((s, a) => [10, 20, 31].forEach((t) => void s.schedule(t, a, 1))),
    hash((s, a) => [10, 20, 30].forEach((t) => void s.schedule(t, a, 2))),
    hash((s, _a, b) => [10, 20, 30].forEach((t) => void s.schedule(t, b, 1))),
    hash((s, a) => [10, 20].forEach((t) => void s.schedule(t, a, 1))),
    hash((s, a) => [10, 20, 30, 2 ** 40].forEach((t) => void s.schedule(t, a, 1))),
    hash((s, a) => [10, 20, 30, 2 ** 41].forEach((t) => void s.schedule(t, a, 1))),
  ];
  assert.equal(new Set([base, ...others]).size, 7);
  assert.match(base, /^[0-9a-f]{16}$/);
  assert.equal(new Simulation({ hash: false }).traceHash, '');
});

test('100,000 streams of events that differ in one number have different hashes', () => {
  const hashes = new Set<string>();
  for (let i = 0; i < 100_000; i++) {
    const simulation = new Simulation();
    const target = simulation.add({ name: 'x', handle: () => undefined });
    simulation.scheduleAt(1000 + i, target, 1);
    simulation.step();
    hashes.add(simulation.traceHash);
  }
  assert.equal(hashes.size, 100_000);
});

test('shuffled ties: another order inside an instant and phase, never across; reproducible; cancel still works', () => {
  const order = (shuffleTies?: number) => {
    const simulation = new Simulation(shuffleTies === undefined ? {} : { shuffleTies });
    const recorder = new Recorder(simulation);
    const handles: number[] = [];
    for (let i = 0; i < 300; i++) handles.push(simulation.scheduleAt(10 * (1 + (i % 3)), recorder.target, 1, i, i % 2));
    for (let i = 0; i < 300; i += 7) assert.equal(simulation.cancel(handles[i]!), true);
    simulation.run();
    return recorder.seen.map((event) => event.argument);
  };
  const plain = order();
  const shuffled = order(1);
  assert.notDeepEqual(shuffled, plain);
  assert.deepEqual(shuffled, order(1));
  assert.notDeepEqual(shuffled, order(2));
  const group = (argument: number) => (argument % 3) * 2 + (argument % 2);
  assert.deepEqual(shuffled.map(group), plain.map(group));
  assert.deepEqual(
    [...shuffled].sort((a, b) => a - b),
    [...plain].sort((a, b) => a - b),
  );
});

test('an error carries the simulated time, the component, the event and the original', () => {
  const simulation = new Simulation();
  const original = new Error('disk full');
  const target = simulation.add({
    name: 'etcd-1',
    handle() {
      throw original;
    },
    describe: (opcode, argument) => `write ${argument} (opcode ${opcode})`,
  });
  simulation.schedule(3 * SECOND + 5 * MILLISECOND, target, 4, 17);
  assert.throws(
    () => simulation.run(),
    (error) => {
      assert.ok(error instanceof SimulationError);
      assert.equal(error.time, 3_005_000_000);
      assert.equal(error.component, 'etcd-1');
      assert.deepEqual([error.opcode, error.argument], [4, 17]);
      assert.equal(error.cause, original);
      assert.match(error.message, /disk full[\s\S]*etcd-1: write 17 \(opcode 4\) at 3005000000 ns, event 1/);
      return true;
    },
  );
  simulation.run(); // the run can go on
});

test('an event for a component that was never added says so', () => {
  const simulation = new Simulation();
  simulation.schedule(1, 5, 1);
  assert.throws(() => simulation.run(), /target 5, which was never added/);
});

test('run inside run is refused', () => {
  const simulation = new Simulation();
  const target = simulation.add({ name: 'nested', handle: () => simulation.run() });
  simulation.schedule(1, target, 1);
  assert.throws(() => simulation.run(), /schedule instead/);
});

/** Jobs for a shared store: thinks, takes, thinks again; `aside` or not the store must be the same when somebody looks. */
class Jobs implements Component {
  readonly name = 'jobs';
  readonly target: number;
  readonly log: number[] = [];
  price = 1;
  spent = 0;
  private readonly simulation: Simulation;
  private state = 12345;

  constructor(simulation: Simulation, aside: boolean) {
    this.simulation = simulation;
    this.target = aside ? simulation.addAside(this) : simulation.add(this);
  }

  handle(opcode: number, argument: number): void {
    this.spent += this.price;
    this.log.push(this.simulation.now, opcode, argument, this.price);
    this.state = (Math.imul(this.state, 1103515245) + 12345) >>> 0;
    const wait = 1 + (this.state >>> 8) % 1000;
    const handle = this.simulation.schedule(wait, this.target, opcode + 1, argument);
    if (wait % 7 === 0) {
      this.simulation.cancel(handle);
      this.simulation.schedule(wait + 1, this.target, 0, argument);
    }
  }
}

test('events aside have the effects that they have in order of time, whoever looks or changes something when', () => {
  const run = (aside: boolean, how: 'fast' | 'traced' | 'steps', eventList: 'ladder' | 'heap' = 'ladder') => {
    const simulation = new Simulation({ eventList });
    const jobs = new Jobs(simulation, aside);
    const seen: number[] = [];
    let last = 0;
    const clerk = simulation.add({
      name: 'clerk',
      handle(_opcode, argument) {
        simulation.catchUp();
        assert.equal(simulation.now, last);
        seen.push(simulation.now, jobs.spent);
        jobs.price = argument + 2;
        last = simulation.now + 733;
        simulation.scheduleAt(last, clerk, 0, argument + 1);
      },
    });
    // Never at the instant of a job.
    last = 733.5;
    simulation.scheduleAt(last, clerk, 0);
    for (let i = 0; i < 20; i++) simulation.schedule(i, jobs.target, 0, i);
    const times: number[] = [];
    if (how === 'traced') simulation.trace = { event: (time) => times.push(time) };
    if (how === 'steps') while (simulation.nextTime <= 50_000) simulation.step();
    else for (let time = 1000; time <= 50_000; time += 1000) simulation.run(time);
    assert.deepEqual(times, [...times].sort((a, b) => a - b));
    return { seen, log: jobs.log, events: simulation.events, hash: simulation.traceHash };
  };
  const expected = run(false, 'fast');
  const aside = run(true, 'fast');
  assert.deepEqual({ ...aside, hash: '' }, { ...expected, hash: '' });
  assert.ok(aside.seen.length > 100 && aside.log.length > 5000);
  assert.deepEqual(run(true, 'traced'), aside);
  assert.deepEqual(run(true, 'steps'), aside);
  assert.deepEqual(run(true, 'fast', 'heap'), aside);
});

test('an event aside cannot schedule one that is not', () => {
  const simulation = new Simulation();
  const other = new Recorder(simulation);
  const target = simulation.addAside({ name: 'hasty', handle: () => simulation.schedule(5, other.target, 1) });
  simulation.schedule(10, target, 0);
  assert.throws(() => simulation.run(), /an event of recorder scheduled by one that is handled aside/);
});
