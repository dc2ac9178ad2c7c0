import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { RunResult, RunSummary } from '../analysis/result.js';
import { toOutputError } from '../export/output-directory.js';
import type { Table, TableSpec } from '../metrics/recorder.js';

/** A run with its tables as plain data. */
interface StoredRun {
  readonly name: string;
  readonly summary: RunSummary;
  readonly files?: NonNullable<RunResult['files']>;
  readonly tables: readonly { readonly spec: TableSpec; readonly length: number; readonly columns: readonly (Float64Array | readonly string[])[] }[];
}

/**
 * Finished runs of a comparison that has not ended: a hidden file beside its output directory. A command that was interrupted goes on
 * from it; one that ended removes it. Throws OutputError when it cannot be written.
 */
export class FinishedRuns {
  readonly path: string;
  private readonly key: string;

  /** `key` says what is compared (scenario, version, options): runs of anything else are not read. */
  constructor(output: string, key: string) {
    const path = resolve(output);
    this.path = join(dirname(path), `.${basename(path)}.runs`);
    this.key = `${process.version} ${key}`;
  }

  /** What an earlier, interrupted command finished, by name. */
  read(): Map<string, RunResult> {
    if (!existsSync(this.path)) return new Map();
    const stored = parse(readFileSync(this.path));
    if (stored?.key !== this.key) return new Map();
    return new Map(stored.runs.map(({ name, summary, files, tables }) => [name, { name, summary, ...(files === undefined ? {} : { files }), tables: tables.map((table) => new StoredTable(table)) }]));
  }

  /** Keeps runs, instead of those before. */
  keep(results: readonly RunResult[]): void {
    const runs = results.map(({ name, summary, files, tables }): StoredRun => {
      const stored = tables.map((table) => {
        const { spec, length } = table;
        return { spec, length, columns: spec.columns.map((column) => table.column(column.name)) };
      });
      return { name, summary, ...(files === undefined ? {} : { files }), tables: stored };
    });
    this.guard(() => {
      mkdirSync(dirname(this.path), { recursive: true });
      writeFileSync(this.path, serialize({ key: this.key, runs }));
    });
  }

  /** Removes the file: the command has ended. */
  remove(): void {
    this.guard(() => rmSync(this.path, { force: true }));
  }

  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      throw toOutputError(error, this.path);
    }
  }
}

/** Undefined when it is the torn file of a killed command. */
function parse(bytes: Buffer): { readonly key: string; readonly runs: readonly StoredRun[] } | undefined {
  try {
    return deserialize(bytes) as { readonly key: string; readonly runs: readonly StoredRun[] };
  } catch {
    return undefined;
  }
}

class StoredTable implements Table {
  readonly spec: TableSpec;
  readonly length: number;
  private readonly columns: readonly (Float64Array | readonly string[])[];

  constructor({ spec, length, columns }: StoredRun['tables'][number]) {
    this.spec = spec;
    this.length = length;
    this.columns = columns;
  }

  column(name: string): Float64Array | readonly string[] {
    const column = this.columns[this.spec.columns.findIndex((each) => each.name === name)];
    if (column === undefined) throw new Error(`table ${this.spec.name} has no column ${name}`);
    return column;
  }
}
