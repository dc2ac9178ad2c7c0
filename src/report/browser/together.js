import { shareInterval } from '../../analysis/interval.ts';
import { formatMeasure, formatShare, measureName } from '../format.ts';
import {
  count,
  durationAxis,
  figure,
  gapLine,
  held,
  key,
  Plot,
  seconds,
  strategyColor,
  timePlot,
  versionColor,
  versionSoft,
} from './charts.js';
import { h } from './dom.js';
import { deployments, maxByTime, replicasOverTime, rolloutWindow, rowsOf, sumByTime } from './series.js';

const WRITES = new Set(['create', 'update', 'patch', 'delete']);

/** Figures that lay all runs over one another. */
export function together(runs) {
  const figures = [smallMultiples(runs)];
  const overlay = (title, note, series, options) => {
    if (series.some((points) => points.length > 0)) figures.push(overlayFigure(title, note, runs, series, options));
  };
  overlay(
    'Available replicas',
    'ready for users, all versions together',
    runs.map((run) => {
      const [deployment] = deployments(run);
      return deployment === undefined
        ? []
        : replicasOverTime(run, deployment).points.map((point) => ({ time: point.time, value: point.available }));
    }),
    { curve: 'step-after' },
  );
  overlay(
    'Errors',
    'failed user requests a second',
    runs.map((run) => rate(run, rowsOf(run, 'requests_by_second'), (row) => row.errors)),
    { curve: 'linear' },
  );
  overlay(
    'Latency p99',
    'of user requests, slowest version of each second',
    runs.map((run) => maxByTime(run, rowsOf(run, 'requests_by_second'), (row) => row.p99)),
    { axis: durationAxis, format: seconds },
  );
  overlay(
    'API writes',
    'create, update, patch and delete requests a second',
    runs.map((run) =>
      rate(
        run,
        rowsOf(run, 'api_requests_by_second').filter((row) => WRITES.has(row.verb)),
        (row) => row.requests,
      ),
    ),
    {},
  );
  overlay(
    'API latency p99',
    'of create, update, patch and delete requests at the kube-apiservers, slowest kind',
    runs.map((run) =>
      maxByTime(
        run,
        rowsOf(run, 'api_requests_by_second').filter((row) => WRITES.has(row.verb)),
        (row) => row.p99,
      ),
    ),
    { axis: durationAxis, format: seconds },
  );
  overlay(
    'etcd commit p99',
    'from proposal to commit at the leader',
    runs.map((run) => maxByTime(run, rowsOf(run, 'etcd_by_second'), (row) => row.commit_p99)),
    { axis: durationAxis, format: seconds },
  );
  return figures;
}

/** Sums of a window as rates a second. */
export function rate(run, rows, f) {
  if (rows.length === 0) return [];
  return sumByTime(run, rows, f).map((point) => ({ time: point.time, value: point.value / run.window }));
}

function overlayFigure(title, note, runs, series, { curve = 'linear', axis = {}, format = count }) {
  const names = runs.map((run) => run.name);
  const times = [...new Set(series.flatMap((points) => points.map((point) => point.time)))].sort((a, b) => a - b);
  const byTime = series.map((points) => new Map(points.map((point) => [point.time, point.value])));
  const points = times.map((time) => ({ time }));
  return figure({
    title,
    note,
    label: series.map((values, i) => `${names[i]}: ${range(values, format)}`).join('; '),
    legend: names.map((name, i) => key(name, strategyColor(i), 'stroke')),
    times,
    data: () =>
      times.map((time) => ({
        time,
        ...Object.fromEntries(names.map((name, i) => [name, byTime[i].get(time) ?? null])),
      })),
    draw: (width) =>
      timePlot({
        width,
        runs,
        y: axis,
        points,
        describe: (d) => names.map((name, i) => `${name}  ${format(byTime[i].get(d.time) ?? null)}`).join('\n'),
        marks: series.flatMap((values, i) => gapLine(values, strategyColor(i), { curve })),
      }),
  });
}

/** Least and greatest value of a series in words. */
export function range(points, format) {
  const values = points.map((point) => point.value).filter((value) => value !== null);
  if (values.length === 0) return 'no values';
  return `from ${format(Math.min(...values))} to ${format(Math.max(...values))}`;
}

/** Replicas by version of each strategy, one small plot each on the same scales. */
function smallMultiples(runs) {
  const shown = runs.filter((run) => deployments(run).length > 0);
  const series = shown.map((run) => ({ run, ...replicasOverTime(run, deployments(run)[0]) }));
  const top = Math.max(
    1,
    ...series.flatMap(({ points, versions }) => points.map((p) => versions.reduce((n, v) => n + p.pods[v], 0))),
  );
  const versions = [...new Set(series.flatMap((entry) => entry.versions))];
  return figure({
    title: 'Replicas by version',
    note: 'full colour: ready; pale: starting or stopping; shaded: the rollout',
    label: shown
      .map((run) => `${run.name}: lowest available share ${formatShare(run.summary.metrics.lowestAvailableShare)}`)
      .join('; '),
    wide: true,
    legend: versions.map((version, i) => key(version, versionColor(i))),
    data: () =>
      series.flatMap(({ run, points, versions }) =>
        points.flatMap((p) =>
          versions.map((version) => ({
            run: run.name,
            time: p.time,
            version,
            pods: p.pods[version],
            ready: p.ready[version],
          })),
        ),
      ),
    draw: (width) => {
      const columns = Math.min(shown.length, Math.max(1, Math.floor((width + 20) / (width < 500 ? 165 : 260))));
      const each = Math.floor((width - 20 * (columns - 1)) / columns);
      return h(
        'div',
        { class: 'multiples', style: `grid-template-columns:repeat(${columns},minmax(0,1fr))` },
        series.map(({ run, points, versions: own, wanted }) =>
          h(
            'div',
            {},
            h('h4', {}, run.name),
            replicasPlot({ run, points, versions: own, wanted, width: each, height: 190, all: runs, top }),
          ),
        ),
      );
    },
  });
}

/** Stacked pods by version over time: ready ones in full colour, the others pale. */
export function replicasPlot({ run, points, versions, wanted, width, height, all = [run], top, rules }) {
  const rows = held(points, run.summary.simulatedSeconds).flatMap((p) =>
    versions.flatMap((version, i) => [
      { time: p.time, layer: `${i}a`, value: p.ready[version] },
      { time: p.time, layer: `${i}b`, value: p.pods[version] - p.ready[version] },
    ]),
  );
  const layers = versions.flatMap((_, i) => [`${i}a`, `${i}b`]);
  const colors = new Map(
    versions.flatMap((_, i) => [
      [`${i}a`, versionColor(i)],
      [`${i}b`, versionSoft(i)],
    ]),
  );
  return timePlot({
    width,
    height,
    runs: all,
    y: {
      domain: [0, top ?? Math.max(1, ...points.map((p) => versions.reduce((n, v) => n + p.pods[v], 0)))],
      marginLeft: 34,
    },
    window: rolloutWindow(run),
    rules,
    points,
    describe: (p) =>
      versions
        .filter((v) => p.pods[v] > 0)
        .map((v) => `${v}  ${p.ready[v]} ready of ${p.pods[v]}`)
        .join('\n') || 'no pods',
    marks: [
      Plot.areaY(
        rows,
        Plot.stackY(
          { order: layers },
          { x: 'time', y: 'value', z: 'layer', fill: (d) => colors.get(d.layer), curve: 'step-after', clip: true },
        ),
      ),
      wanted > 0 ? Plot.ruleY([wanted], { stroke: 'var(--grid)', strokeOpacity: 0.55, strokeDasharray: '5,4' }) : null,
    ],
  });
}

/** Means with their intervals, a row a strategy, one small plot a measure, each with its group: for comparisons over several seeds. */
export function intervals(study) {
  const shown = study.measures.filter(({ rows }) => rows.some(({ low, high }) => low !== 0 || high !== 0));
  return shown.map((measure, i) => ({
    group: measure.group,
    entry: figure({
      title: measureName(measure),
      note: `mean and ${Math.round(study.level * 100)}% interval over ${count(study.seeds)} seeds${measure.absent.length === 0 ? '' : `; not with every seed: ${measure.absent.join(', ')}`}`,
      label: measure.rows
        .map(
          (row) =>
            `${row.name}: ${text(measure, row.estimate)}, between ${text(measure, row.low)} and ${text(measure, row.high)}${row.tied ? '' : ', worse than the best'}`,
        )
        .join('; '),
      data: () =>
        measure.rows.map(({ name, estimate, low, high, pValue, tied }) => ({
          strategy: name,
          estimate,
          low,
          high,
          p_value: pValue,
          tied,
        })),
      legend:
        i === 0
          ? [key('not significantly worse than the best', 'var(--s1)'), key('worse than the best', 'var(--s6)')]
          : null,
      draw: (width) =>
        whiskers(width, measure.rows, {
          words: (value) => text(measure, value),
          color: (row) => (row.tied ? 'var(--s1)' : 'var(--s6)'),
          symbol: (row) => (row.tied ? 'circle' : 'diamond'),
          title: (row) =>
            `${row.name}\n${text(measure, row.estimate)}\n${text(measure, row.low)} to ${text(measure, row.high)}${row.pValue === null ? '\nthe best' : `\np ${row.pValue < 0.001 ? '< 0.001' : `= ${row.pValue.toPrecision(2)}`} against the best`}`,
        }),
    }),
  }));
}

/** A row a strategy: a dot at `estimate`, a whisker from `low` to `high`. */
function whiskers(width, rows, { words, color, symbol, title }) {
  return Plot.plot({
    width,
    height: 50 + 30 * rows.length,
    marginLeft: Math.min(150, 24 + 7 * Math.max(...rows.map((row) => row.name.length))),
    marginRight: 24,
    x: {
      ...domainOf(rows),
      grid: true,
      label: null,
      // Values that are close together would all be called the same: the first of them is enough.
      tickFormat: (value, i, ticks) => (i > 0 && words(value) === words(ticks[i - 1]) ? '' : words(value).replace(/\.0+(?=[ %]|$)/, '')),
      ticks: Math.max(3, Math.floor(width / 110)),
    },
    y: { domain: rows.map((row) => row.name), label: null, tickSize: 0, tickPadding: 10 },
    marks: [
      Plot.ruleY(rows, { x1: 'low', x2: 'high', y: 'name', stroke: color, strokeWidth: 2.5 }),
      Plot.tickX(
        rows.flatMap((row) => [row.low, row.high].map((at) => ({ ...row, at }))).filter((row) => row.at !== row.estimate),
        { x: 'at', y: 'name', stroke: color, strokeWidth: 2.5, inset: 7 },
      ),
      Plot.dot(rows, { x: 'estimate', y: 'name', fill: color, r: 5, symbol }),
      Plot.tip(rows, Plot.pointerY({ x: 'estimate', y: 'name', maxRadius: 200, title })),
    ],
  });
}

/** What a glance should tell of strategies that were run with one seed: dots, with whiskers where one run has a spread of its own. */
export function glance(runs) {
  const colors = new Map(runs.map((run, i) => [run.name, strategyColor(i)]));
  const shown = (title, note, words, rowOf) => {
    const rows = runs.map((run) => ({ name: run.name, ...rowOf(run.summary.metrics) })).filter((row) => row.estimate !== null && row.estimate !== undefined);
    if (rows.length < 2) return null;
    const line = (row) => row.words ?? `${words(row.estimate)}${row.low === row.high ? '' : `, ${words(row.low)} to ${words(row.high)}`}`;
    return figure({
      title,
      note,
      label: rows.map((row) => `${row.name}: ${line(row)}`).join('; '),
      data: () => rows.map(({ name, estimate, low, high }) => ({ strategy: name, estimate, low, high })),
      draw: (width) =>
        whiskers(width, rows, { words, color: (row) => colors.get(row.name), symbol: () => 'circle', title: (row) => `${row.name}\n${line(row)}` }),
    });
  };
  const alone = (value) => ({ estimate: value, low: value, high: value });
  return [
    shown('How long the rollout takes', 'from its start to its end', seconds, (metrics) => alone(metrics.rolloutDuration)),
    shown('Requests that fail', 'share over the run, with the 95% interval of its requests (Wilson)', formatShare, (metrics) =>
      metrics.requests === 0 ? alone(null) : shareInterval(metrics.errors, metrics.requests),
    ),
    shown('Latency of users', 'during the rollout: dot p50, whisker to p99', seconds, ({ latency: { during } }) => ({
      estimate: during.p50,
      low: during.p50,
      high: during.p99,
      words: `p50 ${seconds(during.p50)}, p90 ${seconds(during.p90)}, p99 ${seconds(during.p99)}`,
    })),
    shown('API writes', 'over the run', count, (metrics) => alone(metrics.apiWrites)),
  ].filter(Boolean);
}

/** The axis of intervals; one that is a single value stands in the middle. */
function domainOf(rows) {
  const low = Math.min(...rows.map((row) => row.low));
  const high = Math.max(...rows.map((row) => row.high));
  return low === high
    ? { domain: [low - (Math.abs(low) * 0.1 || 1), high + (Math.abs(high) * 0.1 || 1)] }
    : { nice: true };
}

function text(measure, value) {
  if (measure.unit === 'seconds') return seconds(value);
  return formatMeasure(value, measure.unit);
}
