import type { AllocationSummary } from '../analysis/result.js';
import type { Node, Pod } from '../api/core.js';
import { podRequests } from '../api/pod-resources.js';
import type { Recorder } from '../metrics/recorder.js';
import { ALLOCATION } from '../metrics/tables.js';
import type { TraceShape } from '../scenario/types.js';

/** Least seconds between two samples, and about how many a run has. */
const SHORTEST_INTERVAL = 10;
const SAMPLES = 120;
/** Units of an amount in tables, by resource: cpu is held in millicores. */
const CPU_UNIT = 1000;

/** A kind of pod that fragmentation is measured for. */
export interface TypicalPod {
  /** Requests in the order of the resources. */
  readonly requests: Float64Array;
  /** Nodes it may run on; null: all. */
  readonly allowed: Uint8Array | null;
  readonly popularity: number;
}

/**
 * How much of each resource is free but fragmented (Weng et al., Beware of Fragmentation, USENIX ATC 2023): the expectation, over the pods of
 * the workload, of the free amount of those nodes that the pod does not fit on; for a pod that asks none of the resource all that is free
 * counts. What a node has of a resource is one amount here: the paper looks at the single GPUs of a node.
 * @param free amounts by node and resource, `free[node * resources + resource]` @param nodes number of nodes
 */
export function fragmentation(free: Float64Array, nodes: number, resources: number, pods: readonly TypicalPod[]): Float64Array {
  const result = new Float64Array(resources);
  for (const { requests, allowed, popularity } of pods) {
    for (let node = 0; node < nodes; node++) {
      const at = node * resources;
      let fits = allowed === null || allowed[node] === 1;
      for (let r = 0; r < resources && fits; r++) fits = requests[r]! <= free[at + r]!;
      for (let r = 0; r < resources; r++) if (!fits || requests[r] === 0) result[r]! += popularity * Math.max(0, free[at + r]!);
    }
  }
  return result;
}

/** What the pods bound to nodes ask for, kept as pods are bound and removed, with the fragmentation of what is left. */
export class Allocation {
  /** Those that pods of the trace ask for. */
  private readonly resources: readonly string[];
  private readonly numbers = new Map<string, number>();
  private readonly free: Float64Array;
  private readonly allocatable: Float64Array;
  private readonly typical: readonly TypicalPod[];
  private readonly interval: number;
  private readonly rates: number[][];
  private readonly fragments: number[][];
  private bound = 0;

  /** @param duration of the run, seconds */
  constructor(nodes: readonly Node[], shapes: readonly TraceShape[], duration: number) {
    this.interval = Math.max(SHORTEST_INTERVAL, Math.ceil(duration / SAMPLES));
    const names = new Set<string>();
    for (const { spec } of shapes) for (const name in podRequests(spec)) names.add(name);
    this.resources = [...names];
    const count = this.resources.length;
    this.free = new Float64Array(nodes.length * count);
    this.allocatable = new Float64Array(count);
    nodes.forEach((node, i) => {
      this.numbers.set(node.metadata.name, i);
      this.resources.forEach((name, r) => {
        this.free[i * count + r] = node.status.allocatable[name] ?? 0;
        this.allocatable[r]! += node.status.allocatable[name] ?? 0;
      });
    });
    this.typical = shapes.map((shape) => this.typicalPod(shape, nodes));
    this.rates = this.resources.map(() => []);
    this.fragments = this.resources.map(() => []);
  }

  private typicalPod({ spec, nodeLabel, popularity }: TraceShape, nodes: readonly Node[]): TypicalPod {
    const amounts = podRequests(spec);
    const requests = Float64Array.from(this.resources, (name) => amounts[name] ?? 0);
    if (nodeLabel === null) return { requests, allowed: null, popularity };
    const allowed = Uint8Array.from(nodes, ({ metadata }) => (nodeLabel.values.includes(metadata.labels?.[nodeLabel.label] ?? '') ? 1 : 0));
    return { requests, allowed, popularity };
  }

  /** A pod was bound to its node (`sign` 1) or has gone from it (−1). */
  count(pod: Pod, sign: 1 | -1): void {
    const node = this.numbers.get(pod.spec.nodeName ?? '');
    if (node === undefined) return;
    this.bound += sign;
    const amounts = podRequests(pod.spec);
    for (let r = 0; r < this.resources.length; r++) {
      const amount = amounts[this.resources[r]!];
      if (amount !== undefined) this.free[node * this.resources.length + r]! -= sign * amount;
    }
  }

  /** Appends a row a resource, when a sample is due. */
  sample(second: number, pending: number, recorder: Recorder): void {
    if (second % this.interval !== 0) return;
    const table = recorder.table(ALLOCATION);
    const count = this.resources.length;
    const fragmented = fragmentation(this.free, this.numbers.size, count, this.typical);
    for (let r = 0; r < count; r++) {
      let free = 0;
      for (let at = r; at < this.free.length; at += count) free += Math.max(0, this.free[at]!);
      const unit = this.resources[r] === 'cpu' ? CPU_UNIT : 1;
      const total = this.allocatable[r]!;
      const rate = total === 0 ? 0 : (total - free) / total;
      const share = free === 0 ? Number.NaN : fragmented[r]! / free;
      this.rates[r]!.push(rate);
      if (free > 0) this.fragments[r]!.push(Math.min(1, share));
      table.append([second, this.resources[r]!, total / unit, (total - free) / unit, rate, fragmented[r]! / unit, share, this.bound, pending]);
    }
  }

  /** Shares over all samples, by resource. */
  summary(): Readonly<Record<string, AllocationSummary>> {
    const result: Record<string, AllocationSummary> = {};
    this.resources.forEach((name, r) => {
      const rates = this.rates[r]!;
      const fragments = this.fragments[r]!;
      result[name] = {
        mean: mean(rates),
        max: rates.length === 0 ? null : rates.reduce((most, rate) => Math.max(most, rate), 0),
        end: rates.at(-1) ?? null,
        fragmentedMean: mean(fragments),
        fragmentedEnd: fragments.at(-1) ?? null,
      };
    });
    return result;
  }
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
