import type { Uniform } from '../../random/stream.js';
import { defaultEntries } from '../config/default-order.js';
import type { PluginArgs } from '../config/plugin-args.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { NodeResourcesBalancedAllocation } from './balanced-allocation.js';
import { DefaultBinder } from './default-binder.js';
import { DefaultPreemption } from './default-preemption.js';
import { DynamicResources, ScoringDynamicResources } from './dynamic-resources.js';
import { ImageLocality } from './image-locality.js';
import { InterPodAffinity } from './inter-pod-affinity.js';
import { NodeAffinity } from './node-affinity.js';
import { NodeDeclaredFeatures } from './node-declared-features.js';
import { NodeName } from './node-name.js';
import { NodePorts } from './node-ports.js';
import { NodeResourcesFit } from './node-resources-fit.js';
import { NodeUnschedulable } from './node-unschedulable.js';
import { NodeVolumeLimits } from './node-volume-limits.js';
import { PodTopologySpread } from './pod-topology-spread.js';
import { PrioritySort } from './priority-sort.js';
import { SchedulingGates } from './scheduling-gates.js';
import { TaintToleration } from './taint-toleration.js';
import { VolumeBinding } from './volume-binding.js';
import { VolumeRestrictions } from './volume-restrictions.js';
import { VolumeZone } from './volume-zone.js';

const inTree: ReadonlySet<string> = new Set(defaultEntries('1.36').map(({ name }) => name));

/** Whether a plugin of this name is part of Kubernetes. */
export function isInTree(name: string): boolean {
  return inTree.has(name);
}

/** Makes a plugin of a name for a profile with these arguments; undefined: there is none of that name. */
export function createPlugin(
  name: string,
  handle: Handle,
  args: PluginArgs,
  preemptionDraws: Uniform,
): Plugin | undefined {
  switch (name) {
    case 'SchedulingGates':
      return new SchedulingGates();
    case 'PrioritySort':
      return new PrioritySort();
    case 'NodeUnschedulable':
      return new NodeUnschedulable(handle);
    case 'NodeName':
      return new NodeName(handle);
    case 'NodeDeclaredFeatures':
      return new NodeDeclaredFeatures(handle);
    case 'TaintToleration':
      return new TaintToleration(handle);
    case 'NodeAffinity':
      return new NodeAffinity(handle, args.addedAffinity);
    case 'NodePorts':
      return new NodePorts(handle);
    case 'NodeResourcesFit':
      return new NodeResourcesFit(handle, args.fit);
    case 'VolumeRestrictions':
      return new VolumeRestrictions(handle);
    case 'NodeVolumeLimits':
      return new NodeVolumeLimits(handle);
    case 'VolumeBinding':
      return new VolumeBinding(handle, args.volumeBindTimeout);
    case 'VolumeZone':
      return new VolumeZone(handle);
    case 'PodTopologySpread':
      return new PodTopologySpread(handle, args.spread);
    case 'InterPodAffinity':
      return new InterPodAffinity(handle, args.interPodAffinity);
    case 'DynamicResources':
      return handle.features.dynamicResourcesScore ? new ScoringDynamicResources() : new DynamicResources();
    case 'DefaultPreemption':
      return new DefaultPreemption(handle, preemptionDraws, args.preemption);
    case 'NodeResourcesBalancedAllocation':
      return new NodeResourcesBalancedAllocation(handle, args.balanced);
    case 'ImageLocality':
      return new ImageLocality(handle);
    case 'DefaultBinder':
      return new DefaultBinder();
    default:
      return undefined;
  }
}
