import { commandTarget, type RecordedChange, type Recording } from '../controllers-recording.js';
import { Names, ownerOf } from './names.js';

/** What a run of a scenario showed, as texts that are comparable between a recording and its replay. */
export interface Facts {
  readonly names: Names;
  /** Objects that were created, by kind and owner: how many. */
  readonly created: ReadonlyMap<string, number>;
  /** Transitions of each condition of each object, in order: `status/reason: message`. */
  readonly conditions: ReadonlyMap<string, readonly string[]>;
  /** Pods that were evicted, or made at a stale revision, under the keys of `created`: as many more were created. */
  readonly evicted: ReadonlyMap<string, number>;
  /** Each object that is left, with its specification's size, status and revision. */
  readonly final: ReadonlyMap<string, string>;
  /** What commands answered or printed, in order. */
  readonly answers: readonly string[];
  /** Names of objects that are made from times, and orders of names, exactly. */
  readonly orders: ReadonlyMap<string, readonly string[]>;
}

interface RawCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

interface RawStatus {
  readonly conditions?: readonly RawCondition[];
}

/** Kinds whose conditions are followed. */
const CONDITIONED = new Set(['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'HorizontalPodAutoscaler', 'PodDisruptionBudget']);
/** Fields of a status that say when, or who, and not what. */
const NOT_COMPARED = /Time$|^conditions$|^currentMetrics$|^uncountedTerminatedPods$|^disruptedPods$|^collisionCount$|^active$|Revision$/;

/** Reads the facts from a recording, real or simulated. */
export function factsOf(recording: Recording): Facts {
  const names = new Names(recording);
  const created = new Map<string, number>();
  const evicted = new Map<string, number>();
  const conditions = new Map<string, string[]>();
  const orders = new Map<string, string[]>();
  const going = new Set<string>();
  const deletions = new Deletions();
  for (const change of recording.changes) {
    const { kind, type } = change;
    if (kind === 'Event' || kind === 'Lease' || kind === 'Node') continue;
    const key = keyOf(change, names);
    if (type === 'A') {
      created.set(key, (created.get(key) ?? 0) + 1);
      if (kind === 'Job') push(orders, 'Jobs', change.name);
    }
    if (kind === 'Pod') followPod(change, key, evicted, deletions, going);
    if (kind === 'StatefulSet' && type !== 'D') deletions.specified(change);
    if (CONDITIONED.has(kind) && type !== 'D') followConditions(conditions, names, change);
  }
  deletions.settle(orders);
  return { names, created, evicted, conditions, final: finals(recording, names), answers: answersOf(recording, names), orders };
}

/** The order in which pods of StatefulSets go, from one change of the specification to the next. */
class Deletions {
  readonly orders = new Map<string, string[]>();
  private readonly together = new Set<string>();
  private readonly phases = new Map<string, { generation: number; replicas: number; name: string }>();

  /** A StatefulSet changed. */
  specified({ name, object }: RecordedChange): void {
    const { generation = 0 } = object['metadata'] as { readonly generation?: number };
    const { replicas = 1, podManagementPolicy } = object['spec'] as { readonly replicas?: number; readonly podManagementPolicy?: string };
    const phase = this.phases.get(name);
    if (phase !== undefined && phase.generation === generation) return;
    const next = { generation, replicas, name: `deletions of ${name} after change ${generation}` };
    if (phase !== undefined && replicas < phase.replicas && podManagementPolicy === 'Parallel') this.together.add(next.name);
    this.phases.set(name, next);
  }

  /** A pod goes; false: the same one as last. */
  add(set: string, pod: string): boolean {
    const phase = this.phases.get(set)?.name ?? `deletions of ${set}`;
    if (this.orders.get(phase)?.at(-1) === pod) return false;
    push(this.orders, phase, pod);
    return true;
  }

  /** Pods that go in one batch of 1, 2, 4, … go in any order. */
  settle(into: Map<string, string[]>): void {
    for (const [phase, order] of this.orders) {
      const result: string[] = [];
      const grows = this.together.has(phase);
      for (let i = 0, size = 1; i < order.length; i += size, size *= grows ? 2 : 1) result.push(...order.slice(i, i + size).sort());
      into.set(phase, result);
    }
  }
}

function keyOf(change: RecordedChange, names: Names): string {
  const owner = names.text(ownerOf(change));
  return owner === '' ? change.kind : `${change.kind} of ${owner}`;
}

/** Counts pods that taints evict, and keeps the order in which a StatefulSet's pods go. */
function followPod({ name, object }: RecordedChange, key: string, evicted: Map<string, number>, deletions: Deletions, going: Set<string>): void {
  const { uid, deletionTimestamp } = object['metadata'] as { readonly uid: string; readonly deletionTimestamp?: string };
  if (deletionTimestamp === undefined || going.has(uid)) return;
  going.add(uid);
  const { conditions } = object['status'] as RawStatus;
  if (conditions?.some(({ type, reason }) => type === 'DisruptionTarget' && reason === 'DeletionByTaintManager') === true) evicted.set(key, (evicted.get(key) ?? 0) + 1);
  // A stale status lets a pod be made again at its old revision, which then goes once more: the way there counts once.
  const set = ownerName(key, 'StatefulSet');
  if (set !== undefined && !deletions.add(set, name)) evicted.set(key, (evicted.get(key) ?? 0) + 1);
}

function ownerName(key: string, kind: string): string | undefined {
  const start = `Pod of ${kind}/`;
  return key.startsWith(start) ? key.slice(start.length) : undefined;
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function followConditions(conditions: Map<string, string[]>, names: Names, change: RecordedChange): void {
  const status = change.object['status'] as RawStatus | undefined;
  for (const { type, status: value, reason, message } of status?.conditions ?? []) {
    const key = `${change.kind} ${names.text(change.name)} ${type}`;
    const text = names.text(`${value}/${reason ?? ''}: ${message ?? ''}`);
    if (conditions.get(key)?.at(-1) !== text) push(conditions, key, text);
  }
}

/** Counters and conditions of a status. */
function statusText(change: RecordedChange, names: Names): string {
  const status = change.object['status'] as Record<string, unknown> | undefined;
  if (status === undefined) return '';
  const parts: string[] = [];
  for (const key of Object.keys(status).sort()) {
    const value = status[key];
    if (key === 'observedGeneration') {
      // How often a size was changed on the way is not compared, but that the last change was seen.
      const { generation } = change.object['metadata'] as { readonly generation?: number };
      parts.push(value === generation ? 'current' : 'stale');
      continue;
    }
    if (NOT_COMPARED.test(key) || value === 0 || value === null || typeof value === 'object') continue;
    parts.push(`${key}=${String(value)}`);
  }
  const conditions = ((status as RawStatus).conditions ?? []).map(({ type, status: value, reason, message }) => `${type}=${value}/${reason ?? ''}: ${message ?? ''}`);
  return names.text([...parts, ...conditions.sort()].join(', '));
}

function finals(recording: Recording, names: Names): Map<string, string> {
  const texts = new Map<string, string>();
  const pods = new Map<string, number>();
  for (const change of recording.final) {
    const { kind, name, object } = change;
    if (kind === 'Event' || kind === 'Lease' || kind === 'Node') continue;
    const spec = object['spec'] as { readonly replicas?: number; readonly template?: { readonly image?: string }; readonly paused?: boolean } | undefined;
    const { annotations } = object['metadata'] as { readonly annotations?: Readonly<Record<string, string>> };
    const status = statusText(change, names);
    if (kind === 'Pod') {
      const { phase, conditions } = object['status'] as { readonly phase: string } & RawStatus;
      const states = (conditions ?? []).map(({ type, status: value }) => `${type}=${value}`).sort();
      const text = `Pod of ${names.text(ownerOf(change) || name)}: ${phase} ${states.join(' ')}`;
      pods.set(text, (pods.get(text) ?? 0) + 1);
      continue;
    }
    const own = Object.entries(annotations ?? {}).filter(([key]) => key.startsWith('deployment.kubernetes.io/')).map(([key, value]) => `${key.slice(key.indexOf('/') + 1)}=${value}`);
    const size = spec?.replicas === undefined ? '' : `replicas ${spec.replicas} `;
    const image = spec?.template?.image === undefined || kind === 'Job' ? '' : `image ${spec.template.image} `;
    const revision = object['revision'] === undefined ? '' : `revision ${String(object['revision'])} `;
    const key = kind === 'ControllerRevision' ? `${kind} ${String(object['revision'])}` : `${kind} ${names.text(name)}`;
    texts.set(key, `${size}${image}${revision}${own.sort().join(' ')} ${status}`.trim());
  }
  for (const [text, count] of pods) texts.set(text, String(count));
  return texts;
}

/** Answers to evictions, and what kubectl printed. */
function answersOf(recording: Recording, names: Names): string[] {
  const answers: string[] = [];
  for (const { name, object } of recording.commands) {
    if (name.startsWith('kubectl ')) answers.push(`${name}: ${String(object['err'] ?? '')} ${names.text(String(object['out'] ?? ''))}`);
    else if (commandTarget(name).verb === 'evict') {
      const { code, message, reason, causes } = object as {
        readonly code: number;
        readonly message?: string;
        readonly reason?: string;
        readonly causes?: readonly { readonly reason?: string; readonly message?: string }[];
      };
      const cause = causes?.[0] === undefined ? '' : ` (${causes[0].reason ?? ''}: ${causes[0].message ?? ''})`;
      answers.push(`evict: ${code} ${reason ?? ''} ${message ?? ''}${cause}`.trim());
    }
  }
  return answers;
}
