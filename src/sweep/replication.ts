import type { RunSummary } from '../analysis/result.js';
import { ScenarioRun, type ScenarioRunOptions } from '../cluster/run.js';
import { CheckpointTypes, restoreCheckpoint, saveCheckpoint } from '../kernel/checkpoint.js';
import { TABLES } from '../metrics/tables.js';
import { loadScenario } from '../scenario/index.js';
import type { LoadOptions } from '../scenario/index.js';
import type { Scenario } from '../scenario/types.js';

/** What is to be replicated: the scenario as the user named it, and options that change no figure. Plain data, for worker threads. */
export interface ReplicationPlan {
  /** Scenario file. */
  readonly file: string;
  /** How the file is read, without the seed. */
  readonly load: Omit<LoadOptions, 'seed'>;
  readonly options: ScenarioRunOptions;
}

/** One replication: the plan with another seed. */
export interface ReplicationTask extends ReplicationPlan {
  /** 0-based. */
  readonly index: number;
  readonly seed: string;
}

/** What one replication gave: the summary of each strategy or variant, in the scenario's order. */
export interface Replication {
  readonly index: number;
  readonly seed: string;
  readonly runs: readonly { readonly name: string; readonly summary: RunSummary }[];
}

/**
 * Seed of the i-th replication (0-based): the scenario's own first, so that the first replication is the run that `compare` shows
 * without `--replications`.
 */
export function replicationSeed(seed: string, index: number): string {
  return index === 0 ? seed : `${seed}/${index + 1}`;
}

/** Runs every strategy, or every variant, of a scenario with one seed: common random numbers within the replication. */
export function replicate(task: ReplicationTask): Replication {
  const scenario = loadScenario(task.file, { ...task.load, seed: task.seed });
  const { variants = [] } = scenario;
  const runs = variants.length > 0 ? variants.map((variant) => single(unrecorded(variant), task.options)) : strategies(unrecorded(scenario), task.options);
  return { index: task.index, seed: task.seed, runs };
}

/** The tables of a replication are not wanted: nothing is recorded, which changes no figure of its summary. */
function unrecorded(scenario: Scenario): Scenario {
  return { ...scenario, record: { ...scenario.record, without: TABLES.map(({ name }) => name), eventTrace: false } };
}

function single(scenario: Scenario, options: ScenarioRunOptions): { name: string; summary: RunSummary } {
  const run = new ScenarioRun(scenario, options);
  const strategy = scenario.rollout?.strategies[0];
  if (strategy !== undefined) run.rollOut(strategy);
  return finished(run);
}

/** All strategies go on from one warm start: the first itself, the others from a copy. */
function strategies(scenario: Scenario, options: ScenarioRunOptions): { name: string; summary: RunSummary }[] {
  const warm = new ScenarioRun(scenario, options);
  warm.warmUp();
  const types = new CheckpointTypes();
  const list = scenario.rollout?.strategies ?? [];
  const checkpoint = list.length > 1 ? saveCheckpoint(warm, types) : undefined;
  return list.map((strategy, i) => {
    const run = i === 0 ? warm : restoreCheckpoint<ScenarioRun>(checkpoint!, types);
    run.rollOut(strategy);
    return finished(run);
  });
}

function finished(run: ScenarioRun): { name: string; summary: RunSummary } {
  while (run.advance());
  const { name, summary } = run.result();
  return { name, summary };
}
