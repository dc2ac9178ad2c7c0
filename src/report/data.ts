import { type RunResult, type RunSummary, tableOf } from '../analysis/result.js';
import type { Study } from '../analysis/study.js';
import type { Table } from '../metrics/recorder.js';
import { allRows, type BrowserTable, byWindow, spread, takeRows } from './columns.js';

/** Everything the page draws, as JSON. */
export interface ReportData {
  readonly runs: readonly ReportRun[];
  readonly study?: Study;
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
/** Reports of more runs than this show less of each. */
const RUNS_IN_FULL = 4;
const NODE_ROWS = 80;
const HEAT_COLUMNS = 80;

/** Selects and thins what the page needs, so that it stays small whatever the size of the run. */
export function reportData(results: readonly RunResult[], study?: Study): ReportData {
  const detail = Math.min(1, RUNS_IN_FULL / results.length);
  return { runs: results.map((result) => reportRun(result, detail)), ...(study === undefined ? {} : { study }) };
}

function reportRun(result: RunResult, detail: number): ReportRun {
  const window = Math.max(1, Math.ceil(result.summary.simulatedSeconds / (TIME_POINTS * detail)));
  const tables: Record<string, BrowserTable> = {};
  const shown: Record<string, readonly [number, number]> = {};
  const add = (name: string, make: (table: Table) => BrowserTable): void => {
    const table = tableOf(result, name);
    if (table !== undefined && table.length > 0) tables[name] = make(table);
  };
  const addSome = (
    name: string,
    select: (table: Table) => ArrayLike<number>,
    thin: (rows: ArrayLike<number>, table: Table) => ArrayLike<number>,
  ): void => {
    add(name, (table) => {
      const rows = select(table);
      const kept = thin(rows, table);
      if (kept.length < rows.length) shown[name] = [kept.length, rows.length];
      return takeRows(table, kept);
    });
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
  addSome('pods', podsOfInterest, (rows) => spread(rows, Math.ceil(PODS_SHOWN * detail)));
  addSome('scheduler_attempts', allRows, (rows) => spread(rows, Math.ceil(ATTEMPTS_SHOWN * detail)));
  addSome('events', allRows, (_, table) => warningsFirst(table, Math.ceil(EVENTS_SHOWN * detail)));
  add('allocation', (table) => takeRows(table, allRows(table)));
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

/** At most `limit` events in order of time, warnings before normal ones when there is no room for all. */
function warningsFirst(table: Table, limit: number): ArrayLike<number> {
  const rows = allRows(table);
  if (rows.length <= limit) return rows;
  const types = table.column('type');
  const kept = spread(
    rows.filter((row) => types[row] !== 'Normal'),
    limit,
  );
  const rest = rows.filter((row) => types[row] === 'Normal');
  const room = limit - kept.length;
  return Uint32Array.from([...kept, ...(room > 1 ? spread(rest, room) : [])]).sort();
}

/**
 * Node use as a grid: nodes that ever had pods by falling mean CPU, in bands of alike ones so that at most NODE_ROWS remain; time in
 * HEAT_COLUMNS steps. Each cell is the mean of its band, and its greatest CPU; a node without a row in a sample had no pods then.
 */
function heat(table: Table, seconds: number): BrowserTable {
  const nodes = table.column('node') as readonly string[];
  const times = table.column('time') as Float64Array;
  const cpu = table.column('cpu_requested') as Float64Array;
  const memory = table.column('memory_requested') as Float64Array;
  const names = byFallingMean(nodes, cpu);
  const rank = new Map(names.map((name, i) => [name, i]));
  const bandSize = Math.ceil(names.length / NODE_ROWS);
  const bands: string[] = [];
  const sizes: number[] = [];
  for (let from = 0; from < names.length; from += bandSize) {
    const size = Math.min(bandSize, names.length - from);
    sizes.push(size);
    bands.push(size === 1 ? names[from]! : `${size} nodes like ${names[from]!}`);
  }
  const width = Math.max(1, seconds / HEAT_COLUMNS);
  const columns = Math.floor(seconds / width) + 1;
  const samples = new Float64Array(columns);
  for (const time of new Set(times)) samples[Math.floor(time / width)]!++;
  const sums = [new Float64Array(columns * bands.length), new Float64Array(columns * bands.length), new Float64Array(columns * bands.length)] as const;
  for (let row = 0; row < table.length; row++) {
    const cell = Math.floor(rank.get(nodes[row]!)! / bandSize) * columns + Math.floor(times[row]! / width);
    sums[0][cell]! += cpu[row]!;
    sums[1][cell]! += memory[row]!;
    sums[2][cell] = Math.max(sums[2][cell]!, cpu[row]!);
  }
  const cells: { band: number; time: number; cpu: number; memory: number; top: number }[] = [];
  for (let band = 0; band < bands.length; band++) {
    for (let column = 0; column < columns; column++) {
      if (samples[column] === 0) continue;
      const at = band * columns + column;
      const n = samples[column]! * sizes[band]!;
      cells.push({ band, time: column * width, cpu: sums[0][at]! / n, memory: sums[1][at]! / n, top: sums[2][at]! });
    }
  }
  const round = (value: number): number => Number(value.toPrecision(3));
  return {
    length: cells.length,
    columns: {
      time: cells.map((cell) => round(cell.time)),
      node: { dictionary: bands, index: cells.map((cell) => cell.band) },
      cpu_requested: cells.map((cell) => round(cell.cpu)),
      cpu_highest: cells.map((cell) => round(cell.top)),
      memory_requested: cells.map((cell) => round(cell.memory)),
    },
  };
}

function byFallingMean(nodes: readonly string[], cpu: Float64Array): string[] {
  const sums = new Map<string, { sum: number; n: number }>();
  nodes.forEach((node, row) => {
    const entry = sums.get(node);
    if (entry === undefined) sums.set(node, { sum: cpu[row]!, n: 1 });
    else {
      entry.sum += cpu[row]!;
      entry.n++;
    }
  });
  const means = [...sums].map(([name, { sum, n }]) => ({ name, mean: sum / n }));
  return means.sort((a, b) => b.mean - a.mean).map((entry) => entry.name);
}
