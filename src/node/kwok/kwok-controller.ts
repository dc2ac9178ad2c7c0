import type { Node, Pod } from '../../api/core.js';
import { type KubernetesObject, keyOf } from '../../api/meta.js';
import { Serializer } from '../../api/serialize.js';
import type { ResponseReceiver } from '../../apiserver/request.js';
import type { ProcessContext } from '../../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../../client/types.js';
import { Fifo } from '../../kernel/fifo.js';
import type { Simulation } from '../../kernel/simulation.js';
import type { Time } from '../../kernel/time.js';
import { hashText, type KeyedDraws } from '../../random/stream.js';
import type { KwokSpec } from '../../scenario/types.js';
import { nodeLease } from '../heartbeats.js';
import { AddressPools } from './address-pools.js';
import { NodeLeases } from './node-leases.js';
import type { PlayEnvironment } from './rendered-patches.js';
import { isKwokNode } from './stage.js';
import { type ManagedObjects, StagePlayer } from './stage-player.js';

/** The version whose behaviour is modelled, as templates see it. */
const VERSION = 'v0.8.0';
/** --cidr, the pod addresses of nodes without a podCIDR. */
const DEFAULT_CIDR = '10.0.0.0/24';
/** Port of the kwok process that stands for all kubelets, as kwokctl sets it. */
const NODE_PORT = 10247;

/**
 * Lists the pods of each node that the controller begins to manage, one node after the other (Controller.podsOnNodeSyncWorker, of which
 * there is one). What is listed is what the informer has, or will have.
 */
class PodsOnNodes implements ResponseReceiver {
  private readonly client: ApiClient;
  private readonly nodes = new Fifo<string>();
  private listing = false;

  constructor(client: ApiClient) {
    this.client = client;
  }

  add(node: string): void {
    this.nodes.push(node);
    if (!this.listing) this.receive();
  }

  receive(): void {
    const nodeName = this.nodes.shift();
    this.listing = nodeName !== undefined;
    // Without a resourceVersion: the server answers from its cache once that is as new as etcd.
    if (nodeName !== undefined) this.client.request({ verb: 'list', source: 'consistent', resource: 'pods', namespace: '', name: '', nodeName }, this, 0);
  }
}

/**
 * KWOK's controller: one process that plays the stages of all its nodes and of the pods on them, and renews the nodes' leases. It manages
 * the nodes with the annotation `kwok.x-k8s.io/node: fake`.
 */
export class KwokController implements ManagedObjects {
  readonly pods: StagePlayer;
  readonly nodes: StagePlayer;
  readonly leases: NodeLeases;
  private readonly podInformer: Informer<Pod>;
  private readonly nodeInformer: Informer<Node>;
  private readonly pools = new AddressPools();
  private readonly spec: KwokSpec;
  private readonly podsOnNodes: PodsOnNodes;
  private readonly phases: KeyedDraws;
  /** Nodes that the controller cannot reach (a fault): nothing is played for them and their pods. */
  private readonly stopped = new Set<string>();

  constructor(context: ProcessContext, spec: KwokSpec) {
    const { simulation, randomness, profile, scenario } = context;
    const machine = context.machine === undefined ? {} : { machine: context.machine };
    this.spec = spec;
    this.phases = randomness.keyed('kwok-controller/phases');
    this.podInformer = context.informers.informer<Pod>('pods');
    this.nodeInformer = context.informers.informer<Node>('nodes');
    const client: ApiClient = context.client('kwok-controller', spec.qps, spec.burst);
    this.podsOnNodes = new PodsOnNodes(client);
    const recorder = context.eventRecorder('kwok_controller');
    const { startTime } = scenario;
    const environment = new KwokEnvironment(simulation, startTime, this.nodeInformer, this.pools);
    const shared = { simulation, client, recorder, costs: profile.kwok, environment, managed: this, startTime, ...machine };
    this.pods = new StagePlayer({
      ...shared,
      name: 'kwok-controller/pods',
      resource: 'pods',
      stages: spec.stages.filter((stage) => stage.kind === 'Pod' && stage.apiGroup === 'v1'),
      parallelism: spec.podPlayStageParallelism,
      stream: randomness.stream('kwok-controller/pods'),
    });
    this.nodes = new StagePlayer({
      ...shared,
      name: 'kwok-controller/nodes',
      resource: 'nodes',
      stages: spec.stages.filter((stage) => stage.kind === 'Node' && stage.apiGroup === 'v1'),
      parallelism: spec.nodePlayStageParallelism,
      stream: randomness.stream('kwok-controller/nodes'),
    });
    this.leases = new NodeLeases({
      simulation,
      client,
      parallelism: spec.nodeLeaseParallelism,
      durationSeconds: spec.nodeLeaseDurationSeconds,
      draws: randomness.keyed('kwok-controller/leases'),
      costs: profile.kwok,
      ...machine,
    });
    this.podInformer.addEventHandler(new PodHandler(this));
    this.nodeInformer.addEventHandler(new NodeHandler(this));
  }

  /** Whether a node, or the node of a pod, is one of KWOK's and can be reached. */
  manages(object: KubernetesObject): boolean {
    const name = object.kind === 'Node' ? object.metadata.name : ((object as Pod).spec.nodeName ?? '');
    if (name === '' || this.stopped.has(name)) return false;
    const node = object.kind === 'Node' ? (object as Node) : this.nodeInformer.get(name);
    return node !== undefined && isKwokNode(node);
  }

  /** A node of KWOK's has appeared in the cache: its lease is renewed from now on, in a warm start at some point of its interval. */
  nodeAdded(node: Node): void {
    if (!isKwokNode(node)) return;
    if (this.spec.nodeLeaseDurationSeconds > 0) {
      // The warm start has leases already, which were renewed at some time in the last interval.
      const warm = node.metadata.creationTimestamp === 0;
      const phase = warm ? this.phases.uniform(hashText(node.metadata.name), 0) : 1;
      this.leases.hold(node.metadata.name, phase, warm ? nodeLease(node.metadata.name, 0, 0, '') : null);
      if (!warm) this.podsOnNodes.add(node.metadata.name);
    }
    this.changed(node);
  }

  /** A pod or node was added or changed. */
  changed(object: KubernetesObject): void {
    if (!this.manages(object)) return;
    if (object.kind === 'Node') this.nodes.changed(object);
    else this.pods.changed(object);
  }

  /** A pod is gone. */
  podRemoved(pod: Pod): void {
    const { podIP } = pod.status;
    const cidr = cidrOf(this.nodeInformer.get(pod.spec.nodeName ?? ''));
    if (podIP !== undefined && pod.spec.hostNetwork !== true) this.pools.release(cidr, podIP);
    this.pods.removed(keyOf(pod));
  }

  /** A node is gone. */
  nodeRemoved(node: Node): void {
    this.leases.release(node.metadata.name);
    this.nodes.removed(node.metadata.name);
  }

  /** The controller of a node dies (`up` false: as when the kwok process that manages it is stopped) or comes back. */
  setNode(name: string, up: boolean): void {
    if (!up) {
      this.stopped.add(name);
      this.leases.release(name);
      this.nodes.removed(name);
      for (const pod of this.podInformer.list()) if (pod.spec.nodeName === name) this.pods.removed(keyOf(pod));
      return;
    }
    if (!this.stopped.delete(name)) return;
    const node = this.nodeInformer.get(name);
    if (node === undefined) return;
    this.leases.hold(name, 1, null);
    this.changed(node);
    for (const pod of this.podInformer.list()) if (pod.spec.nodeName === name) this.changed(pod);
  }
}

class PodHandler implements ResourceEventHandler<Pod> {
  private readonly controller: KwokController;

  constructor(controller: KwokController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.changed(pod);
  }

  onUpdate(_old: Pod, pod: Pod): void {
    this.controller.changed(pod);
  }

  onDelete(pod: Pod): void {
    this.controller.podRemoved(pod);
  }
}

class NodeHandler implements ResourceEventHandler<Node> {
  private readonly controller: KwokController;

  constructor(controller: KwokController) {
    this.controller = controller;
  }

  onAdd(node: Node): void {
    this.controller.nodeAdded(node);
  }

  onUpdate(_old: Node, node: Node): void {
    this.controller.changed(node);
  }

  onDelete(node: Node): void {
    this.controller.nodeRemoved(node);
  }
}

function cidrOf(node: Node | undefined): string {
  return node?.spec.podCIDR ?? DEFAULT_CIDR;
}

/** The functions of templates that KWOK's controllers answer (funcNodeIPWith, funcPodIPWith, …). */
class KwokEnvironment implements PlayEnvironment {
  readonly startTime: number;
  private readonly simulation: Simulation;
  private readonly serializer: Serializer;
  private readonly nodes: Informer<Node>;
  private readonly pools: AddressPools;
  /** The pod that was given an address last: another field of the same patch gets the same one. */
  private lastPod: KubernetesObject | null = null;
  private lastAddress = '';

  constructor(simulation: Simulation, startTime: number, nodes: Informer<Node>, pools: AddressPools) {
    this.simulation = simulation;
    this.startTime = startTime;
    this.serializer = new Serializer(startTime);
    this.nodes = nodes;
    this.pools = pools;
  }

  get now(): Time {
    return this.simulation.now;
  }

  call(name: string, args: readonly unknown[]): unknown {
    switch (name) {
      case 'Now':
        return this.serializer.time(this.now, 6);
      case 'StartTime':
        return this.serializer.time(0);
      case 'Version':
        return VERSION;
      case 'NodeName':
        return 'kwok-controller';
      case 'NodePort':
        return NODE_PORT;
      case 'NodeIP':
        return '';
      case 'PodIP':
        return this.pools.take(DEFAULT_CIDR);
      case 'NodeIPWith':
        return this.hostAddress(String(args[0]));
      case 'NodeIPsWith':
        return [this.hostAddress(String(args[0]))];
      case 'PodIPWith':
        return this.podAddress(String(args[0]), args[1] === true);
      default:
        return [this.podAddress(String(args[0]), args[1] === true)];
    }
  }

  private hostAddress(node: string): string {
    const addresses = this.nodes.get(node)?.status.addresses ?? [];
    const found = addresses.find(({ type }) => type === 'InternalIP') ?? addresses.find(({ type }) => type === 'ExternalIP');
    return found?.address ?? '';
  }

  private podAddress(node: string, hostNetwork: boolean): string {
    return hostNetwork ? this.hostAddress(node) : this.pools.take(cidrOf(this.nodes.get(node)));
  }

  fits(name: string, args: readonly unknown[], object: KubernetesObject): boolean {
    const { nodeName, hostNetwork } = (object as Pod).spec;
    if (object.kind !== 'Pod' || args[0] !== nodeName) return false;
    return !name.startsWith('Pod') || (args[1] === true) === (hostNetwork === true);
  }

  fill(name: string, object: KubernetesObject): string {
    const { nodeName, hostNetwork } = (object as Pod).spec;
    if (name.startsWith('Node')) return this.hostAddress(nodeName!);
    if (object !== this.lastPod) {
      this.lastPod = object;
      this.lastAddress = this.podAddress(nodeName!, hostNetwork === true);
    }
    return this.lastAddress;
  }
}
