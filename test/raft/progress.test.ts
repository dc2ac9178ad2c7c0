import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Inflights } from '../../src/raft/inflights.js';
import { Progress, ProgressState } from '../../src/raft/progress.js';
import { NO_LIMIT } from '../../src/raft/types.js';

function progress(match: number, next: number, window = 4): Progress {
  const peer = new Progress(next, false, window, NO_LIMIT);
  peer.match = match;
  return peer;
}

describe('progress', () => {
  it('probes with one message at a time', () => {
    const peer = progress(0, 5);
    assert.equal(peer.isPaused(), false);
    peer.sentEntries(0, 0);
    assert.equal(peer.isPaused(), false, 'an empty probe does not count');
    peer.sentEntries(2, 20);
    assert.equal(peer.isPaused(), true);
    assert.equal(peer.next, 5, 'a probe is not taken as received');
    assert.ok(peer.maybeDecrease(4, 2));
    assert.equal(peer.next, 3);
    assert.equal(peer.isPaused(), false);
  });

  it('ignores stale refusals', () => {
    const probing = progress(3, 8);
    assert.equal(probing.maybeDecrease(5, 4), false, 'not an answer to the probe at 7');
    const replicating = progress(5, 6);
    replicating.becomeReplicate();
    assert.equal(replicating.maybeDecrease(5, 5), false);
    assert.equal(replicating.maybeDecrease(4, 4), false);
  });

  it('never goes back below what is known to match', () => {
    const peer = progress(3, 9);
    assert.ok(peer.maybeDecrease(8, 1));
    assert.equal(peer.next, 4);
    const replicating = progress(5, 6);
    replicating.becomeReplicate();
    replicating.next = 20;
    assert.ok(replicating.maybeDecrease(9, 9));
    assert.equal(replicating.next, 6);
  });

  it('replicates optimistically until the window is full', () => {
    const peer = progress(2, 3, 2);
    peer.becomeReplicate();
    peer.sentEntries(3, 30);
    assert.equal(peer.next, 6);
    assert.equal(peer.isPaused(), false);
    peer.sentEntries(1, 10);
    assert.equal(peer.isPaused(), true);
    assert.ok(peer.maybeUpdate(5));
    peer.inflights.freeTo(5);
    assert.equal(peer.inflightCount, 1);
    assert.equal(peer.isPaused(), false);
    assert.equal(peer.maybeUpdate(4), false, 'an old answer');
  });

  it('waits for a snapshot and goes on after it', () => {
    const peer = progress(1, 3);
    peer.becomeSnapshot(10);
    assert.equal(peer.isPaused(), true);
    assert.equal(peer.next, 11);
    peer.becomeProbe();
    assert.deepEqual([peer.state, peer.next, peer.pendingSnapshot], [ProgressState.Probe, 11, 0]);
    peer.becomeSnapshot(20);
    peer.pendingSnapshot = 0;
    peer.becomeProbe();
    assert.equal(peer.next, 2, 'a failed snapshot brings nothing');
  });

  it('sends a commit only when it is news the peer can use', () => {
    const peer = progress(3, 6);
    peer.becomeReplicate();
    peer.sentEntries(2, 0);
    assert.equal(peer.canBumpCommit(1), true);
    peer.setSentCommit(4);
    assert.equal(peer.canBumpCommit(4), false);
    assert.equal(peer.canBumpCommit(5), true);
    peer.setSentCommit(5);
    assert.equal(peer.canBumpCommit(9), false, 'the peer cannot have an entry beyond 5');
  });
});

describe('inflights', () => {
  it('is a window of messages and of bytes', () => {
    const bytes = new Inflights(10, 100);
    bytes.add(1, 60);
    assert.equal(bytes.isFull(), false);
    bytes.add(2, 60);
    assert.equal(bytes.isFull(), true, 'one message may exceed the limit');
    assert.throws(() => bytes.add(3, 1), RangeError);
    bytes.freeTo(1);
    assert.equal(bytes.isFull(), false);
  });

  it('behaves like a queue', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 6 })), { maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), steps, (size, list) => {
        const ring = new Inflights(size, 25);
        let queue: [number, number][] = [];
        let index = 0;
        for (const [adds, amount] of list) {
          const bytes = queue.reduce((sum, [, one]) => sum + one, 0);
          const full = queue.length === size || bytes >= 25;
          assert.equal(ring.isFull(), full);
          if (adds && !full) {
            index += 1 + (amount % 3);
            ring.add(index, amount);
            queue.push([index, amount]);
          } else if (!adds) {
            const to = index - amount;
            ring.freeTo(to);
            queue = queue.filter(([one]) => one > to);
          }
          assert.equal(ring.count, queue.length);
        }
      }),
      { seed: 11, numRuns: 500 },
    );
  });
});
