import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Entry, entrySize, MemoryStorage, NO_LIMIT, StorageError } from '../../src/raft/index.js';
import { RaftLog } from '../../src/raft/log.js';
import { limitedEnd } from '../../src/raft/sizes.js';

function entry(term: number, index: number, dataLength = 0): Entry {
  return { term, index, type: 0, data: null, dataLength };
}

/** A log whose entries 1, 2, ... have these terms. */
function logOf(...terms: number[]): RaftLog {
  const storage = new MemoryStorage();
  storage.append(terms.map((term, position) => entry(term, position + 1)));
  return new RaftLog(storage, NO_LIMIT);
}

/** Bytes of a protobuf field with a varint, written out: an encoder as independent of the code as can be. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    bytes.push(Number(rest & 127n));
    rest >>= 7n;
  } while (rest > 0n);
  return bytes;
}

describe('entry sizes', () => {
  it('are those of the protobuf encoding', () => {
    const number = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
    fc.assert(
      fc.property(
        number,
        number,
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: -1, max: 40000 }),
        (t, i, type, length) => {
          const data = length < 0 ? [] : [34, ...varint(length)];
          const bytes = [8, type, 16, ...varint(t), 24, ...varint(i), ...data].length + Math.max(length, 0);
          assert.equal(entrySize({ term: t, index: i, type, data: null, dataLength: length }), bytes);
        },
      ),
      { seed: 3, numRuns: 1000 },
    );
  });

  it('limit a batch but never to nothing', () => {
    const entries = [entry(1, 1, 10), entry(1, 2, 10), entry(1, 3, 10)];
    const one = entrySize(entries[0]!);
    assert.equal(limitedEnd(entries, 0, 3, 0), 1);
    assert.equal(limitedEnd(entries, 0, 3, 2 * one - 1), 1);
    assert.equal(limitedEnd(entries, 0, 3, 2 * one), 2);
    assert.equal(limitedEnd(entries, 1, 3, NO_LIMIT), 3);
  });
});

describe('log', () => {
  it('skips whole terms when looking for where two logs may agree', () => {
    // The worked examples of etcd's own explanation: leader and follower with diverging tails.
    const leader = logOf(1, 3, 3, 3, 5, 5, 5, 5, 5);
    assert.equal(leader.findConflictByTerm(6, 2), 1);
    assert.equal(leader.hintTerm, 1);
    const follower = logOf(1, 3, 3, 4, 4, 5, 5, 5, 6);
    assert.equal(follower.findConflictByTerm(8, 3), 3);
    assert.equal(follower.hintTerm, 3);
    assert.equal(logOf(2, 2).findConflictByTerm(2, 1), 0);
  });

  it('replaces a conflicting tail and nothing else', () => {
    const log = logOf(1, 1, 2, 2);
    assert.equal(log.maybeAppend(1, 2, [entry(3, 3)], 0), 3);
    assert.equal(log.lastIndex(), 3);
    assert.equal(log.term(3), 3);
    assert.equal(log.maybeAppend(1, 1, [entry(1, 2)], 9), 2, 'an old message does not cut the log');
    assert.equal(log.lastIndex(), 3);
    assert.equal(log.committed, 2, 'and commits no further than it reaches');
    assert.equal(log.maybeAppend(2, 3, [entry(3, 4)], 9), -1);
    assert.throws(() => log.maybeAppend(0, 0, [entry(4, 1)], 0), /committed/);
  });

  it('commits entries of the own term only', () => {
    const log = logOf(1, 2, 2);
    assert.equal(log.maybeCommit(3, 2), false);
    assert.equal(log.maybeCommit(2, 3), true);
    assert.equal(log.committed, 3);
  });
});

/** A log in the plainest form, to compare with. */
class PlainLog {
  entries: Entry[] = [];
  compacted = 0;
  compactedTerm = 0;

  append(entries: readonly Entry[]): void {
    const fresh = entries.filter(({ index }) => index > this.compacted);
    if (fresh.length > 0) this.entries = [...this.entries.filter(({ index }) => index < fresh[0]!.index), ...fresh];
  }

  compact(index: number): void {
    this.compactedTerm = this.entries.find((one) => one.index === index)!.term;
    this.compacted = index;
    this.entries = this.entries.filter((one) => one.index > index);
  }
}

describe('memory storage', () => {
  it('behaves like a list of entries', () => {
    const step = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 900 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const storage = new MemoryStorage();
        const plain = new PlainLog();
        let term = 1;
        for (const [appends, back, count] of steps) {
          const last = storage.lastIndex();
          if (appends) {
            term++;
            const from = Math.max(1, last + 1 - back);
            const entries = Array.from({ length: count }, (_, i) => entry(term, from + i));
            storage.append(entries);
            plain.append(entries);
          } else if (last - back > plain.compacted) {
            assert.equal(storage.compact(last - back), true);
            plain.compact(last - back);
          }
          compare(storage, plain);
        }
      }),
      { seed: 9, numRuns: 200 },
    );
  });

  it('is replaced by a newer snapshot only', () => {
    const storage = new MemoryStorage();
    storage.append([entry(1, 1), entry(1, 2), entry(2, 3)]);
    const confState = storage.initialConfState();
    assert.equal(storage.createSnapshot(3, confState, 'x', 1)?.term, 2);
    assert.equal(storage.createSnapshot(2, confState, 'y', 1), null);
    assert.equal(storage.applySnapshot({ index: 3, term: 2, confState, data: null, dataLength: 0 }), false);
    assert.equal(storage.applySnapshot({ index: 8, term: 4, confState, data: null, dataLength: 0 }), true);
    assert.deepEqual([storage.firstIndex(), storage.lastIndex(), storage.term(8)], [9, 8, 4]);
    assert.equal(storage.entries(9, 9, NO_LIMIT), StorageError.Unavailable);
    assert.equal(storage.entries(8, 9, NO_LIMIT), StorageError.Compacted);
    assert.throws(() => storage.append([entry(4, 11)]), /gap/);
  });
});

function compare(storage: MemoryStorage, plain: PlainLog): void {
  assert.equal(storage.firstIndex(), plain.compacted + 1);
  assert.equal(storage.lastIndex(), plain.compacted + plain.entries.length);
  assert.equal(storage.term(plain.compacted), plain.compactedTerm);
  if (plain.compacted > 0) assert.equal(storage.term(plain.compacted - 1), StorageError.Compacted);
  assert.equal(storage.term(storage.lastIndex() + 1), StorageError.Unavailable);
  if (plain.entries.length === 0) return;
  assert.deepEqual(storage.entries(storage.firstIndex(), storage.lastIndex() + 1, NO_LIMIT), plain.entries);
  for (const one of plain.entries) assert.equal(storage.term(one.index), one.term);
}
