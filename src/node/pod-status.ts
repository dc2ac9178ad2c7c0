import type { Container, ContainerState, ContainerStatus, Pod, PodPhase, PodSpec, PodStatus } from '../api/core.js';
import { mergedStatus } from '../api/copies.js';
import type { Condition, ConditionStatus } from '../api/meta.js';
import type { Time } from '../kernel/time.js';
import { SharedText } from './event-texts.js';

/** Pod status from what the kubelet sees of the containers (pkg/kubelet/kubelet_pods.go, status/generate.go). Pure. */

/** What the kubelet knows of one container. */
export interface ContainerView {
  readonly spec: Container;
  /** Restartable init container. */
  readonly sidecar: boolean;
  /** Its state and its last one as the status tells them. */
  readonly shownState: ContainerState;
  readonly shownLastState: ContainerState | undefined;
  readonly ready: boolean;
  readonly started: boolean;
  readonly observedRestarts: number;
}

/** What the kubelet knows of one pod. */
export interface PodView {
  readonly init: readonly ContainerView[];
  readonly main: readonly ContainerView[];
  readonly sandboxReady: boolean;
  readonly podIP: string | undefined;
  readonly hostIP: string;
  /** All containers have stopped for ever (the pod is terminating and its processes are gone, or it ran to its end). */
  readonly terminated: boolean;
  /** The kubelet ended it (eviction, active deadline): Failed once its containers are gone, whatever their exit codes. */
  readonly failed: boolean;
}

/** Phase from container states (kubelet_pods.go getPhase). */
export function podPhase(spec: PodSpec, view: PodView): PodPhase {
  let failedInit = 0;
  let pendingInit = 0;
  for (const container of view.init) {
    const { running, terminated, waiting } = container.shownState;
    if (container.sidecar) {
      if (!container.started && terminated === undefined && !view.terminated) pendingInit++;
    } else if (terminated !== undefined) {
      if (terminated.exitCode !== 0) failedInit++;
    } else if (waiting !== undefined) {
      const last = container.shownLastState?.terminated;
      if (last !== undefined && last.exitCode !== 0) failedInit++;
      pendingInit++;
    } else if (running !== undefined) pendingInit++;
  }
  let running = 0;
  let waiting = 0;
  let stopped = 0;
  let succeeded = 0;
  for (const container of view.main) {
    const state = container.shownState;
    if (state.running !== undefined) running++;
    else if (state.terminated !== undefined) {
      stopped++;
      if (state.terminated.exitCode === 0) succeeded++;
    } else if (container.shownLastState?.terminated !== undefined) stopped++;
    else waiting++;
  }
  const never = spec.restartPolicy === 'Never';
  if (failedInit > 0 && never) return 'Failed';
  if (view.terminated && running === 0) {
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

/** Whether a condition is written by the kubelet (pkg/kubelet/types/pod_status.go PodConditionByKubelet); others are kept as they are. */
export function isKubeletCondition(type: string): boolean {
  switch (type) {
    case 'PodScheduled':
    case 'Ready':
    case 'Initialized':
    case 'ContainersReady':
    case 'PodReadyToStartContainers':
      return true;
    default:
      return false;
  }
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
  const hasInit = view.init.length > 0;
  const initContainerStatuses = hasInit ? shareStatuses(view.init, previous.initContainerStatuses) : previous.initContainerStatuses;
  const { podIP, hostIP } = view;
  if (
    phase === previous.phase &&
    conditions === previous.conditions &&
    containerStatuses === previous.containerStatuses &&
    initContainerStatuses === previous.initContainerStatuses &&
    podIP === previous.podIP &&
    hostIP === previous.hostIP &&
    previous.startTime !== undefined
  ) {
    return previous;
  }
  const fresh: Mutable<PodStatus> = { phase, conditions, hostIP, startTime: previous.startTime ?? now, containerStatuses };
  if (podIP !== undefined) fresh.podIP = podIP;
  if (hasInit) fresh.initContainerStatuses = initContainerStatuses!;
  if (previous.nominatedNodeName !== undefined) fresh.nominatedNodeName = previous.nominatedNodeName;
  return mergedStatus(previous, fresh, conditions);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

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
  const list = new ConditionList(previous ?? NO_CONDITIONS, now);
  list.add('PodReadyToStartContainers', view.sandboxReady ? 'True' : 'False');
  const uninitialized = phase === 'Succeeded' ? '' : namesOf(view.init, isUninitialized);
  if (uninitialized === '') list.add('Initialized', 'True', phase === 'Succeeded' ? 'PodCompleted' : undefined);
  else list.add('Initialized', 'False', 'ContainersNotInitialized', `containers with incomplete status: [${uninitialized}]`);
  if (isTerminalPhase(phase)) {
    const ended = phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed';
    list.add('Ready', 'False', ended);
    list.add('ContainersReady', 'False', ended);
  } else {
    const sidecars = namesOf(view.init, isUnreadySidecar);
    const main = namesOf(view.main, isUnready);
    if (sidecars === '' && main === '') {
      list.add('Ready', 'True');
      list.add('ContainersReady', 'True');
    } else {
      const message = unready.of(sidecars === '' ? main : main === '' ? sidecars : `${sidecars} ${main}`);
      list.add('Ready', 'False', 'ContainersNotReady', message);
      list.add('ContainersReady', 'False', 'ContainersNotReady', message);
    }
  }
  const scheduled = pod.status.conditions?.find(isScheduled);
  list.add('PodScheduled', 'True', scheduled?.reason, scheduled?.message);
  return list.end();
}

const NO_CONDITIONS: readonly Condition[] = [];

/** The conditions of pods of one template share their message. */
const unready = new SharedText('containers with unready status: [', ']');

/** The kubelet's conditions of a pod, one after the other: as long as they are those it had, nothing is copied. */
class ConditionList {
  private readonly previous: readonly Condition[];
  private readonly now: Time;
  /** So many of the previous ones are in it from the front, and nothing else while there is no list. */
  private kept = 0;
  private list: Condition[] | null = null;
  private changed = false;

  constructor(previous: readonly Condition[], now: Time) {
    this.previous = previous;
    this.now = now;
  }

  add(type: string, status: ConditionStatus, reason?: string, message?: string): void {
    const { previous, kept } = this;
    const old = kept < previous.length && previous[kept]!.type === type ? previous[kept]! : conditionOf(previous, type);
    if (old !== undefined && old.status === status && old.reason === reason && old.message === message) {
      this.take(old);
      return;
    }
    this.changed = true;
    const since = old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : this.now;
    this.push(
      reason === undefined
        ? { type, status, lastTransitionTime: since, ...(message === undefined ? undefined : { message }) }
        : message === undefined
          ? { type, status, lastTransitionTime: since, reason }
          : { type, status, lastTransitionTime: since, reason, message },
    );
  }

  private take(condition: Condition): void {
    if (this.list === null && this.previous[this.kept] === condition) this.kept++;
    else this.push(condition);
  }

  private push(condition: Condition): void {
    this.list ??= this.previous.slice(0, this.kept);
    this.list.push(condition);
  }

  /** The list with the conditions of others; the previous one when nothing changed. */
  end(): readonly Condition[] {
    const { previous } = this;
    for (let i = 0; i < previous.length; i++) if (!isKubeletCondition(previous[i]!.type)) this.take(previous[i]!);
    const { list, kept } = this;
    if (!this.changed && (list === null ? kept : list.length) === previous.length) return previous;
    // It stays as long as the pod does: without the room that growing left behind it.
    return list === null ? previous.slice(0, kept) : list.slice();
  }
}

function conditionOf(conditions: readonly Condition[], type: string): Condition | undefined {
  for (let i = 0; i < conditions.length; i++) if (conditions[i]!.type === type) return conditions[i];
  return undefined;
}

function isScheduled(condition: Condition): boolean {
  return condition.type === 'PodScheduled';
}

/** Names of the containers of which something is so, with blanks between them. */
function namesOf(containers: readonly ContainerView[], isSo: (container: ContainerView) => boolean): string {
  let names = '';
  for (let i = 0; i < containers.length; i++) {
    const container = containers[i]!;
    if (isSo(container)) names = names === '' ? container.spec.name : `${names} ${container.spec.name}`;
  }
  return names;
}

function isUninitialized(container: ContainerView): boolean {
  return container.sidecar ? !container.started : container.shownState.terminated?.exitCode !== 0;
}

function isUnready(container: ContainerView): boolean {
  return !container.ready;
}

function isUnreadySidecar(container: ContainerView): boolean {
  return container.sidecar && !container.ready;
}

function shareStatuses(
  views: readonly ContainerView[],
  previous: readonly ContainerStatus[] | undefined,
): readonly ContainerStatus[] {
  let list: ContainerStatus[] | null = previous !== undefined && previous.length === views.length ? null : [];
  for (let i = 0; i < views.length; i++) {
    const view = views[i]!;
    const old = previous?.[i];
    const status = old !== undefined && saysSo(old, view) ? old : statusOf(view);
    if (list === null && status !== old) list = previous!.slice(0, i);
    if (list !== null) list.push(status);
  }
  return list === null ? previous! : list.slice();
}

function saysSo(status: ContainerStatus, view: ContainerView): boolean {
  return (
    status.name === view.spec.name &&
    status.image === view.spec.image &&
    status.ready === view.ready &&
    status.started === view.started &&
    status.restartCount === view.observedRestarts &&
    sameState(status.state, view.shownState) &&
    sameState(status.lastState, view.shownLastState)
  );
}

function statusOf({ spec, ready, started, observedRestarts, shownState: state, shownLastState: lastState }: ContainerView): ContainerStatus {
  const { name, image } = spec;
  return lastState === undefined
    ? { name, image, ready, started, restartCount: observedRestarts, state }
    : { name, image, ready, started, restartCount: observedRestarts, state, lastState };
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
