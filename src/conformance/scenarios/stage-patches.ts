import type { ContainerState, Node, Pod } from '../../api/core.js';
import type { Condition, KubernetesObject } from '../../api/meta.js';
import type { Patch } from '../../apiserver/request.js';
import { SECOND, type Time } from '../../kernel/time.js';

/** What the recordings' KWOK stages write: statuses of pods and nodes. */

const BYTES = 900;

/** Stage a pod is brought to. */
export type PodStage = 'running' | 'ready' | 'succeeded' | 'failed';

function wholeSeconds(time: Time): Time {
  return Math.floor(time / SECOND) * SECOND;
}

/** Conditions with those given in place of the ones of the same type, as a strategic merge keyed by type makes them. */
function merged(current: readonly Condition[] | undefined, changes: readonly Condition[]): readonly Condition[] {
  const kept = (current ?? []).filter(({ type }) => !changes.some((change) => change.type === type));
  return [...changes, ...kept];
}

/** Brings a pod to a stage. */
export class PodStagePatch implements Patch {
  readonly bytes = BYTES;
  private readonly stage: PodStage;
  private readonly now: Time;
  private readonly address: string;

  constructor(stage: PodStage, now: Time, address: string) {
    this.stage = stage;
    this.now = wholeSeconds(now);
    this.address = address;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const pod = current as Pod;
    const { now, stage } = this;
    const running = stage === 'running' || stage === 'ready';
    const conditions = merged(pod.status.conditions, this.conditions(pod));
    const exitCode = stage === 'failed' ? 1 : 0;
    const reason = stage === 'failed' ? 'Error' : 'Completed';
    const state: ContainerState = running ? { running: { startedAt: now } } : { terminated: { exitCode, reason, startedAt: now, finishedAt: now } };
    const containerStatuses = pod.spec.containers.map(({ name, image }, i) => {
      const before = pod.status.containerStatuses?.[i]?.state;
      return { name, image, ready: stage === 'ready', restartCount: 0, state: stage === 'ready' && before !== undefined ? before : state };
    });
    const phase = running ? 'Running' : stage === 'failed' ? 'Failed' : 'Succeeded';
    const first = stage === 'running' ? { startTime: now, podIP: this.address, hostIP: this.address } : {};
    return { ...pod, status: { ...pod.status, ...first, phase, conditions, containerStatuses } } as Pod;
  }

  private conditions(pod: Pod): readonly Condition[] {
    const { now, stage } = this;
    const condition = (type: string, status: 'True' | 'False', rest: Partial<Condition> = {}): Condition => ({ type, status, lastTransitionTime: now, ...rest });
    const waiting = { reason: 'ContainersNotReady', message: `containers with unready status: [${pod.spec.containers.map(({ name }) => name).join(' ')}]` };
    switch (stage) {
      case 'running':
        return [
          condition('PodReadyToStartContainers', 'True'),
          condition('Initialized', 'True'),
          condition('Ready', 'False', waiting),
          condition('ContainersReady', 'False', waiting),
        ];
      case 'ready':
        // The merge leaves reason and message of the conditions as they were.
        return [condition('Ready', 'True', waiting), condition('ContainersReady', 'True', waiting)];
      default: {
        const reason = stage === 'failed' ? 'PodFailed' : 'PodCompleted';
        return [condition('Ready', 'False', { reason }), condition('ContainersReady', 'False', { reason })];
      }
    }
  }
}

/** Conditions of a node that is well, by type: status, reason, message. */
const NODE_CONDITIONS: readonly (readonly [string, 'True' | 'False', string, string])[] = [
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['NetworkUnavailable', 'False', 'RouteCreated', 'RouteController created a route'],
];

/** Reports a node as well. */
export class NodeStagePatch implements Patch {
  readonly bytes = BYTES;
  private readonly now: Time;

  constructor(now: Time) {
    this.now = wholeSeconds(now);
  }

  apply(current: KubernetesObject): KubernetesObject {
    const node = current as Node;
    const { now } = this;
    const conditions = NODE_CONDITIONS.map(([type, status, reason, message]): Condition => {
      const before = node.status.conditions?.find((condition) => condition.type === type);
      const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now;
      return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime };
    });
    return { ...node, status: { ...node.status, conditions } } as Node;
  }
}
