import type { Node, Pod, PodAffinityTerm, Taint, TopologySpreadConstraint } from '../../src/api/core.js';
import { matchesSelector } from '../../src/api/labels.js';
import { podRequests } from '../../src/api/pod-resources.js';

/**
 * The scheduling rules written down once more, directly over the objects: no caches, no columns, no counts kept from pod to
 * pod. Slow and obvious; the property tests compare the scheduler with it.
 */
export interface PlainCluster {
  /** In visiting order. */
  readonly nodes: readonly Node[];
  /** Bound pods. */
  readonly pods: readonly Pod[];
}

const labelsOf = (object: { metadata: { labels?: Readonly<Record<string, string>> } }) => object.metadata.labels ?? {};
const on = (cluster: PlainCluster, node: Node) =>
  cluster.pods.filter((pod) => pod.spec.nodeName === node.metadata.name);

function tolerated(pod: Pod, taint: Taint): boolean {
  return (pod.spec.tolerations ?? []).some(
    (toleration) =>
      (toleration.effect === undefined || toleration.effect === taint.effect) &&
      (toleration.key === undefined || toleration.key === taint.key) &&
      (toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '')),
  );
}

function affine(pod: Pod, node: Node): boolean {
  const labels = labelsOf(node);
  if (!Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return true;
  return required.nodeSelectorTerms.some((term) =>
    (term.matchExpressions ?? []).every(({ key, operator, values = [] }) =>
      operator === 'In'
        ? labels[key] !== undefined && values.includes(labels[key])
        : operator === 'Exists'
          ? labels[key] !== undefined
          : labels[key] === undefined,
    ),
  );
}

function requested(cluster: PlainCluster, node: Node, resource: string): number {
  return on(cluster, node).reduce((sum, pod) => sum + (podRequests(pod.spec)[resource] ?? 0), 0);
}

function fitsResources(cluster: PlainCluster, pod: Pod, node: Node): boolean {
  const { allocatable } = node.status;
  if (on(cluster, node).length + 1 > (allocatable['pods'] ?? 0)) return false;
  return Object.entries(podRequests(pod.spec)).every(
    ([name, amount]) => amount === 0 || amount <= (allocatable[name] ?? 0) - requested(cluster, node, name),
  );
}

const alive = (pod: Pod) => pod.metadata.deletionTimestamp === undefined;

function matching(cluster: PlainCluster, pod: Pod, constraint: TopologySpreadConstraint, node: Node): number {
  return on(cluster, node).filter(
    (other) =>
      alive(other) &&
      other.metadata.namespace === pod.metadata.namespace &&
      matchesSelector(constraint.labelSelector, other.metadata.labels),
  ).length;
}

function eligible(
  pod: Pod,
  constraint: TopologySpreadConstraint,
  all: readonly TopologySpreadConstraint[],
  node: Node,
): boolean {
  if (!all.every(({ topologyKey }) => labelsOf(node)[topologyKey] !== undefined)) return false;
  if (constraint.nodeAffinityPolicy !== 'Ignore' && !affine(pod, node)) return false;
  if (constraint.nodeTaintsPolicy !== 'Honor') return true;
  return (node.spec.taints ?? []).every((taint) => taint.effect === 'PreferNoSchedule' || tolerated(pod, taint));
}

function domainCounts(
  cluster: PlainCluster,
  pod: Pod,
  constraint: TopologySpreadConstraint,
  all: readonly TopologySpreadConstraint[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of cluster.nodes) {
    if (!eligible(pod, constraint, all, node)) continue;
    const value = labelsOf(node)[constraint.topologyKey]!;
    counts.set(value, (counts.get(value) ?? 0) + matching(cluster, pod, constraint, node));
  }
  return counts;
}

function fitsSpread(cluster: PlainCluster, pod: Pod, node: Node): boolean {
  const all = (pod.spec.topologySpreadConstraints ?? []).filter(
    (constraint) => constraint.whenUnsatisfiable === 'DoNotSchedule',
  );
  return all.every((constraint) => {
    const value = labelsOf(node)[constraint.topologyKey];
    if (value === undefined) return false;
    const counts = domainCounts(cluster, pod, constraint, all);
    const least = counts.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...counts.values());
    const self = matchesSelector(constraint.labelSelector, pod.metadata.labels) ? 1 : 0;
    return (counts.get(value) ?? 0) + self - least <= constraint.maxSkew;
  });
}

const termMatches = (term: PodAffinityTerm, owner: Pod, other: Pod) =>
  (term.namespaces ?? [owner.metadata.namespace]).includes(other.metadata.namespace) &&
  matchesSelector(term.labelSelector, other.metadata.labels);
const same = (a: Node, b: Node, key: string) => labelsOf(a)[key] !== undefined && labelsOf(a)[key] === labelsOf(b)[key];
const nodeOf = (cluster: PlainCluster, pod: Pod) =>
  cluster.nodes.find((node) => node.metadata.name === pod.spec.nodeName);
const requiredTerms = (pod: Pod, kind: 'podAffinity' | 'podAntiAffinity') =>
  pod.spec.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
const preferredTerms = (pod: Pod, kind: 'podAffinity' | 'podAntiAffinity') =>
  pod.spec.affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];

function fitsAffinity(cluster: PlainCluster, pod: Pod, node: Node): boolean {
  const placed = cluster.pods.flatMap((other) => {
    const at = nodeOf(cluster, other);
    return at === undefined ? [] : [{ other, at }];
  });
  const terms = requiredTerms(pod, 'podAffinity');
  if (!terms.every(({ topologyKey }) => labelsOf(node)[topologyKey] !== undefined)) return false;
  const all = placed.filter(({ other }) => terms.every((term) => termMatches(term, pod, other)));
  const near = terms.every((term) => all.some(({ at }) => same(at, node, term.topologyKey)));
  if (!near) {
    const somewhere = all.some(({ at }) => terms.some(({ topologyKey }) => labelsOf(at)[topologyKey] !== undefined));
    if (somewhere || !terms.every((term) => termMatches(term, pod, pod))) return false;
  }
  for (const term of requiredTerms(pod, 'podAntiAffinity')) {
    if (placed.some(({ other, at }) => termMatches(term, pod, other) && same(at, node, term.topologyKey))) return false;
  }
  return !placed.some(({ other, at }) =>
    requiredTerms(other, 'podAntiAffinity').some(
      (term) => termMatches(term, other, pod) && same(at, node, term.topologyKey),
    ),
  );
}

/** Nodes that a pod fits, in visiting order. */
export function plainFeasible(cluster: PlainCluster, pod: Pod): readonly Node[] {
  return cluster.nodes.filter((node) => {
    const cordon: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
    if (node.spec.unschedulable === true && !tolerated(pod, cordon)) return false;
    if ((node.spec.taints ?? []).some((taint) => taint.effect !== 'PreferNoSchedule' && !tolerated(pod, taint)))
      return false;
    return (
      affine(pod, node) &&
      fitsResources(cluster, pod, node) &&
      fitsSpread(cluster, pod, node) &&
      fitsAffinity(cluster, pod, node)
    );
  });
}

function nonZero(pod: Pod, resource: 'cpu' | 'memory'): number {
  const fallback = resource === 'cpu' ? 100 : 200 * 1024 * 1024;
  return pod.spec.containers.reduce(
    (sum, container) => sum + (container.resources?.requests?.[resource] ?? fallback),
    0,
  );
}

function leastAllocated(cluster: PlainCluster, pod: Pod, node: Node): number {
  const scores = (['cpu', 'memory'] as const).map((resource) => {
    const capacity = node.status.allocatable[resource] ?? 0;
    const used = on(cluster, node).reduce((sum, other) => sum + nonZero(other, resource), 0) + nonZero(pod, resource);
    return used > capacity ? 0 : Math.floor(((capacity - used) * 100) / capacity);
  });
  return Math.floor((scores[0]! + scores[1]!) / 2);
}

function balanced(cluster: PlainCluster, pod: Pod, node: Node): number {
  const wanted = podRequests(pod.spec);
  const [cpu, memory] = ['cpu', 'memory'].map((name) =>
    Math.min((requested(cluster, node, name) + (wanted[name] ?? 0)) / (node.status.allocatable[name] ?? 0), 1),
  );
  return Math.trunc((1 - Math.abs((cpu! - memory!) / 2)) * 100);
}

function affinityScores(cluster: PlainCluster, pod: Pod, nodes: readonly Node[]): number[] | null {
  let touched = false;
  const raw = nodes.map((node) => {
    let score = 0;
    for (const other of cluster.pods) {
      const at = nodeOf(cluster, other);
      if (at === undefined) continue;
      const add = (term: PodAffinityTerm, weight: number, matches: boolean) => {
        if (!matches || labelsOf(at)[term.topologyKey] === undefined) return;
        touched = true;
        if (same(at, node, term.topologyKey)) score += weight;
      };
      for (const { weight, podAffinityTerm: term } of preferredTerms(pod, 'podAffinity'))
        add(term, weight, termMatches(term, pod, other));
      for (const { weight, podAffinityTerm: term } of preferredTerms(pod, 'podAntiAffinity'))
        add(term, -weight, termMatches(term, pod, other));
      for (const term of requiredTerms(other, 'podAffinity')) add(term, 1, termMatches(term, other, pod));
      for (const { weight, podAffinityTerm: term } of preferredTerms(other, 'podAffinity'))
        add(term, weight, termMatches(term, other, pod));
      for (const { weight, podAffinityTerm: term } of preferredTerms(other, 'podAntiAffinity'))
        add(term, -weight, termMatches(term, other, pod));
    }
    return score;
  });
  if (!touched) return null;
  const least = Math.min(...raw);
  const range = Math.max(...raw) - least;
  return raw.map((score) => (range > 0 ? Math.trunc(100 * ((score - least) / range)) : 0));
}

function spreadScores(cluster: PlainCluster, pod: Pod, nodes: readonly Node[]): number[] | null {
  const all = (pod.spec.topologySpreadConstraints ?? []).filter(
    (constraint) => constraint.whenUnsatisfiable === 'ScheduleAnyway',
  );
  if (all.length === 0) return null;
  const scored = nodes.filter((node) => all.every(({ topologyKey }) => labelsOf(node)[topologyKey] !== undefined));
  const raw = nodes.map((node) => {
    if (!scored.includes(node)) return -1;
    let sum = 0;
    for (const constraint of all) {
      const { topologyKey, maxSkew } = constraint;
      const host = topologyKey === 'kubernetes.io/hostname';
      const domains = host ? scored.length : new Set(scored.map((other) => labelsOf(other)[topologyKey])).size;
      const count = host
        ? matching(cluster, pod, constraint, node)
        : (domainCounts(cluster, pod, constraint, all).get(labelsOf(node)[topologyKey]!) ?? 0);
      sum += count * Math.log(domains + 2) + (maxSkew - 1);
    }
    return Math.round(sum);
  });
  const counted = raw.filter((score) => score >= 0);
  const largest = Math.max(0, ...counted);
  const least = Math.min(...counted);
  return raw.map((score) =>
    score < 0 ? 0 : largest === 0 ? 100 : Math.floor((100 * (largest + least - score)) / largest),
  );
}

/** Total scores of the feasible nodes by the default profile of 1.34. */
export function plainTotals(cluster: PlainCluster, pod: Pod, nodes: readonly Node[]): readonly number[] {
  const taints = nodes.map(
    (node) =>
      (node.spec.taints ?? []).filter(
        (taint) =>
          taint.effect === 'PreferNoSchedule' &&
          !(pod.spec.tolerations ?? []).some(
            (toleration) =>
              (toleration.effect ?? 'PreferNoSchedule') === 'PreferNoSchedule' &&
              tolerated({ ...pod, spec: { ...pod.spec, tolerations: [toleration] } }, taint),
          ),
      ).length,
  );
  const most = Math.max(...taints);
  const requests = podRequests(pod.spec);
  const bestEffort = (requests['cpu'] ?? 0) === 0 && (requests['memory'] ?? 0) === 0;
  const affinity = affinityScores(cluster, pod, nodes);
  const spread = spreadScores(cluster, pod, nodes);
  return nodes.map((node, i) => {
    let total = 3 * (most === 0 ? 100 : 100 - Math.floor((100 * taints[i]!) / most));
    total += leastAllocated(cluster, pod, node);
    if (!bestEffort) total += balanced(cluster, pod, node);
    if (affinity !== null) total += 2 * affinity[i]!;
    if (spread !== null) total += 2 * spread[i]!;
    return total;
  });
}
