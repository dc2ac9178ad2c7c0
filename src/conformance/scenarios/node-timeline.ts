import { SECOND, type Time } from '../../kernel/time.js';
import type { RecordedChange, Recording } from '../controllers-recording.js';
import type { Tally } from '../controllers-tally.js';

/**
 * What becomes of nodes whose kubelets stop, and of their pods: times from each cause to its effect. The recorded machine was up to
 * half a second late; what waits for a period of the controller (5 s) may differ by that period.
 */
const LATE = 0.6 * SECOND;
const GRACE = 50 * SECOND;
/** node-monitor-period, and the noExecute taint pass. */
const PERIOD = 5 * SECOND;
/** One node of a zone every ten seconds (--node-eviction-rate 0.1). */
const EVICTION_INTERVAL = 10 * SECOND;
/** A pod's replacement is created this soon after the pod is marked for deletion. */
const REPLACEMENT = 1.5 * SECOND;

interface NodeHistory {
  unknown: Time;
  noSchedule: Time;
  noExecute: Time;
  ready: Time;
  noScheduleOff: Time;
  noExecuteOff: Time;
  lastLease: Time;
}

interface PodHistory {
  readonly node: string;
  readonly toleration: Time;
  marked: Time;
  gone: Time;
}

const NEVER = -1;

interface Taint {
  readonly key: string;
  readonly effect: string;
}

class NodeHistories {
  readonly nodes = new Map<string, NodeHistory>();
  readonly pods = new Map<string, PodHistory>();
  readonly additions: Time[] = [];
  readonly stopped: Time;
  readonly continued: Time;
  readonly toleration: Time;

  constructor(recording: Recording) {
    this.stopped = recording.commands.find(({ name }) => name.includes('SIGSTOP'))?.time ?? NEVER;
    this.continued = recording.commands.find(({ name }) => name.includes('SIGCONT'))?.time ?? Number.POSITIVE_INFINITY;
    this.toleration = tolerationOf(recording);
    if (this.stopped === NEVER) return;
    for (const change of recording.changes) {
      if (change.kind === 'Node' && change.type !== 'D') this.node(change);
      else if (change.kind === 'Lease' && change.type !== 'D') this.lease(change);
      else if (change.kind === 'Pod') this.pod(change);
    }
  }

  private node({ name, object, time }: RecordedChange): void {
    if (time < this.stopped) return;
    const { taints = [] } = object['spec'] as { readonly taints?: readonly Taint[] };
    const { conditions = [] } = object['status'] as { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
    const ready = conditions.find(({ type }) => type === 'Ready')?.status;
    const has = (effect: string): boolean => taints.some((taint) => taint.key === 'node.kubernetes.io/unreachable' && taint.effect === effect);
    let history = this.nodes.get(name);
    if (history === undefined) {
      if (ready !== 'Unknown') return;
      history = { unknown: time, noSchedule: NEVER, noExecute: NEVER, ready: NEVER, noScheduleOff: NEVER, noExecuteOff: NEVER, lastLease: this.leases.get(name) ?? NEVER };
      this.nodes.set(name, history);
    }
    if (history.noSchedule === NEVER && has('NoSchedule')) history.noSchedule = time;
    if (history.noExecute === NEVER && has('NoExecute')) history.noExecute = time;
    if (history.ready === NEVER && ready === 'True' && time > this.continued) history.ready = time;
    if (history.ready === NEVER) return;
    if (history.noScheduleOff === NEVER && !has('NoSchedule')) history.noScheduleOff = time;
    if (history.noExecuteOff === NEVER && history.noExecute !== NEVER && !has('NoExecute')) history.noExecuteOff = time;
  }

  private readonly leases = new Map<string, Time>();

  private lease({ name, time }: RecordedChange): void {
    if (time < this.continued) this.leases.set(name, time);
  }

  private pod({ name, object, type, time }: RecordedChange): void {
    const { nodeName = '' } = object['spec'] as { readonly nodeName?: string };
    const { deletionTimestamp } = object['metadata'] as { readonly deletionTimestamp?: string };
    if (type === 'A' && time > this.stopped) this.additions.push(time);
    let history = this.pods.get(name);
    if (history === undefined) {
      if (nodeName === '') return;
      history = { node: nodeName, toleration: this.toleration, marked: NEVER, gone: NEVER };
      this.pods.set(name, history);
    }
    if (history.marked === NEVER && deletionTimestamp !== undefined) history.marked = time;
    if (type === 'D') history.gone = time;
  }
}

/** tolerationSeconds for unreachable nodes: the Deployment's own, else what admission adds. */
function tolerationOf(recording: Recording): Time {
  const spec = recording.commands.find(({ name }) => /^create (Deployment|StatefulSet|DaemonSet)\//.test(name))?.object['spec'] as
    | { readonly template?: { readonly spec?: { readonly tolerations?: readonly { readonly key?: string; readonly tolerationSeconds?: number }[] } } }
    | undefined;
  const own = spec?.template?.spec?.tolerations?.find(({ key }) => key === 'node.kubernetes.io/unreachable')?.tolerationSeconds;
  return (own ?? 300) * SECOND;
}

export function compareNodes(real: Recording, model: Recording, tally: Tally): void {
  const a = new NodeHistories(real);
  const b = new NodeHistories(model);
  if (a.stopped === NEVER) return;
  tally.check(a.nodes.size === b.nodes.size, 'nodes that became unknown', String(a.nodes.size), String(b.nodes.size));
  for (const [side, histories] of [['recorded', a], ['simulated', b]] as const) checkNodes(side, histories, tally);
  const tainted = (histories: NodeHistories): number => [...histories.nodes.values()].filter(({ noExecute }) => noExecute !== NEVER).length;
  tally.check(tainted(a) === tainted(b), 'nodes with the taint NoExecute', String(tainted(a)), String(tainted(b)));
}

/** Each rule on the times of one side. */
function checkNodes(side: string, histories: NodeHistories, tally: Tally): void {
  const rule = (name: string, what: string, time: Time, low: Time, high: Time): void => {
    const text = time === NEVER ? 'never' : `${(time / SECOND).toFixed(2)} s`;
    const expected = `${(low / SECOND).toFixed(1)} to ${(high / SECOND).toFixed(1)} s`;
    tally.check(time !== NEVER && time >= low && time <= high, `${side} node ${name}: ${what}`, side === 'recorded' ? text : expected, side === 'recorded' ? expected : text);
  };
  const since = (from: Time, to: Time): Time => (from === NEVER || to === NEVER ? NEVER : to - from);
  let previous: Time = NEVER;
  const inOrder = [...histories.nodes].sort(([, x], [, y]) => x.noExecute - y.noExecute);
  for (const [name, history] of inOrder) {
    const { unknown, noSchedule, noExecute, ready, lastLease } = history;
    // The grace period runs from the look of the controller that saw the last renewal.
    rule(name, 'last lease to unknown', since(lastLease, unknown), GRACE, GRACE + PERIOD + LATE);
    rule(name, 'unknown to NoSchedule', since(unknown, noSchedule), 0, LATE);
    if (noExecute !== NEVER) {
      if (previous === NEVER) rule(name, 'unknown to NoExecute, first node', since(unknown, noExecute), 0, LATE);
      else rule(name, 'NoExecute after the node before', noExecute - previous, EVICTION_INTERVAL - LATE, EVICTION_INTERVAL + LATE);
      previous = noExecute;
    }
    if (histories.continued === Number.POSITIVE_INFINITY) continue;
    rule(name, 'kubelet back to ready', since(histories.continued, ready), 0, LATE);
    rule(name, 'ready to NoSchedule off', since(ready, history.noScheduleOff), 0, LATE);
    if (noExecute !== NEVER) rule(name, 'ready to NoExecute off', since(ready, history.noExecuteOff), 0, PERIOD + LATE);
  }
  for (const [name, pod] of histories.pods) {
    const node = histories.nodes.get(pod.node);
    if (node === undefined || node.noExecute === NEVER) continue;
    if (node.noExecute + pod.toleration >= Math.min(node.ready === NEVER ? Number.POSITIVE_INFINITY : node.ready, histories.continued)) continue;
    if (pod.gone !== NEVER && pod.gone < node.noExecute) continue;
    if (pod.marked === NEVER && node.noExecuteOff === NEVER) continue;
    // Pods that came to the node when it was back.
    if (pod.marked === NEVER) continue;
    rule(name, 'NoExecute to the pod\'s deletion', since(node.noExecute, pod.marked), pod.toleration - LATE, pod.toleration + LATE);
    rule(name, 'replacement', nextAfter(histories.additions, pod.marked), 0, REPLACEMENT);
    rule(name, 'kubelet back to the pod gone', since(histories.continued, pod.gone), 0, LATE);
  }
}

function nextAfter(times: readonly Time[], time: Time): Time {
  for (const later of times) if (later >= time) return later - time;
  return NEVER;
}
