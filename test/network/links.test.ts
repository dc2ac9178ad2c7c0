import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Simulation } from '../../src/kernel/simulation.js';
import { MILLISECOND } from '../../src/kernel/time.js';
import { Network, type NetworkCosts, retransmissions } from '../../src/network/network.js';
import { Randomness } from '../../src/random/stream.js';

const constant = (value: number) => ({ kind: 'constant', value }) as const;
const COSTS: NetworkCosts = {
  sameHost: constant(0),
  sameZone: constant(MILLISECOND),
  crossZone: constant(3 * MILLISECOND),
  external: constant(20 * MILLISECOND),
  bytesPerSecond: 1e12,
};

function setUp(costs: Partial<NetworkCosts> = {}) {
  const network = new Network(new Simulation(), new Randomness('1'), { ...COSTS, ...costs });
  const [a1, a2, b, c] = [network.addHost('a1', 'a'), network.addHost('a2', 'a'), network.addHost('b', 'b'), network.addHost('c', 'c')];
  return { network, a1, a2, b, c };
}

test('losses in a row wait 200 ms, 400 ms, 800 ms; on average 200 ms · p/(1 − 2p)', () => {
  assert.equal(retransmissions(0.1, 0.5), 0);
  assert.equal(retransmissions(0.1, 0.05), 200 * MILLISECOND);
  assert.equal(retransmissions(0.1, 0.005), 600 * MILLISECOND);
  assert.equal(retransmissions(0.1, 0.0005), 1400 * MILLISECOND);
  const draws = new Randomness('1').stream('test');
  const n = 200_000;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += retransmissions(0.1, draws.next());
  // Standard error: 0.2 ms.
  assert.ok(Math.abs(sum / n / MILLISECOND - 25) < 1, `${sum / n / MILLISECOND} ms`);
});

test('messages between machines meet losses, those within one do not', () => {
  const { network, a1, b } = setUp({ loss: 0.1 });
  let late = 0;
  for (let i = 0; i < 10_000; i++) if (network.delay(a1, b, 0) > 100 * MILLISECOND) late++;
  assert.ok(Math.abs(late / 10_000 - 0.1) < 0.01, `${late}`);
  for (let i = 0; i < 1000; i++) assert.equal(network.delay(a1, a1, 0), 0);
});

test('a partition of zones cuts all links between them, one way or both, and no others', () => {
  const { network, a1, a2, b, c } = setUp();
  network.setZoneLink('a', 'b', false);
  assert.equal(network.whole, false);
  assert.deepEqual([network.reachable(a1, b), network.reachable(a2, b), network.reachable(b, a1)], [false, false, true]);
  assert.deepEqual([network.reachable(a1, a2), network.reachable(a1, c), network.reachable(c, b)], [true, true, true]);
  network.setZoneLink('a', 'b', true);
  assert.equal(network.whole, true);
  assert.equal(network.reachable(a1, b), true);
});

test('pairs of zones have round trips of their own, either way', () => {
  const { network, a1, a2, b, c } = setUp({ zonePairs: { 'b a': constant(9 * MILLISECOND) } });
  assert.equal(network.delay(a1, b, 0), 4.5 * MILLISECOND);
  assert.equal(network.delay(b, a1, 0), 4.5 * MILLISECOND);
  assert.equal(network.delay(a1, c, 0), 1.5 * MILLISECOND);
  assert.equal(network.delay(a1, a2, 0), 0.5 * MILLISECOND);
});
