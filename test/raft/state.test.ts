import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Config, MemoryStorage, NO_LIMIT, RawNode, Role, StepError } from '../../src/raft/index.js';

/** Always the shortest election timeout. */
class NoSpread {
  next(): number {
    return 0;
  }
}

function config(changes: Partial<Config> = {}): Config {
  return {
    id: 1,
    electionTick: 10,
    heartbeatTick: 1,
    storage: new MemoryStorage(),
    random: new NoSpread(),
    applied: 0,
    asyncStorageWrites: false,
    maxSizePerMsg: NO_LIMIT,
    maxCommittedSizePerReady: 0,
    maxUncommittedEntriesSize: 0,
    maxInflightMsgs: 256,
    maxInflightBytes: 0,
    checkQuorum: false,
    preVote: false,
    readOnlyLeaseBased: false,
    disableProposalForwarding: false,
    disableConfChangeValidation: false,
    stepDownOnRemoval: false,
    ...changes,
  };
}

function drain(node: RawNode, storage: MemoryStorage): void {
  while (node.hasReady()) {
    const ready = node.ready();
    if (ready.hardState !== null) storage.setHardState(ready.hardState);
    storage.append(ready.entries);
    node.advance();
  }
}

describe('node', () => {
  it('holds no functions: its state can be saved', () => {
    const storage = new MemoryStorage();
    const node = new RawNode(config({ storage }));
    node.bootstrap([1]);
    drain(node, storage);
    node.campaign();
    drain(node, storage);
    node.readIndex('a');
    node.propose('x', 1);
    assert.equal(node.role, Role.Leader);
    const seen = new Set<object>();
    const visit = (value: unknown, path: string): void => {
      assert.notEqual(typeof value, 'function', path);
      if (typeof value !== 'object' || value === null || seen.has(value)) return;
      seen.add(value);
      for (const key of Object.keys(value)) visit((value as Record<string, unknown>)[key], `${path}.${key}`);
      if (value instanceof Map) for (const [key, one] of value) visit(one, `${path}[${String(key)}]`);
    };
    visit(node, 'node');
    assert.ok(seen.size > 10);
  });

  it('leads alone, and answers reads at once', () => {
    const storage = new MemoryStorage();
    const node = new RawNode(config({ storage }));
    node.bootstrap([1]);
    drain(node, storage);
    for (let tick = 0; tick < 10; tick++) node.tick();
    drain(node, storage);
    assert.equal(node.role, Role.Leader);
    assert.equal(node.propose('x', 1), StepError.None);
    drain(node, storage);
    assert.equal(node.commit, 3);
    node.readIndex('r');
    assert.deepEqual(node.ready().readStates, [{ index: 3, context: 'r' }]);
  });

  it('refuses configurations that etcd refuses', () => {
    const refused: [Partial<Config>, RegExp][] = [
      [{ id: 0 }, /positive/],
      [{ heartbeatTick: 0 }, /heartbeatTick/],
      [{ heartbeatTick: 10 }, /electionTick/],
      [{ maxInflightMsgs: 0 }, /maxInflightMsgs/],
      [{ maxSizePerMsg: 100, maxInflightBytes: 99 }, /maxInflightBytes/],
      [{ readOnlyLeaseBased: true }, /checkQuorum/],
    ];
    for (const [changes, message] of refused) {
      assert.throws(
        () => new RawNode(config(changes)),
        (error) => error instanceof RangeError && message.test(error.message),
      );
    }
    const node = new RawNode(config());
    assert.throws(() => node.bootstrap([]), RangeError);
    assert.equal(node.propose('x', 1), StepError.ProposalDropped);
  });
});
