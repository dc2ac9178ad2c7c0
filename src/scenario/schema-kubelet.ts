import { z } from 'zod';
import { DEFAULT_KUBELET, IMAGE_GC_HIGH_PERCENT, IMAGE_GC_LOW_PERCENT, type KubeletConfiguration } from '../api/kubelet-configuration.js';
import { wholeNumber } from './schema-values.js';

/** Settings of the kubelets, under their names in KubeletConfiguration. */
export const kubeletSchema = z
  .strictObject({
    serializeImagePulls: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .describe('One image at a time on a node. Default true, unless maxParallelImagePulls is set.'),
    maxParallelImagePulls: wholeNumber('Image pulls at once on a node. Default: no limit when serializeImagePulls is false.', 1).optional(),
    imageGCHighThresholdPercent: wholeNumber('Use of the disk above which unused images are removed. Default 85.', 0, 100).optional(),
    imageGCLowThresholdPercent: wholeNumber('Use of the disk down to which they are removed. Default 80.', 0, 100).optional(),
  })
  .describe('Settings of all kubelets.');

type RawKubelet = z.infer<typeof kubeletSchema>;

/** The settings; what is wrong with them goes to `complain`. */
export function toKubelet(raw: RawKubelet, complain: (message: string) => void): KubeletConfiguration {
  const serial = raw.serializeImagePulls ?? raw.maxParallelImagePulls === undefined;
  // pkg/kubelet/apis/config/validation: the two exclude each other.
  if (raw.serializeImagePulls === true && (raw.maxParallelImagePulls ?? 1) > 1) complain('maxParallelImagePulls may be above 1 only where serializeImagePulls is false');
  const high = raw.imageGCHighThresholdPercent ?? IMAGE_GC_HIGH_PERCENT;
  const low = raw.imageGCLowThresholdPercent ?? IMAGE_GC_LOW_PERCENT;
  if (low >= high) complain(`imageGCLowThresholdPercent (${low}) must be below imageGCHighThresholdPercent (${high})`);
  return {
    ...DEFAULT_KUBELET,
    parallelImagePulls: serial ? 1 : (raw.maxParallelImagePulls ?? Number.POSITIVE_INFINITY),
    imageGcHighPercent: high,
    imageGcLowPercent: low,
  };
}
