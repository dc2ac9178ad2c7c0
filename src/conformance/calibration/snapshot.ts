import type { SimulatedCluster } from '../../cluster/simulated-cluster.js';
import { SECOND } from '../../kernel/time.js';
import { type BucketHistogram, LIMITER_BOUNDS, type MeanOf, type PhaseFigures, type ProcessorUse } from './figures.js';

/** HTTP methods of the verbs, as kube-apiserver's metrics name them. */
const METHODS: Readonly<Record<string, string>> = {
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
};

/** Metrics of a simulated cluster at one instant. */
export class Snapshot {
  private readonly latencies = new Map<string, MeanOf>();
  private readonly limiter = new Map<string, BucketHistogram>();
  private readonly processors = new Map<string, ProcessorUse>();

  static of(cluster: SimulatedCluster): Snapshot {
    const snapshot = new Snapshot();
    for (const server of cluster.servers) {
      for (const { verb, resource, count, latency } of server.metrics.totals.values()) {
        const key = `${METHODS[verb]} ${resource}`;
        const known = snapshot.latencies.get(key) ?? { count: 0, sum: 0 };
        snapshot.latencies.set(key, { count: known.count + count, sum: known.sum + latency.sum / SECOND });
      }
    }
    const { restClient } = cluster.controllerManager.figures();
    for (const [verb, histogram] of restClient.rest_client_rate_limiter_duration_seconds) {
      const cumulative = [...histogram.countsAtMost(LIMITER_BOUNDS.map((bound) => bound * SECOND)), histogram.count];
      snapshot.limiter.set(verb, { count: histogram.count, sum: histogram.sum / SECOND, cumulative });
    }
    for (const { name, share } of cluster.processorShares) {
      const known = snapshot.processors.get(name) ?? { seconds: 0, messages: 0 };
      snapshot.processors.set(name, { seconds: known.seconds + share.used / SECOND, messages: known.messages + share.messages });
    }
    return snapshot;
  }

  /** What has happened since an earlier snapshot. */
  since(before: Snapshot, seconds: number, complete: boolean): PhaseFigures {
    const requests = new Map<string, number>();
    const latencies = new Map<string, MeanOf>();
    for (const [key, { count, sum }] of this.latencies) {
      const old = before.latencies.get(key) ?? { count: 0, sum: 0 };
      if (count === old.count) continue;
      requests.set(key, count - old.count);
      if (!key.startsWith('WATCH')) latencies.set(key, { count: count - old.count, sum: sum - old.sum });
    }
    const limiter = new Map<string, BucketHistogram>();
    for (const [verb, { count, sum, cumulative }] of this.limiter) {
      const old = before.limiter.get(verb);
      if (count === (old?.count ?? 0)) continue;
      const change = cumulative.map((value, i) => value - (old?.cumulative[i] ?? 0));
      limiter.set(verb, { count: count - (old?.count ?? 0), sum: sum - (old?.sum ?? 0), cumulative: change });
    }
    const processors = new Map<string, ProcessorUse>();
    for (const [name, { seconds: used, messages }] of this.processors) {
      const old = before.processors.get(name) ?? { seconds: 0, messages: 0 };
      processors.set(name, { seconds: used - old.seconds, messages: messages - old.messages });
    }
    return { seconds, complete, requests, latencies, limiter, processors };
  }
}
