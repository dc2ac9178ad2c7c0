import { isPodTerminal, type Pod, podCondition } from '../api/core.js';
import { keyOf, type Condition } from '../api/meta.js';
import { type ApiResponse, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, Informer } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import { apiTime } from './conditions.js';
import { ControllerWorkers, objectRequest, type Reconciler, type Reconciliation, StagedReconciliation, type Step } from './controller.js';

/** How long a pod that does not go keeps condition DisruptionTarget (stalePodDisruptionTimeout). */
const STALE: Duration = 120 * SECOND;

/** When the mark of a pod that was to be disrupted runs out; undefined: it has none that does. Pure. */
export function staleSince(pod: Pod): Time | undefined {
  if (pod.metadata.deletionTimestamp !== undefined || isPodTerminal(pod)) return undefined;
  const condition = podCondition(pod, 'DisruptionTarget');
  // The kubelet may take as long as it likes over its own.
  if (condition?.status !== 'True' || condition.reason === 'TerminationByKubelet') return undefined;
  return (condition.lastTransitionTime ?? 0) + STALE;
}

/** Takes the mark off pods that were to be disrupted and are still there after two minutes (disruption.go syncStalePodDisruption). */
export class StaleDisruptions implements Reconciler {
  readonly workers: ControllerWorkers;
  private readonly pods: Informer<Pod>;
  private readonly simulation: Simulation;

  constructor(context: ProcessContext, client: ApiClient, pods: Informer<Pod>) {
    this.simulation = context.simulation;
    this.pods = pods;
    this.workers = new ControllerWorkers(context, { name: 'stale_pod_disruption', workers: 1, client });
    this.workers.start(this, [pods]);
  }

  /** A pod came or changed. */
  podSeen(pod: Pod): void {
    const due = staleSince(pod);
    if (due !== undefined) this.workers.queue.addAfter(keyOf(pod), Math.max(0, due - this.simulation.now));
  }

  reconcile(key: string): Reconciliation | null {
    const pod = this.pods.get(key);
    const due = pod === undefined ? undefined : staleSince(pod);
    if (pod === undefined || due === undefined) return null;
    if (due <= this.simulation.now) return new ResetMark(pod, this.simulation.now);
    this.workers.queue.addAfter(key, due - this.simulation.now);
    return null;
  }
}

class ResetMark extends StagedReconciliation {
  private readonly pod: Pod;
  private readonly now: Time;

  constructor(pod: Pod, now: Time) {
    super();
    this.pod = pod;
    this.now = now;
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    if (this.stage === 1) return succeeded(responses[0]!) ? null : this.fail(responses[0]!.message ?? 'request failed');
    this.stage = 1;
    const { pod } = this;
    const reset: Condition = { type: 'DisruptionTarget', status: 'False', lastTransitionTime: apiTime(this.now) };
    const conditions = (pod.status.conditions ?? []).map((condition) => (condition.type === reset.type ? reset : condition));
    const body: Pod = { ...pod, status: { ...pod.status, conditions } };
    return [objectRequest('update', 'pods', pod, { subresource: 'status', body })];
  }
}
