import type { Job, JobStatus, PodFailurePolicyRule } from '../api/batch.js';
import { isPodActive, isPodReady, type Pod } from '../api/core.js';
import type { Condition } from '../api/meta.js';
import { MINUTE, SECOND, type Duration, type Time } from '../kernel/time.js';
import { apiTime, findCondition } from './conditions.js';
import { formatIndexes, parseIndexes } from './job-indexes.js';

/** What a Job does next: pure (pkg/controller/job/{job_controller,backoff_utils,indexed_job_utils,pod_failure_policy,success_policy}.go). */

export const JOB_FINALIZER = 'batch.kubernetes.io/job-tracking';
export const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';
export const INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count';
/** Pods created or deleted in one sync at most (MaxPodCreateDeletePerSync), and uids listed in one status (MaxUncountedPods). */
export const MAX_PODS_PER_SYNC = 500;
export const MAX_UNCOUNTED = 500;
/** Back-off of failed pods (DefaultJobPodFailureBackOff, MaxJobPodFailureBackOff). */
const BACKOFF: Duration = 10 * SECOND;
const BACKOFF_MAXIMUM: Duration = 10 * MINUTE;

/** Failures since the last success, kept by the controller between syncs. */
export interface BackoffRecord {
  readonly failures: number;
  readonly lastFailure: Time;
}

export interface JobView {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly backoff: BackoffRecord;
  /** Nothing expected is outstanding, so pods may be created and deleted. */
  readonly mayManage: boolean;
  readonly now: Time;
}

/** A pod to create; `failures` counts the earlier tries of its index. */
export interface JobPodCreation {
  readonly index: number | undefined;
  readonly failures: number;
}

export interface JobPlan {
  readonly create: readonly JobPodCreation[];
  readonly remove: readonly Pod[];
  /** Finished pods whose finalizer is to be removed, counted as succeeded or failed (or not at all). */
  readonly succeeded: readonly Pod[];
  readonly failed: readonly Pod[];
  readonly uncountedOnly: readonly Pod[];
  /** Status apart from what counting the finished pods adds. */
  readonly status: JobStatus;
  /** The condition with which the Job ends once its pods are gone; FailureTarget or SuccessCriteriaMet comes before it. */
  readonly target: Condition | undefined;
  readonly backoff: BackoffRecord;
  /** Nanoseconds until the next look; negative: none. */
  readonly requeueAfter: Duration;
}

function condition(type: string, reason: string, message: string, now: Time): Condition {
  const time = apiTime(now);
  return { type, status: 'True', reason, message, lastProbeTime: time, lastTransitionTime: time };
}

/** Whether a Job has ended. */
export function isFinished(job: Job): boolean {
  return job.status.conditions?.some(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True') === true;
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

/** Whether a pod counts as failed: ended so, or deleted, unless only failed pods are replaced (isPodFailed). */
function isPodFailed(job: Job, pod: Pod): boolean {
  if (pod.status.phase === 'Failed') return true;
  if (job.spec.podReplacementPolicy === 'Failed') return false;
  return pod.metadata.deletionTimestamp !== undefined && pod.status.phase !== 'Succeeded';
}

/** When a pod finished: its last container's end, else its deletion or its last condition (getFinishedTime). */
function finishTime(pod: Pod): Time {
  let latest = Number.NEGATIVE_INFINITY;
  for (const status of pod.status.containerStatuses ?? []) latest = Math.max(latest, status.state.terminated?.finishedAt ?? latest);
  if (latest > Number.NEGATIVE_INFINITY) return latest;
  if (pod.metadata.deletionTimestamp !== undefined) {
    return pod.metadata.deletionTimestamp - (pod.metadata.deletionGracePeriodSeconds ?? 0) * SECOND;
  }
  return pod.status.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? pod.metadata.creationTimestamp;
}

/** The action of the first rule that a failed pod matches (matchPodFailurePolicy). */
export function failureAction(rules: readonly PodFailurePolicyRule[], pod: Pod): { readonly rule: number; readonly action: PodFailurePolicyRule['action'] } | undefined {
  for (const [i, { action, onExitCodes, onPodConditions }] of rules.entries()) {
    if (onExitCodes !== undefined) {
      const statuses = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
      const matches = statuses.some(({ name, state }) => {
        const code = state.terminated?.exitCode;
        if (code === undefined || code === 0) return false;
        if (onExitCodes.containerName !== undefined && onExitCodes.containerName !== name) return false;
        return onExitCodes.values.includes(code) === (onExitCodes.operator === 'In');
      });
      if (matches) return { rule: i, action };
    } else if (
      onPodConditions?.some((wanted) => {
        return pod.status.conditions?.some(({ type, status }) => type === wanted.type && status === (wanted.status ?? 'True')) === true;
      }) === true
    ) {
      return { rule: i, action };
    }
  }
  return undefined;
}

/** Plans one sync of a Job that has not ended. */
export function planJob(view: JobView): JobPlan {
  const { job, pods, now } = view;
  const counted = new Set([...(job.status.uncountedTerminatedPods?.succeeded ?? []), ...(job.status.uncountedTerminatedPods?.failed ?? [])]);
  const fresh = pods.filter((pod) => hasFinalizer(pod) && !counted.has(pod.metadata.uid));
  const succeededPods = fresh.filter((pod) => pod.status.phase === 'Succeeded');
  const failedPods = fresh.filter((pod) => pod.status.phase !== 'Succeeded' && isPodFailed(job, pod));
  const rules = job.spec.podFailurePolicy?.rules ?? [];
  const ignored = failedPods.filter((pod) => failureAction(rules, pod)?.action === 'Ignore');
  const failures = failedPods.length - ignored.length;
  const uncounted = job.status.uncountedTerminatedPods;
  const totals = {
    succeeded: (job.status.succeeded ?? 0) + (uncounted?.succeeded?.length ?? 0) + succeededPods.length,
    failed: (job.status.failed ?? 0) + (uncounted?.failed?.length ?? 0) + failures,
  };
  const backoff = nextBackoff(view.backoff, succeededPods, failedPods);
  const active = pods.filter(isPodActive);
  const indexes = job.spec.completionMode === 'Indexed' ? indexState(job, pods) : undefined;
  const target = findTarget(view, totals, failedPods, indexes);
  const succeeded = indexes?.succeeded.size ?? totals.succeeded;
  const managed = manage(view, active, succeeded, target, indexes, backoff);
  const left = active.length - managed.remove.length;
  const finished = target ?? completed(job, succeeded, left + managed.create.length, now);
  const status = nextStatus(view, pods, active, left + managed.create.length, indexes);
  return {
    ...managed,
    succeeded: succeededPods,
    failed: failedPods.filter((pod) => !ignored.includes(pod)),
    uncountedOnly: [...ignored, ...leftovers(view, finished, counted, fresh, succeededPods, failedPods)],
    status,
    target: finished,
    backoff,
    requeueAfter: earliest(managed.requeueAfter, deadlineIn(job, status, finished, now)),
  };
}

/** Pods with the finalizer that go uncounted: those of an ended Job, and those whose counting was cut short. */
function leftovers(
  view: JobView,
  finished: Condition | undefined,
  counted: ReadonlySet<string>,
  fresh: readonly Pod[],
  succeeded: readonly Pod[],
  failed: readonly Pod[],
): readonly Pod[] {
  const again = view.pods.filter((pod) => hasFinalizer(pod) && counted.has(pod.metadata.uid));
  if (finished === undefined && view.job.metadata.deletionTimestamp === undefined) return again;
  const rest = fresh.filter((pod) => !succeeded.includes(pod) && !failed.includes(pod) && pod.metadata.deletionTimestamp !== undefined);
  return [...again, ...rest];
}

function earliest(a: Duration, b: Duration): Duration {
  return a < 0 ? b : b < 0 ? a : Math.min(a, b);
}

function nextBackoff(record: BackoffRecord, succeeded: readonly Pod[], failed: readonly Pod[]): BackoffRecord {
  // Only failures after the last success count; ends of the same second are none (backoff_utils.go newBackoffRecord).
  const ended = [...failed.map((pod) => ({ pod, ok: false })), ...succeeded.map((pod) => ({ pod, ok: true }))];
  ended.sort((a, b) => finishTime(a.pod) - finishTime(b.pod));
  let { failures, lastFailure } = record;
  for (const { pod, ok } of ended) {
    failures = ok ? 0 : failures + 1;
    if (!ok) lastFailure = finishTime(pod);
  }
  return { failures, lastFailure };
}

interface IndexState {
  readonly succeeded: ReadonlySet<number>;
  readonly failed: ReadonlySet<number>;
  /** Highest number of failures seen by index, over pods that still have the finalizer. */
  readonly failures: ReadonlyMap<number, number>;
}

function indexState(job: Job, pods: readonly Pod[]): IndexState {
  const completions = job.spec.completions ?? 0;
  const succeeded = parseIndexes(job.status.completedIndexes, completions);
  const failed = parseIndexes(job.status.failedIndexes, completions);
  const failures = new Map<number, number>();
  const rules = job.spec.podFailurePolicy?.rules ?? [];
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index < 0 || index >= completions || !hasFinalizer(pod)) continue;
    if (pod.status.phase === 'Succeeded') succeeded.add(index);
    if (!isPodFailed(job, pod)) continue;
    const action = failureAction(rules, pod)?.action;
    const earlier = Number(pod.metadata.annotations?.[INDEX_FAILURES] ?? 0);
    const count = action === 'Ignore' ? earlier : earlier + 1;
    failures.set(index, Math.max(failures.get(index) ?? 0, count));
    const limit = job.spec.backoffLimitPerIndex;
    if (limit !== undefined && (action === 'FailIndex' || count > limit)) failed.add(index);
  }
  for (const index of succeeded) failed.delete(index);
  return { succeeded, failed, failures };
}

/** The condition that ends the Job before its completions are reached, if any. */
function findTarget(
  view: JobView,
  totals: { readonly succeeded: number; readonly failed: number },
  failedPods: readonly Pod[],
  indexes: IndexState | undefined,
): Condition | undefined {
  const { job, now } = view;
  const { spec } = job;
  const earlier = findCondition(job.status.conditions, 'FailureTarget');
  if (earlier !== undefined) return { ...earlier, type: 'Failed' };
  const success = findCondition(job.status.conditions, 'SuccessCriteriaMet');
  if (success !== undefined) return { ...success, type: 'Complete' };
  const rules = spec.podFailurePolicy?.rules ?? [];
  for (const pod of failedPods) {
    const match = failureAction(rules, pod);
    if (match?.action === 'FailJob') return condition('Failed', 'PodFailurePolicy', failJobMessage(pod, rules[match.rule]!, match.rule), now);
  }
  const restarts = spec.template.spec.restartPolicy === 'OnFailure' ? restartsOf(view.pods) : -1;
  if (totals.failed > spec.backoffLimit || (restarts >= 0 && (spec.backoffLimit === 0 ? restarts > 0 : restarts >= spec.backoffLimit))) {
    return condition('Failed', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit', now);
  }
  const { startTime } = job.status;
  if (spec.activeDeadlineSeconds !== undefined && startTime !== undefined && spec.suspend !== true && now - startTime >= spec.activeDeadlineSeconds * SECOND) {
    return condition('Failed', 'DeadlineExceeded', 'Job was active longer than specified deadline', now);
  }
  if (indexes === undefined) return undefined;
  const completions = spec.completions ?? 0;
  if (spec.maxFailedIndexes !== undefined && indexes.failed.size > spec.maxFailedIndexes) {
    return condition('Failed', 'MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes', now);
  }
  if (indexes.failed.size > 0 && indexes.failed.size + indexes.succeeded.size >= completions) {
    return condition('Failed', 'FailedIndexes', 'Job has failed indexes', now);
  }
  return successTarget(job, indexes, now);
}

function successTarget(job: Job, indexes: IndexState, now: Time): Condition | undefined {
  for (const [i, { succeededIndexes, succeededCount }] of (job.spec.successPolicy?.rules ?? []).entries()) {
    const wanted = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, job.spec.completions ?? 0);
    let reached = 0;
    for (const index of indexes.succeeded) if (wanted === undefined || wanted.has(index)) reached++;
    const needed = succeededCount ?? wanted?.size ?? Number.POSITIVE_INFINITY;
    if (reached >= needed) return condition('Complete', 'SuccessPolicy', `Matched rules at index ${i}`, now);
  }
  return undefined;
}

function failJobMessage(pod: Pod, rule: PodFailurePolicyRule, index: number): string {
  const { namespace, name } = pod.metadata;
  if (rule.onExitCodes !== undefined) {
    const statuses = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
    const found = statuses.find(({ state }) => (state.terminated?.exitCode ?? 0) !== 0)!;
    return `Container ${found.name} for pod ${namespace}/${name} failed with exit code ${found.state.terminated!.exitCode} matching FailJob rule at index ${index}`;
  }
  const type = rule.onPodConditions?.[0]?.type ?? '';
  return `Pod ${namespace}/${name} has condition ${type} matching FailJob rule at index ${index}`;
}

function restartsOf(pods: readonly Pod[]): number {
  let restarts = 0;
  for (const pod of pods) {
    if (pod.status.phase !== 'Running' && pod.status.phase !== 'Pending') continue;
    for (const status of [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])]) restarts += status.restartCount;
  }
  return restarts;
}

function completed(job: Job, succeeded: number, active: number, now: Time): Condition | undefined {
  const { completions } = job.spec;
  const done = completions === undefined ? succeeded > 0 && active === 0 : succeeded >= completions && active === 0;
  return done ? condition('Complete', 'CompletionsReached', 'Reached expected number of succeeded pods', now) : undefined;
}

/** Pods to create and to delete (manageJob), or all active ones when the Job ends or is suspended. */
function manage(
  view: JobView,
  active: readonly Pod[],
  succeeded: number,
  target: Condition | undefined,
  indexes: IndexState | undefined,
  backoff: BackoffRecord,
): { readonly create: readonly JobPodCreation[]; readonly remove: readonly Pod[]; readonly requeueAfter: Duration } {
  const { job, now } = view;
  const nothing = { create: [], remove: [], requeueAfter: -1 };
  if (target !== undefined) return { ...nothing, remove: active.slice(0, MAX_PODS_PER_SYNC) };
  if (!view.mayManage || job.metadata.deletionTimestamp !== undefined) return nothing;
  if (job.spec.suspend === true) return { ...nothing, remove: active.slice(0, MAX_PODS_PER_SYNC) };
  const parallelism = job.spec.parallelism ?? 1;
  const { completions } = job.spec;
  let wanted = completions === undefined ? (succeeded > 0 ? active.length : parallelism) : Math.min(Math.max(0, completions - succeeded), parallelism);
  if (indexes !== undefined) wanted = Math.min(wanted, Math.max(0, (completions ?? 0) - succeeded - indexes.failed.size));
  const surplus = podsForRemoval(active, active.length - wanted, indexes);
  if (surplus.length > 0) return { ...nothing, remove: surplus.slice(0, MAX_PODS_PER_SYNC) };
  const onlyFailed = job.spec.podReplacementPolicy === 'Failed';
  const terminating = onlyFailed ? view.pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isEnded(pod)).length : 0;
  const missing = wanted - terminating - active.length;
  if (missing <= 0) return nothing;
  if (job.spec.backoffLimitPerIndex === undefined) {
    const wait = backoffRemaining(backoff, now);
    if (wait > 0) return { ...nothing, requeueAfter: wait };
  }
  const count = Math.min(missing, MAX_PODS_PER_SYNC);
  if (indexes === undefined) return { ...nothing, create: new Array<JobPodCreation>(count).fill({ index: undefined, failures: 0 }) };
  return { ...nothing, create: pendingIndexes(view, active, indexes, count, onlyFailed) };
}

function isEnded(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}

/** Time until a pod may be created after failures: 10 s doubling to 10 min from the last one (getRemainingTime). */
export function backoffRemaining({ failures, lastFailure }: BackoffRecord, now: Time): Duration {
  if (failures === 0) return 0;
  let delay = BACKOFF;
  for (let i = 1; i < failures && delay < BACKOFF_MAXIMUM; i++) delay *= 2;
  return Math.max(0, lastFailure + Math.min(delay, BACKOFF_MAXIMUM) - now);
}

/** Active pods that are too many: of duplicate or finished indexes first, then those started last. */
function podsForRemoval(active: readonly Pod[], atLeast: number, indexes: IndexState | undefined): readonly Pod[] {
  const remove: Pod[] = [];
  let kept: readonly Pod[] = active;
  if (indexes !== undefined) {
    const seen = new Set<number>();
    kept = active.filter((pod) => {
      const index = indexOf(pod);
      if (index < 0 || seen.has(index) || indexes.succeeded.has(index) || indexes.failed.has(index)) {
        remove.push(pod);
        return false;
      }
      seen.add(index);
      return true;
    });
  }
  if (remove.length >= atLeast) return remove;
  // Pods that are not ready go before ready ones, younger before older.
  const ordered = [...kept].sort((a, b) => {
    const ready = Number(isPodReady(a)) - Number(isPodReady(b));
    return ready !== 0 ? ready : b.metadata.creationTimestamp - a.metadata.creationTimestamp;
  });
  return [...remove, ...ordered.slice(0, atLeast - remove.length)];
}

/** The lowest indexes that neither run nor have ended (firstPendingIndexes). */
function pendingIndexes(view: JobView, active: readonly Pod[], indexes: IndexState, count: number, onlyFailed: boolean): readonly JobPodCreation[] {
  const busy = new Set<number>(active.map(indexOf));
  if (onlyFailed) for (const pod of view.pods) if (!isEnded(pod)) busy.add(indexOf(pod));
  const create: JobPodCreation[] = [];
  const completions = view.job.spec.completions ?? 0;
  for (let index = 0; index < completions && create.length < count; index++) {
    if (busy.has(index) || indexes.succeeded.has(index) || indexes.failed.has(index)) continue;
    create.push({ index, failures: indexes.failures.get(index) ?? 0 });
  }
  return create;
}

function nextStatus(view: JobView, pods: readonly Pod[], active: readonly Pod[], activeAfter: number, indexes: IndexState | undefined): JobStatus {
  const { job, now } = view;
  const suspended = job.spec.suspend === true;
  const { startTime: _, active: _a, ready: _r, terminating: _t, ...rest } = job.status;
  const startTime = suspended ? undefined : (job.status.startTime ?? apiTime(now));
  const ready = active.filter(isPodReady).length;
  const terminating = pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isEnded(pod)).length;
  return {
    ...rest,
    ...(startTime === undefined ? {} : { startTime }),
    ...(activeAfter > 0 ? { active: activeAfter } : {}),
    ready,
    terminating,
    ...(indexes === undefined || indexes.succeeded.size === 0 ? {} : { completedIndexes: formatIndexes(indexes.succeeded) }),
    ...(indexes === undefined || job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(indexes.failed) }),
  };
}

function deadlineIn(job: Job, status: JobStatus, finished: Condition | undefined, now: Time): Duration {
  const { activeDeadlineSeconds, suspend } = job.spec;
  if (activeDeadlineSeconds === undefined || suspend === true || finished !== undefined || status.startTime === undefined) return -1;
  return Math.max(0, status.startTime + activeDeadlineSeconds * SECOND - now);
}
