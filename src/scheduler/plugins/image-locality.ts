import type { ImageState } from '../cache/node-table.js';
import type { Cycle } from '../framework/cycle.js';
import type { Handle, Plugin } from '../framework/plugin.js';

const MEBIBYTE = 1024 * 1024;
/** Bounds of the sum of image sizes that tell nodes apart; the upper one holds for each container (plugins/imagelocality). */
const MINIMUM = 23 * MEBIBYTE;
const MAXIMUM_EACH = 1000 * MEBIBYTE;

/** Prefers nodes that have the images, in proportion to how widely these are spread already. */
export class ImageLocality implements Plugin {
  readonly name = 'ImageLocality';
  private readonly handle: Handle;

  constructor(handle: Handle) {
    this.handle = handle;
  }

  scoreNodes(cycle: Cycle, slots: Int32Array, scores: Float64Array): void {
    const { nodes } = this.handle;
    if (nodes.images.size === 0) return;
    const { images, imageVolumes } = cycle.pod.shape;
    const present: ImageState[] = [];
    const worth: number[] = [];
    for (const image of this.handle.features.imageVolumes ? [...images, ...imageVolumes] : images) {
      const state = nodes.images.get(image);
      if (state === undefined) continue;
      present.push(state);
      worth.push(Math.trunc(state.size * (state.nodes.size / nodes.size)));
    }
    if (present.length === 0) return;
    const maximum = MAXIMUM_EACH * images.length;
    for (let i = 0; i < slots.length; i++) {
      let sum = 0;
      for (let k = 0; k < present.length; k++) if (present[k]!.nodes.has(slots[i]!)) sum += worth[k]!;
      sum = Math.min(Math.max(sum, MINIMUM), maximum);
      scores[i] = Math.trunc((100 * (sum - MINIMUM)) / (maximum - MINIMUM));
    }
  }
}
