import { Checker, type Subject } from './checker.js';

const LEADER = 2;

/** At most one leader can be elected in a given term. */
export class ElectionSafety extends Checker {
  readonly name = 'election safety';
  private readonly leaders = new Map<number, number>();

  override observed({ id, node }: Subject): void {
    if (node!.role !== LEADER) return;
    const other = this.leaders.get(node!.term);
    if (other === undefined) this.leaders.set(node!.term, id);
    else if (other !== id) this.fail(`members ${other} and ${id} both lead in term ${node!.term}`);
  }
}
