import { Checker, type Subject, type Surroundings } from './checker.js';

const LEADER = 2;

/**
 * Acknowledged writes survive the loss of any minority: when a leader commits an entry, a majority of the voters (of both halves, in a
 * joint configuration) has it on disk; and after a minority is lost, the others still have every acknowledged write.
 */
export class Durability extends Checker {
  readonly name = 'durability';
  private readonly commits = new Map<number, number>();

  override crashed({ id }: Subject): void {
    this.commits.delete(id);
  }

  override observed(member: Subject, { members }: Surroundings): void {
    const { id, node } = member;
    if (node!.role !== LEADER) {
      this.commits.delete(id);
      return;
    }
    const before = this.commits.get(id);
    this.commits.set(id, node!.commit);
    if (before === undefined || before >= node!.commit) return;
    const { voters, votersOutgoing } = node!.status().confState;
    const index = node!.commit;
    const term = node!.raft.log.term(index);
    const holders = new Set(members.filter(({ disk }) => disk.holds(term, index)).map((one) => one.id));
    for (const half of [voters, votersOutgoing]) {
      const count = half.filter((voter) => holders.has(voter)).length;
      if (half.length > 0 && count * 2 <= half.length) {
        this.fail(`leader ${id} commits ${index}, which is on ${count} of ${half.length} disks`);
      }
    }
  }

  override finished(survivors: readonly Subject[], { operations }: Surroundings): void {
    for (const { id, store } of survivors) {
      const present = new Set(store.commands);
      if (present.size !== store.commands.length) this.fail(`member ${id} applied a command twice`);
      for (const operation of operations) {
        if (operation.kind === 'get' || operation.refused || operation.completed === Number.POSITIVE_INFINITY) continue;
        if (!present.has(operation.id)) this.fail(`member ${id} lost the acknowledged write ${operation.id}`);
      }
    }
  }
}
