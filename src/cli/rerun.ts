import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { ScenarioRun, type ScenarioRunOptions } from '../cluster/run.js';
import type { ExtraFile } from '../export/files.js';
import { toJson } from '../export/summary.js';
import { nearestName } from '../api/nearest.js';
import { loadScenario } from '../scenario/index.js';
import type { Scenario } from '../scenario/types.js';
import { scenarioHash } from './finish.js';
import { UsageError } from './terminal.js';

/** Folder of an output with copies of all files that its scenario was read from. */
export const INPUTS = 'inputs';
const RECORD = `${INPUTS}/run.json`;

/** One of the runs of an output: which variant, which strategy. */
export interface RecordedRun {
  readonly name: string;
  readonly variant?: string;
  readonly strategy?: string;
}

/** What it takes to make an output's runs again: kept with the copies of their files. */
export interface RunRecord {
  /** The scenario file among the copies. */
  readonly scenario: string;
  readonly seed: string;
  readonly allowMissingPlugins?: boolean;
  readonly shuffleTies?: number;
  /** The strategies were tried from copies of one warm start. */
  readonly commonWarmStart?: boolean;
  readonly runs: readonly RecordedRun[];
}

/** How a command ran its scenario. */
export interface RunSource extends Omit<RunRecord, 'scenario'> {
  /** The scenario file as it was named. */
  readonly file: string;
}

/** Copies of the files of a scenario, in their places to one another, and the record of its runs. */
export function inputFiles(scenario: Scenario, { file, ...record }: RunSource): ExtraFile[] {
  const folder = resolve(dirname(file));
  const paths = (scenario.sourceFiles ?? []).map((path) => resolve(folder, path));
  const common = commonFolder(paths);
  const inside = (path: string) => relative(common, path).replaceAll('\\', '/');
  return [
    ...paths.map((path): ExtraFile => ({ name: `${INPUTS}/files/${inside(path)}`, content: contentOf(path) })),
    { name: RECORD, content: toJson({ scenario: `files/${inside(resolve(file))}`, ...record }) },
  ];
}

/** Read when it is written, one file after the other. */
function* contentOf(path: string): Generator<Uint8Array> {
  yield readFileSync(path);
}

function commonFolder(paths: readonly string[]): string {
  let common = dirname(paths[0]!);
  for (const path of paths) while (relative(common, path).startsWith('..')) common = dirname(common);
  return common;
}

/** An output whose runs can be made again. */
export interface Rerun {
  readonly record: RunRecord;
  readonly run: RecordedRun;
  /** A new run, not yet started. */
  start(options: ScenarioRunOptions): ScenarioRun;
}

/** Reads back what `inputFiles` kept. `name`: which of several runs. Throws UsageError, InputError. */
export function readRerun(directory: string, hash: string, name: string | undefined): Rerun {
  const file = join(directory, RECORD);
  if (!existsSync(file)) {
    throw new UsageError(`${directory}: no ${RECORD}: it is no output of towtank run or compare, or of a version that did not keep its inputs`);
  }
  const record = JSON.parse(readFileSync(file, 'utf8')) as RunRecord;
  const scenario = loadScenario(join(directory, INPUTS, record.scenario), {
    seed: record.seed,
    ...(record.allowMissingPlugins === true ? { allowMissingPlugins: true } : {}),
  });
  const run = chooseRun(record.runs, name, directory);
  const { variants = [], ...base } = scenario;
  const chosen = run.variant === undefined ? base : variants.find((each) => each.variant === run.variant);
  if (chosen === undefined) throw new UsageError(`${directory}: the scenario has no variant "${run.variant}"`);
  if (hash !== scenarioHash(record.runs.length > 1 || variants.length === 0 ? scenario : chosen) && hash !== scenarioHash(chosen)) {
    throw new UsageError(`${directory}: the copies of the inputs are not what the results were made of; run the scenario again`);
  }
  return { record, run, start: (options) => newRun(record, run, chosen, options) };
}

function newRun(record: RunRecord, run: RecordedRun, scenario: Scenario, options: ScenarioRunOptions): ScenarioRun {
  const shuffle = record.shuffleTies === undefined ? {} : { shuffleTies: record.shuffleTies };
  const made = new ScenarioRun(scenario, { ...options, ...shuffle });
  const strategy = scenario.rollout?.strategies.find((each) => each.name === run.strategy);
  if (strategy === undefined) return made;
  if (record.commonWarmStart === true) made.warmUp();
  made.rollOut(strategy);
  return made;
}

function chooseRun(runs: readonly RecordedRun[], name: string | undefined, directory: string): RecordedRun {
  const names = runs.map((each) => each.name);
  if (name === undefined) {
    if (runs.length === 1) return runs[0]!;
    throw new UsageError(`${directory} holds ${runs.length} runs; choose one with --run: ${names.join(', ')}`);
  }
  const found = runs.find((each) => each.name === name);
  if (found !== undefined) return found;
  const nearest = nearestName(name, names);
  throw new UsageError(
    `${directory} holds no run "${name}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`} (it holds: ${names.join(', ')})`,
  );
}
