import type { Entry, HardState, Message, RawNode, Ready } from '../../../src/raft/index.js';
import type { Operation } from '../chaos/operation.js';

/** A broken promise, with the name of the checker that found it. */
export class Violation extends Error {
  readonly checker: string;

  constructor(checker: string, text: string) {
    super(`${checker}: ${text}`);
    this.checker = checker;
  }
}

/** A member as checkers see it: its protocol, its disk and what it has applied. */
export interface Subject {
  readonly id: number;
  /** Null while it is down. */
  readonly node: RawNode | null;
  readonly disk: {
    readonly hardState: HardState;
    readonly applied: { readonly applied: number };
    /** Whether entry (term, index) would survive a crash now. */
    holds(term: number, index: number): boolean;
  };
  readonly store: {
    readonly applied: number;
    readonly revision: number;
    /** Ids of the commands applied, in order. */
    readonly commands: readonly number[];
    readonly values: readonly number[];
  };
}

/** What checkers may look at besides what they are told. */
export interface Surroundings {
  readonly members: readonly Subject[];
  readonly operations: readonly Operation[];
}

/** One invariant. It watches the group through these calls, each of which may throw a {@link Violation}. */
export abstract class Checker {
  abstract readonly name: string;

  started(_member: Subject): void {}
  crashed(_member: Subject): void {}
  /** Before the Ready is written. */
  ready(_member: Subject, _ready: Ready): void {}
  sent(_member: Subject, _message: Message): void {}
  applied(_member: Subject, _entry: Entry, _happened: boolean): void {}
  restored(_member: Subject): void {}
  /** After every action on a running member. */
  observed(_member: Subject, _group: Surroundings): void {}
  /** The faults are over and the survivors have caught up. */
  finished(_survivors: readonly Subject[], _group: Surroundings): void {}

  protected fail(text: string): never {
    throw new Violation(this.name, text);
  }
}

/** Whether two entries are the same; configuration changes are compared by content, since every first member makes its own. */
export function sameEntry(left: Entry, right: Entry): boolean {
  if (left.term !== right.term || left.type !== right.type) return false;
  return left.data === right.data || (left.type !== 0 && JSON.stringify(left.data) === JSON.stringify(right.data));
}
