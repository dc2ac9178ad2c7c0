import type { ConfState, Entry } from '../../../src/raft/index.js';

/** A write to the key-value store, as the data of an entry. */
export interface Command {
  readonly id: number;
  readonly key: number;
  readonly value: number;
  /** Value that the key must hold for the write to happen; -1: whatever it holds. */
  readonly expected: number;
}

/** Everything a member has applied, as one value: what snapshots carry and what a flush makes durable. */
export interface StoreImage {
  readonly applied: number;
  readonly revision: number;
  readonly values: readonly number[];
  /** Ids of the commands, in order. */
  readonly commands: readonly number[];
  readonly confState: ConfState;
}

export const KEYS = 3;

export function emptyImage(confState: ConfState): StoreImage {
  return { applied: 0, revision: 0, values: Array.from({ length: KEYS }, () => 0), commands: [], confState };
}

/** The replicated state machine: a few keys with integer values (0: absent) and a revision that counts the writes. */
export class Store {
  applied: number;
  revision: number;
  readonly values: number[];
  readonly commands: number[];
  confState: ConfState;

  constructor(image: StoreImage) {
    this.applied = image.applied;
    this.revision = image.revision;
    this.values = [...image.values];
    this.commands = [...image.commands];
    this.confState = image.confState;
  }

  image(): StoreImage {
    const { applied, revision, values, commands, confState } = this;
    return { applied, revision, values: [...values], commands: [...commands], confState };
  }

  /** Whether this member is part of the newest membership applied. */
  includes(id: number): boolean {
    return this.votes(id) || this.confState.learners.includes(id);
  }

  /** Whether this member has a vote in the newest membership applied. */
  votes(id: number): boolean {
    const { voters, votersOutgoing } = this.confState;
    return voters.includes(id) || votersOutgoing.includes(id);
  }

  /** Applies the next entry; whether its write happened. */
  apply(entry: Entry): boolean {
    this.applied = entry.index;
    const command = entry.data as Command | null;
    if (entry.type !== 0 || command === null) return false;
    this.commands.push(command.id);
    if (command.expected >= 0 && this.values[command.key] !== command.expected) return false;
    this.values[command.key] = command.value;
    this.revision++;
    return true;
  }
}
