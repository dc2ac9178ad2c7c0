import type { RunResult } from '../analysis/result.js';
import { ScenarioRun } from '../cluster/run.js';
import { type Checkpoint, CheckpointTypes, restoreCheckpoint, saveCheckpoint } from '../kernel/checkpoint.js';
import { renderComparison, renderStudy } from '../report/terminal.js';
import { checkOutput } from '../export/output-directory.js';
import { loadScenario } from '../scenario/index.js';
import type { Scenario, StrategySpec } from '../scenario/types.js';
import { type EventTraceFiles, eventTraceFiles } from './event-trace.js';
import { finish, outputDirectory, runSource, scenarioHash } from './finish.js';
import { interruptible } from './interrupt.js';
import { loadOptions, type RunFlags } from './program.js';
import { Progress } from './progress.js';
import type { RecordedRun, RunSource } from './rerun.js';
import { replicateRuns, replicationCount } from './replicate.js';
import { runOptions, simulate, warmUp } from './simulate.js';
import { FinishedRuns } from '../sweep/finished-runs.js';
import { VERSION } from '../version.js';
import { EXIT_FAILED, EXIT_OK, Interrupted, type Terminal, UsageError } from './terminal.js';

/**
 * `towtank compare SCENARIO`: the same rollout with each strategy, or the scenario with each of its variants; exit 0 when at
 * least one meets the objectives.
 */
export async function compare(file: string, flags: RunFlags, terminal: Terminal): Promise<number> {
  const scenario = loadScenario(file, loadOptions(flags));
  const { variants = [] } = scenario;
  const strategies = scenario.rollout?.strategies ?? [];
  if (scenario.schedulerPerf !== undefined) {
    throw new UsageError(`${file}: workloads of schedulerPerf are run, not compared: towtank run ${file} [--variant NAME]`);
  }
  if (variants.length === 0 && strategies.length === 0) {
    throw new UsageError(`${file}: nothing to compare: the scenario has neither "variants" nor a "rollout" with "strategies"`);
  }
  return interruptible(() => compareRuns(file, scenario, flags, terminal));
}

async function compareRuns(file: string, scenario: Scenario, flags: RunFlags, terminal: Terminal): Promise<number> {
  const { variants = [] } = scenario;
  const strategies = scenario.rollout?.strategies ?? [];
  checkOutput(outputDirectory(scenario, flags));
  const count = replicationCount(flags);
  const progress = new Progress(terminal, flags, count > 1 ? count : variants.length || strategies.length);
  const trace = eventTraceFiles(scenario, outputDirectory(scenario, flags), variants.length || strategies.length);
  const simulateAll = (shown: Progress, finished?: RunResult[]): Promise<RunResult[]> =>
    variants.length > 0 ? runVariants(variants, flags, shown, trace, finished) : runStrategies(scenario, strategies, flags, shown, trace, finished);
  try {
    if (count > 1) return await compareReplicated(file, scenario, flags, terminal, progress, simulateAll, trace);
    const kept = new FinishedRuns(outputDirectory(scenario, flags), JSON.stringify([VERSION, scenarioHash(scenario), loadOptions(flags), runOptions(flags)]));
    const show = async (results: RunResult[]): Promise<void> => {
      progress.stop();
      await finish(scenario, results, flags, terminal, (options) => `${renderComparison(results, { ...options, measures: flags.measures === true })}${traceHashes(results)}`, comparisonSource(file, scenario, flags), undefined, trace?.directory);
    };
    // The trace of every event is written while a run goes on: runs with one are made anew.
    const results = trace === undefined ? await goOn(kept, variants.length > 0 ? 'variants' : 'strategies', variants.length || strategies.length, (finished) => simulateAll(progress, finished), show) : await simulateAll(progress);
    if (trace !== undefined) await show(results);
    return results.some((result) => result.summary.met) ? EXIT_OK : EXIT_FAILED;
  } finally {
    progress.stop();
    trace?.directory.discard();
  }
}

/** Simulates and shows what an interrupted command of the same kind has not finished; when this one is interrupted, what is finished is kept. */
async function goOn(
  kept: FinishedRuns,
  what: string,
  count: number,
  simulateAll: (finished: RunResult[]) => Promise<RunResult[]>,
  show: (results: RunResult[]) => Promise<void>,
): Promise<RunResult[]> {
  const finished = [...kept.read().values()];
  try {
    const results = await simulateAll(finished);
    await show(results);
    kept.remove();
    return results;
  } catch (error) {
    if (!(error instanceof Interrupted) || finished.length === 0) throw error;
    kept.keep(finished);
    throw new Interrupted(`interrupted; ${finished.length} of ${count} ${what} are kept: the same command goes on from there`);
  }
}

/** The comparison over several seeds: exit 0 when at least one run met the objectives with every seed. */
async function compareReplicated(
  file: string,
  scenario: Scenario,
  flags: RunFlags,
  terminal: Terminal,
  progress: Progress,
  first: (shown: Progress) => Promise<RunResult[]>,
  trace?: EventTraceFiles,
): Promise<number> {
  const { seed: _, ...load } = loadOptions(flags);
  const plan = { file, load, options: runOptions(flags) };
  const hidden = new Progress(terminal, { quiet: true }, 1);
  progress.begin('replications');
  const { results, study, table, done } = await replicateRuns(scenario, plan, flags, progress, () => first(hidden));
  progress.stop();
  await finish(scenario, results, flags, terminal, (options) => renderStudy(study, { ...options, question: scenario.question }), comparisonSource(file, scenario, flags), { study, table }, trace?.directory);
  done();
  const counts = Object.values(study.met);
  return counts.length === 0 || counts.includes(study.seeds) ? EXIT_OK : EXIT_FAILED;
}

/** How the runs of a comparison came about. */
function comparisonSource(file: string, scenario: Scenario, flags: RunFlags): RunSource {
  const { variants = [] } = scenario;
  const strategies = scenario.rollout?.strategies ?? [];
  if (variants.length === 0) {
    const runs = strategies.map(({ name }): RecordedRun => ({ name, strategy: name }));
    return { ...runSource(file, scenario, flags, runs), commonWarmStart: true };
  }
  const runs = variants.map(({ variant, rollout }): RecordedRun => {
    const strategy = rollout?.strategies[0]?.name;
    return { name: variant!, variant: variant!, ...(strategy === undefined ? {} : { strategy }) };
  });
  return runSource(file, scenario, flags, runs);
}

/** One line: equal hashes mean equal runs, event for event. */
function traceHashes(results: readonly RunResult[]): string {
  return `trace hashes: ${results.map(({ name, summary }) => `${name} ${summary.traceHash}`).join(', ')}\n`;
}

/** `finished`: runs that there are already; those that follow join them. */
async function runStrategies(
  scenario: Scenario,
  strategies: readonly StrategySpec[],
  flags: RunFlags,
  progress: Progress,
  trace?: EventTraceFiles,
  finished: RunResult[] = [],
): Promise<RunResult[]> {
  // All strategies start from the same instant: the warm start is simulated once; the first goes on from it, the others from a copy.
  const types = new CheckpointTypes();
  let checkpoint: Checkpoint | undefined;
  let left = strategies.filter((strategy) => !finished.some(({ name }) => name === strategy.name)).length;
  for (const strategy of strategies) {
    if (finished.some(({ name }) => name === strategy.name)) {
      progress.end();
      continue;
    }
    let run: ScenarioRun;
    if (checkpoint === undefined) {
      progress.begin('warm start');
      run = new ScenarioRun(scenario, runOptions(flags));
      await warmUp(run, progress);
      if (left > 1) checkpoint = saveCheckpoint(run, types);
    } else run = restoreCheckpoint<ScenarioRun>(checkpoint, types);
    left--;
    progress.begin(strategy.name);
    run.rollOut(strategy);
    finished.push(await simulate(run, progress, trace));
    progress.end();
  }
  return strategies.map((strategy) => finished.find(({ name }) => name === strategy.name)!);
}

/** Each variant is a cluster of its own and has its own warm start; random streams go by name, so that all draw the same. */
async function runVariants(variants: readonly Scenario[], flags: RunFlags, progress: Progress, trace?: EventTraceFiles, finished: RunResult[] = []): Promise<RunResult[]> {
  for (const scenario of variants) {
    const name = scenario.variant!;
    if (finished.some((result) => result.name === name)) {
      progress.end();
      continue;
    }
    progress.begin(name);
    const run = new ScenarioRun(scenario, runOptions(flags));
    const strategy = scenario.rollout?.strategies[0];
    if (strategy !== undefined) run.rollOut(strategy);
    finished.push(await simulate(run, progress, trace));
    progress.end();
  }
  return variants.map(({ variant }) => finished.find(({ name }) => name === variant)!);
}
