import { clock, count, figure, key, Plot, seconds, timeAxis, versionColor } from './charts.js';
import { h } from './dom.js';
import { distinct, rowsOf, timeDomain } from './series.js';

/** Phases of a pod's life: name, instant it begins, colour. */
const PHASES = [
  ['scheduling', 'created', 'var(--s4)'],
  ['sandbox', 'scheduled', 'var(--s5)'],
  ['image pull', 'sandboxed', 'var(--s3)'],
  ['container start', 'pulled', 'var(--s0)'],
  ['until ready', 'started', 'var(--v0)'],
  ['ready', 'ready', 'var(--s2)'],
  ['terminating', 'deleted', 'var(--s6)'],
];

/**
 * Spans of one pod: each phase lasts until the next instant that happened, or the end of the run. An instant that was seen
 * only after a later one is left out.
 */
function phases(pod, end) {
  const marks = PHASES.map(([name, column, color]) => ({ name, color, at: pod[column] })).filter(
    (mark) => mark.at !== null,
  );
  const ordered = marks.filter((mark, i) => marks.slice(i + 1).every((later) => later.at >= mark.at));
  const last = pod.removed ?? end;
  return ordered
    .map((mark, i) => ({
      pod: pod.name,
      from: mark.at,
      to: i + 1 < ordered.length ? ordered[i + 1].at : last,
      name: mark.name,
      color: mark.color,
      row: pod,
    }))
    .filter((span) => span.to > span.from);
}

const ORDERS = {
  creation: (a, b) => (a.created ?? 0) - (b.created ?? 0),
  node: (a, b) => compareText(a.node, b.node) || (a.created ?? 0) - (b.created ?? 0),
  version: (a, b) => compareText(a.version, b.version) || (a.created ?? 0) - (b.created ?? 0),
  'time until ready': (a, b) => (b.ready ?? Infinity) - (b.created ?? 0) - ((a.ready ?? Infinity) - (a.created ?? 0)),
};

function compareText(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The end of a long name: what tells pods of one ReplicaSet apart. */
function shortName(name) {
  return name.length > 28 ? `…${name.slice(-27)}` : name;
}

/** A Gantt chart with a bar a pod. */
export function podWaterfall(run) {
  const pods = rowsOf(run, 'pods');
  if (pods.length === 0) return null;
  const shown = run.shown.pods;
  const versions = distinct(pods.toSorted(ORDERS.creation), 'version');
  const versionOf = new Map(versions.map((version, i) => [version, versionColor(i)]));
  let order = 'creation';
  const startup = run.summary.metrics.podStartup.pod_startup;
  const change = (set) => (event) => {
    set(event.target);
    element.redraw();
  };
  const element = figure({
    title: 'Pod waterfall',
    note: `the phases of each pod that came or went${shown ? `; ${count(shown[0])} of ${count(shown[1])} pods, evenly chosen` : ''}`,
    label: `${pods.length} pods; start-up median ${seconds(startup.p50)}, 99th percentile ${seconds(startup.p99)}`,
    wide: true,
    legend: [...PHASES.map(([name, , color]) => key(name, color)), ...versions.map((version) => key(`square: ${version}`, versionOf.get(version)))],
    controls: h(
      'div',
      { class: 'controls' },
      h(
        'label',
        {},
        'Order by ',
        h(
          'select',
          {
            change: change((target) => {
              order = target.value;
            }),
          },
          Object.keys(ORDERS).map((name) => h('option', {}, name)),
        ),
      ),
    ),
    data: () => pods,
    draw: (width) => {
      const [from, to] = timeDomain([run]);
      const sorted = pods.toSorted(ORDERS[order]);
      const spans = sorted
        .flatMap((pod) => phases(pod, run.summary.simulatedSeconds))
        .filter((s) => s.to > from && s.from < to);
      const names = sorted.map((pod) => pod.name);
      const nodeOf = new Map(sorted.map((pod) => [pod.name, pod.node || 'no node']));
      const step = Math.max(2, Math.min(14, 700 / names.length));
      const labels = step >= 10 && width > 600;
      return Plot.plot({
        width,
        height: Math.max(90, names.length * step + 46),
        marginLeft: labels ? 170 : 12,
        marginRight: 12,
        marginTop: 22,
        x: { ...timeAxis(width, from, to), axis: 'both', grid: true, clamp: true },
        y: {
          domain: names,
          axis: null,
          label: null,
        },
        marks: [
          labels
            ? Plot.axisY({ tickSize: 0, tickPadding: 9, fontSize: 10, label: null, tickFormat: (name) => (order === 'node' ? `${nodeOf.get(name)} · ${name.slice(-5)}` : shortName(name)) })
            : null,
          Plot.dot(sorted, {
            frameAnchor: 'left',
            y: 'name',
            dx: -4,
            r: Math.min(3.2, step / 2.4),
            symbol: 'square',
            fill: (d) => versionOf.get(d.version),
          }),
          Plot.barX(spans, { x1: 'from', x2: 'to', y: 'pod', fill: 'color', inset: step > 4 ? 0.6 : 0, clip: true }),
          Plot.tip(
            spans,
            Plot.pointerY({
              x: (d) => (Math.max(from, d.from) + Math.min(to, d.to)) / 2,
              y: 'pod',
              title: (d) =>
                `${d.pod}\n${d.row.version} on ${d.row.node || 'no node'}\n${PHASES.filter(
                  ([, column]) => d.row[column] !== null && d.row[column] > 0,
                )
                  .map(([name, column]) => `${clock(d.row[column])}  ${name}`)
                  .join(
                    '\n',
                  )}${d.row.ready !== null && d.row.created ? `\nready after ${seconds(d.row.ready - d.row.created)}` : ''}${d.row.restarts > 0 ? `\n${d.row.restarts} restarts` : ''}`,
              maxRadius: 60,
            }),
          ),
        ],
      });
    },
  });
  return element;
}

/** Steps of the scale of shares, from the least to the alarming one. */
const HEAT = ['var(--heat0)', 'var(--heat1)', 'var(--heat2)', 'var(--heat3)', 'var(--heat4)'];

/**
 * Bounds of the steps: those that people plan with when some node is a quarter full; in an emptier cluster fifths of the fullest, so
 * that one still sees which nodes have more.
 */
function heatBounds(highest) {
  if (highest >= 0.25) return [0.25, 0.5, 0.75, 0.9];
  const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05].find((each) => 5 * each >= highest) ?? 0.05;
  return [step, 2 * step, 3 * step, 4 * step];
}

/** The key of the scale: its steps as one bar with the bounds between them. */
function heatKey(bounds) {
  const texts = [`below ${share(bounds[0])}`, ...bounds.slice(0, -1).map((low, i) => `${share(low)} to ${share(bounds[i + 1])}`), `${share(bounds.at(-1))} and more`];
  // The last colour alarms; it is kept for nodes that are really full.
  return texts.map((text, i) => key(text, i === 4 && bounds[3] < 0.9 ? 'var(--heat3)' : HEAT[i]));
}

/** Requested CPU or memory of nodes over time. */
export function nodeHeat(run) {
  const rows = rowsOf(run, 'node_usage');
  if (rows.length === 0) return null;
  const bands = [...new Set(rows.map((row) => row.node))];
  const times = [...new Set(rows.map((row) => row.time))].sort((a, b) => a - b);
  const next = new Map(times.map((time, i) => [time, times[i + 1] ?? run.summary.simulatedSeconds]));
  const highest = { cpu_requested: 0, memory_requested: 0 };
  for (const row of rows) for (const name of Object.keys(highest)) highest[name] = Math.max(highest[name], row[name]);
  const top = Math.max(...rows.map((row) => row.cpu_highest));
  const legend = h('span', { style: 'display:contents' }, heatKey(heatBounds(highest.cpu_requested)));
  let column = 'cpu_requested';
  const element = figure({
    title: 'Node utilisation',
    note: `requested share of the allocatable of nodes with pods; fullest on top${bands.some((band) => / nodes like /.test(band)) ? ', alike ones averaged' : ''}`,
    label: `CPU requested: highest node ${percent(top)}`,
    wide: true,
    controls: h(
      'div',
      { class: 'controls' },
      h(
        'label',
        {},
        'Resource ',
        h(
          'select',
          {
            change: (event) => {
              column = event.target.value;
              legend.replaceChildren(...heatKey(heatBounds(highest[column])));
              element.redraw();
            },
          },
          h('option', { value: 'cpu_requested' }, 'CPU'),
          h('option', { value: 'memory_requested' }, 'memory'),
        ),
      ),
    ),
    data: () => rows,
    draw: (width) => {
      const bounds = heatBounds(highest[column]);
      const range = bounds[3] < 0.9 ? [...HEAT.slice(0, 4), HEAT[3]] : HEAT;
      const each = Math.max(4, Math.min(16, 300 / bands.length));
      const labels = each >= 11 && width > 600;
      return Plot.plot({
        width,
        height: bands.length * each + 50,
        marginLeft: labels ? 130 : 12,
        marginRight: 12,
        marginTop: 6,
        x: timeAxis(width, ...timeDomain([run])),
        y: { domain: bands, axis: null, padding: 0.04 },
        color: { type: 'threshold', domain: bounds, range },
        marks: [
          labels ? Plot.axisY({ tickSize: 0, fontSize: 10, label: null, tickFormat: shortName }) : null,
          Plot.barX(rows, { x1: 'time', x2: (d) => next.get(d.time), y: 'node', fill: column, inset: 0.5, clip: true }),
          Plot.tip(
            rows,
            Plot.pointer({
              x: (d) => (d.time + next.get(d.time)) / 2,
              y: 'node',
              title: (d) =>
                `${d.node}\n${clock(d.time)}\nCPU ${share(d.cpu_requested)} requested (highest ${share(d.cpu_highest)})\nmemory ${share(d.memory_requested)} requested`,
            }),
          ),
        ],
      });
    },
    legend: [legend],
  });
  return element;
}

/** A share, with a digit after the point where it is small. */
function share(value) {
  return value < 0.0995 && value > 0 ? `${Number((100 * value).toPrecision(2))}%` : percent(value);
}

function percent(share) {
  return `${Math.round(share * 100)}%`;
}

const STARTUP = {
  create_to_schedule: 'create to schedule',
  schedule_to_run: 'schedule to run',
  schedule_to_sandbox: '· schedule to sandbox',
  sandbox_to_pulled: '· sandbox to images',
  pulled_to_run: '· images to run',
  run_to_ready: 'run to ready',
  run_to_watch: 'run to watch',
  schedule_to_watch: 'schedule to watch',
  pod_startup: 'whole start-up',
};

/** Quantiles of the start-up of pods, split as Kubernetes' scalability tests do. */
export function podStartup(run) {
  const rows = Object.entries(STARTUP)
    .map(([name, text]) => ({ phase: text, ...run.summary.metrics.podStartup[name] }))
    .filter((row) => row.count > 0);
  if (rows.length === 0) return null;
  const level = run.summary.serviceLevels.find((verdict) => verdict.metric === 'podStartup');
  const limit = level === undefined ? [] : [level.limit];
  const points = rows.flatMap((row) =>
    ['p50', 'p90', 'p99'].map((quantile) => ({ phase: row.phase, quantile, value: row[quantile] })),
  );
  const colors = { p50: 'var(--v0)', p90: 'var(--s5)', p99: 'var(--s1)' };
  return figure({
    title: 'Pod start-up',
    note: `split as Kubernetes' scalability tests do; ${count(rows.at(-1).count)} pods${level === undefined ? '' : '; dashed: the official service level for p99'}`,
    label: rows.map((row) => `${row.phase}: p50 ${seconds(row.p50)}, p99 ${seconds(row.p99)}`).join('; '),
    wide: true,
    legend: Object.entries(colors).map(([name, color]) => key(name, color)),
    data: () => rows,
    draw: (width) =>
      Plot.plot({
        width,
        height: 50 + rows.length * 30,
        marginLeft: 124,
        marginRight: 24,
        x: {
          zero: true,
          nice: true,
          grid: true,
          label: null,
          tickFormat: (value) => seconds(value).replace(/\.0+ /, ' '),
          ticks: Math.max(3, Math.floor(width / 110)),
        },
        y: { domain: rows.map((row) => row.phase), label: null, tickSize: 0 },
        marks: [
          Plot.ruleX(limit, { stroke: 'var(--grid)', strokeOpacity: 0.6, strokeDasharray: '5,4' }),
          Plot.ruleY(rows, { x1: 'p50', x2: 'p99', y: 'phase', stroke: 'var(--line)', strokeWidth: 3 }),
          Plot.dot(points, { x: 'value', y: 'phase', fill: (d) => colors[d.quantile], r: 5.5 }),
          Plot.tip(
            rows,
            Plot.pointerY({
              x: 'p99',
              y: 'phase',
              maxRadius: 300,
              title: (row) =>
                `${row.phase}\np50 ${seconds(row.p50)}\np90 ${seconds(row.p90)}\np99 ${seconds(row.p99)}\nlongest ${seconds(row.max)}`,
            }),
          ),
        ],
      }),
  });
}
