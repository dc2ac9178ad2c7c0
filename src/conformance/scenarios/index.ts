import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SECOND } from '../../kernel/time.js';
import type { CostProfile } from '../../scenario/types.js';
import { replayDecisions } from '../controllers-decisions.js';
import { readRecording, type Recording } from '../controllers-recording.js';
import { readAuditCounts } from './audit-log.js';
import { auditLines, compareAudit } from './audit.js';
import { recordedProfile } from './cluster.js';
import { compareReplay } from './compare.js';
import { replayScenario } from './replay.js';

/** One recorded scenario: its decisions, each given the state before it, and its replay from beginning to end. */
export interface ScenarioResult {
  readonly id: string;
  readonly group: string;
  readonly decisions: { readonly passed: number; readonly total: number };
  /** Comparisons of the replay with the recording. */
  readonly checks: { readonly passed: number; readonly total: number };
  readonly differences: readonly string[];
  /** What happened, in a few figures, in the recording and in the replay. */
  readonly recorded: string;
  readonly simulated: string;
}

/** A scenario in a few figures: pods, ReplicaSet sizes and statuses written, how long it took. */
function figures(recording: Recording): string {
  let pods = 0;
  let sizes = 0;
  let statuses = 0;
  const known = new Map<string, number>();
  for (const { kind, name, type, object } of recording.changes) {
    if (kind === 'Pod' && type === 'A') pods++;
    if (kind === 'Pod' || kind === 'Event' || kind === 'Lease' || type !== 'M') continue;
    const { replicas } = (object['spec'] ?? {}) as { readonly replicas?: number };
    if (kind === 'ReplicaSet' && replicas !== undefined && known.has(name) && known.get(name) !== replicas) sizes++;
    else statuses++;
    if (replicas !== undefined) known.set(name, replicas);
  }
  const last = recording.commands.filter(({ name }) => !name.startsWith('WATCH')).at(-1)?.time ?? 0;
  return `${pods} pods, ${sizes} sizes, ${statuses} statuses, ${(last / SECOND).toFixed(1)} s`;
}

export function checkScenario(recording: Recording, profile: CostProfile): ScenarioResult {
  const { id, group } = recording.header;
  const decisions = replayDecisions(recording);
  let checks: { readonly passed: number; readonly total: number; readonly differences: readonly string[] };
  let simulated = 'none';
  try {
    const replay = replayScenario(recording, profile);
    checks = compareReplay(recording, replay);
    simulated = figures(replay.recording);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    checks = { passed: 0, total: 1, differences: [`${id}: the replay failed\n  real:  \n  model: ${message}`] };
  }
  return { id, group, decisions, checks, differences: [...decisions.differences, ...checks.differences], recorded: figures(recording), simulated };
}

/** Names of the recordings of a folder: `*.ndjson.gz`, apart from the derived file. */
export function recordingsIn(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.ndjson.gz') && !name.startsWith('derived.')).sort();
}

/**
 * Replays every recording of a folder on the simulated control plane and checks every decision. Lines: the first differences with
 * both sides, with `table` a Markdown table of the scenarios, API requests where the folder has counts of them, then `controllers: scenarios N/N decisions M/M`; exit code 0 only when all agree.
 */
export function conformanceControllers(folder: string, table = false, shown = 20): { readonly lines: readonly string[]; readonly exitCode: number } {
  const profile = recordedProfile();
  const lines: string[] = [];
  const rows = ['| scenario | recorded | simulated | verdict |', '|---|---|---|---|'];
  const files = recordingsIn(folder);
  let scenarios = 0;
  let passed = 0;
  let total = 0;
  let checks = 0;
  for (const file of files) {
    const result = checkScenario(readRecording(join(folder, file)), profile);
    passed += result.decisions.passed;
    total += result.decisions.total;
    checks += result.checks.total;
    if (result.differences.length === 0) scenarios++;
    if (table) rows.push(`| ${result.id} | ${result.recorded} | ${result.simulated} | ${result.checks.passed}/${result.checks.total} comparisons, ${result.decisions.passed}/${result.decisions.total} decisions |`);
    for (const difference of result.differences) if (lines.length < shown) lines.push(difference);
  }
  if (table) lines.push(...rows);
  const counts = readAuditCounts(folder);
  if (counts !== undefined) lines.push(...auditLines(compareAudit(folder, counts, profile, files)));
  lines.push(`replays: ${checks} comparisons from beginning to end`);
  lines.push(`controllers: scenarios ${scenarios}/${files.length} decisions ${passed}/${total}`);
  return { lines, exitCode: files.length > 0 && scenarios === files.length && passed === total ? 0 : 1 };
}
