import type { Handle, Plugin } from '../framework/plugin.js';
import { NodeResourcesBalancedAllocation } from './balanced-allocation.js';
import { DefaultBinder } from './default-binder.js';
import { ImageLocality } from './image-locality.js';
import { NodeAffinity } from './node-affinity.js';
import { NodeName } from './node-name.js';
import { NodePorts } from './node-ports.js';
import { NodeResourcesFit } from './node-resources-fit.js';
import { NodeUnschedulable } from './node-unschedulable.js';
import { PrioritySort } from './priority-sort.js';
import { SchedulingGates } from './scheduling-gates.js';
import { TaintToleration } from './taint-toleration.js';

/** Plugins that are always there, with their default arguments. */
export function defaultPlugins(handle: Handle): readonly Plugin[] {
  return [
    new SchedulingGates(),
    new PrioritySort(),
    new NodeUnschedulable(handle),
    new NodeName(handle),
    new TaintToleration(handle),
    new NodeAffinity(handle),
    new NodePorts(handle),
    new NodeResourcesFit(handle),
    new NodeResourcesBalancedAllocation(handle),
    new ImageLocality(handle),
    new DefaultBinder(),
  ];
}

/** Weights of the default profile (apis/config/v1/default_plugins.go); 1 for plugins that are not named. */
export const defaultWeights: Readonly<Record<string, number>> = {
  TaintToleration: 3,
  NodeAffinity: 2,
  PodTopologySpread: 2,
  InterPodAffinity: 2,
};
