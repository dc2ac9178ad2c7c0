import type { RunResult } from '../analysis/result.js';
import type { Table } from '../metrics/recorder.js';
import { toChromeTrace } from './chrome-trace.js';
import { tableToCsv } from './csv.js';
import { toOpenMetrics } from './openmetrics.js';
import { OutputDirectory } from './output-directory.js';
import { parquetParts } from './parquet.js';
import { type SummaryHeader, summaryDocument, toJson } from './summary.js';

/** Kinds of files besides `summary.json`. */
export interface OutputFormats {
  readonly csv: boolean;
  readonly parquet: boolean;
  /** `metrics.om`: OpenMetrics with simulated timestamps. */
  readonly openMetrics?: boolean;
  /** `trace.json`: Chrome's trace format. */
  readonly trace?: boolean;
}

/** A file made elsewhere, such as `report.html`. */
export interface ExtraFile {
  readonly name: string;
  readonly content: string | Uint8Array | Iterable<string | Uint8Array>;
}

/**
 * Writes the results of a scenario to a directory, all of it or nothing: `summary.json`, one CSV and Parquet file a table
 * (`canary.pods.csv`; without the run's name when there is one run), and what the caller adds. `begun`: the directory, when files of the
 * run are in it already. Throws OutputError.
 */
export function writeOutputs(
  path: string,
  results: readonly RunResult[],
  header: SummaryHeader,
  formats: OutputFormats,
  extra: readonly ExtraFile[] = [],
  begun?: OutputDirectory,
): void {
  for (const _ of writeSteps(path, results, header, formats, extra, begun));
}

/** As `writeOutputs`, file by file: whoever goes through the steps may stop between two, and then nothing is written. */
export function* writeSteps(
  path: string,
  results: readonly RunResult[],
  header: SummaryHeader,
  formats: OutputFormats,
  extra: readonly ExtraFile[] = [],
  begun?: OutputDirectory,
): Generator<void> {
  const directory = begun ?? new OutputDirectory(path);
  try {
    for (const file of outputFiles(results, header, formats)) {
      directory.write(file.name, file.content);
      yield;
    }
    for (const file of extra) {
      directory.write(file.name, file.content);
      yield;
    }
    directory.commit();
  } finally {
    directory.discard();
  }
}

/** The files of an output, each made when its turn comes. */
function* outputFiles(results: readonly RunResult[], header: SummaryHeader, formats: OutputFormats): Generator<ExtraFile> {
  yield { name: 'summary.json', content: toJson(summaryDocument(results, header)) };
  for (const result of results) {
    const prefix = filePrefix(result.name, results.length);
    if (formats.openMetrics === true) yield { name: `${prefix}metrics.om`, content: toOpenMetrics(result) };
    if (formats.trace === true) yield { name: `${prefix}trace.json`, content: toChromeTrace(result) };
    for (const { name, content } of result.files ?? []) yield { name: `${prefix}${name}`, content };
    for (const table of result.tables) {
      if (formats.csv) yield { name: `${prefix}${table.spec.name}.csv`, content: tableToCsv(table) };
      if (formats.parquet) yield { name: `${prefix}${table.spec.name}.parquet`, content: parquetParts(table) };
    }
  }
}

/** What stands in front of the names of a run's files, when there are several runs. */
export function filePrefix(run: string, runs: number): string {
  return runs === 1 ? '' : `${fileName(run)}.`;
}

/** A table as its files, for tables that belong to no single run. */
export function tableFiles(table: Table): ExtraFile[] {
  const { name } = table.spec;
  return [
    { name: `${name}.csv`, content: tableToCsv(table) },
    { name: `${name}.parquet`, content: parquetParts(table) },
  ];
}

/** A name as a part of a file name: letters, digits, dot, dash and underscore. */
export function fileName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '') || 'run';
}
