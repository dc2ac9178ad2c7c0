import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RunResult } from '../analysis/result.js';
import { ScenarioRun, type ScenarioRunOptions } from '../cluster/run.js';
import type { Scenario } from '../scenario/types.js';
import type { RunFlags } from './program.js';
import type { Progress } from './progress.js';
import { Interrupted } from './terminal.js';

/** Simulated seconds between two looks at the progress bar and at signals. */
const SLICE = 20;

/** Runs a scenario to its end; yields to the host now and then, so that Ctrl-C ends it. */
export async function simulate(
  scenario: Scenario,
  flags: RunFlags,
  progress: Progress,
  options: ScenarioRunOptions,
): Promise<RunResult> {
  const run = new ScenarioRun(scenario, {
    ...options,
    ...(flags.eventList === undefined ? {} : { eventList: flags.eventList as NonNullable<ScenarioRunOptions['eventList']> }),
  });
  let interrupted = false;
  const onSignal = (): void => {
    interrupted = true;
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    for (let i = 1; run.advance(); i++) {
      if (i % SLICE !== 0) continue;
      progress.update(run.share);
      await nextTurn();
      if (interrupted) throw new Interrupted('interrupted; nothing was written');
    }
    progress.update(1);
    return run.result();
  } finally {
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
  }
}
