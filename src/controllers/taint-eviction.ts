import type { Node, Pod, Taint } from '../api/core.js';
import { equal } from '../api/equal.js';
import { keyOf, type Condition, type KubernetesObject } from '../api/meta.js';
import { tolerates, tolerationSeconds } from '../api/taints.js';
import { type ApiRequest, type ApiResponse, type Patch, succeeded } from '../apiserver/request.js';
import { Changes } from '../client/changes.js';
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
  readonly pod: Pod;
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
  /** Evictions whose time has not come, by pod key. */
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
    const { key } = eviction;
    if (this.scheduled.get(key) !== eviction) return;
    this.scheduled.delete(key);
    const pod = this.pods.get(key) ?? eviction.pod;
    this.recorder.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`);
    this.workers.queue.add(key);
  }

  /** Evicts a pod whose time is over, whether it is going already or not. */
  reconcile(key: string): Reconciliation | null {
    const pod = this.pods.get(key);
    return pod === undefined ? null : new EvictPod(pod, this.simulation.now);
  }

  nodeChanged(node: Node): void {
    const taints = executeTaints(node);
    for (const pod of this.pods.byIndex(BY_NODE, node.metadata.name)) {
      if (taints.length === 0) this.cancel(pod);
      else this.decide(pod, taints);
    }
  }

  /** A pod came, was bound, or has other tolerations: only looked at when its node has such taints. */
  podChanged(pod: Pod): void {
    const taints = executeTaints(this.nodes.get(pod.spec.nodeName ?? ''));
    if (taints.length > 0) this.decide(pod, taints);
  }

  /** Schedules, keeps or cancels the eviction of a pod (processPodOnNode). */
  private decide(pod: Pod, taints: readonly Taint[]): void {
    const key = keyOf(pod);
    const { now } = this.simulation;
    if (taints.some((taint) => !tolerates(pod.spec.tolerations, taint))) {
      this.cancel(pod);
      this.schedule({ key, pod, created: now, due: now });
      return;
    }
    const seconds = tolerationSeconds(taints, pod.spec.tolerations);
    if (seconds === undefined) {
      this.cancel(pod);
      return;
    }
    // What was scheduled earlier stays, also when the new taints are tolerated for less or for longer.
    const earlier = this.scheduled.get(key);
    if (earlier !== undefined && earlier.created < now) return;
    if (earlier !== undefined) this.cancel(pod);
    this.schedule({ key, pod, created: now, due: now + seconds * SECOND });
  }

  private schedule(eviction: Eviction): void {
    this.scheduled.set(eviction.key, eviction);
    this.simulation.scheduleAt(eviction.due, this.target, OP_DUE, this.due.put(eviction));
  }

  /** The pod stays, or has gone by itself: an eviction that was scheduled is called off. */
  cancel(pod: Pod): void {
    const key = keyOf(pod);
    if (this.scheduled.delete(key)) {
      this.recorder.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`);
    }
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
    if (this.stage === 1) return [objectRequest('get', 'pods', this.pod)];
    if (this.stage === 2) {
      const patch = new DisruptionTargetPatch('DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint', this.now);
      return [objectRequest('patch', 'pods', this.pod, { subresource: 'status', patch })];
    }
    return this.stage === 3 ? [objectRequest('delete', 'pods', this.pod)] : null;
  }
}

class NodeHandler implements ResourceEventHandler<Node> {
  readonly updates = Changes.Spec;
  private readonly controller: TaintEvictionController;

  constructor(controller: TaintEvictionController) {
    this.controller = controller;
  }

  onAdd(node: Node): void {
    if (executeTaints(node).length > 0) this.controller.nodeChanged(node);
  }

  onUpdate(old: Node, node: Node): void {
    if (old.spec.taints !== node.spec.taints && !equal(executeTaints(old), executeTaints(node))) this.controller.nodeChanged(node);
  }

  onDelete(): void {}
}

class PodHandler implements ResourceEventHandler<Pod> {
  readonly updates = Changes.Spec;
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
    this.controller.cancel(pod);
  }
}
