import type { Time } from '../../kernel/time.js';
import type { PodInfo } from '../cache/pod-info.js';
import { Cycle } from './cycle.js';
import type { Diagnosis } from './diagnosis.js';
import type { Handle, Plugin, PostFilterResult } from './plugin.js';
import { Code, Status } from './status.js';
import { WaitingPod } from './waiting-pods.js';

/** Plugins of a profile by extension point, in order (what KubeSchedulerConfiguration settles). */
export interface PluginSets {
  readonly preEnqueue: readonly Plugin[];
  readonly queueSort: readonly Plugin[];
  readonly preFilter: readonly Plugin[];
  readonly filter: readonly Plugin[];
  readonly postFilter: readonly Plugin[];
  readonly preScore: readonly Plugin[];
  readonly score: readonly { readonly plugin: Plugin; readonly weight: number }[];
  readonly reserve: readonly Plugin[];
  readonly permit: readonly Plugin[];
  readonly preBind: readonly Plugin[];
  readonly bind: readonly Plugin[];
  readonly postBind: readonly Plugin[];
}

/** Observer of the scores of a cycle, for explanations and conformance; null costs nothing. */
export interface ScoreObserver {
  raw(plugin: string, weight: number, scores: Float64Array): void;
  normalized(plugin: string, scores: Float64Array): void;
}

/** A plugin threw: a fault of its own, named so that its author finds it. */
export class PluginError extends Error {
  override readonly name = 'PluginError';

  constructor(plugin: string, pod: string, cause: unknown) {
    super(
      `scheduler plugin ${plugin} failed on pod ${pod}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** No plugin follows what-ifs. */
const NOBODY: Plugin[] = [];

/** Calls a plugin; what it throws becomes an error that names plugin and pod. */
export function guarded<T>(plugin: Plugin, pod: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof PluginError ? error : new PluginError(plugin.name, pod, error);
  }
}

/**
 * A plugin with what is asked of it in each cycle: there are so many kinds of plugins that looking up what one has, or lacks, costs more
 * than most of them do.
 */
class Part {
  readonly plugin: Plugin;
  readonly name: string;
  readonly follows: boolean;
  readonly mayPassAll: boolean;
  readonly normalizes: boolean;
  /** Numbers of the last cycles in which its PreFilter, or PreScore, answered Skip. */
  filterSkipped = 0;
  scoreSkipped = 0;

  constructor(plugin: Plugin) {
    this.plugin = plugin;
    this.name = plugin.name;
    this.follows = plugin.addPod !== undefined;
    this.mayPassAll = plugin.passesAll !== undefined;
    this.normalizes = plugin.normalize !== undefined;
  }
}

/** One profile: its plugins and how they run together (framework/runtime/framework.go). */
export class Framework {
  readonly schedulerName: string;
  readonly plugins: PluginSets;
  readonly handle: Handle;
  /** percentageOfNodesToScore of the profile; undefined: the global one. */
  readonly percentageOfNodesToScore: number | undefined;
  observer: ScoreObserver | null = null;
  private cycles = 0;
  /** Filter plugins that the current pod needs, in order. */
  private activeFilters: Plugin[] = [];
  /** Plugins that follow what-ifs for the current pod. */
  private followers: Plugin[] = NOBODY;
  private scratch = new Float64Array(128);
  /** A view of its beginning, as long as the last list of nodes. */
  private scores = this.scratch;
  private running: Plugin | null = null;
  private readonly preFilterParts: readonly Part[];
  private readonly filterParts: readonly Part[];
  private readonly preScoreParts: readonly Part[];
  private readonly scoreParts: readonly Part[];

  constructor(
    schedulerName: string,
    plugins: PluginSets,
    handle: Handle,
    percentageOfNodesToScore: number | undefined,
  ) {
    this.schedulerName = schedulerName;
    this.plugins = plugins;
    this.handle = handle;
    this.percentageOfNodesToScore = percentageOfNodesToScore;
    const parts = new Map<string, Part>();
    const partsOf = (list: readonly Plugin[]): Part[] =>
      list.map((plugin) => {
        const part = parts.get(plugin.name) ?? new Part(plugin);
        parts.set(plugin.name, part);
        return part;
      });
    this.preFilterParts = partsOf(plugins.preFilter);
    this.filterParts = partsOf(plugins.filter);
    this.preScoreParts = partsOf(plugins.preScore);
    this.scoreParts = partsOf(plugins.score.map(({ plugin }) => plugin));
  }

  /** The error of a plugin with the names of plugin and pod; `plugin` null: the one that ran last. */
  failure(plugin: Plugin | null, cycle: Cycle, error: unknown): PluginError {
    if (error instanceof PluginError) return error;
    return new PluginError((plugin ?? this.running)?.name ?? '', cycle.pod.key, error);
  }

  startCycle(pod: PodInfo): Cycle {
    return new Cycle(pod, ++this.cycles);
  }

  /** The first PreEnqueue plugin that holds the pod back; null: none. */
  preEnqueue(pod: PodInfo): Status | null {
    const { preEnqueue } = this.plugins;
    let i = 0;
    try {
      for (; i < preEnqueue.length; i++) {
        const status = preEnqueue[i]!.preEnqueue!(pod.pod);
        if (status !== null) return status;
      }
    } catch (error) {
      throw error instanceof PluginError ? error : new PluginError(preEnqueue[i]!.name, pod.key, error);
    }
    return null;
  }

  /** Runs PreFilter; a rejection or an error is returned, Skip and node sets go into the cycle. */
  preFilter(cycle: Cycle): Status | null {
    let rejection: Status | null = null;
    const { preFilterParts: preFilter, filterParts: filter } = this;
    for (let i = 0; i < preFilter.length; i++) {
      const part = preFilter[i]!;
      this.running = part.plugin;
      const status = part.plugin.preFilter!(cycle);
      if (status !== null) {
        // Preemption may follow a rejection that it can resolve, so that the other plugins must have prepared too.
        if (status.code === Code.Skip) {
          cycle.skippedFilters.push(part.name);
          part.filterSkipped = cycle.number;
        } else if (status.code === Code.Unschedulable) rejection = status;
        else return status;
        continue;
      }
      if (cycle.nodeNames !== null && cycle.nodeNames.size === 0) return nothingLeft(cycle);
    }
    const active: Plugin[] = [];
    for (let i = 0; i < filter.length; i++) {
      const { filterSkipped, mayPassAll, plugin } = filter[i]!;
      if (filterSkipped === cycle.number || (mayPassAll && plugin.passesAll!(cycle))) continue;
      active.push(plugin);
    }
    this.activeFilters = active;
    this.followers = NOBODY;
    for (let i = 0; i < preFilter.length; i++) {
      const { follows, filterSkipped, plugin } = preFilter[i]!;
      if (!follows || filterSkipped === cycle.number) continue;
      if (this.followers === NOBODY) this.followers = [plugin];
      else this.followers.push(plugin);
    }
    return rejection;
  }

  /** The only filter that the current pod needs, so that a search can call it directly; undefined: there are more, or none. */
  get soleFilter(): Plugin | undefined {
    if (this.activeFilters.length !== 1) return undefined;
    const [sole] = this.activeFilters;
    this.running = sole!;
    return sole;
  }

  /** Runs the filters on one node as it stands; null: the pod fits. */
  filter(cycle: Cycle, slot: number): Status | null {
    const active = this.activeFilters;
    let i = 0;
    try {
      for (; i < active.length; i++) {
        const status = active[i]!.filter!(cycle, slot);
        if (status !== null) return status;
      }
    } catch (error) {
      throw this.failure(active[i]!, cycle, error);
    }
    return null;
  }

  /**
   * Runs the filters twice when pods of no lower priority are nominated to the node: with them there, and without
   * (RunFilterPluginsWithNominatedPods). Both must pass.
   */
  filterWithNominated(cycle: Cycle, slot: number): Status | null {
    const { nominator, nodes } = this.handle;
    if (nominator.size === 0) return this.filter(cycle, slot);
    const { pod } = cycle;
    const nominated = nominator
      .podsOn(nodes.names[slot]!)
      .filter((other) => other.priority >= pod.priority && other.key !== pod.key);
    if (nominated.length > 0) {
      const ports = nodes.ports[slot]!;
      for (const other of nominated) this.addPod(cycle, other, slot);
      const status = this.filter(cycle, slot);
      for (let i = nominated.length - 1; i >= 0; i--) this.removePod(cycle, nominated[i]!, slot);
      nodes.ports[slot] = ports;
      if (status !== null) return status;
    }
    return this.filter(cycle, slot);
  }

  /** Counts a pod on a node for a what-if, and lets the plugins follow. To be undone by `removePod`, and the other way round. */
  addPod(cycle: Cycle, pod: PodInfo, slot: number): void {
    this.handle.nodes.countPod(pod, slot, 1);
    for (const plugin of this.followers) plugin.addPod!(cycle, pod, slot);
  }

  removePod(cycle: Cycle, pod: PodInfo, slot: number): void {
    this.handle.nodes.countPod(pod, slot, -1);
    for (const plugin of this.followers) plugin.removePod!(cycle, pod, slot);
  }

  get hasPostFilter(): boolean {
    return this.plugins.postFilter.length > 0;
  }

  /** Runs PostFilter plugins until one makes the pod schedulable. */
  postFilter(cycle: Cycle, diagnosis: Diagnosis): PostFilterResult {
    let nominatedNode: string | undefined;
    let rejector = '';
    const reasons: string[] = [];
    for (const plugin of this.plugins.postFilter) {
      this.running = plugin;
      const result = plugin.postFilter!(cycle, diagnosis, this);
      const { status } = result;
      if (status === null || status.code === Code.UnschedulableAndUnresolvable) return result;
      if (!status.rejected) return { status, nominatedNode: undefined, victims: [] };
      if (result.nominatedNode !== undefined) nominatedNode = result.nominatedNode;
      reasons.push(...status.reasons);
      if (rejector === '') rejector = plugin.name;
    }
    return { status: new Status(Code.Unschedulable, rejector, reasons), nominatedNode, victims: [] };
  }

  /**
   * Runs Reserve and Permit for the chosen node; a rejection is returned after Unreserve. Where Permit asks to wait, the pod is
   * among `handle.waitingPods` afterwards.
   */
  reserve(cycle: Cycle, slot: number, now: Time): Status | null {
    const node = this.handle.nodes.names[slot]!;
    const status = this.runReserve(cycle, slot) ?? this.runPermit(cycle, slot, node, now);
    if (status !== null) this.unreserve(cycle.pod, node);
    return status;
  }

  private runReserve(cycle: Cycle, slot: number): Status | null {
    for (const plugin of this.plugins.reserve) {
      const status = guarded(plugin, cycle.pod.key, () => plugin.reserve?.(cycle, slot) ?? null);
      if (status === null) continue;
      if (status.rejected) return status;
      return new Status(Code.Error, plugin.name, [`running Reserve plugin "${plugin.name}": ${status.message}`]);
    }
    return null;
  }

  private runPermit(cycle: Cycle, slot: number, node: string, now: Time): Status | null {
    if (this.plugins.permit.length === 0) return null;
    const waiting = new WaitingPod(cycle.pod, node);
    for (const plugin of this.plugins.permit) {
      const status = guarded(plugin, cycle.pod.key, () => plugin.permit!(cycle, slot));
      if (status === null) continue;
      if (status.rejected) return status;
      if (status.code === Code.Wait) waiting.await(plugin.name, status.timeout, now);
      else return new Status(Code.Error, plugin.name, [`running Permit plugin "${plugin.name}": ${status.message}`]);
    }
    if (!waiting.settled) this.handle.waitingPods.add(waiting);
    return null;
  }

  /** Undoes Reserve, in reverse order. */
  unreserve(pod: PodInfo, node: string): void {
    const { reserve } = this.plugins;
    for (let i = reserve.length - 1; i >= 0; i--) guarded(reserve[i]!, pod.key, () => reserve[i]!.unreserve?.(pod, node));
  }

  get hasScoring(): boolean {
    return this.plugins.score.length > 0;
  }

  /** Runs PreScore, Score and NormalizeScore; adds the weighted scores of each node into `totals` (by position). */
  score(cycle: Cycle, slots: Int32Array, totals: Float64Array): Status | null {
    const { preScoreParts: preScore, scoreParts: scoring } = this;
    for (let i = 0; i < preScore.length; i++) {
      const part = preScore[i]!;
      this.running = part.plugin;
      const status = part.plugin.preScore!(cycle, slots);
      if (status === null) continue;
      if (status.code !== Code.Skip) {
        return new Status(Code.Error, part.name, [`running PreScore plugin "${part.name}": ${status.message}`]);
      }
      cycle.skippedScores.push(part.name);
      part.scoreSkipped = cycle.number;
    }
    const count = slots.length;
    if (this.scratch.length < count) this.scratch = new Float64Array(count * 2);
    if (this.scores.length !== count || this.scores.buffer !== this.scratch.buffer) this.scores = this.scratch.subarray(0, count);
    const { scores, observer } = this;
    totals.fill(0);
    for (let i = 0; i < scoring.length; i++) {
      const { scoreSkipped, plugin, name, normalizes } = scoring[i]!;
      if (scoreSkipped === cycle.number) continue;
      const { weight } = this.plugins.score[i]!;
      scores.fill(0);
      this.running = plugin;
      plugin.scoreNodes!(cycle, slots, scores);
      observer?.raw(name, weight, scores);
      if (normalizes) plugin.normalize!(cycle, slots, scores);
      observer?.normalized(name, scores);
      add(scores, weight, totals);
    }
    return null;
  }
}

/** Adds weighted scores. */
function add(scores: Float64Array, weight: number, totals: Float64Array): void {
  for (let i = 0; i < totals.length; i++) totals[i]! += scores[i]! * weight;
}

function nothingLeft(cycle: Cycle): Status {
  const plugins = [...new Set(cycle.restrictedBy)].sort();
  const reason =
    plugins.length === 1
      ? `node(s) didn't satisfy plugin ${plugins[0]}`
      : `node(s) didn't satisfy plugin(s) [${plugins.join(' ')}] simultaneously`;
  return new Status(Code.UnschedulableAndUnresolvable, '', [reason]);
}
