import { formatShare } from '../format.ts';
import { clock, count, figure, gapLine, key, seriesColor, timePlot } from './charts.js';
import { distinct, rowsOf } from './series.js';

/** A resource without the domain of its name. */
const plain = (resource) => resource.slice(resource.indexOf('/') + 1);

/** How full the cluster is over time and how much of the rest is fragmented, for runs with a pod trace. */
export function allocation(run) {
  const rows = rowsOf(run, 'allocation');
  if (rows.length === 0) return [];
  const names = distinct(rows, 'resource');
  const pending = rows.filter((row) => row.resource === names[0]);
  return [
    shares(run, rows, names, 'rate', 'Allocation rate', 'requests of bound pods as a share of the allocatable'),
    shares(
      run,
      rows,
      names,
      'fragmented_share',
      'Fragmentation',
      'share of what is free that the pods of the trace cannot use, in the mean over them (Weng et al., USENIX ATC 2023)',
    ),
    lines(run, {
      title: 'Pods of the trace',
      note: 'bound to nodes, and waiting for one',
      names: ['bound', 'pending'],
      series: ['bound', 'pending'].map((name) => pending.map((row) => ({ time: row.time, value: row[name] }))),
      format: count,
      y: {},
    }),
  ];
}

function shares(run, rows, names, column, title, note) {
  return lines(run, {
    title,
    note,
    names: names.map(plain),
    series: names.map((name) =>
      rows.filter((row) => row.resource === name).map((row) => ({ time: row.time, value: row[column] })),
    ),
    format: formatShare,
    y: { tickFormat: formatShare, domain: [0, 1] },
  });
}

function lines(run, { title, note, names, series, format, y }) {
  const last = (points) => points.at(-1)?.value ?? null;
  return figure({
    title,
    note,
    label: names.map((name, i) => `${name} at the end: ${format(last(series[i]))}`).join('; '),
    legend: names.map((name, i) => key(name, seriesColor(i), 'stroke')),
    data: () => series[0].map(({ time }, i) => ({ time, ...Object.fromEntries(names.map((name, s) => [name, series[s][i]?.value ?? null])) })),
    draw: (width) =>
      timePlot({
        width,
        runs: [run],
        y,
        points: series[0].map(({ time }) => ({ time })),
        describe: (d) => [clock(d.time), ...names.map((name, i) => `${name}  ${format(series[i].find((p) => p.time === d.time)?.value ?? null)}`)].join('\n'),
        marks: series.flatMap((points, i) => gapLine(points, seriesColor(i))),
      }),
  });
}
