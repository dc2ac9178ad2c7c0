import type { RunResult } from '../analysis/result.js';
import { ScenarioRun } from '../cluster/run.js';
import { CheckpointTypes, restoreCheckpoint, saveCheckpoint } from '../kernel/checkpoint.js';
import { renderComparison, renderStudy } from '../report/terminal.js';
import { checkOutput } from '../export/output-directory.js';
import { loadScenario } from '../scenario/index.js';
import type { Scenario, StrategySpec } from '../scenario/types.js';
import { type EventTraceFiles, eventTraceFiles } from './event-trace.js';
import { finish, outputDirectory, runSource } from './finish.js';
import { interruptible } from './interrupt.js';
import { loadOptions, type RunFlags } from './program.js';
import { Progress } from './progress.js';
import type { RecordedRun, RunSource } from './rerun.js';
import { replicateRuns, replicationCount } from './replicate.js';
import { runOptions, simulate, warmUp } from './simulate.js';
import { EXIT_FAILED, EXIT_OK, type Terminal, UsageError } from './terminal.js';

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
  const simulateAll = (shown: Progress): Promise<RunResult[]> =>
    variants.length > 0 ? runVariants(variants, flags, shown, trace) : runStrategies(scenario, strategies, flags, shown, trace);
  try {
    if (count > 1) return await compareReplicated(file, scenario, flags, terminal, progress, simulateAll, trace);
    const results = await simulateAll(progress);
    progress.stop();
    await finish(scenario, results, flags, terminal, (options) => `${renderComparison(results, options)}${traceHashes(results)}`, comparisonSource(file, scenario, flags), undefined, trace?.directory);
    return results.some((result) => result.summary.met) ? EXIT_OK : EXIT_FAILED;
  } finally {
    progress.stop();
    trace?.directory.discard();
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

async function runStrategies(
  scenario: Scenario,
  strategies: readonly StrategySpec[],
  flags: RunFlags,
  progress: Progress,
  trace?: EventTraceFiles,
): Promise<RunResult[]> {
  const results: RunResult[] = [];
  progress.begin('warm start');
  const warm = new ScenarioRun(scenario, runOptions(flags));
  await warmUp(warm, progress);
  // All strategies start from the same instant: the warm start is simulated once and copied.
  const types = new CheckpointTypes();
  const checkpoint = saveCheckpoint(warm, types);
  for (const strategy of strategies) {
    progress.begin(strategy.name);
    const run = restoreCheckpoint<ScenarioRun>(checkpoint, types);
    run.rollOut(strategy);
    results.push(await simulate(run, progress, trace));
    progress.end();
  }
  return results;
}

/** Each variant is a cluster of its own and has its own warm start; random streams go by name, so that all draw the same. */
async function runVariants(variants: readonly Scenario[], flags: RunFlags, progress: Progress, trace?: EventTraceFiles): Promise<RunResult[]> {
  const results: RunResult[] = [];
  for (const scenario of variants) {
    progress.begin(scenario.variant!);
    const run = new ScenarioRun(scenario, runOptions(flags));
    const strategy = scenario.rollout?.strategies[0];
    if (strategy !== undefined) run.rollOut(strategy);
    results.push(await simulate(run, progress, trace));
    progress.end();
  }
  return results;
}
