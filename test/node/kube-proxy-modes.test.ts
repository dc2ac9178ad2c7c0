import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../../src/api/core.js';
import type { Endpoint, EndpointSlice } from '../../src/api/workloads.js';
import { Simulation } from '../../src/kernel/simulation.js';
import { MICROSECOND, MILLISECOND, MINUTE, SECOND } from '../../src/kernel/time.js';
import { KubeProxies } from '../../src/node/kube-proxy.js';
import { iptablesRules, lookupDuration, syncDuration } from '../../src/node/kube-proxy-costs.js';
import { Randomness } from '../../src/random/stream.js';
import { MIN_SYNC_PERIOD, SYNC_PERIOD } from '../../src/scenario/kube-proxy.js';
import type { KubeProxyConfiguration, KubeProxyCosts, KubeProxyMode } from '../../src/scenario/types.js';
import { constantProfile } from './harness.js';

const COSTS: KubeProxyCosts = {
  iptablesFull: 50 * MILLISECOND,
  iptablesRule: 20 * MICROSECOND,
  iptablesPartial: 30 * MILLISECOND,
  iptablesUnchangedRule: 3 * MICROSECOND,
  nftables: 20 * MILLISECOND,
  nftablesService: 30 * MICROSECOND,
  nftablesElement: 30 * MICROSECOND,
  ipvs: 30 * MILLISECOND,
  ipvsElement: 40 * MICROSECOND,
  iptablesLookup: 20,
  mapLookup: 2 * MICROSECOND,
  spread: 0,
};
/** 10,000 Services of one port with 10 endpoints each; one of them changed, an endpoint replaced. */
const MANY = { services: 10_000, ports: 10_000, endpoints: 100_000 };
const ONE = { ports: 1, endpoints: 10, servers: 2 };

function meta(name: string, labels?: Record<string, string>) {
  return { name, namespace: 'default', uid: name, resourceVersion: 1, generation: 1, creationTimestamp: 0, ...(labels === undefined ? {} : { labels }) };
}

function service(name: string, spec: Partial<Service['spec']> = {}): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: meta(name), spec: { type: 'ClusterIP', ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }], ...spec } };
}

function slice(owner: string, endpoints: readonly (Partial<Endpoint> & { address: string })[], triggered = -1): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta(`${owner}-1`, { 'kubernetes.io/service-name': owner }),
    addressType: 'IPv4',
    ports: [],
    endpoints: endpoints.map(({ address, ...rest }) => ({ addresses: [address], conditions: { ready: true, serving: true, terminating: false }, ...rest })),
    triggered,
  };
}

function setUp(mode: KubeProxyMode, services = 100, endpoints = 10, configuration: Partial<KubeProxyConfiguration> = {}, failures = 0) {
  const simulation = new Simulation();
  const base = constantProfile();
  const proxies = new KubeProxies({
    simulation,
    randomness: new Randomness('1'),
    profile: { ...base, kubeProxy: { ...base.kubeProxy, ...COSTS } },
    nodes: 4,
    minSyncPeriod: SECOND,
    extraDelay: 0,
    failures,
    nodeNames: ['n0', 'n1', 'n2', 'n3'],
    nodeZones: ['a', 'a', 'b', 'c'],
    configuration: { mode, minSyncPeriod: MIN_SYNC_PERIOD[mode], syncPeriod: SYNC_PERIOD, ...configuration },
  });
  const addresses = (from: number) => Array.from({ length: endpoints }, (_, i) => ({ address: `e${from + i}` }));
  for (let i = 0; i < services; i++) {
    proxies.serviceChanged(service(`s${i}`), false, 0);
    proxies.endpointSliceChanged(slice(`s${i}`, addresses(i * endpoints)), false, 0);
  }
  proxies.settle();
  const number = proxies.serviceNumber('default', 's0');
  const first = (time: number, node = 0) => {
    simulation.run(time);
    return proxies.addresses.address(proxies.view(node, number).addresses[0]!);
  };
  return { simulation, proxies, number, first, addresses };
}

test('10,000 services with 100,000 endpoints: 380,000 rules; a full iptables sync takes 7.65 s, a partial one 1.17 s, nftables 0.32 s', () => {
  assert.equal(iptablesRules(MANY), 380_000);
  assert.equal(syncDuration('iptables', COSTS, MANY, ONE, true), 7.65 * SECOND);
  // 30 ms, 380,000 unchanged rules of 3 us, 38 rules of 20 us.
  assert.equal(syncDuration('iptables', COSTS, MANY, ONE, false), 1.17076 * SECOND);
  assert.equal(syncDuration('nftables', COSTS, MANY, ONE, false), (20 + 300 + 0.33) * MILLISECOND);
  assert.equal(syncDuration('ipvs', COSTS, MANY, ONE, false), 30.08 * MILLISECOND);
});

test('the published nftables sync: 44,128 services and 44,131 endpoints take 1.33 s', () => {
  const time = syncDuration('nftables', COSTS, { services: 44_128, ports: 44_128, endpoints: 44_131 }, { ports: 1, endpoints: 2, servers: 1 }, false);
  assert.ok(Math.abs(time / SECOND - 1.33) < 0.03, `${time / SECOND} s`);
});

test('the first packet of a connection: by the place among the Services in iptables mode, constant in the others', () => {
  assert.equal(lookupDuration('iptables', COSTS, 10_000), 200 * MICROSECOND);
  assert.equal(lookupDuration('nftables', COSTS, 10_000), 2 * MICROSECOND);
  const { proxies } = setUp('iptables', 1000, 1);
  let sum = 0;
  for (let i = 0; i < 1000; i++) sum += proxies.lookup(i % 4, proxies.serviceNumber('default', `s${i}`));
  // Uniform over the list: 500 Services of 20 ns on average, with a standard error of 183 ns.
  assert.ok(Math.abs(sum / 1000 - 10_000) < 600, `${sum / 1000}`);
});

test('a change counts when the partial sync that writes it ends, by the number of rules', () => {
  // 100 Services of 10 endpoints: 3,800 rules; 30 ms + 3,800 · 3 us + 38 · 20 us = 42.16 ms.
  const { proxies, first, simulation, addresses } = setUp('iptables');
  simulation.run(10 * SECOND);
  proxies.endpointSliceChanged(slice('s0', addresses(5000)), false, 10 * SECOND);
  assert.equal(first(10 * SECOND + 42_160_000 - 1), 'e0');
  assert.equal(first(10 * SECOND + 42_160_000), 'e5000');
  // A Service that changes many times before the next run is written once; others add their 38 rules.
  for (let i = 1; i <= 5; i++) proxies.endpointSliceChanged(slice('s0', addresses(6000 + i)), false, 10.1 * SECOND);
  proxies.endpointSliceChanged(slice('s1', addresses(7000)), false, 10.1 * SECOND);
  const end = 10 * SECOND + 42_160_000 + SECOND + 42_160_000 + 38 * 20 * MICROSECOND;
  assert.equal(first(end - 1), 'e5000');
  assert.equal(first(end), 'e6005');
});

test('ipvs counts servers that came or went and waits for nothing', () => {
  const { proxies, first, simulation, addresses } = setUp('ipvs');
  simulation.run(10 * SECOND);
  // One endpoint of ten replaced: two servers.
  proxies.endpointSliceChanged(slice('s0', [{ address: 'new' }, ...addresses(0).slice(1)]), false, 10 * SECOND);
  assert.equal(first(10 * SECOND + 30_080_000 - 1), 'e0');
  assert.equal(first(10 * SECOND + 30_080_000), 'new');
  proxies.endpointSliceChanged(slice('s0', [{ address: 'newer' }, ...addresses(0).slice(1)]), false, 10.04 * SECOND);
  assert.equal(first(10.04 * SECOND + 30_080_000), 'newer');
});

test('iptables mode makes a full sync each hour, at another time on each node; ipvs a sync each 30 s', () => {
  const { proxies, simulation } = setUp('iptables');
  simulation.run(180 * MINUTE);
  proxies.catchUp();
  const { sync } = proxies.runsByMode!;
  // 3 hours, 4 nodes: 50 ms + 3,800 · 20 us; the first of each within the first hour.
  assert.equal(sync.count, 12);
  assert.ok(Math.abs(sync.mean - 126 * MILLISECOND) < MILLISECOND, `${sync.mean}`);
  const ipvs = setUp('ipvs');
  ipvs.simulation.run(MINUTE);
  ipvs.proxies.catchUp();
  assert.equal(ipvs.proxies.runsByMode!.sync.count, 8);
});

test('a change that meets a full sync waits for its end and a second more', () => {
  const { proxies, simulation, first, addresses } = setUp('iptables', 10_000, 10, { minSyncPeriod: SECOND });
  simulation.run(60 * MINUTE);
  proxies.catchUp();
  proxies.runsByMode!.restarted(0);
  const now = 61 * MINUTE;
  simulation.run(now);
  proxies.endpointSliceChanged(slice('s0', addresses(500_000)), false, now);
  // The restarted proxy of node 0 writes everything, that of node 1 only what changed.
  assert.equal(first(now + 1.2 * SECOND, 1), 'e500000');
  assert.equal(first(now + 7.649 * SECOND, 0), 'e0');
  assert.equal(first(now + 7.65 * SECOND, 0), 'e500000');
});

test('a sync that fails changes nothing and is tried again 30 s later, or 1 s after its end if there is a change; in iptables mode it writes everything', () => {
  const { proxies, first, simulation, addresses } = setUp('iptables', 100, 10, {}, 1);
  const from = 10 * SECOND;
  const partial = 42_160_000;
  const full = 126 * MILLISECOND;
  simulation.run(from);
  proxies.endpointSliceChanged(slice('s0', addresses(5000)), false, from);
  assert.equal(first(from + partial + 29 * SECOND), 'e0');
  assert.equal(proxies.failedSyncs, 1);
  // From now on syncs succeed: the next one begins 30 s after the end of the one that failed.
  Object.assign(proxies, { failures: 0 });
  assert.equal(first(from + partial + 30 * SECOND + full - 1), 'e0');
  assert.equal(first(from + partial + 30 * SECOND + full), 'e5000');
  const next = setUp('iptables', 100, 10, {}, 1);
  next.simulation.run(from);
  next.proxies.endpointSliceChanged(slice('s0', next.addresses(5000)), false, from);
  assert.equal(next.first(from + 5 * SECOND), 'e0');
  Object.assign(next.proxies, { failures: 0 });
  // A change of another Service comes 5 s later: both count after a full sync.
  next.proxies.endpointSliceChanged(slice('s1', next.addresses(6000)), false, from + 5 * SECOND);
  assert.equal(next.first(from + 5 * SECOND + full - 1), 'e0');
  assert.equal(next.first(from + 5 * SECOND + full), 'e5000');
  assert.equal(next.proxies.failedSyncs, 1);
});

test('property: with syncs that fail, a node sees the same however rarely it asks, and everything in the end', () => {
  for (const mode of ['iptables', 'nftables', 'ipvs'] as const) {
    const often = setUp(mode, 20, 2, {}, 0.4);
    const seldom = setUp(mode, 20, 2, {}, 0.4);
    for (let i = 0; i < 60; i++) {
      const now = (10 + 7 * i) * SECOND;
      for (const { simulation, proxies } of [often, seldom]) {
        simulation.run(now);
        proxies.endpointSliceChanged(slice('s0', [{ address: `n${i}` }]), false, now);
      }
      for (let k = 1; k < 7; k++) often.first(now + k * SECOND);
      if (i % 10 === 9) assert.equal(seldom.first(now + 6 * SECOND), often.first(now + 6 * SECOND));
    }
    const end = (10 + 7 * 60 + 300) * SECOND;
    assert.equal(often.first(end), 'n59');
    assert.equal(seldom.first(end), 'n59');
    often.proxies.catchUp();
    const share = often.proxies.failedSyncs / often.proxies.runsByMode!.sync.count;
    assert.ok(share > 0.3 && share < 0.5, `${mode}: ${share}`);
  }
});

test('network programming is measured from the change of the pod to the end of the sync on each node', () => {
  const { proxies, simulation, addresses } = setUp('nftables');
  simulation.run(10 * SECOND);
  proxies.runsByMode!.reset();
  proxies.endpointSliceChanged(slice('s0', addresses(5000), 9.5 * SECOND), false, 10 * SECOND);
  simulation.run(20 * SECOND);
  proxies.catchUp();
  const { programming } = proxies.runsByMode!;
  assert.equal(programming.count, 4);
  // 500 ms before the slice was sent, 20 ms + 100 · 30 us + 11 · 30 us of the sync.
  assert.ok(Math.abs(programming.mean - 523.33 * MILLISECOND) < 3 * MILLISECOND, `${programming.mean}`);
});

test('internalTrafficPolicy and externalTrafficPolicy Local: only endpoints of the node, those that terminate if no other; none: dropped', () => {
  const { proxies, simulation, number } = setUp('nftables');
  const terminating = { conditions: { ready: false, serving: true, terminating: true } };
  proxies.serviceChanged(service('s0', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }), false, SECOND);
  proxies.endpointSliceChanged(
    slice('s0', [
      { address: 'x', nodeName: 'n0' },
      { address: 'y', nodeName: 'n1', ...terminating },
      { address: 'z', nodeName: 'n2' },
    ]),
    false,
    SECOND,
  );
  simulation.run(10 * SECOND);
  const at = (node: number, external: boolean) => {
    const { addresses, drops = false } = proxies.view(node, number, external);
    return [Array.from(addresses, (each) => proxies.addresses.address(each)).join(), drops];
  };
  assert.deepEqual(at(0, true), ['x', false]);
  assert.deepEqual(at(1, true), ['y', false]);
  assert.deepEqual(at(3, true), ['', true]);
  assert.deepEqual(at(3, false), ['x,z', false]);
  proxies.serviceChanged(service('s0', { internalTrafficPolicy: 'Local' }), false, 10 * SECOND);
  simulation.run(20 * SECOND);
  assert.deepEqual(at(2, false), ['z', false]);
  assert.deepEqual(at(3, false), ['', true]);
});

test('topology hints: the own zone, or node; not unless all ready endpoints have hints and one is meant for the place', () => {
  const { proxies, simulation, number } = setUp('nftables');
  const hinted = (address: string, zone: string, node?: string): Partial<Endpoint> & { address: string } => ({
    address,
    hints: { forZones: [{ name: zone }], ...(node === undefined ? {} : { forNodes: [{ name: node }] }) },
  });
  const see = (time: number, node: number) => {
    simulation.run(time);
    return Array.from(proxies.view(node, number).addresses, (each) => proxies.addresses.address(each)).join();
  };
  proxies.endpointSliceChanged(slice('s0', [hinted('x', 'a'), hinted('y', 'b')]), false, SECOND);
  assert.equal(see(10 * SECOND, 1), 'x');
  assert.equal(see(10 * SECOND, 2), 'y');
  assert.equal(see(10 * SECOND, 3), 'x,y');
  proxies.endpointSliceChanged(slice('s0', [hinted('x', 'a', 'n0'), hinted('y', 'a', 'n1')]), false, 10 * SECOND);
  assert.equal(see(20 * SECOND, 1), 'y');
  proxies.endpointSliceChanged(slice('s0', [hinted('x', 'a'), { address: 'y' }]), false, 20 * SECOND);
  assert.equal(see(30 * SECOND, 1), 'x,y');
});
