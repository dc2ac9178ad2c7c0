import type { Container, ContainerState, Node, Pod } from '../api/core.js';
import { podRequests } from '../api/pod-resources.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../apiserver/request.js';
import type { ApiClient, EventRecorder } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, SECOND } from '../kernel/time.js';
import type { Network } from '../network/network.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, MachineSpec } from '../scenario/types.js';
import { defaultPodCidr, PodAddresses } from './addresses.js';
import { admissionFailure } from './admission.js';
import type { ContainerBehaviour, PodLifecycleListener, PodStepObserver } from './behaviour.js';
import { ContainerRuntime } from './container-runtime.js';
import { dispatch } from './dispatch.js';
import { EVICTED } from './eviction-policy.js';
import { ConfigurationVolumes } from './configuration-volumes.js';
import { Environments } from './environment.js';
import { Evictions } from './evictions.js';
import * as op from './fleet.js';
import { Fleet, featuresOf, nodeKey } from './fleet.js';
import type { KubeletConfiguration } from '../api/kubelet-configuration.js';
import { Heartbeats } from './heartbeats.js';
import { ImageStore } from './image-store.js';
import { describeEvent } from './describe.js';
import { isKwokNode } from './kwok/stage.js';
import { PodOrdinals, podDrawKey } from './ordinals.js';
import { type PodLister, Restarts } from './kubelet-restart.js';
import { Pleg } from './pleg.js';
import { PodWorkers } from './pod-workers.js';
import { Prober } from './prober.js';
import { ContainerRecord, NodeRecord, PodRecord, WORK_TERMINATED } from './records.js';
import { REGISTRY_BURST } from './image-policy.js';
import { runtimeProfile } from './runtime-profiles.js';
import { type MachineSwitch, REFUSED, Shutdowns } from './shutdown.js';
import { CONFIG_MIRROR } from './static-pod-policy.js';
import { type PodAdmission, StaticPods } from './static-pods.js';
import { StatusManager, TAG_LEASE, TAG_LEASE_GET, TAG_NODE_STATUS } from './status-manager.js';
import { effectiveGraceSeconds } from './termination-policy.js';
import { VolumeManager } from './volume-manager.js';
import { adoptRunning, crash, restart, resumePod, runningPod } from './node-life.js';

export interface KubeletsOptions {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly profile: CostProfile;
  readonly network: Network;
  readonly behaviour: ContainerBehaviour;
  readonly lifecycle: PodLifecycleListener;
  /** In the order of node indexes. */
  readonly nodes: readonly Node[];
  /** Client of a node's kubelet (kubeAPIQPS 50, burst 100). Called once for each node, in the constructor. */
  clientFor(nodeIndex: number): ApiClient;
  /** Network host of each node. */
  readonly hosts: readonly number[];
  /** Gets Pulling, Pulled, Created, Started, Killing, Unhealthy, BackOff, … Absent: no events. */
  readonly events?: EventRecorder;
  /** Told of the steps of each pod. */
  readonly observer?: PodStepObserver;
  /** Some volumes are attached by the attach/detach controller, which pods wait for. Default false. */
  readonly attachesVolumes?: boolean;
  /** Default 1.34. */
  readonly kubernetesVersion?: '1.34' | '1.35' | '1.36';
  /** Asked to list the pods of a node whose kubelet starts again. */
  readonly relist?: PodLister;
  /** What is said of machines beside their Node objects, by node. */
  readonly machines?: Readonly<Record<string, MachineSpec>>;
  /** Absent: the kubelet's defaults. */
  readonly configuration?: KubeletConfiguration;
  /** Registries whose bandwidth is limited; others are not. */
  readonly registries?: readonly { readonly host: string; readonly bytesPerSecond: number }[];
}

/** State of a container that waits for init containers. */
const INITIALIZING: ContainerState = { waiting: { reason: 'PodInitializing' } };

/**
 * The kubelets of all nodes as one component. The watch of pods filtered by spec.nodeName ends here: call `podChanged` and
 * `podRemoved` when a watch event reaches the node. Nodes start up (`start`) with their heartbeats running.
 */
export class Kubelets implements Component, ResponseReceiver, PodAdmission {
  readonly name = 'kubelets';
  /** For tests and statistics; not to be changed from outside. */
  readonly fleet: Fleet;
  private readonly ordinals = new PodOrdinals();

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
    if (options.attachesVolumes === true) fleet.volumes = new VolumeManager(fleet, profile.volumes.mount);
    for (let index = 0; index < options.nodes.length; index++) {
      const record = this.addNode(options.nodes[index]!, options.hosts[index]!, options.machines?.[options.nodes[index]!.metadata.name]);
      record.client = options.clientFor(index);
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
      if (isKwokNode(node.node)) continue;
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
    this.fleet.statics ??= new StaticPods(this.fleet, this);
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
    const record = this.addPod(this.fleet.nodes[nodeIndex]!, pod);
    adoptRunning(this.fleet, record);
  }

  /** A pod of the node was added or changed, as the node's watch tells it. */
  podChanged(nodeIndex: number, pod: Pod): void {
    const { fleet } = this;
    const node = fleet.nodes[nodeIndex]!;
    if (fleet.statics !== null && pod.metadata.annotations?.[CONFIG_MIRROR] !== undefined) {
      fleet.statics.mirrorChanged(node, pod);
      return;
    }
    let record = node.pods.get(pod.metadata.uid);
    if (record === undefined) {
      record = this.addPod(node, pod);
      record.lost = !node.up;
      if (!node.up) return;
      if (pod.metadata.deletionTimestamp === undefined) {
        this.admit(record);
        return;
      }
    }
    record.pod = pod;
    if (!node.up) return;
    if (record.detached || record.lost) {
      this.resume(record);
      return;
    }
    const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      fleet.workers.terminate(
        record,
        effectiveGraceSeconds(deletionGracePeriodSeconds, pod.spec.terminationGracePeriodSeconds),
      );
    }
    fleet.statuses.podChanged(record);
  }

  /** The API object of a pod is gone. What still runs of it is stopped. */
  podRemoved(nodeIndex: number, pod: Pod): void {
    const { fleet } = this;
    const record = fleet.nodes[nodeIndex]!.pods.get(pod.metadata.uid);
    if (record === undefined) {
      if (pod.metadata.annotations?.[CONFIG_MIRROR] !== undefined) fleet.statics?.mirrorRemoved(fleet.nodes[nodeIndex]!, pod);
      return;
    }
    record.gone = true;
    record.dirty = false;
    if (record.lost) fleet.workers.termination.releaseNode(record);
    if (record.lost || record.work === WORK_TERMINATED) fleet.statuses.forgetPod(record);
    else fleet.workers.terminate(record, 1);
  }

  /** Makes a record of a pod that is new on a node. */
  addPod(node: NodeRecord, pod: Pod): PodRecord {
    const { fleet } = this;
    const ordinal = this.ordinals.take(pod);
    const record = new PodRecord(node, pod, ordinal, podDrawKey(pod, ordinal));
    record.slot = fleet.pods.put(record);
    const { initContainers, containers } = pod.spec;
    if (initContainers !== undefined) record.init = initContainers.map((spec) => this.addContainer(record, spec, true));
    record.main = containers.map((spec) => this.addContainer(record, spec, false));
    node.pods.set(record.uid, record);
    return record;
  }

  private addContainer(pod: PodRecord, spec: Container, init: boolean): ContainerRecord {
    const container = new ContainerRecord(pod, spec, init);
    container.slot = this.fleet.containers.put(container);
    if (init || pod.init.length > 0) container.observed = INITIALIZING;
    return container;
  }

  /** Admission on the node: claims the resources, or fails the pod. */
  admit(record: PodRecord): void {
    const { fleet } = this;
    const { node, pod } = record;
    if (pod.status.phase === 'Failed' || pod.status.phase === 'Succeeded') {
      record.work = WORK_TERMINATED;
      record.terminated = true;
      record.finished = true;
      return;
    }
    const requests = podRequests(pod.spec);
    const refusal = fleet.evictions.refusal(record);
    const failure =
      node.shutdown !== null ? REFUSED : refusal === '' ? admissionFailure(node.node, pod, requests, node) : { reason: EVICTED, message: refusal };
    if (failure !== undefined) {
      record.rejected = failure.reason;
      record.work = WORK_TERMINATED;
      record.terminated = true;
      record.finished = true;
      fleet.event(pod, 'Warning', failure.reason, failure.message);
      fleet.statuses.update(record, {
        ...pod.status,
        phase: 'Failed',
        reason: failure.reason,
        message: failure.message,
        startTime: fleet.simulation.now,
      });
      return;
    }
    fleet.workers.termination.claimNode(record);
    fleet.workers.requestSync(record);
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
    fleet.event(pod.pod, 'Warning', reason, message);
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

  /** A pod that its node held when its machine crashed, or its kubelet ended, is taken up again. */
  resume(record: PodRecord): void {
    if (record.detached) this.fleet.restarts.reattach(record);
    else if (record.lost) resumePod(this.fleet, record, this);
  }

  receive(tag: number, response: ApiResponse, _request: ApiRequest): void {
    const kind = tag % 8;
    const rest = Math.floor(tag / 8);
    const node = this.fleet.nodes[Math.floor(rest / 65536)]!;
    if (!node.up || (node.epoch & 0xffff) !== rest % 65536) return;
    if (kind === TAG_LEASE || kind === TAG_LEASE_GET) this.fleet.heartbeats.leaseAnswered(node, kind, response);
    else if (kind === TAG_NODE_STATUS) this.fleet.heartbeats.statusAnswered(node, response);
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
