import { parseTimestamp } from '../../api/timestamps.js';
import type { ApiRequest } from '../../apiserver/request.js';
import type { ProcessContext } from '../../client/context.js';
import { type Duration, MILLISECOND } from '../../kernel/time.js';
import type { AuditedRequest } from './audit-log.js';
import type { Lateness } from './late-clients.js';
import { AUTOSCALER, type LateMetrics } from './late-metrics.js';
import type { Pace } from './pace.js';
import { componentOf, resourceOf } from './requests.js';

/** What a request takes in the model. */
const REST: Duration = 1.5 * MILLISECOND;
/** [assumed] Of the time between two requests, what passes before the controller reads the object; results hardly depend on it. */
const WAKE_SHARES = { replicaset: 1 / 4, deployment: 0.95 } as const;

/**
 * The API server of an audited scenario answered late: it shared two busy cores with all other scenarios. Each request of the
 * controllers and the scheduler takes as long as the recorded one of its kind in the same place; those beyond the recorded ones as
 * the last. What nodes and users did comes from the recording itself.
 */
export class AuditedLateness implements Lateness {
  private readonly latencies = new Map<string, Duration[]>();
  private readonly counts = new Map<string, number>();
  private readonly metrics: LateMetrics;
  private readonly namespace: string;

  constructor(namespace: string, requests: readonly AuditedRequest[], metrics: LateMetrics) {
    this.namespace = namespace;
    this.metrics = metrics;
    for (const [, component, verb, resource, , , milliseconds] of requests) {
      const key = `${component}|${verb}|${resource}`;
      const latency = Math.round(milliseconds * MILLISECOND);
      const list = this.latencies.get(key);
      if (list === undefined) this.latencies.set(key, [latency]);
      else list.push(latency);
    }
  }

  delayOf(user: string, request: ApiRequest, context: ProcessContext): Duration {
    // The autoscaler's time passes until the metrics API answers.
    if (user.endsWith(AUTOSCALER)) return this.metrics.delayOf(user, request, context);
    if (request.namespace !== this.namespace) return 0;
    const key = `${componentOf(user)}|${request.verb}|${resourceOf(request)}`;
    const list = this.latencies.get(key);
    if (list === undefined) return 0;
    const place = this.counts.get(key) ?? 0;
    this.counts.set(key, place + 1);
    return Math.max(0, list[Math.min(place, list.length - 1)]! - REST);
  }
}

/** How long the controllers of an audited scenario took between their requests: the requests themselves are late by AuditedLateness. */
export function auditedPace(requests: readonly AuditedRequest[]): Pace {
  return {
    replicaset: gapsOf(requests, 'kcm:replicaset-controller', ['pods', 'replicasets']),
    deployment: gapsOf(requests, 'kcm:deployment-controller', ['deployments', 'replicasets']),
    rest: 0,
    wakeShares: WAKE_SHARES,
  };
}

/** How long a controller took to each of its requests since the last one that concerns it, its own or another's, had ended. */
function gapsOf(requests: readonly AuditedRequest[], component: string, concerns: readonly string[]): readonly Duration[] {
  const timed = requests
    .filter(([, , verb, resource]) => verb !== 'watch' && concerns.includes(resource.split('/')[0]!))
    .map(([at, by, , , , , milliseconds]) => ({ own: by === component, begin: parseTimestamp(at) ?? 0, milliseconds }));
  const ends = timed.map(({ begin, milliseconds }) => begin + milliseconds).sort((x, y) => x - y);
  const gaps: Duration[] = [];
  for (const { own, begin } of timed) {
    if (!own) continue;
    const last = ends.findLast((end) => end <= begin);
    if (last !== undefined) gaps.push((begin - last) * MILLISECOND);
  }
  return gaps;
}
