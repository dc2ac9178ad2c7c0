import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  any,
  Level,
  ProcessorSharing,
  Server,
  Simulation,
  Store,
  type Suspension,
  Timer,
  TokenBucket,
  within,
} from '../../src/kernel/index.js';

type Body<T = void> = Generator<Suspension, T, unknown>;

function setup(): { sim: Simulation; log: string[]; say: (what: string) => void } {
  const sim = new Simulation();
  const log: string[] = [];
  return { sim, log, say: (what) => void log.push(`${sim.now} ${what}`) };
}

test('a server of two units serves first come, first served', () => {
  const { sim, log, say } = setup();
  const server = new Server(sim, 2);
  function* customer(name: string): Body {
    yield* server.use(10);
    say(name);
  }
  for (const name of ['a', 'b', 'c', 'd', 'e']) sim.process(customer(name));
  sim.run(1);
  assert.deepEqual([server.busy, server.waiting], [2, 3]);
  sim.run(40);
  assert.deepEqual(log, ['10 a', '10 b', '20 c', '20 d', '30 e']);
  assert.equal(server.utilization, 50 / 80);
  assert.throws(() => server.release(), /nobody took/);
});

test('a server by priority: smaller first, equals in order; components are continued by events', () => {
  const { sim, log, say } = setup();
  const server = new Server(sim, 1, 'priority');
  function* customer(name: string, priority: number): Body {
    yield* server.acquire(priority);
    yield* sim.sleep(10);
    say(name);
    server.release();
  }
  const target = sim.add({
    name: 'component',
    handle(opcode, argument) {
      if (opcode === 1) {
        sim.schedule(10, target, 2, argument);
      } else {
        say(`component ${argument}`);
        server.release();
      }
    },
  });
  sim.process(customer('first', 9));
  sim.run(0);
  assert.equal(server.request(target, 1, 7, 2), false);
  for (const [name, priority] of [
    ['c', 3],
    ['a', 1],
    ['b', 1],
    ['z', 5],
  ] as const)
    sim.process(customer(name, priority));
  sim.run();
  assert.deepEqual(log, ['10 first', '20 a', '30 b', '40 component 7', '50 c', '60 z']);
  assert.equal(server.request(target, 1, 8), true);
  assert.equal(server.busy, 1);
});

test('who is interrupted or gives up while waiting, or right after being granted, leaves no unit behind', () => {
  const { sim, log, say } = setup();
  const server = new Server(sim, 1);
  function* holder(): Body {
    yield* server.use(10);
    granted.interrupt(); // the unit is its already, but the event that tells it is still to come
  }
  function* impatient(): Body {
    const result = yield* sim.wait(within(sim, 5, server.claim()));
    say(`timed out ${result.timedOut}`);
  }
  function* victim(): Body {
    yield* server.acquire();
    say('never');
  }
  function* last(): Body {
    yield* server.acquire();
    say('last');
    server.release();
  }
  sim.process(holder());
  sim.process(impatient());
  const waiting = sim.process(victim());
  const granted = sim.process(victim());
  sim.process(last());
  function* boss(): Body {
    yield* sim.sleep(7);
    waiting.interrupt();
  }
  sim.process(boss());
  sim.run();
  assert.deepEqual(log, ['5 timed out true', '10 last']);
  assert.deepEqual([server.busy, server.waiting], [0, 0]);
});

test('a store: items in order, room, and an item that was given up goes to the next', () => {
  const { sim, log, say } = setup();
  const store = new Store<string>(sim, 2);
  function* producer(): Body {
    for (const item of ['a', 'b', 'c', 'd']) {
      yield* store.offer(item);
      say(`put ${item}`);
    }
  }
  function* consumer(): Body {
    yield* sim.sleep(10);
    for (let i = 0; i < 5; i++) say(`got ${yield* store.get()}`);
  }
  sim.process(producer());
  sim.process(consumer());
  sim.run();
  assert.deepEqual(log, ['0 put a', '0 put b', '10 got a', '10 got b', '10 got c', '10 put c', '10 put d', '10 got d']);
  assert.equal(store.put('e'), true);
  sim.run();
  assert.equal(log.at(-1), '10 got e');
  assert.deepEqual(
    [store.put('x'), store.put('y'), store.put('z'), store.poll(), store.poll(), store.poll()],
    [true, true, false, 'x', 'y', undefined],
  );
});

test('a taker that loses interest in a store gives back what it was handed', () => {
  const { sim, log, say } = setup();
  const store = new Store<string>(sim);
  function* taker(name: string): Body {
    say(`${name} ${yield* store.get()}`);
  }
  const first = sim.process(taker('first'));
  sim.process(taker('second'));
  function* boss(): Body {
    yield* sim.sleep(5);
    store.put('item');
    first.interrupt();
    const lost = yield* sim.wait(any<unknown>(new Timer(sim, 1), store));
    say(`boss ${lost.index}`);
    store.put('later');
    say(`boss ${yield* store.get()}`);
  }
  sim.process(boss());
  sim.run();
  assert.deepEqual(log, ['5 second item', '6 boss 0', '6 boss later']);
});

test('a level: amounts are waited for in order', () => {
  const { sim, log, say } = setup();
  const tank = new Level(sim, 100, 10);
  function* car(name: string, amount: number): Body {
    yield* tank.get(amount);
    say(`${name} ${tank.value}`);
  }
  for (const [name, amount] of [
    ['small', 5],
    ['big', 60],
    ['tiny', 1],
  ] as const)
    sim.process(car(name, amount));
  function* truck(): Body {
    yield* sim.sleep(10);
    assert.equal(tank.poll(1), false, 'nobody overtakes the line');
    assert.equal(tank.put(40), 0);
    yield* sim.sleep(10);
    assert.equal(tank.put(120), 65);
  }
  sim.process(truck());
  sim.run();
  assert.deepEqual(log, ['0 small 5', '20 big 39', '20 tiny 39']);
});

test('a token bucket: bursts, then the rate; reservations in order', () => {
  const { sim, log, say } = setup();
  const bucket = new TokenBucket(sim, 1e9 / 10, 3); // a token every 10 ns
  function* client(i: number): Body {
    yield* bucket.take();
    say(`${i}`);
  }
  for (let i = 0; i < 6; i++) sim.process(client(i));
  sim.run(30);
  assert.deepEqual(log, ['0 0', '0 1', '0 2', '10 3', '20 4', '30 5']);
  assert.equal(bucket.tokens, 0);
  assert.equal(bucket.poll(), false);
  sim.run(55);
  assert.equal(bucket.tokens, 2.5);
  assert.equal(bucket.poll(2), true);
  assert.equal(bucket.reserve(1), 5);
  sim.run(1000);
  assert.equal(bucket.tokens, 3);
});

test('processor sharing: a worked example with two processors', () => {
  const { sim, log, say } = setup();
  const cpu = new ProcessorSharing(sim, 2);
  function* job(name: string, start: number, work: number): Body {
    yield* sim.sleep(start);
    yield* cpu.serve(work);
    say(name);
  }
  // a and b run at full speed until c comes at 10; then each gets 2/3. b needs 20 more: done at 40. a and c at full speed again.
  sim.process(job('a', 0, 100));
  sim.process(job('b', 0, 30));
  sim.process(job('c', 10, 50));
  sim.run();
  assert.deepEqual(log, ['40 b', '70 c', '110 a']);
  assert.equal(cpu.size, 0);
});

test('processor sharing: a job given up speeds up the others; components submit work', () => {
  const { sim, log, say } = setup();
  const cpu = new ProcessorSharing(sim);
  function* job(work: number): Body {
    yield* cpu.serve(work);
    say('job');
  }
  const gone = sim.process(job(1000));
  const target = sim.add({ name: 'client', handle: (opcode, argument) => say(`component ${opcode} ${argument}`) });
  cpu.submit(20, target, 3, 4);
  sim.run(20);
  gone.interrupt();
  sim.run();
  assert.deepEqual(log, ['30 component 3 4']);
});
