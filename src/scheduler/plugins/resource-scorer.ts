import { NodeMemory } from '../cache/node-memory.js';
import { CPU, EPHEMERAL_STORAGE, MEMORY, type NodeTable } from '../cache/node-table.js';
import type { PodShape } from '../cache/pod-shape.js';
import { isScalarResource } from '../cache/requests.js';

export interface WeightedResource {
  readonly name: string;
  readonly weight: number;
}

/** A point of RequestedToCapacityRatio's function: score 0..10 at a utilisation in percent. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export interface ScoringStrategy {
  readonly type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  readonly resources: readonly WeightedResource[];
  readonly shape?: readonly ShapePoint[];
}

/** Scores of configured points are 0..10, those of nodes 0..100. */
const POINT_SCALE = 10;

/** Value of the piecewise linear function at `x`; integer arithmetic truncating towards zero (helper/shape_score.go). */
function piecewise(points: readonly ShapePoint[], x: number): number {
  for (let i = 0; i < points.length; i++) {
    const point = points[i]!;
    if (x > point.utilization) continue;
    if (i === 0) return point.score * POINT_SCALE;
    const before = points[i - 1]!;
    const rise = (point.score - before.score) * POINT_SCALE;
    return (
      before.score * POINT_SCALE +
      Math.trunc((rise * (x - before.utilization)) / (point.utilization - before.utilization))
    );
  }
  return points.at(-1)!.score * POINT_SCALE;
}

/** Scores nodes by how full they would be with the pod (noderesources least_allocated.go, most_allocated.go, requested_to_capacity_ratio.go). */
export class ResourceScorer {
  private readonly nodes: NodeTable;
  private readonly strategy: ScoringStrategy;
  private readonly plain: boolean;
  /** Request of the current pod by position in the strategy's resources. */
  private requests: number[] = [];
  private readonly known: NodeMemory;

  constructor(nodes: NodeTable, strategy: ScoringStrategy) {
    this.nodes = nodes;
    this.strategy = strategy;
    this.known = new NodeMemory(nodes);
    const [first, second] = strategy.resources;
    this.plain =
      strategy.type === 'LeastAllocated' &&
      strategy.resources.length === 2 &&
      first!.name === 'cpu' &&
      second!.name === 'memory';
  }

  prepare(shape: PodShape): void {
    this.requests = this.strategy.resources.map(({ name }) => shape.scoringRequests[name] ?? 0);
    this.known.turnTo(shape);
  }

  score(slots: Int32Array, scores: Float64Array): void {
    if (this.plain) this.scoreLeastAllocated(slots, scores);
    else for (let i = 0; i < slots.length; i++) scores[i] = this.scoreOne(slots[i]!);
  }

  /** LeastAllocated over cpu and memory, the default: nodes on which nothing has changed keep their scores. */
  private scoreLeastAllocated(slots: Int32Array, scores: Float64Array): void {
    const { seen, found } = this.known;
    const { changes } = this.nodes;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      const now = changes[slot]! + 1;
      if (seen[slot] !== now) {
        seen[slot] = now;
        found[slot] = this.leastAllocated(slot);
      }
      scores[i] = found[slot]!;
    }
  }

  private leastAllocated(slot: number): number {
    const { nonZeroCpu, nonZeroMemory, allocatable } = this.nodes;
    const cpus = allocatable[CPU]!;
    const memories = allocatable[MEMORY]!;
    const cpu = this.requests[0]!;
    const memory = this.requests[1]!;
    const cpuWeight = this.strategy.resources[0]!.weight;
    const memoryWeight = this.strategy.resources[1]!.weight;
    let sum = 0;
    let weights = 0;
    const cpuCapacity = cpus[slot]!;
    if (cpuCapacity !== 0) {
      const free = cpuCapacity - nonZeroCpu[slot]! - cpu;
      if (free > 0) sum += Math.floor((free * 100) / cpuCapacity) * cpuWeight;
      weights += cpuWeight;
    }
    const memoryCapacity = memories[slot]!;
    if (memoryCapacity !== 0) {
      const free = memoryCapacity - nonZeroMemory[slot]! - memory;
      if (free > 0) sum += Math.floor((free * 100) / memoryCapacity) * memoryWeight;
      weights += memoryWeight;
    }
    return weights === 0 ? 0 : Math.floor(sum / weights);
  }

  private scoreOne(slot: number): number {
    const { type, resources, shape } = this.strategy;
    let sum = 0;
    let weights = 0;
    for (let i = 0; i < resources.length; i++) {
      const { name, weight } = resources[i]!;
      const capacity = this.capacity(slot, name, this.requests[i]!);
      if (capacity === 0) continue;
      const requested = this.requested(slot, name) + this.requests[i]!;
      let score: number;
      if (type === 'LeastAllocated')
        score = requested > capacity ? 0 : Math.floor(((capacity - requested) * 100) / capacity);
      else if (type === 'MostAllocated') score = Math.floor((Math.min(requested, capacity) * 100) / capacity);
      else {
        score = piecewise(shape ?? [], requested > capacity ? 100 : Math.floor((requested * 100) / capacity));
        if (score <= 0) continue;
      }
      sum += score * weight;
      weights += weight;
    }
    if (weights === 0) return 0;
    return type === 'RequestedToCapacityRatio' ? Math.round(sum / weights) : Math.floor(sum / weights);
  }

  /** Allocatable of a resource; 0 drops it from the mean, as for extended resources that the pod does not ask for. */
  private capacity(slot: number, name: string, request: number): number {
    if (request === 0 && isScalarResource(name)) return 0;
    return this.nodes.allocatable[this.nodes.resourceId(name)]![slot]!;
  }

  private requested(slot: number, name: string): number {
    if (name === 'cpu') return this.nodes.nonZeroCpu[slot]!;
    if (name === 'memory') return this.nodes.nonZeroMemory[slot]!;
    if (name === 'ephemeral-storage') return this.nodes.requested[EPHEMERAL_STORAGE]![slot]!;
    return this.nodes.requested[this.nodes.resourceId(name)]![slot]!;
  }
}
