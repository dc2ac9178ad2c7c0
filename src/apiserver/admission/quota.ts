import type { PersistentVolumeClaim } from '../../api/apps.js';
import { isPodTerminal, type Pod, type PodSpec, type Service } from '../../api/core.js';
import type { KubernetesObject } from '../../api/meta.js';
import { podLimits, podRequests } from '../../api/pod-resources.js';
import type { ResourceQuota, ScopeRequirement } from '../../api/policy.js';
import { resourceText } from '../../api/quantity.js';
import { resourceInfo } from '../../api/resources.js';

/** Plugin ResourceQuota: what objects use and whether it fits (k8s.io/apiserver pkg/admission/plugin/resourcequota, pkg/quota/v1). Pure. */

export type Usage = Readonly<Record<string, number>>;

/** Resources that quotas of containers are about (evaluator/core/pods.go podResources, without the counts). */
const COMPUTE = /^(cpu|memory|ephemeral-storage|(requests|limits)\.(cpu|memory|ephemeral-storage)|hugepages-.*|requests\..*)$/;
/** Resources with quota names of their own, without `count/`. */
const PLAIN_COUNTS: ReadonlySet<string> = new Set(['services', 'configmaps', 'secrets', 'replicationcontrollers', 'persistentvolumeclaims', 'resourcequotas']);

/** Name under which objects of a resource are counted: `count/deployments.apps`. */
export function countName(resource: string): string {
  const { group } = resourceInfo(resource);
  return group === '' ? `count/${resource}` : `count/${resource}.${group}`;
}

const FINISHED: Usage = { 'count/pods': 1 };

/** What pods use that have not finished, by specification, or by their containers where nothing else counts, as pods' requests are remembered. */
const memory = new WeakMap<object, Usage>();

/** What a pod uses of a quota: itself, its requests and its limits; when it has finished only its place in etcd (evaluator/core/pods.go). */
export function podUsage(pod: Pod): Usage {
  if (isPodTerminal(pod)) return FINISHED;
  const { spec } = pod;
  const plain = spec.initContainers === undefined && spec.overhead === undefined && spec.resources === undefined;
  const key = plain ? spec.containers : spec;
  let usage = memory.get(key);
  if (usage === undefined) {
    usage = specUsage(spec);
    memory.set(key, usage);
  }
  return usage;
}

function specUsage(spec: PodSpec): Usage {
  const usage: Record<string, number> = { pods: 1, 'count/pods': 1 };
  const requests = podRequests(spec);
  for (const name of Object.keys(requests)) {
    usage[`requests.${name}`] = requests[name]!;
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage') usage[name] = requests[name]!;
  }
  const limits = podLimits(spec);
  for (const name of Object.keys(limits)) usage[`limits.${name}`] = limits[name]!;
  return usage;
}

/** What an object uses of a quota. */
export function usageOf(resource: string, object: KubernetesObject): Usage {
  if (resource === 'pods') return podUsage(object as Pod);
  const usage: Record<string, number> = { [countName(resource)]: 1 };
  if (PLAIN_COUNTS.has(resource)) usage[resource] = 1;
  if (resource === 'services') {
    const { type, ports } = (object as Service).spec;
    if (type === 'LoadBalancer') usage['services.loadbalancers'] = 1;
    if (type === 'NodePort' || type === 'LoadBalancer') usage['services.nodeports'] = ports.length;
  } else if (resource === 'persistentvolumeclaims') {
    const { resources, storageClassName } = (object as PersistentVolumeClaim).spec;
    const storage = resources?.requests?.['storage'];
    if (storage !== undefined) usage['requests.storage'] = storage;
    if (storageClassName !== undefined) {
      const prefix = `${storageClassName}.storageclass.storage.k8s.io/`;
      usage[`${prefix}persistentvolumeclaims`] = 1;
      if (storage !== undefined) usage[`${prefix}requests.storage`] = storage;
    }
  }
  return usage;
}

/** Whether a quota's scopes take an object in; scopes are about pods alone. */
export function inScope(quota: ResourceQuota, resource: string, object: KubernetesObject): boolean {
  const { scopes = [], scopeSelector } = quota.spec;
  if (scopes.length === 0 && scopeSelector === undefined) return true;
  if (resource !== 'pods') return false;
  const pod = object as Pod;
  if (!scopes.every((scope) => podMatches(pod, { scopeName: scope, operator: 'Exists' }))) return false;
  return (scopeSelector?.matchExpressions ?? []).every((requirement) => podMatches(pod, requirement));
}

function podMatches({ spec, status }: Pod, { scopeName, operator, values = [] }: ScopeRequirement): boolean {
  switch (scopeName) {
    case 'Terminating':
      return (spec.activeDeadlineSeconds ?? -1) >= 0;
    case 'NotTerminating':
      return (spec.activeDeadlineSeconds ?? -1) < 0;
    case 'BestEffort':
      return status.qosClass === 'BestEffort';
    case 'NotBestEffort':
      return status.qosClass !== 'BestEffort';
    case 'CrossNamespacePodAffinity': {
      const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
      return [podAffinity, podAntiAffinity].some((each) =>
        [
          ...(each?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
          ...(each?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
        ].some(({ namespaces, namespaceSelector }) => (namespaces?.length ?? 0) > 0 || namespaceSelector !== undefined),
      );
    }
    default: {
      const name = spec.priorityClassName ?? '';
      if (operator === 'Exists') return name !== '';
      if (operator === 'DoesNotExist') return name === '';
      return values.includes(name) === (operator === 'In');
    }
  }
}

/** What an object adds to a quota beside what it used before, by the quota's names; undefined: nothing that the quota limits grows. */
export function increase(quota: ResourceQuota, wanted: Usage, before: Usage | undefined): Usage | undefined {
  let delta: Record<string, number> | undefined;
  for (const name of Object.keys(quota.spec.hard ?? {})) {
    const amount = wanted[name];
    if (amount === undefined) continue;
    const more = amount - (before?.[name] ?? 0);
    // A use that shrinks never needs the quota's consent, and is given back by the controller.
    if (more > 0) (delta ??= {})[name] = more;
  }
  return delta;
}

/** Compute resources that a quota limits must be stated by each container of a pod; why not, or undefined (PodSpec Constraints). */
export function constraintProblem(quota: ResourceQuota, pod: Pod): string | undefined {
  const absent = new Map<string, string[]>();
  const { hard = {} } = quota.spec;
  const required = Object.keys(hard)
    .filter((name) => COMPUTE.test(name) && (name.includes('.') ? /^(requests|limits)\.(cpu|memory)$/.test(name) : name === 'cpu' || name === 'memory'))
    .sort();
  for (const { name: container, resources } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    for (const name of required) {
      const limit = name.startsWith('limits.');
      const plain = name.replace(/^(requests|limits)\./, '');
      const given = limit ? resources?.limits?.[plain] : (resources?.requests?.[plain] ?? resources?.limits?.[plain]);
      if (given === undefined) absent.set(name, [...(absent.get(name) ?? []), container]);
    }
  }
  if (absent.size === 0) return undefined;
  const parts = [...absent].map(([name, containers]) => `${name} for: ${[...containers].sort().join(',')}`);
  return `failed quota: ${quota.metadata.name}: must specify ${parts.join('; ')}`;
}

/** `cpu=1,memory=2Gi`: amounts by name, in order of name. */
export function usageText(usage: Usage): string {
  return Object.keys(usage)
    .sort()
    .map((name) => `${name}=${amountText(name, usage[name]!)}`)
    .join(',');
}

function amountText(name: string, amount: number): string {
  return resourceText(name.replace(/^(requests|limits)\./, ''), amount);
}

/** A quota with something more in use, or why it does not fit (checkRequest). */
export function charge(quota: ResourceQuota, delta: Usage): { readonly used: Usage } | { readonly why: string } {
  const { hard, used } = quota.status ?? {};
  const names = Object.keys(delta);
  if (hard === undefined || used === undefined || names.some((name) => used[name] === undefined)) {
    return { why: `status unknown for quota: ${quota.metadata.name}, resources: ${names.sort().join(',')}` };
  }
  const exceeded = names.filter((name) => used[name]! + delta[name]! > (hard[name] ?? Number.POSITIVE_INFINITY));
  if (exceeded.length > 0) {
    const only = (from: Usage) => usageText(Object.fromEntries(exceeded.map((name) => [name, from[name]!])));
    return { why: `exceeded quota: ${quota.metadata.name}, requested: ${only(delta)}, used: ${only(used)}, limited: ${only(hard)}` };
  }
  const result: Record<string, number> = { ...used };
  for (const name of names) result[name] = used[name]! + delta[name]!;
  return { used: result };
}
