import type { Canary, Rollout } from '../api/rollout-kinds.js';
import type { ManifestSet } from './manifests.js';
import type { Finding, RolloutSpec, TrafficSpec } from './types.js';
import type { Place } from './findings.js';

/** What is amiss where a Rollout or a Canary divides the requests of an Ingress. */
export function ingressFindings(set: ManifestSet, traffic: readonly (TrafficSpec | undefined)[], place: Place): Finding[] {
  const { loaded } = set;
  const given = (namespace: string, name: string): boolean => loaded.some(({ object: { kind, metadata } }) => kind === 'Ingress' && metadata.name === name && metadata.namespace === namespace);
  const used = (namespace: string, name: string): boolean => traffic.some((spec) => spec?.ingress?.name === name && spec.ingress.namespace === namespace);
  return loaded.flatMap(({ object, item }) =>
    references(object).flatMap(({ name, path }): Finding[] => {
      const { namespace } = object.metadata;
      const about = `${object.kind} "${object.metadata.name}"`;
      const position = place(item, path);
      if (!given(namespace, name)) {
        return [{ severity: 'warning', message: `${about}: the manifests have no Ingress "${name}": its weights are put into force on the Services`, position }];
      }
      if (used(namespace, name) || traffic.length === 0) return [];
      return [{ severity: 'warning', message: `${about}: no traffic goes to ingress/${name}, so that its weights divide no requests`, position }];
    }),
  );
}

/** A shadow behind an Ingress: ingress-nginx knows no share of the requests that it copies (annotation mirror-target). */
export function mirrorFindings(rollout: RolloutSpec | undefined, traffic: readonly (TrafficSpec | undefined)[], place: (path: readonly (string | number)[]) => string): Finding[] {
  if (!traffic.some((spec) => spec?.ingress !== undefined)) return [];
  return (rollout?.strategies ?? []).flatMap((strategy, i): Finding[] => {
    if (strategy.kind !== 'canary' || strategy.routing !== 'mirror' || strategy.steps.every(({ weight }) => weight === 100)) return [];
    const message = `${strategy.name}: an Ingress copies all requests to a shadow, whatever the weight of the step, which gives the pods of the shadow alone`;
    return [{ severity: 'warning', message, position: place(['rollout', 'strategies', i]) }];
  });
}

interface IngressReference {
  readonly name: string;
  readonly path: readonly (string | number)[];
}

function references(object: { readonly kind: string }): IngressReference[] {
  if (object.kind === 'Canary') {
    const { provider, ingressRef } = (object as Canary).spec;
    return provider === 'nginx' && ingressRef !== undefined ? [{ name: ingressRef.name, path: ['spec', 'ingressRef', 'name'] }] : [];
  }
  if (object.kind !== 'Rollout') return [];
  const { stableIngress, stableIngresses } = (object as Rollout).spec.strategy.canary?.trafficRouting?.nginx ?? {};
  const path = ['spec', 'strategy', 'canary', 'trafficRouting', 'nginx'];
  // Several names count before the one (SetWeight of its router).
  if (stableIngresses !== undefined) return stableIngresses.map((name, i) => ({ name, path: [...path, 'stableIngresses', i] }));
  return stableIngress === undefined ? [] : [{ name: stableIngress, path: [...path, 'stableIngress'] }];
}
