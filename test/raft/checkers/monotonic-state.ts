import type { Message } from '../../../src/raft/index.js';
import { Checker, type Subject } from './checker.js';

const APPEND_RESPONSE = 4;
const VOTE_RESPONSE = 6;

interface Seen {
  term: number;
  commit: number;
  applied: number;
}

/**
 * Term, commit and applied never go back: while a member runs, in anything; across restarts, in what it has told others (the term of its
 * answers) and in what its disk holds. Nor does it vote for two candidates in one term.
 */
export class MonotonicState extends Checker {
  readonly name = 'monotonic state';
  private readonly running = new Map<number, Seen>();
  private readonly told = new Map<number, number>();
  private readonly votes = new Map<string, number>();

  override started({ id, node, disk }: Subject): void {
    if (node!.term < (this.told.get(id) ?? 0))
      this.fail(`member ${id} restarts in term ${node!.term}, it answered in a later one`);
    if (node!.term < disk.hardState.term)
      this.fail(`member ${id} restarts in term ${node!.term}, its disk holds a later one`);
    if (node!.commit < disk.hardState.commit) this.fail(`member ${id} restarts with commit ${node!.commit}`);
    if (node!.applied < disk.applied.applied) this.fail(`member ${id} restarts with applied ${node!.applied}`);
    this.running.set(id, { term: node!.term, commit: node!.commit, applied: node!.applied });
  }

  override sent({ id }: Subject, { type, to, term, reject }: Message): void {
    if (type !== APPEND_RESPONSE && type !== VOTE_RESPONSE) return;
    if (term > (this.told.get(id) ?? 0)) this.told.set(id, term);
    if (type !== VOTE_RESPONSE || reject) return;
    const key = `${id}/${term}`;
    const other = this.votes.get(key);
    if (other === undefined) this.votes.set(key, to);
    else if (other !== to) this.fail(`member ${id} votes for ${other} and for ${to} in term ${term}`);
  }

  override observed({ id, node }: Subject): void {
    const seen = this.running.get(id)!;
    if (node!.term < seen.term) this.fail(`the term of member ${id} falls from ${seen.term} to ${node!.term}`);
    if (node!.commit < seen.commit)
      this.fail(`the commit of member ${id} falls from ${seen.commit} to ${node!.commit}`);
    if (node!.applied < seen.applied)
      this.fail(`applied of member ${id} falls from ${seen.applied} to ${node!.applied}`);
    if (node!.applied > node!.commit) this.fail(`member ${id} has applied ${node!.applied}, committed ${node!.commit}`);
    seen.term = node!.term;
    seen.commit = node!.commit;
    seen.applied = node!.applied;
  }
}
