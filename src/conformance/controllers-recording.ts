import { InputError } from '../scenario/input-error.js';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Pod } from '../api/core.js';
import type { Condition, KubernetesObject, ObjectMeta, OwnerReference } from '../api/meta.js';
import { parseTimestamp } from '../api/timestamps.js';
import type { Time } from '../kernel/time.js';

/** Recordings of real controllers: one JSON object a line, a header and then every change as a watcher saw it. */

export interface RecordingHeader {
  readonly id: string;
  readonly group: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly startUnixMs: number;
  readonly versions?: { readonly note?: string };
}

/** One change of one object, or an action of the driver (`CMD`). */
export interface RecordedChange {
  /** Nanoseconds since the start of the scenario. */
  readonly time: Time;
  readonly revision: number;
  readonly type: 'A' | 'M' | 'D' | 'CMD' | 'FINAL';
  readonly kind: string;
  /** Name of the object; for a CMD its text. */
  readonly name: string;
  readonly object: Record<string, unknown>;
}

export interface Recording {
  readonly header: RecordingHeader;
  /** Changes in order of their revision. */
  readonly changes: readonly RecordedChange[];
  readonly commands: readonly RecordedChange[];
  readonly final: readonly RecordedChange[];
}

interface Line {
  readonly t?: number;
  readonly rv?: number;
  readonly e?: RecordedChange['type'];
  readonly k?: string;
  readonly n?: string;
  readonly o?: Record<string, unknown>;
}

/** A line of a recording. Throws InputError with its place when it is no JSON object. */
function parsed(path: string, index: number, line: string): unknown {
  try {
    const value = JSON.parse(line) as unknown;
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below.
  }
  throw new InputError({ file: path, position: { line: index + 1, column: 1 }, message: 'expected a JSON object on each line', sourceLine: line.slice(0, 120) });
}

/** The first line. Throws InputError when it lacks what a replay needs. */
function headerOf(path: string, line = ''): RecordingHeader {
  const header = parsed(path, 0, line) as RecordingHeader;
  const { id, group, params, startUnixMs } = header;
  if (typeof id === 'string' && typeof group === 'string' && typeof params === 'object' && params !== null && Number.isFinite(startUnixMs)) return header;
  throw new InputError({ file: path, position: { line: 1, column: 1 }, message: 'expected a header with id, group, params and startUnixMs', sourceLine: line.slice(0, 120) });
}

/** Reads a recording (NDJSON, compressed with gzip or not). */
export function readRecording(path: string): Recording {
  const bytes = readFileSync(path);
  const text = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes).toString('utf8') : bytes.toString('utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  const header = headerOf(path, lines[0]);
  const changes: RecordedChange[] = [];
  const commands: RecordedChange[] = [];
  const final: RecordedChange[] = [];
  for (let i = 1; i < lines.length; i++) {
    const { t, rv, e, k, n, o } = parsed(path, i, lines[i]!) as Line;
    const change: RecordedChange = {
      time: Math.round((t ?? 0) * 1e6),
      revision: rv ?? 0,
      type: e ?? 'CMD',
      kind: k ?? '',
      name: n ?? '',
      object: o ?? {},
    };
    if (change.type === 'CMD') commands.push(change);
    else if (change.type === 'FINAL') final.push(change);
    else changes.push(change);
  }
  changes.sort((a, b) => a.revision - b.revision);
  return { header, changes, commands, final };
}

interface RawMeta {
  readonly name?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
}

/** A recorded timestamp as time since the start of the scenario. */
export function recordedTime(header: RecordingHeader, text: unknown): Time | undefined {
  const milliseconds = typeof text === 'string' ? parseTimestamp(text) : undefined;
  return milliseconds === undefined ? undefined : Math.round((milliseconds - header.startUnixMs) * 1e6);
}

/** Metadata of a recorded object. Owner references are recorded without uid; the name stands in for it. */
export function recordedMeta(header: RecordingHeader, change: RecordedChange): ObjectMeta {
  const raw = (change.object['metadata'] ?? {}) as RawMeta;
  const deletionTimestamp = recordedTime(header, raw.deletionTimestamp);
  const owners = raw.ownerReferences?.map(
    ({ kind, name }): OwnerReference => ({ apiVersion: '', kind, name, uid: name, controller: true, blockOwnerDeletion: true }),
  );
  return {
    name: raw.name ?? change.name,
    namespace: header.id,
    uid: raw.uid ?? change.name,
    resourceVersion: change.revision,
    generation: raw.generation ?? 0,
    creationTimestamp: recordedTime(header, raw.creationTimestamp) ?? 0,
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(raw.deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds: raw.deletionGracePeriodSeconds }),
    ...(raw.labels === undefined ? {} : { labels: raw.labels }),
    ...(raw.annotations === undefined ? {} : { annotations: raw.annotations }),
    ...(raw.finalizers === undefined ? {} : { finalizers: raw.finalizers }),
    ...(owners === undefined ? {} : { ownerReferences: owners }),
  };
}

/** Conditions of a recorded object, with times since the start. */
export function recordedConditions(header: RecordingHeader, object: Record<string, unknown>): readonly Condition[] | undefined {
  const status = object['status'] as { readonly conditions?: readonly Record<string, string>[] } | undefined;
  return status?.conditions?.map((raw): Condition => {
    const { lastTransitionTime, lastUpdateTime, lastProbeTime: _p, lastHeartbeatTime: _h, ...rest } = raw;
    const transition = recordedTime(header, lastTransitionTime);
    const update = recordedTime(header, lastUpdateTime);
    return {
      ...(rest as unknown as Condition),
      ...(transition === undefined ? {} : { lastTransitionTime: transition }),
      ...(update === undefined ? {} : { lastUpdateTime: update }),
    };
  });
}

/** A recorded pod. */
export function recordedPod(header: RecordingHeader, change: RecordedChange): Pod {
  const { spec, status } = change.object as { spec?: Partial<Pod['spec']>; status?: Partial<Pod['status']> };
  const conditions = recordedConditions(header, change.object);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: recordedMeta(header, change),
    spec: { containers: [], schedulerName: 'default-scheduler', restartPolicy: 'Always', terminationGracePeriodSeconds: 30, ...spec },
    status: {
      phase: status?.phase ?? 'Pending',
      ...(conditions === undefined ? {} : { conditions }),
      ...(status?.containerStatuses === undefined ? {} : { containerStatuses: status.containerStatuses }),
    },
  };
}

/** Kind and name of the object that a command is about: `patch Deployment/web`. */
export function commandTarget(text: string): { readonly verb: string; readonly kind: string; readonly name: string } {
  const match = /^(\w+) (\w+)\/(\S+)$/.exec(text);
  return match === null ? { verb: text, kind: '', name: '' } : { verb: match[1]!, kind: match[2]!, name: match[3]! };
}

/** Any recorded object with its metadata. */
export function recordedObject(header: RecordingHeader, change: RecordedChange): KubernetesObject {
  return { ...change.object, apiVersion: '', kind: change.kind, metadata: recordedMeta(header, change) } as KubernetesObject;
}
