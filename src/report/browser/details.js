import { formatShare } from '../format.ts';
import { allocation } from './allocation.js';
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
  timePlot,
  versionColor,
} from './charts.js';
import { controlPlane } from './control-plane.js';
import { h } from './dom.js';
import { eventsFigure } from './events.js';
import { nodeHeat, podStartup, podWaterfall } from './pods.js';
import { deployments, distinct, grid, maxByTime, replicasOverTime, rolloutWindow, rowsOf } from './series.js';
import { range, rate, replicasPlot } from './together.js';

/** The parts of the page about one run: elements, or groups of figures. */
export function details(run, several) {
  const users = [replicas(run), requests(run), errors(run), latency(run)].filter(Boolean);
  const work = [...allocation(run), podWaterfall(run), podStartup(run), nodeHeat(run)].filter(Boolean);
  const control = controlPlane(run);
  const log = [eventsFigure(run)].filter(Boolean);
  return [
    ...(several ? [facts(run)] : []),
    ...part('Users and replicas', users),
    ...part('Pods and nodes', work),
    ...part('Control plane', control),
    ...part('Events', log),
  ];
}

function part(title, figures) {
  return figures.length === 0 ? [] : [h('h3', { class: 'section' }, title), { figures }];
}

function facts(run) {
  const { metrics } = run.summary;
  const entries = [
    ['Rollout', metrics.rolloutDuration === null ? null : seconds(metrics.rolloutDuration)],
    ['Requests', count(metrics.requests)],
    ['Errors', count(metrics.errors)],
    ['Error share', formatShare(metrics.errorShare)],
    ['p99 during', metrics.latency.during.p99 === null ? null : seconds(metrics.latency.during.p99)],
    ['Lowest available', metrics.lowestAvailableShare === null ? null : formatShare(metrics.lowestAvailableShare)],
    ['Surge', metrics.surgePodSeconds === null ? null : `${count(metrics.surgePodSeconds)} pod-s`],
  ].filter(([, value]) => value !== null);
  return h(
    'dl',
    { class: 'facts' },
    entries.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}

function replicas(run) {
  const names = deployments(run);
  if (names.length === 0) return null;
  let { versions, points, wanted } = replicasOverTime(run, names[0]);
  const steps = rowsOf(run, 'rollout');
  const legend = () => versions.map((version, i) => key(version, versionColor(i)));
  const legendBox = h('span', { style: 'display:contents' }, legend());
  const pickDeployment = (event) => {
    ({ versions, points, wanted } = replicasOverTime(run, event.target.value));
    legendBox.replaceChildren(...legend());
    element.redraw();
  };
  const element = figure({
    title: 'Replicas by version',
    note: 'full colour: ready; pale: starting or stopping; dashed: wanted; shaded: the rollout',
    label: `Lowest available share ${formatShare(run.summary.metrics.lowestAvailableShare)}`,
    wide: true,
    times: points.map((point) => point.time),
    legend: [legendBox],
    controls:
      names.length < 2
        ? null
        : h(
            'div',
            { class: 'controls' },
            h(
              'label',
              {},
              'Deployment ',
              h(
                'select',
                { change: pickDeployment },
                names.map((name) => h('option', {}, name)),
              ),
            ),
          ),
    data: () =>
      points.flatMap((p) =>
        versions.map((version) => ({ time: p.time, version, pods: p.pods[version], ready: p.ready[version] })),
      ),
    draw: (width) =>
      replicasPlot({
        run,
        points,
        versions,
        wanted,
        width,
        height: 240,
        runs: [run],
        rules: steps.length <= 40 ? steps : [],
      }),
  });
  if (steps.length > 0) element.append(stepList(steps));
  return element;
}

function stepList(steps) {
  const list = h('ol', { class: 'steps', 'aria-label': 'Steps of the rollout' });
  list.append(
    ...steps
      .slice(0, 60)
      .map((step) => h('li', {}, h('time', {}, clock(step.time)), h('b', {}, step.phase), h('span', {}, step.message))),
  );
  return list;
}

function requests(run) {
  const rows = rowsOf(run, 'requests_by_second');
  if (rows.length === 0) return null;
  const versions = distinct(rows, 'version');
  const known = versions.filter((version) => version !== '').sort((a, b) => firstTime(rows, a) - firstTime(rows, b));
  const colors = new Map([...known.map((version, i) => [version, versionColor(i)]), ['', 'var(--s0)']]);
  const series = new Map(
    versions.map((version) => [
      version,
      rate(
        run,
        rows.filter((row) => row.version === version),
        (row) => row.requests,
      ),
    ]),
  );
  const order = [...known, ...(versions.includes('') ? [''] : [])];
  const stacked = order.flatMap((version) =>
    held(series.get(version), run.summary.simulatedSeconds).map((point) => ({ ...point, version })),
  );
  const at = new Map(order.map((version) => [version, new Map(series.get(version).map((p) => [p.time, p.value]))]));
  const name = (version) => (version === '' ? 'no pod reached' : version);
  return figure({
    title: 'Requests',
    note: 'of users a second, by the version that answered',
    label: order.map((version) => `${name(version)}: ${range(series.get(version), count)}`).join('; '),
    legend: order.map((version) => key(name(version), colors.get(version))),
    times: grid(run),
    data: () => stacked.map((p) => ({ time: p.time, version: p.version, requests_per_second: p.value })),
    draw: (width) =>
      timePlot({
        width,
        runs: [run],
        window: rolloutWindow(run),
        points: grid(run).map((time) => ({ time })),
        describe: (d) =>
          order.map((version) => `${name(version)}  ${count(at.get(version).get(d.time) ?? 0)}/s`).join('\n'),
        marks: [
          Plot.areaY(
            stacked,
            Plot.stackY(
              { order },
              {
                x: 'time',
                y: 'value',
                z: 'version',
                fill: (d) => colors.get(d.version),
                fillOpacity: 0.9,
                curve: 'step-after',
                clip: true,
              },
            ),
          ),
        ],
      }),
  });
}

function firstTime(rows, version) {
  return rows.find((row) => row.version === version).time;
}

function errors(run) {
  const rows = rowsOf(run, 'errors_by_second');
  if (rowsOf(run, 'requests_by_second').length === 0) return null;
  const causes = distinct(rows, 'cause');
  if (causes.length === 0) {
    return figure({
      title: 'Errors',
      note: 'failed user requests a second, by cause',
      label: 'none',
      data: () => [],
      draw: () => h('p', { class: 'empty' }, 'No user request failed.'),
    });
  }
  const series = causes.map((cause) =>
    rate(
      run,
      rows.filter((row) => row.cause === cause),
      (row) => row.errors,
    ),
  );
  const at = series.map((points) => new Map(points.map((p) => [p.time, p.value])));
  const stacked = series.flatMap((points, i) =>
    held(points, run.summary.simulatedSeconds).map((p) => ({ ...p, cause: causes[i] })),
  );
  const colors = new Map(causes.map((cause, i) => [cause, i === 0 ? 'var(--s0)' : seriesColor(i + 1)]));
  return figure({
    title: 'Errors',
    note: 'failed user requests a second, by cause',
    label: causes.map((cause, i) => `${cause}: ${range(series[i], count)}`).join('; '),
    legend: causes.map((cause) => key(cause, colors.get(cause))),
    times: grid(run),
    data: () => stacked.map((p) => ({ time: p.time, cause: p.cause, errors_per_second: p.value })),
    draw: (width) =>
      timePlot({
        width,
        runs: [run],
        window: rolloutWindow(run),
        points: grid(run).map((time) => ({ time })),
        describe: (d) => causes.map((cause, i) => `${cause}  ${count(at[i].get(d.time) ?? 0)}/s`).join('\n'),
        marks: [
          Plot.areaY(
            stacked,
            Plot.stackY(
              { order: causes },
              { x: 'time', y: 'value', z: 'cause', fill: (d) => colors.get(d.cause), curve: 'step-after', clip: true },
            ),
          ),
        ],
      }),
  });
}

function latency(run) {
  const rows = rowsOf(run, 'requests_by_second').filter((row) => row.version !== '');
  const versions = distinct(rows, 'version').sort((a, b) => firstTime(rows, a) - firstTime(rows, b));
  if (versions.length === 0) return null;
  const of = (version, column) =>
    maxByTime(
      run,
      rows.filter((row) => row.version === version),
      (row) => row[column],
    );
  const p50 = versions.map((version) => of(version, 'p50'));
  const p99 = versions.map((version) => of(version, 'p99'));
  const at = (series) => series.map((points) => new Map(points.map((p) => [p.time, p.value])));
  const [at50, at99] = [at(p50), at(p99)];
  return figure({
    title: 'Latency',
    note: 'of user requests by version; solid: p99, dashed: p50',
    label: versions
      .map((version, i) => `${version}: p50 ${range(p50[i], seconds)}, p99 ${range(p99[i], seconds)}`)
      .join('; '),
    wide: true,
    legend: versions.map((version, i) => key(version, versionColor(i), 'stroke')),
    times: grid(run),
    data: () =>
      versions.flatMap((version, i) =>
        p99[i].map((p) => ({ time: p.time, version, p50: at50[i].get(p.time), p99: p.value })),
      ),
    draw: (width) =>
      timePlot({
        width,
        height: 240,
        runs: [run],
        y: durationAxis,
        window: rolloutWindow(run),
        points: grid(run).map((time) => ({ time })),
        describe: (d) =>
          versions
            .filter((_, i) => at99[i].get(d.time) !== null)
            .map(
              (version) =>
                `${version}  p50 ${seconds(at50[versions.indexOf(version)].get(d.time))}  p99 ${seconds(at99[versions.indexOf(version)].get(d.time))}`,
            )
            .join('\n'),
        marks: versions.flatMap((_, i) => [
          ...gapLine(p99[i], versionColor(i)),
          ...gapLine(p50[i], versionColor(i), { strokeWidth: 1.5, strokeDasharray: '4,3' }),
        ]),
      }),
  });
}
