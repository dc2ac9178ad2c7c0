import {
  clock,
  count,
  durationAxis,
  figure,
  gapLine,
  held,
  key,
  Plot,
  seconds,
  seriesColor,
  timeAxis,
  timePlot,
} from './charts.js';
import { h } from './dom.js';
import { distinct, grid, maxByTime, rolloutWindow, rowsOf, timeDomain } from './series.js';
import { range, rate } from './together.js';

/** Figures about API servers, etcd and the scheduler. */
export function controlPlane(run) {
  return [
    apiRate(run),
    apiLatency(run),
    apiTotals(run),
    raft(run),
    etcdLatency(run),
    schedulerQueues(run),
    schedulerAttempts(run),
  ].filter(Boolean);
}

/** A stacked or plain set of series over time with a common tip. */
function seriesFigure(run, { title, note, names, series, stacked, format = count, axis = {}, wide, unit = '' }) {
  const at = series.map((points) => new Map(points.map((p) => [p.time, p.value])));
  const all = series.flatMap((points, i) =>
    held(points, run.summary.simulatedSeconds).map((p) => ({ ...p, name: names[i] })),
  );
  const colors = new Map(names.map((name, i) => [name, seriesColor(i)]));
  return figure({
    title,
    note,
    wide,
    label: names.map((name, i) => `${name}: ${range(series[i], format)}`).join('; '),
    legend: names.map((name) => key(name, colors.get(name), stacked ? 'swatch' : 'stroke')),
    times: grid(run),
    data: () =>
      grid(run).map((time) => ({
        time,
        ...Object.fromEntries(names.map((name, i) => [name, at[i].get(time) ?? null])),
      })),
    draw: (width) =>
      timePlot({
        width,
        runs: [run],
        y: axis,
        window: rolloutWindow(run),
        points: grid(run).map((time) => ({ time })),
        describe: (d) =>
          names
            .map((name, i) => [name, at[i].get(d.time)])
            .filter(([, value]) => value !== null && value !== undefined)
            .map(([name, value]) => `${name}  ${format(value)}${unit}`)
            .join('\n'),
        marks: stacked
          ? [
              Plot.areaY(
                all,
                Plot.stackY(
                  { order: names },
                  {
                    x: 'time',
                    y: 'value',
                    z: 'name',
                    fill: (d) => colors.get(d.name),
                    curve: 'step-after',
                    clip: true,
                  },
                ),
              ),
            ]
          : series.flatMap((points, i) => gapLine(points, seriesColor(i))),
      }),
  });
}

function apiRate(run) {
  const rows = rowsOf(run, 'api_requests_by_second');
  if (rows.length === 0) return null;
  const verbs = distinct(rows, 'verb');
  return seriesFigure(run, {
    title: 'API requests',
    note: 'at the kube-apiservers a second, by verb',
    names: verbs,
    series: verbs.map((verb) =>
      rate(
        run,
        rows.filter((row) => row.verb === verb),
        (row) => row.requests,
      ),
    ),
    stacked: true,
    unit: '/s',
  });
}

function apiLatency(run) {
  const rows = rowsOf(run, 'api_requests_by_second').filter((row) => row.verb !== 'watch');
  if (rows.length === 0) return null;
  const verbs = distinct(rows, 'verb');
  return seriesFigure(run, {
    title: 'API latency p99',
    note: 'at the kube-apiservers, slowest kind of request of each verb',
    names: verbs,
    series: verbs.map((verb) =>
      maxByTime(
        run,
        rows.filter((row) => row.verb === verb),
        (row) => row.p99,
      ),
    ),
    format: seconds,
    axis: durationAxis,
  });
}

function apiTotals(run) {
  const rows = rowsOf(run, 'api_totals').toSorted((a, b) => b.requests - a.requests);
  if (rows.length === 0) return null;
  const most = rows[0].requests;
  const row = (entry) =>
    h(
      'tr',
      {},
      h('td', { class: 'word' }, entry.verb),
      h('td', { class: 'word' }, entry.resource),
      h('td', { class: 'number' }, String(entry.code)),
      h(
        'td',
        { class: 'number' },
        count(entry.requests),
        h(
          'span',
          { class: 'bar', 'aria-hidden': 'true' },
          h('i', { style: `width:${(100 * entry.requests) / most}%` }),
        ),
      ),
      h('td', { class: 'number' }, seconds(entry.mean)),
      h('td', { class: 'number' }, seconds(entry.p99)),
    );
  return figure({
    title: 'API requests by kind',
    note: 'over the whole run; p99: of the worst second',
    label: `${rows.length} kinds of requests`,
    wide: true,
    data: () => rows.map(({ time, ...rest }) => rest),
    draw: () =>
      h(
        'div',
        { class: 'window', tabindex: '0', style: 'max-height:420px' },
        h(
          'table',
          { class: 'rows kinds' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              ['Verb', 'Resource'].map((n) => h('th', { scope: 'col' }, n)),
              ['Code', 'Requests', 'Mean', 'p99'].map((n) => h('th', { scope: 'col', class: 'number' }, n)),
            ),
          ),
          h('tbody', {}, rows.slice(0, 100).map(row)),
        ),
      ),
  });
}

/** Who leads which term: a bar a member. */
function raft(run) {
  const rows = rowsOf(run, 'etcd_by_second');
  if (rows.length === 0) return null;
  const members = distinct(rows, 'member').sort();
  const reigns = members.flatMap((member) =>
    spans(
      rows.filter((row) => row.member === member),
      run,
    ),
  );
  const leaders = reigns.filter((span) => span.leader === 1);
  return figure({
    title: 'Raft terms and leaders',
    note: 'a bar while a member leads, with the term; pale while it follows; a gap while it is down',
    label: leaders
      .map((span) => `${span.member} leads term ${span.term} from ${clock(span.from)} to ${clock(span.to)}`)
      .join('; '),
    data: () => reigns,
    draw: (width) =>
      Plot.plot({
        width,
        height: 60 + members.length * 34,
        marginLeft: 64,
        marginRight: 12,
        marginTop: 10,
        x: timeAxis(width, ...timeDomain([run])),
        y: { domain: members, label: null, tickSize: 0 },
        marks: [
          Plot.barX(reigns, {
            x1: 'from',
            x2: 'to',
            y: 'member',
            fill: (d) => (d.leader === 1 ? 'var(--s1)' : 'var(--v0-soft)'),
            insetTop: 4,
            insetBottom: 4,
            rx: 3,
            clip: true,
          }),
          Plot.text(shownSpans(leaders, timeDomain([run]), width), {
            x: (d) => (d.from + d.to) / 2,
            y: 'member',
            text: (d) => `term ${d.term}`,
            fill: 'var(--surface)',
            fontWeight: 600,
          }),
          Plot.tip(
            shownSpans(reigns, timeDomain([run]), Infinity),
            Plot.pointer({
              x: (d) => (d.from + d.to) / 2,
              y: 'member',
              maxRadius: 2000,
              title: (d) =>
                `${d.member}\n${d.leader === 1 ? 'leads' : 'follows in'} term ${d.term}\n${clock(d.from)} to ${clock(d.to)}`,
            }),
          ),
        ],
      }),
  });
}

/** Spans cut to the time shown, without those too narrow for a text. */
function shownSpans(spans, [from, to], width) {
  return spans
    .map((span) => ({ ...span, from: Math.max(from, span.from), to: Math.min(to, span.to) }))
    .filter((span) => span.to > span.from && ((span.to - span.from) / (to - from)) * width > 70);
}

/** Runs of equal (leader, term) as spans; a missing window ends a span. */
function spans(rows, run) {
  const list = [];
  for (const row of rows) {
    const last = list.at(-1);
    if (last && last.leader === row.leader && last.term === row.term && row.time - last.to < run.window * 1.5)
      last.to = row.time + run.window;
    else
      list.push({ member: row.member, leader: row.leader, term: row.term, from: row.time, to: row.time + run.window });
  }
  return list;
}

function etcdLatency(run) {
  const rows = rowsOf(run, 'etcd_by_second');
  if (rows.length === 0) return null;
  const names = ['commit p99', 'commit p50', 'fsync p99', 'fsync p50'];
  const columns = ['commit_p99', 'commit_p50', 'fsync_p99', 'fsync_p50'];
  return seriesFigure(run, {
    title: 'etcd latency',
    note: 'from proposal to commit at the leader; WAL fdatasync, slowest member',
    names,
    series: columns.map((column) => maxByTime(run, rows, (row) => row[column])),
    format: seconds,
    axis: durationAxis,
  });
}

function schedulerQueues(run) {
  const rows = rowsOf(run, 'scheduler_by_second');
  if (rows.length === 0) return null;
  const names = ['active', 'backoff', 'unschedulable', 'gated'].filter((name) => rows.some((row) => row[name] > 0));
  if (names.length === 0) {
    return figure({
      title: 'Scheduler queues',
      note: 'pods waiting, by queue',
      data: () => rows,
      draw: () => h('p', { class: 'empty' }, 'No pod was waiting at the end of a second.'),
    });
  }
  return seriesFigure(run, {
    title: 'Scheduler queues',
    note: 'pods waiting, by queue',
    names,
    series: names.map((name) => maxByTime(run, rows, (row) => row[name])),
    stacked: true,
    unit: ' pods',
  });
}

const RESULTS = new Map([
  ['scheduled', 'var(--s1)'],
  ['unschedulable', 'var(--s0)'],
  ['error', 'var(--s4)'],
]);

function schedulerAttempts(run) {
  const rows = rowsOf(run, 'scheduler_attempts');
  if (rows.length === 0) return null;
  const reasons = new Map();
  for (const row of rows) if (row.message) reasons.set(row.message, (reasons.get(row.message) ?? 0) + 1);
  const why = [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 8);
  const results = distinct(rows, 'result');
  const shown = run.shown.scheduler_attempts;
  const element = figure({
    title: 'Scheduling attempts',
    note: `duration of each scheduling cycle${shown ? `; ${count(shown[0])} of ${count(shown[1])} attempts` : ''}`,
    label: results.map((result) => `${rows.filter((row) => row.result === result).length} ${result}`).join(', '),
    legend: results.map((result) => key(result, RESULTS.get(result) ?? 'var(--s6)')),
    data: () => rows,
    draw: (width) =>
      Plot.plot({
        width,
        height: 220,
        marginLeft: 62,
        marginRight: 12,
        marginTop: 14,
        x: timeAxis(width, ...timeDomain([run])),
        y: { zero: true, nice: true, tickFormat: durationAxis.tickFormat, label: null, ticks: 5 },
        marks: [
          Plot.gridY({ stroke: 'var(--grid)', strokeOpacity: 0.1, ticks: 5 }),
          Plot.dot(rows, {
            clip: true,
            x: 'time',
            y: 'duration',
            fill: (d) => RESULTS.get(d.result) ?? 'var(--s6)',
            r: 2.6,
            fillOpacity: 0.75,
            symbol: (d) => (d.result === 'scheduled' ? 'circle' : 'triangle'),
          }),
          Plot.ruleY([0], { stroke: 'var(--grid)', strokeOpacity: 0.35 }),
          Plot.tip(
            rows,
            Plot.pointer({
              x: 'time',
              y: 'duration',
              lineWidth: 34,
              title: (d) =>
                `${clock(d.time)}  ${d.pod}\n${d.result}${d.node ? ` to ${d.node}` : ''}, attempt ${d.attempt}\ncycle ${seconds(d.duration)}, waited ${seconds(d.queued)}\n${count(d.feasible_nodes)} of ${count(d.evaluated_nodes)} nodes fit${d.message ? `\n${d.message}` : ''}`,
            }),
          ),
        ],
      }),
  });
  if (why.length > 0) {
    element.append(h('h4', { style: 'margin:10px 0 0;font-size:13.5px' }, 'Why pods were not placed'));
    element.append(
      h(
        'ul',
        { style: 'margin:4px 0 0;padding-left:18px;font-size:13.5px' },
        why.map(([message, n]) => h('li', {}, `${message} (${count(n)}×)`)),
      ),
    );
  }
  return element;
}
