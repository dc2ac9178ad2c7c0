import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStorage, type Message, NO_LIMIT, RawNode } from '../../src/raft/index.js';

const MEMBERS = [1, 2, 3];
const STEPS = 6000;

/** A small generator of choices, the same for both runs (Park and Miller). */
class Choices {
  private state = 20_261;

  next(bound: number): number {
    this.state = (this.state * 48_271) % 2_147_483_647;
    return this.state % bound;
  }
}

interface Pending {
  readonly message: Message;
  readonly text: string;
}

function textOf({ type, to, from, term, logTerm, index, commit, vote, entries, reject, rejectHint, context }: Message): string {
  const held = entries.map((entry) => `${entry.term}/${entry.index}:${entry.data}`).join(' ');
  return [type, to, from, term, logTerm, index, commit, vote, held, reject, rejectHint, context].join(',');
}

/** Ticks, proposals and messages in an order by chance, some of them lost: everything that is sent and committed, as text. */
function transcript(reuse: boolean): string[] {
  const choices = new Choices();
  const lines: string[] = [];
  const storages = MEMBERS.map(() => new MemoryStorage());
  const nodes = MEMBERS.map((id, i) => {
    const node = new RawNode({
      id,
      electionTick: 10,
      heartbeatTick: 1,
      storage: storages[i]!,
      random: choices,
      applied: 0,
      asyncStorageWrites: false,
      maxSizePerMsg: NO_LIMIT,
      maxCommittedSizePerReady: 0,
      maxUncommittedEntriesSize: 0,
      maxInflightMsgs: 8,
      maxInflightBytes: 0,
      checkQuorum: true,
      preVote: true,
      readOnlyLeaseBased: false,
      disableProposalForwarding: false,
      disableConfChangeValidation: false,
      stepDownOnRemoval: false,
      reuse,
    });
    node.bootstrap(MEMBERS);
    return node;
  });
  const wire: Pending[] = [];
  for (let step = 0; step < STEPS; step++) {
    const node = nodes[choices.next(3)]!;
    const choice = choices.next(20);
    if (choice < 4) node.tick();
    else if (choice < 7) node.propose(step, 8);
    else if (choice < 13 && wire.length > 0) {
      const [{ message, text }] = wire.splice(choices.next(wire.length), 1) as [Pending];
      assert.equal(textOf(message), text, 'a message changed on its way');
      if (choices.next(20) > 0) nodes[message.to - 1]!.step(message);
      nodes[message.from - 1]!.release(message);
    } else if (node.hasReady()) {
      const storage = storages[node.id - 1]!;
      const { hardState, entries, committedEntries, messages } = node.ready();
      if (hardState !== null) storage.setHardState(hardState);
      storage.append(entries);
      lines.push(`${node.id} writes ${entries.map(({ index }) => index)} and commits ${committedEntries.map(({ index, data }) => `${index}:${data}`)}`);
      for (const message of messages) {
        const text = textOf(message);
        lines.push(text);
        wire.push({ message, text });
      }
      node.advance();
    }
  }
  assert.ok(nodes.some(({ commit }) => commit > 100), 'the group commits');
  return lines;
}

describe('objects that are used again', () => {
  it('change nothing: the same messages and commits, and none changes on its way', () => {
    assert.deepEqual(transcript(true), transcript(false));
  });
});
