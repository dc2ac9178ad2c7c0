import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { nearestName } from '../api/nearest.js';
import type { ScenarioRun } from '../cluster/run.js';
import { readOutputTable, readSummary } from '../export/read-outputs.js';
import { PODS, SCHEDULER_ATTEMPTS } from '../metrics/tables.js';
import { type AttemptExplanation, explanationLines, SHOWN_NODES } from '../scheduler/explain.js';
import { VERSION } from '../version.js';
import { Progress } from './progress.js';
import { readRerun } from './rerun.js';
import { advance } from './simulate.js';
import { EXIT_OK, type Terminal, UsageError } from './terminal.js';

export interface ExplainFlags {
  readonly from?: string;
  readonly run?: string;
  readonly namespace: string;
  /** Number of the attempt; absent: the last. */
  readonly attempt?: number;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const SECOND = 1e9;

/**
 * `towtank explain pod NAME`: why the scheduler put a pod of a finished run where it is. Nothing about it was recorded in the
 * run: it is simulated again, with the same events, up to the attempt in question.
 */
export async function explainPod(name: string, flags: ExplainFlags, terminal: Terminal): Promise<number> {
  const directory = flags.from ?? latestOutput();
  const summary = readSummary(directory);
  const rerun = readRerun(directory, summary.scenarioHash, flags.run);
  const key = name.includes('/') ? name : `${flags.namespace}/${name}`;
  const recorded = await recordedOf(directory, rerun.record.runs.length === 1 ? '' : rerun.run.name, key);
  const progress = new Progress(terminal, flags, 1);
  progress.begin(`simulating ${rerun.run.name} again`);
  let run: ScenarioRun;
  try {
    run = rerun.start({ explain: { pod: key, ...(flags.attempt === undefined ? {} : { attempt: flags.attempt }) } });
    await advance(run, progress, () => run.done || (run.origin >= 0 && run.cluster.simulation.now - run.origin > recorded.until));
  } finally {
    progress.stop();
  }
  const { explanation, attempts } = run.cluster.scheduler;
  checkSame(recorded.attempts, run, key, directory, summary.tool.version);
  const own = attempts.filter(({ pod }) => pod === key);
  if (own.length === 0) throw new UsageError(`${key}: the scheduler never tried to place it${recorded.node === '' ? ' (gated, or of another scheduler)' : `; it was made on ${recorded.node}`}`);
  if (explanation === null) throw new UsageError(`--attempt ${flags.attempt}: attempts to place ${key} in this run: ${own.length}`);
  const placed = { ...explanation, time: (explanation.time - run.origin) / SECOND };
  if (flags.json === true) terminal.stdout.write(`${JSON.stringify({ run: rerun.run.name, attempts: own.length, ...placed }, null, 2)}\n`);
  else print(placed, own.length, flags.all === true, terminal);
  return EXIT_OK;
}

function print(explanation: AttemptExplanation, attempts: number, all: boolean, terminal: Terminal): void {
  const { attempt, time } = explanation;
  const when = time < 0 ? 'during the warm start' : `at ${time.toFixed(3)} s`;
  const others = attempts === 1 ? '' : `; ${attempts} attempts in all, --attempt N shows another`;
  terminal.stdout.write(`attempt ${attempt}, ${when}${others}\n`);
  for (const line of explanationLines(explanation, all ? Number.POSITIVE_INFINITY : SHOWN_NODES)) terminal.stdout.write(`${line}\n`);
}

/** What the output says of a pod. */
interface Recorded {
  readonly node: string;
  /** When nothing more was decided about it, nanoseconds of the scenario's time. */
  readonly until: number;
  readonly attempts: readonly { readonly time: number; readonly node: string }[];
}

async function recordedOf(directory: string, run: string, key: string): Promise<Recorded> {
  const pods = await readOutputTable(directory, run, PODS.name);
  const row = pods.find((each) => `${each['namespace']}/${each['name']}` === key);
  if (row === undefined) {
    const nearest = nearestName(key, pods.map((each) => `${each['namespace']}/${each['name']}`));
    throw new UsageError(`${directory}: no pod is named ${key}${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`);
  }
  const attempts = (await readOutputTable(directory, run, SCHEDULER_ATTEMPTS.name))
    .filter((each) => each['pod'] === key)
    .map((each) => ({ time: Number(each['time']), node: String(each['node']) }));
  const scheduled = row['scheduled'] === null || row['scheduled'] === undefined ? 0 : Number(row['scheduled']);
  const last = Math.max(0, scheduled, ...attempts.map(({ time }) => time));
  return { node: String(row['node'] ?? ''), until: last * SECOND, attempts };
}

/** The second simulation must have decided as the first one did. */
function checkSame(recorded: Recorded['attempts'], run: ScenarioRun, key: string, directory: string, version: string): void {
  const times = new Map<number, string>();
  for (const { pod, time, node } of run.cluster.scheduler.attempts) {
    if (pod === key) times.set(Math.round((time - run.origin) / 1000), node);
  }
  for (const { time, node } of recorded) {
    if (times.get(Math.round(time * 1e6)) === node) continue;
    const why = version === VERSION ? '' : ` (they were made by towtank ${version}, this is ${VERSION})`;
    throw new UsageError(`${directory}: simulated again, ${key} is decided otherwise than in the results${why}; run the scenario again`);
  }
}

/** The output in reports/ that was made last. */
function latestOutput(): string {
  const root = 'reports';
  const found = existsSync(root)
    ? readdirSync(root)
        .map((name) => join(root, name))
        .filter((path) => existsSync(join(path, 'summary.json')))
    : [];
  if (found.length === 0) throw new UsageError('no output in reports/; name one with --from DIRECTORY');
  const made = (path: string) => statSync(join(path, 'summary.json')).mtimeMs;
  return found.reduce((latest, path) => (made(path) > made(latest) ? path : latest));
}
