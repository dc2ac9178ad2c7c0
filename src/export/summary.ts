import type { Study } from '../analysis/study.js';
import { type RunResult, SUMMARY_VERSION, type SummaryDocument } from '../analysis/result.js';
import { explain, explainStudy } from '../report/explanation.js';

/** What identifies the runs of a document. */
export interface SummaryHeader {
  readonly toolVersion: string;
  readonly scenarioHash: string;
  /** What several replications say together. */
  readonly study?: Study;
}

/** The document behind `summary.json`: the runs by name, in the order they were run. */
export function summaryDocument(results: readonly RunResult[], header: SummaryHeader): SummaryDocument {
  const first = results[0];
  return {
    schemaVersion: SUMMARY_VERSION,
    tool: { name: 'towtank', version: header.toolVersion },
    scenario: first?.summary.scenario ?? '',
    question: first?.summary.question ?? '',
    scenarioHash: header.scenarioHash,
    seed: first?.summary.seed ?? '',
    met: results.filter((result) => result.summary.met).map((result) => result.name),
    ...(header.study === undefined ? {} : { study: header.study }),
    explanation: header.study === undefined ? explain(results) : explainStudy(header.study),
    runs: Object.fromEntries(results.map((result) => [result.name, result.summary])),
  };
}

/**
 * JSON text with two spaces of indentation and a final line feed. Keys keep the order in which the program made them, which
 * is the same in each run; a number that JSON cannot hold is an error rather than a silent null.
 */
export function toJson(value: unknown): string {
  const text = JSON.stringify(
    value,
    (key, entry: unknown) => {
      if (typeof entry === 'number' && !Number.isFinite(entry))
        throw new RangeError(`${key} is ${entry}, which JSON cannot hold`);
      return entry;
    },
    2,
  );
  return `${text}\n`;
}
