/**
 * Wall time of a request hop (`npm run bench:traffic`): users at 10,000 a second, 100 pods on 10 nodes, the default network. Each case
 * is run five times and its median printed. Limit: 1.5 µs a hop with a timeout armed; a hop is the way of one try to a pod, its service
 * and its answer. Exit status 1 when a case with a limit misses it.
 */
import { SECOND } from '../src/kernel/time.js';
import type { TrafficSpec } from '../src/scenario/types.js';
import { behaviour, TrafficBench } from '../test/workload/harness.js';

const ROUNDS = 5;
const RATE = 10_000;
const SECONDS = 30;
const LIMIT = 1.5;

interface Case {
  readonly name: string;
  readonly traffic: Partial<TrafficSpec>;
  readonly limited: boolean;
}

const backOff = { base: 25_000_000, maximum: 250_000_000 };
const cases: readonly Case[] = [
  { name: 'open, timeout recognised at the answer', traffic: {}, limited: true },
  { name: 'a timeout event armed and cancelled for each', traffic: { cancels: true }, limited: true },
  { name: 'retries with budget, a timeout for each try', traffic: { retries: { maximum: 2, tryTimeout: SECOND / 2, backOff, budget: { share: 0.2, minimumRate: 10 } } }, limited: false },
  { name: 'least connections', traffic: { balancing: 'leastConnections' }, limited: false },
  { name: 'power of two', traffic: { balancing: 'powerOfTwo' }, limited: false },
];

/** Microseconds of wall time a request. */
function measure(traffic: Partial<TrafficSpec>): number {
  const bench = new TrafficBench({
    behaviours: [behaviour({ kind: 'exponential', mean: 5_000_000 }, { concurrency: 8 })],
    rate: RATE,
    pods: 100,
    nodes: 10,
    timeout: SECOND,
    traffic,
  });
  bench.run(3);
  const before = bench.workload.traffic[0]!.sent;
  const start = performance.now();
  bench.run(3 + SECONDS);
  const wall = performance.now() - start;
  return (1000 * wall) / (bench.workload.traffic[0]!.sent - before);
}

let missed = false;
for (const { name, traffic, limited } of cases) {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push(measure(traffic));
  times.sort((a, b) => a - b);
  const median = times[ROUNDS >> 1]!;
  const verdict = limited ? (median <= LIMIT ? ` (limit ${LIMIT})` : ` MISSES the limit ${LIMIT}`) : '';
  if (limited && median > LIMIT) missed = true;
  console.log(`${name}: ${median.toFixed(2)} µs a hop${verdict}`);
}
if (missed) process.exitCode = 1;
