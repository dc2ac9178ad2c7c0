import { type Node, type Pod, type Service, servingContainer } from '../api/core.js';
import type { Serializer } from '../api/serialize.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../apiserver/request.js';
import type { Component } from '../kernel/simulation.js';
import { type Duration, SECOND } from '../kernel/time.js';
import type { MachineSpec } from '../scenario/types.js';
import { defaultPodCidr, PodAddresses } from './addresses.js';
import type { EnvironmentBook, PodStepObserver } from './behaviour.js';
import { ContainerRuntime } from './container-runtime.js';
import { dispatch } from './dispatch.js';
import { ConfigurationVolumes } from './configuration-volumes.js';
import { Environments } from './environment.js';
import { Evictions } from './evictions.js';
import * as op from './fleet.js';
import { Fleet, featuresOf, nodeKey } from './fleet.js';
import { Heartbeats } from './heartbeats.js';
import { ImageStore } from './image-store.js';
import { describeEvent } from './describe.js';
import { type KubeletEndpoints, kubeletEndpoints } from './kubelet-endpoints.js';
import { linksServices } from './service-environment.js';
import { isKwokNode } from './kwok/stage.js';
import { Restarts } from './kubelet-restart.js';
import type { KubeletsOptions } from './kubelets-options.js';
import { PodIntake } from './pod-intake.js';
import { Pleg } from './pleg.js';
import { PodWorkers } from './pod-workers.js';
import { Registration } from './registration.js';
import { Prober } from './prober.js';
import { NodeRecord } from './node-record.js';
import { REGISTRY_BURST } from './image-policy.js';
import { runtimeProfile } from './runtime-profiles.js';
import { type MachineSwitch, Shutdowns } from './shutdown.js';
import { StaticPods } from './static-pods.js';
import { EPOCHS, StatusManager, TAG_LEASE, TAG_LEASE_GET, TAG_NODE_STATUS } from './status-manager.js';
import { VolumeManager } from './volume-manager.js';
import { adoptRunning, crash, restart, runningPod } from './node-life.js';

export type { KubeletsOptions } from './kubelets-options.js';

/**
 * The kubelets of all nodes as one component. The watch of pods filtered by spec.nodeName ends here: call `podChanged` and
 * `podRemoved` when a watch event reaches the node. Nodes start up (`start`) with their heartbeats running.
 */
export class Kubelets implements Component, ResponseReceiver, EnvironmentBook {
  readonly name = 'kubelets';
  /** For tests and statistics; not to be changed from outside. */
  readonly fleet: Fleet;
  private readonly intake: PodIntake;

  constructor(options: KubeletsOptions) {
    const { simulation, randomness, profile, network, behaviour, lifecycle } = options;
    const fleet = new Fleet(
      simulation,
      randomness,
      network,
      profile.kubelet,
      behaviour,
      lifecycle,
      options.events ?? null,
      featuresOf(options.kubernetesVersion ?? '1.34'),
    );
    this.fleet = fleet;
    this.intake = new PodIntake(fleet);
    fleet.intake = this.intake;
    fleet.target = simulation.add(this);
    fleet.observer = options.observer ?? null;
    fleet.pleg = new Pleg(fleet);
    fleet.runtime = new ContainerRuntime(fleet);
    fleet.images = new ImageStore(fleet);
    fleet.evictions = new Evictions(fleet);
    fleet.environments = new Environments(fleet);
    fleet.configurations = new ConfigurationVolumes(fleet);
    fleet.shutdowns = new Shutdowns(fleet);
    fleet.restarts = new Restarts(fleet, options.relist ?? null);
    if (options.configuration !== undefined) fleet.kubelet = options.configuration;
    fleet.workers = new PodWorkers(fleet);
    for (const { host, bytesPerSecond } of options.registries ?? []) fleet.workers.puller.addRegistry(host, bytesPerSecond);
    fleet.prober = new Prober(fleet);
    fleet.statuses = new StatusManager(fleet, this);
    fleet.heartbeats = new Heartbeats(fleet, this);
    fleet.registration = new Registration(fleet);
    if (options.attachesVolumes === true || fleet.kubelet.readsClaims) fleet.volumes = new VolumeManager(fleet, profile.volumes.mount);
    for (let index = 0; index < options.nodes.length; index++) {
      const record = this.addNode(options.nodes[index]!, options.hosts[index]!, options.machines?.[options.nodes[index]!.metadata.name]);
      record.client = options.clientFor(index);
      record.heartbeatClient = options.heartbeatClientFor?.(index) ?? record.client;
      const manifests = options.machines?.[record.name]?.staticPods;
      if (manifests !== undefined) this.staticPods.provide(record, manifests);
    }
  }

  private addNode(node: Node, host: number, machine: MachineSpec | undefined): NodeRecord {
    const { fleet } = this;
    const index = fleet.nodes.length;
    const internal = node.status.addresses?.find((address) => address.type === 'InternalIP')?.address;
    const address = internal ?? `172.16.${index >> 8}.${index & 255}`;
    const record = new NodeRecord(
      index,
      node,
      host,
      address,
      new PodAddresses(node.spec.podCIDR ?? defaultPodCidr(index)),
      runtimeProfile(node, fleet.costs),
    );
    record.unsupervised = machine?.unsupervised === true;
    record.maxRestartPeriod = machine?.maxRestartPeriod ?? fleet.kubelet.maxRestartPeriod;
    record.inodes = machine?.inodes ?? 0;
    record.processIds = machine?.processIds ?? 0;
    const key = nodeKey(index);
    record.plegPhase = Math.round(fleet.uniform(key, op.OP_RELIST) * SECOND);
    record.syncPhase = Math.round(fleet.uniform(key, op.OP_RESYNC) * SECOND);
    record.batchPhase = Math.round(fleet.uniform(key, op.OP_BATCH) * 10 * SECOND);
    record.statusPhase = Math.round(fleet.uniform(key, op.OP_STATUS) * 10 * SECOND);
    record.pullTokens = REGISTRY_BURST;
    record.diskBytes = node.status.capacity['ephemeral-storage'] ?? Number.POSITIVE_INFINITY;
    fleet.nodes.push(record);
    return record;
  }

  /** Starts leases and status reports, except of nodes that KWOK manages. Cold: both at once; else (default) in the middle of their periods. */
  start(cold = false): void {
    this.fleet.statics?.start();
    for (const node of this.fleet.nodes) {
      if (isKwokNode(node.node) || !node.up) continue;
      if (cold) this.fleet.heartbeats.startCold(node);
      else this.fleet.heartbeats.startWarm(node);
    }
  }

  /** Tells an observer of the steps of pods from now on. */
  observe(observer: PodStepObserver): void {
    this.fleet.observer = observer;
  }

  /** Images that all nodes have from the start. */
  warmImages(names: Iterable<string>): void {
    for (const name of names) this.fleet.commonImages.add(name);
  }

  /** A kubelet ends after `delay` and starts again `start` later; its containers run on. */
  restartKubelet(nodeIndex: number, delay: Duration, start: Duration): void {
    this.fleet.restarts.planKubelet(this.fleet.nodes[nodeIndex]!, delay, start);
  }

  /** A container runtime ends after `delay` and starts again `start` later; its containers run on. */
  restartRuntime(nodeIndex: number, delay: Duration, start: Duration): void {
    this.fleet.restarts.planRuntime(this.fleet.nodes[nodeIndex]!, delay, start);
  }

  /** A kubelet or container runtime dies; its supervisor starts it again, if there is one. False: it does not run. */
  kill(nodeIndex: number, what: 'kubelet' | 'runtime'): boolean {
    return this.fleet.restarts.kill(this.fleet.nodes[nodeIndex]!, what);
  }

  /** Somebody starts a kubelet or container runtime that is down (`systemctl restart`). */
  startAgain(nodeIndex: number, what: 'kubelet' | 'runtime'): void {
    this.fleet.restarts.startAgain(this.fleet.nodes[nodeIndex]!, what);
  }

  private get staticPods(): StaticPods {
    this.fleet.statics ??= new StaticPods(this.fleet, this.intake);
    return this.fleet.statics;
  }

  /** A file with a pod is written into the static pod directory of a machine. */
  writeStaticPod(nodeIndex: number, manifest: Pod): void {
    this.staticPods.write(this.fleet.nodes[nodeIndex]!, manifest);
  }

  /** The file of a static pod (`namespace/name` of its manifest) is removed; false: there is none. */
  removeStaticPod(nodeIndex: number, key: string): boolean {
    return this.staticPods.remove(this.fleet.nodes[nodeIndex]!, key);
  }

  /** The kubelets' watch tells of a Service. */
  serviceChanged(service: Service, removed: boolean): void {
    this.fleet.services.changed(service, removed, this.fleet.simulation.now);
  }

  serviceInEnvironment(nodeIndex: number, uid: string, namespace: string, name: string): 'current' | 'stale' | 'missing' {
    const { services, simulation, nodes } = this.fleet;
    const record = nodes[nodeIndex]?.pods.get(uid);
    if (record === undefined || record.pod.metadata.namespace !== namespace || !linksServices(record.pod.spec)) return 'missing';
    const { name: serving } = servingContainer(record.pod.spec.containers);
    const then = services.at(namespace, name, record.main.find(({ spec }) => spec.name === serving)!.environmentAt);
    if (then === null) return 'missing';
    return services.at(namespace, name, simulation.now)?.spec.clusterIP === then.spec.clusterIP ? 'current' : 'stale';
  }

  /** What a kubelet would serve now under /healthz, /pods and /spec. */
  endpoints(nodeIndex: number, serializer: Serializer): KubeletEndpoints {
    return kubeletEndpoints(this.fleet, this.fleet.nodes[nodeIndex]!, serializer);
  }

  /** The plugins of a node's CSI drivers are gone (false), or there again: no volume can be mounted meanwhile. */
  setCsiDrivers(nodeIndex: number, up: boolean): void {
    this.fleet.nodes[nodeIndex]!.driversUp = up;
  }

  /** Who switches machines off when their pods have ended. */
  useMachines(machines: MachineSwitch): void {
    this.fleet.shutdowns.machines = machines;
  }

  /** A machine is told to end: gracefully when the kubelets have a `shutdownGracePeriod`, else it ends at once. */
  shutDown(nodeIndex: number): void {
    this.fleet.shutdowns.begin(this.fleet.nodes[nodeIndex]!);
  }

  /** A registry cannot be reached from now on (false), or can again. */
  setRegistry(host: string, up: boolean): void {
    this.fleet.workers.puller.registry(host).setUp(up);
  }

  /** Address of a node, as its pods' hostIP. */
  hostAddress(nodeIndex: number): string {
    return this.fleet.nodes[nodeIndex]!.address;
  }

  /** The pod as it looks when it has been running and ready since `since` (warm start): status with an address of the node. */
  warmPod(nodeIndex: number, pod: Pod, since: number): Pod {
    return runningPod(this.fleet.nodes[nodeIndex]!, pod, since);
  }

  /** Adopts a pod that is Running and Ready now, as made by `warmPod`; its images are on the node. */
  warmStart(nodeIndex: number, pod: Pod): void {
    const record = this.intake.addPod(this.fleet.nodes[nodeIndex]!, pod);
    adoptRunning(this.fleet, record);
  }

  /** A pod of the node was added or changed, as the node's watch tells it. */
  podChanged(nodeIndex: number, pod: Pod): void {
    this.intake.changed(this.fleet.nodes[nodeIndex]!, pod);
  }

  /** The API objects of the pods of a node as its kubelet has last heard of them. */
  podsKnown(nodeIndex: number): readonly Pod[] {
    const known: Pod[] = [];
    for (const { pod, fixed, mirror, gone } of this.fleet.nodes[nodeIndex]!.pods.values()) {
      if (!fixed && !gone) known.push(pod);
      else if (mirror !== null) known.push(mirror);
    }
    return known;
  }

  /** The API object of a pod is gone. What still runs of it is stopped. */
  podRemoved(nodeIndex: number, pod: Pod): void {
    this.intake.removed(this.fleet.nodes[nodeIndex]!, pod);
  }

  /**
   * Ends a pod on its node: it becomes Failed with this reason (`Evicted`, …) when its containers have stopped. False when the node
   * has no such pod or it is ending already.
   */
  evict(nodeIndex: number, uid: string, reason: string, message: string, graceSeconds: number): boolean {
    const { fleet } = this;
    const node = fleet.nodes[nodeIndex]!;
    const pod = node.pods.get(uid);
    if (pod === undefined || pod.terminating || pod.terminated || !node.up) return false;
    fleet.event(pod, 'Warning', reason, message);
    fleet.workers.failPod(pod, reason, message, graceSeconds);
    return true;
  }

  /** The node's disk takes `factor` times as long for sandboxes, containers and unpacked images that are begun from now on. */
  setDiskFactor(nodeIndex: number, factor: number): void {
    this.fleet.nodes[nodeIndex]!.diskFactor = factor;
  }

  /** The machine crashes: its containers die at once and nothing is sent any more. The network host is the caller's to set. */
  fail(nodeIndex: number): void {
    crash(this.fleet, this.fleet.nodes[nodeIndex]!);
  }

  /**
   * The machine is back: the kubelet starts, renews its lease and reports Ready. It lists its pods: call `podChanged` for each
   * that the API still has (they run again, in new sandboxes) and `podRemoved` for the others.
   */
  heal(nodeIndex: number): void {
    const node = this.fleet.nodes[nodeIndex]!;
    if (node.up) return;
    restart(this.fleet, node);
    this.fleet.statics?.resume(node);
  }

  receive(tag: number, response: ApiResponse, _request: ApiRequest): void {
    const rest = Math.floor(tag / 8);
    const kind = tag - rest * 8;
    if (kind === TAG_LEASE || kind === TAG_LEASE_GET) {
      this.fleet.heartbeats.leaseAnswered(rest, kind, response);
      return;
    }
    const node = this.fleet.nodes[Math.floor(rest / EPOCHS)]!;
    if (!node.up || node.epoch % EPOCHS !== rest % EPOCHS) return;
    if (kind === TAG_NODE_STATUS) this.fleet.heartbeats.statusAnswered(node, response);
    else this.fleet.statuses.answered(node, kind, response);
  }

  /** For traces: the step and what it is about. */
  describe(opcode: number, argument: number): string {
    return describeEvent(this.fleet, opcode, argument);
  }

  handle(opcode: number, argument: number): void {
    dispatch(this.fleet, opcode, argument);
  }
}
