import { REPLICATIONS } from '../metrics/tables.js';
import { type Table, TableRecorder } from '../metrics/recorder.js';
import type { Replication } from './replication.js';

/** Every measure of every replication as a tidy table: the numbers among the metrics of a summary, named by their path. */
export function replicationTable(replications: readonly Replication[]): Table {
  const table = new TableRecorder(REPLICATIONS);
  for (const { index, seed, runs } of replications) {
    for (const { name, summary } of runs) {
      for (const [metric, value] of numbers(summary.metrics, '')) table.append([index, seed, name, metric, value ?? Number.NaN]);
    }
  }
  return table;
}

/** The numbers (and nulls) below a value, in order, with their paths. */
function* numbers(value: unknown, path: string): Generator<[string, number | null]> {
  if (value === null || typeof value === 'number') yield [path, value];
  else if (typeof value === 'object') {
    for (const [key, entry] of Object.entries(value)) yield* numbers(entry, path === '' ? key : `${path}.${key}`);
  }
}
