import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EtcdClient, EtcdWatchReceiver, WatchEvent } from '../../src/etcd/types.js';
import { SECOND } from '../../src/kernel/time.js';
import { ClosedLoop, Harness } from './harness.js';

/** A receiver that watches again from where it was, as the watch cache does. */
class Follower implements EtcdWatchReceiver {
  readonly revisions: number[] = [];
  cancellations = 0;
  private next: number;
  private readonly client: EtcdClient;

  constructor(client: EtcdClient, start: number) {
    this.client = client;
    this.next = start;
    client.watch('', start, this, 0);
  }

  watchEvents(_tag: number, events: readonly WatchEvent[], revision: number): void {
    for (const event of events) this.revisions.push(event.kv.modRevision);
    this.next = revision + 1;
  }

  watchCancelled(): void {
    this.cancellations++;
    this.client.watch('', this.next, this, 0);
  }
}

test('a watch has no gap, no repetition and keeps the order across leader kills and restarts', () => {
  for (const seed of ['one', 'two', 'three']) {
    const harness = new Harness({ seed, rtt: { kind: 'lognormal', median: 300_000, sigma: 1 } }, -1);
    const followers = [0, 1, 2].map((index) => new Follower(harness.connect(index), 2));
    const loop = new ClosedLoop(harness, harness.client, 5);
    harness.run(SECOND);
    for (let round = 0; round < 3; round++) {
      const victim = harness.cluster.leader!.index;
      harness.cluster.fail(victim);
      harness.run(4 * SECOND);
      harness.cluster.heal(victim);
      harness.run(4 * SECOND);
    }
    loop.running = false;
    harness.run(10 * SECOND);
    const last = harness.cluster.leader!.store.revision;
    assert.ok(last > 1000);
    let cancellations = 0;
    for (const follower of followers) {
      assert.deepEqual(
        follower.revisions,
        Array.from({ length: last - 1 }, (_, i) => i + 2),
      );
      cancellations += follower.cancellations;
    }
    assert.ok(cancellations >= 3);
  }
});

test('only keys with the prefix are reported, to every watch that has them', () => {
  const harness = new Harness();
  harness.client.watch('/registry/pods/', 0, harness, 1);
  harness.client.watch('/registry/pods/default/', 0, harness, 2);
  harness.client.watch('/registry/nodes/', 0, harness, 3);
  harness.client.watch('/registry/', 0, harness, 4);
  harness.run(SECOND);
  harness.put('/registry/pods/default/a');
  harness.put('/registry/pods/other/b');
  harness.put('/registry/podtemplates/c');
  harness.run(SECOND);
  const keys = harness.events.map((event) => event.kv.key).sort();
  assert.deepEqual(keys, [
    '/registry/pods/default/a',
    '/registry/pods/default/a',
    '/registry/pods/default/a',
    '/registry/pods/other/b',
    '/registry/pods/other/b',
    '/registry/podtemplates/c',
  ]);
});

test('events carry the previous version; a deletion is an event with the revision of the delete', () => {
  const harness = new Harness();
  harness.client.watch('/a', 0, harness, 1);
  harness.run(SECOND);
  harness.put('/a', 'one');
  harness.put('/a', 'two');
  harness.call({ op: 'delete', key: '/a' });
  harness.call({ op: 'delete', key: '/a' });
  harness.run(SECOND);
  assert.deepEqual(
    harness.events.map((event) => [event.type, event.kv.modRevision, event.kv.value, event.previous?.value]),
    [
      ['PUT', 2, 'one', undefined],
      ['PUT', 3, 'two', 'one'],
      ['DELETE', 4, undefined, 'two'],
    ],
  );
});

test('a watch from the past gets the history, one from before the compaction is cancelled with its revision', () => {
  const harness = new Harness();
  for (let i = 0; i < 10; i++) harness.put('/a', i);
  harness.client.watch('/a', 5, harness, 1);
  harness.run(SECOND);
  assert.deepEqual(
    harness.events.map((event) => event.kv.modRevision),
    [5, 6, 7, 8, 9, 10, 11],
  );
  harness.call({ op: 'compact', revision: 8 });
  harness.client.watch('/a', 4, harness, 2);
  harness.run(SECOND);
  assert.deepEqual(
    harness.cancelled.map(({ tag, compactRevision }) => [tag, compactRevision]),
    [[2, 8]],
  );
});

test('leases take their keys with them, not before their time, as one revision', () => {
  const harness = new Harness();
  harness.client.watch('/lease/', 0, harness, 1);
  harness.run(SECOND);
  assert.equal(harness.call({ op: 'leaseGrant', id: 77, ttlSeconds: 5 }).response.error, undefined);
  const granted = harness.simulation.now;
  for (const name of ['b', 'a']) harness.call({ op: 'put', key: `/lease/${name}`, value: 0, bytes: 10, lease: 77 });
  harness.run(SECOND);
  assert.equal(harness.events.length, 2);
  while (harness.events.length < 4) harness.simulation.step();
  const expired = harness.simulation.now - granted;
  assert.ok(expired >= 4.99 * SECOND && expired < 6 * SECOND, `${expired}`);
  const [first, second] = harness.events.slice(2);
  assert.equal(first!.kv.modRevision, second!.kv.modRevision);
  assert.deepEqual([first!.kv.key, second!.kv.key], ['/lease/a', '/lease/b']);
});
