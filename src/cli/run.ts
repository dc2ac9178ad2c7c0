import { ScenarioRun } from '../cluster/run.js';
import { Tracer } from '../kernel/tracer.js';
import { renderRun } from '../report/terminal.js';
import { checkOutput } from '../export/output-directory.js';
import { loadScenario } from '../scenario/index.js';
import type { Scenario, StrategySpec } from '../scenario/types.js';
import { nearestName } from '../api/nearest.js';
import { type EventTraceFiles, eventTraceFiles } from './event-trace.js';
import { checkDeterminism, EXPLAIN_EVENTS, printExplanation } from './explain.js';
import { finish, outputDirectory, runSource } from './finish.js';
import { interruptible } from './interrupt.js';
import { loadOptions, type RunFlags } from './program.js';
import { Progress } from './progress.js';
import type { RecordedRun } from './rerun.js';
import { runSchedulerPerf } from './scheduler-perf.js';
import { runOptions, simulate } from './simulate.js';
import { EXIT_FAILED, EXIT_OK, type Terminal, UsageError } from './terminal.js';

/** `towtank run SCENARIO`: one simulation, judged by the scenario's objectives. */
export async function runOne(file: string, flags: RunFlags, terminal: Terminal): Promise<number> {
  const { variants, ...base } = loadScenario(file, loadOptions(flags));
  const scenario = flags.variant === undefined ? base : chooseVariant(variants ?? [], flags.variant, file);
  if (scenario.schedulerPerf !== undefined) return runSchedulerPerf(scenario, flags, terminal);
  const strategy = chooseStrategy(scenario.rollout?.strategies ?? [], flags.strategy, file);
  return interruptible(() => runScenario(file, scenario, strategy, flags, terminal));
}

async function runScenario(
  file: string,
  scenario: Scenario,
  strategy: StrategySpec | undefined,
  flags: RunFlags,
  terminal: Terminal,
): Promise<number> {
  checkOutput(outputDirectory(scenario, flags));
  const progress = new Progress(terminal, flags, 1);
  let trace: EventTraceFiles | undefined;
  try {
    progress.begin(scenario.variant ?? strategy?.name ?? scenario.name);
    if (flags.checkDeterminism === true) return checkDeterminism(scenario, strategy, runOptions(flags), progress, terminal);
    const run = new ScenarioRun(scenario, runOptions(flags));
    const { simulation } = run.cluster;
    const tracer = flags.explain === undefined ? undefined : new Tracer(simulation, EXPLAIN_EVENTS);
    if (tracer !== undefined) simulation.trace = tracer;
    if (strategy !== undefined) run.rollOut(strategy);
    trace = tracer === undefined ? eventTraceFiles(scenario, outputDirectory(scenario, flags)) : undefined;
    const result = await simulate(run, progress, trace);
    progress.stop();
    if (tracer !== undefined) {
      printExplanation(tracer, flags.explain!, terminal);
      return EXIT_OK;
    }
    const own: RecordedRun = {
      name: result.name,
      ...(flags.variant === undefined ? {} : { variant: flags.variant }),
      ...(strategy === undefined ? {} : { strategy: strategy.name }),
    };
    await finish(scenario, [result], flags, terminal, (options) => renderRun(result, options), runSource(file, scenario, flags, [own]), undefined, trace?.directory);
    return result.summary.met ? EXIT_OK : EXIT_FAILED;
  } finally {
    progress.stop();
    trace?.directory.discard();
  }
}

function chooseVariant(variants: readonly Scenario[], wanted: string, file: string): Scenario {
  const found = variants.find((each) => each.variant === wanted);
  if (found !== undefined) return found;
  if (variants.length === 0) throw new UsageError(`${file}: the scenario has no variants, so there is no variant "${wanted}"`);
  throw new UsageError(`${file}: there is no variant "${wanted}"${choices(wanted, variants.map((each) => each.variant!))}`);
}

/** What else a name could have been. */
function choices(wanted: string, names: readonly string[]): string {
  const nearest = nearestName(wanted, names);
  return `${nearest === undefined ? '' : `; did you mean "${nearest}"?`} (the scenario has: ${names.join(', ')})`;
}

function chooseStrategy(strategies: readonly StrategySpec[], wanted: string | undefined, file: string): StrategySpec | undefined {
  if (wanted === undefined) return strategies[0];
  const found = strategies.find((strategy) => strategy.name === wanted);
  if (found !== undefined) return found;
  const names = strategies.map((strategy) => strategy.name);
  if (names.length === 0) throw new UsageError(`${file}: the scenario has no rollout, so there is no strategy "${wanted}"`);
  throw new UsageError(`${file}: there is no strategy "${wanted}"${choices(wanted, names)}`);
}
