import type { KubernetesVersion } from '../framework/features.js';

/** One entry of a plugin set; weight 0 means 1. */
export interface PluginEntry {
  readonly name: string;
  readonly weight: number;
}

/** The default profile (apis/config/v1/default_plugins.go getDefaultPlugins), as its multiPoint set. */
export function defaultEntries(version: KubernetesVersion): readonly PluginEntry[] {
  const newest = version === '1.36';
  return [
    { name: 'SchedulingGates', weight: 0 },
    { name: 'PrioritySort', weight: 0 },
    { name: 'NodeUnschedulable', weight: 0 },
    { name: 'NodeName', weight: 0 },
    { name: 'TaintToleration', weight: 3 },
    { name: 'NodeAffinity', weight: 2 },
    { name: 'NodePorts', weight: 0 },
    { name: 'NodeResourcesFit', weight: 1 },
    { name: 'VolumeRestrictions', weight: 0 },
    { name: 'NodeVolumeLimits', weight: 0 },
    { name: 'VolumeBinding', weight: 0 },
    { name: 'VolumeZone', weight: 0 },
    { name: 'PodTopologySpread', weight: 2 },
    { name: 'InterPodAffinity', weight: 2 },
    { name: 'DynamicResources', weight: newest ? 2 : 0 },
    { name: 'DefaultPreemption', weight: 0 },
    { name: 'NodeResourcesBalancedAllocation', weight: 1 },
    { name: 'ImageLocality', weight: 1 },
    { name: 'DefaultBinder', weight: 0 },
    ...(newest ? [{ name: 'NodeDeclaredFeatures', weight: 0 }] : []),
  ];
}

/** Plugins that exist outside Kubernetes (scheduler-plugins and well-known others) and are not modelled. */
export const outOfTreePlugins: readonly string[] = [
  'AppGroup',
  'CapacityScheduling',
  'Coscheduling',
  'CrossNodePreemption',
  'DiskIO',
  'FGDScore',
  'Gpu',
  'LoadVariationRiskBalancing',
  'LowRiskOverCommitment',
  'NetworkOverhead',
  'NodeMetadata',
  'NodeNumber',
  'NodeResourceLimits',
  'NodeResourceTopologyMatch',
  'NodeResourcesAllocatable',
  'Open-Gpu-Share',
  'Open-Local',
  'Peaks',
  'PodState',
  'PreemptionToleration',
  'QOSSort',
  'Simon',
  'SySched',
  'TargetLoadPacking',
  'TopologicalSort',
];

/** Plugins of earlier releases (apis/config/validation removedPluginsByVersion and the changelogs): gone without a trace. */
export const removedPlugins: readonly string[] = [
  'AzureDiskLimits',
  'CinderLimits',
  'EBSLimits',
  'GCEPDLimits',
  'NodeLabel',
  'NodePreferAvoidPods',
  'NodeResourcesLeastAllocated',
  'NodeResourcesMostAllocated',
  'RequestedToCapacityRatio',
  'SelectorSpread',
  'ServiceAffinity',
];
