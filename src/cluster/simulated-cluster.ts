import type { Node, Service } from '../api/core.js';
import { needsAttachment } from '../api/volumes.js';
import type { EndpointSlice } from '../api/workloads.js';
import { Allocators } from '../apiserver/allocators.js';
import { WebhookServers } from '../apiserver/admission/webhook-calls.js';
import { ApiServer } from '../apiserver/api-server.js';
import { createCallTable } from '../apiserver/call.js';
import { COMPACTION_INTERVAL } from '../apiserver/compactor.js';
import { defaultEventTtl } from '../apiserver/event-leases.js';
import { Connections } from '../apiserver/connections.js';
import { Kubectl } from '../client/kubectl/kubectl.js';
import { Process } from '../client/process.js';
import { RestClient } from '../client/rest-client.js';
import { CloudNodeLifecycleController } from '../controllers/cloud-node-lifecycle.js';
import { ServiceLoadBalancerController } from '../controllers/service-load-balancer.js';
import { CONTROLLER_NAMES, type ControllerName, startControllers } from '../controllers/registry.js';
import type { EtcdCluster } from '../etcd/cluster.js';
import { type NamedShare, Processor, ProcessorShare } from '../etcd/processor.js';
import type { KeyValue } from '../etcd/types.js';
import type { EventListName } from '../kernel/event-list.js';
import { Simulation } from '../kernel/simulation.js';
import type { Ingress } from '../network/ingress-rules.js';
import { Network } from '../network/network.js';
import { Kubelets } from '../node/kubelets.js';
import { KwokController } from '../node/kwok/kwok-controller.js';
import { KubeProxies } from '../node/kube-proxy.js';
import type { DistributionSpec } from '../random/distribution.js';
import { type DrawObserver, Randomness } from '../random/stream.js';
import type { Scenario } from '../scenario/types.js';
import type { ExplainTarget } from '../scheduler/explain.js';
import { KubeScheduler } from '../scheduler/scheduler.js';
import { SyntheticClient } from '../workload/api-clients.js';
import { INGRESS_SYNC_PERIOD } from '../workload/ingress-pods.js';
import { Workload } from '../workload/workload.js';
import { cachedImages } from './cached-images.js';
import { type LeaderFactory, ReplicatedProcess } from './control-plane.js';
import { SimulatedMachines } from './cloud-machines.js';
import { ControlPlaneMemory } from './control-plane-memory.js';
import { EtcdClusters } from './etcd-clusters.js';
import { KubeletEvents } from './kubelet-events.js';
import { MetricsServer } from './metrics-server.js';
import { Fleet } from './node-fleet.js';
import { SettledStart } from './settled-start.js';
import { RolloutControllers } from './rollout-controllers.js';
import { startObjects } from './start-objects.js';

/** kubelet's client limits (--kube-api-qps, --kube-api-burst), and those of the user's pipeline. */
const KUBELET_QPS = 50;
const KUBELET_BURST = 100;
const KUBECTL_QPS = 50;
const KUBECTL_BURST = 300;
const KUBECTL_USER = 'kubernetes-admin';
/** Client limits of the cloud controller manager (--kube-api-qps, --kube-api-burst). */
const CLOUD_QPS = 20;
const CLOUD_BURST = 30;
const NO_TIME: DistributionSpec = { kind: 'constant', value: 0 };
const ZONE_LABEL = 'topology.kubernetes.io/zone';

export interface ClusterOptions {
  readonly eventList?: EventListName;
  /** Permutes events of one instant and phase, by a seed. */
  readonly shuffleTies?: number;
  /** Receives every random draw. */
  readonly draws?: DrawObserver;
  /** The attempt of a pod that kube-scheduler is to explain. */
  readonly explain?: ExplainTarget;
  /** Controllers that run (--controllers); absent: all. */
  readonly controllers?: readonly ControllerName[];
  /** So many of the scenario's nodes are there at the start; somebody registers the others through the API. Absent: all are. */
  readonly registeredNodes?: number;
}

/** A process of kube-scheduler that does not lead. */
interface Standby {
  readonly process: Process;
  readonly scheduler: KubeScheduler;
}

/** A whole Kubernetes cluster on one kernel: machines, network, etcd, API servers, control plane, nodes and their workload. */
export class SimulatedCluster implements LeaderFactory {
  readonly scenario: Scenario;
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly network: Network;
  /** The main etcd cluster, and all of them. */
  readonly etcd: EtcdCluster;
  readonly etcdClusters: EtcdClusters;
  readonly servers: ApiServer[] = [];
  readonly webhooks: WebhookServers;
  readonly connections: Connections;
  /** The processes that lead (or did last). */
  controllerManager: Process;
  schedulerProcess: Process;
  /** kube-controller-manager and kube-scheduler with their standbys. */
  readonly controlPlane: readonly ReplicatedProcess[];
  /** A user's kubectl (and pipeline), outside the control plane's machines. */
  readonly kubectl: Process;
  scheduler: KubeScheduler;
  /** Schedulers that stand by with filled caches, by replica. */
  readonly standbys = new Map<number, Standby>();
  readonly kubelets: Kubelets;
  /** The process that plays the stages of KWOK's nodes; null: there are none. */
  readonly kwok: KwokController | null;
  private readonly kwokProcess: Process | null;
  /** The client of an ingress controller; null: no traffic goes to an Ingress. */
  private readonly ingressProcess: Process | null;
  /** The cloud controller manager and its service controller; null: there is none. */
  private readonly cloudProcess: Process | null;
  private readonly loadBalancers: ServiceLoadBalancerController | null;
  /** Controllers that roll out by resources of their own, where there are such. */
  readonly rollouts: RolloutControllers;
  readonly proxies: KubeProxies;
  readonly workload: Workload;
  /** What the HorizontalPodAutoscaler controller sees of the pods. */
  readonly metrics: MetricsServer;
  readonly nodeNames: readonly string[];
  private readonly controllers: readonly ControllerName[];
  readonly nodeHosts: number[] = [];
  readonly nodeZones: readonly string[];
  readonly controlPlaneHosts: number[] = [];
  /** Cores of the machines of the control plane, when all on one share them. */
  private readonly machines: Processor[] = [];
  /** Use of them by the processes that share them, etcd excepted. */
  private readonly shares: (NamedShare & { readonly machine: number })[] = [];
  /** Memory of its machines; null: there is enough. */
  readonly memory: ControlPlaneMemory | null;
  /** Programs that use the API beside the cluster's components. */
  readonly clients: readonly SyntheticClient[];
  /** Where users work: the first machine of the control plane, or one of their own when machines of it can be lost. */
  private userHost = 0;
  readonly nodeIndexes = new Map<string, number>();
  /** What the cloud says of machines. */
  readonly cloudMachines = new SimulatedMachines();
  /** The nodes as the API servers see them. */
  readonly nodeFleet: Fleet;
  private readonly kubeletClients: RestClient[] = [];
  private readonly heartbeatClients: RestClient[] = [];
  private readonly kubeletEvents: KubeletEvents;
  private readonly explain: ExplainTarget | null;

  constructor(scenario: Scenario, options: ClusterOptions = {}) {
    this.scenario = scenario;
    const { cluster, profile } = scenario;
    const { eventList, shuffleTies, draws } = options;
    this.simulation = new Simulation({
      ...(eventList === undefined ? {} : { eventList }),
      ...(shuffleTies === undefined ? {} : { shuffleTies }),
    });
    this.randomness = new Randomness(scenario.seed, draws);
    this.network = new Network(this.simulation, this.randomness, profile.network);
    this.nodeNames = cluster.nodes.map((node) => node.metadata.name);
    this.nodeZones = cluster.nodes.map(zoneOf);
    this.addHosts();
    const cores = cluster.controlPlaneCores;
    if (cores !== undefined) for (let i = 0; i < this.controlPlaneHosts.length; i++) this.machines.push(new Processor(cores, cluster.etcdTopology === 'external' ? 0 : 1));
    this.etcdClusters = new EtcdClusters(scenario, this.simulation, this.network, this.randomness, this.controlPlaneHosts, this.machines);
    this.etcd = this.etcdClusters.all[0]!.cluster;
    this.connections = new Connections(this.simulation, this.network, createCallTable());
    if (this.userHost !== this.controlPlaneHosts[0]) this.connections.dialling.add(this.userHost);
    this.webhooks = new WebhookServers(cluster.webhooks ?? [], profile.apiServer.webhook ?? NO_TIME);
    const registry = new Allocators(this.simulation, this.randomness);
    this.addApiServers(registry);
    if (cluster.loadBalancer !== undefined) this.connections.balance(cluster.loadBalancer);
    const { controlPlaneMemory: bytes } = cluster;
    this.memory = bytes === undefined ? null : new ControlPlaneMemory(this.simulation, this.network, this.etcdClusters, this.servers, bytes);
    this.controllerManager = this.process('kube-controller-manager', cluster.controllerManager.qps, cluster.controllerManager.burst);
    this.schedulerProcess = this.process('kube-scheduler', cluster.scheduler.qps, cluster.scheduler.burst);
    this.kubectl = this.process('kubectl', KUBECTL_QPS, KUBECTL_BURST);
    this.workload = new Workload({ simulation: this.simulation, randomness: this.randomness, network: this.network, scenario });
    this.metrics = new MetricsServer(this.simulation, this.workload.pods, scenario);
    this.controllers = options.controllers ?? CONTROLLER_NAMES;
    startControllers(this.controllerManager, this.controllers, this.metrics);
    this.explain = options.explain ?? null;
    this.scheduler = this.newScheduler(this.schedulerProcess);
    this.controlPlane = [this.replicated(this.controllerManager), this.replicated(this.schedulerProcess)];
    this.clients = (scenario.clients ?? []).map((spec, i) => {
      const server = i % this.servers.length;
      const client = new RestClient(this.simulation, this.connections, spec.user, this.userHost, server, spec.qps, spec.burst);
      return new SyntheticClient(this.simulation, this.randomness, client, spec);
    });
    this.kubeletEvents = new KubeletEvents(this.simulation, this.connections, this.nodeNames, this.nodeHosts, this.servers.length);
    this.kubelets = this.createKubelets(cluster.nodes);
    this.kwokProcess = cluster.kwok === undefined ? null : this.process('kwok-controller', cluster.kwok.qps, cluster.kwok.burst);
    this.kwok = cluster.kwok === undefined ? null : new KwokController(this.kwokProcess!, cluster.kwok);
    this.proxies = new KubeProxies({
      simulation: this.simulation,
      randomness: this.randomness,
      nodes: cluster.nodes.length,
      minSyncPeriod: cluster.kubeProxy.minSyncPeriod,
      extraDelay: cluster.kubeProxy.extraDelay,
      failures: cluster.kubeProxy.failures ?? 0,
      profile,
      nodeNames: this.nodeNames,
      nodeZones: this.nodeZones,
      ...(cluster.kubeProxy.configuration === undefined ? {} : { configuration: cluster.kubeProxy.configuration }),
      noFullSyncWhenLarge: scenario.kubernetesVersion === '1.36',
      watcherPeriod: INGRESS_SYNC_PERIOD,
    });
    this.workload.connect(this.proxies, this.nodeHosts, this.nodeNames, this.kubelets);
    const { ingress } = this.workload;
    this.ingressProcess = ingress === null ? null : this.process('ingress-nginx', 0, 0);
    if (ingress !== null) this.ingressProcess!.informer<Ingress>('ingresses').addEventHandler(ingress);
    const { loadBalancers } = cluster;
    this.cloudProcess = loadBalancers === undefined && cluster.cloud !== true ? null : this.process('cloud-controller-manager', CLOUD_QPS, CLOUD_BURST);
    this.loadBalancers = loadBalancers === undefined ? null : new ServiceLoadBalancerController(this.cloudProcess!, loadBalancers);
    if (this.loadBalancers !== null) this.workload.useBackends(this.loadBalancers);
    if (this.cloudProcess !== null) new CloudNodeLifecycleController(this.cloudProcess, this.cloudMachines);
    this.rollouts = new RolloutControllers(scenario, this.workload, (name, qps, burst) => this.process(name, qps, burst));
    const absent = new Set(this.nodeNames.filter((name) => cluster.machines?.[name]?.joins !== undefined));
    const fleet = new Fleet(this.simulation, cluster.nodes, this.nodeHosts, this.kubelets, this.proxies, absent);
    this.nodeFleet = fleet;
    for (const name of absent) this.keepOff(this.nodeIndexes.get(name)!);
    this.connections.setFleet(fleet, this.randomness.stream('nodes/reflector'));
    const registered = cluster.nodes.slice(0, options.registeredNodes);
    this.load(registry, absent.size === 0 ? registered : registered.filter(({ metadata }) => !absent.has(metadata.name)));
  }

  /** What the processes that share the cores of machines use of them; a process may have several, one after the other. */
  get processorShares(): readonly NamedShare[] {
    return [...this.etcdClusters.members.map(({ processor }) => ({ name: 'etcd', share: processor })), ...this.shares];
  }

  private addHosts(): void {
    const { cluster } = this.scenario;
    const machines = Math.max(EtcdClusters.machines(this.scenario), cluster.apiServers, cluster.controlPlaneReplicas ?? 1);
    for (let i = 0; i < machines; i++) {
      const zone = cluster.etcd.zones[i % Math.max(1, cluster.etcd.zones.length)] ?? 'control-plane';
      this.controlPlaneHosts.push(this.network.addHost(`control-plane-${i}`, zone));
    }
    this.userHost = losesMachines(this.scenario) ? this.network.addHost('users', 'control-plane') : this.controlPlaneHosts[0]!;
    cluster.nodes.forEach((node, i) => {
      this.nodeHosts.push(this.network.addHost(node.metadata.name, this.nodeZones[i]!));
      this.nodeIndexes.set(node.metadata.name, i);
    });
  }

  private addApiServers(registry: Allocators): void {
    const { simulation, randomness, connections, scenario } = this;
    for (let index = 0; index < scenario.cluster.apiServers; index++) {
      const host = this.controlPlaneHosts[index]!;
      const etcd = this.etcdClusters.clientFor(index, host);
      const { profile, kubernetesVersion } = scenario;
      const { calls } = connections;
      const compactionInterval = COMPACTION_INTERVAL;
      const { webhooks } = this;
      const { disabledAdmissionPlugins: disabledPlugins = [] } = scenario.cluster;
      const machine = this.shareOf('kube-apiserver', index);
      const options = { simulation, randomness, profile, host, index, calls, etcd, registry, connections, ...(machine === undefined ? {} : { machine }), fair: scenario.cluster.priorityAndFairness !== false };
      const server = new ApiServer({ ...options, kubernetesVersion, compactionInterval, eventTtl: scenario.cluster.eventTtl ?? defaultEventTtl(scenario.duration), webhooks, disabledPlugins });
      this.servers.push(server);
      connections.addServer(server);
    }
  }

  /** A machine is not there at the start. */
  private keepOff(index: number): void {
    this.network.setUp(this.nodeHosts[index]!, false);
    this.kubelets.fail(index);
    this.workload.setNodeReady(index, false);
  }

  private process(name: string, qps: number, burst: number, replica = 0): Process {
    const { simulation, randomness, scenario, connections } = this;
    const inside = name.startsWith('kube-');
    const host = inside ? this.controlPlaneHosts[replica]! : this.userHost;
    const preferredServer = replica % this.servers.length;
    const machine = inside || (name === 'kwok-controller' && this.userHost === host) ? this.shareOf(name, replica) : undefined;
    return new Process({ ...(machine === undefined ? {} : { machine }), simulation, randomness, scenario, connections, name, host, preferredServer, qps, burst });
  }

  /** What a process uses of a machine's cores, in the place of an earlier one of its name; undefined: it has enough of its own. */
  private shareOf(name: string, machine: number): ProcessorShare | undefined {
    const processor = this.machines[machine];
    if (processor === undefined) return;
    const { cpu, whenBusy } = this.scenario.profile.background ?? {};
    const share = new ProcessorShare(processor, cpu?.[name], whenBusy?.[name] ?? whenBusy?.['default']);
    if (!this.shares.some((other) => other.name === name && other.machine === machine)) processor.sharers++;
    this.shares.push({ name, share, machine });
    return share;
  }

  /** The replicas of a process, each with a client of its own for its lease. */
  private replicated({ name, meter }: Process): ReplicatedProcess {
    const { simulation, randomness, connections, scenario } = this;
    const { cluster } = scenario;
    const { qps, burst } = name === 'kube-scheduler' ? cluster.scheduler : cluster.controllerManager;
    const clients: RestClient[] = [];
    for (let replica = 0; replica < (cluster.controlPlaneReplicas ?? 1); replica++) {
      const server = replica % this.servers.length;
      const host = this.controlPlaneHosts[replica]!;
      clients.push(new RestClient(simulation, connections, `system:${name}`, host, server, qps, burst, replica === 0 ? meter : null));
    }
    const election = name === 'kube-scheduler' ? cluster.scheduler.configuration?.leaderElection : undefined;
    return new ReplicatedProcess(simulation, randomness, name, clients, this, election);
  }

  private newScheduler(process: Process, standby = false): KubeScheduler {
    return new KubeScheduler(process, { standby, ...(this.explain === null ? {} : { explain: this.explain }) });
  }

  /** A replica has become leader: the first one works with what was assembled at the start, all later ones begin anew. */
  newLeader(name: string, replica: number): Process {
    const { cluster } = this.scenario;
    const scheduling = name === 'kube-scheduler';
    const waiting = scheduling ? this.schedulerProcess : this.controllerManager;
    if (replica === 0 && !waiting.stopped && !waiting.running) return waiting;
    waiting.stop();
    if (scheduling) return this.promote(this.standbys.get(replica) ?? this.standby(replica), replica);
    const { qps, burst } = cluster.controllerManager;
    const process = this.process(name, qps, burst, replica);
    this.controllerManager = process;
    startControllers(process, this.controllers, this.metrics);
    return process;
  }

  /** A standby of the scheduler leads: its caches are filled already (cmd/kube-scheduler/app/server.go starts informers before the election). */
  private promote(standby: Standby, replica: number): Process {
    this.standbys.delete(replica);
    const { attempts, explanation } = this.scheduler;
    this.schedulerProcess = standby.process;
    this.scheduler = standby.scheduler;
    this.scheduler.explanation = explanation;
    for (const attempt of attempts) this.scheduler.attempts.push(attempt);
    this.scheduler.lead();
    return standby.process;
  }

  private standby(replica: number): Standby {
    const { qps, burst } = this.scenario.cluster.scheduler;
    const process = this.process('kube-scheduler', qps, burst, replica);
    return { process, scheduler: this.newScheduler(process, true) };
  }

  candidateStarted(name: string, replica: number): void {
    // kube-controller-manager starts its informers when it leads.
    if (name !== 'kube-scheduler' || (replica === 0 && !this.schedulerProcess.running && !this.schedulerProcess.stopped)) return;
    const standby = this.standby(replica);
    this.standbys.set(replica, standby);
    standby.process.start();
  }

  candidateStopped(name: string, replica: number): void {
    if (name !== 'kube-scheduler') return;
    this.standbys.get(replica)?.process.stop();
    this.standbys.delete(replica);
  }

  /** A user's kubectl on the control plane's first machine. */
  newKubectl(): Kubectl {
    const { simulation, connections, scenario } = this;
    const { kubernetesVersion } = scenario;
    return new Kubectl({ simulation, connections, user: KUBECTL_USER, host: this.userHost, preferredServer: 0, kubernetesVersion, meter: this.kubectl.meter });
  }

  private createKubelets(nodes: readonly Node[]): Kubelets {
    const { simulation, connections } = this;
    for (let i = 0; i < nodes.length; i++) {
      const user = `system:node:${this.nodeNames[i]!}`;
      const server = i % this.servers.length;
      this.kubeletClients.push(new RestClient(simulation, connections, user, this.nodeHosts[i]!, server, KUBELET_QPS, KUBELET_BURST));
      this.heartbeatClients.push(new RestClient(simulation, connections, user, this.nodeHosts[i]!, server, 0, 0));
    }
    const { kubelet, registries, machines } = this.scenario.cluster;
    const kubelets = new Kubelets({
      ...(kubelet === undefined ? {} : { configuration: kubelet }),
      ...(registries === undefined ? {} : { registries }),
      ...(machines === undefined ? {} : { machines }),
      relist: this.connections,
      simulation,
      randomness: this.randomness,
      profile: this.scenario.profile,
      network: this.network,
      behaviour: this.workload.behaviour,
      lifecycle: this.workload.pods,
      nodes,
      clientFor: (index) => this.kubeletClients[index]!,
      heartbeatClientFor: (index) => this.heartbeatClients[index]!,
      hosts: this.nodeHosts,
      events: this.kubeletEvents,
      attachesVolumes: this.scenario.objects.some((object) => object.kind === 'CSIDriver' && needsAttachment(object)),
      kubernetesVersion: this.scenario.kubernetesVersion,
    });
    kubelets.warmImages(cachedImages(this.scenario));
    return kubelets;
  }

  /** Puts the start state into etcd and the watch caches. */
  private load(registry: Allocators, nodes: readonly Node[]): void {
    const objects = startObjects(this.scenario, registry, nodes);
    const { cluster, kubernetesVersion } = this.scenario;
    if (cluster.settled === true) new SettledStart(objects, registry, this.kubelets, kubernetesVersion !== '1.34').settle();
    const kvs: KeyValue[] = objects.map(({ resource, key, object, bytes }, i) => {
      const modRevision = i + 2;
      return { key: `/registry/${resource}/${key}`, value: object, bytes, createRevision: modRevision, modRevision, version: 1, lease: 0 };
    });
    this.etcdClusters.warmStart(kvs, objects.length + 1);
    for (const server of this.servers) server.warmStart(kvs, objects.length + 1);
    for (const { object } of objects) {
      if (object.kind === 'Service') this.nodeFleet.serviceChanged(object as Service, false);
      else if (object.kind === 'EndpointSlice') this.proxies.endpointSliceChanged(object as EndpointSlice, false, this.simulation.now);
    }
    // The rules of what was there long ago are not written at the start.
    if (this.scenario.cluster.kubeProxy.configuration !== undefined) this.proxies.settle();
  }

  /** Starts all processes: informers list and watch, kubelets report, controllers work. */
  start(): void {
    for (const server of this.servers) server.start();
    for (const replicas of this.controlPlane) replicas.start();
    this.kubectl.start();
    this.kwokProcess?.start();
    this.ingressProcess?.start();
    this.cloudProcess?.start();
    this.rollouts.start();
    this.kubelets.start();
  }

  /** Puts client-side limits in force or lifts them. */
  setLimited(limited: boolean): void {
    this.controllerManager.setLimited(limited);
    this.schedulerProcess.setLimited(limited);
    this.kubectl.setLimited(limited);
    this.kwokProcess?.setLimited(limited);
    this.rollouts.setLimited(limited);
    this.cloudProcess?.setLimited(limited);
    if (this.loadBalancers !== null) this.loadBalancers.limited = limited;
    this.kubeletEvents.setLimited(limited);
    for (const client of this.kubeletClients) client.limited = limited;
  }
}

function losesMachines({ timeline, faults = [], cluster }: Scenario): boolean {
  const targets = [...timeline.flatMap((action) => (action.action === 'fail' ? [action.target] : [])), ...faults.map(({ target }) => target)];
  return targets.some((target) => target.kind === 'machine' || (target.kind === 'zone' && cluster.etcd.zones.includes(target.name)));
}

function zoneOf(node: Node): string {
  return node.metadata.labels?.[ZONE_LABEL] ?? 'zone';
}
