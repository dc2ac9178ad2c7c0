import { InputError } from '../../scenario/input-error.js';

/** One sample: its labels and value. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
/** Names of counters and of the parts of histograms (Prometheus' conventions). */
const COUNTER = /_(total|count|sum|bucket)$/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Samples of a text in Prometheus' exposition format, by metric name. */
export class Samples {
  private readonly byName = new Map<string, Map<string, Sample>>();

  /** Throws InputError for a line that is no sample. */
  static parse(path: string, text: string): Samples {
    const samples = new Samples();
    const lines = text.split('\n');
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i]!.trim();
      if (line === '' || line.startsWith('#')) continue;
      const match = LINE.exec(line);
      const value = match === null ? Number.NaN : numberOf(match[3]!);
      if (match === null || value === undefined) {
        throw new InputError({ file: path, position: { line: i + 1, column: 1 }, message: 'expected a sample in Prometheus text format', sourceLine: line });
      }
      const labels: Record<string, string> = {};
      for (const [, name, text] of (match[2] ?? '').matchAll(LABEL)) labels[name!] = text!;
      samples.put(match[1]!, { labels, value });
    }
    return samples;
  }

  private put(name: string, sample: Sample): void {
    let series = this.byName.get(name);
    if (series === undefined) this.byName.set(name, (series = new Map()));
    series.set(keyOf(sample.labels), sample);
  }

  /** What counters have grown by since; of those that are smaller now their process began anew meanwhile, and counted from zero. */
  minus(before: Samples): Samples {
    const change = new Samples();
    for (const [name, series] of this.byName) {
      for (const sample of series.values()) {
        const growth = sample.value - before.value(name, sample.labels);
        const value = growth < 0 && COUNTER.test(name) ? sample.value : growth;
        if (value !== 0 || name.endsWith('_bucket')) change.put(name, { labels: sample.labels, value });
      }
    }
    return change;
  }

  /** All samples of a metric. */
  named(name: string): Iterable<Sample> {
    return this.byName.get(name)?.values() ?? [];
  }

  /** Value of one series; 0 when there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.byName.get(name)?.get(keyOf(labels))?.value ?? 0;
  }

  /** Sum over all series of a metric that have these labels among theirs. */
  total(name: string, labels: Readonly<Record<string, string>> = {}): number {
    let total = 0;
    const wanted = Object.entries(labels);
    for (const sample of this.named(name)) if (wanted.every(([label, value]) => sample.labels[label] === value)) total += sample.value;
    return total;
  }

  /** Mean of a histogram over the series with these labels; NaN when nothing was observed. */
  mean(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.total(`${name}_sum`, labels) / this.total(`${name}_count`, labels);
  }

  /** Cumulative counts of a histogram in order of their bounds, +Inf last. */
  buckets(name: string, labels: Readonly<Record<string, string>>): readonly number[] {
    const found: { bound: number; value: number }[] = [];
    const wanted = Object.entries(labels);
    for (const sample of this.named(name)) {
      if (!wanted.every(([label, value]) => sample.labels[label] === value)) continue;
      const bound = sample.labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(sample.labels['le']);
      found.push({ bound, value: sample.value });
    }
    return found.sort((a, b) => a.bound - b.bound).map(({ value }) => value);
  }
}

function numberOf(text: string): number | undefined {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  if (text === 'NaN') return Number.NaN;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : value;
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${name}=${labels[name]}`)
    .join('\n');
}
