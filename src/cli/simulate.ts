import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RunResult } from '../analysis/result.js';
import type { ScenarioRun, ScenarioRunOptions } from '../cluster/run.js';
import type { EventListName } from '../kernel/event-list.js';
import type { EventTraceFiles } from './event-trace.js';
import type { RunFlags } from './program.js';
import { tuneCompiler } from './heap.js';
import { checkInterrupt, interruptible } from './interrupt.js';
import type { Progress } from './progress.js';

/** Simulated seconds between two looks at the progress bar and at signals. */
const SLICE = 20;

/** Options of runs from command-line flags. */
export function runOptions(flags: RunFlags): ScenarioRunOptions {
  return {
    ...(flags.eventList === undefined ? {} : { eventList: flags.eventList as EventListName }),
    ...(flags.shuffleTies === undefined ? {} : { shuffleTies: flags.shuffleTies }),
  };
}

/** Advances a run to its end; yields to the host now and then, so that Ctrl-C ends it. `trace` follows its events from time 0 on. */
export async function simulate(run: ScenarioRun, progress: Progress, trace?: EventTraceFiles): Promise<RunResult> {
  if (trace !== undefined) {
    await warmUp(run, progress);
    trace.attach(run);
  }
  await advance(run, progress, () => run.done);
  trace?.end(run);
  progress.update(1);
  return run.result();
}

/** Advances a run through its warm start. */
export async function warmUp(run: ScenarioRun, progress: Progress): Promise<void> {
  await advance(run, progress, () => run.origin >= 0);
}

/** Advances a run second by second until a condition holds. */
export async function advance(run: ScenarioRun, progress: Progress, until: () => boolean): Promise<void> {
  tuneCompiler();
  await interruptible(async () => {
    for (let i = 1; !until(); i++) {
      run.advance();
      if (i % SLICE !== 0) continue;
      progress.update(run.share);
      await nextTurn();
      checkInterrupt();
    }
  });
}
