import type { PriorityClass } from '../../api/admission-kinds.js';
import type { PersistentVolumeClaim } from '../../api/apps.js';
import type { Node, Taint } from '../../api/core.js';
import { TAINT_NOT_READY } from '../../api/defaults.js';
import type { KubernetesObject } from '../../api/meta.js';
import type { AdmissionView } from './attributes.js';

/** The small plugins about nodes, claims, ingresses and classes. */

const DEFAULT_STORAGE_CLASS = 'storageclass.kubernetes.io/is-default-class';
const DEFAULT_INGRESS_CLASS = 'ingressclass.kubernetes.io/is-default-class';
const STORAGE_CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
const INGRESS_CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

/** Plugin TaintNodesByCondition: a new node is not ready (plugin/pkg/admission/nodetaint). */
export function taintNewNode(node: Node): Node {
  const taints = node.spec.taints ?? [];
  if (taints.some(({ key, effect }) => key === TAINT_NOT_READY && effect === 'NoSchedule')) return node;
  const added: Taint = { key: TAINT_NOT_READY, effect: 'NoSchedule' };
  return { ...node, spec: { ...node.spec, taints: [...taints, added] } };
}

/** The newest class that an annotation marks as default; of equal age the first by name. */
function defaultClass(view: AdmissionView, resource: string, annotation: string): KubernetesObject | undefined {
  let found: KubernetesObject | undefined;
  for (const each of view.in(resource, '')) {
    if (each.metadata.annotations?.[annotation] !== 'true') continue;
    const { creationTimestamp, name } = each.metadata;
    const age = found === undefined ? 1 : creationTimestamp - found.metadata.creationTimestamp;
    if (age > 0 || (age === 0 && name < found!.metadata.name)) found = each;
  }
  return found;
}

/** Plugin DefaultStorageClass: claims that name no class get the default one (plugin/pkg/admission/storage/storageclass/setdefault). */
export function withStorageClass(claim: PersistentVolumeClaim, view: AdmissionView): PersistentVolumeClaim {
  if (claim.spec.storageClassName !== undefined || claim.metadata.annotations?.[STORAGE_CLASS_ANNOTATION] !== undefined) return claim;
  const found = defaultClass(view, 'storageclasses', DEFAULT_STORAGE_CLASS);
  return found === undefined ? claim : { ...claim, spec: { ...claim.spec, storageClassName: found.metadata.name } };
}

/** Plugin StorageObjectInUseProtection: claims and volumes go only when nobody uses them. */
export function withProtection<T extends KubernetesObject>(object: T, finalizer: string): T {
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(finalizer)) return object;
  return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
}

interface Ingress extends KubernetesObject {
  readonly spec?: { readonly ingressClassName?: string };
}

/** Plugin DefaultIngressClass (plugin/pkg/admission/network/defaultingressclass). */
export function withIngressClass(object: KubernetesObject, view: AdmissionView): KubernetesObject {
  const ingress = object as Ingress;
  if (ingress.spec?.ingressClassName !== undefined || ingress.metadata.annotations?.[INGRESS_CLASS_ANNOTATION] !== undefined) return object;
  const found = defaultClass(view, 'ingressclasses', DEFAULT_INGRESS_CLASS);
  return found === undefined ? object : ({ ...ingress, spec: { ...ingress.spec, ingressClassName: found.metadata.name } } as KubernetesObject);
}

/** Why a PriorityClass must not be stored: only one may be the default (plugin Priority); undefined: it may. */
export function secondDefault(object: PriorityClass, view: AdmissionView): string | undefined {
  if (object.globalDefault !== true) return undefined;
  for (const each of view.in('priorityclasses', '')) {
    const other = each as PriorityClass;
    if (other.globalDefault === true && other.metadata.name !== object.metadata.name) {
      return `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`;
    }
  }
  return undefined;
}
