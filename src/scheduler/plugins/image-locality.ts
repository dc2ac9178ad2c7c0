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
    const present: Uint8Array[] = [];
    const worth: number[] = [];
    for (const image of this.handle.features.imageVolumes ? [...images, ...imageVolumes] : images) {
      const state = nodes.images.get(image);
      if (state === undefined) continue;
      present.push(state.present);
      worth.push(Math.trunc(state.size * (state.nodes / nodes.size)));
    }
    if (present.length === 0) return;
    // Sums first, image by image: whole numbers, so that their order does not matter.
    for (let k = 0; k < present.length; k++) {
      const here = present[k]!;
      const each = worth[k]!;
      for (let i = 0; i < slots.length; i++) if (here[slots[i]!] === 1) scores[i]! += each;
    }
    const maximum = MAXIMUM_EACH * images.length;
    for (let i = 0; i < slots.length; i++) {
      const sum = Math.min(Math.max(scores[i]!, MINIMUM), maximum);
      scores[i] = Math.trunc((100 * (sum - MINIMUM)) / (maximum - MINIMUM));
    }
  }
}
