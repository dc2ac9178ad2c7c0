import type { NodeSelectorRequirement, Pod, PodSpec, ResourceList } from '../api/core.js';
import { fieldErrorText } from '../api/fields.js';
import { readManifest } from '../api/manifest.js';
import { nearestName } from '../api/nearest.js';
import { QuantityError, resourceAmount } from '../api/quantity.js';
import { isMap } from '../api/reader.js';
import { validateObject } from '../api/validation.js';
import type { Duration } from '../kernel/time.js';
import { type CsvField, errorAt, readCsv } from './csv.js';
import { type InputError, inputErrorsOf } from './input-error.js';
import { ManifestSet } from './manifests.js';
import type { RawPodTrace } from './schema-kwok.js';
import { fileFrom, type Path, readSource, type SourceFile, type SourceItem, stepsOf } from './source.js';
import type { PodTraceSpec, TracePod, TraceShape } from './types.js';
import { duration, parseDuration } from './units.js';

/** A trace with a mistake in each line is no trace: after so many errors the rest is not looked at. */
const MAXIMUM_ERRORS = 20;
const DEFAULT_IMAGE = 'trace';
const PATH: Path = ['podTrace'];

/** The pod trace of a scenario; undefined when something is wrong, which goes to `errors`. */
export function toPodTrace(
  raw: RawPodTrace,
  item: SourceItem,
  folder: string,
  namespace: string,
  errors: InputError[],
  files: string[],
): PodTraceSpec | undefined {
  const before = errors.length;
  const reader = new TraceReader(raw, item, folder, raw.namespace ?? namespace, errors, files);
  const spec = reader.read();
  return errors.length > before ? undefined : spec;
}

/** A row of the trace as read: times as in the trace. */
interface Row {
  readonly name: string;
  readonly arrival: Duration;
  readonly lifetime: Duration;
  readonly shape: number;
}

interface Amount {
  readonly resource: string;
  readonly column: number;
  readonly times: number;
  readonly unit: string;
}

class TraceReader {
  private readonly raw: RawPodTrace;
  private readonly item: SourceItem;
  private readonly folder: string;
  private readonly namespace: string;
  private readonly errors: InputError[];
  private readonly files: string[];
  private readonly shapes = new Map<string, number>();
  private readonly specs: { labels: TraceShape['labels']; annotations: TraceShape['annotations']; spec: PodSpec; nodeLabel: TraceShape['nodeLabel']; count: number }[] = [];
  private source!: SourceFile;
  private text = '';
  private template!: Pod;
  private amounts: readonly Amount[] = [];
  private nodeColumn = -1;

  constructor(raw: RawPodTrace, item: SourceItem, folder: string, namespace: string, errors: InputError[], files: string[]) {
    this.raw = raw;
    this.item = item;
    this.folder = folder;
    this.namespace = namespace;
    this.errors = errors;
    this.files = files;
  }

  read(): PodTraceSpec | undefined {
    const { raw, errors } = this;
    const template = this.readTemplate();
    const rows = this.open();
    if (template === undefined || rows === undefined) return undefined;
    this.template = template;
    const header = rows[0]!.map(({ text }) => text);
    const { columns } = raw;
    const name = this.column(header, columns.name, ['name']);
    const arrival = this.column(header, columns.arrival, ['arrival']);
    const start = this.column(header, columns.start, ['start']);
    const departure = this.column(header, columns.departure, ['departure']);
    const lifetime = this.column(header, columns.lifetime, ['lifetime']);
    this.checkLifetime();
    this.amounts = this.readAmounts(header);
    this.nodeColumn = columns.nodeLabel === undefined ? -1 : this.column(header, columns.nodeLabel.column, ['nodeLabel', 'column']);
    if (errors.length > 0) return undefined;
    const names = new Set<string>();
    const found: Row[] = [];
    for (let i = 1; i < rows.length; i++) {
      if (errors.length >= MAXIMUM_ERRORS) {
        errors.push(this.item.error([...PATH, 'file'], { message: `more than ${MAXIMUM_ERRORS} errors; the rest of ${raw.file} was not checked` }));
        return undefined;
      }
      const row = rows[i]!;
      if (row.length !== header.length) {
        this.fail(row[0]!, `expected ${header.length} fields as in the header, found ${row.length}`);
        continue;
      }
      const arrives = this.time(row[arrival]!);
      const begins = start < 0 || row[start]!.text === '' ? arrives : this.time(row[start]!);
      const lives = this.lifetime(row, departure, lifetime, begins);
      const own = name < 0 ? `pod-${i - 1}` : row[name]!.text;
      if (names.has(own)) this.fail(row[name]!, `two pods are named ${own}`);
      names.add(own);
      const shape = this.shape(row);
      if (arrives !== undefined && lives !== undefined && shape !== undefined) found.push({ name: own, arrival: arrives, lifetime: lives, shape });
    }
    return this.finish(found);
  }

  private fail(field: CsvField, message: string): undefined {
    this.errors.push(errorAt(this.source, this.text, field.offset, message));
    return undefined;
  }

  private open(): readonly (readonly CsvField[])[] | undefined {
    const path = fileFrom(this.folder, this.raw.file);
    try {
      this.source = readSource(path, (message) => this.item.error([...PATH, 'file'], { message }));
    } catch (error) {
      this.errors.push(...inputErrorsOf(error));
      return undefined;
    }
    this.files.push(path);
    this.text = this.source.text();
    const rows = readCsv(this.source, this.errors);
    if (rows.length > 1) return rows;
    this.errors.push(this.item.error([...PATH, 'file'], { message: `${path} holds no pod: expected a header line and lines below it` }));
    return undefined;
  }

  private readTemplate(): Pod | undefined {
    const { template } = this.raw;
    const path: Path = [...PATH, 'template'];
    if (typeof template === 'string') {
      const set = new ManifestSet(this.namespace);
      set.read(fileFrom(this.folder, template), (message) => this.item.error(path, { message }));
      this.files.push(...set.files);
      this.errors.push(...set.errors);
      const [first, second] = set.loaded;
      if (set.errors.length > 0) return undefined;
      if (first?.object.kind === 'Pod' && second === undefined) return first.object as Pod;
      this.errors.push(this.item.error(path, { message: `expected a file with one Pod, found ${set.loaded.length} objects` }));
      return undefined;
    }
    const spec = { containers: [{ name: 'main', image: DEFAULT_IMAGE }], ...(isMap(template?.spec) ? template.spec : {}) };
    const metadata = { name: 'template', ...(isMap(template?.metadata) ? template.metadata : {}) };
    const { object, errors } = readManifest({ apiVersion: 'v1', kind: 'Pod', ...template, metadata, spec }, { namespace: this.namespace });
    const all = errors.length > 0 ? errors : validateObject(object);
    for (const error of all) this.errors.push(this.item.error([...path, ...stepsOf(error.field)], { message: fieldErrorText(error) }));
    return all.length > 0 ? undefined : (object as Pod);
  }

  /** Number of a column by its head; −1 when the scenario names none. */
  private column(header: readonly string[], name: string | undefined, at: Path): number {
    if (name === undefined) return -1;
    const index = header.indexOf(name);
    if (index >= 0) return index;
    const near = nearestName(name, header);
    const hint = near === undefined ? `its columns are ${header.join(', ')}` : `did you mean "${near}"?`;
    this.errors.push(this.item.error([...PATH, 'columns', ...at], { message: `${this.raw.file} has no column "${name}"; ${hint}` }));
    return -1;
  }

  private checkLifetime(): void {
    const { departure, lifetime, start } = this.raw.columns;
    const complain = (key: string, message: string): void => {
      this.errors.push(this.item.error([...PATH, 'columns', key], { message }));
    };
    if (departure !== undefined && lifetime !== undefined) complain('lifetime', 'expected a departure or a lifetime, found both');
    if (start !== undefined && departure === undefined) complain('start', 'a start needs a departure to count the lifetime to');
  }

  private readAmounts(header: readonly string[]): readonly Amount[] {
    return Object.entries(this.raw.columns.requests).map(([resource, raw]) => {
      const at: Path = ['requests', resource];
      if (typeof raw === 'string') return { resource, column: this.column(header, raw, at), times: -1, unit: '' };
      const column = this.column(header, raw.column, [...at, 'column']);
      return { resource, column, times: this.column(header, raw.times, [...at, 'times']), unit: raw.unit ?? '' };
    });
  }

  /** A duration, or a number of time units. */
  private time(field: CsvField): Duration | undefined {
    const text = field.text.trim();
    const value = /^\d+(?:\.\d+)?$/.test(text) ? Math.round(Number(text) * duration(this.raw.timeUnit ?? '1s')) : parseDuration(text);
    return value ?? this.fail(field, `expected a time such as 120 or 2m, found ${text === '' ? 'nothing' : `"${text}"`}`);
  }

  private lifetime(row: readonly CsvField[], departure: number, lifetime: number, begins: Duration | undefined): Duration | undefined {
    const column = departure >= 0 ? departure : lifetime;
    if (column < 0 || row[column]!.text === '') return Number.POSITIVE_INFINITY;
    const value = this.time(row[column]!);
    if (value === undefined || begins === undefined) return undefined;
    if (departure < 0) return value;
    if (value < begins) return this.fail(row[column]!, 'the pod departs before it arrives or starts');
    return value - begins;
  }

  /** Number of the shape of a row: pods that are alike share their spec. */
  private shape(row: readonly CsvField[]): number | undefined {
    const requests: Record<string, number> = {};
    for (const amount of this.amounts) {
      const value = this.amount(row, amount);
      if (value === undefined) return undefined;
      if (value > 0) requests[amount.resource] = value;
    }
    const allowed = this.nodeColumn < 0 ? '' : row[this.nodeColumn]!.text.trim();
    const key = `${JSON.stringify(requests)} ${allowed}`;
    let shape = this.shapes.get(key);
    if (shape === undefined) {
      const pod = this.pod(requests, allowed);
      const wrong = validateObject(pod)[0];
      if (wrong !== undefined) return this.fail(row[0]!, `the pod is invalid: ${fieldErrorText(wrong)}`);
      shape = this.specs.length;
      this.shapes.set(key, shape);
      const { labels = {}, annotations = {} } = pod.metadata;
      this.specs.push({ labels, annotations, spec: pod.spec, nodeLabel: this.allowed(allowed), count: 0 });
    }
    this.specs[shape]!.count++;
    return shape;
  }

  private amount(row: readonly CsvField[], { resource, column, times, unit }: Amount): number | undefined {
    const field = row[column]!;
    const text = field.text.trim();
    if (text === '') return 0;
    try {
      const factor = times < 0 ? 1 : Number(row[times]!.text.trim() || '0');
      if (!Number.isFinite(factor) || factor < 0) return this.fail(row[times]!, `expected a number, found "${row[times]!.text}"`);
      return resourceAmount(resource, `${text}${unit}`) * factor;
    } catch (error) {
      if (!(error instanceof QuantityError)) throw error;
      return this.fail(field, error.message);
    }
  }

  private pod(requests: ResourceList, allowed: string): Pod {
    const { template } = this;
    const [first, ...others] = template.spec.containers;
    // Extended resources cannot be overcommitted: their limits are their requests.
    const limits: Record<string, number> = { ...first!.resources?.limits };
    for (const name in requests) if (name.includes('/')) limits[name] = requests[name]!;
    const resources = {
      ...first!.resources,
      requests: { ...first!.resources?.requests, ...requests },
      ...(Object.keys(limits).length === 0 ? {} : { limits }),
    };
    const spec: PodSpec = { ...template.spec, containers: [{ ...first!, resources }, ...others] };
    if (allowed === '') return { ...template, spec };
    return { ...template, spec: { ...spec, affinity: { ...spec.affinity, nodeAffinity: this.affinity(spec, allowed) } } };
  }

  private allowed(text: string): TraceShape['nodeLabel'] {
    if (text === '') return null;
    const { label, separator = '|' } = this.raw.columns.nodeLabel!;
    return { label, values: text.split(separator) };
  }

  private affinity(spec: PodSpec, allowed: string): NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']> {
    const { label, values } = this.allowed(allowed)!;
    const requirement: NodeSelectorRequirement = { key: label, operator: 'In', values };
    const own = spec.affinity?.nodeAffinity;
    const terms = own?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
    const nodeSelectorTerms = terms.map((term) => ({ ...term, matchExpressions: [...(term.matchExpressions ?? []), requirement] }));
    return { ...own, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
  }

  /** Trace time becomes time of the run. */
  private finish(rows: readonly Row[]): PodTraceSpec {
    const { raw } = this;
    const from = raw.from === undefined ? rows.reduce((least, { arrival }) => Math.min(least, arrival), Number.POSITIVE_INFINITY) : duration(raw.from);
    const until = raw.until === undefined ? Number.POSITIVE_INFINITY : duration(raw.until);
    const speed = raw.speed ?? 1;
    const pods: TracePod[] = [];
    for (const { name, arrival, lifetime, shape } of rows) {
      if (arrival > until || arrival + lifetime <= from) continue;
      const left = arrival < from ? lifetime - (from - arrival) : lifetime;
      pods.push({
        name,
        arrival: Math.round(Math.max(0, arrival - from) / speed),
        lifetime: raw.lifetimes === 'forever' ? Number.POSITIVE_INFINITY : Math.round(left / speed),
        shape,
      });
    }
    if (pods.length === 0) {
      this.errors.push(this.item.error([...PATH, raw.from === undefined ? 'file' : 'from'], { message: `no pod of ${raw.file} is there between "from" and "until"` }));
    }
    const order = pods.map((_pod, i) => i).sort((a, b) => pods[a]!.arrival - pods[b]!.arrival || a - b);
    const shapes = this.specs.map(({ count, ...shape }) => ({ ...shape, popularity: count / rows.length }));
    return { namespace: this.namespace, pods: order.map((i) => pods[i]!), shapes };
  }
}
