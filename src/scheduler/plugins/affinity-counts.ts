import type { AffinityTerm, NamespaceLabels } from '../cache/affinity-term.js';
import { JournalKind } from '../cache/journal.js';
import type { NodeTable } from '../cache/node-table.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { PodShape } from '../cache/pod-shape.js';
import type { TopologyColumn } from '../cache/topology.js';

/** Sums by domain of one topology key. */
class KeySums {
  readonly column: TopologyColumn;
  /** Required anti-affinity terms of existing pods that match the incoming pod. */
  existingAnti = new Int32Array(16);
  /** Existing pods that match all required affinity terms of the incoming pod; those that match an anti-affinity term. */
  affinity = new Int32Array(16);
  anti = new Int32Array(16);
  /** Weights of preferences in both directions. */
  score = new Float64Array(16);
  /** Terms that entered `score`. */
  touches = 0;
  /** Terms that entered `existingAnti`. */
  existing = 0;

  constructor(column: TopologyColumn) {
    this.column = column;
  }

  widen(domain: number): void {
    if (domain < this.score.length) return;
    const size = (domain + 1) * 2;
    const wider = (old: Int32Array) => {
      const column = new Int32Array(size);
      column.set(old);
      return column;
    };
    this.existingAnti = wider(this.existingAnti);
    this.affinity = wider(this.affinity);
    this.anti = wider(this.anti);
    const score = new Float64Array(size);
    score.set(this.score);
    this.score = score;
  }

  clear(): void {
    this.existingAnti.fill(0);
    this.affinity.fill(0);
    this.anti.fill(0);
    this.score.fill(0);
    this.touches = 0;
    this.existing = 0;
  }
}

/** What a pod of one shape does to the sums of another: amounts by number of the topology key. */
interface Effect {
  readonly keys: readonly number[];
  readonly existingAnti: readonly number[];
  readonly affinity: readonly number[];
  readonly anti: readonly number[];
  readonly score: readonly number[];
  readonly touches: readonly number[];
}

/**
 * Everything that inter-pod affinity sums over existing pods for one shape of incoming pods, kept up to date from the node
 * table's journal. How a pod of one shape acts on a pod of another is worked out once for each pair of shapes.
 */
export class AffinityCounts {
  readonly keys: KeySums[] = [];
  /** Number of the key of each required affinity and anti-affinity term of the incoming pod. */
  readonly affinityKeys: readonly number[];
  readonly antiKeys: readonly number[];
  /** (Key, domain) pairs that matching pods gave to the required affinity terms. */
  affinityPairs = 0;
  private readonly nodes: NodeTable;
  private readonly world: NamespaceLabels;
  private readonly incoming: PodShape;
  private readonly hardWeight: number;
  private readonly keyNumbers = new Map<string, number>();
  private readonly effects: (Effect | null | undefined)[] = [];
  private position = -1;
  private labelEpoch = -1;

  constructor(nodes: NodeTable, world: NamespaceLabels, incoming: PodShape, hardWeight: number) {
    this.nodes = nodes;
    this.world = world;
    this.incoming = incoming;
    this.hardWeight = hardWeight;
    const { requiredAffinity, requiredAntiAffinity } = incoming.affinity;
    this.affinityKeys = requiredAffinity.map((term) => this.keyNumber(term.topologyKey));
    this.antiKeys = requiredAntiAffinity.map((term) => this.keyNumber(term.topologyKey));
  }

  refresh(): void {
    const { nodes } = this;
    const { journal } = nodes;
    if (this.position < 0 || !journal.holds(this.position) || this.labelEpoch !== nodes.labelEpoch) {
      for (const key of this.keys) key.clear();
      this.affinityPairs = 0;
      for (const slot of nodes.order) for (const pod of nodes.pods[slot]!) this.apply(pod.shape.id, slot, 1);
    } else {
      for (let position = this.position; position < journal.end; position++) {
        const kind = journal.kind(position);
        if (kind === JournalKind.NodeAdded) continue;
        const added = kind === JournalKind.PodAdded || kind === JournalKind.TerminatingPodAdded;
        this.apply(journal.shape(position), journal.slot(position), added ? 1 : -1);
      }
    }
    this.position = journal.end;
    this.labelEpoch = nodes.labelEpoch;
  }

  /** Counts a pod in or out for a what-if. */
  change(pod: PodInfo, slot: number, sign: 1 | -1): void {
    this.apply(pod.shape.id, slot, sign);
  }

  /** Whether required anti-affinity of some existing pod matches the incoming one. */
  get anyExistingAnti(): boolean {
    return this.keys.some((key) => key.existing > 0);
  }

  get anyScore(): boolean {
    return this.keys.some((key) => key.touches > 0);
  }

  private apply(shape: number, slot: number, sign: 1 | -1): void {
    let effect = this.effects[shape];
    if (effect === undefined) {
      effect = this.effectOf(this.nodes.shapes.get(shape));
      this.effects[shape] = effect;
    }
    if (effect === null || this.nodes.nodes[slot] === null) return;
    for (let i = 0; i < effect.keys.length; i++) {
      const sums = this.keys[effect.keys[i]!]!;
      const domain = sums.column.domains[slot]!;
      if (domain < 0) continue;
      if (domain >= sums.score.length) sums.widen(domain);
      if (effect.existingAnti[i] !== 0) {
        sums.existingAnti[domain]! += sign * effect.existingAnti[i]!;
        sums.existing += sign;
      }
      if (effect.affinity[i] !== 0) {
        const before = sums.affinity[domain]!;
        const after = before + sign * effect.affinity[i]!;
        sums.affinity[domain] = after;
        this.affinityPairs += (after !== 0 ? 1 : 0) - (before !== 0 ? 1 : 0);
      }
      if (effect.anti[i] !== 0) sums.anti[domain]! += sign * effect.anti[i]!;
      if (effect.touches[i] !== 0) {
        sums.score[domain]! += sign * effect.score[i]!;
        sums.touches += sign * effect.touches[i]!;
      }
    }
  }

  /** What pods of a shape do to the sums; null: nothing. */
  private effectOf(existing: PodShape): Effect | null {
    const rows = new Map<
      number,
      { existingAnti: number; affinity: number; anti: number; score: number; touches: number }
    >();
    const row = (topologyKey: string) => {
      const key = this.keyNumber(topologyKey);
      let found = rows.get(key);
      if (found === undefined) {
        found = { existingAnti: 0, affinity: 0, anti: 0, score: 0, touches: 0 };
        rows.set(key, found);
      }
      return found;
    };
    const { incoming, world } = this;
    const own = (term: AffinityTerm) => term.matchesAsOwn(existing.namespace, existing.labels, world);
    const theirs = (term: AffinityTerm) => term.matchesAsExisting(incoming.namespace, incoming.labels, world);
    const prefer = (term: AffinityTerm, weight: number) => {
      const { topologyKey } = term;
      row(topologyKey).score += weight;
      row(topologyKey).touches++;
    };
    for (const term of existing.affinity.requiredAntiAffinity) if (theirs(term)) row(term.topologyKey).existingAnti++;
    const { requiredAffinity, requiredAntiAffinity, preferredAffinity, preferredAntiAffinity } = incoming.affinity;
    if (requiredAffinity.length > 0 && requiredAffinity.every(own))
      for (const term of requiredAffinity) row(term.topologyKey).affinity++;
    for (const term of requiredAntiAffinity) if (own(term)) row(term.topologyKey).anti++;
    for (const term of preferredAffinity) if (own(term)) prefer(term, term.weight);
    for (const term of preferredAntiAffinity) if (own(term)) prefer(term, -term.weight);
    if (this.hardWeight > 0)
      for (const term of existing.affinity.requiredAffinity) if (theirs(term)) prefer(term, this.hardWeight);
    for (const term of existing.affinity.preferredAffinity) if (theirs(term)) prefer(term, term.weight);
    for (const term of existing.affinity.preferredAntiAffinity) if (theirs(term)) prefer(term, -term.weight);
    if (rows.size === 0) return null;
    const list = [...rows.values()];
    return {
      keys: [...rows.keys()],
      existingAnti: list.map((entry) => entry.existingAnti),
      affinity: list.map((entry) => entry.affinity),
      anti: list.map((entry) => entry.anti),
      score: list.map((entry) => entry.score),
      touches: list.map((entry) => entry.touches),
    };
  }

  private keyNumber(topologyKey: string): number {
    let number = this.keyNumbers.get(topologyKey);
    if (number === undefined) {
      number = this.keys.push(new KeySums(this.nodes.topology(topologyKey))) - 1;
      this.keyNumbers.set(topologyKey, number);
    }
    return number;
  }
}

/** Whether the incoming pod matches all of its own required affinity terms. */
export function matchesItself(shape: PodShape, world: NamespaceLabels): boolean {
  return shape.affinity.requiredAffinity.every((term) => term.matchesAsOwn(shape.namespace, shape.labels, world));
}
