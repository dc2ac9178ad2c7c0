import type { ScenarioRun } from '../cluster/run.js';
import { filePrefix } from '../export/files.js';
import { OutputDirectory } from '../export/output-directory.js';
import { ParquetSink } from '../export/parquet-sink.js';
import { EventTrace } from '../metrics/column-sink.js';
import type { Scenario } from '../scenario/types.js';

/** Every event of some runs, written to their output directory while they go on: no more than a chunk of it is in memory. */
export class EventTraceFiles {
  readonly directory: OutputDirectory;
  private readonly runs: number;
  private current: { readonly trace: EventTrace; readonly sink: ParquetSink } | null = null;

  /** @param runs how many runs the directory is to hold */
  constructor(path: string, runs: number) {
    this.directory = new OutputDirectory(path);
    this.runs = runs;
  }

  /** Follows a run that stands at time 0. */
  attach(run: ScenarioRun): void {
    const { simulation } = run.cluster;
    const sink = new ParquetSink(this.directory, filePrefix(run.label, this.runs));
    const trace = new EventTrace(sink, (target) => simulation.component(target).name, run.origin);
    simulation.trace = trace;
    this.current = { trace, sink };
  }

  /** The run is over. */
  end(run: ScenarioRun): void {
    run.cluster.simulation.trace = null;
    this.current?.trace.end();
    this.current?.sink.finish();
    this.current = null;
  }
}

/** What follows the events of the runs of a scenario; undefined when the scenario does not ask for it. */
export function eventTraceFiles(scenario: Scenario, path: string, runs = 1): EventTraceFiles | undefined {
  return scenario.record?.eventTrace === true ? new EventTraceFiles(path, runs) : undefined;
}
