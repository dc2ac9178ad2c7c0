import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  all,
  any,
  Interrupt,
  type Process,
  Signal,
  Simulation,
  SimulationError,
  type Suspension,
  Timer,
  within,
} from '../../src/kernel/index.js';

type Body<T = void> = Generator<Suspension, T, unknown>;

/** A simulation and a log of what happened when. */
function setup(): { sim: Simulation; log: string[]; say: (what: string) => void } {
  const sim = new Simulation();
  const log: string[] = [];
  return { sim, log, say: (what) => void log.push(`${sim.now} ${what}`) };
}

test('processes sleep, start others, wait for their end and get what they return', () => {
  const { sim, log, say } = setup();
  function* child(): Body<number> {
    say('child');
    yield* sim.sleep(20);
    return 42;
  }
  function* parent(): Body {
    say('parent');
    const process = sim.process(child(), 5);
    yield* sim.sleep(10);
    assert.equal(process.alive, true);
    say(`got ${yield* sim.wait(process)}`);
    say(`still ${yield* sim.wait(process)}`);
  }
  sim.process(parent());
  sim.run();
  assert.deepEqual(log, ['0 parent', '5 child', '25 got 42', '25 still 42']);
  assert.equal(sim.processes.size, 0);
});

test('a signal wakes all who wait, in order, with a value; conditions are asked after each event', () => {
  const { sim, log, say } = setup();
  const signal = new Signal<string>();
  let stock = 0;
  function* waiter(name: string): Body {
    say(`${name} ${yield* sim.wait(signal)}`);
  }
  function* buyer(): Body {
    yield* sim.wait(() => stock >= 2);
    say(`stock ${stock}`);
    yield* sim.wait(() => stock >= 1);
    say('at once');
  }
  function* maker(): Body {
    for (let i = 0; i < 3; i++) {
      yield* sim.sleep(10);
      stock++;
    }
    signal.fire('fired');
  }
  for (const body of [waiter('a'), buyer(), waiter('b'), maker()]) sim.process(body);
  sim.run();
  assert.deepEqual(log, ['20 stock 2', '20 at once', '30 a fired', '30 b fired']);
});

test('any, all and within', () => {
  const { sim, log, say } = setup();
  const slow = new Signal<number>();
  function* work(time: number, value: string): Body<string> {
    yield* sim.sleep(time);
    return value;
  }
  function* main(): Body {
    const first = yield* sim.wait(any<unknown>(slow, new Timer(sim, 30), sim.process(work(20, 'b'))));
    say(`any ${first.index} ${first.value}`);
    const [x, , z] = yield* sim.wait(all(sim.process(work(10, 'x')), new Timer(sim, 50), sim.process(work(5, 'z'))));
    say(`all ${x} ${z}`);
    const late = yield* sim.wait(within(sim, 7, slow));
    say(`late ${late.timedOut}`);
    const ended = sim.process(work(1, 'y'));
    const timely = yield* sim.wait(within(sim, 7, ended));
    say(`timely ${timely.timedOut ? '' : timely.value}`);
    const again = yield* sim.wait(any<unknown>(slow, ended));
    say(`again ${again.index} ${again.value}`);
  }
  sim.process(main());
  sim.run();
  assert.deepEqual(log, ['20 any 2 b', '70 all x z', '77 late true', '78 timely y', '78 again 1 y']);
  assert.equal(slow.size, 0, 'nobody is left behind at a signal that lost');
  assert.equal(sim.now, 78, 'timers that lost are cancelled');
});

test('an interrupt arrives at the wait, can be caught, and ends the process when it is not', () => {
  const { sim, log, say } = setup();
  function* worker(name: string, careful: boolean): Body<string> {
    try {
      yield* sim.sleep(100);
    } catch (error) {
      assert.ok(error instanceof Interrupt);
      say(`${name} ${error.reason}`);
      if (!careful) throw error;
      yield* sim.sleep(5);
      say(`${name} went on`);
    } finally {
      say(`${name} finally`);
    }
    return 'done';
  }
  const processes: Process<string>[] = [];
  function* boss(): Body {
    processes.push(sim.process(worker('a', true)), sim.process(worker('b', false)));
    yield* sim.sleep(10);
    for (const process of processes) assert.equal(process.interrupt('stop'), true);
    say(`b ended with ${yield* sim.wait(processes[1]!)}`);
    yield* sim.wait(processes[0]!);
    assert.equal(processes[0]!.interrupt(), false);
  }
  sim.process(boss());
  sim.run();
  assert.deepEqual(log, [
    '10 a stop',
    '10 b stop',
    '10 b finally',
    '10 b ended with undefined',
    '15 a went on',
    '15 a finally',
  ]);
  assert.equal(processes[0]!.value, 'done');
  assert.equal(sim.now, 15, 'the sleeps that were interrupted left no event');
});

test('an interrupt before the process began, in a condition, in a nested generator', () => {
  const { sim, log, say } = setup();
  function* never(): Body {
    say('never');
  }
  function* condition(): Body {
    yield* sim.wait(() => false);
  }
  function* inner(): Body {
    yield* sim.sleep(50);
  }
  function* nested(): Body {
    try {
      yield* inner();
    } catch {
      say('nested');
    }
  }
  const victims = [sim.process(never(), 20), sim.process(condition()), sim.process(nested())];
  function* boss(): Body {
    yield* sim.sleep(10);
    for (const victim of victims) victim.interrupt();
  }
  sim.process(boss());
  sim.run();
  assert.deepEqual(log, ['10 nested']);
  assert.equal(sim.processes.size, 0);
});

test('a hundred processes that are interrupted, restarted and nested give the same hash on every event list', () => {
  const hash = (eventList: 'ladder' | 'heap' | 'fastpriorityqueue') => {
    const sim = new Simulation({ eventList });
    let state = 1;
    const random = (n: number) => ((state = (Math.imul(state, 1664525) + 1013904223) | 0) >>> 8) % n;
    const all: Process[] = [];
    function* body(): Body {
      for (let i = 0; i < 50; i++) {
        try {
          yield* sim.sleep(random(20));
          if (random(10) === 0) all[random(all.length)]!.interrupt();
        } catch {
          yield* sim.sleep(1);
        }
      }
    }
    for (let i = 0; i < 100; i++) all.push(sim.process(body()));
    try {
      sim.run();
    } catch (error) {
      assert.match(String(error), /cannot interrupt itself/);
    }
    return `${sim.traceHash} ${sim.events}`;
  };
  const hashes = (['ladder', 'heap', 'fastpriorityqueue'] as const).map(hash);
  assert.equal(new Set(hashes).size, 1, hashes.join('\n'));
});

test('mistakes are named', () => {
  const { sim } = setup();
  assert.throws(() => sim.sleep(1), /only a process can wait/);
  const fails = (body: () => Body, message: RegExp) => {
    sim.process(body());
    assert.throws(() => sim.run(), message);
  };
  fails(function* (): Body {
    yield 5 as never;
  }, /write yield\* sim\.sleep/);
  fails(function* (): Body {
    sim.sleep(1);
    yield* sim.sleep(2);
  }, /waits already/);
  fails(function* (): Body {
    sim.wait(() => true);
    yield* sim.sleep(2);
  }, /not waited for/);
  fails(function* (): Body {
    yield* sim.sleep(3);
    throw new RangeError('broken');
  }, /broken\n {2}in processes: process \d+ goes on after a sleep at/);
});

test('an error inside a process is a SimulationError with the time', () => {
  const { sim } = setup();
  function* body(): Body {
    yield* sim.sleep(7);
    throw new Error('broken');
  }
  sim.process(body());
  assert.throws(
    () => sim.run(),
    (error) => error instanceof SimulationError && error.time === 7,
  );
});
