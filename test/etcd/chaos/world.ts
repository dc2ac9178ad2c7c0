import type { Client } from '../../../src/etcd/client.js';
import type { EtcdCluster } from '../../../src/etcd/cluster.js';
import type { Member } from '../../../src/etcd/member.js';
import type { EtcdReceiver, EtcdResponse } from '../../../src/etcd/types.js';
import { Simulation } from '../../../src/kernel/simulation.js';
import { MILLISECOND } from '../../../src/kernel/time.js';
import { Network } from '../../../src/network/network.js';
import type { Message } from '../../../src/raft/index.js';
import type { DistributionSpec } from '../../../src/random/distribution.js';
import { Randomness } from '../../../src/random/stream.js';
import type { Checker } from '../checkers/checker.js';
import { allCheckers } from '../checkers/index.js';
import { Moments, Tenant, Worker } from './clients.js';
import { type Action, ActionKind, type ChaosOptions } from './plan.js';
import { RaftInvariants } from './raft-view.js';
import { Truth } from './truth.js';
import { Watching, type WatchMessage, type WatchObserver } from './watching.js';

/** The library under test: the project's own, or a mutated copy. */
export type EtcdLibrary = typeof import('../../../src/etcd/index.js');

const WORKERS = 4;
const MOST_WATCHES = 10;
const MOST_MEMBERS = 6;
const BURST = 150;
const PREFIXES = ['', '/c/', '/l/', '/c/a'];
const DEFRAGMENTATION = 300 * MILLISECOND;

function spread(median: number, sigma: number): DistributionSpec {
  return { kind: 'lognormal', median: median * MILLISECOND, sigma };
}

/** A whole etcd cluster with its clients, that does what a schedule says while all checkers watch. */
export class World implements WatchObserver, EtcdReceiver {
  readonly options: ChaosOptions;
  readonly simulation = new Simulation({ hash: false });
  readonly network: Network;
  readonly cluster: EtcdCluster;
  readonly truth = new Truth();
  readonly workers: Worker[] = [];
  readonly tenant: Tenant;
  readonly watches: Watching[] = [];
  readonly checkers: readonly Checker[] = allCheckers();
  readonly raft = new RaftInvariants();
  private readonly library: EtcdLibrary;
  private readonly clientHost: number;
  private readonly watchClients: Client[] = [];
  private readonly byTarget: Member[] = [];
  private readonly running: boolean[] = [];
  private readonly leading: boolean[] = [];
  private touched: Member | undefined;

  constructor(library: EtcdLibrary, options: ChaosOptions) {
    this.library = library;
    this.options = options;
    const randomness = new Randomness(`chaos-${options.seed}`);
    const rtt = spread(options.roundTrip, 0.6);
    const distances = { sameHost: rtt, sameZone: rtt, crossZone: rtt, external: rtt };
    this.network = new Network(this.simulation, randomness, { ...distances, bytesPerSecond: 1.25e9 });
    const hosts = Array.from({ length: options.members }, (_, i) => this.network.addHost(`etcd-${i}`, 'a'));
    this.cluster = new library.EtcdCluster({
      simulation: this.simulation,
      network: this.network,
      randomness,
      hosts,
      spec: {
        members: options.members,
        heartbeatInterval: options.heartbeat * MILLISECOND,
        electionTimeout: options.electionTimeout * MILLISECOND,
        quotaBackendBytes: 1e9,
        snapshotCount: options.snapshotCount,
        snapshotCatchUpEntries: options.catchUpEntries,
        zones: hosts.map(() => 'a'),
      },
      costs: {
        fsync: { ...spread(options.fsync, 0.8), stall: { probability: 0.005, factor: 20 } },
        backendCommit: spread(options.backendCommit, 0.8),
        cores: 2,
        requestCpu: 20_000,
        readyCpu: 5000,
        entryCpu: 2000,
        messageCpu: 3000,
        applyCpu: options.applyTime * MILLISECOND,
        rangeCpu: 11_000,
        watchEventCpu: 1000,
        walReplayCpu: options.replay * MILLISECOND,
      },
    });
    this.cluster.warmStart();
    this.clientHost = this.network.addHost('clients', 'a');
    for (const member of this.cluster.members) this.follow(member);
    const moments = new Moments();
    for (let i = 0; i < WORKERS; i++) this.workers.push(new Worker(this.connect(this.preferred(i)), i + 1, moments));
    this.tenant = new Tenant(this.connect(-1));
    const { members } = options;
    for (let i = 0; i < 3; i++) {
      this.watchClients.push(this.connect(i % members));
      this.watch(i, PREFIXES[i]!, 2);
    }
    this.simulation.trace = { event: (_time, target) => (this.touched = this.byTarget[target]) };
  }

  connect(preferred: number): Client {
    const { simulation, network, cluster, clientHost } = this;
    return new this.library.Client(
      simulation,
      network,
      clientHost,
      cluster.members.slice(0, this.options.members),
      preferred,
    );
  }

  /** Runs for a while; what happens is looked at event by event. */
  pass(duration: number): void {
    const end = this.simulation.now + duration;
    while (this.simulation.nextTime <= end) this.step();
    this.simulation.run(end);
  }

  step(): void {
    this.simulation.step();
    if (this.touched !== undefined) this.observe(this.touched);
    this.touched = undefined;
  }

  run(actions: readonly Action[]): void {
    for (const action of actions) {
      this.pass(action.wait * MILLISECOND);
      this.act(action);
      for (const member of this.cluster.members) this.observe(member);
    }
  }

  private act({ kind, a, b }: Action): void {
    const { cluster, network, tenant } = this;
    const worker = this.workers[a % WORKERS]!;
    const member = cluster.members[a % cluster.members.length]!;
    const other = cluster.members[b % cluster.members.length]!;
    switch (kind) {
      case ActionKind.Put:
      case ActionKind.Get:
      case ActionKind.LocalGet:
      case ActionKind.CompareAndSwap:
      case ActionKind.Delete:
        worker.call(kind, b);
        return;
      case ActionKind.GiveUp:
        worker.giveUp();
        return;
      case ActionKind.Grant:
        tenant.grant(b);
        return;
      case ActionKind.PutLeased:
        tenant.put(b);
        return;
      case ActionKind.Revoke:
        tenant.revoke(b);
        return;
      case ActionKind.Watch:
        if (this.watches.length < MOST_WATCHES)
          this.watch(b, PREFIXES[a % PREFIXES.length]!, Math.max(2, this.truth.revision - ((b >> 4) % 30) + 4));
        return;
      case ActionKind.RequestProgress:
        this.watchClients[a % this.watchClients.length]!.requestProgress();
        return;
      case ActionKind.Compact:
        this.watchClients[0]!.request({ op: 'compact', revision: Math.max(1, this.truth.revision - (b % 8)) }, this, 0);
        return;
      case ActionKind.Burst:
        for (let i = 0; i < BURST; i++)
          this.watchClients[0]!.request({ op: 'put', key: `/b/${i % 3}`, value: 0, bytes: 10 }, this, 0);
        return;
      case ActionKind.Cut:
        network.setLink(member.host, (b & 1) === 0 ? other.host : this.clientHost, false);
        return;
      case ActionKind.Isolate:
        this.isolate(member);
        return;
      case ActionKind.Mute:
        network.setLink(member.host, this.clientHost, false);
        return;
      case ActionKind.HealNetwork:
        this.healNetwork();
        return;
      default:
        this.disturb(kind, member, b);
    }
  }

  private disturb(kind: number, member: Member, b: number): void {
    const { cluster, network } = this;
    const { index } = member;
    switch (kind) {
      case ActionKind.Kill:
        cluster.fail(index);
        return;
      case ActionKind.PowerOff:
        cluster.fail(index, true);
        return;
      case ActionKind.PowerCut:
        for (const one of cluster.members) cluster.fail(one.index, true);
        return;
      case ActionKind.Restart:
        // One that does not run, if there is one: machines come back in some order.
        cluster.heal((cluster.members.find((one) => !one.running && !one.removed) ?? member).index);
        return;
      case ActionKind.Pause:
        cluster.pause(index);
        return;
      case ActionKind.Resume:
        for (const one of cluster.members) cluster.resume(one.index);
        return;
      case ActionKind.SlowDisk:
        cluster.setDiskFactor(index, 5 + (b % 40));
        return;
      case ActionKind.FastDisk:
        for (const one of cluster.members) cluster.setDiskFactor(one.index, 1);
        return;
      case ActionKind.MoveLeader:
        cluster.moveLeader(index);
        return;
      case ActionKind.Defragment:
        cluster.defragment(index, DEFRAGMENTATION);
        return;
      case ActionKind.AddLearner: {
        if (cluster.members.length >= MOST_MEMBERS) return;
        const added = cluster.addLearner(network.addHost(`etcd-${cluster.members.length}`, 'a'));
        if (typeof added === 'number') this.follow(cluster.members[added]!);
        return;
      }
      case ActionKind.Promote:
        for (const one of cluster.members.slice(this.options.members)) cluster.promote(one.index);
        return;
      case ActionKind.Remove:
        // Clients know the first members; some of them stay.
        if (index > 0 && cluster.leader !== undefined && cluster.leader.confState.voters.length > 3)
          cluster.remove(index);
        return;
    }
  }

  healNetwork(): void {
    const hosts = [...this.cluster.members.map(({ host }) => host), this.clientHost];
    for (const from of hosts) for (const to of hosts) if (from !== to) this.network.setLink(from, to, true);
  }

  private isolate(member: Member): void {
    for (const { host } of this.cluster.members) {
      if (host === member.host) continue;
      this.network.setLink(member.host, host, false);
      this.network.setLink(host, member.host, false);
    }
  }

  private watch(client: number, prefix: string, start: number): void {
    const name = `watch ${this.watches.length} of '${prefix}'`;
    const watching = new Watching(name, this.watchClients[client % this.watchClients.length]!, prefix, start, this);
    this.watches.push(watching);
    watching.open();
  }

  /** Half of the workers stay with one member, the others ask all in turn. */
  private preferred(worker: number): number {
    return worker % 2 === 0 ? -1 : worker % this.options.members;
  }

  /** Hears a member's steps from now on. */
  private follow(member: Member): void {
    const { raft } = this;
    const view = raft.view(member);
    this.byTarget[member.target] = member;
    const { wal, peers } = member;
    const save = wal.save.bind(wal);
    wal.save = (entries, hardState) => {
      raft.ready(member, entries);
      return save(entries, hardState);
    };
    const restore = member.restoreFrom.bind(member);
    member.restoreFrom = (snapshot) => {
      restore(snapshot);
      raft.each((checker) => checker.restored(view));
      for (const checker of this.checkers) checker.restored(member, this);
    };
    const applied = member.entryApplied.bind(member);
    member.entryApplied = (entry) => {
      raft.each((checker) => checker.applied(view, entry, false));
      for (const checker of this.checkers) checker.applied(member, entry, this);
      applied(entry);
    };
    if (member.index === 0) {
      const sendAll = peers.sendAll.bind(peers);
      peers.sendAll = (from: Member, messages: readonly Message[]) => {
        for (const message of messages) raft.each((checker) => checker.sent(raft.view(from), message));
        sendAll(from, messages);
      };
    }
    this.observe(member);
  }

  /** Lets every checker look at a member. */
  private observe(member: Member): void {
    const { index, running } = member;
    const { raft } = this;
    const view = raft.view(member);
    if (running !== (this.running[index] ?? false)) {
      this.running[index] = running;
      if (running) {
        raft.each((checker) => checker.started(view));
        for (const checker of this.checkers) checker.started(member, this);
      } else {
        this.leading[index] = false;
        raft.each((checker) => checker.crashed(view));
      }
    }
    if (!running) return;
    raft.observed(member);
    const leading = member.isLeader;
    if (leading && this.leading[index] !== true) for (const checker of this.checkers) checker.leads(member, this);
    this.leading[index] = leading;
  }

  told(watch: Watching, message: WatchMessage): void {
    for (const checker of this.checkers) checker.told(watch, message, this);
  }

  etcdResponse(_tag: number, _response: EtcdResponse): void {}
}
