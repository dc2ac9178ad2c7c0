import { type RunResult, type RunSummary, tableOf } from '../analysis/result.js';
import type { Table } from '../metrics/recorder.js';
import { allRows, type BrowserTable, byWindow, spread, takeRows } from './columns.js';

/** Everything the page draws, as JSON. */
export interface ReportData {
  readonly runs: readonly ReportRun[];
}

export interface ReportRun {
  readonly name: string;
  readonly summary: RunSummary;
  /** Width in seconds of the windows of the tables by second. */
  readonly window: number;
  /** Rows left out to keep the page small, by table: what is shown of how many. */
  readonly shown: Readonly<Record<string, readonly [number, number]>>;
  readonly tables: Readonly<Record<string, BrowserTable>>;
}

/** Points in time a figure shows at most: about one per two pixels of a wide screen. */
const TIME_POINTS = 600;
const PODS_SHOWN = 600;
const EVENTS_SHOWN = 2000;
const ATTEMPTS_SHOWN = 1500;
const NODE_ROWS = 80;
const HEAT_COLUMNS = 80;

/** Selects and thins what the page needs, so that it stays small whatever the size of the run. */
export function reportData(results: readonly RunResult[]): ReportData {
  return { runs: results.map(reportRun) };
}

function reportRun(result: RunResult): ReportRun {
  const window = Math.max(1, Math.ceil(result.summary.simulatedSeconds / TIME_POINTS));
  const tables: Record<string, BrowserTable> = {};
  const shown: Record<string, readonly [number, number]> = {};
  const add = (name: string, make: (table: Table) => BrowserTable, thinned = false): void => {
    const table = tableOf(result, name);
    if (table === undefined || table.length === 0) return;
    const made = make(table);
    tables[name] = made;
    if (thinned && made.length < table.length) shown[name] = [made.length, table.length];
  };
  add('requests_by_second', (table) =>
    byWindow(table, window, ['service', 'version'], {
      requests: 'sum',
      errors: 'sum',
      p50: { meanBy: 'requests' },
      p99: 'max',
    }),
  );
  add('errors_by_second', (table) => byWindow(table, window, ['service', 'cause'], { errors: 'sum' }));
  add('replicas_by_second', (table) =>
    byWindow(table, window, ['deployment', 'replicaset', 'version'], {
      desired: 'last',
      pods: 'max',
      ready: 'last',
      available: 'min',
    }),
  );
  add('api_requests_by_second', (table) =>
    byWindow(table, window, ['verb'], { requests: 'sum', mean: { meanBy: 'requests' }, p99: 'max' }),
  );
  const api = tableOf(result, 'api_requests_by_second');
  if (api !== undefined && api.length > 0) {
    tables.api_totals = byWindow(api, Number.MAX_SAFE_INTEGER, ['verb', 'resource', 'code'], {
      requests: 'sum',
      mean: { meanBy: 'requests' },
      p99: 'max',
    });
  }
  add('etcd_by_second', (table) =>
    byWindow(table, window, ['member'], {
      leader: 'last',
      term: 'last',
      puts: 'sum',
      commit_p50: 'mean',
      commit_p99: 'max',
      fsync_p50: 'mean',
      fsync_p99: 'max',
      db_bytes: 'last',
    }),
  );
  add('scheduler_by_second', (table) =>
    byWindow(table, window, [], { active: 'max', backoff: 'max', unschedulable: 'max', gated: 'max' }),
  );
  add('rollout', (table) => takeRows(table, allRows(table)));
  add('pods', (table) => takeRows(table, spread(podsOfInterest(table), PODS_SHOWN)), true);
  add('scheduler_attempts', (table) => takeRows(table, spread(allRows(table), ATTEMPTS_SHOWN)), true);
  add('events', (table) => takeRows(table, eventsOfInterest(table)), true);
  add('node_usage', (table) => heat(table, result.summary.simulatedSeconds));
  return { name: result.name, summary: result.summary, window, shown, tables };
}

/** Pods that were created or deleted during the run, by creation; the rest never change. */
function podsOfInterest(table: Table): number[] {
  const created = table.column('created') as Float64Array;
  const deleted = table.column('deleted') as Float64Array;
  const rows = [...allRows(table)].filter((row) => created[row]! > 0 || !Number.isNaN(deleted[row]!));
  const birth = (row: number): number => (Number.isNaN(created[row]!) ? 0 : created[row]!);
  return rows.sort((a, b) => birth(a) - birth(b) || a - b);
}

/** Warnings before normal events when there is no room for all; in order of time. */
function eventsOfInterest(table: Table): Uint32Array {
  const rows = allRows(table);
  if (rows.length <= EVENTS_SHOWN) return rows;
  const types = table.column('type');
  const warnings = rows.filter((row) => types[row] !== 'Normal');
  const kept = spread(warnings, EVENTS_SHOWN);
  const rest = rows.filter((row) => types[row] === 'Normal');
  const room = EVENTS_SHOWN - kept.length;
  return Uint32Array.from([...kept, ...(room > 1 ? spread(rest, room) : [])]).sort();
}

/**
 * Node use as a grid: nodes in their order in `band`s of neighbours so that at most NODE_ROWS remain, time in HEAT_COLUMNS
 * steps. Each cell is the mean of its band, and its greatest.
 */
function heat(table: Table, seconds: number): BrowserTable {
  const nodes = table.column('node') as readonly string[];
  const times = table.column('time') as Float64Array;
  const cpu = table.column('cpu_requested') as Float64Array;
  const memory = table.column('memory_requested') as Float64Array;
  const order = new Map<string, number>();
  for (const node of nodes) if (!order.has(node)) order.set(node, order.size);
  const names = [...order.keys()];
  const bandSize = Math.ceil(names.length / NODE_ROWS);
  const width = Math.max(1, seconds / HEAT_COLUMNS);
  const cells = new Map<number, { time: number; band: number; n: number; cpu: number; top: number; memory: number }>();
  for (let row = 0; row < table.length; row++) {
    const band = Math.floor(order.get(nodes[row]!)! / bandSize);
    const column = Math.floor(times[row]! / width);
    const key = column * NODE_ROWS + band;
    let cell = cells.get(key);
    if (cell === undefined) cells.set(key, (cell = { time: column * width, band, n: 0, cpu: 0, top: 0, memory: 0 }));
    cell.n++;
    cell.cpu += cpu[row]!;
    cell.top = Math.max(cell.top, cpu[row]!);
    cell.memory += memory[row]!;
  }
  const list = [...cells.values()];
  const label = (band: number): string => {
    const from = names[band * bandSize]!;
    const to = names[Math.min(names.length, (band + 1) * bandSize) - 1]!;
    return from === to ? from : `${from} to ${to}`;
  };
  const bands = Array.from({ length: Math.ceil(names.length / bandSize) }, (_, band) => label(band));
  const round = (value: number): number => Number(value.toPrecision(3));
  return {
    length: list.length,
    columns: {
      time: list.map((cell) => round(cell.time)),
      node: { dictionary: bands, index: list.map((cell) => cell.band) },
      cpu_requested: list.map((cell) => round(cell.cpu / cell.n)),
      cpu_highest: list.map((cell) => round(cell.top)),
      memory_requested: list.map((cell) => round(cell.memory / cell.n)),
    },
  };
}
