import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WatchEvent } from '../../src/etcd/types.js';
import { Violation } from '../raft/checkers/checker.js';
import { Truth } from './chaos/truth.js';
import type { Watching, WatchMessage } from './chaos/watching.js';
import type { World } from './chaos/world.js';
import type { Checker } from './checkers/checker.js';
import { Versions } from './checkers/versions.js';
import { WatchAtomic } from './checkers/watch-atomic.js';
import { WatchBookmarks } from './checkers/watch-bookmarks.js';
import { WatchOrdered } from './checkers/watch-ordered.js';
import { WatchReliable } from './checkers/watch-reliable.js';
import { WatchResumable } from './checkers/watch-resumable.js';
import { WatchUnique } from './checkers/watch-unique.js';

function put(key: string, modRevision: number): WatchEvent {
  const kv = { key, value: modRevision, bytes: 1, createRevision: modRevision, modRevision, version: 1, lease: 0 };
  return { type: 'PUT', kv };
}

/** What happened: two keys at revision 3, one at each of the others. */
const HISTORY = [[put('/a', 2)], [put('/b', 3), put('/c', 3)], [put('/d', 4)], [put('/e', 5)]];
const all = (...revisions: number[]) => revisions.flatMap((revision) => HISTORY[revision - 2]!);
const open = (start: number): WatchMessage => ({ kind: 'open', start });
const told = (events: readonly WatchEvent[], revision: number): WatchMessage => ({ kind: 'events', events, revision });
const progress = (revision: number): WatchMessage => ({ kind: 'progress', revision });
const end = (compactRevision: number): WatchMessage => ({ kind: 'end', compactRevision });

function complains(checker: Checker, messages: readonly WatchMessage[]): boolean {
  const truth = new Truth();
  for (const events of HISTORY) truth.add(events);
  const world = { truth } as unknown as World;
  const watch = { name: 'watch', prefix: '/' } as unknown as Watching;
  try {
    for (const message of messages) checker.told(watch, message, world);
    checker.settled(world);
    return false;
  } catch (error) {
    assert.ok(error instanceof Violation);
    assert.equal(error.checker, checker.name);
    return true;
  }
}

const CHECKERS = [WatchOrdered, WatchUnique, WatchAtomic, WatchReliable, WatchResumable, WatchBookmarks];

describe('checkers of watches', () => {
  it('find nothing wrong with a watch that ends, resumes and hears everything', () => {
    const fine = [
      [open(2), told(all(2, 3), 3), progress(3), end(0), open(4), told(all(4), 4), told(all(5), 5)],
      [open(2), told(all(2), 2), end(4), open(4), progress(3), told(all(4, 5), 5), progress(5)],
      [open(6)],
    ];
    for (const messages of fine) for (const Kind of CHECKERS) assert.ok(!complains(new Kind(), messages), Kind.name);
  });

  const wrong: readonly [new () => Checker, string, readonly WatchMessage[]][] = [
    [WatchOrdered, 'events out of order', [open(2), told(all(3, 2), 3)]],
    [
      WatchOrdered,
      'an older event after a resumption',
      [open(2), told(all(2, 3), 3), end(0), open(2), told(all(2), 2)],
    ],
    [WatchUnique, 'an event that comes again', [open(2), told(all(2), 2), told(all(2, 3), 3)]],
    [WatchUnique, 'an event twice in one message', [open(2), told(all(2, 2), 2)]],
    [WatchAtomic, 'half of a revision', [open(2), told(all(2), 2), told([put('/b', 3)], 3), told([put('/c', 3)], 3)]],
    [WatchReliable, 'a gap', [open(2), told(all(2, 4), 4)]],
    [WatchReliable, 'a gap between messages', [open(2), told(all(2), 2), told(all(4), 4)]],
    [WatchReliable, 'something else than what happened', [open(2), told([put('/z', 2)], 2)]],
    [WatchReliable, 'less than it says', [open(2), told(all(2), 3)]],
    [WatchResumable, 'a beginning before the start', [open(3), told(all(2, 3, 4, 5), 5)]],
    [WatchResumable, 'a beginning after the start', [open(3), told(all(4, 5), 5)]],
    [WatchResumable, 'a refusal without reason', [open(4), end(4), open(4), told(all(4, 5), 5)]],
    [WatchResumable, 'a watch that is forgotten', [open(2), told(all(2), 2)]],
    [WatchBookmarks, 'a bookmark ahead of the events', [open(2), told(all(2), 2), progress(4), told(all(3, 4, 5), 5)]],
    [WatchBookmarks, 'an event behind the bookmark', [open(2), told(all(2, 3), 3), progress(3), told(all(3), 3)]],
    [WatchBookmarks, 'a bookmark that goes back', [open(6), progress(6), progress(5)]],
  ];
  for (const [Kind, what, messages] of wrong) {
    it(`${new Kind().name}: finds ${what}`, () => assert.ok(complains(new Kind(), messages)));
  }
});

describe('checker of versions', () => {
  const finished = (history: readonly (readonly WatchEvent[])[]) => {
    const truth = new Truth();
    for (const events of history) truth.add(events);
    new Versions().finished([], { truth } as unknown as World);
  };
  const next = (previous: WatchEvent, modRevision: number, version: number): WatchEvent => {
    return { type: 'PUT', kv: { ...previous.kv, value: 0, modRevision, version }, previous: previous.kv };
  };

  it('accepts versions that count, and finds those that do not', () => {
    const first = put('/a', 2);
    finished([[first], [next(first, 3, 2)]]);
    assert.throws(() => finished([[first], [next(first, 3, 3)]]), Violation);
    assert.throws(() => finished([[first], [put('/a', 3)]]), Violation);
    assert.throws(() => finished([[first], [next(put('/a', 1), 3, 2)]]), Violation);
    assert.throws(() => finished([[put('/a', 3)]]), Violation);
  });
});
