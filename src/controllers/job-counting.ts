import type { Job, JobStatus } from '../api/batch.js';
import type { Pod } from '../api/core.js';
import type { Condition } from '../api/meta.js';
import { hasFinalizer, isPodFailed, policyMatch } from './job-failures.js';
import { hasValidIndex } from './job-policy.js';

/** Which finished pods a sync of a Job counts: pure (job_controller.go trackJobStatusAndRemoveFinalizers). */

/** Uids listed in one status (MaxUncountedPods). */
export const MAX_UNCOUNTED = 500;

export interface Counting {
  /** Pods to list as succeeded and as failed. */
  readonly succeeded: readonly Pod[];
  readonly failed: readonly Pod[];
  /** Pods that lose their finalizer, counted now, before, or not at all. */
  readonly removing: readonly Pod[];
  /** More pods are left than one status may list: the Job does not end yet. */
  readonly truncated: boolean;
}

/**
 * Finished pods, and all pods of a Job that ends or goes. When a Job fails, those that still ran count as failed.
 *
 * @param delayed uids of failed pods that wait for their successor
 * @param target the condition with which the Job ends
 */
export function countFinished(
  job: Job,
  pods: readonly Pod[],
  uncounted: JobStatus['uncountedTerminatedPods'],
  delayed: ReadonlySet<string>,
  target: Condition | undefined,
): Counting {
  const listedSucceeded = new Set(uncounted?.succeeded);
  const listedFailed = new Set(uncounted?.failed);
  const counted: Counting & { succeeded: Pod[]; failed: Pod[]; removing: Pod[] } = { succeeded: [], failed: [], removing: [], truncated: false };
  const { succeeded, failed, removing } = counted;
  const ends = job.metadata.deletionTimestamp !== undefined || target !== undefined;
  for (const pod of pods) {
    if (!hasFinalizer(pod)) continue;
    const { uid } = pod.metadata;
    const ok = pod.status.phase === 'Succeeded';
    const bad = isPodFailed(job, pod);
    if (!ends && !ok && (!bad || delayed.has(uid))) continue;
    removing.push(pod);
    if (ok && !listedFailed.has(uid)) {
      if (hasValidIndex(job, pod) && !listedSucceeded.has(uid)) succeeded.push(pod);
    } else if (bad || target?.type === 'Failed') {
      if (!listedFailed.has(uid) && hasValidIndex(job, pod) && policyMatch(job, pod)?.action !== 'Ignore') failed.push(pod);
    }
    if (listedSucceeded.size + listedFailed.size + succeeded.length + failed.length >= MAX_UNCOUNTED) return { ...counted, truncated: true };
  }
  return counted;
}
