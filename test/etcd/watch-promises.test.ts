import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EtcdWatchReceiver, WatchEvent } from '../../src/etcd/types.js';
import { MILLISECOND, MINUTE, SECOND } from '../../src/kernel/time.js';
import { Harness } from './harness.js';

/** Writes down each message of its watches. */
class Listener implements EtcdWatchReceiver {
  readonly messages: {
    readonly tag: number;
    readonly revisions: number[];
    readonly revision: number;
    readonly at: number;
  }[] = [];
  readonly progress: { readonly tag: number; readonly revision: number; readonly at: number }[] = [];
  private readonly harness: Harness;

  constructor(harness: Harness) {
    this.harness = harness;
  }

  watchEvents(tag: number, events: readonly WatchEvent[], revision: number): void {
    const revisions = events.map(({ kv }) => kv.modRevision);
    this.messages.push({ tag, revisions, revision, at: this.harness.simulation.now });
  }

  watchProgress(tag: number, revision: number): void {
    this.progress.push({ tag, revision, at: this.harness.simulation.now });
  }

  watchCancelled(): void {
    assert.fail('no watch of these tests ends');
  }

  get revisions(): number[] {
    return this.messages.flatMap(({ revisions }) => revisions);
  }
}

const upTo = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

test('a watch that hears nothing for its interval is told the revision, ten to eleven minutes apart, if it wants that', () => {
  const harness = new Harness();
  const wants = new Listener(harness);
  const not = new Listener(harness);
  harness.client.watch('/quiet/', 0, wants, 1, true);
  harness.client.watch('/quiet/', 0, not, 2);
  harness.client.watch('/busy/', 0, wants, 3, true);
  harness.run(SECOND);
  for (let i = 0; i < 40; i++) {
    harness.put('/busy/a', i);
    harness.run(MINUTE);
  }
  assert.equal(not.progress.length, 0);
  assert.ok(
    wants.progress.every(({ tag }) => tag === 1),
    'the watch with events needs no notification',
  );
  assert.ok(wants.progress.length >= 3);
  let before = SECOND;
  for (const { at, revision } of wants.progress) {
    const interval = at - before;
    assert.ok(interval >= 9.9 * MINUTE && interval < 11.1 * MINUTE, `${interval}`);
    assert.ok(revision >= 10 && revision <= harness.cluster.leader!.store.revision);
    before = at;
  }
});

test('a notification asked for covers what was sent before it, and comes only when all watches of the client are in step', () => {
  const harness = new Harness();
  for (let i = 0; i < 20; i++) harness.put('/a', i);
  const listener = new Listener(harness);
  harness.client.watch('/b', 0, listener, 1);
  harness.run(10 * MILLISECOND);
  harness.client.requestProgress();
  harness.run(10 * MILLISECOND);
  assert.deepEqual(
    listener.progress.map(({ tag, revision }) => [tag, revision]),
    [[1, 21]],
  );
  // One that has to catch up first, at most 100 ms later, silences all.
  harness.client.watch('/a', 2, listener, 2);
  harness.run(10 * MILLISECOND);
  harness.client.requestProgress();
  harness.run(10 * MILLISECOND);
  assert.equal(listener.progress.length, 1);
  assert.equal(listener.messages.length, 0);
  harness.run(200 * MILLISECOND);
  assert.deepEqual(listener.revisions, upTo(2, 21));
  harness.client.requestProgress();
  harness.run(10 * MILLISECOND);
  assert.deepEqual(
    listener.progress.slice(1).map(({ tag, revision }) => [tag, revision]),
    [
      [1, 21],
      [2, 21],
    ],
  );
});

test('a watch that waits for a future revision is not told of progress before it', () => {
  const harness = new Harness();
  harness.put('/a');
  const listener = new Listener(harness);
  harness.client.watch('/a', 5, listener, 1);
  harness.run(10 * MILLISECOND);
  harness.client.requestProgress();
  harness.run(10 * MILLISECOND);
  assert.equal(listener.progress.length, 0);
  for (let i = 0; i < 4; i++) harness.put('/a', i);
  harness.run(10 * MILLISECOND);
  harness.client.requestProgress();
  harness.run(10 * MILLISECOND);
  assert.deepEqual(listener.revisions, [5, 6]);
  assert.deepEqual(
    listener.progress.map(({ revision }) => revision),
    [6],
  );
});

test('a watcher with 128 messages waiting is a victim, gets what it missed in batches, and misses nothing', () => {
  const harness = new Harness();
  const listener = new Listener(harness);
  harness.client.watch('', 0, listener, 1);
  harness.run(SECOND);
  const member = harness.cluster.members[0]!;
  const writer = harness.connect(1);
  harness.network.setLink(member.host, harness.clientHost, false);
  for (let i = 0; i < 127; i++) harness.call({ op: 'put', key: `/k/${i}`, value: i, bytes: 10 }, writer);
  assert.equal(member.metrics.debuggingMvccSlowWatcherTotal, 0);
  for (let i = 0; i < 173; i++) harness.call({ op: 'put', key: `/l/${i}`, value: i, bytes: 10 }, writer);
  assert.equal(member.metrics.debuggingMvccSlowWatcherTotal, 1);
  assert.equal(member.watches.victims.length, 1);
  harness.client.requestProgress();
  harness.run(10 * MILLISECOND);
  harness.network.setLink(member.host, harness.clientHost, true);
  harness.run(5 * SECOND);
  assert.deepEqual(listener.revisions, upTo(2, 301));
  assert.equal(listener.progress.length, 0);
  assert.equal(member.metrics.debuggingMvccSlowWatcherTotal, 0);
  // 128 that waited, the one it became a victim with, and the rest from history: one message.
  assert.deepEqual(
    listener.messages.map(({ revisions }) => revisions.length).filter((length) => length > 1),
    [171],
  );
  const [free, rescued, caughtUp] = listener.messages.slice(-3).map(({ at }) => at);
  assert.ok(rescued! - free! <= 11 * MILLISECOND, 'tried again each 10 ms');
  assert.ok(caughtUp! - rescued! <= 101 * MILLISECOND, 'caught up each 100 ms');
});

test('catching up takes a thousand revisions a message, and a compaction meanwhile ends a watch that needs them', () => {
  const harness = new Harness({ members: 1 });
  for (let i = 0; i < 2500; i++) harness.put('/a', i, 10);
  const listener = new Listener(harness);
  harness.client.watch('/a', 2, listener, 1);
  harness.run(SECOND);
  assert.deepEqual(
    listener.messages.map(({ revisions, revision }) => [revisions.length, revision]),
    [
      [1000, 1001],
      [1000, 2001],
      [500, 2501],
    ],
  );
  assert.deepEqual(listener.revisions, upTo(2, 2501));
  harness.client.watch('/a', 2, harness, 2);
  harness.run(100 * MILLISECOND);
  harness.call({ op: 'compact', revision: 2400 });
  harness.run(SECOND);
  assert.deepEqual(
    harness.cancelled.map(({ tag, compactRevision }) => [tag, compactRevision]),
    [[2, 2400]],
  );
});

test('at most 512 watchers catch up in one pass', () => {
  const harness = new Harness({ members: 1 });
  harness.put('/a');
  const listener = new Listener(harness);
  for (let i = 0; i < 1000; i++) harness.client.watch('/a', 2, listener, i);
  harness.run(SECOND);
  assert.equal(listener.messages.length, 1000);
  assert.equal(new Set(listener.messages.map(({ tag }) => tag)).size, 1000);
  const first = listener.messages[0]!.at;
  const soon = listener.messages.filter(({ at }) => at < first + 50 * MILLISECOND).length;
  assert.equal(soon, 512);
  assert.ok(listener.messages.every(({ at }) => at < first + 150 * MILLISECOND));
});
