import { MINUTE, SECOND, type Duration } from '../kernel/time.js';
import { goDuration } from './go-duration.js';

/**
 * What a PromQL query of an analysis asks for, read from its form: the share of requests with or without server errors, a quantile
 * of durations, a rate of requests, how often containers restarted. Queries of another form are not understood. Pure.
 */

/** What is measured of requests, or of containers: `offset + scale · x`. */
export interface MetricQuery {
  readonly what: 'successRate' | 'errorRate' | 'latency' | 'requests' | 'restarts';
  /** Of latency, in seconds. */
  readonly quantile?: number;
  /** It looks back this long. */
  readonly window: Duration;
  /** Requests that pods of this version answered, or restarts of their containers. */
  readonly of: 'canary' | 'stable' | 'all';
  readonly scale: number;
  readonly offset: number;
}

/** Window of a query that names none: Prometheus looks back five minutes. */
const DEFAULT_WINDOW: Duration = 5 * MINUTE;

/** Counter of kube-state-metrics. */
const RESTARTS = 'kube_pod_container_status_restarts_total';

/** A matcher of status codes: label, operator and value. */
const CODES = /(?:code|status|response_code|response_class|classification|grpc_status|envoy_response_code_class|status_code)\w*\s*(=~|!~|!=|=)\s*\\?["']([^"'\\]*)/;

/** The measure that a query asks for; undefined: it is of no form that is known. */
export function readQuery(query: string): MetricQuery | undefined {
  const text = query.replaceAll(/\s+/g, ' ').trim();
  const window = windowOf(text);
  const of = /stable|primary/.test(text) && !/canary/.test(text) ? 'stable' : 'canary';
  const quantile = /histogram_quantile\(\s*([0-9.]+)/.exec(text);
  if (quantile !== null) {
    const milliseconds = /(?:_ms|milliseconds)\w*_bucket/.test(text);
    return { what: 'latency', quantile: Number(quantile[1]), window, of, scale: milliseconds ? 1000 : 1, offset: 0 };
  }
  if (!/rate\(|increase\(|irate\(/.test(text)) return undefined;
  if (text.includes(RESTARTS)) return restartsOf(text, window, of);
  const slash = divisionAt(text);
  if (slash < 0) return CODES.test(text) || /[*+-] ?\d/.test(text) ? undefined : { what: 'requests', window, of, scale: 1, offset: 0 };
  return shareOf(text.slice(0, slash), text.slice(slash + 1), window, of);
}

/** `increase` counts restarts, `rate` divides them by the seconds of the window; with further arithmetic it is of no known form. */
function restartsOf(text: string, window: Duration, of: MetricQuery['of']): MetricQuery | undefined {
  const bare = text.replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, '');
  if (/[*/+<>-]/.test(bare)) return undefined;
  return { what: 'restarts', window, of, scale: /increase\(/.test(bare) ? 1 : SECOND / window, offset: 0 };
}

function windowOf(text: string): Duration {
  const match = /\[([0-9a-zµ]+)(?::[^\]]*)?\]/.exec(text);
  return match === null ? DEFAULT_WINDOW : (goDuration(match[1]!) ?? DEFAULT_WINDOW);
}

/** Place of the division outside of all brackets; where everything is inside one pair, of that inside. */
function divisionAt(text: string): number {
  let least = -1;
  let leastDepth = Number.POSITIVE_INFINITY;
  let depth = 0;
  let quoted = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (quoted !== '') {
      if (character === quoted) quoted = '';
    } else if (character === '"' || character === "'") quoted = character;
    else if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    else if (character === '/' && depth < leastDepth) {
      least = i;
      leastDepth = depth;
    }
  }
  return least;
}

function shareOf(above: string, below: string, window: Duration, of: MetricQuery['of']): MetricQuery | undefined {
  const matcher = CODES.exec(above);
  if (matcher === null) return undefined;
  const [, operator, value] = matcher as unknown as [string, string, string];
  const negative = operator.startsWith('!');
  const errors = /5|failure|error/.test(value);
  const good = /^\(?(?:2|3|1)|success|\^2/.test(value) || value === '0' || value === 'OK';
  if (!errors && !good) return undefined;
  const what = errors === negative ? 'successRate' : 'errorRate';
  const hundred = /\* ?100|100 ?\*/.test(`${above} / ${below}`) ? 100 : 1;
  // `1 - errors / all` and `100 - …`.
  const flip = /^\(*\s*(1|100) ?- ?/.exec(above);
  if (flip === null) return { what, window, of, scale: hundred, offset: 0 };
  return { what, window, of, scale: -hundred, offset: Number(flip[1]) };
}
