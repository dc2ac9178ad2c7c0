import type { PodSpec } from './core.js';

/** Quality-of-service class of a pod (pkg/apis/core/v1/helper/qos ComputePodQOS); only cpu and memory count. */
export function qosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const parts = spec.resources !== undefined ? [spec] : [...(spec.initContainers ?? []), ...spec.containers];
  let any = false;
  let guaranteed = true;
  for (const { resources } of parts) {
    for (const name of ['cpu', 'memory']) {
      const limit = resources?.limits?.[name] ?? 0;
      const request = resources?.requests?.[name] ?? (limit === 0 ? 0 : limit);
      if (limit > 0 || request > 0) any = true;
      if (limit === 0 || request !== limit) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
