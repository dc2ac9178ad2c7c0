import { NodeMemory } from '../cache/node-memory.js';
import { CPU, MEMORY } from '../cache/node-table.js';
import { isScalarResource } from '../cache/requests.js';
import type { Cycle } from '../framework/cycle.js';
import type { Handle, Plugin } from '../framework/plugin.js';
import { type Status, skip } from '../framework/status.js';
import type { WeightedResource } from './resource-scorer.js';

/** Default resources of NodeResourcesBalancedAllocationArgs. */
export const defaultBalancedResources: readonly WeightedResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

/** 100 · (1 − standard deviation of the used fractions), truncated (noderesources/balanced_allocation.go). */
function balance(fractions: readonly number[]): number {
  const count = fractions.length;
  let deviation = 0;
  if (count === 2) deviation = Math.abs((fractions[0]! - fractions[1]!) / 2);
  else if (count > 2) {
    let total = 0;
    for (const fraction of fractions) total += fraction;
    const mean = total / count;
    let sum = 0;
    for (const fraction of fractions) sum += (fraction - mean) * (fraction - mean);
    deviation = Math.sqrt(sum / count);
  }
  return Math.trunc((1 - deviation) * 100);
}

/** Prefers nodes whose resources would be used in equal proportion. */
export class NodeResourcesBalancedAllocation implements Plugin {
  readonly name = 'NodeResourcesBalancedAllocation';
  private readonly handle: Handle;
  private readonly resources: readonly WeightedResource[];
  private readonly skipped = skip(this.name);
  private readonly plain: boolean;
  private requests: number[] = [];
  private readonly fractions: number[] = [];
  private readonly known: NodeMemory;

  constructor(handle: Handle, resources: readonly WeightedResource[] = defaultBalancedResources) {
    this.handle = handle;
    this.resources = resources;
    this.known = new NodeMemory(handle.nodes);
    this.plain = resources.length === 2 && resources[0]!.name === 'cpu' && resources[1]!.name === 'memory';
  }

  preScore(cycle: Cycle): Status | null {
    const { requests } = cycle.pod.shape;
    this.known.turnTo(cycle.pod.shape);
    this.requests = this.resources.map(({ name }) => requests[name] ?? 0);
    return this.requests.every((request) => request === 0) ? this.skipped : null;
  }

  scoreNodes(_: Cycle, slots: Int32Array, scores: Float64Array): void {
    if (this.plain) this.scorePlain(slots, scores);
    else if (this.handle.features.balancedAllocationDifference) {
      for (let i = 0; i < slots.length; i++) scores[i] = difference(this.of(slots[i]!, 1), this.of(slots[i]!, 0));
    } else for (let i = 0; i < slots.length; i++) scores[i] = this.of(slots[i]!, 1);
  }

  /** Cpu and memory, the default: nodes on which nothing has changed keep their scores. */
  private scorePlain(slots: Int32Array, scores: Float64Array): void {
    const { seen, found } = this.known;
    const { changes } = this.handle.nodes;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      const now = changes[slot]! + 1;
      if (seen[slot] !== now) {
        seen[slot] = now;
        found[slot] = this.plainScore(slot);
      }
      scores[i] = found[slot]!;
    }
  }

  private plainScore(slot: number): number {
    const { allocatable, requested } = this.handle.nodes;
    const cpus = allocatable[CPU]!;
    const memories = allocatable[MEMORY]!;
    const usedCpu = requested[CPU]!;
    const usedMemory = requested[MEMORY]!;
    const cpu = this.requests[0]!;
    const memory = this.requests[1]!;
    const differences = this.handle.features.balancedAllocationDifference;
    const cpuCapacity = cpus[slot]!;
    const memoryCapacity = memories[slot]!;
    let score = 100;
    let before = 100;
    if (cpuCapacity !== 0 && memoryCapacity !== 0) {
      const a = Math.min((usedCpu[slot]! + cpu) / cpuCapacity, 1);
      const b = Math.min((usedMemory[slot]! + memory) / memoryCapacity, 1);
      score = Math.trunc((1 - Math.abs((a - b) / 2)) * 100);
      if (differences) {
        const c = Math.min(usedCpu[slot]! / cpuCapacity, 1);
        const d = Math.min(usedMemory[slot]! / memoryCapacity, 1);
        before = Math.trunc((1 - Math.abs((c - d) / 2)) * 100);
      }
    }
    return differences ? difference(score, before) : score;
  }

  /** Balance of a node with (1) or without (0) the pod. */
  private of(slot: number, share: 0 | 1): number {
    const { nodes } = this.handle;
    const { fractions } = this;
    fractions.length = 0;
    for (let i = 0; i < this.resources.length; i++) {
      const { name } = this.resources[i]!;
      const request = this.requests[i]!;
      if (request === 0 && isScalarResource(name)) continue;
      const id = nodes.resourceId(name);
      const capacity = nodes.allocatable[id]![slot]!;
      if (capacity === 0) continue;
      const fraction = (nodes.requested[id]![slot]! + share * request) / capacity;
      fractions.push(fraction > 1 ? 1 : fraction);
    }
    return balance(fractions);
  }
}

/** How much better the balance gets by the pod, around 50 (1.36). */
function difference(withPod: number, withoutPod: number): number {
  return 50 + Math.trunc((50 + withPod - withoutPod) / 2);
}
