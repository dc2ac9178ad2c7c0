import type { Pod } from '../api/core.js';
import { type Duration, MILLISECOND, type Time } from '../kernel/time.js';
import type { Cycle } from './framework/cycle.js';
import type { Framework } from './framework/framework.js';
import { InterPodAffinity } from './plugins/inter-pod-affinity.js';
import { PodTopologySpread } from './plugins/pod-topology-spread.js';
import { isInTree } from './plugins/registry.js';
import { ScoredHeap } from './ties.js';

/** How long the list of a cycle may be used (framework/runtime/batch.go maxBatchAge). */
const MAXIMUM_AGE: Duration = 500 * MILLISECOND;

/** Which scheduling cycle it is, and when. */
export interface Moment {
  readonly now: Time;
  /** Number of pods that the queue has given out. */
  readonly cycle: number;
}

/** What a cycle left behind: the nodes that it did not choose, best first. */
interface Leftover {
  readonly signature: string;
  readonly nodes: ScoredHeap;
  readonly created: Time;
}

/**
 * Opportunistic batching of a profile (framework/runtime/batch.go, from 1.35 on): when pods of one signature follow one another
 * and each fills its node, the next one gets the best node that the first one left, without scoring. The default profile
 * never does it: pods with default spreading cannot be signed.
 */
export class OpportunisticBatch {
  private readonly framework: Framework;
  /** Whether pods can be signed at all: by all plugins of the profile. */
  private readonly able: boolean;
  private readonly labels: boolean;
  private leftover: Leftover | null = null;
  private lastCycle = Number.NEGATIVE_INFINITY;
  private lastNode = '';

  constructor(framework: Framework) {
    this.framework = framework;
    const { preFilter, filter, preScore, score } = framework.plugins;
    const plugins = [...preFilter, ...filter, ...preScore, ...score.map(({ plugin }) => plugin)];
    this.able = plugins.every((plugin) => isInTree(plugin.name) && !(plugin instanceof PodTopologySpread && plugin.hasDefaults));
    this.labels = plugins.some((plugin) => plugin instanceof InterPodAffinity && !plugin.ignoresPreferredTerms);
  }

  /** Slot of the node to try first; −1: none. To be asked after PreFilter. */
  hint(cycle: Cycle, { now, cycle: number }: Moment): number {
    const { leftover, framework } = this;
    if (leftover === null || leftover.nodes.size === 0 || number !== this.lastCycle + 1) return -1;
    if (this.signature(cycle.pod.pod) !== leftover.signature || now > leftover.created + MAXIMUM_AGE) return -1;
    const last = framework.handle.nodes.slotOf(this.lastNode);
    if (last < 0 || framework.filter(cycle, last)?.rejected !== true) return -1;
    return framework.handle.nodes.slotOf(leftover.nodes.pop());
  }

  /** A cycle has chosen a node. `totals`: scores of the feasible nodes in `slots`; empty when nothing was scored. */
  chosen(cycle: Cycle, hinted: number, chosen: number, slots: Int32Array, totals: Float64Array, moment: Moment): void {
    const { names } = this.framework.handle.nodes;
    this.lastCycle = moment.cycle;
    this.lastNode = names[chosen]!;
    if (hinted === chosen) return;
    this.leftover = null;
    const signature = this.signature(cycle.pod.pod);
    if (signature === null || totals.length < 2) return;
    const nodes = new ScoredHeap(totals, [...slots].map((slot) => names[slot]!));
    nodes.pop();
    this.leftover = { signature, nodes, created: moment.now };
  }

  /** Pods of one signature fit and score alike; null: the pod cannot be signed (SignPod of the plugins). */
  private signature({ spec, metadata }: Pod): string | null {
    if (!this.able || (spec.topologySpreadConstraints?.length ?? 0) > 0 || (spec.resourceClaims?.length ?? 0) > 0) return null;
    if (spec.affinity?.podAffinity !== undefined || spec.affinity?.podAntiAffinity !== undefined) return null;
    const containers = [...spec.containers, ...(spec.initContainers ?? [])];
    const volumes = (spec.volumes ?? []).filter(({ configMap, secret }) => configMap === undefined && secret === undefined);
    return JSON.stringify([
      spec.schedulerName,
      spec.nodeName ?? '',
      spec.nodeSelector ?? null,
      spec.affinity?.nodeAffinity ?? null,
      spec.tolerations ?? [],
      spec.overhead ?? null,
      spec.resources ?? null,
      containers.map(({ image, resources, ports, restartPolicy }) => [image, resources?.requests ?? null, ports ?? null, restartPolicy ?? null]),
      volumes.map(({ name: _, ...source }) => JSON.stringify(source)).sort(),
      this.labels ? (metadata.labels ?? null) : null,
    ]);
  }
}
