import type { RunResult } from '../analysis/result.js';
import { renderComparison } from '../report/terminal.js';
import { loadScenario } from '../scenario/index.js';
import { finish } from './finish.js';
import type { RunFlags } from './program.js';
import { Progress } from './progress.js';
import { simulate } from './simulate.js';
import { EXIT_FAILED, EXIT_OK, type Terminal, UsageError } from './terminal.js';

/** `towtank compare SCENARIO`: the same rollout with each strategy; exit 0 when at least one meets the objectives. */
export async function compare(file: string, flags: RunFlags, terminal: Terminal): Promise<number> {
  const scenario = loadScenario(file, flags.seed === undefined ? {} : { seed: flags.seed });
  const strategies = scenario.rollout?.strategies ?? [];
  if (strategies.length === 0) {
    throw new UsageError(`${file}: nothing to compare: the scenario has no "rollout" with "strategies"`);
  }
  const progress = new Progress(terminal, flags, strategies.length);
  try {
    const results: RunResult[] = [];
    for (const strategy of strategies) {
      progress.begin(strategy.name);
      results.push(await simulate(scenario, flags, progress, { strategy }));
      progress.end();
    }
    progress.stop();
    finish(scenario, results, flags, terminal, (options) => renderComparison(results, options));
    return results.some((result) => result.summary.met) ? EXIT_OK : EXIT_FAILED;
  } finally {
    progress.stop();
  }
}
