import type { LimitRange, PriorityClass, RuntimeClass } from '../../api/admission-kinds.js';
import type { Container, PodSpec } from '../../api/core.js';
import { addDefaultTolerations, defaultPodRequests, SYSTEM_PRIORITIES } from '../../api/defaults.js';
import { equal } from '../../api/equal.js';
import type { KubernetesObject } from '../../api/meta.js';
import { qosClass } from '../../api/qos.js';
import { applyLimitRanges } from './limit-ranger.js';

/** What mutating admission makes of pod specs: LimitRanger, ServiceAccount, Priority, DefaultTolerationSeconds, RuntimeClass. */

/** What the pods of one namespace are measured by, read from the caches. */
export interface PodPolicy {
  readonly ranges: readonly LimitRange[];
  readonly classes: ReadonlyMap<string, PriorityClass>;
  /** The class with globalDefault of the lowest value. */
  readonly defaultClass: PriorityClass | undefined;
  readonly runtimeClasses: ReadonlyMap<string, RuntimeClass>;
  /** Plugins that are off. */
  readonly disabled: ReadonlySet<string>;
}

/** A ServiceAccount as admission reads it. */
export interface AccountOfPods extends KubernetesObject {
  readonly automountServiceAccountToken?: boolean;
  readonly imagePullSecrets?: readonly { readonly name: string }[];
}

/** A pod spec after admission and its class of service, or why the pod is refused (after `pods "x" is forbidden: `). */
export type AdmittedSpec = { readonly spec: PodSpec; readonly annotation: string; readonly qosClass: ReturnType<typeof qosClass> } | { readonly why: string };

interface Memo {
  readonly policy: PodPolicy;
  readonly account: AccountOfPods | undefined;
  readonly result: AdmittedSpec;
}

/** Pods of one template share their spec, before and after admission. A cache alone: what it holds can be made again. */
const memos = new WeakMap<PodSpec, Memo>();

/** Where the token of the service account is mounted (serviceaccount.DefaultAPITokenMountPath). */
const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** serviceaccount/admission.go: seconds that a token is valid. */
const TOKEN_SECONDS = 3607;

/** The default class as getDefaultPriorityClass picks it: of those marked, the lowest value. */
export function defaultPriorityClass(classes: Iterable<PriorityClass>): PriorityClass | undefined {
  let found: PriorityClass | undefined;
  for (const each of classes) if (each.globalDefault === true && (found === undefined || each.value < found.value)) found = each;
  return found;
}

/** The spec of a new pod after the mutating plugins, given its ServiceAccount (undefined: that plugin is off). */
export function admitPodSpec(spec: PodSpec, policy: PodPolicy, account: AccountOfPods | undefined): AdmittedSpec {
  const memo = memos.get(spec);
  if (memo !== undefined && memo.policy === policy && memo.account === account) return memo.result;
  const result = compute(spec, policy, account);
  memos.set(spec, { policy, account, result });
  return result;
}

function compute(spec: PodSpec, policy: PodPolicy, account: AccountOfPods | undefined): AdmittedSpec {
  const { disabled } = policy;
  const limited = applyLimitRanges(spec, policy.ranges);
  const withAccount = account === undefined ? limited.spec : addAccount(limited.spec, account);
  const prioritized = disabled.has('Priority') ? { spec: withAccount } : addPriority(withAccount, policy);
  if ('why' in prioritized) return prioritized;
  const tolerating = disabled.has('DefaultTolerationSeconds') ? prioritized.spec : addDefaultTolerations(prioritized.spec);
  const running = disabled.has('RuntimeClass') ? { spec: tolerating } : addRuntimeClass(tolerating, policy);
  if ('why' in running) return running;
  const admitted = defaultPodRequests(running.spec);
  return { spec: admitted, annotation: limited.annotation, qosClass: qosClass(admitted) };
}

/** Plugin ServiceAccount: name, pull secrets, and the volume with the token (plugin/pkg/admission/serviceaccount). */
function addAccount(spec: PodSpec, account: AccountOfPods): PodSpec {
  const { namespace, name } = account.metadata;
  const extra: Record<string, unknown> = { ...spec.extra };
  const pullSecrets = extra['imagePullSecrets'] as readonly unknown[] | undefined;
  if ((pullSecrets === undefined || pullSecrets.length === 0) && account.imagePullSecrets !== undefined) extra['imagePullSecrets'] = account.imagePullSecrets;
  const named: PodSpec = { ...spec, serviceAccountName: name, ...(Object.keys(extra).length === 0 ? {} : { extra }) };
  const automount = (extra['automountServiceAccountToken'] as boolean | undefined) ?? account.automountServiceAccountToken ?? true;
  if (!automount) return named;
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  if (all.every((container) => mountsToken(container))) return named;
  const volume = tokenVolume(`kube-api-access-${suffixOf(`${namespace}/${name}`)}`);
  const mount = (container: Container): Container =>
    mountsToken(container)
      ? container
      : { ...container, volumeMounts: [...(container.volumeMounts ?? []), { name: volume.name, mountPath: TOKEN_PATH }] };
  return {
    ...named,
    volumes: [...(spec.volumes ?? []), volume],
    containers: spec.containers.map(mount),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(mount) }),
  };
}

function mountsToken(container: Container): boolean {
  return container.volumeMounts?.some(({ mountPath }) => mountPath === TOKEN_PATH) === true;
}

function tokenVolume(name: string): NonNullable<PodSpec['volumes']>[number] {
  return {
    name,
    projected: {
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: TOKEN_SECONDS } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  };
}

const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** The real suffix is random for each pod; one for each account lets pods share their spec. */
function suffixOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  let suffix = '';
  for (let i = 0; i < 5; i++) {
    suffix += SUFFIX_ALPHABET[hash % SUFFIX_ALPHABET.length]!;
    hash = Math.floor(hash / SUFFIX_ALPHABET.length);
  }
  return suffix;
}

/** Plugin Priority (plugin/pkg/admission/priority/admission.go admitPod). */
function addPriority(spec: PodSpec, { classes, defaultClass }: PodPolicy): { readonly spec: PodSpec } | { readonly why: string } {
  const { priorityClassName: name = '', priority: given, preemptionPolicy: policy } = spec;
  const found = name === '' ? defaultClass : (classes.get(name) ?? systemClass(name));
  if (name !== '' && found === undefined) return { why: `no PriorityClass with name ${name} was found` };
  const priority = found?.value ?? 0;
  const preemptionPolicy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
  if (given !== undefined && given !== priority) {
    return { why: `the integer value of priority (${given}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name` };
  }
  if (policy !== undefined && policy !== preemptionPolicy) {
    return { why: `the string value of PreemptionPolicy (${policy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name` };
  }
  return { spec: { ...spec, priority, preemptionPolicy, ...(found === undefined ? {} : { priorityClassName: found.metadata.name }) } };
}

/** The two classes that a server makes for itself at its start. */
function systemClass(name: string): Pick<PriorityClass, 'value' | 'metadata' | 'preemptionPolicy'> | undefined {
  const value = Object.hasOwn(SYSTEM_PRIORITIES, name) ? SYSTEM_PRIORITIES[name] : undefined;
  if (value === undefined) return undefined;
  return { value, metadata: { name, namespace: '', uid: '', resourceVersion: 0, generation: 1, creationTimestamp: 0 } };
}

/** Plugin RuntimeClass: overhead and node selector of the class (plugin/pkg/admission/runtimeclass). */
function addRuntimeClass(spec: PodSpec, { runtimeClasses }: PodPolicy): { readonly spec: PodSpec } | { readonly why: string } {
  const name = spec.extra?.['runtimeClassName'] as string | undefined;
  if (name === undefined) {
    return spec.overhead === undefined ? { spec } : { why: 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead' };
  }
  const found = runtimeClasses.get(name);
  if (found === undefined) return { why: `pod rejected: RuntimeClass "${name}" not found` };
  const fixed = found.overhead?.podFixed;
  if (spec.overhead !== undefined && !equal(spec.overhead, fixed)) {
    return { why: "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead" };
  }
  const selector = { ...spec.nodeSelector };
  for (const [key, value] of Object.entries(found.scheduling?.nodeSelector ?? {})) {
    if (selector[key] !== undefined && selector[key] !== value) {
      return { why: `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${selector[key]}` };
    }
    selector[key] = value;
  }
  const tolerations = [...(spec.tolerations ?? []), ...(found.scheduling?.tolerations ?? []).filter((each) => !spec.tolerations?.some((other) => equal(other, each)))];
  return {
    spec: {
      ...spec,
      tolerations,
      ...(fixed === undefined ? {} : { overhead: fixed }),
      ...(Object.keys(selector).length === 0 ? {} : { nodeSelector: selector }),
    },
  };
}
