import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parseTimestamp } from '../../api/timestamps.js';
import type { RequestCounts } from './requests.js';

/** Requests per scenario and component, counted from the audit log of the recorded cluster (`audit/counts.json`). */
export interface AuditCounts {
  readonly perNamespace: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly idleNodePerMinute?: Readonly<Record<string, number>>;
}

/** Reads `audit/counts.json` of a folder of recordings; undefined: it has none. */
export function readAuditCounts(folder: string): AuditCounts | undefined {
  const path = join(folder, 'audit', 'counts.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as AuditCounts) : undefined;
}

/** One request of `audit/<scenario>.ndjson.gz`: begin, component, verb, resource, name, answer and milliseconds. */
export type AuditedRequest = readonly [begin: string, component: string, verb: string, resource: string, name: string | null, code: number, milliseconds: number];

/** The requests of one scenario; none if the folder has only their counts. */
export function readAuditExtract(folder: string, id: string): readonly AuditedRequest[] {
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
