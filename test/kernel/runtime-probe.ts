/**
 * What every runtime must compute alike: a model with components, processes, resources and every distribution on each event list, and the bits
 * of a hundred thousand draws. Prints one line. Touches nothing but the language, so that it runs in a browser.
 */
import {
  EVENT_LISTS,
  type EventListName,
  ProcessorSharing,
  Server,
  Simulation,
  Store,
  type Suspension,
  TokenBucket,
} from '../../src/kernel/index.js';
import { type Distribution, draw, exp, log, pow, Randomness, sample } from '../../src/random/index.js';

const specs: readonly Distribution<number>[] = [
  { kind: 'uniform', low: 1e3, high: 1e6 },
  { kind: 'exponential', mean: 1e6 },
  { kind: 'normal', mean: 1e6, deviation: 2e5 },
  { kind: 'lognormal', median: 1e6, sigma: 0.7, stall: { probability: 0.01, factor: 20 } },
  { kind: 'gamma', shape: 0.7, scale: 1e6 },
  { kind: 'weibull', shape: 1.7, scale: 1e6 },
  { kind: 'pareto', shape: 2.2, scale: 3e5, maximum: 1e9 },
  { kind: 'empirical', bounds: [1e3, 1e5, 1e6, 1e7], counts: [1, 5, 2], logarithmic: true },
];

function model(eventList: EventListName): string {
  const sim = new Simulation({ eventList });
  const randomness = new Randomness('runtimes');
  const server = new Server(sim, 3, 'priority');
  const cpu = new ProcessorSharing(sim, 2);
  const store = new Store<number>(sim, 5);
  const bucket = new TokenBucket(sim, 900, 10);
  const stream = randomness.stream('model');
  const keyed = randomness.keyed('jobs');
  function* job(k: number): Generator<Suspension, void, unknown> {
    const source = keyed.source(k);
    yield* bucket.take();
    yield* server.use(sample(specs[k % specs.length]!, source), k % 3);
    yield* cpu.serve(sample(specs[(k + 3) % specs.length]!, source));
    yield* store.offer(k);
  }
  function* consumer(): Generator<Suspension, void, unknown> {
    for (;;) {
      yield* store.get();
      yield* sim.sleep(sample(specs[1]!, stream) / 10);
    }
  }
  sim.process(consumer());
  const target = sim.add({
    name: 'source',
    handle(_opcode, k) {
      const process = sim.process(job(k));
      if (k % 17 === 0) sim.schedule(2e5, interrupter, 1, interrupted.push(process) - 1);
      if (k < 20_000) sim.schedule(sample(specs[1]!, stream), target, 1, k + 1);
    },
  });
  const interrupted: { interrupt(): boolean }[] = [];
  const interrupter = sim.add({ name: 'interrupter', handle: (_opcode, slot) => void interrupted[slot]!.interrupt() });
  sim.schedule(0, target, 1, 0);
  sim.run();
  return `${sim.traceHash} ${sim.events} ${sim.now}`;
}

/** FNV-1a over the bits of doubles. */
class BitHash {
  private value = 0x811c9dc5;
  private readonly float = new Float64Array(1);
  private readonly bytes = new Uint8Array(this.float.buffer);

  add(x: number): void {
    this.float[0] = x;
    for (const byte of this.bytes) this.value = Math.imul(this.value ^ byte, 0x01000193);
  }

  get hex(): string {
    return (this.value >>> 0).toString(16).padStart(8, '0');
  }
}

function draws(): string {
  const hash = new BitHash();
  const randomness = new Randomness('runtimes');
  const stream = randomness.stream('draws');
  const keyed = randomness.keyed('draws');
  for (let k = 0; k < 100_000; k++) hash.add(draw(specs[k % specs.length]!, k % 2 === 0 ? stream : keyed.source(k)));
  for (let k = 1; k < 20_000; k++) {
    hash.add(log(k / 7));
    hash.add(exp((k - 10_000) / 17));
    hash.add(pow(k / 100, (k % 101) / 10 - 5));
  }
  return hash.hex;
}

/** The line that must be the same everywhere. */
export function probe(): string {
  const results = EVENT_LISTS.map(model);
  if (new Set(results).size !== 1) return `event lists differ: ${results.join(' | ')}`;
  return `towtank ${results[0]} ${draws()}`;
}
