import type { TaintEffect, Toleration } from '../../api/core.js';
import type { CompiledSelector } from '../../api/labels.js';
import type { Labels } from '../../api/meta.js';
import { firstUntoleratedTaint } from '../../api/taints.js';
import { JournalKind } from '../cache/journal.js';
import type { RequiredNodeAffinity } from '../cache/node-selector.js';
import type { NodeTable } from '../cache/node-table.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { TopologyColumn } from '../cache/topology.js';

/** One constraint, prepared. */
export interface SpreadConstraint {
  readonly maxSkew: number;
  readonly topologyKey: string;
  readonly minDomains: number;
  readonly selector: CompiledSelector;
  readonly honorAffinity: boolean;
  readonly honorTaints: boolean;
}

const filtering: readonly TaintEffect[] = ['NoSchedule', 'NoExecute'];

/** Matching pods by domain of one constraint. */
export class DomainCounts {
  readonly constraint: SpreadConstraint;
  readonly column: TopologyColumn;
  /** Matching pods by domain, over eligible nodes. */
  counts = new Int32Array(16);
  /** Eligible nodes by domain. */
  nodes = new Int32Array(16);
  /** Whether a node is eligible, by slot. */
  eligible = new Uint8Array(0);
  /** Matching pods by slot, eligible or not. */
  matches = new Int32Array(0);
  /** Domains with an eligible node. */
  domains = 0;
  /** How many of these domains have so many matching pods. */
  private histogram = new Int32Array(16);
  private minimum = 0;
  /** Counts below zero, which only what-ifs bring about. */
  private readonly negative: number[] = [];

  constructor(constraint: SpreadConstraint, column: TopologyColumn) {
    this.constraint = constraint;
    this.column = column;
  }

  /** Smallest number of matching pods in a domain; 0 when there are fewer domains than minDomains. */
  get least(): number {
    if (this.domains === 0 || this.domains < this.constraint.minDomains) return 0;
    if (this.negative.length > 0) return Math.min(...this.negative);
    while (this.histogram[this.minimum] === 0) this.minimum++;
    return this.minimum;
  }

  reset(slots: number): void {
    this.counts.fill(0);
    this.nodes.fill(0);
    this.eligible = new Uint8Array(slots);
    this.matches = new Int32Array(slots);
    this.domains = 0;
    this.histogram.fill(0);
    this.minimum = 0;
  }

  /** Makes room for slots that came later. */
  widen(slots: number): void {
    if (this.eligible.length >= slots) return;
    const eligible = new Uint8Array(slots * 2);
    eligible.set(this.eligible);
    this.eligible = eligible;
    const matches = new Int32Array(slots * 2);
    matches.set(this.matches);
    this.matches = matches;
  }

  addNode(slot: number): void {
    const domain = this.column.domains[slot]!;
    this.eligible[slot] = 1;
    if (domain >= this.nodes.length) this.widenDomains(domain);
    this.nodes[domain]!++;
    if (this.nodes[domain] !== 1) return;
    this.domains++;
    this.bump(this.counts[domain]!, 1);
  }

  /** A matching pod came to (1) or left (−1) a node. */
  addPods(slot: number, change: number): void {
    this.matches[slot]! += change;
    if (this.eligible[slot] === 0) return;
    const domain = this.column.domains[slot]!;
    const before = this.counts[domain]!;
    this.bump(before, -1);
    this.counts[domain] = before + change;
    this.bump(before + change, 1);
  }

  private bump(count: number, change: number): void {
    if (count < 0) {
      if (change > 0) this.negative.push(count);
      else this.negative.splice(this.negative.indexOf(count), 1);
      return;
    }
    if (count >= this.histogram.length) {
      const histogram = new Int32Array(count * 2);
      histogram.set(this.histogram);
      this.histogram = histogram;
    }
    this.histogram[count]! += change;
    if (change > 0 && count < this.minimum) this.minimum = count;
  }

  private widenDomains(domain: number): void {
    const size = (domain + 1) * 2;
    const counts = new Int32Array(size);
    counts.set(this.counts);
    this.counts = counts;
    const nodes = new Int32Array(size);
    nodes.set(this.nodes);
    this.nodes = nodes;
  }
}

/**
 * Matching pods by topology domain for a pod's spread constraints, kept up to date from the node table's journal, so that a
 * cycle pays for what changed and not for all nodes (what calPreFilterState and PreScore compute anew each time).
 */
export class SpreadCounts {
  readonly constraints: readonly DomainCounts[];
  private readonly nodes: NodeTable;
  private readonly namespace: string;
  private readonly affinity: RequiredNodeAffinity;
  private readonly tolerations: readonly Toleration[];
  private readonly requireAllKeys: boolean;
  private readonly usesTaints: boolean;
  /** Bit i: pods of the shape match constraint i; −1 not known. */
  private masks = new Int32Array(64).fill(-1);
  private position = -1;
  private labelEpoch = -1;
  private taintEpoch = -1;

  constructor(
    nodes: NodeTable,
    constraints: readonly SpreadConstraint[],
    namespace: string,
    affinity: RequiredNodeAffinity,
    tolerations: readonly Toleration[],
    requireAllKeys: boolean,
  ) {
    this.nodes = nodes;
    this.constraints = constraints.map(
      (constraint) => new DomainCounts(constraint, nodes.topology(constraint.topologyKey)),
    );
    this.namespace = namespace;
    this.affinity = affinity;
    this.tolerations = tolerations;
    this.requireAllKeys = requireAllKeys;
    this.usesTaints = constraints.some((constraint) => constraint.honorTaints);
  }

  /** Follows the node table. */
  refresh(): void {
    const { nodes } = this;
    const { journal } = nodes;
    const stale =
      this.position < 0 ||
      !journal.holds(this.position) ||
      this.labelEpoch !== nodes.labelEpoch ||
      (this.usesTaints && this.taintEpoch !== nodes.taintEpoch);
    if (stale) this.rebuild();
    else {
      for (const counts of this.constraints) counts.widen(nodes.slots);
      for (let position = this.position; position < journal.end; position++) this.replay(position);
    }
    this.position = journal.end;
    this.labelEpoch = nodes.labelEpoch;
    this.taintEpoch = nodes.taintEpoch;
  }

  /**
   * Counts a pod in or out for a what-if. The real plugin then counts pods that are being deleted, and those of an empty
   * selector, although its sums do not hold them (updateWithPod); a sum may fall below zero.
   */
  change(pod: PodInfo, slot: number, change: 1 | -1): void {
    const { namespace, labels } = pod.shape;
    if (namespace !== this.namespace) return;
    for (const counts of this.constraints) {
      if (counts.eligible[slot] === 1 && counts.constraint.selector.matches(labels)) counts.addPods(slot, change);
    }
  }

  private rebuild(): void {
    const { nodes } = this;
    for (const counts of this.constraints) counts.reset(nodes.slots * 2);
    for (const slot of nodes.order) {
      this.admit(slot);
      for (const pod of nodes.pods[slot]!) if (!pod.terminating) this.count(pod.shape.id, slot, 1);
    }
  }

  private replay(position: number): void {
    const { journal } = this.nodes;
    const slot = journal.slot(position);
    switch (journal.kind(position)) {
      case JournalKind.PodAdded:
        this.count(journal.shape(position), slot, 1);
        break;
      case JournalKind.PodRemoved:
        this.count(journal.shape(position), slot, -1);
        break;
      case JournalKind.NodeAdded:
        this.admit(slot);
        break;
    }
  }

  /** Decides for which constraints a node counts. */
  private admit(slot: number): void {
    const { constraints, nodes } = this;
    const node = nodes.nodes[slot];
    if (node === null || node === undefined) return;
    if (this.requireAllKeys && constraints.some((counts) => counts.column.domains[slot]! < 0)) return;
    const affine = this.affinity.isEverything || this.affinity.matches(node);
    for (const counts of constraints) {
      if (counts.column.domains[slot]! < 0) continue;
      if (counts.constraint.honorAffinity && !affine) continue;
      const taints = nodes.taintClasses[nodes.taintClass[slot]!]!;
      if (counts.constraint.honorTaints && firstUntoleratedTaint(taints, this.tolerations, filtering) !== undefined)
        continue;
      counts.addNode(slot);
    }
  }

  private count(shape: number, slot: number, change: number): void {
    if (this.nodes.nodes[slot] === null) return;
    const mask = (shape < this.masks.length && this.masks[shape]! >= 0 ? this.masks[shape] : this.maskOf(shape))!;
    if (mask === 0) return;
    for (let i = 0; i < this.constraints.length; i++)
      if ((mask & (1 << i)) !== 0) this.constraints[i]!.addPods(slot, change);
  }

  private maskOf(shape: number): number {
    const { namespace, labels } = this.nodes.shapes.get(shape);
    let mask = 0;
    if (namespace === this.namespace) {
      for (let i = 0; i < this.constraints.length; i++)
        if (counted(this.constraints[i]!.constraint.selector, labels)) mask |= 1 << i;
    }
    if (shape >= this.masks.length) {
      const masks = new Int32Array(shape * 2).fill(-1);
      masks.set(this.masks);
      this.masks = masks;
    }
    this.masks[shape] = mask;
    return mask;
  }
}

/** An empty selector counts nothing here, although it selects everything elsewhere (countPodsMatchSelector). */
function counted(selector: CompiledSelector, labels: Labels): boolean {
  return !selector.isEverything && selector.matches(labels);
}
