import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PRIORITY_LEVELS } from '../../../src/apiserver/flow-control/configuration.js';
import { QueueSet, type Ticket } from '../../../src/apiserver/flow-control/queue-set.js';

const workload = PRIORITY_LEVELS.find(({ name }) => name === 'workload-low')!;

function ticket(id: number, now: number, seats = 1): Ticket {
  return { id, seats, finalSeats: 0, extra: 0, arrived: now, queue: -1, started: now, answered: now, state: 'waiting', schema: '', length: 0 };
}

/** Runs flows against a set: each request takes `service`; returns the wait of each request by flow. */
function simulate(set: QueueSet, arrivals: readonly { at: number; flow: string }[], service: number): Map<string, number[]> {
  const waits = new Map<string, number[]>();
  const flows = new Map<number, string>();
  const running: { ticket: Ticket; ends: number }[] = [];
  let next = 0;
  const begin = (started: Ticket[], now: number) => {
    for (const item of started) {
      running.push({ ticket: item, ends: now + service });
      const list = waits.get(flows.get(item.id)!) ?? [];
      list.push(now - item.arrived);
      waits.set(flows.get(item.id)!, list);
    }
  };
  while (next < arrivals.length || running.length > 0) {
    running.sort((a, b) => a.ends - b.ends);
    const finish = running[0]?.ends ?? Number.POSITIVE_INFINITY;
    const arrival = arrivals[next]?.at ?? Number.POSITIVE_INFINITY;
    const started: Ticket[] = [];
    if (finish <= arrival) {
      const { ticket: done } = running.shift()!;
      done.answered = finish;
      set.finish(done, finish, started);
      begin(started, finish);
    } else {
      const item = ticket(next, arrival);
      flows.set(next, arrivals[next]!.flow);
      set.arrive(item, arrivals[next]!.flow, arrival, started);
      next++;
      begin(started, arrival);
    }
  }
  return waits;
}

test('seats are never exceeded, nothing waits while seats are free, and every request ends up executed or rejected', () => {
  const step = fc.record({ flow: fc.integer({ min: 0, max: 5 }), seats: fc.integer({ min: 1, max: 4 }), finish: fc.boolean(), wait: fc.nat(1e7) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 4, max: 20 }), (steps, limit) => {
      const set = new QueueSet(workload, limit);
      const executing: Ticket[] = [];
      let now = 0;
      let arrived = 0;
      let rejected = 0;
      let begun = 0;
      const begin = (started: Ticket[]) => {
        begun += started.length;
        executing.push(...started);
      };
      for (const { flow, seats, finish, wait } of steps) {
        now += wait;
        const started: Ticket[] = [];
        if (finish && executing.length > 0) {
          const done = executing.shift()!;
          done.answered = now;
          set.finish(done, now, started);
        } else {
          arrived++;
          if (set.arrive(ticket(arrived, now, seats), `f${flow}`, now, started) === 'rejected') rejected++;
        }
        begin(started);
        const inUse = executing.reduce((sum, item) => sum + item.seats, 0);
        assert.equal(set.seatsInUse, inUse);
        assert.ok(inUse <= limit);
        if (set.waiting > 0) assert.ok(inUse + 4 > limit, 'a head waits only because it does not fit');
      }
      while (executing.length > 0) {
        const started: Ticket[] = [];
        const done = executing.shift()!;
        done.answered = now;
        set.finish(done, now, started);
        begin(started);
      }
      assert.equal(begun + rejected, arrived);
      assert.equal(set.waiting, 0);
      assert.equal(set.seatsInUse, 0);
    }),
  );
});

test('a flow that floods does not delay a light one: fair queuing', () => {
  const arrivals: { at: number; flow: string }[] = [];
  // 10 seats, 10 ms a request: 1,000 a second. The elephant sends 1,500 a second, the mouse 50.
  for (let i = 0; i < 3000; i++) arrivals.push({ at: Math.round((i * 1e9) / 1500), flow: 'elephant' });
  for (let i = 0; i < 100; i++) arrivals.push({ at: Math.round((i * 1e9) / 50) + 1, flow: 'mouse' });
  arrivals.sort((a, b) => a.at - b.at);
  const waits = simulate(new QueueSet(workload, 10), arrivals, 10e6);
  const mouse = waits.get('mouse')!;
  assert.equal(mouse.length, 100, 'none of the mouse is rejected');
  const elephant = waits.get('elephant')!;
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  assert.ok(mean(mouse) < 20e6, `the mouse waits ${mean(mouse) / 1e6} ms on average`);
  assert.ok(mean(elephant) > 5 * mean(mouse), 'the elephant bears its own queue');
});

test('a full queue rejects: 50 requests wait in each queue of the hand at most', () => {
  const set = new QueueSet(workload, 1);
  let rejected = 0;
  for (let i = 0; i < 1000; i++) if (set.arrive(ticket(i, 0), 'one', 0, []) === 'rejected') rejected++;
  assert.equal(set.seatsInUse, 1);
  assert.equal(set.waiting, 6 * 50);
  assert.equal(rejected, 1000 - 1 - 300);
});
