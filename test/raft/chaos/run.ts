import { relative } from 'node:path';
import { argv, cwd } from 'node:process';
import { fileURLToPath } from 'node:url';
import * as raft from '../../../src/raft/index.js';
import { Violation } from '../checkers/checker.js';
import { finale } from './finale.js';
import type { RaftLibrary } from './member.js';
import { ACTION_NAMES, type Action, type ChaosPlan, planOf } from './plan.js';
import { World } from './world.js';

/** How a schedule failed: the checker, or `panic` when the protocol itself threw. */
export interface Failure {
  readonly checker: string;
  readonly text: string;
}

/** Runs a schedule with its last phase; null: every promise was kept. */
export function runPlan(library: RaftLibrary, { options, actions }: ChaosPlan): Failure | null {
  try {
    const world = new World(library, options);
    world.run(actions);
    finale(world);
    return null;
  } catch (error) {
    if (error instanceof Violation) return { checker: error.checker, text: error.message };
    return { checker: 'panic', text: (error as Error).message };
  }
}

/**
 * The same failure (by the same checker) with fewer actions: takes out ever smaller pieces for as long as it still fails, within a number
 * of runs.
 */
export function shrink(library: RaftLibrary, plan: ChaosPlan, failure: Failure, runs = 600): ChaosPlan {
  let actions: readonly Action[] = plan.actions;
  let size = Math.ceil(actions.length / 2);
  let left = runs;
  while (size >= 1 && left > 0) {
    let removed = false;
    for (let start = 0; start < actions.length && left > 0; ) {
      const fewer = [...actions.slice(0, start), ...actions.slice(start + size)];
      left--;
      if (runPlan(library, { options: plan.options, actions: fewer })?.checker === failure.checker) {
        actions = fewer;
        removed = true;
      } else {
        start += size;
      }
    }
    if (!removed || size > actions.length) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return { options: plan.options, actions };
}

/** What to print about a failing seed: the command that repeats it, and the shortest schedule found. */
export function report(library: RaftLibrary, plan: ChaosPlan, failure: Failure, runs?: number): string {
  const short = shrink(library, plan, failure, runs);
  const again = runPlan(library, short) ?? failure;
  const lines = short.actions.map(({ kind, a, b }) => `  ${ACTION_NAMES[kind]} ${a} ${b}`);
  return [
    `seed ${plan.options.seed}: ${failure.text}`,
    `repeat: node ${relative(cwd(), fileURLToPath(import.meta.url))} ${plan.options.seed}`,
    `options: ${JSON.stringify(plan.options)}`,
    `shortest schedule, ${short.actions.length} of ${plan.actions.length} actions (${again.text}):`,
    ...lines,
  ].join('\n');
}

/** `node run.js SEED [COUNT]`: runs these seeds and prints what fails. */
function main(first: number, count: number): void {
  for (let seed = first; seed < first + count; seed++) {
    const plan = planOf(seed);
    const failure = runPlan(raft, plan);
    if (failure !== null) {
      console.log(report(raft, plan, failure));
      process.exitCode = 1;
      return;
    }
  }
  console.log(`seeds ${first} to ${first + count - 1}: every promise kept`);
}

if (argv[1] === fileURLToPath(import.meta.url)) main(Number(argv[2] ?? 1), Number(argv[3] ?? 1));
