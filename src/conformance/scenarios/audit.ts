import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parseTimestamp } from '../../api/timestamps.js';
import { SECOND } from '../../kernel/time.js';
import type { CostProfile } from '../../scenario/types.js';
import { readRecording, type Recording } from '../controllers-recording.js';
import { RAISED_LIMITS, RecordedCluster } from './cluster.js';
import { SharedLoad } from './load.js';
import { KwokNodes } from './nodes.js';
import { standingNodes } from './objects.js';
import { PodTimes } from './pod-times.js';
import { replayScenario } from './replay.js';
import { AuditLog, compareRequests, type RequestCounts, type RequestRow } from './requests.js';

/** Requests per scenario and component, counted from the audit log of the recorded cluster (`audit/counts.json`). */
export interface AuditCounts {
  readonly perNamespace: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly idleNodePerMinute?: Readonly<Record<string, number>>;
}

const IDLE_MINUTES = 10;
/** Each scenario is replayed with these seeds. */
const SEEDS = ['recorded', 'recorded-1', 'recorded-2', 'recorded-3', 'recorded-4'];
/**
 * Scenarios whose requests are compared: a pod through a Deployment, rollouts, Jobs, StatefulSets, evictions. Under a quota, with one sync
 * for each pod that becomes ready, the statuses follow the bursts in which a busy machine let them become ready.
 */
const COMPARED = new Set(['deploy-create', 'deploy-roll', 'job', 'sts', 'pdb']);

/** Reads `audit/counts.json` of a folder of recordings; undefined: it has none. */
export function readAuditCounts(folder: string): AuditCounts | undefined {
  const path = join(folder, 'audit', 'counts.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as AuditCounts) : undefined;
}

/** Compares the API requests of each scenario that the audit log covers, and those of an idle node. */
export function compareAudit(folder: string, counts: AuditCounts, profile: CostProfile, files: readonly string[]): readonly RequestRow[] {
  const rows: RequestRow[] = [];
  let first: Recording | undefined;
  for (const [id, real] of Object.entries(counts.perNamespace)) {
    const file = files.find((name) => name === `${id}.ndjson.gz`);
    if (file === undefined) continue;
    const recording = readRecording(join(folder, file));
    first ??= recording;
    if (!COMPARED.has(recording.header.group)) continue;
    const models = SEEDS.map((seed) => replayScenario(recording, profile, seed).requests.counts);
    rows.push(...compareRequests(id, withoutRepeats(new Map(Object.entries(real)), readAuditExtract(folder, id)), models));
  }
  if (first !== undefined && counts.idleNodePerMinute !== undefined) rows.push(...idleNode(first, counts.idleNodePerMinute, profile));
  return rows;
}

/** One request of `audit/<scenario>.ndjson.gz`: begin, component, verb, resource, name, answer and milliseconds. */
export type AuditedRequest = readonly [begin: string, component: string, verb: string, resource: string, name: string | null, code: number, milliseconds: number];

/** The requests of one scenario; none if the folder has only their counts. */
function readAuditExtract(folder: string, id: string): readonly AuditedRequest[] {
  const path = join(folder, 'audit', `${id}.ndjson.gz`);
  if (!existsSync(path)) return [];
  return gunzipSync(readFileSync(path)).toString('utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as AuditedRequest);
}

/**
 * Counts without deletions that KWOK sent a second time while the first was under way: it sends each twice, and mostly, but not always,
 * the second finds nothing.
 */
export function withoutRepeats(counts: RequestCounts, requests: readonly AuditedRequest[]): RequestCounts {
  const deletions = requests
    .filter(([, component, verb, resource, , code]) => component === 'kubelet(kwok)' && verb === 'delete' && resource === 'pods' && code === 200)
    .map(([at, , , , name, , milliseconds]) => ({ name, begin: parseTimestamp(at) ?? 0, milliseconds }))
    .sort((a, b) => a.begin - b.begin);
  const ends = new Map<string | null, number>();
  let repeats = 0;
  for (const { name, begin, milliseconds } of deletions) {
    if (begin < (ends.get(name) ?? 0)) repeats++;
    ends.set(name, Math.max(begin + milliseconds, ends.get(name) ?? 0));
  }
  const key = 'kubelet(kwok)|delete|pods|200';
  return repeats === 0 ? counts : new Map([...counts, [key, (counts.get(key) ?? 0) - repeats]]);
}

/** Requests of one idle node a minute. */
function idleNode(recording: Recording, real: Readonly<Record<string, number>>, profile: CostProfile): readonly RequestRow[] {
  const nodes = standingNodes(recording);
  const cluster = new RecordedCluster({ seed: 'idle', startTime: 0, nodes, limits: RAISED_LIMITS, metrics: new SharedLoad(), metricsDelays: new Map(), profile });
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


