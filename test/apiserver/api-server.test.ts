import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubernetesObject } from '../../src/api/meta.js';
import { Allocators } from '../../src/apiserver/allocators.js';
import { ApiServer } from '../../src/apiserver/api-server.js';
import { createCallTable } from '../../src/apiserver/call.js';
import { Connections } from '../../src/apiserver/connections.js';
import type { ApiRequest, ApiResponse, Patch, ResponseReceiver } from '../../src/apiserver/request.js';
import { SharedInformer } from '../../src/client/informer.js';
import { RestClient } from '../../src/client/rest-client.js';
import type { ResourceEventHandler } from '../../src/client/types.js';
import { Simulation } from '../../src/kernel/simulation.js';
import { Network } from '../../src/network/network.js';
import { Randomness } from '../../src/random/stream.js';
import type { CostProfile } from '../../src/scenario/types.js';
import { FakeEtcd } from './fake-etcd.js';

const constant = (value: number) => ({ kind: 'constant', value }) as const;
const LATENCY = 1e6;
const CPU = 2e6;
const RTT = 0.2e6;
const profile = {
  apiServer: {
    cores: 2,
    maxRequestsInFlight: 400,
    maxMutatingRequestsInFlight: 200,
    requestCpu: { default: constant(CPU) },
    listObjectCpu: 0,
    watchEventCpu: 0,
    encodeNanosecondsPerByte: 0,
  },
} as unknown as CostProfile;

class Collector implements ResponseReceiver {
  readonly answers: { tag: number; response: ApiResponse; at: number }[] = [];
  private readonly simulation: Simulation;
  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }
  receive(tag: number, response: ApiResponse): void {
    this.answers.push({ tag, response, at: this.simulation.now });
  }
}

class SetData implements Patch {
  readonly bytes = 10;
  private readonly value: string;
  constructor(value: string) {
    this.value = value;
  }
  apply(current: KubernetesObject): KubernetesObject {
    return { ...current, metadata: { ...current.metadata, labels: { ...current.metadata.labels, value: this.value } } };
  }
}

function configMap(name: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'n', uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 },
  };
}

function setUp(servers: number, compactionInterval = 0) {
  const simulation = new Simulation();
  const randomness = new Randomness('1');
  const network = new Network(simulation, randomness, {
    sameHost: constant(RTT),
    sameZone: constant(RTT),
    crossZone: constant(RTT),
    external: constant(RTT),
    bytesPerSecond: 1e15,
  });
  const clientHost = network.addHost('client', 'a');
  const calls = createCallTable();
  const connections = new Connections(simulation, network, calls);
  const etcd = new FakeEtcd(simulation, LATENCY);
  const registry = new Allocators(simulation, randomness);
  for (let index = 0; index < servers; index++) {
    const host = network.addHost(`control-plane-${index}`, 'a');
    const server = new ApiServer({ simulation, randomness, profile, host, index, calls, etcd, registry, connections, compactionInterval });
    connections.addServer(server);
    server.start();
  }
  const client = new RestClient(simulation, connections, 'test', clientHost, 0, 0, 0);
  return { simulation, randomness, connections, etcd, client, clientHost, collector: new Collector(simulation) };
}

function create(name: string): ApiRequest {
  return { verb: 'create', resource: 'configmaps', namespace: 'n', name, body: configMap(name) };
}

test('an unloaded write takes one round trip, its CPU time and the commit', () => {
  const { simulation, client, collector } = setUp(1);
  client.request(create('a'), collector, 7);
  simulation.run();
  const [answer] = collector.answers;
  assert.equal(answer!.tag, 7);
  assert.equal(answer!.response.code, 201);
  assert.equal(answer!.at, RTT + CPU + LATENCY);
  assert.equal(answer!.response.object!.metadata.resourceVersion, 1);
});

test('requests beyond the cores wait: 10 at once on 2 cores finish in 5 rounds', () => {
  const { simulation, client, collector } = setUp(1);
  for (let i = 0; i < 10; i++) client.request(create(`c${i}`), collector, i);
  simulation.run();
  assert.deepEqual(
    collector.answers.map(({ at }) => (at - RTT - LATENCY) / CPU),
    [1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
  );
});

test('of two writers that saw the same version one gets 409 and none is lost', () => {
  const { simulation, client, collector, etcd } = setUp(1);
  client.request(create('a'), collector, 0);
  simulation.run();
  const stored = collector.answers[0]!.response.object!;
  for (const tag of [1, 2]) {
    const body = { ...stored, metadata: { ...stored.metadata, labels: { writer: String(tag) } } };
    client.request({ verb: 'update', resource: 'configmaps', namespace: 'n', name: 'a', body }, collector, tag);
  }
  simulation.run();
  assert.deepEqual(collector.answers.slice(1).map(({ tag, response }) => [tag, response.code]), [[1, 200], [2, 409]]);
  assert.equal(etcd.revision, 2);
});

test('patches without a resourceVersion that collide are both applied, the second after another try', () => {
  const { simulation, client, collector, etcd } = setUp(1);
  client.request(create('a'), collector, 0);
  simulation.run();
  for (const tag of [1, 2]) {
    const patch = new SetData(String(tag));
    client.request({ verb: 'patch', resource: 'configmaps', namespace: 'n', name: 'a', patch }, collector, tag);
  }
  simulation.run();
  assert.deepEqual(collector.answers.slice(1).map(({ response }) => response.code), [200, 200]);
  assert.equal(etcd.revision, 3);
});

test('a client of a dead server is told at once and served by another', () => {
  const { simulation, client, collector, connections } = setUp(2);
  client.request(create('a'), collector, 1);
  simulation.run(RTT / 2 + 1);
  connections.servers[0]!.fail();
  client.request(create('b'), collector, 2);
  simulation.run();
  assert.deepEqual(collector.answers.map(({ tag, response }) => [tag, response.code]), [[1, 0], [2, 201]]);
});

class Sequence implements ResourceEventHandler<KubernetesObject> {
  readonly versions = new Map<string, number>();
  broken = '';
  onAdd(object: KubernetesObject): void {
    this.see(object);
  }
  onUpdate(_old: KubernetesObject, object: KubernetesObject): void {
    this.see(object);
  }
  onDelete(object: KubernetesObject): void {
    this.see(object);
  }
  private see(object: KubernetesObject): void {
    const { name, resourceVersion } = object.metadata;
    if (resourceVersion < (this.versions.get(name) ?? 0)) this.broken = `${name} went back to ${resourceVersion}`;
    this.versions.set(name, resourceVersion);
  }
}

test('informers converge to the store and never go back, over random writes and failures of API servers', () => {
  const step = fc.record({
    name: fc.integer({ min: 0, max: 4 }),
    kind: fc.constantFrom('create', 'patch', 'delete', 'fail', 'heal'),
    wait: fc.integer({ min: 0, max: 3_000_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { simulation, randomness, client, collector, connections, clientHost, etcd } = setUp(2);
      const stream = randomness.stream('informer');
      const informer = new SharedInformer(simulation, connections, 'test', 'configmaps', clientHost, 0, 1000, stream);
      const sequence = new Sequence();
      informer.addEventHandler(sequence);
      informer.start();
      steps.forEach(({ name, kind, wait }, i) => {
        const key = { resource: 'configmaps', namespace: 'n', name: `c${name}` };
        if (kind === 'create') client.request(create(key.name), collector, i);
        else if (kind === 'patch') client.request({ verb: 'patch', ...key, patch: new SetData(String(i)) }, collector, i);
        else if (kind === 'delete') client.request({ verb: 'delete', ...key }, collector, i);
        else if (kind === 'fail') connections.servers[name % 2]!.fail();
        else connections.servers[name % 2]!.heal();
        simulation.run(simulation.now + wait);
      });
      for (const server of connections.servers) server.heal();
      simulation.run(simulation.now + 120e9);
      assert.equal(sequence.broken, '');
      const stored = [...etcd.kvs.values()].map(({ value }) => (value as KubernetesObject).metadata);
      const cached = [...informer.list()].map((object) => object.metadata);
      const text = (items: readonly KubernetesObject['metadata'][]) => items.map((item) => `${item.name}@${item.resourceVersion}`).sort();
      assert.deepEqual(text(cached), text(stored));
    }),
    { numRuns: 200 },
  );
});

test('of several servers one compacts etcd at each interval, at the revision it saw an interval before', () => {
  const { simulation, client, collector, etcd } = setUp(3, 300e9);
  const seen: number[] = [];
  for (let interval = 0; interval < 4; interval++) {
    client.request(create(`c${interval}`), collector, interval);
    simulation.run(simulation.now + 300e9 + 1e9);
    seen.push(etcd.revision);
  }
  // Each interval has one write of the client and one of the server that won the key; the first winner has nothing to compact yet.
  assert.deepEqual(seen, [2, 4, 6, 8]);
  assert.deepEqual(etcd.compactions, [2, 4, 6]);
});
