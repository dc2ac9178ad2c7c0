import type { Job, JobStatus } from '../api/batch.js';
import { isPodActive, isPodReady, type Pod, podCondition } from '../api/core.js';
import type { Condition } from '../api/meta.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import { apiTime, findCondition } from './conditions.js';
import {
  type BackoffRecord,
  backoffRemaining,
  failsIndex,
  failuresAfter,
  failuresOf,
  finishTime,
  hasFinalizer,
  indexBackoffRemaining,
  type IndexFailures,
  indexOf,
  isPodFailed,
  nextBackoff,
  policyMatch,
} from './job-failures.js';
import { formatIndexes, parseIndexes } from './job-indexes.js';
import { isAssigned, maxContainerRestarts, PHASE_ORDER } from './pod-ranking.js';

/** What a Job does next: pure (pkg/controller/job/{job_controller,indexed_job_utils,success_policy}.go). */

/** Pods created or deleted in one sync at most (MaxPodCreateDeletePerSync). */
export const MAX_PODS_PER_SYNC = 500;
export interface JobView {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly backoff: BackoffRecord;
  /** Nothing expected is outstanding, so pods may be created and deleted. */
  readonly mayManage: boolean;
  /** A suspended Job has no start time (1.36, gate MutableSchedulingDirectivesForSuspendedJobs). */
  readonly suspensionClearsStart: boolean;
  readonly now: Time;
}

/** A pod to create, with the earlier failures of its index. */
export interface JobPodCreation {
  readonly index: number | undefined;
  readonly failures: IndexFailures;
}

export interface JobPlan {
  readonly create: readonly JobPodCreation[];
  readonly remove: readonly Pod[];
  /** Pods removed because there are too many lose their finalizer first, and count neither as failed nor as succeeded. */
  readonly untracked: boolean;
  /** Failed pods that keep their finalizer, and stay uncounted, until their index has a new pod that knows of their failures. */
  readonly delayed: ReadonlySet<string>;
  /** Status apart from what counting the finished pods adds. */
  readonly status: JobStatus;
  /** The condition with which the Job ends once its pods are gone; FailureTarget or SuccessCriteriaMet comes before it. */
  readonly target: Condition | undefined;
  readonly backoff: BackoffRecord;
  /** Nanoseconds until the next look; negative: none. */
  readonly requeueAfter: Duration;
  /** Reason and message of what to say about suspending or resuming; empty when nothing. */
  readonly suspension: 'Suspended' | 'Resumed' | '';
}

function condition(type: string, reason: string, message: string, now: Time): Condition {
  const time = apiTime(now);
  return { type, status: 'True', reason, message, lastProbeTime: time, lastTransitionTime: time };
}

/** Whether a Job has ended. */
export function isFinished(job: Job): boolean {
  return job.status.conditions?.some(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True') === true;
}

/** Plans one sync of a Job that has not ended (syncJob). */
export function planJob(view: JobView): JobPlan {
  const { job, pods, now } = view;
  const counted = new Set([...(job.status.uncountedTerminatedPods?.succeeded ?? []), ...(job.status.uncountedTerminatedPods?.failed ?? [])]);
  const fresh = pods.filter((pod) => hasFinalizer(pod) && !counted.has(pod.metadata.uid) && hasValidIndex(job, pod));
  const succeededPods = fresh.filter((pod) => pod.status.phase === 'Succeeded');
  const failedPods = fresh.filter((pod) => isPodFailed(job, pod));
  const uncounted = job.status.uncountedTerminatedPods;
  const totals = {
    succeeded: (job.status.succeeded ?? 0) + (uncounted?.succeeded?.length ?? 0) + succeededPods.length,
    failed: (job.status.failed ?? 0) + (uncounted?.failed?.length ?? 0) + failedPods.filter((pod) => policyMatch(job, pod)?.action !== 'Ignore').length,
  };
  const backoff = nextBackoff(view.backoff, succeededPods, failedPods);
  const active = pods.filter(isPodActive);
  const indexes = job.spec.completionMode === 'Indexed' ? indexState(job, pods, active) : undefined;
  const target = findTarget(view, totals, indexes);
  const succeeded = indexes?.succeeded.size ?? totals.succeeded;
  const managed = manage(view, active, succeeded, target, indexes, backoff);
  // manageJob answers 0 where it waits to create pods, whatever is still running (job_controller.go).
  const left = managed.backsOff ? 0 : active.length - managed.remove.length + managed.create.length;
  // Pods that the cache does not show yet may be left: not the end.
  const finished = target === undefined ? completed(job, succeeded, left, now) : view.mayManage ? target : undefined;
  const suspension = finished === undefined && target === undefined ? suspensionOf(view) : '';
  const status = nextStatus(view, active, managed.remove, left, indexes, suspension);
  return {
    ...managed,
    delayed: new Set([...(indexes?.last.values() ?? [])].map(({ metadata }) => metadata.uid)),
    status,
    target: finished,
    backoff,
    requeueAfter: earliest(managed.requeueAfter, deadlineIn(job, status, finished, now)),
    suspension,
  };
}

/** Pods of an indexed Job count only with an index that it has. */
export function hasValidIndex(job: Job, pod: Pod): boolean {
  if (job.spec.completionMode !== 'Indexed') return true;
  const index = indexOf(pod);
  return index >= 0 && index < (job.spec.completions ?? 0);
}

/** Whether the Job has to note that it was suspended or resumed. */
function suspensionOf({ job, mayManage }: JobView): 'Suspended' | 'Resumed' | '' {
  if (!mayManage || job.metadata.deletionTimestamp !== undefined) return '';
  const suspended = job.spec.suspend === true;
  const noted = findCondition(job.status.conditions, 'Suspended')?.status === 'True';
  return suspended === noted ? '' : suspended ? 'Suspended' : 'Resumed';
}

function earliest(a: Duration, b: Duration): Duration {
  return a < 0 ? b : b < 0 ? a : Math.min(a, b);
}

interface IndexState {
  readonly succeeded: ReadonlySet<number>;
  readonly failed: ReadonlySet<number>;
  /** The pod that failed last, by index that still has to be tried again (getPodsWithDelayedDeletionPerIndex). */
  readonly last: ReadonlyMap<number, Pod>;
}

function indexState(job: Job, pods: readonly Pod[], active: readonly Pod[]): IndexState {
  const completions = job.spec.completions ?? 0;
  const succeeded = parseIndexes(job.status.completedIndexes, completions);
  const failed = parseIndexes(job.status.failedIndexes, completions);
  const valid = pods.filter((pod) => hasFinalizer(pod) && hasValidIndex(job, pod));
  for (const pod of valid) {
    if (pod.status.phase === 'Succeeded') succeeded.add(indexOf(pod));
    if (failsIndex(job, pod)) failed.add(indexOf(pod));
  }
  const last = new Map<number, Pod>();
  if (job.spec.backoffLimitPerIndex === undefined) return { succeeded, failed, last };
  const running = new Set(active.map(indexOf));
  for (const pod of valid) {
    const index = indexOf(pod);
    if (!isPodFailed(job, pod) || succeeded.has(index) || failed.has(index) || running.has(index)) continue;
    const before = last.get(index);
    if (before === undefined || (tries(before) <= tries(pod) && finishTime(pod) >= finishTime(before))) last.set(index, pod);
  }
  return { succeeded, failed, last };
}

function tries(pod: Pod): number {
  const { counted, ignored } = failuresOf(pod);
  return counted + ignored;
}

/** The condition that ends the Job before its completions are reached, if any. */
function findTarget(
  view: JobView,
  totals: { readonly succeeded: number; readonly failed: number },
  indexes: IndexState | undefined,
): Condition | undefined {
  const { job, pods, now } = view;
  const { spec } = job;
  const success = findCondition(job.status.conditions, 'SuccessCriteriaMet');
  if (success !== undefined) return { ...success, type: 'Complete' };
  const earlier = findCondition(job.status.conditions, 'FailureTarget');
  if (earlier !== undefined) return { ...earlier, type: 'Failed' };
  if (spec.podFailurePolicy !== undefined) {
    for (const pod of pods) {
      const match = isPodFailed(job, pod) ? policyMatch(job, pod) : undefined;
      if (match?.action === 'FailJob') return condition('Failed', 'PodFailurePolicy', match.message, now);
    }
  }
  const restarts = spec.template.spec.restartPolicy === 'OnFailure' ? restartsOf(pods) : -1;
  if (totals.failed > spec.backoffLimit || (restarts >= 0 && (spec.backoffLimit === 0 ? restarts > 0 : restarts >= spec.backoffLimit))) {
    return condition('Failed', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit', now);
  }
  const { startTime } = job.status;
  if (spec.activeDeadlineSeconds !== undefined && startTime !== undefined && spec.suspend !== true && now - startTime >= spec.activeDeadlineSeconds * SECOND) {
    return condition('Failed', 'DeadlineExceeded', 'Job was active longer than specified deadline', now);
  }
  if (indexes === undefined) return undefined;
  const completions = spec.completions ?? 0;
  if (spec.backoffLimitPerIndex !== undefined) {
    if (spec.maxFailedIndexes !== undefined && indexes.failed.size > spec.maxFailedIndexes) {
      return condition('Failed', 'MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes', now);
    }
    if (indexes.failed.size > 0 && indexes.failed.size + indexes.succeeded.size >= completions) {
      return condition('Failed', 'FailedIndexes', 'Job has failed indexes', now);
    }
  }
  return successTarget(job, indexes, now);
}

function successTarget(job: Job, { succeeded }: IndexState, now: Time): Condition | undefined {
  if (succeeded.size === 0) return undefined;
  for (const [i, { succeededIndexes, succeededCount }] of (job.spec.successPolicy?.rules ?? []).entries()) {
    const wanted = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, job.spec.completions ?? 0);
    let reached = 0;
    for (const index of succeeded) if (wanted === undefined || wanted.has(index)) reached++;
    const all = wanted !== undefined && wanted.size > 0 && reached === wanted.size;
    if (all || reached >= (succeededCount ?? Number.POSITIVE_INFINITY)) {
      return condition('Complete', 'SuccessPolicy', `Matched rules at index ${i}`, now);
    }
  }
  return undefined;
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

/** Pods to create and to delete (manageJob), or all active ones when the Job ends (deleteActivePods) or is suspended. */
function manage(
  view: JobView,
  active: readonly Pod[],
  succeeded: number,
  target: Condition | undefined,
  indexes: IndexState | undefined,
  backoff: BackoffRecord,
): Pick<JobPlan, 'create' | 'remove' | 'untracked' | 'requeueAfter'> & { readonly backsOff: boolean } {
  const { job, now } = view;
  const nothing = { create: [], remove: [], untracked: false, requeueAfter: -1, backsOff: false };
  if (target !== undefined) return { ...nothing, remove: active };
  if (!view.mayManage || job.metadata.deletionTimestamp !== undefined) return nothing;
  if (job.spec.suspend === true) return { ...nothing, remove: active, untracked: true };
  const parallelism = job.spec.parallelism ?? 1;
  const { completions } = job.spec;
  const wanted = completions === undefined ? (succeeded > 0 ? active.length : parallelism) : Math.min(Math.max(0, completions - succeeded), parallelism);
  const surplus = podsForRemoval(job, active, active.length - wanted);
  if (surplus.length > 0) return { ...nothing, remove: surplus.slice(0, MAX_PODS_PER_SYNC), untracked: true };
  const onlyFailed = job.spec.podReplacementPolicy === 'Failed';
  const terminating = onlyFailed ? terminatingOf(view.pods) : 0;
  const missing = wanted - terminating - active.length;
  if (missing <= 0) return nothing;
  const perIndex = job.spec.backoffLimitPerIndex !== undefined;
  if (!perIndex) {
    const wait = backoffRemaining(backoff, now);
    if (wait > 0) return { ...nothing, requeueAfter: wait, backsOff: true };
  }
  const count = Math.min(missing, MAX_PODS_PER_SYNC);
  if (indexes === undefined) {
    return { ...nothing, create: new Array<JobPodCreation>(count).fill({ index: undefined, failures: { counted: 0, ignored: 0 } }) };
  }
  const pending = pendingIndexes(view, active, indexes, count, onlyFailed);
  // Indexes wait on their own; when none may go on, the one that may first is waited for.
  const ready = perIndex ? pending.filter((index) => indexBackoffRemaining(indexes.last.get(index), now) === 0) : pending;
  if (ready.length === 0 && pending.length > 0) {
    return { ...nothing, requeueAfter: Math.min(...pending.map((index) => indexBackoffRemaining(indexes.last.get(index), now))), backsOff: true };
  }
  return { ...nothing, create: ready.map((index) => ({ index, failures: failuresAfter(job, indexes.last.get(index)) })) };
}

function terminatingOf(pods: readonly Pod[]): number {
  return pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isEnded(pod)).length;
}

function isEnded(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}

/** Active pods that are too many (activePodsForRemoval): without an index or of one that another pod has, then in the order of deletion. */
function podsForRemoval(job: Job, active: readonly Pod[], atLeast: number): readonly Pod[] {
  const remove: Pod[] = [];
  let kept: readonly Pod[] = active;
  if (job.spec.completionMode === 'Indexed') {
    const best = new Map<number, Pod>();
    for (const pod of active) {
      if (!hasValidIndex(job, pod)) {
        remove.push(pod);
        continue;
      }
      const other = best.get(indexOf(pod));
      if (other === undefined || compareForRemoval(other, pod) < 0) best.set(indexOf(pod), pod);
      if (other !== undefined) remove.push(compareForRemoval(other, pod) < 0 ? other : pod);
    }
    kept = [...best.values()];
  }
  if (remove.length >= atLeast) return remove;
  return [...remove, ...[...kept].sort(compareForRemoval).slice(0, atLeast - remove.length)];
}

/** Order in which active pods go (controller_utils.go ActivePods): negative when `a` goes first. */
export function compareForRemoval(a: Pod, b: Pod): number {
  const assigned = Number(isAssigned(a)) - Number(isAssigned(b));
  if (assigned !== 0) return assigned;
  const phase = (PHASE_ORDER[a.status.phase] ?? 0) - (PHASE_ORDER[b.status.phase] ?? 0);
  if (phase !== 0) return phase;
  const bothReady = isPodReady(a) && isPodReady(b);
  const ready = Number(isPodReady(a)) - Number(isPodReady(b));
  if (ready !== 0) return ready;
  const since = bothReady ? apiTime(podCondition(b, 'Ready')?.lastTransitionTime ?? 0) - apiTime(podCondition(a, 'Ready')?.lastTransitionTime ?? 0) : 0;
  if (since !== 0) return since;
  const restarts = maxContainerRestarts(b) - maxContainerRestarts(a);
  return restarts !== 0 ? restarts : apiTime(b.metadata.creationTimestamp) - apiTime(a.metadata.creationTimestamp);
}

/** The lowest indexes that neither run nor have ended (firstPendingIndexes). */
function pendingIndexes(view: JobView, active: readonly Pod[], indexes: IndexState, count: number, onlyFailed: boolean): readonly number[] {
  const busy = new Set<number>(active.map(indexOf));
  if (onlyFailed) for (const pod of view.pods) if (!isEnded(pod)) busy.add(indexOf(pod));
  const pending: number[] = [];
  const completions = view.job.spec.completions ?? 0;
  for (let index = 0; index < completions && pending.length < count; index++) {
    if (!busy.has(index) && !indexes.succeeded.has(index) && !indexes.failed.has(index)) pending.push(index);
  }
  return pending;
}

function nextStatus(
  view: JobView,
  active: readonly Pod[],
  removed: readonly Pod[],
  activeAfter: number,
  indexes: IndexState | undefined,
  suspension: JobPlan['suspension'],
): JobStatus {
  const { job, pods, now } = view;
  const suspended = job.spec.suspend === true;
  const { startTime: before, active: _a, ready: _r, terminating: _t, ...rest } = job.status;
  const started = suspended ? before : suspension === 'Resumed' ? apiTime(now) : (before ?? apiTime(now));
  const startTime = suspended && view.suspensionClearsStart ? undefined : started;
  return {
    ...rest,
    ...(startTime === undefined ? {} : { startTime }),
    ...(activeAfter > 0 ? { active: activeAfter } : {}),
    ready: active.filter(isPodReady).length - removed.filter(isPodReady).length,
    terminating: terminatingOf(pods) + removed.length,
    ...(indexes === undefined || indexes.succeeded.size === 0 ? {} : { completedIndexes: formatIndexes(indexes.succeeded) }),
    ...(indexes === undefined || job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(indexes.failed) }),
    ...(suspension === '' ? {} : { conditions: withSuspension(job.status.conditions ?? [], suspension, now) }),
  };
}

/** Condition Suspended as it is now, in the place of the one before (ensureJobConditionStatus). */
function withSuspension(conditions: readonly Condition[], suspension: 'Suspended' | 'Resumed', now: Time): readonly Condition[] {
  const suspended = suspension === 'Suspended';
  const fresh = condition('Suspended', suspended ? 'JobSuspended' : 'JobResumed', suspended ? 'Job suspended' : 'Job resumed', now);
  const next: Condition = { ...fresh, status: suspended ? 'True' : 'False' };
  const known = conditions.some(({ type }) => type === 'Suspended');
  return known ? conditions.map((one) => (one.type === 'Suspended' ? next : one)) : [...conditions, next];
}

function deadlineIn(job: Job, status: JobStatus, finished: Condition | undefined, now: Time): Duration {
  const { activeDeadlineSeconds, suspend } = job.spec;
  if (activeDeadlineSeconds === undefined || suspend === true || finished !== undefined || status.startTime === undefined) return -1;
  return Math.max(0, status.startTime + activeDeadlineSeconds * SECOND - now);
}
