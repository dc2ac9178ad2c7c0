import type { Affinity, PodAffinityTerm, WeightedPodAffinityTerm } from '../../api/core.js';
import { CompiledSelector } from '../../api/labels.js';
import type { Labels } from '../../api/meta.js';

const noLabels: Labels = {};

/** Labels of namespaces, as a term's namespaceSelector reads them. */
export interface NamespaceLabels {
  /** Labels of a namespace; empty when it is not known. */
  namespaceLabels(namespace: string): Labels;
  /** Whether the namespace is known. */
  hasNamespace(namespace: string): boolean;
}

/** One inter-pod affinity term, prepared for matching (framework types.go AffinityTerm). */
export class AffinityTerm {
  readonly topologyKey: string;
  readonly weight: number;
  private readonly selector: CompiledSelector;
  private readonly namespaces: ReadonlySet<string>;
  private readonly namespaceSelector: CompiledSelector | undefined;

  constructor(term: PodAffinityTerm, ownNamespace: string, weight: number) {
    this.topologyKey = term.topologyKey;
    this.weight = weight;
    this.selector = new CompiledSelector(term.labelSelector);
    const named = term.namespaces ?? [];
    this.namespaces = new Set(named.length === 0 && term.namespaceSelector === undefined ? [ownNamespace] : named);
    this.namespaceSelector =
      term.namespaceSelector === undefined ? undefined : new CompiledSelector(term.namespaceSelector);
  }

  /**
   * The term of a pod being scheduled: namespaces are those that exist now. The real plugin means to put the namespaces that
   * the selector finds in the place of the selector, but keeps the selector too (mergeAffinityTermNamespacesIfNotEmpty changes
   * a copy), and then asks it about no labels at all: one that only excludes labels selects every namespace.
   */
  matchesAsOwn(namespace: string, labels: Labels, world: NamespaceLabels): boolean {
    if (this.matchesWithoutLabels(namespace, labels)) return true;
    const selector = this.namespaceSelector;
    if (selector === undefined || !this.selector.matches(labels)) return false;
    return world.hasNamespace(namespace) && selector.matches(world.namespaceLabels(namespace));
  }

  /** As queueing hints ask: without looking up any namespace. */
  matchesWithoutLabels(namespace: string, labels: Labels): boolean {
    if (!this.selector.matches(labels)) return false;
    return this.namespaces.has(namespace) || (this.namespaceSelector?.matches(noLabels) ?? false);
  }

  /** The term of a pod that is there already, against the pod being scheduled. */
  matchesAsExisting(namespace: string, labels: Labels, world: NamespaceLabels): boolean {
    if (!this.selector.matches(labels)) return false;
    if (this.namespaces.has(namespace)) return true;
    return this.namespaceSelector?.matches(world.namespaceLabels(namespace)) ?? false;
  }
}

/** All inter-pod terms of a pod. */
export interface AffinityTerms {
  readonly any: boolean;
  readonly requiredAffinity: readonly AffinityTerm[];
  readonly requiredAntiAffinity: readonly AffinityTerm[];
  readonly preferredAffinity: readonly AffinityTerm[];
  readonly preferredAntiAffinity: readonly AffinityTerm[];
}

const none: AffinityTerms = {
  any: false,
  requiredAffinity: [],
  requiredAntiAffinity: [],
  preferredAffinity: [],
  preferredAntiAffinity: [],
};

/** Prepares the inter-pod terms of a pod in `namespace`. */
export function compileAffinity(affinity: Affinity | undefined, namespace: string): AffinityTerms {
  if (affinity?.podAffinity === undefined && affinity?.podAntiAffinity === undefined) return none;
  const required = (terms: readonly PodAffinityTerm[] | undefined) =>
    (terms ?? []).map((term) => new AffinityTerm(term, namespace, 0));
  const preferred = (terms: readonly WeightedPodAffinityTerm[] | undefined) =>
    (terms ?? []).map((term) => new AffinityTerm(term.podAffinityTerm, namespace, term.weight));
  const { podAffinity, podAntiAffinity } = affinity;
  const requiredAffinity = required(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution);
  const requiredAntiAffinity = required(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution);
  const preferredAffinity = preferred(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution);
  const preferredAntiAffinity = preferred(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution);
  const any =
    requiredAffinity.length + requiredAntiAffinity.length + preferredAffinity.length + preferredAntiAffinity.length > 0;
  return { any, requiredAffinity, requiredAntiAffinity, preferredAffinity, preferredAntiAffinity };
}
