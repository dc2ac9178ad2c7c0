import { setImmediate as nextTurn } from 'node:timers/promises';
import { type PerfResult, SchedulerPerfRun } from '../cluster/scheduler-perf/run.js';
import { checkOutput, OutputDirectory } from '../export/output-directory.js';
import type { Scenario } from '../scenario/types.js';
import { VERSION } from '../version.js';
import { outputDirectory } from './finish.js';
import type { RunFlags } from './program.js';
import { checkInterrupt, interruptible } from './interrupt.js';
import { Progress } from './progress.js';
import { runOptions } from './simulate.js';
import { EXIT_FAILED, EXIT_OK, type Terminal, UsageError } from './terminal.js';

/** Version of the layout of `summary.json`. */
const SCHEMA_VERSION = 1;
/** Simulated seconds between two looks at signals. */
const SLICE = 5;
/** Workloads that a note lists. */
const NAMED = 3;

/**
 * `towtank run` of a scenario with `schedulerPerf`: each workload on a cluster of its own, pods a second beside what the real
 * scheduler was measured to do and what CI demands. Exit 1 when a workload fails or stays below its threshold.
 */
export async function runSchedulerPerf(scenario: Scenario, flags: RunFlags, terminal: Terminal): Promise<number> {
  for (const [flag, value] of [
    ['--explain', flags.explain],
    ['--strategy', flags.strategy],
    ['--check-determinism', flags.checkDeterminism],
  ] as const) {
    if (value !== undefined) throw new UsageError(`${flag} has no meaning for the workloads of schedulerPerf`);
  }
  const directory = outputDirectory(scenario, flags);
  checkOutput(directory);
  const { workloads } = scenario.schedulerPerf!;
  const progress = new Progress(terminal, flags, workloads.length);
  const results: PerfResult[] = [];
  try {
    await interruptible(async () => {
      for (const workload of workloads) {
        progress.begin(workload.name);
        const run = new SchedulerPerfRun(scenario, workload, runOptions(flags));
        for (let second = 1; run.advance(); second++) {
          if (second % SLICE !== 0) continue;
          await nextTurn();
          checkInterrupt();
        }
        results.push(run.result());
        progress.end();
      }
    });
  } finally {
    progress.stop();
  }
  const document = { schemaVersion: SCHEMA_VERSION, toolVersion: VERSION, name: scenario.name, seed: scenario.seed, schedulerPerf: results };
  const text = `${JSON.stringify(document, null, 2)}\n`;
  const output = new OutputDirectory(directory);
  output.write('summary.json', text);
  output.write('throughput.csv', csv(results));
  output.commit();
  terminal.stdout.write(flags.json === true ? text : `${renderPerf(scenario.question, results)}\n`);
  if (flags.quiet !== true) terminal.stderr.write(`Results: ${directory}\n`);
  return results.every(passed) ? EXIT_OK : EXIT_FAILED;
}

function passed({ failure, throughput, threshold }: PerfResult): boolean {
  return failure === '' && (threshold === undefined || (throughput !== null && throughput.average > threshold));
}

/** The table of a run, without a line feed at its end. */
export function renderPerf(question: string, results: readonly PerfResult[]): string {
  const rows = [['workload', 'pods/s', 'p50', 'p99', 'overall', 'cycle p50', 'measured', 'threshold', '']];
  for (const result of results) {
    const { workload, throughput, cycleMedian, measured, threshold } = result;
    const figure = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(0));
    const verdict = result.failure !== '' ? 'failed' : threshold === undefined ? '' : passed(result) ? 'above' : 'BELOW';
    const median = cycleMedian === 0 ? '-' : `${(cycleMedian * 1e6).toFixed(0)} us`;
    const overall = result.overall === 0 ? undefined : result.overall;
    const rates = [throughput?.average, throughput?.p50, throughput?.p99, overall].map(figure);
    rows.push([workload, ...rates, median, figure(measured), figure(threshold), verdict]);
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 || column === row.length - 1 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
  const notes = new Map<string, string[]>();
  for (const { workload, notes: texts, failure } of results) {
    for (const text of failure === '' ? texts : [failure, ...texts]) notes.set(text, [...(notes.get(text) ?? []), workload]);
  }
  for (const [text, names] of notes) {
    const more = names.length > NAMED ? `, … ${names.length - NAMED} more` : '';
    lines.push(`note: ${text} (${names.slice(0, NAMED).join(', ')}${more})`);
  }
  lines.push('measured: the real scheduler alone, without API server and etcd; threshold: the least average that CI of Kubernetes demands');
  return question === '' ? lines.join('\n') : `${question}\n${lines.join('\n')}`;
}

function csv(results: readonly PerfResult[]): string {
  const lines = ['workload,average_pods_per_s,p50,p90,p95,p99,overall_pods_per_s,cycle_p50_s,measured_pods_per_s,threshold_pods_per_s,failure'];
  for (const { workload, throughput, overall, cycleMedian, measured, threshold, failure } of results) {
    const rates = throughput === null ? ['', '', '', '', ''] : [throughput.average, throughput.p50, throughput.p90, throughput.p95, throughput.p99];
    lines.push([workload, ...rates, overall, cycleMedian, measured ?? '', threshold ?? '', JSON.stringify(failure)].join(','));
  }
  return `${lines.join('\n')}\n`;
}
