import { nearestName } from '../api/nearest.js';
import { ScenarioRun, type ScenarioRunOptions } from '../cluster/run.js';
import { Lockstep } from '../kernel/lockstep.js';
import type { Tracer } from '../kernel/tracer.js';
import type { Scenario, StrategySpec } from '../scenario/types.js';
import type { Progress } from './progress.js';
import { EXIT_FAILED, EXIT_OK, type Terminal, UsageError } from './terminal.js';

/** Events that `--explain` can look back over: two million, 64 MiB. */
export const EXPLAIN_EVENTS = 1 << 21;
/** Lines of an explanation before it says how to go on. */
const EXPLAIN_LINES = 40;
const SECOND = 1e9;

/** Prints the way back from an effect to its causes; a name nobody knows is answered with the nearest one. */
export function printExplanation(tracer: Tracer, what: string, terminal: Terminal): void {
  const lines = tracer.explain(what);
  if (lines !== undefined) {
    for (const line of lines.slice(0, EXPLAIN_LINES)) terminal.stdout.write(`${line}\n`);
    if (lines.length > EXPLAIN_LINES) {
      const next = /#(\d+)/.exec(lines[EXPLAIN_LINES]!);
      const onward = next === null ? '' : `; --explain ${next[1]} goes on from there`;
      terminal.stdout.write(`  (${lines.length - EXPLAIN_LINES} more${onward})\n`);
    }
    return;
  }
  const nearest = nearestName(what, tracer.subjects);
  const hint = nearest === undefined ? 'a pod is named namespace/name, an event by its number' : `did you mean "${nearest}"?`;
  throw new UsageError(`--explain: nothing is known of "${what}"; ${hint}`);
}

/** Runs a scenario twice side by side; prints the first difference, or that there is none. */
export function checkDeterminism(
  scenario: Scenario,
  strategy: StrategySpec | undefined,
  options: ScenarioRunOptions,
  progress: Progress,
  terminal: Terminal,
): number {
  const runs: ScenarioRun[] = [];
  const lockstep = new Lockstep((draws) => {
    const run = new ScenarioRun(scenario, { ...options, draws });
    if (strategy !== undefined) run.rollOut(strategy);
    runs.push(run);
    return run.cluster.simulation;
  });
  const [first] = runs;
  for (let until = SECOND; !first!.done; until += SECOND) {
    const difference = lockstep.run(until);
    progress.update(first!.share);
    if (difference === undefined) continue;
    progress.stop();
    terminal.stdout.write(`The two runs differ at event #${difference.sequence} (${difference.kind}):\n`);
    terminal.stdout.write(`  first:  ${difference.first}\n  second: ${difference.second}\n`);
    for (const line of difference.firstCauses) terminal.stdout.write(`  first because  ${line}\n`);
    for (const line of difference.secondCauses) terminal.stdout.write(`  second because ${line}\n`);
    return EXIT_FAILED;
  }
  progress.stop();
  const { events, traceHash } = lockstep.simulation;
  terminal.stdout.write(`Both runs did the same: ${events} events, trace hash ${traceHash}\n`);
  return EXIT_OK;
}
