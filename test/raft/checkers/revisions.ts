import type { Entry } from '../../../src/raft/index.js';
import { Checker, type Subject } from './checker.js';

/** Every write raises the revision by one, and at each index the revision is the same on all members. */
export class Revisions extends Checker {
  readonly name = 'revisions';
  private readonly revisions: number[] = [];
  private readonly own = new Map<number, number>();

  override started({ id, store }: Subject): void {
    this.own.set(id, store.revision);
  }

  override restored({ id, store }: Subject): void {
    this.compare(id, store.applied, store.revision);
    this.own.set(id, store.revision);
  }

  override applied({ id, store }: Subject, entry: Entry, happened: boolean): void {
    const expected = this.own.get(id)! + (happened ? 1 : 0);
    if (store.revision !== expected) this.fail(`revision ${store.revision} instead of ${expected} on member ${id}`);
    this.own.set(id, expected);
    this.compare(id, entry.index, expected);
  }

  private compare(id: number, index: number, revision: number): void {
    const first = this.revisions[index];
    if (first === undefined) this.revisions[index] = revision;
    else if (first !== revision) this.fail(`revision ${revision} at index ${index} on member ${id}, ${first} before`);
  }

  override finished(survivors: readonly Subject[]): void {
    const [first] = survivors;
    for (const { id, store } of survivors) {
      if (store.revision !== first!.store.revision)
        this.fail(`members ${first!.id} and ${id} end with different revisions`);
      const values = (one: Subject) => one.store.values.join();
      if (values(first!) !== store.values.join()) this.fail(`members ${first!.id} and ${id} end with different values`);
    }
  }
}
