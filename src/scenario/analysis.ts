import { SECOND } from '../kernel/time.js';
import type { RawMeasurement, RawWebhookGate } from './schema-analysis.js';
import type { MeasurementSpec, WebhookGate } from './types.js';
import { duration } from './units.js';

const DEFAULT_WINDOW = 60 * SECOND;

/** What a metric of an analysis finds. */
export function toMeasurement(raw: RawMeasurement): MeasurementSpec {
  const { metric, measure, value } = raw;
  if (measure === undefined) return { metric, ...(value === undefined ? {} : { value }) };
  const quantile = /^latency p(.+)$/.exec(measure);
  const what = quantile !== null ? 'latency' : measure === 'success rate' ? 'successRate' : measure === 'error rate' ? 'errorRate' : measure === 'restarts' ? 'restarts' : 'requests';
  return {
    metric,
    measure: {
      what,
      ...(quantile === null ? {} : { quantile: Number(quantile[1]) / 100 }),
      window: raw.window === undefined ? DEFAULT_WINDOW : duration(raw.window),
      of: raw.of ?? 'canary',
      scale: raw.times ?? 1,
      offset: 0,
    },
  };
}

/** When a webhook refuses. */
export function toWebhookGate({ name, from, until }: RawWebhookGate): WebhookGate {
  return { name, from: from === undefined ? 0 : duration(from), until: until === undefined ? Number.POSITIVE_INFINITY : duration(until) };
}
