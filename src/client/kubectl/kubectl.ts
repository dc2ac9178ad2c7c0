import type { Connections } from '../../apiserver/connections.js';
import type { Component, Simulation } from '../../kernel/simulation.js';
import { Slots } from '../../kernel/slots.js';
import type { Duration, Time } from '../../kernel/time.js';
import type { Impersonation, KubectlCommand, Scenario } from '../../scenario/types.js';
import { RestClient } from '../rest-client.js';
import type { ApiClient } from '../types.js';
import { ArgoRun } from './argo.js';
import { CordonRun, DrainRun } from './drain.js';
import { RolloutStatusRun, RolloutUndoRun } from './rollout.js';
import type { KubectlHost, KubectlOutput, KubectlRun } from './run.js';
import { ApplyRun, ChangeRun, CreateRun, GetRun } from './simple.js';

const OP_WAKE = 1;
/** Client limits of a command (pkg/cmd/cmd.go). */
const QPS = 50;
const BURST = 300;

interface Wake {
  readonly run: KubectlRun;
  readonly argument: number;
}

export interface KubectlOptions {
  readonly simulation: Simulation;
  readonly connections: Connections;
  readonly client: ApiClient;
  readonly host: number;
  readonly preferredServer: number;
  readonly kubernetesVersion: Scenario['kubernetesVersion'];
}

/**
 * A user's kubectl: carries out command lines with the requests of the real one, each command on its own and all through one
 * client. Discovery is taken to be cached on disk, as it is after the first command.
 */
export class Kubectl implements Component, KubectlHost {
  readonly name = 'kubectl';
  readonly client: ApiClient;
  readonly connections: Connections;
  readonly host: number;
  readonly preferredServer: number;
  readonly kubernetesVersion: Scenario['kubernetesVersion'];
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly wakes = new Slots<Wake>();
  private readonly others = new Map<string, RestClient>();

  constructor(options: KubectlOptions) {
    this.simulation = options.simulation;
    this.client = options.client;
    this.connections = options.connections;
    this.host = options.host;
    this.preferredServer = options.preferredServer;
    this.kubernetesVersion = options.kubernetesVersion;
    this.target = options.simulation.add(this);
  }

  get now(): Time {
    return this.simulation.now;
  }

  /** Starts a command; what it prints goes to `output`. */
  run(command: KubectlCommand, output: KubectlOutput): KubectlRun {
    const run = this.create(command, output);
    if (command.as !== undefined) run.client = this.clientOf(command.as);
    run.start();
    return run;
  }

  /** The client of a user that commands act as: kubectl's credentials, that user's rights. */
  private clientOf({ user, groups }: Impersonation): ApiClient {
    const key = JSON.stringify([user, groups]);
    let client = this.others.get(key);
    if (client === undefined) {
      client = new RestClient(this.simulation, this.connections, user, this.host, this.preferredServer, QPS, BURST);
      client.groups = groups;
      this.others.set(key, client);
    }
    return client;
  }

  private create(command: KubectlCommand, output: KubectlOutput): KubectlRun {
    switch (command.verb) {
      case 'create':
        return new CreateRun(this, output, command.objects);
      case 'apply':
        return new ApplyRun(this, output, command.objects);
      case 'get':
        return new GetRun(this, output, command);
      case 'rollout status':
        return new RolloutStatusRun(this, output, command);
      case 'rollout undo':
        return new RolloutUndoRun(this, output, command);
      case 'scale':
      case 'set image':
      case 'delete':
        return new ChangeRun(this, output, command);
      case 'argo rollouts promote':
      case 'argo rollouts abort':
      case 'argo rollouts retry':
        return new ArgoRun(this, output, command);
      case 'cordon':
      case 'uncordon':
        return new CordonRun(this, output, command.node, command.verb === 'cordon');
      case 'drain':
        return new DrainRun(this, output, command.node, command.options);
    }
  }

  later(run: KubectlRun, delay: Duration, argument: number): void {
    this.simulation.schedule(delay, this.target, OP_WAKE, this.wakes.put({ run, argument }));
  }

  describe(): string {
    return 'a kubectl command goes on after a pause';
  }

  handle(_opcode: number, argument: number): void {
    const { run, argument: what } = this.wakes.take(argument);
    run.wake(what);
  }
}
