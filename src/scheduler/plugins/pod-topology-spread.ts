import type { Node, Pod, TopologySpreadConstraint } from '../../api/core.js';
import { equal } from '../../api/equal.js';
import { CompiledSelector } from '../../api/labels.js';
import type { LabelSelector, Labels } from '../../api/meta.js';
import { log } from '../../random/portable.js';
import type { PodInfo } from '../cache/pod-info.js';
import type { PodShape } from '../cache/pod-shape.js';
import type { TopologyColumn } from '../cache/topology.js';
import type { Cycle } from '../framework/cycle.js';
import { type ClusterEvent, type EventInterest, EventKind, holdsNode } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, skip, unresolvable, unschedulable } from '../framework/status.js';
import { defaultSelector } from './default-selector.js';
import { type DomainCounts, type SpreadConstraint, SpreadCounts } from './spread-counts.js';

const HOSTNAME = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';

/** Constraints of pods without their own, when the profile's defaulting is System (plugins/podtopologyspread). */
const systemDefaults: readonly TopologySpreadConstraint[] = [
  { topologyKey: HOSTNAME, whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 3 },
  { topologyKey: ZONE, whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 5 },
];

/** Arguments: `System`, or a list of default constraints (PodTopologySpreadArgs). */
export interface PodTopologySpreadArgs {
  readonly defaultingType: 'System' | 'List';
  readonly defaultConstraints: readonly TopologySpreadConstraint[];
}

type Action = TopologySpreadConstraint['whenUnsatisfiable'];

/** Counts remembered for pods that differ in shape. */
const REMEMBERED = 128;

/** Spreads matching pods over topology domains: hard constraints filter, soft ones score. */
export class PodTopologySpread implements Plugin {
  readonly name = 'PodTopologySpread';
  private readonly handle: Handle;
  private readonly defaults: readonly TopologySpreadConstraint[];
  private readonly systemDefaulted: boolean;
  private readonly missingLabel = unresolvable(
    this.name,
    "node(s) didn't match pod topology spread constraints (missing required label)",
  );
  private readonly skewed = unschedulable(this.name, "node(s) didn't match pod topology spread constraints");
  private readonly skipped = skip(this.name);
  private readonly remembered = new Map<string, SpreadCounts>();
  /** What was asked for last. */
  private last: { readonly shape: number; readonly action: Action; readonly epoch: number; readonly counts: SpreadCounts } | null = null;
  private hard: SpreadCounts | null = null;
  /** Per hard constraint: 1 when the pod matches its own selector. */
  private self: number[] = [];
  private soft: SpreadCounts | null = null;
  private readonly weights: number[] = [];
  /** 1 for domains among the scored nodes. */
  private met = new Uint8Array(16);
  private ignored = new Uint8Array(0);
  /** Some of the scored nodes are ignored. */
  private ignores = false;

  constructor(handle: Handle, args: PodTopologySpreadArgs = { defaultingType: 'System', defaultConstraints: [] }) {
    this.handle = handle;
    this.systemDefaulted = args.defaultingType === 'System';
    this.defaults = this.systemDefaulted ? systemDefaults : args.defaultConstraints;
  }

  /** Whether pods without constraints of their own are spread. */
  get hasDefaults(): boolean {
    return this.defaults.length > 0;
  }

  preFilter(cycle: Cycle): Status | null {
    const { shape } = cycle.pod;
    this.hard = this.countsFor(cycle.pod, 'DoNotSchedule', true);
    if (this.hard === null) return this.skipped;
    this.self = this.hard.constraints.map(({ constraint }) => (constraint.selector.matches(shape.labels) ? 1 : 0));
    return null;
  }

  addPod(_: Cycle, pod: PodInfo, slot: number): void {
    this.hard!.change(pod, slot, 1);
  }

  removePod(_: Cycle, pod: PodInfo, slot: number): void {
    this.hard!.change(pod, slot, -1);
  }

  filter(_: Cycle, slot: number): Status | null {
    const { constraints } = this.hard!;
    for (let i = 0; i < constraints.length; i++) {
      const counts = constraints[i]!;
      const domain = counts.column.domains[slot]!;
      if (domain < 0) return this.missingLabel;
      const matching = domain < counts.counts.length && counts.nodes[domain]! > 0 ? counts.counts[domain]! : 0;
      if (matching + this.self[i]! - counts.least > counts.constraint.maxSkew) return this.skewed;
    }
    return null;
  }

  preScore(cycle: Cycle, slots: Int32Array): Status | null {
    const { shape } = cycle.pod;
    const requireAll = shape.spread.length > 0 || !this.systemDefaulted;
    this.soft = this.countsFor(cycle.pod, 'ScheduleAnyway', requireAll);
    if (this.soft === null) return this.skipped;
    const { constraints } = this.soft;
    const left = slots.length - (requireAll ? this.ignore(constraints, slots) : 0);
    this.ignores = left < slots.length;
    this.weights.length = 0;
    for (const { column, constraint } of constraints)
      this.weights.push(log((constraint.topologyKey === HOSTNAME ? left : this.domainsOf(column, slots)) + 2));
    return null;
  }

  /** How many domains the scored nodes are in; those without the label together look like one more, as in the real plugin. */
  private domainsOf({ domains, values }: TopologyColumn, slots: Int32Array): number {
    const { ignores, ignored } = this;
    if (this.met.length < values.length) this.met = new Uint8Array(values.length * 2);
    const { met } = this;
    met.fill(0, 0, values.length);
    let count = 0;
    let lacking = 0;
    for (let i = 0; i < slots.length; i++) {
      if (ignores && ignored[i] === 1) continue;
      const domain = domains[slots[i]!]!;
      if (domain < 0) lacking = 1;
      else if (met[domain] === 0) {
        met[domain] = 1;
        count++;
      }
    }
    return count + lacking;
  }

  /** Notes which nodes lack a key of some constraint; returns how many. */
  private ignore(constraints: readonly DomainCounts[], slots: Int32Array): number {
    if (this.ignored.length < slots.length) this.ignored = new Uint8Array(slots.length * 2);
    const { ignored } = this;
    ignored.fill(0, 0, slots.length);
    let count = 0;
    for (const { column } of constraints) {
      const { domains } = column;
      for (let i = 0; i < slots.length; i++) {
        if (ignored[i] === 1 || domains[slots[i]!]! >= 0) continue;
        ignored[i] = 1;
        count++;
      }
    }
    return count;
  }

  scoreNodes(_: Cycle, slots: Int32Array, scores: Float64Array): void {
    const { constraints } = this.soft!;
    const { ignores, ignored } = this;
    for (let k = 0; k < constraints.length; k++) {
      const { column, constraint, counts, matches, nodes } = constraints[k]!;
      const { domains } = column;
      const weight = this.weights[k]!;
      const offset = constraint.maxSkew - 1;
      const host = constraint.topologyKey === HOSTNAME;
      for (let i = 0; i < slots.length; i++) {
        if (ignores && ignored[i] === 1) continue;
        const slot = slots[i]!;
        const domain = domains[slot]!;
        if (domain < 0) continue;
        const count = host ? matches[slot]! : domain < nodes.length && nodes[domain]! > 0 ? counts[domain]! : 0;
        scores[i]! += count * weight + offset;
      }
    }
    for (let i = 0; i < slots.length; i++) scores[i] = Math.round(scores[i]!);
  }

  normalize(_cycle: Cycle, slots: Int32Array, scores: Float64Array): void {
    let smallest = Number.POSITIVE_INFINITY;
    let largest = 0;
    const { ignores, ignored } = this;
    for (let i = 0; i < slots.length; i++) {
      if (ignores && ignored[i] === 1) continue;
      const score = scores[i]!;
      if (score < smallest) smallest = score;
      if (score > largest) largest = score;
    }
    const sum = largest + smallest;
    for (let i = 0; i < slots.length; i++) {
      if (ignores && ignored[i] === 1) scores[i] = 0;
      else scores[i] = largest === 0 ? 100 : Math.floor((100 * (sum - scores[i]!)) / largest);
    }
  }

  eventsToRegister(): readonly EventInterest[] {
    const { PodAdd, PodLabel, PodDelete, NodeAdd, NodeDelete, NodeLabel, NodeTaint, OwnTolerations } = EventKind;
    return [{ kinds: PodAdd | PodLabel | PodDelete | NodeAdd | NodeDelete | NodeLabel | NodeTaint | OwnTolerations }];
  }

  /** Pods help when a hard constraint counts them (no longer), nodes when they have, or had, all its keys. */
  hint(pod: PodInfo, event: ClusterEvent): boolean {
    const constraints = this.constraintsOf(pod, 'DoNotSchedule');
    return event.pod === undefined
      ? nodeHelps(constraints, event)
      : podHelps(constraints, pod, event, this.handle.features.completeAffinityHints);
  }

  /** Constraints of a pod with one action, own or by default. */
  private constraintsOf(pod: PodInfo, action: Action): readonly SpreadConstraint[] {
    const { shape } = pod;
    if (shape.spread.length > 0) return prepare(shape.spread, action, shape, undefined);
    if (!this.defaults.some((constraint) => constraint.whenUnsatisfiable === action)) return [];
    const selector = defaultSelector(pod.pod, this.handle.objects);
    return selector === undefined ? [] : prepare(this.defaults, action, shape, selector);
  }

  /** Counts for the pod's constraints with one action; null when it has none. */
  private countsFor(pod: PodInfo, action: Action, requireAllKeys: boolean): SpreadCounts | null {
    const { shape } = pod;
    const own = shape.spread.length > 0;
    if (!own && !hasAction(this.defaults, action)) return null;
    const { services, replicaSets, statefulSets, replicationControllers } = this.handle.objects;
    // Each of them only grows, and so does their sum.
    const epoch = own ? -1 : services.selections + replicaSets.selections + statefulSets.selections + replicationControllers.selections;
    const { last } = this;
    const counts =
      last !== null && last.shape === shape.id && last.action === action && last.epoch === epoch
        ? last.counts
        : this.recalled(pod, action, requireAllKeys, epoch);
    if (counts.constraints.length === 0) return null;
    counts.refresh();
    return counts;
  }

  private recalled(pod: PodInfo, action: Action, requireAllKeys: boolean, epoch: number): SpreadCounts {
    const { id, namespace, nodeAffinity, tolerations } = pod.shape;
    const key = `${id} ${action} ${epoch}`;
    let counts = this.remembered.get(key);
    if (counts === undefined) {
      const constraints = this.constraintsOf(pod, action);
      counts = new SpreadCounts(this.handle.nodes, constraints, namespace, nodeAffinity, tolerations, requireAllKeys);
      this.remembered.set(key, counts);
      if (this.remembered.size > REMEMBERED) this.remembered.delete(this.remembered.keys().next().value!);
    }
    this.last = { shape: id, action, epoch, counts };
    return counts;
  }
}

function hasAction(constraints: readonly TopologySpreadConstraint[], action: Action): boolean {
  for (let i = 0; i < constraints.length; i++) if (constraints[i]!.whenUnsatisfiable === action) return true;
  return false;
}

function prepare(
  constraints: readonly TopologySpreadConstraint[],
  action: Action,
  shape: PodShape,
  selector: CompiledSelector | undefined,
): readonly SpreadConstraint[] {
  return constraints
    .filter((constraint) => constraint.whenUnsatisfiable === action)
    .map((constraint) => ({
      maxSkew: constraint.maxSkew,
      topologyKey: constraint.topologyKey,
      minDomains: constraint.minDomains ?? 1,
      selector: selector ?? new CompiledSelector(withLabelKeys(constraint, shape.labels)),
      honorAffinity: constraint.nodeAffinityPolicy !== 'Ignore',
      honorTaints: constraint.nodeTaintsPolicy === 'Honor',
    }));
}

/** The selector with the pod's own values of matchLabelKeys. */
function withLabelKeys(constraint: TopologySpreadConstraint, labels: Labels): LabelSelector | undefined {
  const { labelSelector, matchLabelKeys } = constraint;
  if (matchLabelKeys === undefined || labelSelector === undefined) return labelSelector;
  const added = matchLabelKeys
    .filter((key) => Object.hasOwn(labels, key))
    .map((key) => ({ key, operator: 'In' as const, values: [labels[key]!] }));
  return { ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...added] };
}

/** isSchedulableAfterPodChange. */
function podHelps(
  constraints: readonly SpreadConstraint[],
  pod: PodInfo,
  event: ClusterEvent,
  nominatedCount: boolean,
): boolean {
  const other = event.pod!;
  const itself = other.key === pod.key;
  if (!itself && (other.shape.namespace !== pod.shape.namespace || !holdsNode(event.object as Pod, nominatedCount)))
    return false;
  const old = event.old as Pod | undefined;
  if (old === undefined) return constraints.some(({ selector }) => selector.matches(other.shape.labels));
  const tolerates = itself && (event.kinds & EventKind.OwnTolerations) !== 0;
  if (tolerates && constraints.some(({ honorTaints }) => honorTaints)) return true;
  return constraints.some(({ selector }) => selector.matches(old.metadata.labels) !== selector.matches(other.shape.labels));
}

/** isSchedulableAfterNodeChange. */
function nodeHelps(constraints: readonly SpreadConstraint[], event: ClusterEvent): boolean {
  const hasKeys = (labels: Labels) => constraints.every(({ topologyKey }) => Object.hasOwn(labels, topologyKey));
  const node = event.object as Node;
  const old = event.old as Node | undefined;
  const labels = node.metadata.labels ?? {};
  if (old === undefined) return hasKeys(labels);
  const before = old.metadata.labels ?? {};
  if (hasKeys(before) !== hasKeys(labels)) return true;
  if (!hasKeys(labels)) return false;
  const moved = constraints.some(({ topologyKey }) => before[topologyKey] !== labels[topologyKey]);
  return moved || !equal(old.spec.taints ?? [], node.spec.taints ?? []);
}
