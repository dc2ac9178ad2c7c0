import type { PodInfo } from '../cache/pod-info.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
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

  /** A pod helps when one of the terms in play concerns it; a node when it brings a topology value for a term. */
  hint(pod: PodInfo, event: ClusterEvent): boolean {
    const { objects } = this.handle;
    const { affinity, namespace, labels } = pod.shape;
    const { pod: other } = event;
    if (other !== undefined) {
      const { shape } = other;
      const matched = (terms: readonly import('../cache/affinity-term.js').AffinityTerm[]) =>
        terms.some((term) => term.matchesAsOwn(shape.namespace, shape.labels, objects));
      if ((event.kinds & EventKind.PodDelete) === 0)
        return matched(affinity.requiredAffinity) || (event.kinds & EventKind.PodLabel) !== 0;
      return (
        matched(affinity.requiredAntiAffinity) ||
        shape.affinity.requiredAntiAffinity.some((term) => term.matchesAsExisting(namespace, labels, objects))
      );
    }
    const node = event.object?.metadata.labels ?? {};
    const { requiredAffinity, requiredAntiAffinity } = affinity;
    if (requiredAffinity.length > 0) return requiredAffinity.every((term) => Object.hasOwn(node, term.topologyKey));
    return (
      requiredAntiAffinity.length === 0 ||
      event.old === undefined ||
      requiredAntiAffinity.some((term) => event.old?.metadata.labels?.[term.topologyKey] !== node[term.topologyKey])
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
