import type { Node } from '../../api/core.js';
import { readManifest } from '../../api/manifest.js';
import type { KubernetesObject } from '../../api/meta.js';
import { infoOfKind } from '../../api/resources.js';
import { Serializer } from '../../api/serialize.js';
import type { Patch } from '../../apiserver/request.js';
import type { Recording } from '../controllers-recording.js';

type Json = Record<string, unknown>;

/** The object that a recorded `create` sent, as the API server would read it. */
export function createdObject(recording: Recording, kind: string, raw: Json): KubernetesObject {
  const complete = kind === 'Job' ? withTemplate(recording, raw) : raw;
  const { object, errors } = readManifest(complete, { namespace: recording.header.id });
  if (errors.length > 0) throw new Error(`${recording.header.id}: ${kind}: ${errors.map(({ field, detail }) => `${field}: ${detail}`).join('; ')}`);
  return object;
}

/** Recordings hold a Job without its template; its pods show what was in it. */
function withTemplate(recording: Recording, raw: Json): Json {
  const spec = raw['spec'] as Json;
  if (spec['template'] !== undefined) return raw;
  const pod = recording.changes.find(({ kind, type }) => kind === 'Pod' && type === 'A')?.object as
    | { readonly metadata: { readonly annotations?: Record<string, string>; readonly labels?: Record<string, string> } }
    | undefined;
  const own = (entries: Record<string, string> | undefined) =>
    Object.fromEntries(Object.entries(entries ?? {}).filter(([key]) => !key.startsWith('batch.kubernetes.io/') && key !== 'controller-uid' && key !== 'job-name'));
  const template = {
    metadata: { annotations: own(pod?.metadata.annotations), labels: own(pod?.metadata.labels) },
    spec: {
      containers: [{ name: 'app', image: imageOf(recording), resources: { requests: { cpu: '10m', memory: '16Mi' } } }],
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 5,
    },
  };
  return { ...raw, spec: { ...spec, template } };
}

function imageOf(recording: Recording): string {
  for (const { kind, object } of recording.changes) {
    if (kind !== 'Pod') continue;
    const { containerStatuses } = object['status'] as { readonly containerStatuses?: readonly { readonly image: string }[] };
    if (containerStatuses !== undefined) return containerStatuses[0]!.image;
  }
  return 'registry.local/app:v1';
}

/** A strategic merge patch as recorded: maps are merged, lists of things with names by name, other lists replaced. */
export class RecordedPatch implements Patch {
  readonly bytes: number;
  private readonly change: Json;

  constructor(change: Json) {
    this.change = change;
    this.bytes = JSON.stringify(change).length;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const metadata = (this.change['metadata'] ?? {}) as { readonly annotations?: Record<string, string>; readonly labels?: Record<string, string> };
    const { annotations, labels } = metadata;
    const next: KubernetesObject = {
      ...current,
      metadata: {
        ...current.metadata,
        ...(annotations === undefined ? {} : { annotations: { ...current.metadata.annotations, ...annotations } }),
        ...(labels === undefined ? {} : { labels: { ...current.metadata.labels, ...labels } }),
      },
    };
    const spec = this.change['spec'] as Json | undefined;
    if (spec === undefined) return next;
    const raw = new Serializer().object(current);
    const { object } = readManifest({ ...raw, spec: merge(raw['spec'] as Json, spec) as Json }, { namespace: current.metadata.namespace });
    const read = (object as KubernetesObject & { readonly spec: Json }).spec;
    const merged = { ...(current as KubernetesObject & { readonly spec: Json }).spec };
    for (const key of Object.keys(spec)) merged[key] = read[key];
    return { ...next, spec: merged } as KubernetesObject;
  }
}

function merge(current: unknown, change: unknown): unknown {
  if (Array.isArray(change)) {
    if (!Array.isArray(current) || !change.every((item) => typeof item === 'object' && item !== null && 'name' in item)) return change;
    const named = new Map(current.map((item: Json) => [item['name'], item]));
    for (const item of change as Json[]) named.set(item['name'], merge(named.get(item['name']), item) as Json);
    return [...named.values()];
  }
  if (typeof change !== 'object' || change === null) return change;
  const result: Json = { ...(typeof current === 'object' && current !== null ? (current as Json) : {}) };
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

/** Plural name of a kind. */
export function resourceOf(kind: string): string {
  for (const version of ['v1', 'apps/v1', 'batch/v1', 'autoscaling/v2', 'policy/v1']) {
    const info = infoOfKind(version, kind);
    if (info !== undefined) return info.resource;
  }
  throw new Error(`the recording has a ${kind}, which is not served`);
}

/** Nodes that were there before a scenario began: 40 of one zone, of which as many as a DaemonSet was made for have its label. */
const NODES = 40;

export function standingNodes(recording: Recording): readonly Node[] {
  const selector = selectorOf(recording);
  const labelled = selector === undefined ? 0 : Number(recording.header.params['nodes'] ?? 0);
  const nodes: Node[] = [];
  for (let i = 0; i < NODES; i++) {
    const name = `node-${String(i).padStart(2, '0')}`;
    const labels = { type: 'kwok', 'kubernetes.io/hostname': name, ...(i < labelled ? selector : {}) };
    const amounts = { cpu: '32', memory: '256Gi', pods: '110' };
    const raw = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, status: { allocatable: amounts, capacity: amounts } };
    nodes.push(readManifest(raw).object as Node);
  }
  return nodes;
}

function selectorOf({ commands }: Recording): Record<string, string> | undefined {
  const made = commands.find(({ name }) => name.startsWith('create DaemonSet/'))?.object['spec'] as
    | { readonly template?: { readonly spec?: { readonly nodeSelector?: Record<string, string> } } }
    | undefined;
  return made?.template?.spec?.nodeSelector;
}
