/** A feature gate: what it does, and the release from which it is on by default; absent: in none so far. */
export interface FeatureGate {
  readonly about: string;
  readonly since?: '1.35' | '1.36';
}

function staleness(kind: string): FeatureGate {
  return { about: `A sync of a ${kind} waits until the caches show what the controller has written for it. On from 1.36.`, since: '1.36' };
}

/** Feature gates of kube-controller-manager that a scenario may set (pkg/features/kube_features.go). */
export const CONTROLLER_GATES = {
  MaxUnavailableStatefulSet: { about: 'spec.updateStrategy.rollingUpdate.maxUnavailable of StatefulSets counts. Off in all releases.' } as FeatureGate,
  StaleControllerConsistencyReplicaSet: staleness('ReplicaSet'),
  StaleControllerConsistencyStatefulSet: staleness('StatefulSet'),
  StaleControllerConsistencyDaemonSet: staleness('DaemonSet'),
  StaleControllerConsistencyJob: staleness('Job'),
} as const;

export type ControllerGate = keyof typeof CONTROLLER_GATES;

/** Names of the gates. */
export const CONTROLLER_GATE_NAMES = Object.keys(CONTROLLER_GATES) as readonly ControllerGate[];
