import type { Duration } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';

/** Termination of containers (pkg/kubelet/kuberuntime/kuberuntime_container.go killContainer, pod_workers.go). */

/** kuberuntime_manager.go minimumGracePeriodInSeconds: a container always gets this long between SIGTERM and SIGKILL. */
export const MINIMUM_GRACE_SECONDS = 2;

/** Seconds of grace of a pod being deleted: its deletion grace, at least 1 (pod_workers.go calculateEffectiveGracePeriod). */
export function effectiveGraceSeconds(deletionGraceSeconds: number | undefined, specGraceSeconds: number): number {
  const grace = deletionGraceSeconds ?? specGraceSeconds;
  return grace < 1 ? 1 : grace;
}

/** How long a preStop hook may run: until it ends or the grace period does. */
export function hookDuration(hook: Duration, graceSeconds: number): Duration {
  return Math.min(hook, graceSeconds * SECOND);
}

/** Grace left for SIGTERM after waiting `waited` (hook, other containers): whole seconds waited are taken off, at least 2 s remain. */
export function remainingGraceSeconds(graceSeconds: number, waited: Duration): number {
  const remaining = graceSeconds - Math.floor(waited / SECOND);
  return remaining < MINIMUM_GRACE_SECONDS ? MINIMUM_GRACE_SECONDS : remaining;
}

/** From SIGTERM to the end of the process, and whether SIGKILL ended it. */
export function stopDuration(
  shutdown: Duration,
  graceSeconds: number,
): { readonly duration: Duration; readonly killed: boolean } {
  const limit = graceSeconds * SECOND;
  return shutdown <= limit ? { duration: shutdown, killed: false } : { duration: limit, killed: true };
}

/** Exit code of a process ended by SIGKILL (128 + 9). */
export const EXIT_CODE_SIGKILL = 137;
