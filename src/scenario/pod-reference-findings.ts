import type { Container, PodSpec } from '../api/core.js';
import { keyOf, type KubernetesObject } from '../api/meta.js';
import { nearestName } from '../api/nearest.js';
import type { Place } from './findings.js';
import type { LoadedObject } from './manifests.js';
import type { Path } from './source.js';
import type { Finding } from './types.js';

/** What pods of a scenario will wait for in vain: objects that they name and that nothing makes. */

type Kind = 'ConfigMap' | 'Secret' | 'PersistentVolumeClaim';

/** How `kubectl get pods` tells that an object is missing, by what names it. */
const WAITING = {
  volume: 'ContainerCreating (FailedMount)',
  environment: 'CreateContainerConfigError',
  claim: 'Pending (unschedulable)',
} as const;

interface Mention {
  readonly kind: Kind;
  readonly name: string;
  readonly path: Path;
  readonly waits: keyof typeof WAITING;
}

/** Objects that controllers make in every namespace. */
const MADE: readonly string[] = ['ConfigMap kube-root-ca.crt'];

interface RawName {
  readonly name?: string;
  readonly secretName?: string;
  readonly optional?: boolean;
}

interface RawVolume {
  readonly configMap?: RawName;
  readonly secret?: RawName;
  readonly projected?: { readonly sources?: readonly RawVolume[] };
  readonly persistentVolumeClaim?: { readonly claimName?: string };
}

/** The pod of an object and where it stands: of a Pod, a workload's template, or a CronJob's. */
function podOf(object: KubernetesObject): { readonly spec: PodSpec; readonly path: Path } | undefined {
  const { spec } = object as { readonly spec?: { readonly template?: { readonly spec?: PodSpec }; readonly jobTemplate?: { readonly spec?: { readonly template?: { readonly spec?: PodSpec } } } } };
  if (object.kind === 'Pod') return { spec: spec as unknown as PodSpec, path: ['spec'] };
  if (spec?.template?.spec !== undefined) return { spec: spec.template.spec, path: ['spec', 'template', 'spec'] };
  const nested = spec?.jobTemplate?.spec?.template?.spec;
  return nested === undefined ? undefined : { spec: nested, path: ['spec', 'jobTemplate', 'spec', 'template', 'spec'] };
}

function volumeMentions(volume: RawVolume, path: Path): Mention[] {
  const { configMap, secret, projected, persistentVolumeClaim } = volume;
  const mentions: Mention[] = [];
  if (configMap?.name !== undefined && configMap.optional !== true) mentions.push({ kind: 'ConfigMap', name: configMap.name, path: [...path, 'configMap', 'name'], waits: 'volume' });
  const secretName = secret?.secretName ?? secret?.name;
  if (secretName !== undefined && secret!.optional !== true) {
    mentions.push({ kind: 'Secret', name: secretName, path: [...path, 'secret', secret!.secretName === undefined ? 'name' : 'secretName'], waits: 'volume' });
  }
  const claim = persistentVolumeClaim?.claimName;
  if (claim !== undefined) mentions.push({ kind: 'PersistentVolumeClaim', name: claim, path: [...path, 'persistentVolumeClaim', 'claimName'], waits: 'claim' });
  projected?.sources?.forEach((source, i) => {
    mentions.push(...volumeMentions(source, [...path, 'projected', 'sources', i]));
  });
  return mentions;
}

function environmentMentions(container: Container, path: Path): Mention[] {
  const mentions: Mention[] = [];
  const note = (kind: Kind, raw: RawName | undefined, at: Path): void => {
    if (raw?.name !== undefined && raw.optional !== true) mentions.push({ kind, name: raw.name, path: [...at, 'name'], waits: 'environment' });
  };
  const from = container.extra?.['envFrom'] as readonly { readonly configMapRef?: RawName; readonly secretRef?: RawName }[] | undefined;
  from?.forEach(({ configMapRef, secretRef }, i) => {
    note('ConfigMap', configMapRef, [...path, 'envFrom', i, 'configMapRef']);
    note('Secret', secretRef, [...path, 'envFrom', i, 'secretRef']);
  });
  container.env?.forEach(({ valueFrom }, i) => {
    const { configMapKeyRef, secretKeyRef } = (valueFrom ?? {}) as { readonly configMapKeyRef?: RawName; readonly secretKeyRef?: RawName };
    note('ConfigMap', configMapKeyRef, [...path, 'env', i, 'valueFrom', 'configMapKeyRef']);
    note('Secret', secretKeyRef, [...path, 'env', i, 'valueFrom', 'secretKeyRef']);
  });
  return mentions;
}

function mentionsOf(spec: PodSpec, path: Path): Mention[] {
  const mentions = (spec.volumes ?? []).flatMap((volume, i) => volumeMentions(volume as RawVolume, [...path, 'volumes', i]));
  for (const key of ['initContainers', 'containers'] as const) {
    spec[key]?.forEach((container, i) => {
      mentions.push(...environmentMentions(container, [...path, key, i]));
    });
  }
  return mentions;
}

/**
 * ConfigMaps, Secrets and claims that pods name, that are not optional, and that neither the manifests nor the timeline make. A
 * workload is told once of each. `kubelets`: false when no node has one (KWOK's nodes mount nothing).
 */
export function podReferenceFindings(loaded: readonly LoadedObject[], kubelets: boolean, place: Place): Finding[] {
  const known = new Set(loaded.map(({ object }) => `${object.kind} ${keyOf(object)}`));
  const findings: Finding[] = [];
  for (const { object, item } of loaded) {
    const pod = podOf(object);
    if (pod === undefined) continue;
    const { namespace, name: owner } = object.metadata;
    const told = new Set<string>();
    for (const { kind, name, path, waits } of mentionsOf(pod.spec, pod.path)) {
      const what = `${kind} ${name}`;
      if (told.has(what) || MADE.includes(what) || known.has(`${kind} ${namespace}/${name}`)) continue;
      if (waits !== 'claim' && !kubelets) continue;
      told.add(what);
      const others = [...known].filter((each) => each.startsWith(`${kind} ${namespace}/`)).map((each) => each.slice(kind.length + namespace.length + 2));
      const nearest = nearestName(name, others);
      const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
      findings.push({
        severity: 'warning',
        message: `${object.kind} "${owner}" names ${kind} "${name}", which neither a manifest nor the timeline makes in namespace ${namespace}: its pods will wait: ${WAITING[waits]}${hint}`,
        position: place(item, path),
      });
    }
  }
  return findings;
}
