import { readQuery } from '../../api/metric-query.js';
import type { AnalysisMetric } from '../../api/rollout-kinds.js';
import type { Time } from '../../kernel/time.js';
import type { Found } from './assess.js';
import type { Measured, Measurements } from './measurements.js';

/** What the provider of a metric finds: what the scenario states for it, else what its query asks of the simulated traffic. */
export function findMetric(metric: AnalysisMetric, measurements: Measurements, measured: Measured, now: Time): Found {
  const stated = measurements.statedFor(metric.name);
  const query = metric.provider.prometheus?.query;
  const measure = stated?.measure ?? (query === undefined || stated !== undefined ? undefined : readQuery(query));
  if (measure === undefined) {
    if (stated?.value !== undefined) return { value: stated.value };
    // Jobs, web pages and queries of unknown form: nothing is known against the version.
    return metric.successCondition === undefined && metric.failureCondition === undefined ? { value: 'Successful' } : { error: `metric "${metric.name}": the scenario states no measurement for it` };
  }
  const value = measurements.value(measure, measured, now);
  // Prometheus answers with a vector, which is empty without data.
  if (query !== undefined) return { value: value === undefined ? [] : [value] };
  return value === undefined ? { error: 'no data' } : { value };
}
