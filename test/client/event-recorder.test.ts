import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/api/core.js';
import { ClientEventRecorder } from '../../src/client/event-recorder.js';
import { answered, configMap, setUp } from './harness.js';

function world() {
  const base = setUp(1);
  const recorder = new ClientEventRecorder(base.simulation, base.client, 'test');
  const events = () => [...base.connections.servers[0]!.cache('events').objects.values()] as Event[];
  const run = (seconds: number) => base.simulation.run(base.simulation.now + seconds * 1e9);
  return { ...base, recorder, events, run };
}

test('identical events are one object whose count rises; after 25 writes about an object one more in five minutes', () => {
  const { recorder, events, connections, run } = world();
  for (let i = 0; i < 40; i++) recorder.event(configMap('a'), 'Normal', 'Same', 'the same');
  run(10);
  assert.deepEqual(answered(connections), { 'create events 201': 1, 'patch events 200': 24 });
  assert.equal(recorder.dropped, 15);
  assert.equal(events()[0]!.count, 25);
  recorder.event(configMap('b'), 'Normal', 'Same', 'the same');
  run(10);
  assert.equal(events().length, 2, 'another object has a bucket of its own');
  run(300);
  for (let i = 0; i < 2; i++) recorder.event(configMap('a'), 'Normal', 'Same', 'the same');
  run(10);
  assert.equal(recorder.dropped, 16, 'one token has come back');
  assert.equal(events()[0]!.count, 41, 'what was not written counts');
});

test('the tenth different message of a kind is combined with those that follow, until ten quiet minutes', () => {
  const { recorder, events, connections, run } = world();
  for (let i = 0; i < 15; i++) recorder.event(configMap('a'), 'Normal', 'SuccessfulCreate', `Created pod: web-${i}`);
  run(10);
  assert.deepEqual(answered(connections), { 'create events 201': 10, 'patch events 200': 5 });
  const combined = events().filter(({ message }) => message.startsWith('(combined from similar events): '));
  assert.deepEqual(combined.map(({ message, count }) => [message, count]), [['(combined from similar events): Created pod: web-14', 6]]);
  recorder.event(configMap('a'), 'Normal', 'Other', 'something else');
  run(601);
  recorder.event(configMap('a'), 'Normal', 'SuccessfulCreate', 'Created pod: web-99');
  run(10);
  assert.deepEqual(events().slice(-2).map(({ message }) => message), ['something else', 'Created pod: web-99']);
});

test('an event that no server takes is tried 12 times, 10 s apart; a refusal is final', () => {
  const { recorder, events, connections, run } = world();
  const [server] = connections.servers;
  server!.fail();
  recorder.event(configMap('a'), 'Normal', 'R', 'first');
  recorder.event(configMap('a'), 'Normal', 'R', 'second');
  run(60);
  server!.heal();
  run(15);
  assert.deepEqual(events().map(({ message }) => message), ['first', 'second']);
  server!.fail();
  recorder.event(configMap('b'), 'Normal', 'R', 'lost');
  run(104);
  assert.equal(recorder.dropped, 0);
  run(4);
  assert.equal(recorder.dropped, 1, 'after 5 s and ten times 10 s');
  server!.heal();
  run(30);
  assert.equal(events().length, 2);
});

test('the queue of the broadcaster holds a thousand events', () => {
  const { recorder, run } = world();
  for (let i = 0; i < 1100; i++) recorder.event(configMap(`c${i}`), 'Normal', 'R', 'm');
  assert.equal(recorder.dropped, 99, 'one is on its way');
  run(10);
});
