import type { Pod } from '../../api/core.js';
import type { MetricsSource } from '../../controllers/horizontal-metrics.js';
import type { PodMetric } from '../../controllers/horizontal-policy.js';
import { SECOND, type Time } from '../../kernel/time.js';
import type { Journal } from './journal.js';

/** Metrics of the recordings: a total load in millicores, shared by the running pods. */
export class SharedLoad implements MetricsSource {
  /** Millicores in all. */
  total = 0;
  journal: Journal | null = null;

  resource(pods: readonly Pod[], resource: string, now: Time): ReadonlyMap<string, PodMetric> {
    const known = new Set(pods.map(({ metadata }) => metadata.uid));
    const running: string[] = [];
    // The metrics server sees the pods as they are, the autoscaler as its informer has them.
    for (const object of this.journal?.current.values() ?? []) {
      if (resource !== 'cpu' || object.kind !== 'Pod' || !known.has(object.metadata.uid)) continue;
      if ((object as Pod).status.phase === 'Running') running.push(object.metadata.name);
    }
    const value = running.length === 0 ? 0 : Math.ceil(this.total / running.length);
    // Timestamps of the API have whole seconds.
    const timestamp = Math.floor(now / SECOND) * SECOND;
    return new Map(running.map((name) => [name, { value, timestamp, window: 15 * SECOND }]));
  }

  pods(): ReadonlyMap<string, PodMetric> {
    return new Map();
  }

  value(): undefined {
    return undefined;
  }
}
