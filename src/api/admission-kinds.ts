import type { ResourceList, Toleration } from './core.js';
import type { KubernetesObject, LabelSelector, Labels } from './meta.js';

/** Kinds that admission reads: LimitRange, PriorityClass, RuntimeClass, classes of storage and ingress, webhooks. */

/** The plugins that can be switched off (--disable-admission-plugins). */
export const ADMISSION_PLUGINS = [
  'NamespaceLifecycle',
  'LimitRanger',
  'ServiceAccount',
  'TaintNodesByCondition',
  'PodSecurity',
  'Priority',
  'DefaultTolerationSeconds',
  'DefaultStorageClass',
  'StorageObjectInUseProtection',
  'RuntimeClass',
  'DefaultIngressClass',
  'MutatingAdmissionWebhook',
  'ValidatingAdmissionWebhook',
  'ResourceQuota',
] as const;

export interface LimitRangeItem {
  readonly type: 'Container' | 'Pod' | 'PersistentVolumeClaim' | (string & {});
  readonly max?: ResourceList;
  readonly min?: ResourceList;
  readonly default?: ResourceList;
  readonly defaultRequest?: ResourceList;
  /** Ratios as thousandths. */
  readonly maxLimitRequestRatio?: ResourceList;
}

export interface LimitRange extends KubernetesObject {
  readonly kind: 'LimitRange';
  readonly spec: { readonly limits: readonly LimitRangeItem[] };
}

export interface PriorityClass extends KubernetesObject {
  readonly kind: 'PriorityClass';
  readonly value: number;
  readonly globalDefault?: boolean;
  readonly preemptionPolicy?: 'PreemptLowerPriority' | 'Never';
  readonly description?: string;
}

export interface RuntimeClass extends KubernetesObject {
  readonly kind: 'RuntimeClass';
  readonly handler: string;
  readonly overhead?: { readonly podFixed?: ResourceList };
  readonly scheduling?: { readonly nodeSelector?: Labels; readonly tolerations?: readonly Toleration[] };
}

/** One entry of the rules of a webhook (admissionregistration/v1 RuleWithOperations). */
export interface WebhookRule {
  readonly operations: readonly string[];
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  /** `pods`, `pods/status`, `*`, `*` with `/status`, `pods` with `/*`, or all. */
  readonly resources: readonly string[];
  readonly scope: 'Cluster' | 'Namespaced' | '*';
}

export interface Webhook {
  readonly name: string;
  readonly clientConfig: {
    readonly url?: string;
    readonly service?: { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number };
  };
  readonly rules: readonly WebhookRule[];
  readonly failurePolicy: 'Ignore' | 'Fail';
  readonly matchPolicy: 'Exact' | 'Equivalent';
  readonly namespaceSelector: LabelSelector;
  readonly objectSelector: LabelSelector;
  readonly timeoutSeconds: number;
  /** Mutating webhooks only. */
  readonly reinvocationPolicy: 'Never' | 'IfNeeded';
  readonly sideEffects?: string;
  readonly admissionReviewVersions?: readonly string[];
}

export interface WebhookConfiguration extends KubernetesObject {
  readonly kind: 'MutatingWebhookConfiguration' | 'ValidatingWebhookConfiguration';
  readonly webhooks: readonly Webhook[];
}

/** One rule of a role (rbac/v1 PolicyRule). */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

export interface Role extends KubernetesObject {
  readonly kind: 'Role' | 'ClusterRole';
  readonly rules?: readonly PolicyRule[] | null;
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelector[] };
}

export interface Subject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly name: string;
  readonly namespace?: string;
}

export interface RoleBinding extends KubernetesObject {
  readonly kind: 'RoleBinding' | 'ClusterRoleBinding';
  readonly subjects?: readonly Subject[];
  readonly roleRef: { readonly kind: 'Role' | 'ClusterRole'; readonly name: string };
}
