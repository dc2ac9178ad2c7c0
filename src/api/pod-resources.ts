import type { Container, PodSpec, ResourceList } from './core.js';

/** Effective resource amounts of a pod (k8s.io/component-helpers resource.PodRequests, PodLimits). */

/** By specification, or by its containers where nothing else counts: those are one array for all pods of a template, wherever they run. */
const memory = new WeakMap<object, ResourceList>();

/**
 * What the pod asks of a node: the larger of the sum of containers with sidecars and the peak of each init container with the
 * sidecars started before it; pod-level cpu, memory and hugepages take precedence; plus overhead. The result is remembered
 * for the spec and must not be changed.
 */
export function podRequests(spec: PodSpec): ResourceList {
  const plain = spec.initContainers === undefined && spec.overhead === undefined && spec.resources === undefined;
  const key = plain ? spec.containers : spec;
  if (key === lastKey) return lastRequests;
  let requests = memory.get(key);
  if (requests === undefined) {
    requests = computeRequests(spec);
    memory.set(key, requests);
  }
  lastKey = key;
  lastRequests = requests;
  return requests;
}

/** What was asked for last: pods of one template mostly come one after the other. */
let lastKey: object | undefined;
let lastRequests: ResourceList = {};

/** Whether pod-level resources may set this one. */
function supportedAtPodLevel(resource: string): boolean {
  return resource === 'cpu' || resource === 'memory' || resource.startsWith('hugepages-');
}

function computeRequests(spec: PodSpec): ResourceList {
  const total = aggregate(spec, containerRequests);
  const podLevel = spec.resources;
  if (podLevel !== undefined) {
    for (const name in { ...podLevel.limits, ...podLevel.requests }) {
      const amount = podLevel.requests?.[name] ?? podLevel.limits?.[name];
      if (amount !== undefined && supportedAtPodLevel(name)) total[name] = amount;
    }
  }
  addAll(total, spec.overhead);
  return total;
}

/** A container's requests; a limit without a request counts as the request. */
function containerRequests(container: Container): ResourceList | undefined {
  const { requests, limits } = container.resources ?? {};
  if (limits === undefined) return requests;
  return { ...limits, ...requests };
}

/** Sum of the limits by the same rule; resources that some container leaves unlimited count what is limited. */
export function podLimits(spec: PodSpec): ResourceList {
  const total = aggregate(spec, (container) => container.resources?.limits);
  for (const name in spec.overhead) if (Object.hasOwn(total, name)) total[name] = total[name]! + spec.overhead[name]!;
  return total;
}

function aggregate(spec: PodSpec, of: (container: Container) => ResourceList | undefined): Record<string, number> {
  const total: Record<string, number> = {};
  for (const container of spec.containers) addAll(total, of(container));
  const sidecars: Record<string, number> = {};
  const peak: Record<string, number> = {};
  for (const container of spec.initContainers ?? []) {
    const amounts = of(container);
    if (container.restartPolicy === 'Always') {
      addAll(total, amounts);
      addAll(sidecars, amounts);
      raiseAll(peak, sidecars);
    } else {
      const during: Record<string, number> = { ...sidecars };
      addAll(during, amounts);
      raiseAll(peak, during);
    }
  }
  raiseAll(total, peak);
  return total;
}

function addAll(total: Record<string, number>, amounts: ResourceList | undefined): void {
  for (const name in amounts) total[name] = (total[name] ?? 0) + amounts[name]!;
}

function raiseAll(total: Record<string, number>, amounts: ResourceList): void {
  for (const name in amounts) if ((total[name] ?? 0) < amounts[name]!) total[name] = amounts[name]!;
}
