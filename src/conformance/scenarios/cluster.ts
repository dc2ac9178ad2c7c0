import type { Node } from '../../api/core.js';
import { WebhookServers } from '../../apiserver/admission/webhook-calls.js';
import { Allocators } from '../../apiserver/allocators.js';
import { ApiServer } from '../../apiserver/api-server.js';
import { createCallTable } from '../../apiserver/call.js';
import { Connections } from '../../apiserver/connections.js';
import { Process } from '../../client/process.js';
import { RestClient } from '../../client/rest-client.js';
import { startObjects } from '../../cluster/start-objects.js';
import type { MetricsSource } from '../../controllers/horizontal-metrics.js';
import { startControllers } from '../../controllers/registry.js';
import { Client as EtcdClient } from '../../etcd/client.js';
import { EtcdCluster } from '../../etcd/cluster.js';
import type { KeyValue } from '../../etcd/types.js';
import { Simulation } from '../../kernel/simulation.js';
import { MILLISECOND } from '../../kernel/time.js';
import { Network } from '../../network/network.js';
import { Randomness } from '../../random/stream.js';
import { finishProfile, readProfile } from '../../scenario/profile.js';
import type { CostProfile, Scenario } from '../../scenario/types.js';
import { KubeScheduler } from '../../scheduler/scheduler.js';
import { type Lateness, LateProcess } from './late-clients.js';

/** Client limits of a recording: of each controller, and of the scheduler. */
export interface ClientLimits {
  readonly controllers: { readonly qps: number; readonly burst: number };
  readonly scheduler: { readonly qps: number; readonly burst: number };
}

/** Recordings with the note `kcm-default-qps`: the defaults (20 and 30, 50 and 100), which six scenarios at once shared. */
export const SHARED_LIMITS: ClientLimits = { controllers: { qps: 20 / 6, burst: 5 }, scheduler: { qps: 50 / 6, burst: 16 } };
/** Limits of the other recordings. */
export const RAISED_LIMITS: ClientLimits = { controllers: { qps: 500, burst: 1000 }, scheduler: { qps: 500, burst: 1000 } };

export interface RecordedClusterOptions {
  readonly seed: string;
  /** Milliseconds since the epoch of simulated time 0. */
  readonly startTime: number;
  readonly nodes: readonly Node[];
  readonly limits: ClientLimits;
  readonly metrics: MetricsSource;
  /** How late the recorded API server answered; absent: as the model does. */
  readonly lateness?: Lateness;
  readonly profile: CostProfile;
}

/** The packaged profile of a control plane with KWOK nodes on one machine. */
export function recordedProfile(): CostProfile {
  const complain = (message: string): never => {
    throw new Error(message);
  };
  return finishProfile(readProfile('kwok-laptop', '', complain), undefined, complain);
}

/**
 * The control plane that recordings come from: one etcd member, API server, controller manager and scheduler on one machine.
 * The nodes are somebody else's: a process made with `process`.
 */
export class RecordedCluster {
  readonly simulation = new Simulation();
  readonly randomness: Randomness;
  readonly connections: Connections;
  readonly controllerManager: Process;
  readonly schedulerProcess: Process;
  private readonly scenario: Scenario;
  private readonly host: number;
  private readonly server: ApiServer;

  constructor(options: RecordedClusterOptions) {
    const { simulation } = this;
    const { profile, limits } = options;
    this.scenario = scenarioOf(options);
    this.randomness = new Randomness(options.seed);
    const { randomness } = this;
    const network = new Network(simulation, randomness, profile.network);
    this.host = network.addHost('machine', 'zone');
    const { host } = this;
    const etcd = new EtcdCluster({ simulation, network, randomness, spec: this.scenario.cluster.etcd, costs: profile.etcd, hosts: [host] });
    this.connections = new Connections(simulation, network, createCallTable());
    const { connections } = this;
    const registry = new Allocators(simulation, randomness);
    const webhooks = new WebhookServers([], { kind: 'constant', value: 0 });
    const client = new EtcdClient(simulation, network, host, etcd.members, 0);
    this.server = new ApiServer({ simulation, randomness, profile, host, index: 0, calls: connections.calls, etcd: client, registry, connections, webhooks });
    connections.addServer(this.server);
    this.controllerManager = this.process('kube-controller-manager', limits.controllers.qps, limits.controllers.burst);
    this.schedulerProcess = this.process('kube-scheduler', limits.scheduler.qps, limits.scheduler.burst);
    const { lateness } = options;
    const [manager, scheduler] = [this.controllerManager, this.schedulerProcess].map((process) => (lateness === undefined ? process : new LateProcess(process, lateness)));
    startControllers(manager!, undefined, options.metrics);
    new KubeScheduler(scheduler!);
    const objects = startObjects(this.scenario, registry);
    const kvs = objects.map(({ resource, key, object, bytes }, i): KeyValue => {
      const modRevision = i + 2;
      return { key: `/registry/${resource}/${key}`, value: object, bytes, createRevision: modRevision, modRevision, version: 1, lease: 0 };
    });
    etcd.warmStart(kvs, objects.length + 1);
    this.server.warmStart(kvs, objects.length + 1);
  }

  /** Another process on the machine. */
  process(name: string, qps: number, burst: number): Process {
    const { simulation, randomness, scenario, connections, host } = this;
    return new Process({ simulation, randomness, scenario, connections, name, host, preferredServer: 0, qps, burst });
  }

  /** A client with a name of its own. */
  client(user: string, qps: number, burst: number): RestClient {
    return new RestClient(this.simulation, this.connections, user, this.host, 0, qps, burst);
  }

  start(): void {
    this.server.start();
    this.controllerManager.start();
    this.schedulerProcess.start();
  }
}

function scenarioOf({ seed, startTime, nodes, limits, profile }: RecordedClusterOptions): Scenario {
  return {
    name: 'recorded',
    question: '',
    kubernetesVersion: '1.34',
    seed,
    startTime,
    duration: 0,
    cluster: {
      nodes,
      etcd: {
        members: 1,
        heartbeatInterval: 100 * MILLISECOND,
        electionTimeout: 1000 * MILLISECOND,
        quotaBackendBytes: 2 ** 31,
        snapshotCount: 10_000,
        zones: ['zone'],
      },
      apiServers: 1,
      controllerManager: limits.controllers,
      scheduler: { ...limits.scheduler, percentageOfNodesToScore: 0, parallelism: 16 },
      kubeProxy: { minSyncPeriod: 0, extraDelay: 0 },
    },
    profile,
    objects: [],
    behaviours: [],
    traffic: [],
    timeline: [],
    objectives: [],
    findings: [],
  };
}
