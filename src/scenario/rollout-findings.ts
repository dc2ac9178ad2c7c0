import type { PodTemplateSpec, Service } from '../api/core.js';
import { referenceErrors, type RolloutError, rolloutErrors, rolloutErrorText } from '../api/rollout-errors.js';
import type { AnalysisTemplate, Rollout } from '../api/rollout-kinds.js';
import type { Deployment } from '../api/workloads.js';
import type { ManifestSet } from './manifests.js';
import type { SourceItem } from './source.js';
import type { Place } from './findings.js';
import type { Finding } from './types.js';

/** Rollouts that the API server takes and Argo Rollouts does nothing about. */

function finding(rollout: Rollout, item: SourceItem, error: RolloutError, place: Place): Finding {
  const message = `Rollout "${rollout.metadata.name}": ${rolloutErrorText(error)}: Argo Rollouts does nothing about it (InvalidSpec)`;
  return { severity: 'warning', message, position: place(item, error.path) };
}

/** What is wrong with specs by themselves. */
export function invalidRollouts(set: ManifestSet, place: Place): Finding[] {
  return set.loaded.flatMap(({ object, item }) => (object.kind === 'Rollout' ? rolloutErrors(object as Rollout).map((error) => finding(object as Rollout, item, error, place)) : []));
}

/** What Rollouts name and there is not, or is not as it must be. */
export function danglingRollouts(set: ManifestSet, place: Place): Finding[] {
  const named = new Map(set.loaded.map(({ object: { kind, metadata }, object }) => [`${kind} ${metadata.namespace}/${metadata.name}`, object]));
  return set.loaded.flatMap(({ object, item }) => {
    if (object.kind !== 'Rollout') return [];
    const rollout = object as Rollout;
    const { namespace } = rollout.metadata;
    const get = (kind: string, name: string): unknown => named.get(`${kind} ${kind === 'ClusterAnalysisTemplate' ? '' : namespace}/${name}`);
    const { workloadRef } = rollout.spec;
    const template: PodTemplateSpec | undefined = workloadRef === undefined ? rollout.spec.template : (get('Deployment', workloadRef.name) as Deployment | undefined)?.spec.template;
    const references = {
      service: (name: string) => get('Service', name) as Service | undefined,
      template: (name: string, cluster: boolean) => get(cluster ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate', name) as AnalysisTemplate | undefined,
    };
    return referenceErrors(rollout, template, references).map((error) => finding(rollout, item, error, place));
  });
}
