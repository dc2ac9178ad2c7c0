import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubernetesObject } from '../../src/api/meta.js';
import { type ClientFeatures, clientFeatures } from '../../src/client/features.js';
import { SharedInformer } from '../../src/client/informer.js';
import { Answers, answered, create, setUp, SetLabel, Told } from './harness.js';

const MODES: readonly ClientFeatures[] = [
  clientFeatures('1.34', 'kube-scheduler'),
  clientFeatures('1.34', 'kube-controller-manager'),
  clientFeatures('1.35', 'kube-scheduler'),
  clientFeatures('1.36', 'kube-scheduler'),
  clientFeatures('1.34', 'kube-scheduler', 'DeltaFIFO'),
  clientFeatures('1.35', 'kube-scheduler', 'DeltaFIFO'),
];

function informerOf(world: ReturnType<typeof setUp>, features: ClientFeatures, eventCost: number, resyncPeriod = 0) {
  const { simulation, connections, randomness, clientHost } = world;
  const stream = randomness.stream('informer');
  const options = { features, resyncPeriod };
  const informer = new SharedInformer<KubernetesObject>(simulation, connections, 'test', 'configmaps', clientHost, 0, eventCost, stream, options);
  const told = new Told();
  informer.addEventHandler(told);
  return { informer, told };
}

const step = fc.record({
  name: fc.integer({ min: 0, max: 4 }),
  kind: fc.constantFrom('create', 'patch', 'delete', 'fail', 'heal'),
  wait: fc.integer({ min: 0, max: 4_000_000 }),
});

for (const features of MODES) {
  const name = Object.entries(features).flatMap(([key, value]) => (value === true ? [key] : value === false ? [] : [value])).join(', ');
  test(`${name}: caches converge, handlers never go back, and nothing is missed without a relist, over random restarts of API servers`, () => {
    let complete = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(1000, 3e6), (steps, eventCost) => {
        const world = setUp(2);
        const { simulation, client, connections, etcd } = world;
        const { informer, told } = informerOf(world, features, eventCost);
        const answers = new Answers();
        informer.start();
        steps.forEach(({ name, kind, wait }, i) => {
          const key = { resource: 'configmaps', namespace: 'n', name: `c${name}` };
          if (kind === 'create') client.request(create(key.name), answers, i);
          else if (kind === 'patch') client.request({ verb: 'patch', ...key, patch: new SetLabel(String(i)) }, answers, i);
          else if (kind === 'delete') client.request({ verb: 'delete', ...key }, answers, i);
          else if (kind === 'fail') connections.servers[name % 2]!.fail();
          else connections.servers[name % 2]!.heal();
          simulation.run(simulation.now + wait);
        });
        for (const server of connections.servers) server.heal();
        simulation.run(simulation.now + 120e9);
        assert.ok(informer.synced);
        const stored = [...etcd.kvs.values()].map(({ value }) => (value as KubernetesObject).metadata);
        const cached = [...informer.list()].map((object) => object.metadata);
        const text = (items: readonly KubernetesObject['metadata'][]) => items.map((item) => `${item.name}@${item.resourceVersion}`).sort();
        assert.deepEqual(text(cached), text(stored));
        const last = new Map<string, number>();
        let newest = 0;
        for (const { name, version, unknown } of told.list) {
          assert.ok(version >= (last.get(name) ?? 0), `${name} went back to ${version}`);
          last.set(name, version);
          // RealFIFO keeps the order over all objects too, as long as no relist comes between.
          if (informer.lists === 1 && features.queue === 'RealFIFO' && newest > firstList(etcd, told)) assert.ok(version > newest || unknown);
          newest = Math.max(newest, version);
        }
        if (informer.lists > 1) return;
        complete++;
        const from = firstList(etcd, told);
        for (let i = 0; i < 5; i++) {
          const wanted = etcd.history.filter(({ key }) => key.endsWith(`/c${i}`)).map(({ event }) => event.kv.modRevision);
          const seen = told.list.filter(({ name }) => name === `c${i}`).map(({ version }) => version);
          assert.deepEqual(seen.filter((version) => version > from), wanted.filter((version) => version > from));
        }
      }),
      { numRuns: 150, seed: 7 },
    );
    assert.ok(complete > 20, `only ${complete} runs without a relist`);
  });
}

/** No history precedes the first list of these runs, except what it holds itself: the first told version of the list. */
function firstList(etcd: { readonly history: readonly unknown[] }, told: Told): number {
  return etcd.history.length === 0 ? 0 : (told.list[0]?.version ?? 0);
}

test('a LIST and a WATCH against one streaming WATCH', () => {
  for (const [features, wanted] of [
    [MODES[0]!, { 'create configmaps 201': 1, 'list configmaps 200': 1, 'watch configmaps 200': 1 }],
    [MODES[1]!, { 'create configmaps 201': 1, 'watch configmaps 200': 1 }],
  ] as const) {
    const world = setUp(1);
    world.client.request(create('a'), new Answers(), 0);
    world.simulation.run();
    const { informer } = informerOf(world, features, 1000);
    informer.start();
    world.simulation.run(world.simulation.now + 10e9);
    assert.ok(informer.synced);
    assert.equal(informer.size, 1);
    assert.deepEqual(answered(world.connections), wanted);
  }
});

test('watches are opened again every 5 to 10 minutes, resyncs tell handlers again without a request', () => {
  const world = setUp(1);
  world.client.request(create('a'), new Answers(), 0);
  world.simulation.run();
  const { informer, told } = informerOf(world, MODES[0]!, 1000, 600e9);
  informer.start();
  world.simulation.run(world.simulation.now + 3600e9);
  assert.ok(informer.watches >= 6 && informer.watches <= 12, `${informer.watches}`);
  assert.equal(informer.lists, 1);
  assert.equal(told.list.length, 6, 'the first list, and five resyncs in an hour less a moment');
});

test('a batch is in the cache before its first handler is called; without batches the cache follows the handlers', () => {
  for (const [features, sizes] of [
    [MODES[2]!, [3, 3, 3]],
    [MODES[0]!, [1, 2, 3]],
  ] as const) {
    const world = setUp(1);
    for (const name of ['a', 'b', 'c']) world.client.request(create(name), new Answers(), 0);
    world.simulation.run();
    const { informer } = informerOf(world, features, 1000);
    const seen: number[] = [];
    informer.addEventHandler({ onAdd: () => seen.push(informer.size), onUpdate: () => {}, onDelete: () => {} });
    informer.start();
    world.simulation.run(world.simulation.now + 1e9);
    assert.deepEqual(seen, sizes);
  }
});

test('back-off: 0.8 s doubling to 30 s with up to as much again; from the start when the last one is two minutes ago', () => {
  const { simulation, randomness, connections, clientHost } = setUp(1);
  const [server] = connections.servers;
  const informer = new SharedInformer(simulation, connections, 'reflector', 'configmaps', clientHost, 0, 0, randomness.stream('reflector'));
  informer.start();
  simulation.run(10e9);
  assert.deepEqual([informer.synced, informer.lists, informer.watches], [true, 1, 1]);
  server!.fail();
  // Attempts are seen as the times at which the informer's calls come back; the waits grow as the facts say.
  const attempts: number[] = [];
  const receive = informer.receive.bind(informer);
  informer.receive = (tag, response) => {
    if (response.code === 0) attempts.push(simulation.now);
    receive(tag, response);
  };
  simulation.run(simulation.now + 300e9);
  const waits = attempts.slice(1).map((at, i) => (at - attempts[i]!) / 1e9);
  let base = 0.8;
  for (const wait of waits) {
    assert.ok(wait >= base && wait <= 2 * base + 0.01, `${wait} s where ${base} to ${2 * base} s were due`);
    base = Math.min(30, base * 2);
  }
  assert.ok(waits.length >= 8);
  server!.heal();
  simulation.run(simulation.now + 200e9);
  attempts.length = 0;
  server!.fail();
  simulation.run(simulation.now + 5e9);
  assert.ok((attempts[1]! - attempts[0]!) / 1e9 <= 1.61, 'the back-off has begun anew');
});

test('a watch that breaks within a second without an event is an error: the reflector backs off and lists', () => {
  const { simulation, randomness, connections, clientHost } = setUp(2);
  const informer = new SharedInformer(simulation, connections, 'reflector', 'configmaps', clientHost, 0, 0, randomness.stream('reflector'));
  informer.start();
  simulation.run(0.5e9);
  connections.servers[0]!.fail();
  simulation.run(simulation.now + 0.5e9);
  assert.deepEqual([informer.lists, informer.watches], [1, 1]);
  simulation.run(simulation.now + 5e9);
  assert.deepEqual([informer.lists, informer.watches], [2, 2]);
  connections.servers[0]!.heal();
  simulation.run(simulation.now + 5e9);
  connections.servers[1]!.fail();
  simulation.run(simulation.now + 1e9);
  assert.deepEqual([informer.lists, informer.watches], [2, 3], 'an older watch is opened again at once, where it stopped');
});

test('a relist asks for a state that is not older than what the informer knows, after a 410 for the newest', () => {
  for (const [features, verb] of [
    [MODES[0]!, 'list'],
    [MODES[1]!, 'watch'],
  ] as const) {
    const world = setUp(2);
    const { simulation, connections } = world;
    world.client.request(create('a'), new Answers(), 0);
    simulation.run(1e9);
    const asked: [resourceVersion: number | undefined, source: string | undefined][] = [];
    connections.auditor = {
      answered: (_user, request) => {
        if (request.verb === verb && (verb === 'list' || request.sendInitialEvents === true)) asked.push([request.resourceVersion, request.source]);
      },
    };
    const { informer } = informerOf(world, features, 0);
    informer.start();
    simulation.run(simulation.now + 0.5e9);
    const known = informer.revision;
    assert.ok(known > 0);
    // The watch breaks within a second without an event: VeryShortWatchError, a list.
    connections.servers[0]!.fail();
    simulation.run(simulation.now + 5e9);
    assert.deepEqual(asked, [[undefined, undefined], [known, undefined]]);
    // Its revision is in no history any more: the process that starts knows none, and others have written since.
    connections.servers[1]!.fail();
    connections.servers[0]!.heal();
    simulation.run(simulation.now + 1e9);
    informer.revision = known - 1;
    simulation.run(simulation.now + 60e9);
    assert.deepEqual(asked.at(-1), [undefined, 'consistent']);
  }
});
