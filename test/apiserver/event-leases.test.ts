import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/api/core.js';
import type { ApiResponse } from '../../src/apiserver/request.js';
import { ClientEventRecorder } from '../../src/client/event-recorder.js';
import { SECOND } from '../../src/kernel/time.js';
import { World } from './real-etcd.js';

/** Events of ten minutes: 5 % of that is 30 s, so a lease lasts 630 s and is given to the events of its first 30 s (lease_manager.go). */
const TTL = 600 * SECOND;

function event(name: string): Event {
  const metadata = { name, namespace: 'n', uid: '', resourceVersion: 0, generation: 0, creationTimestamp: 0 };
  const involvedObject = { apiVersion: 'v1', kind: 'Pod', namespace: 'n', name: 'p', uid: 'u' };
  return { apiVersion: 'v1', kind: 'Event', metadata, involvedObject, reason: 'R', message: 'm', type: 'Normal', source: { component: 'c' }, firstTimestamp: 0, lastTimestamp: 0, count: 1 } as Event;
}

function world() {
  const base = new World('events', TTL);
  base.run(5 * SECOND);
  const codes: number[] = [];
  const receiver = { receive: (_tag: number, { code }: ApiResponse) => codes.push(code) };
  const create = (name: string, server = 0) => base.clients[server]!.request({ verb: 'create', resource: 'events', namespace: 'n', name, body: event(name) }, receiver, 0);
  const leases = () => {
    const { store } = base.etcd.members[0]!;
    const kvs = store.range('/registry/events/', true, 0, 0) ?? [];
    return store.lessor.list().map(({ id, ttlSeconds }) => ({ ttlSeconds, keys: kvs.filter(({ lease }) => lease === id).length }));
  };
  const stored = () => [...base.connections.servers[1]!.cache('events').objects.values()].map(({ metadata }) => metadata.name);
  return { base, codes, create, leases, stored };
}

test('events of 30 s share a lease of 630 s, and go with it', () => {
  const { base, codes, create, leases, stored } = world();
  for (let i = 0; i < 10; i++) create(`a-${i}`);
  base.run(29 * SECOND);
  create('b');
  base.run(1 * SECOND);
  assert.deepEqual(leases().map(({ ttlSeconds, keys }) => [ttlSeconds, keys]), [[630, 11]]);
  base.run(2 * SECOND);
  create('c');
  base.run(SECOND);
  assert.deepEqual(leases().map(({ keys }) => keys), [11, 1], 'the second lease begins after 30 s');
  assert.ok(codes.length === 12 && codes.every((code) => code === 201));
  base.run(594 * SECOND);
  assert.equal(stored().length, 12, 'after 627 s');
  base.run(6 * SECOND);
  assert.deepEqual(stored(), ['c'], 'after 633 s: the first lease has ended, and the caches of servers know it');
  base.run(40 * SECOND);
  assert.deepEqual(stored(), []);
  assert.deepEqual(leases(), []);
});

test('a thousand events fill a lease; servers have leases of their own; an event that is written again lives on', () => {
  const { base, create, leases, stored } = world();
  for (let i = 0; i < 1500; i++) create(`x-${i}`);
  create('other', 1);
  base.run(10 * SECOND);
  assert.deepEqual(leases().map(({ keys }) => keys).sort((a, b) => a - b), [1, 500, 1000]);
  base.run(290 * SECOND);
  const patch = { bytes: 10, apply: (current: unknown) => ({ ...(current as Event), count: 2 }) };
  base.clients[0]!.request({ verb: 'patch', resource: 'events', namespace: 'n', name: 'x-0', patch }, { receive: () => {} }, 0);
  base.run(340 * SECOND);
  assert.deepEqual(stored(), ['x-0']);
  base.run(300 * SECOND);
  assert.deepEqual(stored(), []);
});

test('a recorder whose event has gone writes it anew', () => {
  const { base, stored } = world();
  const recorder = new ClientEventRecorder(base.simulation, base.clients[0]!, 'test');
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...event('a').metadata, uid: 'u' } };
  recorder.event(object as never, 'Normal', 'Same', 'the same');
  base.run(640 * SECOND);
  assert.deepEqual(stored(), []);
  recorder.event(object as never, 'Normal', 'Same', 'the same');
  base.run(SECOND);
  assert.equal(stored().length, 1, 'PATCH, 404, POST');
});
