import { type RunResult, tableOf } from '../analysis/result.js';
import { families } from './openmetrics-families.js';
import type { Family } from './openmetrics-series.js';

/** Seconds between two scrapes: Prometheus' usual interval for the control plane. */
export const SCRAPE_INTERVAL = 15;

/**
 * The metrics of a run as OpenMetrics 1.0 text, under the names, labels and buckets of the real components, with simulated
 * timestamps, in parts. `promtool tsdb create-blocks-from openmetrics` loads it.
 */
export function* toOpenMetrics(result: RunResult, interval = scrapeInterval(result)): Generator<string> {
  const start = epochSeconds(result.summary.startTime);
  for (const family of families(result, interval)) {
    yield `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.type}\n`;
    for (const series of family.series) {
      const name = `${family.name}${series.suffix}${series.labels === '' ? '' : `{${series.labels}}`}`;
      yield series.samples.map(({ time, value }) => `${name} ${valueText(value)} ${timestamp(start, time)}\n`).join('');
    }
  }
  yield '# EOF\n';
}

/** Seconds between the scrapes of a run: its first one is that long after the start. */
function scrapeInterval(result: RunResult): number {
  const first = tableOf(result, 'scrapes')?.column('time')[0] ?? tableOf(result, 'histograms')?.column('time')[0];
  return typeof first === 'number' ? first : SCRAPE_INTERVAL;
}

/** The last scrape as Prometheus text without timestamps, as an exporter would answer at the end of the run. */
export function lastScrape(result: RunResult): string {
  return families(result, result.summary.simulatedSeconds)
    .map((family) => {
      const name = prometheusName(family);
        const type = family.type === 'info' ? 'gauge' : family.type === 'unknown' ? 'untyped' : family.type;
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

/** Seconds from 1970 to an RFC 3339 instant in UTC, such as `2025-01-01T00:00:00Z`. */
export function epochSeconds(instant: string): number {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d(?:\.\d+)?)Z$/.exec(instant);
  if (parts === null) throw new RangeError(`${instant} is no instant in UTC`);
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // Years that begin in March put the leap day last: days before month m are then ⌊(153 m + 2) / 5⌋.
  const y = month > 2 ? year : year - 1;
  const days = 365 * y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  const inYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return (days + inYear - 719_468) * 86_400 + hour * 3600 + minute * 60 + second;
}
