import { join } from 'node:path';
import { SECOND } from '../../kernel/time.js';
import type { CostProfile } from '../../scenario/types.js';
import { readRecording, type Recording } from '../controllers-recording.js';
import { type AuditCounts, readAuditExtract, withoutRepeats } from './audit-log.js';
import { RAISED_LIMITS, RecordedCluster } from './cluster.js';
import { SharedLoad } from './load.js';
import { KwokNodes } from './nodes.js';
import { standingNodes } from './objects.js';
import { PodTimes } from './pod-times.js';
import { replayScenario } from './replay.js';
import { AuditLog, compareRequests, type RequestRow } from './requests.js';

const IDLE_MINUTES = 10;
/** Each scenario is replayed with these seeds. */
const SEEDS = ['recorded', 'recorded-1', 'recorded-2', 'recorded-3', 'recorded-4'];
/**
 * Groups replayed at the pace of their audit log. Their pods become ready in bursts, so that how long the single requests took on a busy
 * machine decides how many statuses were written; the others' recordings show enough of the delays themselves.
 */
const AUDITED_PACE = new Set(['rs-quota', 'hpa']);

/** Compares the API requests of each scenario that the audit log covers, and those of an idle node. */
export function compareAudit(folder: string, counts: AuditCounts, profile: CostProfile, files: readonly string[]): readonly RequestRow[] {
  const rows: RequestRow[] = [];
  let first: Recording | undefined;
  for (const [id, real] of Object.entries(counts.perNamespace)) {
    const file = files.find((name) => name === `${id}.ndjson.gz`);
    if (file === undefined) continue;
    const recording = readRecording(join(folder, file));
    first ??= recording;
    const extract = readAuditExtract(folder, id);
    const audited = extract.length > 0 && AUDITED_PACE.has(recording.header.group) ? extract : undefined;
    const models = SEEDS.map((seed) => replayScenario(recording, profile, seed, audited).requests.counts);
    rows.push(...compareRequests(id, withoutRepeats(new Map(Object.entries(real)), extract), models));
  }
  if (first !== undefined && counts.idleNodePerMinute !== undefined) rows.push(...idleNode(first, counts.idleNodePerMinute, profile));
  return rows;
}

/** Requests of one idle node a minute. */
function idleNode(recording: Recording, real: Readonly<Record<string, number>>, profile: CostProfile): readonly RequestRow[] {
  const nodes = standingNodes(recording);
  const cluster = new RecordedCluster({ seed: 'idle', startTime: 0, nodes, limits: RAISED_LIMITS, metrics: new SharedLoad(), profile });
  const process = cluster.process('kwok', 1000, 1000);
  new KwokNodes(process, cluster.client('system:kwok', 1000, 1000), 'kwok', true, new PodTimes(recording, cluster.randomness.stream('pods')));
  const { simulation } = cluster;
  cluster.start();
  process.start();
  simulation.run(60 * SECOND);
  const log = new AuditLog('none');
  cluster.connections.auditor = log;
  simulation.run((1 + IDLE_MINUTES) * 60 * SECOND);
  return ['update leases', 'patch nodes/status'].map((what): RequestRow => {
    const recorded = real[`kubelet(kwok)|${what.replace(' ', '|')}|200`] ?? 0;
    const model = (log.nodes.get(what) ?? 0) / nodes.length / IDLE_MINUTES;
    return { scenario: 'idle node, per minute', what, real: recorded, model, rule: '± 25 %', holds: Math.abs(model - recorded) <= recorded / 4 };
  });
}

/** The rows as lines. */
export function auditLines(rows: readonly RequestRow[]): readonly string[] {
  const number = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(2));
  const cells = rows.map(({ scenario, what, real, model, rule, holds }) => [scenario, what, number(real), number(model), holds ? rule : `${rule} !`]);
  const header = ['requests', '', 'recorded', 'simulated', 'rule'];
  const widths = header.map((text, i) => Math.max(text.length, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string => row.map((text, i) => (i === 2 || i === 3 ? text.padStart(widths[i]!) : text.padEnd(widths[i]!))).join('  ').trimEnd();
  const held = rows.filter(({ holds }) => holds).length;
  return [line(header), ...cells.map(line), `requests: rows in range ${held}/${rows.length}`];
}


