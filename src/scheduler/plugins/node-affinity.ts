import type { Affinity, Node, NodeAffinity as NodeAffinityRules, NodeSelectorTerm } from '../../api/core.js';
import { nodeMatchesSelector, preferredNodeScore } from '../cache/node-selector.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { PodShape } from '../cache/pod-shape.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import { defaultNormalize, type Handle, type Plugin } from '../framework/plugin.js';
import { type Status, skip, unresolvable } from '../framework/status.js';

/** Verdicts on nodes for one shape of pods, as long as no node changes its labels. */
class Verdicts {
  epoch = -1;
  /** By slot: 0 not known, 1 matches, 2 does not, 3 not by the profile's own affinity. */
  bySlot = new Uint8Array(0);
  nodes: (Node | null)[] = [];
}

const REMEMBERED_SHAPES = 64;

/** `nodeSelector`, required and preferred node affinity, and the affinity that a profile adds (plugins/nodeaffinity). */
export class NodeAffinity implements Plugin {
  readonly name = 'NodeAffinity';
  private readonly handle: Handle;
  private readonly added: NodeAffinityRules | undefined;
  private readonly rejection = unresolvable(this.name, "node(s) didn't match Pod's node affinity/selector");
  private readonly enforced = unresolvable(this.name, "node(s) didn't match scheduler-enforced node affinity");
  private readonly conflict = unresolvable(this.name, 'pod affinity terms conflict');
  private readonly skipped = skip(this.name);
  private readonly remembered = new Map<number, Verdicts>();
  private verdicts = new Verdicts();
  private preferred: readonly { readonly weight: number; readonly preference: NodeSelectorTerm }[] = [];

  constructor(handle: Handle, added?: NodeAffinityRules) {
    this.handle = handle;
    this.added = added;
  }

  preFilter(cycle: Cycle): Status | null {
    const { shape } = cycle.pod;
    const required = shape.nodeAffinity.required;
    const addedRequired = this.added?.requiredDuringSchedulingIgnoredDuringExecution;
    if (required === undefined && addedRequired === undefined && shape.nodeAffinity.nodeSelector === undefined)
      return this.skipped;
    this.verdicts = this.verdictsFor(shape);
    const names = required === undefined ? null : namedNodes(required.nodeSelectorTerms);
    if (names === null) return null;
    if (names.size === 0) return this.conflict;
    cycle.restrict(this.name, names);
    return null;
  }

  filter(cycle: Cycle, slot: number): Status | null {
    const known = this.verdicts;
    let verdict = known.bySlot[slot]!;
    if (verdict === 0 || known.nodes[slot] !== this.handle.nodes.nodes[slot]) {
      verdict = this.judge(cycle.pod, this.handle.nodes.nodes[slot]!);
      known.bySlot[slot] = verdict;
      known.nodes[slot] = this.handle.nodes.nodes[slot]!;
    }
    return verdict === 1 ? null : verdict === 2 ? this.rejection : this.enforced;
  }

  preScore(cycle: Cycle): Status | null {
    const affinity: Affinity | undefined = cycle.pod.shape.spec.affinity;
    const own = affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const added = this.added?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (own.length === 0 && added.length === 0) return this.skipped;
    this.preferred = added.length === 0 ? own : [...added, ...own];
    return null;
  }

  scoreNodes(_: Cycle, slots: Int32Array, scores: Float64Array): void {
    const { nodes } = this.handle.nodes;
    for (let i = 0; i < slots.length; i++) scores[i] = preferredNodeScore(nodes[slots[i]!]!, this.preferred);
  }

  normalize(_cycle: Cycle, _slots: Int32Array, scores: Float64Array): void {
    defaultNormalize(scores, false);
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: EventKind.NodeAdd | EventKind.NodeLabel }];
  }

  hint(pod: PodInfo, event: ClusterEvent): boolean {
    const node = event.object as Node | undefined;
    if (node === undefined) return true;
    const old = event.old as Node | undefined;
    if (this.judge(pod, node) !== 1) return false;
    return old === undefined || !pod.shape.nodeAffinity.matches(old);
  }

  private judge(pod: PodInfo, node: Node): number {
    const added = this.added?.requiredDuringSchedulingIgnoredDuringExecution;
    if (added !== undefined && !nodeMatchesSelector(node, added)) return 3;
    return pod.shape.nodeAffinity.matches(node) ? 1 : 2;
  }

  private verdictsFor(shape: PodShape): Verdicts {
    const { nodes } = this.handle;
    let known = this.remembered.get(shape.id);
    if (known === undefined) {
      known = new Verdicts();
      this.remembered.set(shape.id, known);
      if (this.remembered.size > REMEMBERED_SHAPES) this.remembered.delete(this.remembered.keys().next().value!);
    }
    if (known.epoch !== nodes.labelEpoch || known.bySlot.length < nodes.slots) {
      known.epoch = nodes.labelEpoch;
      known.bySlot = new Uint8Array(nodes.slots * 2);
      known.nodes = [];
    }
    return known;
  }
}

/** Names that the terms' metadata.name fields allow; null when some term does not restrict names. */
function namedNodes(terms: readonly NodeSelectorTerm[]): Set<string> | null {
  if (terms.length === 0) return null;
  const names = new Set<string>();
  for (const term of terms) {
    let own: string[] | null = null;
    for (const { key, operator, values } of term.matchFields ?? []) {
      if (key !== 'metadata.name' || operator !== 'In') continue;
      const allowed: readonly string[] = values ?? [];
      own = own === null ? [...allowed] : own.filter((name) => allowed.includes(name));
    }
    if (own === null) return null;
    for (const name of own) names.add(name);
  }
  return names;
}
