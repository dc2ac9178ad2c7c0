import { availableParallelism } from 'node:os';
import type { RunResult } from '../analysis/result.js';
import { type Study, study } from '../analysis/study.js';
import type { Table } from '../metrics/recorder.js';
import type { Scenario } from '../scenario/types.js';
import { Journal } from '../sweep/journal.js';
import { type Replication, type ReplicationPlan, replicationSeed } from '../sweep/replication.js';
import { replicationTable } from '../sweep/replication-table.js';
import { runReplications, Stopped } from '../sweep/replications.js';
import { VERSION } from '../version.js';
import { outputDirectory, scenarioHash } from './finish.js';
import type { RunFlags } from './program.js';
import { interrupted } from './interrupt.js';
import type { Progress } from './progress.js';
import { Interrupted } from './terminal.js';

/** Replications that a precision may ask for when `--replications` sets no limit. */
const MOST_REPLICATIONS = 200;

/** What the replications of a command gave. */
export interface ReplicationOutcome {
  readonly results: readonly RunResult[];
  readonly study: Study;
  readonly table: Table;
  /** To be called when the outputs are written: what was kept for a continuation goes. */
  readonly done: () => void;
}

/** How many replications the flags ask for; 1 when they ask for none. */
export function replicationCount(flags: RunFlags): number {
  return flags.replications ?? (flags.precision === undefined ? 1 : MOST_REPLICATIONS);
}

/**
 * Runs the replications of a comparison: the first by `first` in this thread, for its tables, the others on workers. Ctrl-C ends it
 * and keeps the finished ones; the same command goes on from there.
 */
export async function replicateRuns(
  scenario: Scenario,
  plan: ReplicationPlan,
  flags: RunFlags,
  progress: Progress,
  first: () => Promise<RunResult[]>,
): Promise<ReplicationOutcome> {
  const count = replicationCount(flags);
  const key = JSON.stringify([VERSION, scenarioHash(scenario), plan.load, plan.options]);
  const journal = new Journal(outputDirectory(scenario, flags), key);
  const listener = {
    progress: (done: number) => progress.at(done),
    get stopped() {
      return interrupted();
    },
  };
  let results: RunResult[] = [];
  try {
    const own = first().then((made): Replication => {
      results = made;
      return { index: 0, seed: replicationSeed(scenario.seed, 0), runs: made.map(({ name, summary }) => ({ name, summary })) };
    });
    const workers = flags.workers ?? availableParallelism();
    const precision = flags.precision === undefined ? {} : { precision: flags.precision };
    const request = { plan, seed: scenario.seed, count, workers, ...precision };
    const replications = await runReplications(request, own, journal, listener);
    return { results, study: studyOf(replications), table: replicationTable(replications), done: () => journal.remove() };
  } catch (error) {
    if (error instanceof Stopped) {
      throw new Interrupted(`interrupted; ${error.finished} of ${count} replications are kept: the same command goes on from there`);
    }
    throw error;
  }
}

function studyOf(replications: readonly Replication[]): Study {
  const names = replications[0]!.runs.map((run) => run.name);
  const judged = replications[0]!.runs.some((run) => run.summary.verdicts.length > 0);
  const metrics = new Map(names.map((name, i) => [name, replications.map(({ runs }) => runs[i]!.summary.metrics)]));
  const met = names.map((name, i) => [name, replications.filter(({ runs }) => runs[i]!.summary.met).length]);
  return study(metrics, 0.95, judged ? Object.fromEntries(met) : {});
}
