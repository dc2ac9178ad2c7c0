import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DrawLog, Lockstep, SECOND, Simulation, SimulationError, Tracer } from '../../src/kernel/index.js';
import { type DistributionSpec, Randomness, sample } from '../../src/random/index.js';

/** A little rollout: a controller creates pods, a scheduler binds them, a kubelet starts them. */
function rollout(simulation: Simulation, failAt = -1): void {
  const kubelet = simulation.add({
    name: 'kubelet',
    handle(_opcode, pod) {
      if (pod === failAt) throw new Error('image not found');
      simulation.note(`pod-${pod}`, 'Running');
    },
    describe: (_opcode, pod) => `start pod-${pod}`,
  });
  const scheduler = simulation.add({
    name: 'scheduler',
    handle(_opcode, pod) {
      simulation.note(`pod-${pod}`, 'bound to node-1');
      simulation.schedule(2 * SECOND, kubelet, 1, pod);
    },
    describe: (_opcode, pod) => `bind pod-${pod}`,
  });
  const controller = simulation.add({
    name: 'controller',
    handle() {
      for (let pod = 0; pod < 3; pod++) {
        simulation.note(`pod-${pod}`, 'created');
        simulation.schedule((pod + 1) * 1e6, scheduler, 1, pod);
      }
    },
    describe: () => 'sync deployment web',
  });
  simulation.schedule(SECOND, controller, 9);
}

test('a trace explains a thing and an event back to the first cause', () => {
  const simulation = new Simulation();
  const tracer = new Tracer(simulation);
  simulation.trace = tracer;
  rollout(simulation);
  simulation.run();
  assert.deepEqual(tracer.subjects, ['pod-0', 'pod-1', 'pod-2']);
  assert.deepEqual(tracer.explain('pod-1'), [
    'pod-1:',
    '1.000000000s #1 created',
    '1.002000000s #3 bound to node-1',
    '3.002000000s #6 Running',
    '',
    'Why "Running":',
    '#6 3.002000000s kubelet: start pod-1; pod-1: Running',
    '  because #3 1.002000000s scheduler: bind pod-1; pod-1: bound to node-1',
    '  because #1 1.000000000s controller: sync deployment web; pod-0: created; pod-1: created; pod-2: created',
    '  (scheduled from outside, or before the trace began)',
  ]);
  assert.equal(tracer.explain('#6')![0], '#6 3.002000000s kubelet: start pod-1; pod-1: Running');
  assert.equal(tracer.explain('6')!.length, 4);
  assert.equal(tracer.explain('pod-9'), undefined);
  assert.equal(tracer.explain('99'), undefined);
});

test('the ring forgets the oldest events and says so', () => {
  const simulation = new Simulation();
  const tracer = new Tracer(simulation, 4);
  simulation.trace = tracer;
  const target = simulation.add({
    name: 'clock',
    handle: (opcode) => void (simulation.now < 90 && simulation.schedule(10, target, opcode)),
  });
  simulation.schedule(10, target, 1);
  simulation.run();
  assert.deepEqual(
    tracer.last(9).map((event) => event.sequence),
    [6, 7, 8, 9],
  );
  assert.equal(tracer.at(5), undefined);
  assert.equal(tracer.explain('9')!.at(-1), '  (event #5 is no longer in the ring)');
});

test('a trace that begins late knows no earlier causes; tracing does not change the hash', () => {
  const run = (traced: boolean) => {
    const simulation = new Simulation();
    rollout(simulation);
    simulation.run(SECOND);
    const tracer = new Tracer(simulation);
    if (traced) simulation.trace = tracer;
    simulation.run();
    if (traced) assert.equal(tracer.chain(7).length, 2);
    simulation.trace = null;
    return simulation.traceHash;
  };
  assert.equal(run(true), run(false));
});

test('an error with a trace names what led to it', () => {
  const simulation = new Simulation();
  simulation.trace = new Tracer(simulation);
  rollout(simulation, 2);
  assert.throws(
    () => simulation.run(),
    (error) => {
      assert.ok(error instanceof SimulationError);
      assert.deepEqual(
        error.causes.map((line) => line.split(';')[0]),
        ['#4 1.003000000s scheduler: bind pod-2', '#1 1.000000000s controller: sync deployment web'],
      );
      assert.match(
        error.message,
        /image not found\n {2}in kubelet: start pod-2 at 3003000000 ns, event 7\n {2}caused by #4/,
      );
      return true;
    },
  );
});

const delay: DistributionSpec = { kind: 'exponential', mean: 1000 };

/** Builds a chatty pair whose behaviour may hide something. */
function pair(hidden: { event?: () => number; draw?: () => number; end?: () => number }) {
  return (draws: DrawLog): Simulation => {
    const simulation = new Simulation();
    const stream = new Randomness('1', draws).stream('a');
    const target = simulation.add({
      name: 'a',
      handle(_opcode, argument) {
        if (argument >= 100 + (hidden.end?.() ?? 0)) return;
        let next = sample(delay, stream);
        if (hidden.draw?.() === 50) stream.next();
        if (hidden.event?.() === 70) next += 1;
        simulation.schedule(next, target, 1, argument + 1);
      },
    });
    simulation.schedule(5, target, 1, 0);
    return simulation;
  };
}

test('lockstep: two runs that do the same', () => {
  const lockstep = new Lockstep(pair({}));
  assert.equal(lockstep.run(), undefined);
  assert.equal(lockstep.simulation.events, 101);
});

test('lockstep: the first differing event, draw and end are shown', () => {
  // A counter shared by both sides is hidden state: each side sees every other number.
  const counter = () => {
    let n = 0;
    return () => n++;
  };
  const event = new Lockstep(pair({ event: counter() })).run()!;
  assert.equal(event.kind, 'event');
  assert.equal(event.sequence, 37); // number 70 is the first side's 36th call; its effect is the next event
  assert.match(event.first, /^#37 .* a: opcode 1\(36\)$/);
  assert.notEqual(event.first, event.second);
  assert.equal(event.firstCauses.length, 20);
  const draw = new Lockstep(pair({ draw: counter() })).run()!;
  assert.equal(draw.kind, 'draw');
  assert.match(draw.first, /^draw \d+ of a = 0\.\d+ in #26 /);
  assert.match(draw.second, /^no draw/);
  let built = 0;
  const end = new Lockstep((draws) =>
    pair({
      end: (
        (extra) => () =>
          extra
      )(built++),
    })(draws),
  ).run()!;
  assert.equal(end.kind, 'draw', 'the longer run draws once more');
});
