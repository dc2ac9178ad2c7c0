import type { RunResult } from '../analysis/result.js';
import { ScenarioRun } from '../cluster/run.js';
import { CheckpointTypes, restoreCheckpoint, saveCheckpoint } from '../kernel/checkpoint.js';
import { renderComparison } from '../report/terminal.js';
import { checkOutput } from '../export/output-directory.js';
import { loadScenario } from '../scenario/index.js';
import type { Scenario, StrategySpec } from '../scenario/types.js';
import { finish, outputDirectory } from './finish.js';
import { loadOptions, type RunFlags } from './program.js';
import { Progress } from './progress.js';
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
  checkOutput(outputDirectory(scenario, flags));
  const progress = new Progress(terminal, flags, variants.length || strategies.length);
  try {
    const results =
      variants.length > 0 ? await runVariants(variants, flags, progress) : await runStrategies(scenario, strategies, flags, progress);
    progress.stop();
    finish(scenario, results, flags, terminal, (options) => `${renderComparison(results, options)}${traceHashes(results)}`);
    return results.some((result) => result.summary.met) ? EXIT_OK : EXIT_FAILED;
  } finally {
    progress.stop();
  }
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
    results.push(await simulate(run, progress));
    progress.end();
  }
  return results;
}

/** Each variant is a cluster of its own and has its own warm start; random streams go by name, so that all draw the same. */
async function runVariants(variants: readonly Scenario[], flags: RunFlags, progress: Progress): Promise<RunResult[]> {
  const results: RunResult[] = [];
  for (const scenario of variants) {
    progress.begin(scenario.variant!);
    const run = new ScenarioRun(scenario, runOptions(flags));
    const strategy = scenario.rollout?.strategies[0];
    if (strategy !== undefined) run.rollOut(strategy);
    results.push(await simulate(run, progress));
    progress.end();
  }
  return results;
}
