import { relative } from 'node:path';
import { argv, cwd } from 'node:process';
import { fileURLToPath } from 'node:url';
import * as etcd from '../../../src/etcd/index.js';
import type { Failure } from '../../raft/chaos/run.js';
import { Violation } from '../../raft/checkers/checker.js';
import { finale } from './finale.js';
import { ACTION_NAMES, type Action, type ChaosPlan, planOf } from './plan.js';
import { type EtcdLibrary, World } from './world.js';

/** Runs a schedule with its last phase; null: every promise was kept. */
export function runPlan(library: EtcdLibrary, { options, actions }: ChaosPlan): Failure | null {
  try {
    const world = new World(library, options);
    world.run(actions);
    finale(world);
    return null;
  } catch (error) {
    for (let cause = error; cause instanceof Error; cause = cause.cause)
      if (cause instanceof Violation) return { checker: cause.checker, text: cause.message };
    return { checker: 'panic', text: (error as Error).message };
  }
}

/**
 * The same failure (by the same checker) with fewer actions: takes out ever smaller pieces for as long as it still fails, within a number
 * of runs. What is taken out leaves its wait behind.
 */
export function shrink(library: EtcdLibrary, plan: ChaosPlan, failure: Failure, runs = 300): ChaosPlan {
  let actions: readonly Action[] = plan.actions;
  let size = Math.ceil(actions.length / 2);
  let left = runs;
  while (size >= 1 && left > 0) {
    let removed = false;
    for (let start = 0; start < actions.length && left > 0; ) {
      const fewer = without(actions, start, size);
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

function without(actions: readonly Action[], start: number, size: number): Action[] {
  const gone = actions.slice(start, start + size).reduce((sum, { wait }) => sum + wait, 0);
  const [next, ...rest] = actions.slice(start + size);
  const before = actions.slice(0, start);
  return next === undefined ? before : [...before, { ...next, wait: next.wait + gone }, ...rest];
}

/** What to print about a failing seed: the command that repeats it, and the shortest schedule found. */
export function report(library: EtcdLibrary, plan: ChaosPlan, failure: Failure, runs?: number): string {
  const short = shrink(library, plan, failure, runs);
  const again = runPlan(library, short) ?? failure;
  const lines = short.actions.map(({ kind, wait, a, b }) => `  after ${wait} ms: ${ACTION_NAMES[kind]} ${a} ${b}`);
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
    const failure = runPlan(etcd, plan);
    if (failure !== null) {
      console.log(report(etcd, plan, failure));
      process.exitCode = 1;
      return;
    }
  }
  console.log(`seeds ${first} to ${first + count - 1}: every promise kept`);
}

if (argv[1] === fileURLToPath(import.meta.url)) main(Number(argv[2] ?? 1), Number(argv[3] ?? 1));
