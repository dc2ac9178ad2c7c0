import { parseTimestamp } from '../../api/timestamps.js';
import { QUARANTINE } from '../../controllers/pod-gc.js';
import { MILLISECOND, SECOND, type Time } from '../../kernel/time.js';
import { commandTarget, type RecordedChange, type Recording } from '../controllers-recording.js';
import type { AuditedRequest } from './audit-log.js';
import type { LostNode } from './lost-nodes.js';
import { resourceOf } from './objects.js';

/** A take of a scenario: the recording, or the one before it that the audit log is of. */
export interface Take {
  readonly recording: Recording;
  /** Nodes that others deleted, with a pod of the scenario on each. */
  readonly lost: readonly LostNode[];
}

/** Takes that begin further apart than this are not the same. */
const SAME_TAKE = 60 * SECOND;
/** From the deletion of a node to the deletion of its pods by the garbage collector: quarantine and one to two of its rounds. */
const ORPHANED = QUARANTINE + 30 * SECOND;

/**
 * The take that the requests are of. Some scenarios were recorded again after nodes with their pods had been deleted: for the take
 * before, which pods became ready when, when the metrics API answered and which pods were lost come from its requests.
 */
export function auditedTake(recording: Recording, requests: readonly AuditedRequest[]): Take {
  const { header, commands } = recording;
  const sent = requests.filter(([, component, verb]) => component === 'user(recorder)' && verb === 'create');
  const first = sent[0];
  if (first === undefined) return { recording, lost: [] };
  const startUnixMs = millisecondsOf(first[0]) - (commands[0]?.time ?? 0) / MILLISECOND;
  if (Math.abs(startUnixMs - header.startUnixMs) * MILLISECOND < SAME_TAKE) return { recording, lost: [] };
  const endOf: EndOf = (at, milliseconds) => Math.round((millisecondsOf(at) + milliseconds - startUnixMs) * MILLISECOND);
  const lives = new PodLives(requests, endOf);
  const others = recording.changes.filter(({ kind }) => kind !== 'Pod' && kind !== 'HorizontalPodAutoscaler');
  const changes = [...others, ...lives.changes, ...looksOf(requests, endOf)].sort((a, b) => a.time - b.time);
  const times = sent.map(([at, , , resource, name]) => ({ resource, name, time: endOf(at, 0) }));
  return { recording: { ...recording, header: { ...header, startUnixMs }, changes, commands: shifted(commands, times) }, lost: lives.lost };
}

function millisecondsOf(text: string): number {
  return parseTimestamp(text) ?? 0;
}

/** A request by the user, since the start of the take. */
interface Sent {
  readonly resource: string;
  readonly name: string | null;
  readonly time: Time;
}

/** Commands at the times of the user's requests; others as long after the one before as they were, states as long before the one after. */
function shifted(commands: readonly RecordedChange[], sent: readonly Sent[]): readonly RecordedChange[] {
  const shifts = commands.map((command) => {
    const { verb, kind, name } = commandTarget(command.name);
    const request = verb === 'create' ? sent.find((one) => one.resource === resourceOf(kind) && one.name === name) : undefined;
    return request === undefined ? undefined : request.time - command.time;
  });
  let shift: Time = 0;
  return commands.map((command, i) => {
    shift = shifts[i] ?? (/^reached/.test(command.name) ? shifts[i + 1] : undefined) ?? shift;
    return { ...command, time: command.time + shift };
  });
}

/** The end of a request, since the start of the take. */
type EndOf = (begin: string, milliseconds: number) => Time;

/** When the autoscaler was made, and when it had each answer of the metrics API. */
function looksOf(requests: readonly AuditedRequest[], endOf: EndOf): readonly RecordedChange[] {
  const changes: RecordedChange[] = [];
  for (const [at, component, verb, resource, name, , milliseconds] of requests) {
    const made = verb === 'create' && resource === 'horizontalpodautoscalers';
    const looked = component === 'kcm:horizontal-pod-autoscaler' && verb === 'list' && resource === 'pods';
    if (!made && !looked) continue;
    const time = endOf(at, milliseconds);
    changes.push({ time, revision: 0, type: made ? 'A' : 'M', kind: 'HorizontalPodAutoscaler', name: name ?? '', object: {} });
  }
  return changes;
}

/** Pods of a ReplicaSet as their bindings and statuses tell, in order of their bindings. */
class PodLives {
  readonly changes: RecordedChange[] = [];
  readonly lost: LostNode[] = [];

  constructor(requests: readonly AuditedRequest[], endOf: EndOf) {
    const stages = new Map<string, number>();
    const bound = new Map<string, Time>();
    for (const [at, component, verb, resource, pod, , milliseconds] of requests) {
      if (pod === null) continue;
      const time = endOf(at, milliseconds);
      if (verb === 'create' && resource === 'pods/binding') {
        bound.set(pod, time);
        this.add(pod, time, 'A', {});
      } else if (component === 'kubelet(kwok)' && verb === 'patch' && resource === 'pods/status') {
        const stage = (stages.get(pod) ?? 0) + 1;
        stages.set(pod, stage);
        this.add(pod, time, 'M', { phase: 'Running', conditions: stage > 1 ? [{ type: 'Ready', status: 'True' }] : [] });
      } else if (component === 'kcm:pod-garbage-collector' && verb === 'delete') {
        this.lost.push({ ordinal: [...bound.keys()].indexOf(pod), time: Math.max(time - ORPHANED, (bound.get(pod) ?? 0) + SECOND) });
      }
    }
  }

  private add(name: string, time: Time, type: 'A' | 'M', status: Record<string, unknown>): void {
    const owner = { kind: 'ReplicaSet', name: name.slice(0, name.lastIndexOf('-')) };
    const object = { metadata: { name, uid: name, ownerReferences: [owner] }, spec: { nodeName: 'node' }, status };
    this.changes.push({ time, revision: 0, type, kind: 'Pod', name, object });
  }
}
