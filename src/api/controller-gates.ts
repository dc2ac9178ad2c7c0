/**
 * Feature gates of kube-controller-manager that a scenario may set, and the release from which each is on by default
 * (pkg/features/kube_features.go); undefined: in none so far.
 */
export const CONTROLLER_GATES = {
  /** A StatefulSet's rolling update may take several pods at a time; alpha in 1.34, beta but off after it. */
  MaxUnavailableStatefulSet: undefined,
  /** Syncs wait until the caches show what the controller itself has written. */
  StaleControllerConsistencyReplicaSet: '1.36',
  StaleControllerConsistencyStatefulSet: '1.36',
  StaleControllerConsistencyDaemonSet: '1.36',
  StaleControllerConsistencyJob: '1.36',
} as const;

export type ControllerGate = keyof typeof CONTROLLER_GATES;

/** Names of the gates, for schemas and messages. */
export const CONTROLLER_GATE_NAMES = Object.keys(CONTROLLER_GATES) as readonly ControllerGate[];
