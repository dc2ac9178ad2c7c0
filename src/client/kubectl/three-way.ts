import { equal } from '../../api/equal.js';
import type { KubernetesObject } from '../../api/meta.js';

/** The three-way merge of `kubectl apply` (apimachinery strategicpatch, client-side apply). Pure. */

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Keys by which lists of maps are merged instead of replaced (patchMergeKey tags of the API types). */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  ports: ['containerPort', 'port'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  topologySpreadConstraints: ['topologyKey'],
  conditions: ['type'],
  ownerReferences: ['uid'],
};

type Plain = Readonly<Record<string, unknown>>;

function isMap(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What of an object is configuration: no status, nothing that the server sets, without the annotation itself. */
function configuration(object: KubernetesObject): Plain {
  const { metadata, status: _status, ...rest } = object as KubernetesObject & { readonly status?: unknown };
  const { name, namespace, labels, annotations } = metadata;
  const { [LAST_APPLIED]: _last, ...others } = annotations ?? {};
  const kept = {
    name,
    ...(namespace === '' ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(Object.keys(others).length === 0 ? {} : { annotations: others }),
  };
  return { ...rest, metadata: kept };
}

/** Text of the last-applied annotation of a manifest. */
export function lastApplied(manifest: KubernetesObject): string {
  return JSON.stringify(configuration(manifest));
}

/** A manifest as `kubectl apply` creates it: with the annotation. */
export function withLastApplied(manifest: KubernetesObject): KubernetesObject {
  const annotations = { ...manifest.metadata.annotations, [LAST_APPLIED]: lastApplied(manifest) };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

/**
 * The object after `kubectl apply` of a manifest: fields of the manifest win, fields that the last applied manifest had and this one
 * has not go, all others stay. The same reference when nothing changes.
 */
export function mergeThreeWay(manifest: KubernetesObject, current: KubernetesObject): KubernetesObject {
  const text = current.metadata.annotations?.[LAST_APPLIED];
  const original = text === undefined ? {} : (JSON.parse(text) as Plain);
  const wanted = configuration(withoutAnnotation(manifest));
  const annotated = withLastApplied(manifest).metadata.annotations!;
  const modified = { ...wanted, metadata: { ...(wanted['metadata'] as Plain), annotations: annotated } };
  const merged = mergeMaps(original, modified, current as unknown as Plain) as unknown as KubernetesObject;
  return equal(merged, current) ? current : merged;
}

function withoutAnnotation(manifest: KubernetesObject): KubernetesObject {
  const { [LAST_APPLIED]: _last, ...annotations } = manifest.metadata.annotations ?? {};
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

function mergeMaps(original: Plain, modified: Plain, current: Plain): Plain {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(current)) {
    if (modified[key] !== undefined || original[key] === undefined) result[key] = value;
  }
  for (const [key, value] of Object.entries(modified)) {
    if (value !== undefined) result[key] = mergeValue(key, original[key], value, current[key]);
  }
  return result;
}

function mergeValue(key: string, original: unknown, modified: unknown, current: unknown): unknown {
  if (isMap(modified) && isMap(current)) return mergeMaps(isMap(original) ? original : {}, modified, current);
  if (!Array.isArray(modified) || !Array.isArray(current)) return modified;
  const by = mergeKey(key, [...modified, ...current]);
  return by === undefined ? modified : mergeLists(by, Array.isArray(original) ? original : [], modified, current);
}

/** The key that all items of both lists have; undefined: the list is replaced whole. */
function mergeKey(key: string, items: readonly unknown[]): string | undefined {
  return MERGE_KEYS[key]?.find((name) => items.every((item) => isMap(item) && item[name] !== undefined));
}

/** Items of the manifest in its order, then those that others have added. */
function mergeLists(by: string, original: readonly Plain[], modified: readonly Plain[], current: readonly Plain[]): readonly Plain[] {
  const find = (list: readonly Plain[], value: unknown) => list.find((item) => isMap(item) && item[by] === value);
  const merged = modified.map((item) => {
    const now = find(current, item[by]);
    return now === undefined ? item : mergeMaps(find(original, item[by]) ?? {}, item, now);
  });
  const added = current.filter((item) => find(modified, item[by]) === undefined && find(original, item[by]) === undefined);
  return [...merged, ...added];
}
