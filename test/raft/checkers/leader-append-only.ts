import { Checker, type Subject } from './checker.js';

const LEADER = 2;

/** A leader never overwrites or deletes entries in its log; it only appends new entries. */
export class LeaderAppendOnly extends Checker {
  readonly name = 'leader append-only';
  /** By member: term in which it leads, its last index then and that entry's term. */
  private readonly tails = new Map<number, readonly [number, number, number]>();

  override crashed({ id }: Subject): void {
    this.tails.delete(id);
  }

  override observed({ id, node }: Subject): void {
    if (node!.role !== LEADER) {
      this.tails.delete(id);
      return;
    }
    const { log } = node!.raft;
    const last = log.lastIndex();
    const tail = this.tails.get(id);
    if (tail !== undefined && tail[0] === node!.term) {
      const [, index, term] = tail;
      if (last === index) return;
      if (last < index) this.fail(`leader ${id} cut its log from ${index} to ${last}`);
      if (log.term(index) !== term) this.fail(`leader ${id} replaced its entry ${index}`);
    }
    this.tails.set(id, [node!.term, last, log.term(last)]);
  }
}
