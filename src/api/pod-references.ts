import type { Container, Pod, PodSpec } from './core.js';
import { claimNames } from './volumes.js';

/** ConfigMaps and Secrets that a pod reads on its node, and tokens that it is given (pkg/kubelet). */

/** One object; `keys` must be in it. */
export interface ObjectReference {
  readonly resource: 'configmaps' | 'secrets';
  readonly name: string;
  readonly keys: readonly string[];
  /** It, or its keys, may be missing. */
  readonly optional: boolean;
}

/** What of a ConfigMap or Secret is read. */
export interface ConfigurationObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** A reference of a volume, or a token of the service account. */
export type VolumeReference =
  | (ObjectReference & { readonly volume: string })
  | { readonly volume: string; readonly resource: 'token'; readonly seconds: number };

interface RawItems {
  readonly name?: string;
  readonly secretName?: string;
  readonly optional?: boolean;
  readonly items?: readonly { readonly key?: string }[];
}

interface RawSource {
  readonly configMap?: RawItems;
  readonly secret?: RawItems;
  readonly serviceAccountToken?: { readonly expirationSeconds?: number };
}

interface RawKey {
  readonly name?: string;
  readonly key?: string;
  readonly optional?: boolean;
}

const NONE: readonly never[] = [];
const volumesOf = new WeakMap<object, readonly VolumeReference[]>();
const environmentOf = new WeakMap<Container, readonly ObjectReference[]>();

/** What the volumes of a pod read, in order. A projected volume with a token counts as one reference to that token. */
export function volumeReferences(spec: PodSpec): readonly VolumeReference[] {
  const { volumes } = spec;
  if (volumes === undefined) return NONE;
  let references = volumesOf.get(volumes);
  if (references === undefined) {
    const list: VolumeReference[] = [];
    for (const volume of volumes) {
      const sources = (volume['projected'] as { readonly sources?: readonly RawSource[] } | undefined)?.sources ?? [volume as RawSource];
      const token = sources.find(({ serviceAccountToken }) => serviceAccountToken !== undefined)?.serviceAccountToken;
      if (token !== undefined) list.push({ volume: volume.name, resource: 'token', seconds: token.expirationSeconds ?? 3600 });
      else {
        for (const { configMap, secret } of sources) {
          if (configMap !== undefined) list.push({ volume: volume.name, ...reference('configmaps', configMap.name, configMap) });
          if (secret !== undefined) list.push({ volume: volume.name, ...reference('secrets', secret.secretName ?? secret.name, secret) });
        }
      }
    }
    references = list.length === 0 ? NONE : list;
    volumesOf.set(volumes, references);
  }
  return references;
}

function reference(resource: 'configmaps' | 'secrets', name: string | undefined, { items, optional }: RawItems): ObjectReference {
  return { resource, name: name ?? '', keys: (items ?? []).map(({ key = '' }) => key), optional: optional ?? false };
}

/** What the environment of a container reads: envFrom, then env. */
export function environmentReferences(container: Container): readonly ObjectReference[] {
  const known = environmentOf.get(container);
  if (known !== undefined) return known;
  const list: ObjectReference[] = [];
  const from = container.extra?.['envFrom'] as readonly { readonly configMapRef?: RawKey; readonly secretRef?: RawKey }[] | undefined;
  for (const { configMapRef, secretRef } of from ?? []) {
    if (configMapRef !== undefined) list.push(keyed('configmaps', configMapRef));
    if (secretRef !== undefined) list.push(keyed('secrets', secretRef));
  }
  for (const { valueFrom } of container.env ?? []) {
    const { configMapKeyRef, secretKeyRef } = (valueFrom ?? {}) as { readonly configMapKeyRef?: RawKey; readonly secretKeyRef?: RawKey };
    if (configMapKeyRef !== undefined) list.push(keyed('configmaps', configMapKeyRef));
    if (secretKeyRef !== undefined) list.push(keyed('secrets', secretKeyRef));
  }
  const references = list.length === 0 ? NONE : list;
  environmentOf.set(container, references);
  return references;
}

function keyed(resource: 'configmaps' | 'secrets', { name = '', key, optional = false }: RawKey): ObjectReference {
  return { resource, name, keys: key === undefined ? [] : [key], optional };
}

/**
 * What is missing of a referenced object that was read: the first key, or empty. Volumes take binaryData of ConfigMaps too, environments
 * do not (`texts`).
 */
export function missingKey({ keys }: ObjectReference, { data = {}, binaryData = {}, stringData = {} }: ConfigurationObject, texts = false): string {
  return keys.find((key) => !Object.hasOwn(data, key) && !Object.hasOwn(stringData, key) && (texts || !Object.hasOwn(binaryData, key))) ?? '';
}

/** The kind of objects that a static pod refers to and may not, since it must run without the API (gate PreventStaticPodAPIReferences); undefined: none. */
export function staticPodReference(pod: Pod): string | undefined {
  const { spec } = pod;
  if (spec.serviceAccountName !== undefined) return 'serviceaccounts';
  const volumes = volumeReferences(spec);
  for (const { resource } of [...volumes, ...[...(spec.initContainers ?? []), ...spec.containers].flatMap(environmentReferences)])
    if (resource !== 'token') return resource;
  if (volumes.length > 0) return 'serviceaccounts (via a projected token)';
  if (claimNames(pod).length > 0) return 'persistentvolumeclaims';
  return (spec.resourceClaims ?? []).length > 0 ? 'resourceclaims' : undefined;
}
