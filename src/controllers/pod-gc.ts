import { isPodTerminal, type Node, type Pod } from '../api/core.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, type Reconciler, StagedReconciliation, type Step } from './controller.js';
import { DisruptionTargetPatch } from './taint-eviction.js';

/** pkg/controller/podgc: every 20 s; finished pods above 12,500; pods of nodes that have been gone for 40 s. */
const PERIOD: Duration = 20 * SECOND;
export const TERMINATED_POD_THRESHOLD = 12_500;
export const QUARANTINE: Duration = 40 * SECOND;
const OP_COLLECT = 1;
const KEY = 'collect';
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

/** Which pods go in one round, by reason. Pure. */
export interface PodGarbage {
  readonly terminated: readonly Pod[];
  readonly orphaned: readonly Pod[];
  readonly unscheduledTerminating: readonly Pod[];
  readonly outOfService: readonly Pod[];
}

/** Sorts pods that must go. `goneNodes`: nodes that do not exist and have passed their quarantine. */
export function podGarbage(pods: Iterable<Pod>, nodes: Informer<Node> | ReadonlyMap<string, Node>, goneNodes: ReadonlySet<string>): PodGarbage {
  const finished: Pod[] = [];
  const orphaned: Pod[] = [];
  const unscheduledTerminating: Pod[] = [];
  const outOfService: Pod[] = [];
  for (const pod of pods) {
    const node = pod.spec.nodeName ?? '';
    const going = pod.metadata.deletionTimestamp !== undefined;
    if (node !== '' && goneNodes.has(node)) orphaned.push(pod);
    else if (node === '' && going) unscheduledTerminating.push(pod);
    else if (going && nodes.get(node)?.spec.taints?.some(({ key }) => key === OUT_OF_SERVICE) === true) outOfService.push(pod);
    else if (isPodTerminal(pod)) finished.push(pod);
  }
  const excess = finished.length - TERMINATED_POD_THRESHOLD;
  // Evicted pods first, then by age.
  const isEvicted = (pod: Pod): boolean => pod.status.reason === 'Evicted' && pod.status.phase === 'Failed';
  if (excess > 0) {
    finished.sort(
      (a, b) =>
        Number(isEvicted(b)) - Number(isEvicted(a)) ||
        a.metadata.creationTimestamp - b.metadata.creationTimestamp ||
        (a.metadata.name < b.metadata.name ? -1 : 1),
    );
  }
  return { terminated: excess > 0 ? finished.slice(0, excess) : [], orphaned, unscheduledTerminating, outOfService };
}

/** Deletes pods that nobody else deletes. */
export class PodGarbageCollector implements Component, Reconciler {
  readonly name = 'pod-garbage-collector';
  readonly workers: ControllerWorkers;
  private readonly simulation: Simulation;
  private readonly pods: Informer<Pod>;
  private readonly nodes: Informer<Node>;
  private readonly target: number;
  /** When a node was first found missing. */
  private readonly missingSince = new Map<string, Time>();

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.pods = context.informers.informer<Pod>('pods');
    this.nodes = context.informers.informer<Node>('nodes');
    this.workers = new ControllerWorkers(context, { name: 'pod-garbage-collector', workers: 1, client });
    this.target = this.simulation.add(this);
    this.simulation.schedule(PERIOD, this.target, OP_COLLECT);
    this.workers.start(this, [this.pods, this.nodes]);
  }

  handle(opcode: number): void {
    if (opcode !== OP_COLLECT) return;
    this.simulation.schedule(PERIOD, this.target, OP_COLLECT);
    this.workers.queue.add(KEY);
  }

  reconcile(): StagedReconciliation | null {
    const { now } = this.simulation;
    const missing = new Set<string>();
    for (const pod of this.pods.list()) {
      const node = pod.spec.nodeName ?? '';
      if (node !== '' && this.nodes.get(node) === undefined) missing.add(node);
    }
    for (const node of this.missingSince.keys()) if (!missing.has(node)) this.missingSince.delete(node);
    const quarantined = new Set<string>();
    for (const node of missing) {
      const since = this.missingSince.get(node);
      if (since === undefined) this.missingSince.set(node, now);
      else if (now >= since + QUARANTINE) quarantined.add(node);
    }
    const garbage = podGarbage(this.pods.list(), this.nodes, quarantined);
    const { terminated, orphaned, unscheduledTerminating, outOfService } = garbage;
    if (terminated.length + orphaned.length + unscheduledTerminating.length + outOfService.length === 0) return null;
    return new DeleteGarbage(garbage, quarantined, now);
  }
}

/** Asks once more whether the nodes are gone, marks orphans as failed, and deletes. */
class DeleteGarbage extends StagedReconciliation {
  private readonly garbage: PodGarbage;
  private readonly nodes: readonly string[];
  private readonly now: Time;
  private gone = new Set<string>();

  constructor(garbage: PodGarbage, nodes: ReadonlySet<string>, now: Time) {
    super();
    this.garbage = garbage;
    this.nodes = [...nodes];
    this.now = now;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    this.stage++;
    if (this.stage === 1) {
      const gets = this.nodes.map((name): ApiRequest => ({ verb: 'get', resource: 'nodes', namespace: '', name }));
      return gets.length > 0 ? gets : undefined;
    }
    if (this.stage === 2) {
      for (let i = 0; i < responses.length; i++) if (responses[i]!.code === 404) this.gone.add(this.nodes[i]!);
      const patch = new DisruptionTargetPatch('DeletionByPodGC', 'PodGC: node no longer exists', this.now);
      const marks = this.orphans().map((pod) => objectRequest('patch', 'pods', pod, { subresource: 'status', patch }));
      return marks.length > 0 ? marks : undefined;
    }
    if (this.stage > 3) {
      for (const response of responses) if (!succeeded(response) && response.code !== 404) return this.fail(response.message ?? 'request failed');
      return null;
    }
    const { terminated, unscheduledTerminating, outOfService } = this.garbage;
    const pods = [...terminated, ...this.orphans(), ...unscheduledTerminating, ...outOfService];
    if (pods.length === 0) return null;
    return pods.map((pod) => objectRequest('delete', 'pods', pod, { gracePeriodSeconds: 0 }));
  }

  private orphans(): readonly Pod[] {
    return this.garbage.orphaned.filter((pod) => this.gone.has(pod.spec.nodeName ?? ''));
  }
}
