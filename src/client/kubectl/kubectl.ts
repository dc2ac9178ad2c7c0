import type { Connections } from '../../apiserver/connections.js';
import type { Component, Simulation } from '../../kernel/simulation.js';
import { Slots } from '../../kernel/slots.js';
import type { Duration, Time } from '../../kernel/time.js';
import type { CallMeter } from '../../apiserver/call.js';
import type { KubectlCommand, Scenario } from '../../scenario/types.js';
import { ArgoRun } from './argo.js';
import { CommandClients } from './command-clients.js';
import { CordonRun, DrainRun } from './drain.js';
import { RolloutStatusRun, RolloutUndoRun } from './rollout.js';
import type { KubectlHost, KubectlOutput, KubectlRun } from './run.js';
import { DeleteRun } from './delete.js';
import { GetRun } from './get.js';
import { ApplyRun, ChangeRun, CreateRun } from './simple.js';

const OP_WAKE = 1;

interface Wake {
  readonly run: KubectlRun;
  readonly argument: number;
}

export interface KubectlOptions {
  readonly simulation: Simulation;
  readonly connections: Connections;
  /** Who commands without --as act as. */
  readonly user: string;
  readonly host: number;
  readonly preferredServer: number;
  readonly kubernetesVersion: Scenario['kubernetesVersion'];
  /** Counts all requests. */
  readonly meter?: CallMeter;
}

/**
 * A user's kubectl: carries out command lines with the requests of the real one, each command on its own and with clients of
 * its own. Discovery is taken to be cached on disk, as it is after the first command.
 */
export class Kubectl implements Component, KubectlHost {
  readonly name = 'kubectl';
  readonly connections: Connections;
  readonly host: number;
  readonly preferredServer: number;
  readonly kubernetesVersion: Scenario['kubernetesVersion'];
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly wakes = new Slots<Wake>();
  private readonly options: KubectlOptions;

  constructor(options: KubectlOptions) {
    this.simulation = options.simulation;
    this.options = options;
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
    const { simulation, connections, host, preferredServer, meter = null } = this.options;
    const { user, groups } = command.as ?? { user: this.options.user, groups: [] };
    run.clients = new CommandClients({ simulation, connections, user, groups, host, preferredServer, meter });
    run.start();
    return run;
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
        return new ChangeRun(this, output, command);
      case 'delete':
        return new DeleteRun(this, output, command);
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
