import type { Node, Taint } from '../api/core.js';
import type { ApiResponse, ResponseReceiver } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, SECOND } from '../kernel/time.js';
import { readyStatus } from './node-health-policy.js';
import { TaintPatch } from './node-lifecycle.js';

/** --node-monitor-period of the cloud controller manager. */
const MONITOR_PERIOD: Duration = 5 * SECOND;
/** Client limits of the cloud controller manager (--kube-api-qps, --kube-api-burst). */
const QPS = 20;
const BURST = 30;
/** cloudproviderapi.TaintNodeShutdown. */
const SHUTDOWN_TAINT: Taint = { key: 'node.cloudprovider.kubernetes.io/shutdown', effect: 'NoSchedule' };

const OP_MONITOR = 1;

/** What the cloud says of its machines, by the names of their nodes. */
export interface CloudMachines {
  exists(node: string): boolean;
  isShutDown(node: string): boolean;
}

/**
 * Deletes the Nodes of machines that the cloud has no more, and taints those of machines that are shut down
 * (cloud-provider controllers/nodelifecycle): every five seconds it asks the cloud about each node that is not ready.
 */
export class CloudNodeLifecycleController implements Component, ResponseReceiver, ResourceEventHandler<Node> {
  readonly name = 'cloud-node-lifecycle-controller';
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly events: EventRecorder;
  private readonly nodes: Informer<Node>;
  private readonly cloud: CloudMachines;
  /** Names of nodes that are not ready, or that have the taint: all others need no look. */
  private readonly suspects = new Set<string>();

  constructor(context: ProcessContext, cloud: CloudMachines) {
    this.simulation = context.simulation;
    this.cloud = cloud;
    this.target = this.simulation.add(this);
    this.client = context.client(this.name, QPS, BURST);
    this.events = context.eventRecorder(this.name, this.client);
    this.nodes = context.informers.informer<Node>('nodes');
    this.nodes.addEventHandler(this);
    this.simulation.schedule(MONITOR_PERIOD, this.target, OP_MONITOR);
  }

  onAdd(node: Node): void {
    if (readyStatus(node) !== 'True' || isTainted(node)) this.suspects.add(node.metadata.name);
    else this.suspects.delete(node.metadata.name);
  }

  onUpdate(_old: Node, node: Node): void {
    this.onAdd(node);
  }

  onDelete(node: Node): void {
    this.suspects.delete(node.metadata.name);
  }

  describe(): string {
    return 'the cloud is asked about nodes that are not ready';
  }

  handle(): void {
    for (const name of this.suspects) this.look(this.nodes.get(name)!);
    this.simulation.schedule(MONITOR_PERIOD, this.target, OP_MONITOR);
  }

  private look(node: Node): void {
    const { name } = node.metadata;
    const taints = node.spec.taints ?? [];
    if (readyStatus(node) === 'True') {
      if (isTainted(node)) this.write(node, taints.filter(({ key }) => key !== SHUTDOWN_TAINT.key));
    } else if (!this.cloud.exists(name)) {
      this.events.event(node, 'Normal', 'DeletingNode', `Deleting node ${name} because it does not exist in the cloud provider`);
      this.client.request({ verb: 'delete', resource: 'nodes', namespace: '', name }, this, 0);
    } else if (this.cloud.isShutDown(name) && !isTainted(node)) this.write(node, [...taints, SHUTDOWN_TAINT]);
  }

  private write(node: Node, taints: readonly Taint[]): void {
    this.client.request({ verb: 'patch', resource: 'nodes', namespace: '', name: node.metadata.name, patch: new TaintPatch(node.spec.taints ?? [], taints) }, this, 0);
  }

  /** What failed is looked at again five seconds later. */
  receive(_tag: number, _response: ApiResponse): void {}
}

function isTainted({ spec }: Node): boolean {
  return spec.taints?.some(({ key }) => key === SHUTDOWN_TAINT.key) ?? false;
}
