import type { Simulation } from '../kernel/simulation.js';
import { type Duration, SECOND } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import {
  type ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  type Message,
  type Snapshot,
} from '../raft/index.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, EtcdSpec } from '../scenario/types.js';
import { defragment } from './backend-file.js';
import { Disk } from './disk.js';
import { EtcdError } from './errors.js';
import { KeySpace } from './key-space.js';
import { Member } from './member.js';
import { Store } from './mvcc.js';
import { Peers } from './peers.js';
import { Processor, ProcessorShare } from './processor.js';
import type { StoreSnapshot } from './records.js';
import type { KeyValue } from './types.js';

/** Term of the log that a warm start finds; its election makes the next one. */
const WARM_START_TERM = 1;
/** Field reports: 4.1 GB in about 15 s (etcd#20952). */
const DEFRAGMENT_BYTES_PER_SECOND = 4.1e9 / 15;
/** membership/cluster_opts.go: learners at a time; server.go: how close to the leader a learner must be. */
const MAX_LEARNERS = 1;
const LEARNER_READY_SHARE = 0.9;
/** Encoded bytes of a configuration change with a member's name and addresses. */
const CONF_CHANGE_BYTES = 128;

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
  /** Processor time beside what clients wait for, of each request; absent: none. */
  readonly background?: { readonly cpu: Duration; readonly whenBusy: number };
  /** Disk of each member, when it is shared with others; absent: one of its own for each. */
  readonly disks?: readonly Disk[];
  /** Raft's CheckQuorum, which etcd always has on; for studies of elections without it. Absent: true. */
  readonly checkQuorum?: boolean;
  /** What members are called, with their number after a hyphen. Default `etcd`. */
  readonly name?: string;
}

/** An etcd cluster: members on hosts of the network, the faults they may suffer, and how they start. */
export class EtcdCluster {
  readonly members: Member[];
  private readonly network: Network;
  private readonly quota: number;
  private readonly peers: Peers;
  private readonly keys = new KeySpace();
  private readonly options: EtcdClusterOptions;

  constructor(options: EtcdClusterOptions) {
    const { spec, hosts } = options;
    if (hosts.length < 1 || hosts.length > 9)
      throw new RangeError(`an etcd cluster has 1 to 9 members, not ${hosts.length}`);
    this.network = options.network;
    this.quota = spec.quotaBackendBytes;
    this.options = options;
    this.peers = new Peers(options.network);
    this.members = hosts.map((host, index) => this.create(host, index));
  }

  /**
   * Starts all members with the same content, as after a long life: an elected leader (member 0), leases of full time, no
   * history. `revision` must not be below any of the key-values' (0: the greatest of them, at least etcd's first, 1).
   */
  warmStart(kvs: readonly KeyValue[] = [], revision = 0): void {
    let newest = Math.max(revision, 1);
    for (const kv of kvs) if (kv.modRevision > newest) newest = kv.modRevision;
    this.begin(newest, () => {
      const store = new Store(this.quota, this.keys);
      store.load(kvs, newest);
      return store;
    });
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

  /** Makes a member's disks slower (or faster again: 1) by a factor. */
  setDiskFactor(index: number, factor: number): void {
    const { logDisk, dataDisk } = this.members[index]!;
    logDisk.factor = factor;
    dataDisk.factor = factor;
  }

  /**
   * Defragments a member's backend, which blocks its reads, writes and applies until the live data is copied. Absent
   * `duration`: by the size of that data, at the speed of field reports.
   */
  defragment(index: number, duration?: Duration): void {
    const member = this.members[index]!;
    defragment(member, duration ?? Math.round((member.store.sizeInUse / DEFRAGMENT_BYTES_PER_SECOND) * SECOND));
  }

  /** Asks the leader to hand over to another member (`etcdctl move-leader`). */
  moveLeader(to: number): void {
    const { leader } = this;
    if (leader === undefined) return;
    leader.node.transferLeader(this.members[to]!.id);
    leader.loop.pump();
  }

  /** Lifts all alarms (`etcdctl alarm disarm`). */
  disarmAlarms(): void {
    const { leader } = this;
    if (leader === undefined) return;
    leader.proposals.submitOwn({ op: 'alarm', alarm: 'NOSPACE', active: false });
    leader.proposals.submitOwn({ op: 'alarm', alarm: 'CORRUPT', active: false });
    leader.loop.pump();
  }

  /** Makes one key of a member's database other than what was written, unnoticed: what corruption checks look for. */
  corrupt(index: number): void {
    this.members[index]!.store.corruptFile();
  }

  /** A backup of a member's content (`etcdctl snapshot save`). */
  backup(index = 0): StoreSnapshot {
    return this.members[index]!.store.snapshot();
  }

  /** Starts all members with the content of a backup (`etcdutl snapshot restore`): same keys, revisions and leases. */
  restore(backup: StoreSnapshot): void {
    this.begin(backup.revision, () => Store.restore(backup, this.quota, this.keys));
  }

  /**
   * Adds a member on a host as a learner: it gets the log but has no vote until it is promoted. Returns the new member's index,
   * or etcd's error text.
   */
  addLearner(host: number): number | string {
    const { leader } = this;
    if (leader === undefined) return EtcdError.UnhealthyCluster;
    if (leader.confState.learners.length >= MAX_LEARNERS) return EtcdError.TooManyLearners;
    if (!leader.peers.quorumSince(leader, leader.simulation.now)) return EtcdError.UnhealthyCluster;
    const member = this.create(host, this.members.length);
    this.members.push(member);
    member.start(true);
    this.proposeChange(leader, ConfChangeType.AddLearnerNode, member.id);
    return member.index;
  }

  /** Makes a learner a voter, if it has caught up; returns etcd's error text, empty when the change is proposed. */
  promote(index: number): string {
    const { leader } = this;
    const { id } = this.members[index]!;
    if (leader === undefined) return EtcdError.UnhealthyCluster;
    if (!leader.confState.learners.includes(id)) return EtcdError.MemberNotFound;
    const match = leader.node.progress(id)?.match ?? 0;
    if (match < leader.node.progress(leader.id)!.match * LEARNER_READY_SHARE) {
      leader.metrics.serverLearnerPromoteFailures++;
      return EtcdError.LearnerNotReady;
    }
    leader.metrics.serverLearnerPromoteSuccesses++;
    this.proposeChange(leader, ConfChangeType.AddNode, id);
    return '';
  }

  /** Removes a member; it stops for good when it learns of it. Refused when the others could then not form a quorum. */
  remove(index: number): string {
    const { leader } = this;
    const { id } = this.members[index]!;
    if (leader === undefined) return EtcdError.UnhealthyCluster;
    const { voters, learners } = leader.confState;
    if (!voters.includes(id) && !learners.includes(id)) return EtcdError.MemberNotFound;
    if (voters.includes(id)) {
      const left = voters.filter((voter) => voter !== id);
      const active = left.filter(
        (voter) => voter === leader.id || leader.peers.connectedSince(leader, voter, leader.simulation.now),
      );
      if (active.length < Math.floor(left.length / 2) + 1) return EtcdError.UnhealthyCluster;
    }
    this.proposeChange(leader, ConfChangeType.RemoveNode, id);
    return '';
  }

  private proposeChange(leader: Member, type: number, node: number): void {
    const change: ConfChange = { transition: ConfChangeTransition.Auto, changes: [{ type, node }], context: null };
    leader.node.proposeConfChange(change, CONF_CHANGE_BYTES, true);
    leader.loop.pump();
  }

  private create(host: number, index: number): Member {
    const { simulation, network, randomness, costs, spec } = this.options;
    const { processors, disks, name = 'etcd', checkQuorum = true, background } = this.options;
    const dataDisk = disks?.[index] ?? new Disk();
    const member = new Member({
      simulation,
      network,
      randomness,
      host,
      index,
      spec,
      costs,
      processor: new ProcessorShare(
        processors?.[index] ?? new Processor(costs.cores),
        background?.cpu,
        background?.whenBusy,
      ),
      logDisk: spec.dedicatedWalDisk === true ? new Disk() : dataDisk,
      dataDisk,
      checkQuorum,
      name: `${name}-${index}`,
      peers: this.peers,
      keys: this.keys,
    });
    this.peers.add(member);
    return member;
  }

  private begin(revision: number, content: () => Store): void {
    const confState: ConfState = {
      voters: this.members.map((member) => member.id),
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const snapshot: Snapshot = { index: revision, term: WARM_START_TERM, confState, data: null, dataLength: 0 };
    for (const member of this.members) {
      member.install(snapshot, content());
      member.start(true);
    }
    this.peers.warm(this.options.simulation.now);
    this.members[0]!.node.campaign();
    this.settle();
  }

  /** Exchanges messages without time until nothing is left to do. */
  private settle(): void {
    for (;;) {
      const messages: Message[] = [];
      for (const member of this.members) messages.push(...member.loop.settle());
      if (messages.length === 0) return;
      for (const message of messages) this.members[message.to - 1]!.node.step(message);
    }
  }
}
