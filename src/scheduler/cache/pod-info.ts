import type { Pod } from '../../api/core.js';
import { keyOf } from '../../api/meta.js';
import type { PodShape } from './pod-shape.js';

/** A pod as the scheduler's cache and queue hold it: the object, its shape and where it is counted. */
export class PodInfo {
  pod: Pod;
  readonly shape: PodShape;
  readonly key: string;
  /** spec.priority, 0 when absent. */
  readonly priority: number;
  /** Slot of the node that counts it, −1: none. */
  slot = -1;
  /** It is counted on a node that was chosen for it, before the binding is known to have worked. */
  assumed = false;
  /** Whether it is counted as terminating (deletionTimestamp set). */
  terminating: boolean;

  constructor(pod: Pod, shape: PodShape, key = keyOf(pod)) {
    this.pod = pod;
    this.shape = shape;
    this.key = key;
    this.priority = pod.spec.priority ?? 0;
    this.terminating = pod.metadata.deletionTimestamp !== undefined;
  }
}
