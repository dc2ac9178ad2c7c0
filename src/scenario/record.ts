import { z } from 'zod';
import { EVENT_TRACE } from '../metrics/column-sink.js';
import { REPLICATIONS, TABLES } from '../metrics/tables.js';
import { durationText, wholeNumber } from './schema-values.js';
import type { RecordSpec } from './types.js';
import { duration } from './units.js';

/** Tables that a run records by itself; the event trace has a key of its own. */
const NAMES = TABLES.filter((table) => table !== EVENT_TRACE && table !== REPLICATIONS).map((table) => table.name);

const SECOND = 1e9;

const tableName = z.enum(NAMES as [string, ...string[]], { error: `expected a table: ${NAMES.join(', ')}` });

/** `record:` of a scenario. */
export const recordSchema = z.strictObject({
  only: z.array(tableName).optional().describe('Tables that are written; all others are not even kept in memory. Default: all.'),
  without: z.array(tableName).optional().describe('Tables that are not written, nor kept in memory.'),
  interval: durationText('Between two samples of gauges (replicas, queues, use of nodes), whole seconds. Default 1s; nodes by the length of the run.').optional(),
  scrape: durationText('Between two scrapes of histograms, counters and gauges, whole seconds. Default 15s.').optional(),
  apiRequests: wholeNumber(
    'Requests to the API that are followed one by one from client to server and back, at most this many of each kind (verb and resource), evenly chosen: table api_requests, and flows in trace.json. Default 32.',
    0,
    1_000_000,
  ).optional(),
  eventTrace: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe('Writes every event of the simulation to event_trace.parquet while the run goes on. Default false.'),
});

export type RawRecord = z.infer<typeof recordSchema>;

/** What a run records; complains about intervals that are not whole seconds. */
export function toRecord(raw: RawRecord, complain: (key: string, message: string) => void): RecordSpec {
  const { only, without = [], interval, scrape, apiRequests, eventTrace = false } = raw;
  const seconds = (key: string, text: string): number => {
    const whole = duration(text) / SECOND;
    if (!(Number.isInteger(whole) && whole >= 1)) complain(key, `expected whole seconds, found ${text}`);
    return whole;
  };
  const left = only === undefined ? without : NAMES.filter((name) => !only.includes(name) || without.includes(name));
  return {
    without: left,
    ...(interval === undefined ? {} : { interval: seconds('interval', interval) }),
    ...(scrape === undefined ? {} : { scrapeInterval: seconds('scrape', scrape) }),
    ...(apiRequests === undefined ? {} : { apiRequests }),
    eventTrace,
  };
}
