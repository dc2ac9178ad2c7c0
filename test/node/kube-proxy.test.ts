import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Service } from '../../src/api/core.js';
import type { EndpointSlice } from '../../src/api/workloads.js';
import { Simulation } from '../../src/kernel/simulation.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { KubeProxies } from '../../src/node/kube-proxy.js';
import type { DistributionSpec } from '../../src/random/distribution.js';
import { Randomness } from '../../src/random/stream.js';
import { constantProfile } from './harness.js';

const SYNC = 100 * MILLISECOND;

function service(name = 'web'): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', uid: name, resourceVersion: 1, generation: 1, creationTimestamp: 0 },
    spec: { type: 'ClusterIP', ports: [] },
  };
}

/** An address with the letters of its conditions: r ready, s serving, t terminating. */
function slice(endpoints: Record<string, string>, name = 'web-1'): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      resourceVersion: 1,
      generation: 1,
      creationTimestamp: 0,
      labels: { 'kubernetes.io/service-name': 'web' },
    },
    addressType: 'IPv4',
    ports: [],
    endpoints: Object.entries(endpoints).map(([address, flags]) => ({
      addresses: [address],
      conditions: { ready: flags.includes('r'), serving: flags.includes('s'), terminating: flags.includes('t') },
    })),
  };
}

function setUp(extraDelay = 0) {
  const simulation = new Simulation();
  const profile = constantProfile();
  const proxies = new KubeProxies({
    simulation,
    randomness: new Randomness('1'),
    profile,
    nodes: 4,
    minSyncPeriod: SECOND,
    extraDelay,
  });
  const web = proxies.serviceNumber('default', 'web');
  const view = (time: number, node = 0): string[] => {
    simulation.run(time);
    return Array.from(proxies.view(node, web).addresses, (address) => proxies.addresses.address(address));
  };
  return { simulation, proxies, view };
}

test('a change counts after one run when idle; the next run starts at least 1 s after the end of the one before', () => {
  const { simulation, proxies, view } = setUp();
  proxies.serviceChanged(service(), false, 0);
  proxies.endpointSliceChanged(slice({ a: 'rs' }), false, 0);
  proxies.settle();
  assert.deepEqual(view(0), ['a']);
  simulation.run(5 * SECOND);
  proxies.endpointSliceChanged(slice({ a: 'rs', b: 'rs' }), false, 5 * SECOND);
  simulation.run(5.05 * SECOND);
  proxies.endpointSliceChanged(slice({ b: 'rs' }), false, 5.05 * SECOND);
  assert.deepEqual(view(5 * SECOND + SYNC - 1), ['a']);
  assert.deepEqual(view(5 * SECOND + SYNC), ['a', 'b']);
  // First run 5.0 to 5.1; the second change waits until 6.1 and counts at 6.2.
  assert.deepEqual(view(6.2 * SECOND - 1), ['a', 'b']);
  assert.deepEqual(view(6.2 * SECOND), ['b']);
});

test('ready endpoints; without any, those serving while they terminate; without a Service none', () => {
  const { simulation, proxies, view } = setUp();
  proxies.endpointSliceChanged(slice({ a: 'rs' }), false, 0);
  assert.deepEqual(view(SECOND), []);
  proxies.serviceChanged(service(), false, SECOND);
  assert.deepEqual(view(3 * SECOND), ['a']);
  proxies.endpointSliceChanged(slice({ a: 'st', b: 'rs', c: '' }), false, 3 * SECOND);
  assert.deepEqual(view(6 * SECOND), ['b']);
  proxies.endpointSliceChanged(slice({ a: 'st', b: 't', c: '' }), false, 6 * SECOND);
  assert.deepEqual(view(9 * SECOND), ['a']);
  proxies.endpointSliceChanged(slice({}), false, 9 * SECOND);
  assert.deepEqual(view(12 * SECOND), []);
  proxies.endpointSliceChanged(slice({ d: 'rs' }, 'web-2'), false, 12 * SECOND);
  assert.deepEqual(view(15 * SECOND), ['d']);
  proxies.serviceChanged(service(), true, 15 * SECOND);
  assert.deepEqual(view(18 * SECOND), []);
  assert.equal(simulation.events, 0);
});

test('an extra delay moves what proxies see', () => {
  const { proxies, view } = setUp(2 * SECOND);
  proxies.serviceChanged(service(), false, 0);
  proxies.endpointSliceChanged(slice({ a: 'rs' }), false, 0);
  assert.deepEqual(view(2 * SECOND + SYNC - 1), []);
  assert.deepEqual(view(2 * SECOND + SYNC), ['a']);
});

/** The rule, written out for one node with all change times known: when each change counts. */
function countsFrom(changes: readonly number[]): number[] {
  const result: number[] = [];
  let end = Number.NEGATIVE_INFINITY;
  let i = 0;
  while (i < changes.length) {
    const start = Math.max(changes[i]!, end + SECOND);
    end = start + SYNC;
    while (i < changes.length && changes[i]! <= start) {
      result.push(end);
      i++;
    }
  }
  return result;
}

test('property: whenever a node asks, it sees exactly what its runs have applied, however rarely it asks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 1500 }), { minLength: 1, maxLength: 30 }),
      fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 60 }),
      (gaps, asks) => {
        const { simulation, proxies, view } = setUp();
        proxies.serviceChanged(service(), false, 0);
        proxies.settle();
        let time = 0;
        const changes = gaps.map((gap) => (time += (gap + 1) * MILLISECOND));
        const counted = countsFrom(changes);
        const questions: number[] = [];
        let question = 0;
        for (const ask of asks) questions.push((question += ask * MILLISECOND + 1));
        let next = 0;
        for (const ask of questions) {
          while (next < changes.length && changes[next]! <= ask) {
            simulation.run(changes[next]!);
            proxies.endpointSliceChanged(slice({ [`v${next}`]: 'rs' }), false, changes[next]!);
            next++;
          }
          const applied = counted.filter((end) => end <= ask).length;
          assert.deepEqual(view(ask), applied === 0 ? [] : [`v${applied - 1}`]);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('a node that is cut off keeps its rules for as long as it is, and has what it missed one sync after it is back', () => {
  const { simulation, proxies, view } = setUp();
  proxies.serviceChanged(service(), false, 0);
  proxies.endpointSliceChanged(slice({ a: 'rs' }), false, 0);
  proxies.settle();
  simulation.run(5 * SECOND);
  proxies.disconnected(1);
  // Far more changes, and for far longer, than superseded states are kept for proxies that are only late.
  for (let i = 0; i < 300; i++) {
    simulation.run((10 + i) * SECOND);
    proxies.endpointSliceChanged(slice({ [`v${i}`]: 'rs' }), false, simulation.now);
  }
  assert.deepEqual(view(400 * SECOND, 0), ['v299']);
  assert.deepEqual(view(400 * SECOND, 1), ['a']);
  proxies.connected(1);
  proxies.endpointSliceChanged(slice({ last: 'rs' }), false, simulation.now);
  assert.deepEqual(view(400 * SECOND + SYNC - 1, 1), ['a']);
  assert.deepEqual(view(400 * SECOND + SYNC, 1), ['last']);
  assert.deepEqual(view(400 * SECOND + SYNC, 0), ['last']);
});

test('property: nodes that are cut off now and then see what reached them, however rarely they are asked', () => {
  const steps = fc.array(fc.record({ gap: fc.integer({ min: 1, max: 40_000 }), what: fc.constantFrom('change', 'change', 'change', 'cut', 'back', 'ask') }), { maxLength: 120 });
  fc.assert(
    fc.property(steps, (list) => {
      const { simulation, proxies, view } = setUp();
      proxies.serviceChanged(service(), false, 0);
      proxies.settle();
      let time = 0;
      /** When each change reaches the node; Infinity: it is still cut off. */
      const arrivals: number[] = [];
      let cut = false;
      for (const { gap, what } of list) {
        time += gap * MILLISECOND;
        simulation.run(time);
        if (what === 'change') {
          proxies.endpointSliceChanged(slice({ [`v${arrivals.length}`]: 'rs' }), false, time);
          arrivals.push(cut ? Number.POSITIVE_INFINITY : time);
        } else if (what === 'cut') {
          cut = true;
          proxies.disconnected(0);
        } else if (what === 'back') {
          cut = false;
          proxies.connected(0);
          for (const [i, arrival] of arrivals.entries()) if (arrival === Number.POSITIVE_INFINITY) arrivals[i] = time;
        } else {
          const applied = countsFrom(arrivals.filter((arrival) => arrival <= time)).filter((end) => end <= time).length;
          assert.deepEqual(view(time), applied === 0 ? [] : [`v${applied - 1}`]);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('property: arrivals that are not drawn change nothing', () => {
  // The same delays, once with a bound that is known and once without.
  const crossZone = { kind: 'lognormal', median: 80 * MILLISECOND, sigma: 0.3 } as const;
  const bench = (delays: DistributionSpec) => {
    const simulation = new Simulation();
    const profile = constantProfile();
    const network = { ...profile.network, crossZone: delays };
    const proxies = new KubeProxies({ simulation, randomness: new Randomness('1'), profile: { ...profile, network }, nodes: 3, minSyncPeriod: SECOND, extraDelay: 0 });
    proxies.serviceChanged(service(), false, 0);
    return { simulation, proxies, web: proxies.serviceNumber('default', 'web') };
  };
  const gaps = fc.array(fc.record({ gap: fc.integer({ min: 0, max: 3000 }), node: fc.integer({ min: -1, max: 2 }) }), { maxLength: 80 });
  fc.assert(
    fc.property(gaps, (steps) => {
      const known = bench(crossZone);
      const unknown = bench({ kind: 'truncated', of: crossZone });
      let changes = 0;
      for (const { gap, node } of steps) {
        const views = [known, unknown].map(({ simulation, proxies, web }) => {
          const now = simulation.now + gap * MILLISECOND;
          simulation.run(now);
          if (node >= 0) return proxies.view(node, web).addresses;
          proxies.endpointSliceChanged(slice({ [`a${changes}`]: 'rs' }), false, now);
          return undefined;
        });
        if (node < 0) changes++;
        assert.deepEqual(views[0], views[1]);
      }
    }),
    { numRuns: 300 },
  );
});
