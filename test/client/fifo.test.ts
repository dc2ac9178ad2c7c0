import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { DeltaQueue } from '../../src/client/delta.js';
import { DeltaFifo } from '../../src/client/delta-fifo.js';
import { clientFeatures } from '../../src/client/features.js';
import { RealFifo } from '../../src/client/real-fifo.js';
import { configMap } from './harness.js';

function version(name: string, resourceVersion: number): KubernetesObject {
  const object = configMap(name);
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

function map(...objects: readonly KubernetesObject[]): Map<string, KubernetesObject> {
  return new Map(objects.map((object) => [object.metadata.name, object]));
}

const known = map(version('foo', 5), version('bar', 6), version('baz', 7));

/** Everything in the queue, one line a pop. */
function drain(queue: DeltaQueue, most = 1): string[] {
  const lines: string[] = [];
  for (let items = queue.pop(most); items.length > 0; items = queue.pop(most)) {
    lines.push(
      items
        .map((item) => {
          if (item.type === 'Relist') return `Relist ${[...item.listed.keys()].join(',')}`;
          return `${item.type}${item.finalStateUnknown === true ? '?' : ''} ${item.key}@${item.object.metadata.resourceVersion}`;
        })
        .join(' '),
    );
  }
  return lines;
}

// The worked examples are those of client-go's own tests (delta_fifo_test.go, the_real_fifo_test.go: ReplaceMakesDeletions).

test('DeltaFIFO: a relist after a deletion in the queue, and after an addition in the queue', () => {
  const deleted = new DeltaFifo();
  deleted.add('Deleted', 'baz', version('baz', 10), known);
  deleted.replace(map(version('foo', 5)), known);
  assert.deepEqual(drain(deleted), ['Deleted baz@10', 'Replaced foo@5', 'Deleted? bar@6']);
  const added = new DeltaFifo();
  added.add('Added', 'baz', version('baz', 10), known);
  added.replace(map(version('foo', 5)), known);
  assert.deepEqual(drain(added), ['Added baz@10 Deleted? baz@10', 'Replaced foo@5', 'Deleted? bar@6']);
});

test('RealFIFO: the same relists put deletions first and keep arrival order', () => {
  const deleted = new RealFifo();
  deleted.add('Deleted', 'baz', version('baz', 10));
  deleted.replace(map(version('foo', 5)), known);
  assert.deepEqual(drain(deleted), ['Deleted baz@10', 'Deleted? bar@6', 'Replaced foo@5']);
  const added = new RealFifo();
  added.add('Added', 'baz', version('baz', 10));
  added.replace(map(version('foo', 5)), known);
  assert.deepEqual(drain(added), ['Added baz@10', 'Deleted? baz@10', 'Deleted? bar@6', 'Replaced foo@5']);
});

test('DeltaFIFO keeps all deltas of a key together; only deletions in a row merge, the known final state wins', () => {
  const queue = new DeltaFifo();
  queue.add('Added', 'a', version('a', 1), map());
  queue.add('Added', 'b', version('b', 2), map());
  queue.add('Updated', 'a', version('a', 3), map());
  queue.add('Updated', 'a', version('a', 3), map());
  queue.add('Deleted', 'a', version('a', 4), map());
  queue.add('Deleted', 'a', version('a', 5), map());
  queue.add('Deleted', 'nobody', version('nobody', 6), map());
  assert.equal(queue.length, 2);
  assert.deepEqual(drain(queue), ['Added a@1 Updated a@3 Updated a@3 Deleted a@4', 'Added b@2']);
});

test('a resync queues what has nothing queued', () => {
  for (const queue of [new DeltaFifo(), new RealFifo()]) {
    queue.add('Updated', 'bar', version('bar', 9), known);
    queue.resync(known);
    assert.deepEqual(drain(queue), ['Updated bar@9', 'Sync foo@5', 'Sync baz@7']);
  }
});

test('batches hold distinct keys and stop at one that repeats, at their size and at an atomic relist', () => {
  const queue = new RealFifo(true);
  for (const key of ['a', 'b', 'a', 'c', 'd', 'e']) queue.add('Updated', key, version(key, 1));
  queue.replace(map(version('z', 2)), known);
  queue.add('Added', 'y', version('y', 3));
  assert.deepEqual(drain(queue, 3), ['Updated a@1 Updated b@1', 'Updated a@1 Updated c@1 Updated d@1', 'Updated e@1', 'Relist z', 'Added y@3']);
});

test('features by release and process', () => {
  const named = (version: '1.34' | '1.35' | '1.36', process: string) =>
    Object.entries(clientFeatures(version, process)).flatMap(([name, value]) => (value === true ? [name] : []));
  assert.deepEqual(named('1.34', 'kube-scheduler'), []);
  assert.deepEqual(named('1.34', 'kube-controller-manager'), ['streamingLists']);
  assert.deepEqual(named('1.35', 'kube-scheduler'), ['batch', 'streamingLists']);
  assert.deepEqual(named('1.36', 'kube-scheduler'), ['batch', 'atomicRelist', 'streamingLists']);
  assert.equal(clientFeatures('1.35', 'kube-scheduler', 'DeltaFIFO').batch, false);
});
