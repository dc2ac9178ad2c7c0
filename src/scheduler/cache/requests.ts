import type { Container, PodSpec, ResourceList } from '../../api/core.js';

/**
 * Requests of a pod as the scheduler sums them (component-helpers resource.PodRequests). Unlike the general helper this takes
 * requests that containers leave out from `missing`, which scoring needs, and never reads limits: the API server has made
 * requests of them before the scheduler sees the pod.
 */
export function podRequestsWith(spec: PodSpec, missing: ResourceList | undefined, withPodLevel = true): ResourceList {
  const of = (container: Container): ResourceList => {
    const requests = container.resources?.requests ?? {};
    return missing === undefined ? requests : { ...missing, ...requests };
  };
  const total: Record<string, number> = {};
  for (const container of spec.containers) add(total, of(container));
  const sidecars: Record<string, number> = {};
  const peak: Record<string, number> = {};
  for (const container of spec.initContainers ?? []) {
    const amounts = of(container);
    if (container.restartPolicy === 'Always') {
      add(total, amounts);
      add(sidecars, amounts);
      raise(peak, sidecars);
    } else {
      const during = { ...sidecars };
      add(during, amounts);
      raise(peak, during);
    }
  }
  raise(total, peak);
  const podLevel = withPodLevel ? spec.resources?.requests : undefined;
  if (podLevel !== undefined) {
    for (const name of Object.keys(podLevel)) {
      if (name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')) total[name] = podLevel[name]!;
    }
  }
  if (spec.overhead !== undefined) add(total, spec.overhead);
  return total;
}

function add(total: Record<string, number>, amounts: ResourceList): void {
  for (const name of Object.keys(amounts)) total[name] = (total[name] ?? 0) + amounts[name]!;
}

function raise(total: Record<string, number>, amounts: ResourceList): void {
  for (const name of Object.keys(amounts)) if (!(total[name]! >= amounts[name]!)) total[name] = amounts[name]!;
}

/**
 * Whether a resource is counted apart from cpu, memory and ephemeral storage (pkg/scheduler/util IsScalarResourceName):
 * extended resources, hugepages, prefixed native resources and attachable volumes.
 */
export function isScalarResource(name: string): boolean {
  return name.includes('/') || name.startsWith('hugepages-') || name.startsWith('attachable-volumes-');
}

/** Whether a resource is an extended one: a domain outside kubernetes.io (helper.IsExtendedResourceName). */
export function isExtendedResource(name: string): boolean {
  return name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith('requests.');
}
