import type { Entry } from '../../../src/raft/index.js';
import { Checker, type Subject, sameEntry } from './checker.js';

/** If a member has applied an entry at a given index, no other member will ever apply a different entry for it. */
export class StateMachineSafety extends Checker {
  readonly name = 'state machine safety';
  private readonly applies: Entry[] = [];
  private readonly positions = new Map<number, number>();

  override started({ id, store }: Subject): void {
    this.positions.set(id, store.applied);
  }

  override restored({ id, store }: Subject): void {
    if (store.applied < this.positions.get(id)!) this.fail(`a snapshot set member ${id} back to ${store.applied}`);
    this.positions.set(id, store.applied);
  }

  override applied({ id }: Subject, entry: Entry): void {
    const position = this.positions.get(id)!;
    if (entry.index !== position + 1) this.fail(`member ${id} applies ${entry.index} after ${position}`);
    this.positions.set(id, entry.index);
    const first = this.applies[entry.index];
    if (first === undefined) this.applies[entry.index] = entry;
    else if (!sameEntry(first, entry)) {
      this.fail(
        `member ${id} applies another entry at ${entry.index} (term ${entry.term}) than before (term ${first.term})`,
      );
    }
  }
}
