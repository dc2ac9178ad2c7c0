import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { type RunResult, SUMMARY_VERSION, type SummaryDocument } from '../analysis/result.js';
import { SUMMARY_SCHEMA } from '../analysis/summary-schema.js';
import { EVENT_TRACE } from '../metrics/column-sink.js';
import type { ColumnSpec, Table, TableSpec } from '../metrics/recorder.js';
import { fileName, filePrefix } from './files.js';
import { upgradeSummary } from './older-summaries.js';
import { OutputError } from './output-directory.js';

/** An output directory read back. */
export interface ReadOutputs {
  readonly document: SummaryDocument;
  /** Version of the schema of its summary, and of the program that wrote it. */
  readonly written: { readonly schemaVersion: number; readonly toolVersion: string };
  readonly results: readonly RunResult[];
}

/**
 * Reads `summary.json` and the Parquet files of an output directory back into results, so that a report can be made again.
 * Throws OutputError when the directory is not an output of this program or of a newer version.
 */
export async function readOutputs(path: string): Promise<ReadOutputs> {
  const { document, written } = readWritten(path);
  const names = Object.keys(document.runs);
  const files = readdirSync(path)
    .filter((name) => name.endsWith('.parquet') && !isEventTrace(name))
    .sort();
  const results: RunResult[] = [];
  for (const name of names) {
    const prefix = filePrefix(name, names.length);
    const own = files.filter(
      (file) => file.startsWith(prefix) && !file.slice(prefix.length, -'.parquet'.length).includes('.'),
    );
    const tables: Table[] = [];
    for (const file of own) tables.push(await readTable(join(path, file)));
    results.push({ name, summary: document.runs[name]!, tables });
  }
  return { document, written, results };
}

/** The rows of one table of an output; `run` empty: the only one. No rows when the table was not written. */
export async function readOutputTable(
  path: string,
  run: string,
  table: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const name = join(path, `${run === '' ? '' : `${fileName(run)}.`}${table}.parquet`);
  if (!existsSync(name)) return [];
  const bytes = readFileSync(name);
  return parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer });
}

/** `summary.json` of an output, checked and in the shape of this version. Throws OutputError. */
export function readSummary(path: string): SummaryDocument {
  return readWritten(path).document;
}

function readWritten(path: string): Pick<ReadOutputs, 'document' | 'written'> {
  const file = join(path, 'summary.json');
  if (!existsSync(file)) throw new OutputError(`${path} holds no summary.json: it is not an output of towtank`);
  let written: SummaryDocument;
  try {
    written = JSON.parse(readFileSync(file, 'utf8')) as SummaryDocument;
  } catch (error) {
    throw new OutputError(`cannot read ${file}: ${(error as Error).message}`);
  }
  if (written?.tool?.name !== 'towtank' || written.runs === undefined)
    throw new OutputError(`${file} is not a summary of towtank`);
  const document = upgradeSummary(written as unknown as Record<string, unknown>) as unknown as SummaryDocument | undefined;
  if (document === undefined) {
    throw new OutputError(
      `${file} has schema version ${written.schemaVersion}; this version reads 1 to ${SUMMARY_VERSION}`,
    );
  }
  const checked = SUMMARY_SCHEMA.safeParse(document);
  const issue = checked.error?.issues[0];
  if (issue !== undefined) throw new OutputError(`${file}: ${issue.path.join('.')}: ${issue.message}`);
  return { document, written: { schemaVersion: written.schemaVersion, toolVersion: written.tool.version } };
}

/** A trace of every event may be far larger than memory, and no report shows it. */
function isEventTrace(file: string): boolean {
  return file === `${EVENT_TRACE.name}.parquet` || file.endsWith(`.${EVENT_TRACE.name}.parquet`);
}

async function readTable(path: string): Promise<Table> {
  const bytes = readFileSync(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const metadata = parquetMetadata(file);
  const entry = (key: string): string =>
    metadata.key_value_metadata?.find((pair) => pair.key === `towtank.${key}`)?.value ?? '';
  if (entry('columns') === '') throw new OutputError(`${path} was not written by towtank`);
  const described = JSON.parse(entry('columns')) as Omit<ColumnSpec, 'type'>[];
  const types = new Map(metadata.schema.map((element) => [element.name, element.type]));
  const columns: ColumnSpec[] = described.map((column) => ({ ...column, type: columnType(types.get(column.name)) }));
  const rows = await parquetReadObjects({ file, metadata });
  return new ReadTable({ name: entry('table'), description: entry('description'), columns }, rows);
}

function columnType(physical: string | undefined): ColumnSpec['type'] {
  if (physical === 'DOUBLE') return 'double';
  return physical === 'INT64' || physical === 'INT32' ? 'integer' : 'string';
}

/** A table read from a file. */
class ReadTable implements Table {
  readonly spec: TableSpec;
  readonly length: number;
  private readonly columns = new Map<string, Float64Array | readonly string[]>();

  constructor(spec: TableSpec, rows: readonly Record<string, unknown>[]) {
    this.spec = spec;
    this.length = rows.length;
    for (const { name, type } of spec.columns) {
      if (type === 'string')
        this.columns.set(
          name,
          rows.map((row) => String(row[name])),
        );
      else
        this.columns.set(
          name,
          Float64Array.from(rows, (row) => (row[name] === null ? Number.NaN : Number(row[name]))),
        );
    }
  }

  column(name: string): Float64Array | readonly string[] {
    const column = this.columns.get(name);
    if (column === undefined) throw new Error(`table ${this.spec.name} has no column ${name}`);
    return column;
  }
}

/** Results of several outputs side by side: names that occur twice get the name of their directory in front,
 * or only that when it holds no other run. */
export function joinResults(
  outputs: readonly { readonly path: string; readonly results: readonly RunResult[] }[],
): RunResult[] {
  const counts = new Map<string, number>();
  for (const { results } of outputs) for (const { name } of results) counts.set(name, (counts.get(name) ?? 0) + 1);
  const label = (path: string): string =>
    path
      .replace(/[\\/]+$/, '')
      .split(/[\\/]/)
      .at(-1) ?? path;
  const labels = outputs.map((output) => label(output.path));
  return outputs.flatMap(({ path, results }, i) => {
    const unique = labels.filter((other) => other === labels[i]).length === 1 ? labels[i]! : path;
    const named = (name: string): string => (results.length === 1 ? unique : `${unique}: ${name}`);
    return results.map((result) => (counts.get(result.name)! > 1 ? { ...result, name: named(result.name) } : result));
  });
}
