import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Component, Simulation } from '../../src/kernel/simulation.js';
import { MICROSECOND } from '../../src/kernel/time.js';
import { EXTERNAL_ZONE, Network } from '../../src/network/network.js';
import { Randomness } from '../../src/random/stream.js';

class Sink implements Component {
  readonly name = 'sink';
  readonly arrivals: (readonly [time: number, argument: number])[] = [];
  private readonly simulation: Simulation;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }

  handle(_opcode: number, argument: number): void {
    this.arrivals.push([this.simulation.now, argument]);
  }
}

const COSTS = {
  sameHost: { kind: 'constant', value: 20 * MICROSECOND },
  sameZone: { kind: 'constant', value: 200 * MICROSECOND },
  crossZone: { kind: 'constant', value: 1000 * MICROSECOND },
  external: { kind: 'constant', value: 30_000 * MICROSECOND },
  bytesPerSecond: 1e9,
} as const;

function build(costs: ConstructorParameters<typeof Network>[2] = COSTS) {
  const simulation = new Simulation();
  const network = new Network(simulation, new Randomness('seed'), costs);
  const sink = new Sink(simulation);
  const target = simulation.add(sink);
  const hosts = [
    network.addHost('a1', 'a'),
    network.addHost('a2', 'a'),
    network.addHost('b1', 'b'),
    network.addHost('user', EXTERNAL_ZONE),
  ];
  return { simulation, network, sink, target, hosts };
}

test('one way takes half the round trip of the distance, plus transmission', () => {
  const { simulation, network, sink, target, hosts } = build();
  const [a1, a2, b1, user] = hosts as [number, number, number, number];
  network.send(a1, a1, 0, target, 0, 1);
  network.send(a1, a2, 0, target, 0, 2);
  network.send(a1, b1, 0, target, 0, 4);
  network.send(a1, a2, 50_000, target, 0, 3);
  network.send(user, a1, 0, target, 0, 5);
  network.send(a1, a1, 0, target, 0, 6, MICROSECOND);
  simulation.run();
  assert.deepEqual(sink.arrivals, [
    [10_000, 1],
    [11_000, 6],
    [100_000, 2],
    [150_000, 3],
    [500_000, 4],
    [15_000_000, 5],
  ]);
});

test('what a machine sends to others shares its link: a burst leaves at the bandwidth, whoever it is for', () => {
  const { simulation, network, sink, target, hosts } = build();
  const [a1, a2, b1, user] = hosts as [number, number, number, number];
  // 100 kB take 100 us at 1 GB/s. A message still being made holds its place and delays only what is behind it in the queue.
  network.send(a1, a2, 100_000, target, 0, 1);
  network.send(a1, b1, 100_000, target, 0, 2);
  network.send(a1, a2, 100_000, target, 0, 3, 150 * MICROSECOND);
  network.send(a1, a2, 100_000, target, 0, 4, 900 * MICROSECOND);
  network.send(a1, a2, 100_000, target, 0, 5);
  // Other links, the machine itself and the many users outside do not wait for it.
  network.send(a2, a1, 100_000, target, 0, 6);
  network.send(a1, a1, 100_000, target, 0, 7);
  network.send(user, a1, 100_000, target, 0, 8);
  network.send(user, a1, 100_000, target, 0, 9);
  simulation.run();
  const at = new Map(sink.arrivals.map(([time, argument]) => [argument, time / MICROSECOND]));
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((message) => at.get(message)),
    [200, 700, 400, 1100, 600, 200, 110, 15_100, 15_100],
  );
});

test('a stream keeps its order whatever the delays; two streams are independent', () => {
  const noisy = { kind: 'exponential', mean: 1_000_000 } as const;
  const { simulation, network, sink, target, hosts } = build({ ...COSTS, sameZone: noisy });
  const streams = [network.openStream(hosts[0]!, hosts[1]!), network.openStream(hosts[0]!, hosts[1]!)];
  for (let i = 0; i < 200; i++) network.sendOnStream(streams[i % 2]!, 0, target, 0, i);
  simulation.run();
  const order = sink.arrivals.map(([, argument]) => argument);
  for (const parity of [0, 1]) {
    const own = order.filter((argument) => argument % 2 === parity);
    assert.deepEqual(
      own,
      [...own].sort((a, b) => a - b),
    );
  }
  assert.notDeepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
});

test('down hosts and cut links lose messages in their direction only', () => {
  const { simulation, network, sink, target, hosts } = build();
  const [a1, a2, b1] = hosts as [number, number, number];
  network.setLink(a1, a2, false);
  assert.equal(network.send(a1, a2, 0, target, 0, 1), false);
  assert.equal(network.send(a2, a1, 0, target, 0, 2), true);
  network.setUp(b1, false);
  assert.equal(network.send(a1, b1, 0, target, 0, 3), false);
  assert.equal(network.send(b1, a1, 0, target, 0, 4), false);
  network.setLink(a1, a2, true);
  network.setUp(b1, true);
  assert.equal(network.sendOrdered(a1, a2, 0, target, 0, 5), true);
  assert.equal(network.send(a1, b1, 0, target, 0, 6), true);
  simulation.run();
  assert.deepEqual(sink.arrivals.map(([, argument]) => argument).sort(), [2, 5, 6]);
});

test('what one host sends does not shift the delays of another', () => {
  const noisy = { ...COSTS, sameZone: { kind: 'uniform', low: 0, high: 1_000_000 } } as const;
  const delays = [0, 7].map((extra) => {
    const { network, hosts } = build(noisy);
    for (let i = 0; i < extra; i++) network.delay(hosts[1]!, hosts[0]!, 0);
    return [1, 2, 3].map(() => network.delay(hosts[0]!, hosts[1]!, 0));
  });
  assert.deepEqual(delays[0], delays[1]);
});
