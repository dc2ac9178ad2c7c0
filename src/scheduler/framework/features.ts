/** What differs between the modelled versions of Kubernetes in the scheduler, as named gates (facts of 1.34.4, 1.35.4, 1.36.3). */
export interface Features {
  /** Ties: uniform by reservoir sampling (1.34), or the top of the heap over the feasible nodes (1.35 on). */
  readonly reservoirTieBreak: boolean;
  /** BalancedAllocation compares the balance with and without the pod (1.36). */
  readonly balancedAllocationDifference: boolean;
  /** DynamicResources takes part in scoring (1.36: weight 2, zero for pods without claims). */
  readonly dynamicResourcesScore: boolean;
  /** Pods of one kind that each fill a node take the nodes that the first one left (1.35 on). */
  readonly opportunisticBatching: boolean;
  /** Nominated node is written before binding when Permit or PreBind have work (1.35 on). */
  readonly nominatedNodeNameForExpectation: boolean;
  /** ImageLocality counts the images of image volumes (1.36). */
  readonly imageVolumes: boolean;
  /** Hints of InterPodAffinity and PodTopologySpread know of nominated pods, own labels, and pods that hated the waiting one (1.36). */
  readonly completeAffinityHints: boolean;
  /** The plugin NodeDeclaredFeatures is in the default profile (1.36). */
  readonly nodeDeclaredFeatures: boolean;
}

export type KubernetesVersion = '1.34' | '1.35' | '1.36';

/** Gates of a version. */
export function featuresOf(version: KubernetesVersion): Features {
  return {
    reservoirTieBreak: version === '1.34',
    balancedAllocationDifference: version === '1.36',
    dynamicResourcesScore: version === '1.36',
    opportunisticBatching: version !== '1.34',
    nominatedNodeNameForExpectation: version !== '1.34',
    imageVolumes: version === '1.36',
    completeAffinityHints: version === '1.36',
    nodeDeclaredFeatures: version === '1.36',
  };
}
