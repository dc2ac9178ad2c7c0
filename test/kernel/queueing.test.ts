import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProcessorSharing, SECOND, Server, Simulation, type Suspension } from '../../src/kernel/index.js';
import { type Distribution, draw, Randomness } from '../../src/random/index.js';
import { BatchMeans, LittleCheck } from '../../src/stats/index.js';

/** Fixed and consecutive: none was chosen. */
const SEEDS = 200;
/** Customers cut as warm-up, and measured. */
const WARM = 1000;
const CUSTOMERS = 16_000;

interface Station {
  readonly lambda: number;
  readonly servers: number;
  readonly service: Distribution<number>;
}

/** One run of a queue with Poisson arrivals: batch means of the time in the system, in seconds. */
function queue({ lambda, servers, service }: Station, seed: string): BatchMeans {
  const sim = new Simulation({ hash: false });
  const server = new Server(sim, servers);
  const randomness = new Randomness(seed);
  const arrivals = randomness.stream('arrivals');
  const services = randomness.keyed('services');
  const batches = new BatchMeans(20);
  function* customer(k: number): Generator<Suspension, void, unknown> {
    const arrived = sim.now;
    yield* server.use(draw(service, services.source(k)) * SECOND);
    if (k >= WARM && k < WARM + CUSTOMERS) batches.observe((sim.now - arrived) / SECOND);
  }
  function* source(): Generator<Suspension, void, unknown> {
    for (let k = 0; k < WARM + CUSTOMERS; k++) {
      yield* sim.sleep((draw({ kind: 'exponential', mean: 1 }, arrivals) * SECOND) / lambda);
      sim.process(customer(k));
    }
  }
  sim.process(source());
  sim.run();
  return batches;
}

function coverage(truth: number, run: (seed: string) => BatchMeans): void {
  let covered = 0;
  let sum = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const { mean, halfWidth } = run(`${seed}`).interval();
    if (Math.abs(mean - truth) <= halfWidth) covered++;
    sum += mean;
  }
  assert.ok(Math.abs(sum / SEEDS / truth - 1) < 0.01, `grand mean ${sum / SEEDS} for ${truth}`);
  assert.ok(
    covered >= 0.9 * SEEDS && covered <= 0.99 * SEEDS,
    `the 95 % interval covers ${truth} in ${covered} of ${SEEDS} runs`,
  );
}

/** Probability of waiting in M/M/c with offered load a (Erlang C, by the recursion of Erlang B). */
function erlangC(c: number, a: number): number {
  let b = 1;
  for (let k = 1; k <= c; k++) b = (a * b) / (k + a * b);
  const rho = a / c;
  return b / (1 - rho * (1 - b));
}

const exponential: Distribution<number> = { kind: 'exponential', mean: 1 };

test('Erlang C beside the published table', () => {
  for (const [c, lambda, value] of [
    [1, 0.8, 0.8],
    [2, 1.6, 0.711111],
    [4, 3.2, 0.596432],
    [10, 8, 0.40918],
    [100, 90, 0.21694],
  ] as const) {
    assert.ok(Math.abs(erlangC(c, lambda) - value) < 1e-6);
  }
});

test('M/M/1', () => coverage(1 / (1 - 0.6), (seed) => queue({ lambda: 0.6, servers: 1, service: exponential }, seed)));

test('M/M/4', () => {
  const wait = erlangC(4, 2.8) / (4 - 2.8);
  coverage(wait + 1, (seed) => queue({ lambda: 2.8, servers: 4, service: exponential }, seed));
});

test('M/D/1 (Pollaczek–Khinchine)', () => {
  coverage(1 + 0.6 / 0.4 / 2, (seed) =>
    queue({ lambda: 0.6, servers: 1, service: { kind: 'constant', value: 1 } }, seed),
  );
});

test('M/G/1, squared coefficient of variation 2 (Pollaczek–Khinchine)', () => {
  const service: Distribution<number> = { kind: 'gamma', shape: 0.5, scale: 2 };
  coverage(1 + (0.5 / 0.5) * (3 / 2), (seed) => queue({ lambda: 0.5, servers: 1, service }, seed));
});

/** Exact mean value analysis of a closed network of single servers: the cycle time with n customers. */
function cycleTime(demands: readonly number[], n: number): number {
  let lengths = demands.map(() => 0);
  let cycle = 0;
  for (let k = 1; k <= n; k++) {
    const times = demands.map((demand, i) => demand * (1 + lengths[i]!));
    cycle = times.reduce((a, b) => a + b, 0);
    lengths = times.map((time) => (k * time) / cycle);
  }
  return cycle;
}

/** A closed network: two first-come-first-served stations with exponential service and one that shares its processor with another law. */
function closed(seed: string): BatchMeans {
  const sim = new Simulation({ hash: false });
  const disk = new Server(sim);
  const net = new Server(sim);
  const cpu = new ProcessorSharing(sim);
  const stream = new Randomness(seed).stream('demands');
  const batches = new BatchMeans(20);
  let cycles = 0;
  const shared: Distribution<number> = { kind: 'gamma', shape: 2, scale: 0.4 };
  function* customer(): Generator<Suspension, void, unknown> {
    for (;;) {
      const start = sim.now;
      yield* disk.use(draw(exponential, stream) * SECOND);
      yield* net.use(draw(exponential, stream) * 0.5 * SECOND);
      yield* cpu.serve(draw(shared, stream) * SECOND);
      if (++cycles > WARM) batches.observe((sim.now - start) / SECOND);
      if (cycles === WARM + CUSTOMERS) sim.stop();
    }
  }
  for (let i = 0; i < 6; i++) sim.process(customer());
  sim.run();
  return batches;
}

test('a closed network of three stations (mean value analysis)', () => coverage(cycleTime([1, 0.5, 0.8], 6), closed));

test("processor sharing: the time in the system does not depend on the law of service; Little's law holds", () => {
  for (const service of [
    exponential,
    { kind: 'constant', value: 1 },
    { kind: 'gamma', shape: 0.25, scale: 4 },
  ] as const) {
    const sim = new Simulation({ hash: false });
    const cpu = new ProcessorSharing(sim);
    const randomness = new Randomness('1');
    const arrivals = randomness.stream('arrivals');
    const services = randomness.stream('services');
    const little = new LittleCheck();
    function* customer(): Generator<Suspension, void, unknown> {
      const arrived = sim.now;
      little.arrive(sim.now);
      yield* cpu.serve(draw(service, services) * SECOND);
      little.depart(sim.now, sim.now - arrived);
    }
    function* source(): Generator<Suspension, void, unknown> {
      for (let k = 0; k < 200_000; k++) {
        yield* sim.sleep((draw(exponential, arrivals) * SECOND) / 0.7);
        sim.process(customer());
      }
    }
    sim.process(source());
    sim.run();
    assert.ok(
      Math.abs(little.meanTime / SECOND / (1 / 0.3) - 1) < 0.05,
      `${service.kind}: ${little.meanTime / SECOND}`,
    );
    assert.ok(little.gap(sim.now) < 1e-9, `gap ${little.gap(sim.now)}`);
  }
});
