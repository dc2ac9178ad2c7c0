import type { Deployment } from './workloads.js';

/** What `kubectl rollout status` would say of a Deployment now. */
export interface RolloutStatus {
  readonly done: boolean;
  /** The progress deadline was exceeded: kubectl exits 1. */
  readonly failed: boolean;
  readonly message: string;
}

/** The criteria of `kubectl rollout status deployment` (kubectl pkg/polymorphichelpers/rollout_status.go), in its words. */
export function deploymentRolloutStatus(deployment: Deployment): RolloutStatus {
  const { metadata, spec, status } = deployment;
  const { name } = metadata;
  if (metadata.generation > (status.observedGeneration ?? 0)) {
    return waiting('Waiting for deployment spec update to be observed...');
  }
  const progressing = status.conditions?.find((condition) => condition.type === 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded') {
    return { done: false, failed: true, message: `deployment "${name}" exceeded its progress deadline` };
  }
  const replicas = status.replicas ?? 0;
  const updated = status.updatedReplicas ?? 0;
  const available = status.availableReplicas ?? 0;
  if (updated < spec.replicas) {
    return waiting(
      `Waiting for deployment "${name}" rollout to finish: ${updated} out of ${spec.replicas} new replicas have been updated...`,
    );
  }
  if (replicas > updated) {
    return waiting(
      `Waiting for deployment "${name}" rollout to finish: ${replicas - updated} old replicas are pending termination...`,
    );
  }
  if (available < updated) {
    return waiting(
      `Waiting for deployment "${name}" rollout to finish: ${available} of ${updated} updated replicas are available...`,
    );
  }
  return { done: true, failed: false, message: `deployment "${name}" successfully rolled out` };
}

function waiting(message: string): RolloutStatus {
  return { done: false, failed: false, message };
}
