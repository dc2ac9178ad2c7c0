import {
  type ConfChangeSingle,
  ConfChangeType,
  type Entry,
  type Message,
  type ReadState,
  type Ready,
} from '../../../src/raft/index.js';
import type { Checker } from '../checkers/checker.js';
import { allCheckers } from '../checkers/index.js';
import { Clients } from './clients.js';
import { Member, type RaftLibrary } from './member.js';
import { Network } from './network.js';
import type { Observer } from './observer.js';
import { type Action, ActionKind, type ChaosOptions, Random } from './plan.js';

/** Members beyond the first ones, which configuration changes may add. */
const SPARES = 2;
const LEADER = 2;
const SNAPSHOT = 7;
const CONF_CHANGE_LENGTH = 8;

/** A group of members with network, disks and clients, that does what a schedule says while all checkers watch. */
export class World implements Observer {
  readonly options: ChaosOptions;
  readonly members: Member[] = [];
  readonly network: Network;
  readonly clients = new Clients();
  readonly checkers: readonly Checker[] = allCheckers();
  /** Contexts of all reads that were granted. */
  readonly granted = new Set<string>();

  constructor(library: RaftLibrary, options: ChaosOptions) {
    this.options = options;
    const count = options.members + (options.confChanges ? SPARES : 0);
    this.network = new Network(count);
    const random = new Random(options.seed ^ 0x2545f491);
    for (let id = 1; id <= count; id++) this.members.push(new Member(id, library, options, random, this));
    this.boot();
  }

  /** The first members know each other and have that on disk before anything fails. */
  private boot(): void {
    const first = this.members.slice(0, this.options.members);
    for (const member of this.members) member.start();
    for (const member of first) {
      member.node!.bootstrap(first.map(({ id }) => id));
      while (member.work(0) || member.work(1) || member.work(2));
      member.disk.sync();
      member.flush();
    }
  }

  get operations() {
    return this.clients.operations;
  }

  run(actions: readonly Action[]): void {
    for (const action of actions) this.act(action);
  }

  act({ kind, a, b }: Action): void {
    const member = this.members[a % this.members.length]!;
    switch (kind) {
      case ActionKind.Deliver:
        if (b % 100 < this.options.loss) this.drop(a);
        else
          this.deliver((b % 16 === 0 ? this.network.takeLate(a) : null) ?? this.network.take(a % this.options.reorder));
        return;
      case ActionKind.Drop:
        this.drop(a);
        return;
      case ActionKind.Duplicate:
        this.network.duplicate(a % this.options.reorder, (b & 1) === 0);
        return;
      case ActionKind.Cut:
        this.network.cut(a, b);
        return;
      case ActionKind.Partition:
        this.network.partition(a);
        return;
      case ActionKind.Heal:
        this.network.heal();
        return;
      case ActionKind.GiveUp:
        this.clients.giveUp(a);
        return;
      case ActionKind.Work:
        this.work(a, b);
        return;
      default:
        this.actOn(member, kind, b);
    }
  }

  private actOn(member: Member, kind: number, b: number): void {
    if (kind === ActionKind.Restart) {
      const down = this.members.find(({ node, destroyed }) => node === null && !destroyed);
      down?.start();
      return;
    }
    if (member.node === null) return;
    switch (kind) {
      case ActionKind.Tick:
        member.node.tick();
        break;
      case ActionKind.Crash:
        member.crash(b);
        return;
      case ActionKind.Put:
      case ActionKind.Get:
      case ActionKind.CompareAndSwap:
        this.clients.call(this.asked(member, b), kind, b >> 1);
        break;
      case ActionKind.ConfChange:
        this.proposeChange(member, b);
        break;
      case ActionKind.Transfer:
        member.node.transferLeader(1 + (b % this.members.length));
        break;
      case ActionKind.Forget:
        member.node.forgetLeader();
        break;
      case ActionKind.Campaign:
        member.node.campaign();
        break;
      case ActionKind.Flush:
        member.flush();
        break;
      case ActionKind.Compact:
        member.compact(b % 8);
        break;
      case ActionKind.Unreachable:
        member.node.reportUnreachable(1 + (b % this.members.length));
        break;
      default:
        return;
    }
    this.observe(member);
  }

  /** One to four stages of the first member, from `a` on, that has something to do; the checkers look in between. */
  private work(a: number, b: number): void {
    const { members } = this;
    for (let i = 0; i < members.length; i++) {
      const member = members[(a + i) % members.length]!;
      if (member.node === null || (member.id === this.options.slowDisk && b % 8 !== 0)) continue;
      if (!member.work(b)) continue;
      this.observe(member);
      for (let more = (b >> 3) & 3; more > 0 && member.work(b + more); more--) this.observe(member);
      return;
    }
  }

  /** Half of the clients ask a leader if there is one. */
  private asked(member: Member, b: number): Member {
    if ((b & 1) === 1) return member;
    return this.members.find(({ node }) => node !== null && node.role === LEADER) ?? member;
  }

  private drop(a: number): void {
    const message = this.network.take(a % this.options.reorder);
    if (message !== null) this.reportSnapshot(message, true);
  }

  /** Delivers a message if both ends and the link between them are up; tells a snapshot's sender what became of it. */
  deliver(message: Message | null): void {
    if (message === null) return;
    const target = this.members[message.to - 1]!;
    if (target.node === null || !this.network.isOpen(message.from, message.to)) {
      this.reportSnapshot(message, true);
      return;
    }
    target.node.step(message);
    this.observe(target);
    this.reportSnapshot(message, false);
  }

  private reportSnapshot({ type, from, to }: Message, failed: boolean): void {
    const sender = this.members[from - 1]!;
    if (type !== SNAPSHOT || sender.node === null) return;
    sender.node.reportSnapshot(to, failed);
    this.observe(sender);
  }

  private proposeChange({ node, store }: Member, b: number): void {
    if (node!.role !== LEADER) return;
    const change = (bits: number): ConfChangeSingle => ({
      type: [0, 0, 1, 3][(bits >> 3) & 3]!,
      node: 1 + ((bits >> 6) % this.members.length),
    });
    // A joint configuration is left explicitly now and then.
    const leaves = store.confState.votersOutgoing.length > 0;
    const changes = leaves ? [] : [change(b)];
    const joint = !leaves && (b & 1) === 1;
    for (let more = (b >> 2) & 3; joint && more >= 0; more--) changes.push(change(b >> (9 + more)));
    if (!keepsQuorum(store.confState.voters, changes)) return;
    const transition = joint ? (b >> 1) % 3 : 0;
    const v1 = !joint && !leaves && (b & 2) === 0;
    node!.proposeConfChange({ transition, changes, context: null }, CONF_CHANGE_LENGTH, v1);
  }

  /** Lets every checker look at this member. */
  observe(member: Member): void {
    if (member.node === null) return;
    for (const checker of this.checkers) checker.observed(member, this);
    // Without step-down on removal a removed or demoted leader would lead on, and as the last to know of a group of one it would even answer
    // reads that are out of date. etcd stops such a member; here it comes back as a bystander.
    if (member.node.role === LEADER && !member.store.votes(member.id)) {
      member.crash(member.disk.pending.length);
      member.start();
    }
  }

  started(member: Member): void {
    for (const checker of this.checkers) checker.started(member);
  }

  crashed(member: Member): void {
    this.clients.crashed(member);
    for (const checker of this.checkers) checker.crashed(member);
  }

  ready(member: Member, ready: Ready): void {
    for (const checker of this.checkers) checker.ready(member, ready);
  }

  sent(member: Member, message: Message): void {
    for (const checker of this.checkers) checker.sent(member, message);
    this.network.send(message);
  }

  applied(member: Member, entry: Entry, happened: boolean): void {
    for (const checker of this.checkers) checker.applied(member, entry, happened);
    this.clients.applied(member, entry, happened);
  }

  restored(member: Member): void {
    for (const checker of this.checkers) checker.restored(member);
    this.clients.progressed(member);
  }

  readable(member: Member, state: ReadState): void {
    this.granted.add(state.context);
    this.clients.readable(member, state);
  }
}

/**
 * Whether a quorum of the old voters stays. If not, those left may be unable to win once the leader goes too: the others hold longer logs,
 * refuse them and no longer campaign themselves. That is known of raft, so operators do not do it.
 */
function keepsQuorum(voters: readonly number[], changes: readonly ConfChangeSingle[]): boolean {
  const next = new Set(voters);
  for (const { type, node } of changes) {
    if (type === ConfChangeType.AddNode) next.add(node);
    else next.delete(node);
  }
  return voters.filter((id) => next.has(id)).length * 2 > voters.length;
}
