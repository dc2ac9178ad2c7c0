import type { Node, Pod, Taint } from '../api/core.js';
import { keyOf, type Condition, type KubernetesObject } from '../api/meta.js';
import { tolerationSeconds } from '../api/taints.js';
import { type ApiRequest, type ApiResponse, type Patch, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { SECOND, type Time } from '../kernel/time.js';
import { apiTime } from './conditions.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { BY_NODE, NodeNameIndexer } from './node-lifecycle.js';

const OP_DUE = 1;
const WORKERS = 8;
/** Tries to delete a pod (tainteviction retries), 10 ms apart. */
const MAX_RETRIES = 5;
const RETRY_DELAY = 10e6;

interface Eviction {
  readonly key: string;
  readonly created: Time;
  readonly due: Time;
}

/** Taints of a node that evict. */
export function executeTaints(node: Node | undefined): readonly Taint[] {
  return node?.spec.taints?.filter((taint) => taint.effect === 'NoExecute') ?? [];
}

/** Deletes pods that do not tolerate the NoExecute taints of their node, when their toleration ends (pkg/controller/tainteviction). */
export class TaintEvictionController implements Component, Reconciler {
  readonly name = 'taint-eviction';
  readonly workers: ControllerWorkers;
  readonly recorder: EventRecorder;
  private readonly simulation: Simulation;
  private readonly nodes: Informer<Node>;
  private readonly pods: Informer<Pod>;
  private readonly target: number;
  private readonly due = new Slots<Eviction>();
  /** Evictions that are scheduled or under way, by pod key. */
  private readonly scheduled = new Map<string, Eviction>();

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.recorder = context.eventRecorder('taint-eviction-controller', client);
    this.nodes = context.informers.informer<Node>('nodes');
    this.pods = context.informers.informer<Pod>('pods');
    this.pods.addIndexer(new NodeNameIndexer());
    this.workers = new ControllerWorkers(context, {
      name: 'taint-eviction',
      workers: WORKERS,
      client,
      maxRetries: MAX_RETRIES,
      baseDelay: RETRY_DELAY,
      maximumDelay: RETRY_DELAY,
    });
    this.target = this.simulation.add(this);
    this.nodes.addEventHandler(new NodeHandler(this));
    this.pods.addEventHandler(new PodHandler(this));
    this.workers.start(this, [this.nodes, this.pods]);
  }

  handle(opcode: number, slot: number): void {
    if (opcode !== OP_DUE) return;
    const eviction = this.due.take(slot);
    if (this.scheduled.get(eviction.key) === eviction) this.workers.queue.add(eviction.key);
  }

  reconcile(key: string): Reconciliation | null {
    const pod = this.pods.get(key);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined || !this.scheduled.has(key)) return null;
    const { namespace, name } = pod.metadata;
    this.recorder.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${namespace}/${name}`);
    return new EvictPod(pod, this.simulation.now);
  }

  nodeChanged(node: Node): void {
    for (const pod of this.pods.byIndex(BY_NODE, node.metadata.name)) this.podChanged(pod);
  }

  /** Schedules, keeps or cancels the eviction of a pod (processPodOnNode). */
  podChanged(pod: Pod): void {
    const key = keyOf(pod);
    const node = pod.spec.nodeName;
    const taints = node === undefined ? [] : executeTaints(this.nodes.get(node));
    const seconds = taints.length === 0 ? undefined : tolerationSeconds(taints, pod.spec.tolerations);
    if (seconds === undefined) {
      this.cancel(pod);
      return;
    }
    if (pod.metadata.deletionTimestamp !== undefined) return;
    const { now } = this.simulation;
    const earlier = this.scheduled.get(key);
    const created = earlier?.created ?? now;
    const due = Math.max(now, created + seconds * SECOND);
    if (earlier !== undefined && earlier.due <= due) return;
    const eviction: Eviction = { key, created, due };
    this.scheduled.set(key, eviction);
    this.simulation.scheduleAt(due, this.target, OP_DUE, this.due.put(eviction));
  }

  cancel(pod: Pod): void {
    const key = keyOf(pod);
    const eviction = this.scheduled.get(key);
    if (eviction === undefined) return;
    this.scheduled.delete(key);
    if (pod.metadata.deletionTimestamp === undefined && eviction.due > this.simulation.now) {
      const { namespace, name } = pod.metadata;
      this.recorder.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${namespace}/${name}`);
    }
  }

  forget(pod: Pod): void {
    this.scheduled.delete(keyOf(pod));
  }
}

/** Marks a pod as a target of disruption. */
export class DisruptionTargetPatch implements Patch {
  readonly bytes = 250;
  private readonly condition: Condition;

  constructor(reason: string, message: string, now: Time) {
    this.condition = { type: 'DisruptionTarget', status: 'True', reason, message, lastTransitionTime: apiTime(now) };
  }

  apply(current: KubernetesObject): KubernetesObject {
    const pod = current as Pod;
    const conditions = pod.status.conditions ?? [];
    if (conditions.some(({ type, status }) => type === 'DisruptionTarget' && status === 'True')) return pod;
    return { ...pod, status: { ...pod.status, conditions: [...conditions.filter(({ type }) => type !== 'DisruptionTarget'), this.condition] } } as Pod;
  }
}

class EvictPod extends Reconciliation {
  private readonly pod: Pod;
  private readonly now: Time;
  private stage = 0;

  constructor(pod: Pod, now: Time) {
    super();
    this.pod = pod;
    this.now = now;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.stage > 0 && !succeeded(responses[0]!)) {
      return responses[0]!.code === 404 ? null : this.fail(responses[0]!.message ?? 'request failed');
    }
    this.stage++;
    if (this.stage === 1) {
      const patch = new DisruptionTargetPatch('DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint', this.now);
      return [objectRequest('patch', 'pods', this.pod, { subresource: 'status', patch })];
    }
    return this.stage === 2 ? [objectRequest('delete', 'pods', this.pod)] : null;
  }
}

class NodeHandler implements ResourceEventHandler<Node> {
  private readonly controller: TaintEvictionController;

  constructor(controller: TaintEvictionController) {
    this.controller = controller;
  }

  onAdd(node: Node): void {
    if (executeTaints(node).length > 0) this.controller.nodeChanged(node);
  }

  onUpdate(old: Node, node: Node): void {
    if (old.spec.taints !== node.spec.taints && executeTaints(old).length + executeTaints(node).length > 0) this.controller.nodeChanged(node);
  }

  onDelete(): void {}
}

class PodHandler implements ResourceEventHandler<Pod> {
  private readonly controller: TaintEvictionController;

  constructor(controller: TaintEvictionController) {
    this.controller = controller;
  }

  onAdd(pod: Pod): void {
    this.controller.podChanged(pod);
  }

  onUpdate(old: Pod, pod: Pod): void {
    if (old.spec.nodeName !== pod.spec.nodeName || old.spec.tolerations !== pod.spec.tolerations) this.controller.podChanged(pod);
  }

  onDelete(pod: Pod): void {
    this.controller.forget(pod);
  }
}
