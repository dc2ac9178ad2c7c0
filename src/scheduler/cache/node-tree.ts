import type { Node } from '../../api/core.js';

const ZONE = 'topology.kubernetes.io/zone';
const REGION = 'topology.kubernetes.io/region';
const BETA_ZONE = 'failure-domain.beta.kubernetes.io/zone';
const BETA_REGION = 'failure-domain.beta.kubernetes.io/region';

/** Text that identifies a node's region and zone (component-helpers node/topology GetZoneKey); empty when it has neither. */
export function zoneKey(node: Node): string {
  const labels = node.metadata.labels;
  if (labels === undefined) return '';
  const zone = labels[BETA_ZONE] ?? labels[ZONE] ?? '';
  const region = labels[BETA_REGION] ?? labels[REGION] ?? '';
  return region === '' && zone === '' ? '' : `${region}:\u0000:${zone}`;
}

/**
 * The order in which nodes are visited (backend/cache/node_tree.go): zones in order of first appearance, nodes in order of
 * arrival inside, one node of each zone a round.
 */
export class NodeTree {
  private readonly zones = new Map<string, Set<number>>();
  private readonly zoneOfSlot = new Map<number, string>();

  get size(): number {
    return this.zoneOfSlot.size;
  }

  /** Adds a node, or moves it to the end of its new zone when its zone labels changed. True when the order changed. */
  set(slot: number, node: Node): boolean {
    const zone = zoneKey(node);
    const old = this.zoneOfSlot.get(slot);
    if (old === zone) return false;
    if (old !== undefined) this.delete(slot);
    this.zoneOfSlot.set(slot, zone);
    const nodes = this.zones.get(zone);
    if (nodes === undefined) this.zones.set(zone, new Set([slot]));
    else nodes.add(slot);
    return true;
  }

  delete(slot: number): void {
    const zone = this.zoneOfSlot.get(slot);
    if (zone === undefined) return;
    this.zoneOfSlot.delete(slot);
    const nodes = this.zones.get(zone)!;
    nodes.delete(slot);
    if (nodes.size === 0) this.zones.delete(zone);
  }

  /** Slots of all nodes in visiting order. */
  list(): Int32Array {
    const order = new Int32Array(this.size);
    const lists = [...this.zones.values()].map((nodes) => [...nodes]);
    let filled = 0;
    for (let round = 0; filled < order.length; round++) {
      for (const list of lists) if (round < list.length) order[filled++] = list[round]!;
    }
    return order;
  }
}
