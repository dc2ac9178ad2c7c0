import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Command } from '../../src/etcd/command.js';
import type { Operation } from '../../src/etcd/operation.js';
import { KeySpace } from '../../src/etcd/key-space.js';
import { Store } from '../../src/etcd/mvcc.js';
import { OrderedKeys } from '../../src/etcd/ordered-keys.js';
import type { EtcdRequest, KeyValue } from '../../src/etcd/types.js';

const QUOTA = 2 ** 31;

function apply(store: Store, request: EtcdRequest | Operation): void {
  store.apply(new Command(request, 0, 0, 0, null));
}

/** The store as its definition says it: the full state after each revision. */
class Oracle {
  readonly states: Map<string, KeyValue>[] = [new Map(), new Map()];
  readonly leases = new Set<number>();

  get revision(): number {
    return this.states.length - 1;
  }

  get current(): Map<string, KeyValue> {
    return this.states[this.revision]!;
  }

  put(key: string, value: number, lease: number): void {
    if (lease !== 0 && !this.leases.has(lease)) return;
    const next = new Map(this.current);
    const old = next.get(key);
    const modRevision = this.revision + 1;
    const createRevision = old?.createRevision ?? modRevision;
    next.set(key, { key, value, bytes: 8, createRevision, modRevision, version: (old?.version ?? 0) + 1, lease });
    this.states.push(next);
  }

  deleteAll(keys: readonly string[]): void {
    if (!keys.some((key) => this.current.has(key))) return;
    const next = new Map(this.current);
    for (const key of keys) next.delete(key);
    this.states.push(next);
  }

  range(prefix: string, revision: number): KeyValue[] {
    const kvs = [...this.states[revision]!.values()].filter((kv) => kv.key.startsWith(prefix));
    return kvs.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

const key = fc.constantFrom('/a', '/a/1', '/a/2', '/a/10', '/b', '/b/1', '/c/1/x', '/c/1');
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('put' as const), key, lease: fc.constantFrom(0, 0, 0, 1, 2) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('txn' as const),
      key,
      then: fc.constantFrom('put' as const, 'delete' as const),
      hit: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('grant' as const), id: fc.constantFrom(1, 2) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('revoke' as const), id: fc.constantFrom(1, 2) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('compact' as const), back: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('restore' as const) }) },
);

test('every range at every revision equals the state of that revision, through compactions, leases and snapshots', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      let store = new Store(QUOTA);
      const oracle = new Oracle();
      let compacted = -1;
      let value = 0;
      for (const action of steps) {
        value++;
        switch (action.op) {
          case 'put':
            apply(store, { op: 'put', key: action.key, value, bytes: 8, lease: action.lease });
            oracle.put(action.key, value, action.lease);
            break;
          case 'delete':
            apply(store, { op: 'delete', key: action.key });
            oracle.deleteAll([action.key]);
            break;
          case 'txn': {
            const current = oracle.current.get(action.key);
            const expectedModRevision = (current?.modRevision ?? 0) + (action.hit ? 0 : 1);
            apply(store, { op: 'txn', key: action.key, expectedModRevision, then: action.then, value, bytes: 8 });
            assert.equal(store.succeeded, action.hit);
            if (!action.hit) assert.deepEqual(store.found, current ?? null);
            else if (action.then === 'put') oracle.put(action.key, value, 0);
            else oracle.deleteAll([action.key]);
            break;
          }
          case 'grant':
            apply(store, { op: 'leaseGrant', id: action.id, ttlSeconds: 60 });
            oracle.leases.add(action.id);
            break;
          case 'revoke':
            apply(store, { op: 'leaseRevoke', id: action.id });
            if (oracle.leases.delete(action.id)) {
              oracle.deleteAll([...oracle.current.values()].filter((kv) => kv.lease === action.id).map((kv) => kv.key));
            }
            break;
          case 'compact': {
            const revision = oracle.revision - action.back;
            if (revision <= compacted || revision < 1) break;
            apply(store, { op: 'compact', revision });
            assert.equal(store.error, '');
            compacted = revision;
            break;
          }
          case 'restore':
            store = Store.restore(store.snapshot(), QUOTA);
            break;
        }
        assert.equal(store.revision, oracle.revision);
      }
      for (let revision = Math.max(1, compacted); revision <= oracle.revision; revision++) {
        for (const prefix of ['', '/a', '/a/1', '/c/']) {
          assert.deepEqual(store.range(prefix, true, 0, revision), oracle.range(prefix, revision));
        }
        assert.deepEqual(
          store.range('/a/1', false, 0, revision),
          oracle.range('/a/1', revision).filter((kv) => kv.key === '/a/1'),
        );
        assert.deepEqual(store.range('/', true, 2, revision), oracle.range('/', revision).slice(0, 2));
      }
      assert.equal(store.count('/a'), oracle.range('/a', oracle.revision).length);
      assert.equal(store.range('', true, 0, oracle.revision + 1), null);
      if (compacted > 1) assert.equal(store.range('', true, 0, compacted - 1), null);
    }),
    { numRuns: 400, seed: 1 },
  );
});

test('events of every revision after the compaction lead from its state to the next', () => {
  const store = new Store(QUOTA);
  for (let i = 0; i < 50; i++) {
    if (i % 7 === 3) apply(store, { op: 'delete', key: `/k/${i % 5}` });
    else apply(store, { op: 'put', key: `/k/${i % 5}`, value: i, bytes: 4 });
  }
  apply(store, { op: 'compact', revision: 20 });
  for (let revision = 21; revision <= store.revision; revision++) {
    const state = new Map(store.range('', true, 0, revision - 1)!.map((kv) => [kv.key, kv]));
    for (const event of store.eventsAt(revision)) {
      assert.deepEqual(event.previous, state.get(event.kv.key));
      if (event.type === 'PUT') state.set(event.kv.key, event.kv);
      else state.delete(event.kv.key);
    }
    assert.deepEqual(
      [...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
      store.range('', true, 0, revision),
    );
  }
});

test('compaction frees what was superseded, defragmentation returns it, the live data stays', () => {
  const store = new Store(QUOTA);
  for (let i = 0; i < 100; i++) apply(store, { op: 'put', key: '/k', value: i, bytes: 1000 });
  const full = store.size;
  assert.equal(store.sizeInUse, full);
  assert.ok(full >= 100_000);
  apply(store, { op: 'compact', revision: store.revision });
  assert.equal(store.size, full);
  assert.equal(store.sizeInUse, full / 100);
  store.defragment();
  assert.equal(store.size, full / 100);
  apply(store, { op: 'delete', key: '/k' });
  apply(store, { op: 'compact', revision: store.revision });
  assert.equal(store.sizeInUse, 0);
});

test('members that apply the same command share its event, those at another revision do not', () => {
  const stores = [new Store(QUOTA), new Store(QUOTA), new Store(QUOTA)];
  apply(stores[2]!, { op: 'put', key: '/other', value: 0, bytes: 1 });
  const command = new Command({ op: 'put', key: '/k', value: 1, bytes: 8 }, 0, 0, 0, null);
  for (const store of stores) store.apply(command);
  assert.equal(stores[0]!.get('/k'), stores[1]!.get('/k'));
  assert.equal(stores[2]!.get('/k')!.modRevision, 3);
});

test('stores that share their keys hold what each would hold alone, however far one lags, restarts or is replaced', () => {
  const step = fc.record({ store: fc.nat(2), count: fc.integer({ min: 1, max: 12 }), then: fc.nat(19) });
  const write = fc.record({ key: fc.nat(9), kind: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(write, { minLength: 20, maxLength: 60 }), fc.array(step, { maxLength: 40 }), (writes, steps) => {
      const commands = writes.map(({ key, kind }, i) => {
        if (kind < 4) return new Command({ op: 'delete', key: `/k/${key}` }, 0, 0, 0, null);
        if (kind === 4) return new Command({ op: 'compact', revision: 1 + (i >> 1) }, 0, 0, 0, null);
        return new Command({ op: 'put', key: `/k/${key}`, value: i, bytes: 8 }, 0, 0, 0, null);
      });
      const keys = new KeySpace();
      const shared = [0, 1, 2].map(() => new Store(QUOTA, keys));
      const alone = [0, 1, 2].map(() => new Store(QUOTA));
      const applied = [0, 0, 0];
      for (const { store: at, count, then } of steps) {
        const mark = shared[at]!.mark();
        const other = alone[at]!.mark();
        const from = applied[at]!;
        for (const command of commands.slice(from, from + count)) {
          shared[at]!.apply(command);
          apply(alone[at]!, command.operation);
          applied[at]!++;
        }
        if (then === 0) {
          shared[at]!.rollback(mark);
          alone[at]!.rollback(other);
          applied[at] = from;
        } else if (then === 1) {
          const snapshot = shared[at]!.snapshot();
          shared[at]!.release();
          shared[at] = Store.restore(snapshot, QUOTA, keys);
        }
        for (const each of [0, 1, 2]) {
          const mine = shared[each]!;
          assert.deepEqual(mine.range('', true, 0, 0), alone[each]!.range('', true, 0, 0));
          assert.equal(mine.count('/k/'), alone[each]!.count('/k/'));
          assert.equal(mine.hash(mine.compactRevision + 1), alone[each]!.hash(mine.compactRevision + 1));
        }
      }
      for (const store of shared) store.release();
      assert.equal(keys.size, 0);
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('an ordered set of keys gives the sorted order after any inserts and removals', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 4000 }),
      fc.nat(3),
      (numbers, modulus) => {
        const set = new OrderedKeys<{ key: string; place: number }>();
        const model = new Map<string, { key: string; place: number }>();
        let looked = 0;
        for (const n of numbers) {
          const key = `${n}`;
          const known = model.get(key);
          if (known !== undefined) {
            if (n % 4 > modulus) continue;
            set.remove(known);
            model.delete(key);
          } else {
            const record = { key, place: 0 };
            set.insert(record);
            model.set(key, record);
          }
          // Looked at now and then, so that some records are in order and others wait.
          if (++looked % 500 === 0) assert.equal(set.count(''), model.size);
        }
        const sorted = [...model.keys()].sort();
        assert.deepEqual(
          set.all().map((record) => record.key),
          sorted,
        );
        assert.equal(set.size, sorted.length);
        for (const prefix of ['', '1', '12', '49', '9', 'x']) {
          const expected = sorted.filter((key) => key.startsWith(prefix));
          const out: { key: string; place: number }[] = [];
          set.scan(prefix, Number.POSITIVE_INFINITY, out);
          assert.deepEqual(
            out.map((record) => record.key),
            expected,
          );
          assert.equal(set.count(prefix), expected.length);
        }
      },
    ),
    { numRuns: 30, seed: 2 },
  );
});
