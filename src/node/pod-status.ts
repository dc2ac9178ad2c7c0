import type { ContainerState, ContainerStatus, Pod, PodPhase, PodSpec, PodStatus } from '../api/core.js';
import type { Condition, ConditionStatus } from '../api/meta.js';
import type { Time } from '../kernel/time.js';

/** Pod status from what the kubelet sees of the containers (pkg/kubelet/kubelet_pods.go, status/generate.go). Pure. */

/** What the kubelet knows of one container. */
export interface ContainerView {
  readonly name: string;
  readonly image: string;
  /** Restartable init container. */
  readonly sidecar: boolean;
  readonly state: ContainerState;
  readonly lastState: ContainerState | undefined;
  readonly ready: boolean;
  readonly started: boolean;
  readonly restarts: number;
}

/** What the kubelet knows of one pod. */
export interface PodView {
  readonly init: readonly ContainerView[];
  readonly main: readonly ContainerView[];
  readonly sandboxReady: boolean;
  readonly podIP: string | undefined;
  readonly hostIP: string;
  readonly startTime: Time;
  /** All containers have stopped for ever (the pod is terminating and its processes are gone, or it ran to its end). */
  readonly terminal: boolean;
  /** The kubelet ended it (eviction, active deadline): Failed once its containers are gone, whatever their exit codes. */
  readonly failed: boolean;
}

/** Phase from container states (kubelet_pods.go getPhase). */
export function podPhase(spec: PodSpec, view: PodView): PodPhase {
  let failedInit = 0;
  let pendingInit = 0;
  for (const container of view.init) {
    const { running, terminated, waiting } = container.state;
    if (container.sidecar) {
      if (!container.started && terminated === undefined && !view.terminal) pendingInit++;
    } else if (terminated !== undefined) {
      if (terminated.exitCode !== 0) failedInit++;
    } else if (waiting !== undefined) {
      const last = container.lastState?.terminated;
      if (last !== undefined && last.exitCode !== 0) failedInit++;
      pendingInit++;
    } else if (running !== undefined) pendingInit++;
  }
  let running = 0;
  let waiting = 0;
  let stopped = 0;
  let succeeded = 0;
  for (const container of view.main) {
    const state = container.state;
    if (state.running !== undefined) running++;
    else if (state.terminated !== undefined) {
      stopped++;
      if (state.terminated.exitCode === 0) succeeded++;
    } else if (container.lastState?.terminated !== undefined) stopped++;
    else waiting++;
  }
  const never = spec.restartPolicy === 'Never';
  if (failedInit > 0 && never) return 'Failed';
  if (view.terminal && running === 0) {
    if (view.failed) return 'Failed';
    return stopped > 0 && stopped === succeeded && waiting === 0 ? 'Succeeded' : 'Failed';
  }
  if (pendingInit > 0 || waiting > 0) return 'Pending';
  if (running > 0) return 'Running';
  if (stopped > 0) {
    if (spec.restartPolicy === 'Always') return 'Running';
    if (stopped === succeeded) return 'Succeeded';
    return never ? 'Failed' : 'Running';
  }
  return 'Pending';
}

/** Condition types that the kubelet owns (pkg/kubelet/types/pod_status.go PodConditionByKubelet). */
const OWNED: ReadonlySet<string> = new Set([
  'PodScheduled',
  'Ready',
  'Initialized',
  'ContainersReady',
  'PodReadyToStartContainers',
]);

/** Whether a condition is written by the kubelet; others are kept as they are. */
export function isKubeletCondition(type: string): boolean {
  return OWNED.has(type);
}

/** Written by the kubelet and others (pod_status.go PodConditionSharedByKubelet). */
export const SHARED_CONDITION = 'DisruptionTarget';

/** The status with the condition DisruptionTarget of a pod that its kubelet ends; the same reference when it has it. */
export function withDisruption(status: PodStatus, message: string, now: Time): PodStatus {
  const { conditions = [] } = status;
  const old = conditions.find(({ type }) => type === SHARED_CONDITION);
  if (old?.message === message) return status;
  const condition: Condition = {
    type: SHARED_CONDITION,
    status: 'True',
    reason: 'TerminationByKubelet',
    message,
    lastTransitionTime: now,
  };
  return { ...status, conditions: [...conditions.filter((each) => each !== old), condition] };
}

/** The status of a pod now; the same reference as `previous` when nothing changed, sharing what did not change. */
export function computePodStatus(pod: Pod, view: PodView, previous: PodStatus, now: Time): PodStatus {
  const phase = isTerminalPhase(previous.phase) ? previous.phase : podPhase(pod.spec, view);
  const conditions = computeConditions(pod, view, phase, previous.conditions, now);
  const containerStatuses = shareStatuses(view.main, previous.containerStatuses);
  const initContainerStatuses = shareStatuses(view.init, previous.initContainerStatuses);
  if (
    phase === previous.phase &&
    conditions === previous.conditions &&
    containerStatuses === previous.containerStatuses &&
    (view.init.length === 0 || initContainerStatuses === previous.initContainerStatuses) &&
    view.podIP === previous.podIP &&
    view.hostIP === previous.hostIP &&
    previous.startTime !== undefined
  ) {
    return previous;
  }
  return {
    ...previous,
    phase,
    conditions,
    hostIP: view.hostIP,
    ...(view.podIP === undefined ? {} : { podIP: view.podIP }),
    startTime: previous.startTime ?? view.startTime,
    containerStatuses,
    ...(view.init.length === 0 ? {} : { initContainerStatuses }),
  };
}

/** Phase Succeeded or Failed: a pod never leaves it. */
export function isTerminalPhase(phase: PodPhase): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

function computeConditions(
  pod: Pod,
  view: PodView,
  phase: PodPhase,
  previous: readonly Condition[] | undefined,
  now: Time,
): readonly Condition[] {
  const list: Condition[] = [];
  const finished = isTerminalPhase(phase);
  let changed = false;
  const add = (type: string, status: ConditionStatus, reason?: string, message?: string): void => {
    const old = previous?.find((condition) => condition.type === type);
    if (old !== undefined && old.status === status && old.reason === reason && old.message === message) {
      list.push(old);
      return;
    }
    changed = true;
    list.push({
      type,
      status,
      lastTransitionTime: old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : now,
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    });
  };
  const ended = phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed';
  add('PodReadyToStartContainers', view.sandboxReady ? 'True' : 'False');
  const uninitialized = view.init.filter((container) => !isInitialized(container)).map((container) => container.name);
  if (uninitialized.length === 0 || phase === 'Succeeded') {
    add('Initialized', 'True', phase === 'Succeeded' ? 'PodCompleted' : undefined);
  } else {
    add(
      'Initialized',
      'False',
      'ContainersNotInitialized',
      `containers with incomplete status: [${uninitialized.join(' ')}]`,
    );
  }
  const unready = [...view.init.filter((container) => container.sidecar), ...view.main]
    .filter((container) => !container.ready)
    .map((container) => container.name);
  if (finished) {
    add('Ready', 'False', ended);
    add('ContainersReady', 'False', ended);
  } else if (unready.length > 0) {
    const message = `containers with unready status: [${unready.join(' ')}]`;
    add('Ready', 'False', 'ContainersNotReady', message);
    add('ContainersReady', 'False', 'ContainersNotReady', message);
  } else {
    add('Ready', 'True');
    add('ContainersReady', 'True');
  }
  const scheduled = pod.status.conditions?.find((condition) => condition.type === 'PodScheduled');
  add('PodScheduled', 'True', scheduled?.reason, scheduled?.message);
  for (const condition of previous ?? []) if (!OWNED.has(condition.type)) list.push(condition);
  if (!changed && previous !== undefined && previous.length === list.length) return previous;
  // It stays as long as the pod does: without the room that growing left behind it.
  return list.slice();
}

function isInitialized(container: ContainerView): boolean {
  if (container.sidecar) return container.started;
  return container.state.terminated?.exitCode === 0;
}

function shareStatuses(
  views: readonly ContainerView[],
  previous: readonly ContainerStatus[] | undefined,
): readonly ContainerStatus[] {
  let same = previous !== undefined && previous.length === views.length;
  const list = views.map((view, index) => {
    const old = previous?.[index];
    if (
      old !== undefined &&
      old.name === view.name &&
      old.image === view.image &&
      old.ready === view.ready &&
      old.started === view.started &&
      old.restartCount === view.restarts &&
      sameState(old.state, view.state) &&
      sameState(old.lastState, view.lastState)
    ) {
      return old;
    }
    same = false;
    return {
      name: view.name,
      image: view.image,
      ready: view.ready,
      started: view.started,
      restartCount: view.restarts,
      state: view.state,
      ...(view.lastState === undefined ? {} : { lastState: view.lastState }),
    };
  });
  return same ? previous! : list;
}

function sameState(a: ContainerState | undefined, b: ContainerState | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return (
    a.waiting?.reason === b.waiting?.reason &&
    a.waiting?.message === b.waiting?.message &&
    a.running?.startedAt === b.running?.startedAt &&
    a.terminated?.finishedAt === b.terminated?.finishedAt &&
    a.terminated?.startedAt === b.terminated?.startedAt &&
    a.terminated?.exitCode === b.terminated?.exitCode
  );
}
