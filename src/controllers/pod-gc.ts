import { isPodTerminal, type Node, type Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, type Patch, succeeded } from '../apiserver/request.js';
import { Changes } from '../client/changes.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, type Reconciler, StagedReconciliation, type Step } from './controller.js';
import { BY_NODE, NodeNameIndexer } from './node-lifecycle.js';
import { readyStatus } from './node-health-policy.js';
import { DisruptionTargetPatch } from './taint-eviction.js';

/** pkg/controller/podgc: every 20 s; finished pods above 12,500; pods of nodes that have been gone for 40 s. */
const PERIOD: Duration = 20 * SECOND;
export const TERMINATED_POD_THRESHOLD = 12_500;
export const QUARANTINE: Duration = 40 * SECOND;
const OP_COLLECT = 1;
const KEY = 'collect';
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

/** Which pods go in one round, by reason. */
export interface PodGarbage {
  readonly terminated: readonly Pod[];
  readonly orphaned: readonly Pod[];
  readonly unscheduledTerminating: readonly Pod[];
  readonly outOfService: readonly Pod[];
}

function isEvicted(pod: Pod): boolean {
  return pod.status.reason === 'Evicted' && pod.status.phase === 'Failed';
}

/** Finished pods above the threshold: evicted ones first, then the oldest (gcTerminated). Pure. */
export function excessTerminated(finished: Iterable<Pod>, threshold: number = TERMINATED_POD_THRESHOLD): readonly Pod[] {
  const pods = [...finished];
  if (pods.length <= threshold) return [];
  pods.sort(
    (a, b) =>
      Number(isEvicted(b)) - Number(isEvicted(a)) ||
      a.metadata.creationTimestamp - b.metadata.creationTimestamp ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
  return pods.slice(0, pods.length - threshold);
}

/** Keys of pods that may be garbage for what they are themselves, kept up to date by informer events. */
class PodTally implements ResourceEventHandler<Pod> {
  readonly updates = Changes.Deletion | Changes.Ended;
  readonly finished = new Set<string>();
  readonly terminating = new Set<string>();

  onAdd(pod: Pod, key: string): void {
    this.onUpdate(pod, pod, key);
  }

  onUpdate(_old: Pod, pod: Pod, key: string): void {
    if (pod.metadata.deletionTimestamp === undefined) this.terminating.delete(key);
    else this.terminating.add(key);
    if (isPodTerminal(pod)) this.finished.add(key);
    else this.finished.delete(key);
  }

  onDelete(_pod: Pod, _finalStateUnknown: boolean, key: string): void {
    this.finished.delete(key);
    this.terminating.delete(key);
  }
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
  private readonly tally = new PodTally();

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.pods = context.informers.informer<Pod>('pods');
    this.nodes = context.informers.informer<Node>('nodes');
    this.workers = new ControllerWorkers(context, { name: 'pod-garbage-collector', workers: 1, client });
    this.pods.addIndexer(new NodeNameIndexer());
    this.pods.addEventHandler(this.tally);
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
    const quarantined = this.goneNodes(now);
    const garbage = this.collect(quarantined);
    const { terminated, orphaned, unscheduledTerminating, outOfService } = garbage;
    if (terminated.length + orphaned.length + unscheduledTerminating.length + outOfService.length === 0) return null;
    return new DeleteGarbage(garbage, quarantined, now);
  }

  /** Nodes that pods name and that do not exist, when their quarantine is over. */
  private goneNodes(now: Time): ReadonlySet<string> {
    const quarantined = new Set<string>();
    const missing = new Set<string>();
    for (const node of this.pods.indexValues(BY_NODE)) if (this.nodes.get(node) === undefined) missing.add(node);
    for (const node of this.missingSince.keys()) if (!missing.has(node)) this.missingSince.delete(node);
    for (const node of missing) {
      const since = this.missingSince.get(node);
      if (since === undefined) this.missingSince.set(node, now);
      else if (now >= since + QUARANTINE) {
        // Pods that are left after this round wait as long again.
        this.missingSince.delete(node);
        quarantined.add(node);
      }
    }
    return quarantined;
  }

  /** Those that the cache still has. */
  private present(keys: Iterable<string>): Pod[] {
    const pods: Pod[] = [];
    for (const key of keys) {
      const pod = this.pods.get(key);
      if (pod !== undefined) pods.push(pod);
    }
    return pods;
  }

  private collect(quarantined: ReadonlySet<string>): PodGarbage {
    const orphaned: Pod[] = [];
    for (const node of quarantined) orphaned.push(...this.pods.byIndex(BY_NODE, node));
    const unscheduledTerminating: Pod[] = [];
    const outOfService: Pod[] = [];
    for (const pod of this.present(this.tally.terminating)) {
      const name = pod.spec.nodeName ?? '';
      if (name === '') unscheduledTerminating.push(pod);
      const node = this.nodes.get(name);
      if (node !== undefined && readyStatus(node) !== 'True' && node.spec.taints?.some(({ key }) => key === OUT_OF_SERVICE) === true) outOfService.push(pod);
    }
    return { terminated: excessTerminated(this.present(this.tally.finished)), orphaned, unscheduledTerminating, outOfService };
  }
}

/** Marks a pod that nobody runs as failed, and an orphan as a target of disruption too (markFailedAndDeletePodWithCondition). */
export class FailedPodPatch implements Patch {
  readonly bytes = 250;
  private readonly mark: DisruptionTargetPatch | null;

  constructor(mark: DisruptionTargetPatch | null) {
    this.mark = mark;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const pod = (this.mark === null ? current : this.mark.apply(current)) as Pod;
    return pod.status.phase === 'Failed' ? pod : ({ ...pod, status: { ...pod.status, phase: 'Failed' } } as Pod);
  }
}

/** Asks once more whether the nodes are gone, marks what has not finished as failed, and deletes. */
class DeleteGarbage extends StagedReconciliation {
  private readonly garbage: PodGarbage;
  private readonly nodes: readonly string[];
  private readonly now: Time;
  private gone = new Set<string>();
  private marking: readonly Pod[] = [];
  /** Pods that could not be marked: they are not deleted in this round. */
  private unmarked = new Set<Pod>();

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
      return this.mark();
    }
    if (this.stage > 3) return null;
    responses.forEach((response, i) => {
      if (!succeeded(response)) this.unmarked.add(this.marking[i]!);
    });
    const pods = this.all().filter((pod) => !this.unmarked.has(pod));
    return pods.length === 0 ? null : pods.map((pod) => objectRequest('delete', 'pods', pod, { gracePeriodSeconds: 0 }));
  }

  private mark(): Step {
    const orphans = new Set(this.orphans());
    const plain = new FailedPodPatch(null);
    const orphaned = new FailedPodPatch(new DisruptionTargetPatch('DeletionByPodGC', 'PodGC: node no longer exists', this.now));
    this.marking = this.all().filter((pod) => !isPodTerminal(pod));
    if (this.marking.length === 0) return undefined;
    return this.marking.map((pod) => objectRequest('patch', 'pods', pod, { subresource: 'status', patch: orphans.has(pod) ? orphaned : plain }));
  }

  /** Each pod once, in the order of the real rounds. */
  private all(): readonly Pod[] {
    const { terminated, unscheduledTerminating, outOfService } = this.garbage;
    return [...new Set([...terminated, ...outOfService, ...this.orphans(), ...unscheduledTerminating])];
  }

  private orphans(): readonly Pod[] {
    return this.garbage.orphaned.filter((pod) => this.gone.has(pod.spec.nodeName ?? ''));
  }
}
