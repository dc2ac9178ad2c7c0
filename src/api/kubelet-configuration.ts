/** imageGCHighThresholdPercent and imageGCLowThresholdPercent. */
export const IMAGE_GC_HIGH_PERCENT = 85;
export const IMAGE_GC_LOW_PERCENT = 80;

/** Settings of all kubelets (KubeletConfiguration v1beta1). */
export interface KubeletConfiguration {
  /** Image pulls at once on a node: 1 with serializeImagePulls, else maxParallelImagePulls (Infinity: no limit). */
  readonly parallelImagePulls: number;
  readonly imageGcHighPercent: number;
  readonly imageGcLowPercent: number;
}

/** Defaults of pkg/kubelet/apis/config/v1beta1/defaults.go. */
export const DEFAULT_KUBELET: KubeletConfiguration = {
  parallelImagePulls: 1,
  imageGcHighPercent: IMAGE_GC_HIGH_PERCENT,
  imageGcLowPercent: IMAGE_GC_LOW_PERCENT,
};
