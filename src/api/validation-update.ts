import type { StatefulSet } from './apps.js';
import type { Job } from './batch.js';
import type { Container, Pod, Service } from './core.js';
import { equal } from './equal.js';
import type { FieldError } from './fields.js';
import { forbidden, invalid } from './fields.js';
import type { KubernetesObject, LabelSelector } from './meta.js';
import { validateKind, validateObject } from './validation.js';

/** What the API server refuses in an update on top of `validateObject`: changes of what may not change. */

/** Deployments, ReplicaSets and DaemonSets, as far as they matter here. */
interface Selecting extends KubernetesObject {
  readonly spec: { readonly selector: LabelSelector };
}

const IMMUTABLE = 'field is immutable';
const STATEFUL_SET =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
const POD =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** Kinds with something that updates may not change. */
const CHECKED: ReadonlySet<string> = new Set(['Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet', 'Job', 'Pod', 'Service']);

/** All problems of a new version of a stored object: of the version itself, and of the change. */
export function validateChange(current: KubernetesObject, wanted: KubernetesObject): readonly FieldError[] {
  const errors = validateVersion(current, wanted);
  if (!CHECKED.has(wanted.kind)) return errors;
  const changes = validateUpdate(current, wanted);
  return changes.length === 0 ? errors : [...errors, ...changes];
}

/** Names, labels and annotations that are those of the stored version were found good when that was written. */
function validateVersion({ metadata: old }: KubernetesObject, wanted: KubernetesObject): readonly FieldError[] {
  const { name, namespace, labels, annotations } = wanted.metadata;
  const known = name === old.name && namespace === old.namespace && labels === old.labels && annotations === old.annotations;
  if (!known) return validateObject(wanted);
  return validateKind(wanted);
}

/** Problems of an update from one version of an object to the next; empty when it is allowed. */
export function validateUpdate(current: KubernetesObject, wanted: KubernetesObject): FieldError[] {
  if ((current as { spec?: unknown }).spec === (wanted as { spec?: unknown }).spec) return [];
  switch (`${wanted.apiVersion} ${wanted.kind}`) {
    case 'apps/v1 Deployment':
    case 'apps/v1 ReplicaSet':
    case 'apps/v1 DaemonSet':
      return immutable(current as Selecting, wanted as Selecting, 'selector');
    case 'apps/v1 StatefulSet':
      return statefulSet(current as StatefulSet, wanted as StatefulSet);
    case 'batch/v1 Job':
      return [
        ...immutable(current as Job, wanted as Job, 'completionMode'),
        ...immutable(current as Job, wanted as Job, 'selector'),
        ...immutable(current as Job, wanted as Job, 'template'),
      ];
    case 'v1 Pod':
      return pod(current as Pod, wanted as Pod);
    case 'v1 Service':
      return service(current as Service, wanted as Service);
    default:
      return [];
  }
}

function immutable<S extends object>(
  current: { readonly spec: S },
  wanted: { readonly spec: S },
  field: keyof S & string,
): FieldError[] {
  return equal(current.spec[field], wanted.spec[field])
    ? []
    : [invalid(`spec.${field}`, wanted.spec[field], IMMUTABLE)];
}

function statefulSet(current: StatefulSet, wanted: StatefulSet): FieldError[] {
  return equal(fixedPart(current), fixedPart(wanted)) ? [] : [forbidden('spec', STATEFUL_SET)];
}

/** What may never change in a StatefulSet. */
function fixedPart({ spec }: StatefulSet): unknown {
  const { selector, serviceName, podManagementPolicy, volumeClaimTemplates } = spec;
  return { selector, serviceName, podManagementPolicy, volumeClaimTemplates };
}

/** A bound pod keeps its spec but for images, its deadline and more tolerations; a binding sets the node. */
function pod(current: Pod, wanted: Pod): FieldError[] {
  const images = (
    from: readonly Container[] | undefined,
    to: readonly Container[] | undefined,
  ): readonly Container[] | undefined =>
    from?.map((container, i) => ({ ...container, image: to?.[i]?.image ?? container.image }));
  const { initContainers, activeDeadlineSeconds: _, ...before } = current.spec;
  const { activeDeadlineSeconds: __, ...after } = wanted.spec;
  const allowed = {
    ...before,
    containers: images(current.spec.containers, wanted.spec.containers),
    ...(initContainers === undefined ? {} : { initContainers: images(initContainers, wanted.spec.initContainers) }),
    ...(wanted.spec.tolerations === undefined ? {} : { tolerations: wanted.spec.tolerations }),
  };
  const kept = (current.spec.tolerations ?? []).every(
    (toleration) => wanted.spec.tolerations?.some((each) => equal(toleration, each)) ?? false,
  );
  return kept && equal(allowed, after) ? [] : [forbidden('spec', POD)];
}

function service(current: Service, wanted: Service): FieldError[] {
  const { clusterIP, type } = current.spec;
  if (type === 'ExternalName' || wanted.spec.type === 'ExternalName' || clusterIP === undefined) return [];
  if (wanted.spec.clusterIP === undefined || wanted.spec.clusterIP === clusterIP) return [];
  return [invalid('spec.clusterIPs[0]', [wanted.spec.clusterIP], 'may not change once set')];
}
