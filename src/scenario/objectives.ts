import { nearestName } from '../api/nearest.js';
import type { Objective } from './types.js';
import { parseDuration } from './units.js';

/** Objectives as people write them. */

const grammar =
  /^(errors|error rate|latency|rollout duration|duration|availability|surge|api write|api errors|api unanswered|etcd commit|pod startup|restarts)(?:\s+p(\d+(?:\.\d+)?))?\s*(<=|>=|<|>)\s*(\S+)$/i;

const metrics: Readonly<Record<string, Objective['metric']>> = {
  errors: 'errors',
  'error rate': 'errors',
  latency: 'latency',
  'rollout duration': 'rolloutDuration',
  duration: 'rolloutDuration',
  availability: 'availability',
  surge: 'surge',
  'api write': 'apiWrite',
  'api errors': 'apiErrors',
  'api unanswered': 'apiUnanswered',
  'etcd commit': 'etcdCommit',
  'pod startup': 'podStartup',
  restarts: 'restarts',
};

/** Metrics that are latencies, of which a quantile is judged, with an example. */
const quantiles: ReadonlyMap<Objective['metric'], string> = new Map([
  ['latency', 'latency p99 < 250ms'],
  ['apiWrite', 'api write p99 < 50ms'],
  ['etcdCommit', 'etcd commit p99 < 25ms'],
  ['podStartup', 'pod startup p99 < 5s'],
]);

/** How to write an objective; shown when one cannot be read. */
export const OBJECTIVE_EXAMPLES =
  '`errors < 0.1%`, `latency p99 < 250ms`, `rollout duration < 8m`, `availability > 80%`, `surge < 5000` (pod-seconds), `api write p99 < 50ms`, `api errors < 0.1%`, `api unanswered < 0.1%`, `etcd commit p99 < 25ms` or `pod startup p99 < 5s`';

/** Reads an objective; a text says what is wrong with it. */
export function parseObjective(text: string, position: string): Objective | string {
  const match = grammar.exec(text.trim());
  if (match === null) {
    const name = /^[a-z ]+?(?= *(?:p\d|[<>]|$))/i.exec(text.trim())?.[0];
    const nearest =
      name === undefined || metrics[name.toLowerCase()] !== undefined
        ? undefined
        : nearestName(name, Object.keys(metrics));
    if (nearest !== undefined) return `no objective begins with "${name}"; did you mean "${nearest}"?`;
    return `expected an objective such as ${OBJECTIVE_EXAMPLES}`;
  }
  const [, name, quantile, comparison, value] = match as unknown as [
    string,
    string,
    string | undefined,
    Objective['comparison'],
    string,
  ];
  const metric = metrics[name.toLowerCase()]!;
  const example = quantiles.get(metric);
  if (quantile !== undefined && example === undefined) return `a quantile (p${quantile}) belongs to latencies only`;
  if (example !== undefined && quantile === undefined) return `expected a quantile, as in \`${example}\``;
  if (quantile !== undefined && !(Number(quantile) > 0 && Number(quantile) < 100))
    return `expected a quantile between p0 and p100, found p${quantile}`;
  const limit = parseLimit(metric, value);
  if (typeof limit === 'string') return limit;
  return {
    text: text.trim(),
    metric,
    ...(quantile === undefined ? {} : { quantile: Number(quantile) / 100 }),
    comparison,
    limit,
    position,
  };
}

function parseLimit(metric: Objective['metric'], value: string): number | string {
  switch (metric) {
    case 'errors':
    case 'apiErrors':
    case 'apiUnanswered':
    case 'availability': {
      if (/^\d+(\.\d+)?%$/.test(value)) return Number(value.slice(0, -1)) / 100;
      if (/^(0(\.\d+)?|1(\.0+)?)$/.test(value)) return Number(value);
      return `expected a percentage such as 0.1%, found "${value}"`;
    }
    case 'latency':
    case 'apiWrite':
    case 'etcdCommit':
    case 'podStartup':
    case 'rolloutDuration':
      return parseDuration(value) ?? `expected a duration such as 250ms or 8m, found "${value}"`;
    case 'surge':
      return /^\d+(\.\d+)?$/.test(value)
        ? Number(value)
        : `expected a number of pod-seconds such as 5000, found "${value}"`;
    case 'restarts':
      return /^\d+$/.test(value) ? Number(value) : `expected a number of restarts such as 1, found "${value}"`;
  }
}
