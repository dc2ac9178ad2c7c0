import type { Node } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, type Patch, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';

const WORKERS = 5;
/** Annotation by which kubelets learn how long they may cache secrets and config maps. */
export const TTL_ANNOTATION = 'node.alpha.kubernetes.io/ttl';

/** Cluster sizes up to which a TTL holds, and below which the one before it comes back (ttl_controller.go ttlBoundaries). */
const BOUNDARIES: readonly { readonly low: number; readonly high: number; readonly seconds: number }[] = [
  { low: 0, high: 100, seconds: 0 },
  { low: 90, high: 500, seconds: 15 },
  { low: 450, high: 1000, seconds: 30 },
  { low: 900, high: 2000, seconds: 60 },
  { low: 1800, high: Number.POSITIVE_INFINITY, seconds: 300 },
];

/** Step of the table for a number of nodes, given the step that holds now: it moves by at most one at a time. */
export function ttlStep(step: number, nodes: number): number {
  const boundary = BOUNDARIES[step]!;
  if (nodes > boundary.high) return step + 1;
  return nodes < boundary.low ? step - 1 : step;
}

/** Seconds of a step. */
export function ttlSeconds(step: number): number {
  return BOUNDARIES[step]!.seconds;
}

/** Keeps the TTL annotation of every node (pkg/controller/ttl). */
export class NodeTtlController implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly nodes: Informer<Node>;
  private count = 0;
  private step = 0;

  constructor(context: ProcessContext, client: ApiClient) {
    this.nodes = context.informers.informer<Node>('nodes');
    this.workers = new ControllerWorkers(context, { name: 'ttl', workers: WORKERS, client });
    this.nodes.addEventHandler(new NodeHandler(this));
    this.workers.start(this, [this.nodes]);
  }

  countNode(node: Node, change: number): void {
    this.count += change;
    this.step = ttlStep(this.step, this.count);
    if (change > 0) this.workers.queue.add(node.metadata.name);
  }

  reconcile(name: string): Reconciliation | null {
    const node = this.nodes.get(name);
    const seconds = String(ttlSeconds(this.step));
    if (node === undefined || node.metadata.annotations?.[TTL_ANNOTATION] === seconds) return null;
    return new Annotate(node, seconds);
  }
}

/** Sets one annotation. */
class AnnotationPatch implements Patch {
  readonly bytes = 80;
  private readonly key: string;
  private readonly value: string;

  constructor(key: string, value: string) {
    this.key = key;
    this.value = value;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const { annotations } = current.metadata;
    if (annotations?.[this.key] === this.value) return current;
    return { ...current, metadata: Object.assign({}, current.metadata, { annotations: { ...annotations, [this.key]: this.value } }) };
  }
}

class Annotate extends Reconciliation {
  private readonly node: Node;
  private readonly seconds: string;
  private sent = false;

  constructor(node: Node, seconds: string) {
    super();
    this.node = node;
    this.seconds = seconds;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.sent) return succeeded(responses[0]!) ? null : this.fail(responses[0]!.message ?? 'request failed');
    this.sent = true;
    return [objectRequest('patch', 'nodes', this.node, { patch: new AnnotationPatch(TTL_ANNOTATION, this.seconds) })];
  }
}

class NodeHandler implements ResourceEventHandler<Node> {
  private readonly controller: NodeTtlController;

  constructor(controller: NodeTtlController) {
    this.controller = controller;
  }

  onAdd(node: Node): void {
    this.controller.countNode(node, 1);
  }

  /** Any update brings the node's own annotation in line (updateNode enqueues the node). */
  onUpdate(_old: Node, node: Node): void {
    this.controller.workers.queue.add(node.metadata.name);
  }

  onDelete(node: Node): void {
    this.controller.countNode(node, -1);
  }
}
