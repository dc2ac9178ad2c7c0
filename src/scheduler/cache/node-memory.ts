import type { NodeTable } from './node-table.js';
import type { PodShape } from './pod-shape.js';

/**
 * What was found out about nodes for pods of one shape, as small whole numbers by slot: good for as long as nothing changes on the node,
 * so that scheduling many pods of one template looks again only at the nodes that got or lost a pod.
 */
export class NodeMemory {
  /** The node's count of changes + 1 when it was looked at; 0: it was not. */
  seen = new Uint32Array(0);
  /** What was found, 0..255. */
  found = new Uint8Array(0);
  private readonly nodes: NodeTable;
  private shape = -1;

  constructor(nodes: NodeTable) {
    this.nodes = nodes;
  }

  /** The next questions are about pods of this shape. */
  turnTo(shape: PodShape): void {
    const { length } = this.nodes.changes;
    if (this.seen.length < length) {
      this.seen = new Uint32Array(length);
      this.found = new Uint8Array(length);
    } else if (shape.id !== this.shape) this.seen.fill(0);
    this.shape = shape.id;
  }
}
