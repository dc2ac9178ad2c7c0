import { NO_LATENCY } from '../analysis/latency.js';
import { SUMMARY_VERSION } from '../analysis/result.js';

/** `summary.json` of older versions of the program, brought to the shape of this one. */

type Json = { [key: string]: unknown };

/** Oldest version of the schema that is still read. */
const OLDEST = 1;

/** What measures of a run that versions did not know are taken for: nothing was seen of them. */
const METRICS: Readonly<Json> = {
  rollout: null,
  failures: [],
  deficitPodSeconds: null,
  timeToFirstNew: null,
  timeToHalfNew: null,
  timeToAllNew: null,
  apiErrors: 0,
  apiUnanswered: 0,
  apiClients: [],
  apiServerMemory: [],
  podTrace: null,
};
const STARTUP_PARTS = ['schedule_to_sandbox', 'sandbox_to_pulled', 'pulled_to_run', 'run_to_ready'];

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The document in the shape of today; undefined: it is of no version that can be read. Fields that its version did not have are empty. */
export function upgradeSummary(document: Json): Json | undefined {
  const { schemaVersion } = document;
  if (schemaVersion === SUMMARY_VERSION) return document;
  if (typeof schemaVersion !== 'number' || schemaVersion < OLDEST || schemaVersion > SUMMARY_VERSION) return undefined;
  const runs = isJson(document.runs) ? document.runs : {};
  return {
    explanation: [],
    ...document,
    schemaVersion: SUMMARY_VERSION,
    ...(isJson(document.study) ? { study: upgradeStudy(document.study, Object.keys(runs)) } : {}),
    runs: Object.fromEntries(Object.entries(runs).map(([name, run]) => [name, isJson(run) ? upgradeRun(run) : run])),
  };
}

function upgradeRun(run: Json): Json {
  if (!isJson(run.metrics)) return run;
  const { podStartup } = run.metrics;
  const parts = Object.fromEntries(STARTUP_PARTS.map((part) => [part, NO_LATENCY]));
  const metrics = { ...METRICS, ...run.metrics, ...(isJson(podStartup) ? { podStartup: { ...parts, ...podStartup } } : {}) };
  return { serviceLevels: [], rolloutDeployments: [], ...run, metrics };
}

function upgradeStudy(study: Json, names: readonly string[]): Json {
  const measures = Array.isArray(study.measures) ? study.measures : [];
  return {
    failures: Object.fromEntries(names.map((name) => [name, []])),
    ...study,
    measures: measures.map((measure) => (isJson(measure) ? { group: '', absent: [], ...measure } : measure)),
  };
}
