import { decodeBase64 } from '../api/base64.js';
import type { Container, Pod, ResourceList, Service } from '../api/core.js';
import { type ConfigurationObject, environmentReferences } from '../api/pod-references.js';
import { resourceAmount } from '../api/quantity.js';
import { serviceVariables } from './service-environment.js';

/** The variables of a container as its kubelet makes them (pkg/kubelet/kubelet_pods.go makeEnvironmentVariables). Pure. */

interface Source {
  readonly fieldRef?: { readonly fieldPath?: string };
  readonly resourceFieldRef?: { readonly containerName?: string; readonly resource?: string; readonly divisor?: string | number };
  readonly configMapKeyRef?: { readonly key?: string };
  readonly secretKeyRef?: { readonly key?: string };
}

/** What a container's environment is made of. */
export interface EnvironmentSources {
  /** Services that the pod knew when the container was created. */
  readonly services: readonly Service[];
  /** What `environmentReferences` name, in that order, as it was read then; null: an optional object that was not there. Null: nothing was read. */
  readonly objects: readonly (ConfigurationObject | null)[] | null;
  /** Of the node: the limits of containers that have none (defaultPodLimitsForDownwardAPI). */
  readonly allocatable: ResourceList;
}

/**
 * envFrom first, in its order, each with its prefix; then env, with $(NAME) put in and contents, fields and resources looked up; then the
 * variables of Services whose names are still free. Variables from objects that have not been read are left out.
 */
export function containerEnvironment(pod: Pod, container: Container, { services, objects, allocatable }: EnvironmentSources): Record<string, string> {
  const links = serviceVariables(services);
  const result: Record<string, string> = {};
  const references = environmentReferences(container);
  let next = 0;
  for (const { prefix = '' } of envFrom(container)) {
    const reference = references[next]!;
    const held = contents(reference.resource, objects?.[next++] ?? null);
    for (const key of Object.keys(held)) result[prefix + key] = held[key]!;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const source = (valueFrom ?? {}) as Source;
    const key = (source.configMapKeyRef ?? source.secretKeyRef)?.key;
    let text: string | undefined;
    if (valueFrom === undefined) text = expand(value ?? '', (variable) => result[variable] ?? links[variable]);
    else if (key !== undefined) {
      const reference = references[next]!;
      text = contents(reference.resource, objects?.[next++] ?? null)[key];
    } else if (source.resourceFieldRef !== undefined) text = resourceOf(pod, container, source.resourceFieldRef, allocatable);
    else text = fieldOf(pod, source.fieldRef?.fieldPath ?? '');
    if (text !== undefined) result[name] = text;
  }
  for (const name in links) result[name] ??= links[name]!;
  return result;
}

/** The entries of envFrom that refer to something. */
function envFrom({ extra }: Container): { readonly prefix?: string }[] {
  const entries = (extra?.['envFrom'] ?? []) as readonly { readonly prefix?: string; readonly configMapRef?: unknown; readonly secretRef?: unknown }[];
  return entries.filter(({ configMapRef, secretRef }) => configMapRef !== undefined || secretRef !== undefined);
}

/** Texts by key: a ConfigMap's data (not its binaryData), a Secret's, decoded. */
function contents(resource: 'configmaps' | 'secrets', object: ConfigurationObject | null): Record<string, string> {
  const { data = {}, stringData = {} } = object ?? {};
  if (resource === 'configmaps') return data;
  const result: Record<string, string> = {};
  for (const key of Object.keys(data)) {
    const text = decodeBase64(data[key]!);
    if (text !== undefined) result[key] = text;
  }
  return { ...result, ...stringData };
}

/** Downward API (pkg/fieldpath). */
function fieldOf({ metadata, spec, status }: Pod, path: string): string | undefined {
  const listed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (listed !== null) return metadata[listed[1] as 'labels' | 'annotations']?.[listed[2]!] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace;
    case 'metadata.uid':
      return metadata.uid;
    case 'spec.nodeName':
      return spec.nodeName;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.hostIP':
    case 'status.hostIPs':
      return status.hostIP;
    case 'status.podIP':
    case 'status.podIPs':
      return status.podIP;
    default:
      return undefined;
  }
}

/** A request or limit of a container, in units of the divisor, rounded up (pkg/api/v1/resource ExtractContainerResourceValue). */
function resourceOf(pod: Pod, own: Container, { containerName, resource = '', divisor }: NonNullable<Source['resourceFieldRef']>, allocatable: ResourceList): string | undefined {
  const of = containerName === undefined || containerName === '' ? own : [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(({ name }) => name === containerName);
  const dot = resource.indexOf('.');
  const kind = resource.slice(0, dot);
  const name = resource.slice(dot + 1);
  if (of === undefined || (kind !== 'limits' && kind !== 'requests')) return undefined;
  const amount = of.resources?.[kind]?.[name] ?? (kind === 'limits' ? (allocatable[name] ?? 0) : 0);
  const given = divisor === undefined || divisor === '' || divisor === 0 || divisor === '0' ? 1 : divisor;
  return String(Math.ceil(amount / resourceAmount(name, given)));
}

/** `$(NAME)` by its value, as it stands when there is none; `$$` is a dollar (third_party/forked/golang/expansion). */
function expand(text: string, value: (name: string) => string | undefined): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (all, name: string | undefined) => (name === undefined ? '$' : (value(name) ?? all)));
}
