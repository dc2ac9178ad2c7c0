import type { Pod } from '../../api/core.js';
import type { Labels } from '../../api/meta.js';
import type { AffinityTerm } from '../cache/affinity-term.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind, holdsNode } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, skip, unresolvable, unschedulable } from '../framework/status.js';
import { AffinityCounts, matchesItself } from './affinity-counts.js';

/** Arguments of InterPodAffinity (InterPodAffinityArgs). */
export interface InterPodAffinityArgs {
  readonly hardPodAffinityWeight: number;
  readonly ignorePreferredTermsOfExistingPods: boolean;
}

export const defaultInterPodAffinityArgs: InterPodAffinityArgs = {
  hardPodAffinityWeight: 1,
  ignorePreferredTermsOfExistingPods: false,
};

/** Counts remembered for pods that differ in shape. */
const REMEMBERED = 128;

/** Affinity and anti-affinity between pods, required and preferred, in both directions (plugins/interpodaffinity). */
export class InterPodAffinity implements Plugin {
  readonly name = 'InterPodAffinity';
  private readonly handle: Handle;
  private readonly args: InterPodAffinityArgs;
  private readonly affinityFailed = unresolvable(this.name, "node(s) didn't match pod affinity rules");
  private readonly antiFailed = unschedulable(this.name, "node(s) didn't match pod anti-affinity rules");
  private readonly existingFailed = unschedulable(
    this.name,
    "node(s) didn't satisfy existing pods anti-affinity rules",
  );
  private readonly skipped = skip(this.name);
  private readonly remembered = new Map<number, AffinityCounts>();
  private namespaceVersion = -1;
  private counts: AffinityCounts | null = null;
  private selfMatch = false;

  constructor(handle: Handle, args: InterPodAffinityArgs = defaultInterPodAffinityArgs) {
    this.handle = handle;
    this.args = args;
  }

  /** Whether existing pods' preferences do not matter to pods without terms. */
  get ignoresPreferredTerms(): boolean {
    return this.args.ignorePreferredTermsOfExistingPods;
  }

  preFilter(cycle: Cycle): Status | null {
    const { shape } = cycle.pod;
    const { nodes } = this.handle;
    const { requiredAffinity, requiredAntiAffinity } = shape.affinity;
    const own = requiredAffinity.length > 0 || requiredAntiAffinity.length > 0;
    if (!own && nodes.podsWithRequiredAntiAffinity === 0) return this.skipped;
    this.counts = this.countsFor(cycle.pod);
    if (!own && !this.counts.anyExistingAnti) return this.skipped;
    this.selfMatch = requiredAffinity.length > 0 && matchesItself(shape, this.handle.objects);
    return null;
  }

  addPod(_: Cycle, pod: PodInfo, slot: number): void {
    this.counts!.change(pod, slot, 1);
  }

  removePod(_: Cycle, pod: PodInfo, slot: number): void {
    this.counts!.change(pod, slot, -1);
  }

  filter(_: Cycle, slot: number): Status | null {
    const counts = this.counts!;
    const { keys, affinityKeys, antiKeys } = counts;
    let podsExist = true;
    for (let i = 0; i < affinityKeys.length; i++) {
      const sums = keys[affinityKeys[i]!]!;
      const domain = sums.column.domains[slot]!;
      if (domain < 0) return this.affinityFailed;
      if (domain >= sums.affinity.length || sums.affinity[domain]! <= 0) podsExist = false;
    }
    // The first pod of a series with affinity to itself may go anywhere.
    if (!podsExist && !(counts.affinityPairs === 0 && this.selfMatch)) return this.affinityFailed;
    for (let i = 0; i < antiKeys.length; i++) {
      const sums = keys[antiKeys[i]!]!;
      const domain = sums.column.domains[slot]!;
      if (domain >= 0 && domain < sums.anti.length && sums.anti[domain]! > 0) return this.antiFailed;
    }
    for (let i = 0; i < keys.length; i++) {
      const sums = keys[i]!;
      if (sums.existing === 0) continue;
      const domain = sums.column.domains[slot]!;
      if (domain >= 0 && domain < sums.existingAnti.length && sums.existingAnti[domain]! > 0)
        return this.existingFailed;
    }
    return null;
  }

  preScore(cycle: Cycle): Status | null {
    const { preferredAffinity, preferredAntiAffinity } = cycle.pod.shape.affinity;
    const own = preferredAffinity.length > 0 || preferredAntiAffinity.length > 0;
    if (!own && (this.args.ignorePreferredTermsOfExistingPods || this.handle.nodes.podsWithAffinity === 0))
      return this.skipped;
    this.counts = this.countsFor(cycle.pod);
    return this.counts.anyScore ? null : this.skipped;
  }

  scoreNodes(_: Cycle, slots: Int32Array, scores: Float64Array): void {
    for (const sums of this.counts!.keys) {
      if (sums.touches === 0) continue;
      const { domains } = sums.column;
      const { score } = sums;
      for (let i = 0; i < slots.length; i++) {
        const domain = domains[slots[i]!]!;
        if (domain >= 0 && domain < score.length) scores[i]! += score[domain]!;
      }
    }
  }

  normalize(_cycle: Cycle, slots: Int32Array, scores: Float64Array): void {
    let smallest = Number.POSITIVE_INFINITY;
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < slots.length; i++) {
      if (scores[i]! < smallest) smallest = scores[i]!;
      if (scores[i]! > largest) largest = scores[i]!;
    }
    const range = largest - smallest;
    for (let i = 0; i < slots.length; i++)
      scores[i] = range > 0 ? Math.trunc(100 * ((scores[i]! - smallest) / range)) : 0;
  }

  eventsToRegister(): readonly EventInterest[] {
    return [
      { kinds: EventKind.PodAdd | EventKind.PodLabel | EventKind.PodDelete | EventKind.NodeAdd | EventKind.NodeLabel },
    ];
  }

  /** A pod helps when all required terms (no longer) concern it; a node when it brings or leaves a topology value of a term. */
  hint(pod: PodInfo, event: ClusterEvent): boolean {
    if (event.pod !== undefined) return podHelps(pod, event, this.handle.features.completeAffinityHints);
    const { requiredAffinity, requiredAntiAffinity } = pod.shape.affinity;
    const labels = event.object!.metadata.labels ?? {};
    const old = event.old === undefined ? undefined : (event.old.metadata.labels ?? {});
    for (const { topologyKey } of requiredAffinity) {
      if (Object.hasOwn(labels, topologyKey) && old?.[topologyKey] !== labels[topologyKey]) return true;
    }
    if (old === undefined) return requiredAntiAffinity.length > 0;
    return requiredAntiAffinity.some(
      ({ topologyKey }) => Object.hasOwn(old, topologyKey) && old[topologyKey] !== labels[topologyKey],
    );
  }

  private countsFor(pod: PodInfo): AffinityCounts {
    const { objects, nodes } = this.handle;
    if (this.namespaceVersion !== objects.namespaces.version) {
      this.remembered.clear();
      this.namespaceVersion = objects.namespaces.version;
    }
    const { shape } = pod;
    let counts = this.remembered.get(shape.id);
    if (counts === undefined) {
      counts = new AffinityCounts(nodes, objects, shape, this.args.hardPodAffinityWeight);
      this.remembered.set(shape.id, counts);
      if (this.remembered.size > REMEMBERED) this.remembered.delete(this.remembered.keys().next().value!);
    }
    counts.refresh();
    return counts;
  }
}

/** Whether labels match all terms, as hints ask (podMatchesAllAffinityTerms); no terms match nothing. */
function matchesAll(terms: readonly AffinityTerm[], namespace: string, labels: Labels): boolean {
  return terms.length > 0 && terms.every((term) => term.matchesWithoutLabels(namespace, labels));
}

/**
 * isSchedulableAfterPodChange. Up to 1.35 the end of a pod whose own anti-affinity kept others away brings nobody back: they
 * wait for the next flush.
 */
function podHelps(pod: PodInfo, event: ClusterEvent, complete: boolean): boolean {
  const { namespace, labels } = event.pod!.shape;
  const { requiredAffinity, requiredAntiAffinity } = pod.shape.affinity;
  const old = event.old as Pod | undefined;
  if (complete && old !== undefined && event.pod!.key === pod.key) return true;
  if (!holdsNode(event.object as Pod, complete)) return false;
  if (old !== undefined) {
    const before = old.metadata.labels ?? {};
    if (!matchesAll(requiredAffinity, namespace, before) && matchesAll(requiredAffinity, namespace, labels)) return true;
    return matchesAll(requiredAntiAffinity, namespace, before) && !matchesAll(requiredAntiAffinity, namespace, labels);
  }
  if ((event.kinds & EventKind.PodDelete) === 0) return matchesAll(requiredAffinity, namespace, labels);
  if (matchesAll(requiredAntiAffinity, namespace, labels)) return true;
  return complete && matchesAll(event.pod!.shape.affinity.requiredAntiAffinity, pod.shape.namespace, pod.shape.labels);
}
