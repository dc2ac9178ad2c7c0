import { Checker, type Subject } from './checker.js';

const LEADER = 2;

/** If an entry is committed in a given term, it is present in the logs of the leaders of all higher terms. */
export class LeaderCompleteness extends Checker {
  readonly name = 'leader completeness';
  /** By index: term of the committed entry, and the earliest term in which someone knew it committed. */
  private readonly committed: (readonly [number, number])[] = [];
  private readonly commits = new Map<number, number>();
  private readonly terms = new Map<number, number>();

  override crashed({ id }: Subject): void {
    this.commits.delete(id);
    this.terms.delete(id);
  }

  override observed(member: Subject): void {
    const node = member.node!;
    if (node.commit !== this.commits.get(member.id)) this.note(member);
    if (node.role === LEADER && this.terms.get(member.id) !== node.term) {
      this.terms.set(member.id, node.term);
      this.check(member);
    }
  }

  private note({ id, node }: Subject): void {
    const { log } = node!.raft;
    this.commits.set(id, log.committed);
    for (let index = log.committed; index > 0; index--) {
      const term = log.term(index);
      if (term < 0) return;
      const known = this.committed[index];
      if (known !== undefined && known[1] <= node!.term) return;
      this.committed[index] = [term, node!.term];
    }
  }

  private check({ id, node }: Subject): void {
    const { log } = node!.raft;
    for (let index = this.committed.length - 1; index > 0; index--) {
      const known = this.committed[index];
      if (known === undefined || known[1] >= node!.term) continue;
      const term = log.term(index);
      // Compacted: it was there.
      if (term === -1) return;
      if (term !== known[0]) {
        this.fail(
          `leader ${id} of term ${node!.term} lacks entry ${index} (term ${known[0]}), committed in term ${known[1]}`,
        );
      }
    }
  }
}
