import type { Node, Pod } from '../../api/core.js';
import { NodeMemory } from '../cache/node-memory.js';
import { CPU, EPHEMERAL_STORAGE, MEMORY } from '../cache/node-table.js';
import type { PodInfo } from '../cache/pod-info.js';
import { isExtendedResource, podRequestsWith } from '../cache/requests.js';
import type { Cycle } from '../framework/cycle.js';
import { ANY_NODE_UPDATE, type ClusterEvent, type EventInterest, EventKind } from '../framework/events.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { Code, Status } from '../framework/status.js';
import { ResourceScorer, type ScoringStrategy } from './resource-scorer.js';

/** Arguments of NodeResourcesFit (NodeResourcesFitArgs). */
export interface NodeResourcesFitArgs {
  readonly ignoredResources: readonly string[];
  readonly ignoredResourceGroups: readonly string[];
  readonly scoringStrategy: ScoringStrategy;
}

/** Defaults of the v1 configuration: LeastAllocated over cpu and memory, weight 1 each. */
export const defaultFitArgs: NodeResourcesFitArgs = {
  ignoredResources: [],
  ignoredResourceGroups: [],
  scoringStrategy: {
    type: 'LeastAllocated',
    resources: [
      { name: 'cpu', weight: 1 },
      { name: 'memory', weight: 1 },
    ],
  },
};

/** The node must have room for the requests; scores by how full it would be (plugins/noderesources/fit.go). */
export class NodeResourcesFit implements Plugin {
  readonly name = 'NodeResourcesFit';
  private readonly handle: Handle;
  private readonly args: NodeResourcesFitArgs;
  private readonly scorer: ResourceScorer;
  /** Statuses by what is short, so that many failing nodes share few of them. */
  private readonly statuses = new Map<string, Status>();
  private readonly common: (Status | undefined)[] = [];
  private cpu = 0;
  private memory = 0;
  private ephemeral = 0;
  private scalarIds: number[] = [];
  private scalarAmounts: number[] = [];
  private nothing = false;
  /** Nodes that have room. */
  private readonly fitting: NodeMemory;

  constructor(handle: Handle, args: NodeResourcesFitArgs = defaultFitArgs) {
    this.handle = handle;
    this.args = args;
    this.scorer = new ResourceScorer(handle.nodes, args.scoringStrategy);
    this.fitting = new NodeMemory(handle.nodes);
  }

  preFilter(cycle: Cycle): null {
    const { shape } = cycle.pod;
    this.cpu = shape.cpu;
    this.memory = shape.memory;
    this.ephemeral = shape.ephemeralStorage;
    this.nothing = shape.requestsNothing;
    this.fitting.turnTo(shape);
    this.scalarIds = [];
    this.scalarAmounts = [];
    for (const { name, amount } of shape.scalars) {
      if (amount === 0 || this.ignores(name)) continue;
      this.scalarIds.push(this.handle.nodes.resourceId(name));
      this.scalarAmounts.push(amount);
    }
    return null;
  }

  filter(_: Cycle, slot: number): Status | null {
    const { seen } = this.fitting;
    const now = this.handle.nodes.changes[slot]! + 1;
    if (seen[slot] === now) return null;
    const status = this.look(slot);
    if (status === null) seen[slot] = now;
    return status;
  }

  private look(slot: number): Status | null {
    const { nodes } = this.handle;
    const full = nodes.podCount[slot]! + 1 > nodes.allowedPods[slot]!;
    if (!full && this.nothing) return null;
    const { allocatable, requested } = nodes;
    const { cpu, memory, ephemeral } = this;
    const shortCpu = cpu > 0 && cpu > allocatable[CPU]![slot]! - requested[CPU]![slot]!;
    const shortMemory = memory > 0 && memory > allocatable[MEMORY]![slot]! - requested[MEMORY]![slot]!;
    const shortEphemeral = ephemeral > 0 && ephemeral > allocatable[EPHEMERAL_STORAGE]![slot]! - requested[EPHEMERAL_STORAGE]![slot]!;
    let shortScalar = false;
    for (let i = 0; i < this.scalarIds.length; i++) {
      const id = this.scalarIds[i]!;
      if (this.scalarAmounts[i]! > allocatable[id]![slot]! - requested[id]![slot]!) shortScalar = true;
    }
    if (!full && !shortCpu && !shortMemory && !shortEphemeral && !shortScalar) return null;
    return this.rejection(slot, full, shortCpu, shortMemory, shortEphemeral, shortScalar);
  }

  preScore(cycle: Cycle): null {
    this.scorer.prepare(cycle.pod.shape);
    return null;
  }

  scoreNodes(_: Cycle, slots: Int32Array, scores: Float64Array): void {
    this.scorer.score(slots, scores);
  }

  eventsToRegister(): readonly EventInterest[] {
    return [{ kinds: EventKind.PodDelete | EventKind.PodScaleDown | EventKind.NodeAdd | EventKind.NodeAllocatable }];
  }

  /** A deleted pod helps if it held a node; a node helps if the pod fits what it has, or grew where the pod needs it. */
  hint(pod: PodInfo, event: ClusterEvent): boolean {
    if ((event.kinds & EventKind.PodDelete) !== 0) return event.assigned === true;
    if ((event.kinds & EventKind.PodScaleDown) !== 0) return this.shrankUsefully(pod, event);
    if ((event.kinds & (EventKind.NodeAdd | ANY_NODE_UPDATE)) === 0) return true;
    const node = event.object as Node | undefined;
    if (node === undefined) return true;
    if (!this.fitsEmpty(pod, node)) return false;
    const old = event.old as Node | undefined;
    return old === undefined || this.grewUsefully(pod, old, node);
  }

  /** The pod itself asks for less, or one on a node does of what the pod needs (isSchedulableAfterPodScaleDown). */
  private shrankUsefully(pod: PodInfo, event: ClusterEvent): boolean {
    if (event.pod?.key === pod.key) return true;
    const changed = event.object as Pod;
    if ((changed.spec.nodeName ?? '') === '') return false;
    const before = podRequestsWith((event.old as Pod).spec, undefined);
    const after = podRequestsWith(changed.spec, undefined);
    return Object.keys(pod.shape.requests).some(
      (name) => pod.shape.requests[name]! > 0 && (before[name] ?? 0) > (after[name] ?? 0),
    );
  }

  private fitsEmpty(pod: PodInfo, node: Node): boolean {
    const { allocatable } = node.status;
    const { requests } = pod.shape;
    if ((allocatable.pods ?? 0) < 1) return false;
    return this.relevant(pod).every((name) => requests[name]! <= (allocatable[name] ?? 0));
  }

  private grewUsefully(pod: PodInfo, old: Node, node: Node): boolean {
    const before = old.status.allocatable;
    const after = node.status.allocatable;
    return ['pods', ...this.relevant(pod)].some((name) => (after[name] ?? 0) > (before[name] ?? 0));
  }

  private relevant(pod: PodInfo): string[] {
    const { shape } = pod;
    const names = ['cpu', 'memory', 'ephemeral-storage', ...shape.scalars.map((scalar) => scalar.name)];
    return names.filter((name) => (shape.requests[name] ?? 0) > 0 && !this.ignores(name));
  }

  private ignores(name: string): boolean {
    if (!isExtendedResource(name)) return false;
    return (
      this.args.ignoredResources.includes(name) ||
      this.args.ignoredResourceGroups.includes(name.slice(0, name.indexOf('/')))
    );
  }

  /** The status of a shortage; kept, because the same few shortages come back on thousands of nodes. */
  private rejection(
    slot: number,
    full: boolean,
    cpu: boolean,
    memory: boolean,
    ephemeral: boolean,
    scalar: boolean,
  ): Status {
    const { allocatable } = this.handle.nodes;
    const never =
      (cpu && this.cpu > allocatable[CPU]![slot]!) ||
      (memory && this.memory > allocatable[MEMORY]![slot]!) ||
      (ephemeral && this.ephemeral > allocatable[EPHEMERAL_STORAGE]![slot]!);
    if (!scalar) {
      const index = (full ? 1 : 0) + (cpu ? 2 : 0) + (memory ? 4 : 0) + (ephemeral ? 8 : 0) + (never ? 16 : 0);
      this.common[index] ??= this.status(reasons(full, cpu, memory, ephemeral, []), never);
      return this.common[index]!;
    }
    const { nodes } = this.handle;
    const short: string[] = [];
    let neverScalar = false;
    for (let i = 0; i < this.scalarIds.length; i++) {
      const id = this.scalarIds[i]!;
      const amount = this.scalarAmounts[i]!;
      if (amount <= allocatable[id]![slot]! - nodes.requested[id]![slot]!) continue;
      short.push(nodes.resourceNames[id]!);
      if (amount > allocatable[id]![slot]!) neverScalar = true;
    }
    return this.status(reasons(full, cpu, memory, ephemeral, short), never || neverScalar);
  }

  private status(texts: readonly string[], never: boolean): Status {
    const key = `${never}${texts.join()}`;
    let status = this.statuses.get(key);
    if (status === undefined) {
      status = new Status(never ? Code.UnschedulableAndUnresolvable : Code.Unschedulable, this.name, texts);
      this.statuses.set(key, status);
    }
    return status;
  }
}

function reasons(
  full: boolean,
  cpu: boolean,
  memory: boolean,
  ephemeral: boolean,
  scalars: readonly string[],
): string[] {
  const texts: string[] = [];
  if (full) texts.push('Too many pods');
  if (cpu) texts.push('Insufficient cpu');
  if (memory) texts.push('Insufficient memory');
  if (ephemeral) texts.push('Insufficient ephemeral-storage');
  for (const name of scalars) texts.push(`Insufficient ${name}`);
  return texts;
}
