import type { Entry, Ready } from '../../../src/raft/index.js';
import { Checker, type Subject, sameEntry } from './checker.js';

/**
 * If two logs contain an entry with the same index and term, then the logs are identical in all entries up through it: checked by
 * induction, as every entry that any member stores must be the one known by its index and term, after the same predecessor.
 */
export class LogMatching extends Checker {
  readonly name = 'log matching';
  /** By `term/index`: the entry and the term of the one before it. */
  private readonly known = new Map<string, { readonly entry: Entry; readonly before: number }>();

  override ready({ id, node }: Subject, { entries }: Ready): void {
    let before = entries.length === 0 ? 0 : node!.raft.log.term(entries[0]!.index - 1);
    let next = entries.length === 0 ? 0 : entries[0]!.index;
    for (const entry of entries) {
      if (entry.index !== next++) this.fail(`member ${id} stores entry ${entry.index} out of order`);
      this.check(id, entry, before);
      before = entry.term;
    }
  }

  private check(id: number, entry: Entry, before: number): void {
    const key = `${entry.term}/${entry.index}`;
    const other = this.known.get(key);
    if (other === undefined) {
      this.known.set(key, { entry, before });
      return;
    }
    if (!sameEntry(other.entry, entry)) {
      this.fail(`member ${id} has another entry ${key} than the first that stored it`);
    }
    // The term before may have been compacted away on this member.
    if (before >= 0 && other.before >= 0 && other.before !== before) {
      this.fail(`entry ${key} follows term ${before} on member ${id}, term ${other.before} elsewhere`);
    }
  }
}
