import type { PodInfo } from '../cache/pod-info.js';

/** One scheduling cycle: the pod, and what PreFilter and PreScore decided about which plugins take part (CycleState). */
export class Cycle {
  readonly pod: PodInfo;
  /** Number of the cycle in its framework. */
  readonly number: number;
  /** Plugins whose PreFilter answered Skip, by name in order. */
  readonly skippedFilters: string[] = [];
  /** Plugins whose PreScore answered Skip. */
  readonly skippedScores: string[] = [];
  /** Names of the nodes that PreFilter plugins restrict the search to; null: all. */
  nodeNames: Set<string> | null = null;
  /** Plugins that restricted the nodes. */
  readonly restrictedBy: string[] = [];

  constructor(pod: PodInfo, number: number) {
    this.pod = pod;
    this.number = number;
  }

  /** Restricts the search to these nodes, and to those that earlier plugins allowed. */
  restrict(plugin: string, names: ReadonlySet<string>): void {
    this.restrictedBy.push(plugin);
    const before = this.nodeNames;
    this.nodeNames = before === null ? new Set(names) : new Set([...before].filter((name) => names.has(name)));
  }
}
