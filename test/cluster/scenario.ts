import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunResult } from '../../src/analysis/result.js';
import { ScenarioRun, type ScenarioRunOptions } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';

/** Project root, seen from the compiled tests. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** The main scenario, cut to a length that suits tests. */
export function mainScenario(seconds = 120): Scenario {
  const scenario = loadScenario(join(root, 'scenarios', 'strategies.yaml'), {});
  return { ...scenario, duration: seconds * 1e9 };
}

/** Runs a scenario with one of its strategies, by name. */
export function run(scenario: Scenario, strategy: string, options: ScenarioRunOptions = {}): RunResult {
  const spec = scenario.rollout?.strategies.find((candidate) => candidate.name === strategy);
  if (spec === undefined) throw new Error(`the scenario has no strategy ${strategy}`);
  const scenarioRun = new ScenarioRun(scenario, options);
  scenarioRun.rollOut(spec);
  return finish(scenarioRun);
}

/** Advances a run to its end. */
export function finish(scenarioRun: ScenarioRun): RunResult {
  while (scenarioRun.advance());
  return scenarioRun.result();
}
