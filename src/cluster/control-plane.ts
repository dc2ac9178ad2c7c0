import type { RestClient } from '../client/rest-client.js';
import { LeaderElector, type LeaderOwner, RETRY_PERIOD } from '../client/leader-election.js';
import type { Process } from '../client/process.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Randomness } from '../random/stream.js';

/** Makes the process of a leader: what works only while it leads. */
export interface LeaderFactory {
  /** The process that `replica` starts when it becomes leader of `name`, ready to be started. */
  newLeader(name: string, replica: number): Process;
}

/** The replicas of one process of the control plane, of which one leads and works while the others stand by. */
export class ReplicatedProcess implements LeaderOwner {
  readonly name: string;
  readonly electors: LeaderElector[] = [];
  /** The process that works; null while nobody leads. */
  leader: Process | null = null;
  private readonly factory: LeaderFactory;

  constructor(simulation: Simulation, randomness: Randomness, name: string, clients: readonly RestClient[], factory: LeaderFactory) {
    this.name = name;
    this.factory = factory;
    clients.forEach((client, replica) => {
      const stream = randomness.stream(`${name}-${replica}/leader-election`);
      const releaseOnCancel = name === 'kube-scheduler';
      this.electors.push(new LeaderElector({ simulation, client, stream, lease: name, replica, owner: this, releaseOnCancel }));
    });
  }

  /** All replicas start, one after the other, so that the first one leads. */
  start(): void {
    this.electors.forEach((elector, replica) => {
      elector.start(replica * RETRY_PERIOD);
    });
  }

  startedLeading(replica: number): void {
    this.leader = this.factory.newLeader(this.name, replica);
    this.leader.start();
  }

  stoppedLeading(): void {
    this.leader?.stop();
    this.leader = null;
  }
}
