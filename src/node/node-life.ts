import type { Container, ContainerStatus, Pod } from '../api/core.js';
import type { Condition } from '../api/meta.js';
import type { Time } from '../kernel/time.js';
import type { Fleet } from './fleet.js';
import { dropWork } from './kubelet-restart.js';
import type { NodeRecord } from './node-record.js';
import type { ContainerRecord, PodRecord } from './records.js';
import { CREATING, EXITED, RUNNING, WAITING, WORK_IDLE, WORK_TERMINATED } from './records.js';
import type { PodAdmission } from './static-pods.js';
import { effectiveGraceSeconds } from './termination-policy.js';

/** Exit code that a kubelet gives to containers that it finds dead after the machine came back. */
const EXIT_CODE_UNKNOWN = 255;

/** What all pods that run since one instant have in common: shared, as there may be very many. */
const conditionsSince = new Map<Time, readonly Condition[]>();
const statusesOf = new WeakMap<readonly Container[], { readonly since: Time; readonly statuses: readonly ContainerStatus[] }>();

function trueConditions(since: Time): readonly Condition[] {
  let conditions = conditionsSince.get(since);
  if (conditions === undefined) {
    if (conditionsSince.size > 16) conditionsSince.clear();
    conditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
      (type): Condition => ({ type, status: 'True', lastTransitionTime: since }),
    );
    conditionsSince.set(since, conditions);
  }
  return conditions;
}

function runningStatuses(containers: readonly Container[], since: Time): readonly ContainerStatus[] {
  const known = statusesOf.get(containers);
  if (known?.since === since) return known.statuses;
  const statuses = containers.map((container) => ({
    name: container.name,
    image: container.image,
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: since } },
  }));
  statusesOf.set(containers, { since, statuses });
  return statuses;
}

/** A pod as it looks when it has been Running and Ready since `since`. */
export function runningPod(node: NodeRecord, pod: Pod, since: Time): Pod {
  const podIP = pod.spec.hostNetwork === true ? node.address : node.addresses.take();
  if (podIP === undefined) throw new Error(`node ${node.name} has no free pod address for ${pod.metadata.name}`);
  const init = (pod.spec.initContainers ?? []).map((container) =>
    container.restartPolicy === 'Always'
      ? {
          name: container.name,
          image: container.image,
          ready: true,
          started: true,
          restartCount: 0,
          state: { running: { startedAt: since } },
        }
      : {
          name: container.name,
          image: container.image,
          ready: true,
          started: false,
          restartCount: 0,
          state: { terminated: { reason: 'Completed', exitCode: 0, startedAt: since, finishedAt: since } },
        },
  );
  return {
    ...pod,
    status: {
      ...pod.status,
      phase: 'Running',
      conditions: trueConditions(since),
      hostIP: node.address,
      podIP,
      startTime: since,
      containerStatuses: runningStatuses(pod.spec.containers, since),
      ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    },
  };
}

/** Makes a record of a pod that runs already: nothing is pending, probes have passed, the application listens. */
export function adoptRunning(fleet: Fleet, record: PodRecord): void {
  const { node, pod } = record;
  record.address = pod.status.podIP;
  if (record.address !== undefined) node.addresses.claim(record.address);
  record.syncs = 1;
  record.prepared = true;
  record.sandbox = true;
  record.sandboxObserved = true;
  fleet.workers.termination.claimNode(record);
  for (const container of record.init) {
    if (container.sidecar) adoptContainer(fleet, container);
    else {
      const { terminated } =
        pod.status.initContainerStatuses?.find((status) => status.name === container.spec.name)?.state ?? {};
      container.state = EXITED;
      container.observedState = EXITED;
      container.ready = true;
      container.startedAt = terminated?.startedAt ?? 0;
      container.finishedAt = terminated?.finishedAt ?? 0;
      container.observed = terminated === undefined ? container.observed : { terminated };
    }
    keepImage(fleet, container);
  }
  for (const container of record.main) {
    adoptContainer(fleet, container);
    keepImage(fleet, container);
  }
  fleet.prober.adopt(record);
}

function keepImage(fleet: Fleet, container: ContainerRecord): void {
  if (!fleet.hasImage(container.pod.node, container.spec.image)) fleet.images.keep(container.pod.node, container.spec.image);
}

function adoptContainer(fleet: Fleet, container: ContainerRecord): void {
  const { pod } = container;
  const statuses = container.init ? pod.pod.status.initContainerStatuses : pod.pod.status.containerStatuses;
  const status = statuses?.find((candidate) => candidate.name === container.spec.name);
  const now = fleet.simulation.now;
  container.restarts = status?.restartCount ?? 0;
  container.observedRestarts = container.restarts;
  const startedAt = Math.min(now, status?.state.running?.startedAt ?? now);
  fleet.runtime.begin(container, startedAt);
  container.observedState = RUNNING;
  container.observed = status?.state.running === undefined ? { running: { startedAt } } : status.state;
  container.started = true;
  container.ready = true;
  if (container.listening || container.listenAt === Number.POSITIVE_INFINITY) return;
  // A pod that is Ready listens, however long its start-up would have taken.
  if (container.hasWork) {
    fleet.simulation.cancel(container.work.listenEvent);
    container.work.listenEvent = 0;
  }
  container.listenAt = now;
  fleet.runtime.listens(container);
}

/** The machine stops: processes die, pending work is dropped, nothing is sent. */
export function crash(fleet: Fleet, node: NodeRecord): void {
  if (!node.up && !node.kubeletDown) return;
  dropWork(fleet, node);
  node.kubeletDown = false;
  fleet.simulation.cancel(node.kubeletEvent);
  fleet.simulation.cancel(node.runtimeEvent);
  node.kubeletEvent = 0;
  node.runtimeEvent = 0;
  node.runtimeBackAt = Math.min(node.runtimeBackAt, fleet.simulation.now);
  node.runtimeStarts = null;
  fleet.volumes?.crash(node);
  for (const pod of [...node.pods.values()]) {
    for (const container of pod.init) crashContainer(fleet, container);
    for (const container of pod.main) crashContainer(fleet, container);
    fleet.configurations.drop(pod);
    pod.sandbox = false;
    pod.lost = true;
    pod.detached = false;
    if (!pod.gone) continue;
    // The API knows nothing of it any more, and nothing is left of it here.
    fleet.workers.termination.releaseNode(pod);
    fleet.statuses.forgetPod(pod);
  }
}

function crashContainer(fleet: Fleet, container: ContainerRecord): void {
  fleet.runtime.cancelEvents(container);
  container.dropWork();
  container.probedFrom = Number.NEGATIVE_INFINITY;
  if (container.state === RUNNING) fleet.runtime.end(container, EXIT_CODE_UNKNOWN);
}

/** The machine and its kubelet come back. Pods wait until the API has told of them (the kubelet's sources must be ready). */
export function restart(fleet: Fleet, node: NodeRecord): void {
  if (node.up) return;
  node.up = true;
  node.startedAt = fleet.simulation.now;
  fleet.heartbeats.startCold(node);
  fleet.evictions.resume(node);
}

/** The API tells of a pod that the node held when it crashed. */
export function resumePod(fleet: Fleet, pod: PodRecord, intake: PodAdmission): void {
  pod.lost = false;
  // The last steps of a termination were lost: they are repeated.
  if (pod.work === WORK_TERMINATED) {
    fleet.workers.termination.resume(pod);
    return;
  }
  const { metadata, spec } = pod.pod;
  pod.work = WORK_IDLE;
  pod.lastSyncEnd = Number.NEGATIVE_INFINITY;
  pod.syncs = 0;
  pod.prepared = false;
  pod.sandboxObserved = false;
  pod.ended = false;
  pod.terminating = false;
  pod.finished = false;
  fleet.workers.termination.releaseNode(pod);
  for (const container of [...pod.init, ...pod.main]) revive(container, spec.restartPolicy);
  if (metadata.deletionTimestamp !== undefined) {
    fleet.workers.terminate(
      pod,
      effectiveGraceSeconds(metadata.deletionGracePeriodSeconds, spec.terminationGracePeriodSeconds),
    );
    return;
  }
  intake.admit(pod);
}

/** A container found dead after a reboot starts anew in the new sandbox, unless it must not be restarted. */
function revive(container: ContainerRecord, restartPolicy: 'Always' | 'OnFailure' | 'Never'): void {
  container.ready = false;
  container.started = false;
  container.backOff = { backOff: 0, lastUpdate: 0 };
  container.waitingReason = '';
  if (container.lastTermination === null) {
    container.state = WAITING;
    return;
  }
  if (restartPolicy === 'Never' || (restartPolicy === 'OnFailure' && container.exitCode === 0)) {
    container.observedState = container.state;
    container.observed = container.lastTermination;
    return;
  }
  container.state = WAITING;
  container.observedState = WAITING;
  container.observed = CREATING;
  container.lastState = container.lastTermination;
  container.restarts++;
  container.pod.restarts++;
}
