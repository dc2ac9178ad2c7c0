import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nominalSeats, PRIORITY_LEVELS } from '../../../src/apiserver/flow-control/configuration.js';
import { BORROWING_PERIOD, FlowControl } from '../../../src/apiserver/flow-control/flow-control.js';
import { QueueSet, type Ticket } from '../../../src/apiserver/flow-control/queue-set.js';
import { Randomness } from '../../../src/random/stream.js';
import { Heap } from './heap.js';

/** --max-requests-inflight 400 and --max-mutating-requests-inflight 200. */
const SEATS = 600;

interface Arrival {
  readonly at: number;
  readonly level: string;
  readonly flow: string;
  readonly service: number;
}

/** Plays arrivals against all levels of a server; returns the waits of a level's requests, rejections excluded, and how many those were. */
function play(arrivals: readonly Arrival[], level: string): { waits: number[]; rejected: number } {
  const control = new FlowControl(SEATS);
  const finishes = new Heap<{ at: number; ticket: Ticket; level: string }>();
  const waits: number[] = [];
  let rejected = 0;
  let borrowAt = BORROWING_PERIOD;
  let next = 0;
  const begin = (started: Ticket[], now: number) => {
    for (const ticket of started) {
      const arrival = arrivals[ticket.id]!;
      finishes.push(now + arrival.service, { at: now + arrival.service, ticket, level: arrival.level });
      if (arrival.level === level) waits.push(now - arrival.at);
    }
  };
  while (next < arrivals.length || finishes.size > 0) {
    const arrival = arrivals[next]?.at ?? Number.POSITIVE_INFINITY;
    const finish = finishes.least;
    const started: Ticket[] = [];
    if (borrowAt <= arrival && borrowAt <= finish) {
      control.borrow(borrowAt, started);
      begin(started, borrowAt);
      borrowAt += BORROWING_PERIOD;
    } else if (finish <= arrival) {
      const { ticket, level: from, at } = finishes.pop();
      ticket.answered = at;
      control.finish(from, ticket, at, started);
      begin(started, at);
    } else {
      const { level: to, flow } = arrivals[next]!;
      const where = { level: to, schema: to, flow: `${to}/${flow}` };
      const result = control.arrive(next, where, { seats: 1, finalSeats: 0, extra: 0 }, arrival, started);
      if (result.arrival === 'rejected' && to === level) rejected++;
      next++;
      begin(started, arrival);
    }
  }
  return { waits, rejected };
}

/** The same requests of one level alone, with a fixed number of seats. */
function alone(arrivals: readonly Arrival[], level: string, seats: number): { waits: number[]; rejected: number } {
  const set = new QueueSet(PRIORITY_LEVELS.find(({ name }) => name === level)!, seats);
  const finishes = new Heap<{ at: number; ticket: Ticket }>();
  const waits: number[] = [];
  let rejected = 0;
  const own = arrivals.filter((each) => each.level === level);
  const begin = (started: Ticket[], now: number) => {
    for (const ticket of started) {
      const at = now + own[ticket.id]!.service;
      finishes.push(at, { at, ticket });
      waits.push(now - own[ticket.id]!.at);
    }
  };
  own.forEach(({ at: now, flow }, id) => {
    while (finishes.least <= now) {
      const { at, ticket } = finishes.pop();
      const started: Ticket[] = [];
      ticket.answered = at;
      set.finish(ticket, at, started);
      begin(started, at);
    }
    const started: Ticket[] = [];
    const ticket: Ticket = { id, seats: 1, finalSeats: 0, extra: 0, arrived: now, queue: -1, started: now, answered: now, state: 'waiting', schema: '', length: 0 };
    if (set.arrive(ticket, `${level}/${flow}`, now, started) === 'rejected') rejected++;
    begin(started, now);
  });
  while (finishes.size > 0) {
    const { at, ticket } = finishes.pop();
    const started: Ticket[] = [];
    ticket.answered = at;
    set.finish(ticket, at, started);
    begin(started, at);
  }
  return { waits, rejected };
}

function p99(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? 0;
}

/** Poisson arrivals of a flow between two times. */
function poisson(stream: { next(): number }, from: number, to: number, rate: number, level: string, flow: string, service: number): Arrival[] {
  const list: Arrival[] = [];
  // A sum of two uniform gaps is near enough to random for a load.
  for (let at = from; ; ) {
    at += Math.round(((stream.next() + stream.next()) * 1e9) / rate);
    if (at >= to) return list;
    list.push({ at, level, flow, service });
  }
}

const LENT = PRIORITY_LEVELS.filter(({ name }) => name === 'workload-high' || name === 'node-high' || name === 'system' || name === 'global-default');

test('a flow that floods takes from another level no more than the seats that level lends', () => {
  let hurt = 0;
  let lent = 0;
  fc.assert(
    fc.property(fc.constantFrom(...LENT), fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 30, max: 160 }), fc.integer({ min: 1, max: 3 }), (victim, seed, load, flows) => {
      const stream = new Randomness(String(seed)).stream('load');
      const nominal = nominalSeats(victim, SEATS);
      const least = nominal - Math.round((nominal * victim.lendablePercent) / 100);
      const service = 50e6;
      // The victim is idle for 25 s, so that its seats are lent, then wants `load` % of those it always keeps.
      const own = Array.from({ length: flows }, (_, i) => poisson(stream, 25e9, 33e9, (least * load) / 100 / (service / 1e9) / flows, victim.name, `f${i}`, service)).flat();
      const flood = poisson(stream, 0, 33e9, 700, 'workload-low', 'flood', 800e6);
      const together = [...own, ...flood].sort((a, b) => a.at - b.at);
      const calm = play([...own].sort((a, b) => a.at - b.at), victim.name);
      const flooded = play(together, victim.name);
      const bound = alone(together, victim.name, least);
      assert.ok(p99(flooded.waits) <= p99(bound.waits) + service, `${victim.name} at ${load} %: ${p99(flooded.waits)} > ${p99(bound.waits)}`);
      assert.ok(flooded.rejected <= bound.rejected + flows, `${flooded.rejected} rejected, ${bound.rejected} with the seats it keeps`);
      if (load <= 70) assert.ok(p99(flooded.waits) <= service, `${victim.name} within its own seats waits ${p99(flooded.waits)}`);
      if (p99(flooded.waits) > p99(calm.waits) + service) hurt++;
      if (bound.waits.length > 0) lent++;
    }),
    { numRuns: 25, seed: 3 },
  );
  assert.ok(hurt > 3 && lent > 20, `the flood was felt in ${hurt} runs`);
});
