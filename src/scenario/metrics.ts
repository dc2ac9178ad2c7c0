import type { RawMetric } from './schema.js';
import type { Path } from './source.js';
import type { MetricSeries } from './types.js';
import { duration } from './units.js';

/** The series of a metric; complains about values that are not in order of time. */
export function toMetric(
  raw: RawMetric,
  i: number,
  namespace: string,
  complain: (path: Path, message: string) => void,
): MetricSeries {
  const values = raw.values.map(({ at, value }) => ({ at: duration(at), value }));
  values.forEach(({ at }, k) => {
    if (k === 0 || at > values[k - 1]!.at) return;
    complain(['metrics', i, 'values', k, 'at'], `expected a time after ${raw.values[k - 1]!.at}, found ${raw.values[k]!.at}`);
  });
  return {
    name: raw.name,
    namespace: raw.namespace ?? namespace,
    perPod: raw.perPod ?? false,
    ...(raw.labels === undefined ? {} : { labels: raw.labels }),
    ...(raw.object === undefined ? {} : { object: raw.object }),
    values,
  };
}
