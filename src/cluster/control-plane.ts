import type { RestClient } from '../client/rest-client.js';
import { type ElectionTimes, LeaderElector, type LeaderOwner, RETRY_PERIOD } from '../client/leader-election.js';
import type { Process } from '../client/process.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Randomness } from '../random/stream.js';

/** Makes the process of a leader: what works only while it leads. */
export interface LeaderFactory {
  /** The process that `replica` starts when it becomes leader of `name`, ready to be started. */
  newLeader(name: string, replica: number): Process;
  /** A replica of `name` starts as a candidate, or ends. */
  candidateStarted(name: string, replica: number): void;
  candidateStopped(name: string, replica: number): void;
}

/** The election of a process: its lease, and its times. */
export interface ElectionSpec extends ElectionTimes {
  /** false: the process works at once, without a lease. */
  readonly leaderElect: boolean;
  readonly resourceName: string;
  readonly resourceNamespace: string;
}

/** The replicas of one process of the control plane, of which one leads and works while the others stand by. */
export class ReplicatedProcess implements LeaderOwner {
  readonly name: string;
  readonly electors: LeaderElector[] = [];
  /** The process that works; null while nobody leads. */
  leader: Process | null = null;
  private readonly factory: LeaderFactory;

  private readonly retryPeriod: number;

  /** @param election absent: the defaults, with a lease named like the process */
  constructor(
    simulation: Simulation,
    randomness: Randomness,
    name: string,
    clients: readonly RestClient[],
    factory: LeaderFactory,
    election?: ElectionSpec,
  ) {
    this.name = name;
    this.factory = factory;
    this.retryPeriod = election?.retryPeriod ?? RETRY_PERIOD;
    if (election?.leaderElect === false) return;
    const lease = election?.resourceName ?? name;
    const own = election === undefined ? {} : { namespace: election.resourceNamespace, times: election };
    clients.forEach((client, replica) => {
      const stream = randomness.stream(`${name}-${replica}/leader-election`);
      const releaseOnCancel = name === 'kube-scheduler';
      this.electors.push(new LeaderElector({ simulation, client, stream, lease, replica, owner: this, releaseOnCancel, process: name, ...own }));
    });
  }

  /** All replicas start, one after the other, so that the first one leads; without an election it works at once. */
  start(): void {
    if (this.electors.length === 0) this.startedLeading(0);
    this.electors.forEach((elector, replica) => {
      elector.start(replica * this.retryPeriod);
    });
  }

  /** The machine of a replica is lost. */
  machineLost(replica: number): void {
    if (this.electors.length > 0) this.electors[replica]?.stop(false);
    else if (replica === 0) this.stoppedLeading();
  }

  /** The machine of a replica has started again, and the replica with it. */
  machineBack(replica: number): void {
    if (this.electors.length > 0) this.electors[replica]?.start(0);
    else if (replica === 0) this.startedLeading(0);
  }

  startedLeading(replica: number): void {
    this.leader = this.factory.newLeader(this.name, replica);
    this.leader.start();
  }

  stoppedLeading(): void {
    this.leader?.stop();
    this.leader = null;
  }
  candidateStarted(replica: number): void {
    this.factory.candidateStarted(this.name, replica);
  }

  candidateStopped(replica: number): void {
    this.factory.candidateStopped(this.name, replica);
  }
}
