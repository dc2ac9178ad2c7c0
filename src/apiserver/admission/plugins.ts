import { assembled } from '../../api/copies.js';
import type { LimitRange, PriorityClass, RuntimeClass } from '../../api/admission-kinds.js';
import type { PersistentVolumeClaim } from '../../api/apps.js';
import type { Node, Pod, PodStatus } from '../../api/core.js';
import type { KubernetesObject } from '../../api/meta.js';
import { MILLISECOND } from '../../kernel/time.js';
import type { ApiResponse } from '../request.js';
import type { RequestKind } from '../request-kind.js';
import { aggregate, type AdmissionView, type Attributes, forbiddenBy, refuse, type Verdict } from './attributes.js';
import { secondDefault, taintNewNode, withIngressClass, withProtection, withStorageClass } from './class-plugins.js';
import { claimProblems, LIMIT_RANGER_ANNOTATION, podProblems } from './limit-ranger.js';
import { namespaceLifecycle } from './namespace-lifecycle.js';
import { podSecurityProblem } from './pod-security.js';
import { type AccountOfPods, admitPodSpec, defaultPriorityClass, type PodPolicy } from './pod-policy.js';

/** Resources of which plugins look at all objects of a namespace (or at all). */
export const INDEXED_FOR_ADMISSION = ['limitranges', 'priorityclasses', 'runtimeclasses', 'storageclasses', 'ingressclasses', 'resourcequotas'] as const;

/** serviceaccount/admission.go getServiceAccount: looks of a pod of the account `default`, which a controller creates; others: one. */
const DEFAULT_ACCOUNT_ATTEMPTS = 10;
const ACCOUNT_RETRY = 100 * MILLISECOND;
const MIRROR = 'kubernetes.io/config.mirror';

/** Uniform draws in 0..1. */
export interface Draws {
  next(): number;
}

const NONE: ReadonlySet<string> = new Set();

/** Resources of which plugins look at new objects, and at all versions. */
const NEW: ReadonlySet<string> = new Set(['pods', 'nodes', 'persistentvolumeclaims', 'persistentvolumes', 'ingresses', 'priorityclasses']);
const ALL: ReadonlySet<string> = new Set(['persistentvolumeclaims', 'priorityclasses']);

/** Whether a plugin may have something to say to requests of a kind, beside that their namespace must be there. */
export function pluginsConcern({ verb, resource, subresource, creates }: RequestKind): boolean {
  if (resource === 'namespaces') return true;
  if (subresource !== undefined || verb === 'delete') return false;
  return creates ? NEW.has(resource) : ALL.has(resource);
}

interface KnownPolicy {
  readonly stamp: number;
  readonly policy: PodPolicy;
}

/**
 * The admission plugins that are on by default in 1.34 and decide by themselves, in the server's order: first all that change
 * objects, later all that only look (pkg/kubeapiserver/options/plugins.go AllOrderedPlugins). Webhooks and quotas come after each.
 */
export class AdmissionPlugins {
  private readonly view: AdmissionView;
  /** By namespace, as long as the classes and ranges it was read from stay. */
  private readonly policies = new Map<string, KnownPolicy>();

  private readonly disabled: ReadonlySet<string>;

  constructor(view: AdmissionView, disabled: ReadonlySet<string> = NONE) {
    this.view = view;
    this.disabled = disabled;
  }

  /**
   * NamespaceLifecycle, LimitRanger, ServiceAccount, TaintNodesByCondition, Priority, DefaultTolerationSeconds, DefaultStorageClass,
   * StorageObjectInUseProtection, RuntimeClass, DefaultIngressClass. `attempt` counts how often it has been asked to wait.
   */
  mutate(attributes: Attributes, attempt: number, draws: Draws): Verdict {
    const { disabled } = this;
    const verdict: Verdict = disabled.has('NamespaceLifecycle') ? { kind: 'allow', object: attributes.object } : namespaceLifecycle(attributes, this.view, attempt);
    if (verdict.kind !== 'allow') return verdict;
    const { object, operation, request } = attributes;
    if (object === undefined || operation !== 'CREATE' || request.subresource !== undefined) return verdict;
    switch (request.resource) {
      case 'pods':
        return this.admitPod(attributes, object as Pod, attempt, draws);
      case 'nodes':
        return disabled.has('TaintNodesByCondition') ? verdict : allow(taintNewNode(object as Node));
      case 'persistentvolumeclaims':
        return this.admitClaim(object as PersistentVolumeClaim);
      case 'persistentvolumes':
        return disabled.has('StorageObjectInUseProtection') ? verdict : allow(withProtection(object, 'kubernetes.io/pv-protection'));
      case 'ingresses':
        return disabled.has('DefaultIngressClass') ? verdict : allow(withIngressClass(object, this.view));
      default:
        return verdict;
    }
  }

  private admitClaim(claim: PersistentVolumeClaim): Verdict {
    const classed = this.disabled.has('DefaultStorageClass') ? claim : withStorageClass(claim, this.view);
    return allow(this.disabled.has('StorageObjectInUseProtection') ? classed : withProtection(classed, 'kubernetes.io/pvc-protection'));
  }

  private admitPod(attributes: Attributes, pod: Pod, attempt: number, draws: Draws): Verdict {
    const { namespace } = attributes.request;
    // Mirror pods of kubelets use no account.
    const mirror = pod.metadata.annotations?.[MIRROR] !== undefined;
    const name = pod.spec.serviceAccountName || 'default';
    const account = mirror ? undefined : (this.view.get('serviceaccounts', `${namespace}/${name}`) as AccountOfPods | undefined);
    if (account === undefined && !mirror && !this.disabled.has('ServiceAccount')) {
      if (name === 'default' && attempt < DEFAULT_ACCOUNT_ATTEMPTS) return { kind: 'wait', delay: Math.floor(ACCOUNT_RETRY * (1 + draws.next())) };
      return refuse(forbiddenBy(attributes, `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`));
    }
    const admitted = admitPodSpec(pod.spec, this.policyOf(namespace), this.disabled.has('ServiceAccount') ? undefined : account);
    if ('why' in admitted) return refuse(forbiddenBy(attributes, admitted.why));
    const { spec, annotation, qosClass } = admitted;
    const metadata =
      annotation === '' ? pod.metadata : { ...pod.metadata, annotations: { ...pod.metadata.annotations, [LIMIT_RANGER_ANNOTATION]: annotation } };
    return allow(assembled(pod, metadata, spec, withQosClass(pod.status, qosClass)));
  }

  /** LimitRanger, PodSecurity and Priority again, on the object as it is to be stored; undefined: it may be. */
  validate(attributes: Attributes): ApiResponse | undefined {
    const { object, operation, request } = attributes;
    if (object === undefined || operation === 'DELETE' || request.subresource !== undefined) return undefined;
    if (request.resource === 'priorityclasses' && !this.disabled.has('Priority')) {
      const why = secondDefault(object as PriorityClass, this.view);
      return why === undefined ? undefined : forbiddenBy(attributes, why);
    }
    if (request.resource === 'pods' && operation === 'CREATE') {
      const { spec } = object as Pod;
      const problems = podProblems(spec, this.policyOf(request.namespace).ranges);
      if (problems.length > 0) return forbiddenBy(attributes, aggregate(problems));
      if (this.disabled.has('PodSecurity')) return undefined;
      const why = podSecurityProblem(spec, this.view.get('namespaces', request.namespace)?.metadata.labels);
      return why === undefined ? undefined : forbiddenBy(attributes, why);
    }
    if (request.resource === 'persistentvolumeclaims') {
      const problems = claimProblems(object as PersistentVolumeClaim, this.policyOf(request.namespace).ranges);
      return problems.length === 0 ? undefined : forbiddenBy(attributes, aggregate(problems));
    }
    return undefined;
  }

  private policyOf(namespace: string): PodPolicy {
    const { view } = this;
    const stamp = view.version('limitranges') + view.version('priorityclasses') + view.version('runtimeclasses');
    const known = this.policies.get(namespace);
    if (known?.stamp === stamp) return known.policy;
    const classes = byName(view.in('priorityclasses', '') as Iterable<PriorityClass>);
    const policy: PodPolicy = {
      ranges: this.disabled.has('LimitRanger') ? [] : ([...view.in('limitranges', namespace)] as LimitRange[]),
      classes,
      defaultClass: defaultPriorityClass(classes.values()),
      runtimeClasses: byName(view.in('runtimeclasses', '') as Iterable<RuntimeClass>),
      disabled: this.disabled,
    };
    this.policies.set(namespace, { stamp, policy });
    return policy;
  }
}

/** A new pod's status with its class of service; mostly there is nothing but a phase. */
function withQosClass(status: PodStatus | undefined, qosClass: NonNullable<PodStatus['qosClass']>): unknown {
  if (status === undefined) return { qosClass };
  let keys = 0;
  for (const _ in status) keys++;
  return keys === 1 && status.phase !== undefined ? { phase: status.phase, qosClass } : { ...status, qosClass };
}

function allow(object: KubernetesObject): Verdict {
  return { kind: 'allow', object };
}

function byName<T extends KubernetesObject>(objects: Iterable<T>): Map<string, T> {
  const map = new Map<string, T>();
  for (const object of objects) map.set(object.metadata.name, object);
  return map;
}
