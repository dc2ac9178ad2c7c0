import { equal } from '../../api/equal.js';
import type { KubernetesObject } from '../../api/meta.js';
import { readManifest } from '../../api/manifest.js';
import { Serializer } from '../../api/serialize.js';
import type { Patch } from '../../apiserver/request.js';
import type { PatchType } from './stage.js';
import { applyJson } from './json-patch.js';

type Fields = Readonly<Record<string, unknown>>;
type WithStatus = KubernetesObject & { readonly status: Fields };

/** Lists of a status that a strategic merge patch merges by a key (patchMergeKey in k8s.io/api core/v1). */
const MERGE_KEYS: Readonly<Record<string, string>> = { conditions: 'type', addresses: 'type' };
/** Maps of a status, which both kinds of merge patch merge key by key. */
const MAPS: ReadonlySet<string> = new Set(['capacity', 'allocatable', 'nodeInfo']);

/** A merge patch of the status of a Pod or Node, as typed fields. */
export class StatusPatch implements Patch {
  readonly bytes: number;
  readonly status: Fields;
  /** Fields that the patch sets to null. */
  readonly removed: readonly string[];
  readonly strategic: boolean;
  /** It holds the present instant, so that it always changes something. */
  readonly stamped: boolean;

  constructor(status: Fields, removed: readonly string[], strategic: boolean, stamped: boolean, bytes: number) {
    this.status = status;
    this.removed = removed;
    this.strategic = strategic;
    this.stamped = stamped;
    this.bytes = bytes;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const old = (current as WithStatus).status;
    // Not by spreading: keys added to a spread object give it a hidden class of its own in V8 of Node 20.
    const status: Record<string, unknown> = Object.assign({}, old);
    let changed = false;
    for (const key in this.status) {
      const merged = this.merged(key, old[key], this.status[key]);
      if (merged === old[key] || equal(merged, old[key])) continue;
      status[key] = merged;
      changed = true;
    }
    for (const key of this.removed) {
      if (old[key] === undefined) continue;
      delete status[key];
      changed = true;
    }
    return changed ? ({ ...current, status } as KubernetesObject) : current;
  }

  private merged(key: string, old: unknown, wanted: unknown): unknown {
    if (old === undefined) return wanted;
    if (MAPS.has(key)) return { ...(old as Fields), ...(wanted as Fields) };
    const mergeKey = this.strategic ? MERGE_KEYS[key] : undefined;
    return mergeKey === undefined ? wanted : mergeLists(old as readonly Fields[], wanted as readonly Fields[], mergeKey);
  }
}

/**
 * A strategic merge of two lists by a key (apimachinery pkg/util/strategicpatch mergeSlice): items of one key are merged; the order is
 * that of the server's list, with new items before those that only the server has.
 */
export function mergeLists(old: readonly Fields[], wanted: readonly Fields[], key: string): readonly Fields[] {
  const position = new Map(old.map((item, i) => [item[key], i] as const));
  const patched = new Set(wanted.map((item) => item[key]));
  const serverOnly = old.filter((item) => !patched.has(item[key]));
  const result: Fields[] = [];
  let next = 0;
  for (const item of wanted) {
    const at = position.get(item[key]);
    if (at === undefined) {
      result.push(item);
      continue;
    }
    while (next < serverOnly.length && position.get(serverOnly[next]![key])! < at) result.push(serverOnly[next++]!);
    result.push({ ...old[at], ...item });
  }
  while (next < serverOnly.length) result.push(serverOnly[next++]!);
  return result;
}

/** Any other patch: worked out on the object's JSON, which is read again. */
export class JsonDataPatch implements Patch {
  readonly bytes: number;
  readonly type: PatchType;
  readonly data: unknown;
  readonly startTime: number;

  constructor(type: PatchType, data: unknown, startTime: number) {
    this.type = type;
    this.data = data;
    this.startTime = startTime;
    this.bytes = JSON.stringify(data ?? null).length;
  }

  /** Throws an error when the patch cannot be applied or does not give an object of this kind. */
  apply(current: KubernetesObject): KubernetesObject {
    const before = new Serializer(this.startTime).object(current);
    const after = applyJson(this.type, before, this.data);
    if (equal(after, before)) return current;
    const { object, errors } = readManifest(after as Record<string, unknown>, { startTime: this.startTime });
    if (errors.length > 0) throw new Error(`the patch gives an invalid ${current.kind}: ${errors[0]!.field}: ${errors[0]!.detail}`);
    const { resourceVersion, generation, uid, creationTimestamp } = current.metadata;
    return { ...object, metadata: { ...object.metadata, resourceVersion, generation, uid, creationTimestamp } };
  }
}

