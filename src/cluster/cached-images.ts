import type { PodSpec, PodTemplateSpec } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import type { Scenario } from '../scenario/types.js';
import { imageMatches } from '../workload/image-pattern.js';

/** Images that all nodes have from the start, by what their behaviour says. */
export function cachedImages(scenario: Scenario): Set<string> {
  const images = new Set<string>();
  const cached = (image: string): boolean => scenario.behaviours.find((behaviour) => imageMatches(behaviour.image, image))?.cached === true;
  const add = (image: string): void => {
    if (cached(image)) images.add(image);
  };
  const addObject = (object: KubernetesObject): void => {
    const { spec } = object as { spec?: { template?: PodTemplateSpec; containers?: unknown; jobTemplate?: { spec?: { template?: PodTemplateSpec } } } };
    const pod = spec?.template?.spec ?? spec?.jobTemplate?.spec?.template?.spec ?? (object.kind === 'Pod' ? (spec as PodSpec) : undefined);
    for (const container of [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])]) add(container.image);
  };
  scenario.objects.forEach(addObject);
  for (const { staticPods = [] } of Object.values(scenario.cluster.machines ?? {})) staticPods.forEach(addObject);
  for (const action of scenario.timeline) {
    if (action.action === 'setImage') add(action.image);
    else if (action.action === 'staticPod') action.pods.forEach(addObject);
    else if (action.action === 'apply') action.objects.forEach(addObject);
    else if (action.action === 'kubectl' && 'objects' in action.command) action.command.objects.forEach(addObject);
    else if (action.action === 'kubectl' && 'images' in action.command) Object.values(action.command.images).forEach(add);
  }
  if (scenario.rollout !== undefined) add(scenario.rollout.image);
  for (const { spec } of scenario.podTrace?.shapes ?? []) for (const container of spec.containers) add(container.image);
  return images;
}
