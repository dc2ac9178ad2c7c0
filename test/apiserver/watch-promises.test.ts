import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { ApiRequest } from '../../src/apiserver/request.js';
import { clientFeatures } from '../../src/client/features.js';
import { SharedInformer } from '../../src/client/informer.js';
import { Randomness } from '../../src/random/stream.js';
import { Answers, create, SetLabel, Told } from '../client/harness.js';
import { Increment, nothingLost, Writer } from './counters.js';
import { PREFIX, Scribe, World } from './real-etcd.js';

/** What API servers promise, on an etcd of three members that runs Raft, while everything around breaks. */

const NAMES = 4;
const step = fc.record({
  kind: fc.constantFrom('write', 'write', 'write', 'write', 'write', 'write', 'delete', 'crash', 'start', 'restart', 'leader', 'kill', 'revive', 'compact', 'compact', 'gap', 'list'),
  index: fc.nat(2),
  name: fc.nat(NAMES - 1),
  wait: fc.oneof({ weight: 5, arbitrary: fc.nat(20e6) }, { weight: 1, arbitrary: fc.nat(2e9) }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Breaks or restarts what a step says; false: the step is a write. */
function disturb(world: World, { kind, index }: Step): boolean {
  const server = world.connections.servers[index]!;
  if (kind === 'crash') server.fail();
  else if (kind === 'start') server.heal();
  else if (kind === 'restart') server.restart(5e6, 50e6);
  else if (kind === 'leader') world.etcd.moveLeader(index);
  else if (kind === 'kill' && world.etcd.members.every(({ running }) => running)) world.etcd.fail(index);
  else if (kind === 'revive') world.etcd.heal(index);
  else if (kind === 'compact') world.compact();
  else if (kind === 'gap') gap(world, index);
  else if (kind === 'write' || kind === 'delete') return false;
  return true;
}

/** What is written while an API server looks for another member of etcd is compacted before it finds one. */
function gap(world: World, index: number): void {
  if (world.etcd.members.some(({ running }) => !running)) return;
  world.etcd.fail(index);
  for (let i = 0; i < 4; i++) {
    world.clients[(index + 1) % 3]!.request({ verb: 'patch', resource: 'configmaps', namespace: 'n', name: `c${i % 2}`, patch: new Increment() }, new Answers(), 0);
    world.run(6e6);
  }
  world.compact();
}

test('watches are gapless, ordered and without duplicates, lists are of one revision, and caches converge', () => {
  let relists = 0;
  let told = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), fc.nat(1000), (steps, seed) => {
      const world = new World(String(seed));
      const scribes = [0, 1, 2, 0, 1, 2].map((preferred, i) => new Scribe(world, preferred, i < 3 ? undefined : `n/c${preferred}`));
      const answers = new Answers();
      for (let i = 0; i < NAMES; i++) world.clients[0]!.request(create(`c${i}`), answers, 0);
      world.run(50e6);
      for (const scribe of scribes) scribe.list();
      const informers = (['1.34', '1.36'] as const).map((version, i) => {
        const options = { features: clientFeatures(version, 'kube-scheduler') };
        const stream = new Randomness(String(seed)).stream('informer');
        const informer = new SharedInformer<KubernetesObject>(world.simulation, world.connections, `i${version}`, 'configmaps', world.clientHost, i, 1000, stream, options);
        const handler = new Told();
        informer.addEventHandler(handler);
        informer.start();
        return { informer, handler };
      });
      steps.forEach((each, i) => {
        if (each.kind === 'list') scribes[each.name]!.listAgain(each.index);
        const key = { resource: 'configmaps', namespace: 'n', name: `c${each.name}` };
        if (each.kind !== 'list' && !disturb(world, each)) {
          const client = world.clients[each.index]!;
          if (each.kind === 'delete') client.request({ verb: 'delete', ...key }, answers, i);
          else if (i % 3 === 0) client.request(create(key.name), answers, i);
          else client.request({ verb: 'patch', ...key, patch: new SetLabel(String(i)) }, answers, i);
        }
        world.run(each.wait);
      });
      world.heal();
      world.run(100e9);
      world.gather();
      const newest = world.history.at(-1)?.kv.modRevision ?? 1;
      const last = sorted(world.storedAt(newest));
      for (const server of world.connections.servers) {
        const cached = new Map([...server.cache('configmaps').objects].map(([key, object]) => [key, object.metadata.resourceVersion]));
        assert.deepEqual(sorted(cached), last, server.name);
      }
      for (const { informer, handler } of informers) {
        const cached = new Map([...informer.list()].map(({ metadata }) => [`n/${metadata.name}`, metadata.resourceVersion]));
        assert.deepEqual(sorted(cached), last, informer.name);
        const versions = new Map<string, number>();
        for (const { name, version } of handler.list) {
          assert.ok(version >= (versions.get(name) ?? 0), `${informer.name}: ${name} went back to ${version}`);
          versions.set(name, version);
        }
      }
      for (const { name, key, stretches } of scribes) {
        relists += stretches.length - 1;
        let before = 0;
        stretches.forEach(({ listed, items, told: revisions }, i) => {
          assert.ok(listed >= before, `${name} went back to ${listed}`);
          if (key === undefined) assert.deepEqual(sorted(items), sorted(world.storedAt(listed)), `${name}: list at ${listed}`);
          before = i === stretches.length - 1 ? newest : (revisions.at(-1) ?? listed);
          const wanted = world.history.filter(({ kv }) => kv.modRevision > listed && kv.modRevision <= before && (key === undefined || kv.key === PREFIX + key));
          assert.deepEqual(revisions, wanted.map(({ kv }) => kv.modRevision), `${name} after ${listed}`);
          told += revisions.length;
        });
      }
    }),
    { numRuns: 120, seed: 11 },
  );
  assert.ok(relists > 30 && told > 1000, `${relists} relists, ${told} events`);
});

function sorted(versions: ReadonlyMap<string, number>): [string, number][] {
  return [...versions].sort(([a], [b]) => (a < b ? -1 : 1));
}

test('no update is lost: each builds on the version that it replaces', () => {
  let conflicts = 0;
  let writes = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), fc.nat(1000), (steps, seed) => {
      const world = new World(String(seed));
      const names = ['c0', 'c1'];
      for (const name of names) world.clients[0]!.request(create(name), new Answers(), 0);
      world.run(50e6);
      const writers: { readonly name: string; readonly writer: Writer }[] = [];
      const patches = new Answers();
      for (const each of steps) {
        const name = names[each.name % 2]!;
        const client = world.clients[each.index]!;
        if (each.kind !== 'list' && !disturb(world, each)) {
          if (each.kind === 'delete') {
            const request: ApiRequest = { verb: 'patch', resource: 'configmaps', namespace: 'n', name, patch: new Increment() };
            client.request(request, patches, 0);
          } else {
            const writer = new Writer(client, name);
            writers.push({ name, writer });
            writer.read();
          }
        }
        world.run(Math.min(each.wait, 3e6));
      }
      world.heal();
      world.run(100e9);
      world.gather();
      for (const name of names) {
        const versions = world.history.map(({ kv }) => kv).filter(({ key }) => key === `${PREFIX}n/${name}`);
        const found = nothingLost(name, versions, writers);
        conflicts += found.conflicts;
        writes += found.writes;
      }
    }),
    { numRuns: 100, seed: 5 },
  );
  assert.ok(conflicts > 100 && writes > 400, `${conflicts} conflicts and ${writes} writes`);
});
