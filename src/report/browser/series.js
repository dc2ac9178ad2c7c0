/** Rows of a table of a run as objects; an empty list when it was not recorded. */
export function rowsOf(run, name) {
  const table = run.tables[name];
  if (table === undefined) return [];
  table.rows ??= Array.from({ length: table.length }, (_, i) => {
    const row = {};
    for (const [column, values] of Object.entries(table.columns)) {
      row[column] = Array.isArray(values) ? values[i] : values.dictionary[values.index[i]];
    }
    return row;
  });
  return table.rows;
}

/** Starts of the time windows of a run. */
export function grid(run) {
  const times = [];
  for (let t = 0; t < run.summary.simulatedSeconds; t += run.window) times.push(t);
  return times;
}

/** Distinct values of a column in order of appearance. */
export function distinct(rows, name) {
  return [...new Set(rows.map((row) => row[name]))];
}

/** Sum of f over the rows of each window, on the whole grid: windows without rows are 0. */
export function sumByTime(run, rows, f) {
  const sums = new Map(grid(run).map((t) => [t, 0]));
  for (const row of rows) if (sums.has(row.time)) sums.set(row.time, sums.get(row.time) + f(row));
  return [...sums].map(([time, value]) => ({ time, value }));
}

/** Greatest f over the rows of each window; windows without any are null, which breaks a line. */
export function maxByTime(run, rows, f) {
  const tops = new Map(grid(run).map((t) => [t, null]));
  for (const row of rows) {
    const value = f(row);
    if (value === null || !tops.has(row.time)) continue;
    const top = tops.get(row.time);
    if (top === null || value > top) tops.set(row.time, value);
  }
  return [...tops].map(([time, value]) => ({ time, value }));
}

/** Joins the names of Deployments that are one application. */
const TOGETHER = ' + ';

/** What can be shown: the Deployments of the rollout together, then each Deployment, those with more versions first. */
export function deployments(run) {
  const versions = new Map();
  for (const row of rowsOf(run, 'replicas_by_second')) {
    if (!versions.has(row.deployment)) versions.set(row.deployment, new Set());
    versions.get(row.deployment).add(row.version);
  }
  const names = [...versions].sort((a, b) => b[1].size - a[1].size).map(([name]) => name);
  const rollout = run.summary.rolloutDeployments.filter((name) => versions.has(name));
  if (rollout.length === 0) return names;
  return [rollout.join(TOGETHER), ...names.filter((name) => rollout.length > 1 || name !== rollout[0])];
}

/**
 * Replicas of a Deployment (or several, joined) over the whole grid: one object a window with, by version, pods and ready
 * ones. A ReplicaSet without a row in a sampled window has no pods; windows that were not sampled hold the last one.
 */
export function replicasOverTime(run, deployment) {
  const names = new Set(deployment.split(TOGETHER));
  const all = rowsOf(run, 'replicas_by_second');
  const rows = all.filter((row) => names.has(row.deployment));
  const versions = distinct(rows, 'version');
  const sampled = new Set(all.map((row) => row.time));
  const byTime = new Map();
  for (const row of rows) {
    if (!byTime.has(row.time)) byTime.set(row.time, []);
    byTime.get(row.time).push(row);
  }
  const start = rows[0]?.time ?? 0;
  let current = byTime.get(start) ?? [];
  const wanted = current.reduce((sum, row) => sum + row.desired, 0);
  const points = grid(run).map((time) => {
    if (sampled.has(time) && time >= start) current = byTime.get(time) ?? [];
    const point = { time, available: 0, pods: {}, ready: {} };
    for (const version of versions) point.pods[version] = point.ready[version] = 0;
    for (const row of current) {
      point.pods[row.version] += row.pods;
      point.ready[row.version] += row.ready;
      point.available += row.available;
    }
    return point;
  });
  return { versions, points, wanted };
}

/** Whether the run has a rollout, and its window in seconds. */
export function rolloutWindow(run) {
  const { rolloutStart, rolloutEnd } = run.summary.metrics;
  return rolloutStart === null ? null : [rolloutStart, rolloutEnd ?? run.summary.simulatedSeconds];
}

/** What the time plots show: the time around the rollout, or the whole run. */
export const view = { whole: false };

/** Ends of the time axis for some runs: around their rollouts, or the whole run where that is hardly more. */
export function timeDomain(runs) {
  const end = Math.max(...runs.map((run) => run.summary.simulatedSeconds));
  const windows = runs.map(rolloutWindow).filter((window) => window !== null);
  if (view.whole || windows.length === 0) return [0, end];
  const from = Math.min(...windows.map((window) => window[0]));
  const to = Math.max(...windows.map((window) => window[1]));
  const length = Math.max(10, to - from);
  const domain = [Math.max(0, Math.floor(from - 0.15 * length)), Math.min(end, Math.ceil(to + 0.35 * length))];
  return domain[1] - domain[0] > 0.8 * end ? [0, end] : domain;
}
