import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RunResult } from '../analysis/result.js';
import type { Study } from '../analysis/study.js';
import { type SummaryHeader, summaryDocument, toJson } from '../export/summary.js';
import { type ExtraFile, fileName, tableFiles, writeSteps } from '../export/files.js';
import type { OutputDirectory } from '../export/output-directory.js';
import type { Table } from '../metrics/recorder.js';
import { renderReport } from '../report/html.js';
import type { TerminalOptions } from '../report/pen.js';
import type { Scenario } from '../scenario/types.js';
import { VERSION } from '../version.js';
import { checkInterrupt } from './interrupt.js';
import type { RunFlags } from './program.js';
import { inputFiles, type RecordedRun, type RunSource } from './rerun.js';
import type { Terminal } from './terminal.js';

/** Writes the results of a command and prints its answer: the table, or `summary.json` with `--json`. */
export async function finish(
  scenario: Scenario,
  results: readonly RunResult[],
  flags: RunFlags,
  terminal: Terminal,
  table: (options: TerminalOptions) => string,
  source: RunSource,
  replications?: { readonly study: Study; readonly table: Table },
  begun?: OutputDirectory,
): Promise<void> {
  const study = replications?.study;
  const header: SummaryHeader = { toolVersion: VERSION, scenarioHash: scenarioHash(scenario), ...(study === undefined ? {} : { study }) };
  const directory = outputDirectory(scenario, flags);
  const report = renderReport(results, { ...header, title: scenario.question === '' ? scenario.name : scenario.question }, study);
  const extra: ExtraFile[] = [{ name: 'report.html', content: report }, ...inputFiles(scenario, source), ...(replications === undefined ? [] : tableFiles(replications.table))];
  const formats = { csv: true, parquet: true, openMetrics: true, trace: true };
  for (const _ of writeSteps(directory, results, header, formats, extra, begun)) {
    await nextTurn();
    checkInterrupt();
  }
  if (flags.json === true) terminal.stdout.write(toJson(summaryDocument(results, header)));
  else {
    const { stdout } = terminal;
    const capable = stdout.isTTY === true;
    stdout.write(table({ unicode: capable, color: capable && process.env['NO_COLOR'] === undefined }));
  }
  if (flags.quiet !== true) terminal.stderr.write(`Results: ${directory} (open report.html in a browser)\n`);
}

/** How a command ran a scenario, for the record that goes with its results. */
export function runSource(file: string, scenario: Scenario, flags: RunFlags, runs: readonly RecordedRun[]): RunSource {
  return {
    file,
    seed: scenario.seed,
    ...(flags.allowMissingPlugins === true ? { allowMissingPlugins: true } : {}),
    ...(flags.shuffleTies === undefined ? {} : { shuffleTies: flags.shuffleTies }),
    runs,
  };
}

/** Where the results of a scenario go. */
export function outputDirectory(scenario: Scenario, flags: RunFlags): string {
  return flags.out ?? join('reports', fileName(scenario.name));
}

/** Where in which file things stand, and what is to know about it, is not what the scenario says. */
const HIDDEN: ReadonlySet<string> = new Set(['position', 'findings', 'sourceFiles']);

/** Hash of a scenario with all that it names, apart from where in which file it stands. */
export function scenarioHash(scenario: Scenario): string {
  const text = JSON.stringify(scenario, (key, value: unknown) => (HIDDEN.has(key) ? undefined : value));
  return createHash('sha256').update(text).digest('hex');
}
