import type { RunResult } from '../analysis/result.js';
import { families } from './openmetrics-families.js';
import type { Family } from './openmetrics-series.js';

/** Seconds between two scrapes: Prometheus' usual interval for the control plane. */
export const SCRAPE_INTERVAL = 15;

/**
 * The metrics of a run as OpenMetrics 1.0 text, under the names, labels and buckets of the real components, with simulated
 * timestamps, in parts. `promtool tsdb create-blocks-from openmetrics` loads it.
 */
export function* toOpenMetrics(result: RunResult, interval = SCRAPE_INTERVAL): Generator<string> {
  const start = Date.parse(result.summary.startTime) / 1000;
  for (const family of families(result, interval)) {
    yield `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.type}\n`;
    for (const series of family.series) {
      const name = `${family.name}${series.suffix}${series.labels === '' ? '' : `{${series.labels}}`}`;
      yield series.samples.map(({ time, value }) => `${name} ${valueText(value)} ${timestamp(start, time)}\n`).join('');
    }
  }
  yield '# EOF\n';
}

/** The last scrape as Prometheus text without timestamps, as an exporter would answer at the end of the run. */
export function lastScrape(result: RunResult): string {
  return families(result, result.summary.simulatedSeconds)
    .map((family) => {
      const name = prometheusName(family);
      const type = family.type === 'info' ? 'gauge' : family.type;
      const lines = family.series.flatMap((series) => {
        const last = series.samples[series.samples.length - 1];
        const labels = series.labels === '' ? '' : `{${series.labels}}`;
        return last === undefined ? [] : [`${family.name}${series.suffix}${labels} ${valueText(last.value)}\n`];
      });
      return `# HELP ${name} ${escapeHelp(family.help)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
    })
    .join('');
}

/** Prometheus text names a counter and an info with the suffix of its samples. */
function prometheusName(family: Family): string {
  if (family.type === 'counter') return `${family.name}_total`;
  return family.type === 'info' ? `${family.name}_info` : family.name;
}

function escapeHelp(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');
}

function valueText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toFixed(1) : String(value);
}

/** Seconds since the epoch with milliseconds, which is what Prometheus keeps. */
function timestamp(start: number, time: number): string {
  return (start + Math.round(time * 1000) / 1000).toFixed(3);
}
