import type { Entry, Message, Ready } from '../../../src/raft/index.js';
import type { Member } from '../chaos/member.js';
import type { Operation } from '../chaos/operation.js';

/** A broken promise, with the name of the checker that found it. */
export class Violation extends Error {
  readonly checker: string;

  constructor(checker: string, text: string) {
    super(`${checker}: ${text}`);
    this.checker = checker;
  }
}

/** What checkers may look at besides what they are told. */
export interface Surroundings {
  readonly members: readonly Member[];
  readonly operations: readonly Operation[];
}

/** One invariant. It watches the group through these calls, each of which may throw a {@link Violation}. */
export abstract class Checker {
  abstract readonly name: string;

  started(_member: Member): void {}
  crashed(_member: Member): void {}
  /** Before the Ready is written. */
  ready(_member: Member, _ready: Ready): void {}
  sent(_member: Member, _message: Message): void {}
  applied(_member: Member, _entry: Entry, _happened: boolean): void {}
  restored(_member: Member): void {}
  /** After every action on a running member. */
  observed(_member: Member, _group: Surroundings): void {}
  /** The faults are over and the survivors have caught up. */
  finished(_survivors: readonly Member[], _group: Surroundings): void {}

  protected fail(text: string): never {
    throw new Violation(this.name, text);
  }
}

/** Whether two entries are the same; configuration changes are compared by content, since every first member makes its own. */
export function sameEntry(left: Entry, right: Entry): boolean {
  if (left.term !== right.term || left.type !== right.type) return false;
  return left.data === right.data || (left.type !== 0 && JSON.stringify(left.data) === JSON.stringify(right.data));
}
