import type { Node, Pod } from '../api/core.js';
import { podRequests } from '../api/pod-resources.js';
import type { Recorder } from '../metrics/recorder.js';
import { NODE_USAGE } from '../metrics/tables.js';
import type { Allocation } from './allocation.js';

/** Seconds between two samples, at least; a long run is sampled this often in all. */
const SHORTEST_INTERVAL = 10;
const SAMPLES = 60;

/** Seconds between two samples of a run of so many seconds, unless told. */
export function usageInterval(duration: number): number {
  return Math.max(SHORTEST_INTERVAL, Math.ceil(duration / SAMPLES));
}

interface Use {
  readonly cpu: number;
  readonly memory: number;
  pods: number;
  cpuRequested: number;
  memoryRequested: number;
}

/** What the pods bound to each node ask for, kept as pods are bound and removed; sampled now and then. */
export class NodeUsage {
  private readonly nodes = new Map<string, Use>();
  private readonly interval: number;
  /** Counts all resources too, for runs with a pod trace. */
  private readonly allocation: Allocation | null;

  /** @param interval seconds between two samples */
  constructor(nodes: readonly Node[], interval: number, allocation: Allocation | null = null) {
    this.allocation = allocation;
    this.interval = interval;
    for (const node of nodes) {
      const { cpu = 0, memory = 0 } = node.status.allocatable;
      this.nodes.set(node.metadata.name, { cpu, memory, pods: 0, cpuRequested: 0, memoryRequested: 0 });
    }
  }

  /** A pod was bound to its node (`sign` 1) or has gone from it (−1). */
  count(pod: Pod, sign: 1 | -1): void {
    this.allocation?.count(pod, sign);
    const use = this.nodes.get(pod.spec.nodeName ?? '');
    if (use === undefined) return;
    const { cpu = 0, memory = 0 } = podRequests(pod.spec);
    use.pods += sign;
    use.cpuRequested += sign * cpu;
    use.memoryRequested += sign * memory;
  }

  /** Appends the nodes that have pods, when a sample is due. */
  sample(second: number, recorder: Recorder): void {
    if (second % this.interval !== 0) return;
    const table = recorder.table(NODE_USAGE);
    for (const [name, use] of this.nodes) {
      if (use.pods === 0) continue;
      const cpu = use.cpu === 0 ? 0 : use.cpuRequested / use.cpu;
      const memory = use.memory === 0 ? 0 : use.memoryRequested / use.memory;
      table.append([second, name, use.pods, cpu, memory]);
    }
  }
}
