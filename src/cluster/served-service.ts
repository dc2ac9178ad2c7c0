import { type Ingress, IngressTable } from '../network/ingress-rules.js';
import type { ObjectName, Scenario, TrafficSpec } from '../scenario/types.js';

/** The Service whose endpoints serve the scenario's first traffic: what its name says, or what its Ingress leads to at the start. */
export function servedService(scenario: Scenario): ObjectName | undefined {
  const [first] = scenario.traffic;
  if (first?.ingress === undefined || scenario.rollout === undefined) return first?.service;
  const ingresses = scenario.objects.filter(({ kind }) => kind === 'Ingress') as readonly Ingress[];
  const route = new IngressTable(ingresses).route(first.ingress.host, first.ingress.path);
  if (route === undefined) return first.service;
  const slash = route.service.indexOf('/');
  return { namespace: route.service.slice(0, slash), name: route.service.slice(slash + 1) };
}

/** Ingresses that users come through, by `namespace/name`, each once. */
export function ingressesOf(traffic: readonly TrafficSpec[]): readonly string[] {
  return [...new Set(traffic.flatMap(({ ingress }) => (ingress === undefined ? [] : [`${ingress.namespace}/${ingress.name}`])))];
}
