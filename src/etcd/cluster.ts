import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import type { Randomness } from '../random/stream.js';
import type { ConfState, Message, Snapshot } from '../raft/index.js';
import type { CostProfile, EtcdSpec } from '../scenario/types.js';
import { Member } from './member.js';
import { Store } from './mvcc.js';
import { Peers } from './peers.js';
import { Processor } from './processor.js';
import type { KeyValue } from './types.js';

/** Term of the log that a warm start finds; its election makes the next one. */
const WARM_START_TERM = 1;

export interface EtcdClusterOptions {
  readonly simulation: Simulation;
  readonly network: Network;
  readonly randomness: Randomness;
  readonly spec: EtcdSpec;
  readonly costs: CostProfile['etcd'];
  /** Host of each member. */
  readonly hosts: readonly number[];
  /** Cores of each member's machine, when they are shared with others; absent: `costs.cores` of its own for each. */
  readonly processors?: readonly Processor[];
}

/** An etcd cluster: members on hosts of the network, the faults they may suffer, and how they start. */
export class EtcdCluster {
  readonly members: Member[];
  private readonly network: Network;
  private readonly quota: number;

  constructor(options: EtcdClusterOptions) {
    const { spec, hosts } = options;
    if (hosts.length < 1 || hosts.length > 9) throw new RangeError(`an etcd cluster has 1 to 9 members, not ${hosts.length}`);
    this.network = options.network;
    this.quota = spec.quotaBackendBytes;
    const peers = new Peers(options.network);
    this.members = hosts.map((host, index) => {
      const processor = options.processors?.[index] ?? new Processor(options.costs.cores);
      const { simulation, network, randomness, costs } = options;
      const member = new Member({ simulation, network, randomness, host, index, spec, costs, processor, peers });
      peers.add(member);
      return member;
    });
  }

  /**
   * Starts all members with the same content, as after a long life: an elected leader (member 0), leases of full time, no
   * history. `revision` must not be below any of the key-values' (0: the greatest of them, at least etcd's first, 1).
   */
  warmStart(kvs: readonly KeyValue[] = [], revision = 0): void {
    let newest = Math.max(revision, 1);
    for (const kv of kvs) if (kv.modRevision > newest) newest = kv.modRevision;
    const confState: ConfState = {
      voters: this.members.map((member) => member.id),
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const snapshot: Snapshot = { index: newest, term: WARM_START_TERM, confState, data: null, dataLength: 0 };
    for (const member of this.members) {
      const store = new Store(this.quota);
      store.load(kvs, newest);
      member.install(snapshot, store);
      member.start(true);
    }
    this.members[0]!.node.campaign();
    this.settle();
  }

  /** The member that leads, with the highest term if an old leader has not noticed yet; undefined during elections. */
  get leader(): Member | undefined {
    let leader: Member | undefined;
    for (const member of this.members) {
      if (member.isLeader && (leader === undefined || member.node.term > leader.node.term)) leader = member;
    }
    return leader;
  }

  /** Kills a member's process; with `machine`, its host goes down with it, so that nobody is told. */
  fail(index: number, machine = false): void {
    const member = this.members[index]!;
    if (machine) this.network.setUp(member.host, false);
    member.crash();
  }

  /** Starts a killed member again from its disk. */
  heal(index: number): void {
    const member = this.members[index]!;
    this.network.setUp(member.host, true);
    if (!member.running) member.start();
  }

  pause(index: number): void {
    this.members[index]!.pause();
  }

  resume(index: number): void {
    this.members[index]!.resume();
  }

  /** Makes a member's disk slower (or faster again: 1) by a factor. */
  setDiskFactor(index: number, factor: number): void {
    this.members[index]!.diskFactor = factor;
  }

  /** Blocks a member for a defragmentation of its backend. */
  defragment(index: number, duration: Duration): void {
    this.members[index]!.defragment(duration);
  }

  /** Asks the leader to hand over to another member. */
  moveLeader(to: number): void {
    const { leader } = this;
    if (leader === undefined) return;
    leader.node.transferLeader(this.members[to]!.id);
    leader.pump();
  }

  /** Exchanges messages without time until nothing is left to do. */
  private settle(): void {
    for (;;) {
      const messages: Message[] = [];
      for (const member of this.members) messages.push(...member.settle());
      if (messages.length === 0) return;
      for (const message of messages) this.members[message.to - 1]!.node.step(message);
    }
  }
}
