import { CONTROLLER_GATES, type ControllerGate } from '../api/controller-gates.js';
import type { KubernetesObject } from '../api/meta.js';
import type { Informer } from '../client/types.js';
import type { Scenario } from '../scenario/types.js';
import { ConsistencyStore } from './consistency.js';

/** Whether a gate is on: as the scenario says, else as the release has it. */
export function hasGate(scenario: Scenario, gate: ControllerGate): boolean {
  const set = scenario.cluster.controllerManager.featureGates?.[gate];
  if (set !== undefined) return set;
  const { since } = CONTROLLER_GATES[gate];
  return since !== undefined && scenario.kubernetesVersion >= since;
}

/** The store of a controller's own writes, as an option of its workers, if the gate is on. */
export function consistencyOf(
  scenario: Scenario,
  gate: ControllerGate,
  informers: readonly Informer<KubernetesObject>[],
): { readonly consistency?: ConsistencyStore } {
  return hasGate(scenario, gate) ? { consistency: new ConsistencyStore(informers) } : {};
}
