import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChaosResult, chaos } from './chaos.js';
import { isLinearizable, type Operation } from './linearizability.js';

/** TOWTANK_CHAOS_SEED repeats one failing run; TOWTANK_CHAOS_RUNS makes more of them. */
const ONE = process.env['TOWTANK_CHAOS_SEED'];
const RUNS = Number(process.env['TOWTANK_CHAOS_RUNS'] ?? 12);
const SEEDS = ONE === undefined ? Array.from({ length: RUNS }, (_, i) => `chaos-${i}`) : [ONE];

function check(result: ChaosResult): void {
  const { harness, workers, watchers, keys } = result;
  const { members } = harness.cluster;
  const leader = harness.cluster.leader;
  assert.ok(leader !== undefined, 'no leader after healing');
  // All members hold the same revisions and content, now and in every revision of history.
  for (const member of members) {
    assert.equal(member.store.revision, leader.store.revision);
    assert.deepEqual(member.store.range('', true, 0, 0), leader.store.range('', true, 0, 0));
  }
  // Revisions rise by one per event; every acknowledged write is in history at the revision it was told.
  const history = new Map<number, unknown>();
  for (let revision = 2; revision <= leader.store.revision; revision++) {
    const events = leader.store.eventsAt(revision);
    assert.equal(events.length, 1, `revision ${revision} has ${events.length} events`);
    assert.equal(events[0]!.kv.modRevision, revision);
    history.set(revision, events[0]!.kv.value);
  }
  let acknowledged = 0;
  for (const worker of workers) {
    for (const [value, { revision }] of worker.acknowledged) {
      assert.equal(history.get(revision), value, `acknowledged write of revision ${revision} is lost`);
      acknowledged++;
    }
  }
  assert.ok(acknowledged > 100, `only ${acknowledged} writes`);
  // Watches: every revision once, in order.
  for (const watcher of watchers) {
    assert.deepEqual(
      watcher.events.map((event) => event.kv.modRevision),
      Array.from({ length: leader.store.revision - 1 }, (_, i) => i + 2),
    );
  }
  const written = new Set(history.values());
  for (const key of keys) {
    const operations: Operation[] = [];
    for (const worker of workers) {
      for (const entry of worker.history)
        if (entry.key === key && tookEffect(entry.operation, written)) operations.push(entry.operation);
    }
    assert.ok(isLinearizable(operations), `history of ${key} is not linearizable`);
  }
}

/** Writes of unknown outcome whose value is nowhere in history never happened: leaving them out keeps the search short. */
function tookEffect(operation: Operation, written: ReadonlySet<unknown>): boolean {
  return operation.end !== Number.POSITIVE_INFINITY || operation.kind === 'delete' || written.has(operation.value);
}

test('under random faults: linearizable, no acknowledged write lost, equal revisions, gapless watches', () => {
  for (const seed of SEEDS) {
    try {
      check(chaos(seed));
    } catch (error) {
      throw new Error(`TOWTANK_CHAOS_SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
});

test('the linearizability checker accepts and refuses what it should', () => {
  const put = (value: number, start: number, end: number): Operation => ({ kind: 'put', value, start, end });
  const get = (value: unknown, start: number, end: number): Operation => ({ kind: 'get', value, start, end });
  assert.ok(isLinearizable([put(1, 0, 10), get(undefined, 1, 3), get(1, 4, 6)]));
  assert.ok(!isLinearizable([put(1, 0, 10), get(1, 1, 3), get(undefined, 4, 6)]));
  assert.ok(!isLinearizable([put(1, 0, 1), put(2, 2, 3), get(1, 4, 5)]));
  assert.ok(isLinearizable([put(1, 0, 1), put(2, 2, Number.POSITIVE_INFINITY), get(1, 4, 5), get(2, 6, 7)]));
  assert.ok(!isLinearizable([put(1, 0, 1), put(2, 2, Number.POSITIVE_INFINITY), get(2, 4, 5), get(1, 6, 7)]));
  const cas: Operation = { kind: 'cas', value: 5, expected: 1, matched: true, start: 2, end: 3 };
  assert.ok(isLinearizable([put(1, 0, 1), cas, get(5, 4, 5)]));
  assert.ok(!isLinearizable([put(2, 0, 1), cas]));
});
