import type { Deployment } from '../../api/workloads.js';
import { SECOND, type Time } from '../../kernel/time.js';
import type { Readiness } from './advance.js';

/** Whether a Deployment is ready as Flagger sees it (flagger pkg/canary/deployment_ready.go isDeploymentReady). Pure. */
export function deploymentReadiness(deployment: Deployment, deadlineSeconds: number, thresholdPercent: number, now: Time): Readiness {
  const { metadata, spec, status } = deployment;
  const wait = (message: string, retriable = true): Readiness => ({ ready: false, retriable, message });
  if (metadata.generation > (status.observedGeneration ?? 0)) {
    return wait('waiting for rollout to finish: observed deployment generation less than desired generation');
  }
  const progressing = status.conditions?.find(({ type }) => type === 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded') return wait(`deployment "${metadata.name}" exceeded its progress deadline`, false);
  const available = status.conditions?.find(({ type }) => type === 'Available');
  const stuck = available?.status === 'False' && available.reason === 'MinimumReplicasUnavailable';
  const since = available?.lastUpdateTime ?? available?.lastTransitionTime ?? now;
  const retriable = !(progressing !== undefined && stuck && since + deadlineSeconds * SECOND < now);
  const updated = status.updatedReplicas ?? 0;
  if (updated < spec.replicas) return wait(`waiting for rollout to finish: ${updated} out of ${spec.replicas} new replicas have been updated`, retriable);
  if ((status.replicas ?? 0) > updated) return wait(`waiting for rollout to finish: ${(status.replicas ?? 0) - updated} old replicas are pending termination`, retriable);
  const wanted = Math.trunc((updated * thresholdPercent) / 100);
  if ((status.availableReplicas ?? 0) < wanted) {
    return wait(`waiting for rollout to finish: ${status.availableReplicas ?? 0} of ${updated} (readyThreshold ${thresholdPercent}%) updated replicas are available`, retriable);
  }
  return { ready: true, retriable: true, message: '' };
}
