import { Bench } from 'tinybench';
import { type Distribution, draw, Randomness } from '../../src/random/index.js';

const specs: Record<string, Distribution<number>> = {
  uniform: { kind: 'uniform', low: 0, high: 1 },
  exponential: { kind: 'exponential', mean: 1 },
  normal: { kind: 'normal', mean: 0, deviation: 1 },
  lognormal: { kind: 'lognormal', median: 1, sigma: 0.5 },
  gamma: { kind: 'gamma', shape: 2.5, scale: 1 },
  weibull: { kind: 'weibull', shape: 1.5, scale: 1 },
  pareto: { kind: 'pareto', shape: 2.5, scale: 1 },
};

const BATCH = 1000;

/** Median cost of a draw, for streams and keyed draws. */
export async function measureDraws(): Promise<{ name: string; ns: number }[]> {
  const randomness = new Randomness('1');
  const stream = randomness.stream('draws');
  const keyed = randomness.keyed('draws');
  const bench = new Bench({ time: 200 });
  let sink = 0;
  bench.add('stream, uniform bits', () => {
    for (let i = 0; i < BATCH; i++) sink += stream.next();
  });
  bench.add('keyed, uniform bits', () => {
    for (let i = 0; i < BATCH; i++) sink += keyed.uniform(i, 0);
  });
  for (const [name, spec] of Object.entries(specs)) {
    bench.add(`stream, ${name}`, () => {
      for (let i = 0; i < BATCH; i++) sink += draw(spec, stream);
    });
  }
  await bench.run();
  if (Number.isNaN(sink)) throw new Error('a draw is not a number');
  return bench.tasks.map((task) => ({ name: task.name, ns: medianMilliseconds(task.result) * (1e6 / BATCH) }));
}

function medianMilliseconds(result: unknown): number {
  return (result as { latency: { p50: number } }).latency.p50;
}
