import type { Job, PodFailurePolicyRule } from '../api/batch.js';
import type { ContainerStatus, Pod } from '../api/core.js';
import { MINUTE, SECOND, type Duration, type Time } from '../kernel/time.js';

/** Pods of a Job that failed, what its podFailurePolicy says of them, and how long it waits: pure (pkg/controller/job/{pod_failure_policy,backoff_utils}.go). */

export const JOB_FINALIZER = 'batch.kubernetes.io/job-tracking';
export const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';
export const INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count';
export const INDEX_IGNORED_FAILURES = 'batch.kubernetes.io/job-index-ignored-failure-count';
/** Back-off of failed pods (DefaultJobPodFailureBackOff, MaxJobPodFailureBackOff). */
const BACKOFF: Duration = 10 * SECOND;
const BACKOFF_MAXIMUM: Duration = 10 * MINUTE;

/** Failures since the last success, kept by the controller between syncs. */
export interface BackoffRecord {
  readonly failures: number;
  readonly lastFailure: Time;
}

/** Completion index of a pod, from its annotation; −1 when it has none. */
export function indexOf(pod: Pod): number {
  const text = pod.metadata.annotations?.[COMPLETION_INDEX];
  return text === undefined ? -1 : Number(text);
}

/** Whether a pod still has the finalizer that keeps it until its Job has counted it. */
export function hasFinalizer(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(JOB_FINALIZER) === true;
}

/** Whether a pod counts as failed: ended so, or deleted, unless only failed pods are replaced. */
export function isPodFailed(job: Job, pod: Pod): boolean {
  if (pod.status.phase === 'Failed') return true;
  if (job.spec.podReplacementPolicy === 'Failed') return false;
  return pod.metadata.deletionTimestamp !== undefined && pod.status.phase !== 'Succeeded';
}

/**
 * When a pod finished (getFinishedTime): the end of its last container, sidecars included, if all have ended; else since when
 * it is not ready; else its deletion; else its creation.
 */
export function finishTime(pod: Pod): Time {
  const { status, metadata, spec } = pod;
  const sidecars = new Set((spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name));
  const ends = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name))].map(
    ({ state }) => state.terminated?.finishedAt,
  );
  if (ends.length > 0 && ends.every((end) => end !== undefined)) return ends.reduce((latest, end) => Math.max(latest, end));
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'False' && ready.lastTransitionTime !== undefined) return ready.lastTransitionTime;
  if (metadata.deletionTimestamp !== undefined) return metadata.deletionTimestamp - (metadata.deletionGracePeriodSeconds ?? 0) * SECOND;
  return metadata.creationTimestamp;
}

/** The first rule that a failed pod matches; `message` is that of a Job which fails by it. */
export interface FailureMatch {
  readonly rule: number;
  readonly action: PodFailurePolicyRule['action'];
  readonly message: string;
}

/** The action of the first rule that a failed pod matches (matchPodFailurePolicy). */
export function failureAction(rules: readonly PodFailurePolicyRule[], pod: Pod): FailureMatch | undefined {
  const { namespace, name } = pod.metadata;
  for (const [i, rule] of rules.entries()) {
    const { action, onExitCodes, onPodConditions } = rule;
    const end = `matching ${action} rule at index ${i}`;
    if (onExitCodes !== undefined) {
      const container = exitedContainer(onExitCodes, pod);
      if (container === undefined) continue;
      const code = container.state.terminated!.exitCode;
      return { rule: i, action, message: `Container ${container.name} for pod ${namespace}/${name} failed with exit code ${code} ${end}` };
    }
    const found = pod.status.conditions?.find(({ type, status }) =>
      onPodConditions?.some((wanted) => wanted.type === type && (wanted.status ?? 'True') === status),
    );
    if (found !== undefined) return { rule: i, action, message: `Pod ${namespace}/${name} has condition ${found.type} ${end}` };
  }
  return undefined;
}

/** The first container, ordinary ones before init containers, whose exit code a rule is about. */
function exitedContainer({ containerName, operator, values }: NonNullable<PodFailurePolicyRule['onExitCodes']>, pod: Pod): ContainerStatus | undefined {
  const statuses = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
  return statuses.find(({ name, state }) => {
    const code = state.terminated?.exitCode ?? 0;
    return code !== 0 && (containerName === undefined || containerName === name) && values.includes(code) === (operator === 'In');
  });
}

/** What the policy of a Job says of a failed pod. */
export function policyMatch(job: Job, pod: Pod): FailureMatch | undefined {
  return failureAction(job.spec.podFailurePolicy?.rules ?? [], pod);
}

/** Failures of an index: those that count towards its limit, and those that the policy ignores. */
export interface IndexFailures {
  readonly counted: number;
  readonly ignored: number;
}

/** The failures that a pod was created with. */
export function failuresOf(pod: Pod): IndexFailures {
  const { annotations } = pod.metadata;
  return { counted: Number(annotations?.[INDEX_FAILURES] ?? 0), ignored: Number(annotations?.[INDEX_IGNORED_FAILURES] ?? 0) };
}

/** The failures that the pod which replaces a failed one starts with (getNewIndexFailureCounts). */
export function failuresAfter(job: Job, replaced: Pod | undefined): IndexFailures {
  if (replaced === undefined) return { counted: 0, ignored: 0 };
  const { counted, ignored } = failuresOf(replaced);
  const passed = policyMatch(job, replaced)?.action === 'Ignore';
  return passed ? { counted, ignored: ignored + 1 } : { counted: counted + 1, ignored };
}

/** Whether a failed pod ends its index (isIndexFailed). */
export function failsIndex(job: Job, pod: Pod): boolean {
  const limit = job.spec.backoffLimitPerIndex;
  if (limit === undefined || !isPodFailed(job, pod)) return false;
  const action = policyMatch(job, pod)?.action;
  return action === 'FailIndex' || (action !== 'Ignore' && failuresOf(pod).counted >= limit);
}

/** The record after pods have ended: only failures after the last success count; ends at the same time are none (newBackoffRecord). */
export function nextBackoff(record: BackoffRecord, succeeded: readonly Pod[], failed: readonly Pod[]): BackoffRecord {
  const ended = [...failed.map((pod) => ({ time: finishTime(pod), ok: false })), ...succeeded.map((pod) => ({ time: finishTime(pod), ok: true }))];
  ended.sort((a, b) => a.time - b.time);
  let { failures, lastFailure } = record;
  for (const { time, ok } of ended) {
    failures = ok ? 0 : failures + 1;
    if (!ok) lastFailure = time;
  }
  return { failures, lastFailure };
}

/** Time until a pod may be created after failures: 10 s doubling to 10 min from the last one (getRemainingTime). */
export function backoffRemaining({ failures, lastFailure }: BackoffRecord, now: Time): Duration {
  if (failures === 0) return 0;
  let delay = BACKOFF;
  for (let i = 1; i < failures && delay < BACKOFF_MAXIMUM; i++) delay *= 2;
  return Math.max(0, lastFailure + Math.min(delay, BACKOFF_MAXIMUM) - now);
}

/** The same for one index, from the pod of it that failed last (getRemainingTimePerIndex). */
export function indexBackoffRemaining(last: Pod | undefined, now: Time): Duration {
  if (last === undefined) return 0;
  const { counted, ignored } = failuresOf(last);
  return backoffRemaining({ failures: counted + ignored + 1, lastFailure: finishTime(last) }, now);
}
