import * as Plot from '@observablehq/plot';
import { formatCount, formatSeconds } from '../format.ts';
import { download, h, slug, toCsv } from './dom.js';
import { standalone } from './picture.js';
import { timeDomain } from './series.js';

export { Plot };

/** Colours by role; the page's style gives them a value for light and dark. */
export const strategyColor = (i) => `var(--s${i % 7})`;
/** Colours of series that are not strategies; the alarming one comes late. */
const SERIES = ['s1', 's2', 's3', 's5', 's4', 's0', 's6'];
export const seriesColor = (i) => `var(--${SERIES[i % 7]})`;
export const versionColor = (i) => `var(--v${Math.min(i, 3)})`;
export const versionSoft = (i) => `var(--v${Math.min(i, 3)}-soft)`;

const micro = (text) => text.replace(/(\d) us$/, '$1 µs');
export const seconds = (value) => micro(formatSeconds(value ?? null));
export const count = (value) => formatCount(value ?? null);
/** Simulated time as minutes and seconds: 1:05, 1:02:03. */
export function clock(time) {
  const whole = Math.round(time);
  const two = (n) => String(n).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Round steps for a time axis: at most `most` of them. */
export function timeTicks(end, most) {
  const step =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400].find((s) => end / s <= most) ??
    end;
  const ticks = [];
  for (let t = 0; t <= end; t += step) ticks.push(t);
  return ticks;
}

/**
 * A plot over simulated time, around the rollouts of `runs` or over all of it. Marks clip themselves.
 * `points` are objects with `time`; hovering or the arrow keys show `describe(point)`.
 * `window` shades the rollout, `rules` marks instants.
 */
export function timePlot({ runs, width, height = 220, y = {}, marks, points, describe, window, rules = [] }) {
  const domain = timeDomain(runs);
  const inside = (d) => d.time >= domain[0] && d.time <= domain[1];
  return Plot.plot({
    width,
    height,
    marginLeft: y.marginLeft ?? 46,
    marginRight: 12,
    marginTop: 14,
    marginBottom: 26,
    x: timeAxis(width, domain[0], domain[1]),
    y: {
      nice: true,
      zero: true,
      label: null,
      ticks: Math.max(3, Math.floor(height / 45)),
      tickFormat: count,
      ...y,
      marginLeft: undefined,
    },
    marks: [
      window
        ? Plot.rectX([window], {
            x1: (d) => d[0],
            x2: (d) => d[1],
            fill: 'var(--shade)',
            fillOpacity: 0.07,
            clip: true,
          })
        : null,
      Plot.gridY({ stroke: 'var(--grid)', strokeOpacity: 0.1, ticks: Math.max(3, Math.floor(height / 45)) }),
      ...marks,
      rules.length > 0
        ? Plot.ruleX(rules.filter(inside), {
            x: 'time',
            stroke: 'var(--grid)',
            strokeOpacity: 0.45,
            strokeDasharray: '2,3',
          })
        : null,
      Plot.ruleY([0], { stroke: 'var(--grid)', strokeOpacity: 0.35 }),
      points
        ? Plot.ruleX(
            points.filter(inside),
            Plot.pointerX({ x: 'time', stroke: 'var(--grid)', strokeOpacity: 0.5, maxRadius: 300 }),
          )
        : null,
      points
        ? Plot.tip(
            points.filter(inside),
            Plot.pointerX({
              x: 'time',
              frameAnchor: 'top',
              title: (d) => `${clock(d.time)}\n${describe(d)}`,
              maxRadius: 300,
              textPadding: 9,
            }),
          )
        : null,
    ],
  });
}

/** Options of an axis of durations; the plot's values are seconds. */
export const durationAxis = { tickFormat: (value) => seconds(value).replace(/\.0+ /, ' '), marginLeft: 58 };

/** A line with gaps where values are missing; values alone between gaps, which no line could show, as dots. */
export function gapLine(points, stroke, options = {}) {
  const alone = points.filter(
    (point, i) =>
      point.value !== null && (points[i - 1]?.value ?? null) === null && (points[i + 1]?.value ?? null) === null,
  );
  const { strokeDasharray, curve, ...rest } = options;
  return [
    Plot.lineY(points, {
      x: 'time',
      y: 'value',
      stroke,
      strokeWidth: 1.7,
      strokeDasharray,
      curve,
      clip: true,
      ...rest,
    }),
    Plot.dot(alone, { x: 'time', y: 'value', fill: stroke, r: 2, clip: true }),
  ];
}

/** A horizontal axis of simulated time. */
export function timeAxis(width, from, to) {
  return {
    domain: [from, to],
    tickFormat: clock,
    label: null,
    ticks: timeTicks(to, Math.max(3, Math.floor(((width / 80) * to) / (to - from)))).filter((t) => t >= from),
  };
}

/** The same points with the last one held until the end, for series drawn as steps. */
export function held(points, end) {
  const last = points.at(-1);
  return last === undefined || last.time >= end ? points : [...points, { ...last, time: end }];
}

/**
 * A figure: caption, legend, plot, downloads. `draw(width)` returns an SVG or HTML element; it is called again when the width
 * changes. `data()` returns the rows behind it. `label` is read out for those who do not see it.
 */
export function figure({ title, note, label, legend, draw, data, wide = false, controls, times }) {
  const plot = h('div', {
    class: 'plot',
    role: 'img',
    tabindex: times ? '0' : undefined,
    'aria-label': `${title}. ${label ?? note ?? ''}`,
  });
  const live = h('div', { class: 'visually-hidden', 'aria-live': 'polite' });
  const tools = h(
    'div',
    { class: 'tools' },
    h(
      'button',
      {
        type: 'button',
        title: `Data of this figure as CSV`,
        click: () => download(`${slug(title)}.csv`, 'text/csv', toCsv(data())),
      },
      'CSV',
    ),
    h(
      'button',
      {
        type: 'button',
        title: `This figure as SVG`,
        click: () => download(`${slug(title)}.svg`, 'image/svg+xml', standalone(element)),
      },
      'SVG',
    ),
  );
  const element = h(
    'figure',
    { class: wide ? 'wide' : '' },
    h('figcaption', {}, h('div', { class: 'what' }, h('h3', {}, title), note ? h('small', {}, note) : null), tools),
    controls ?? null,
    legend ? h('div', { class: 'legend', 'aria-hidden': 'true' }, legend) : null,
    plot,
    live,
  );
  element.plotWidth = () => Math.floor(plot.clientWidth);
  element.redraw = (width = element.plotWidth()) => {
    if (width < 50) return;
    plot.drawnWidth = width;
    plot.replaceChildren(draw(width));
  };
  element.forget = () => {
    plot.drawnWidth = undefined;
  };
  element.redrawIfResized = (width = element.plotWidth()) => {
    if (width !== plot.drawnWidth) element.redraw(width);
  };
  if (times) walkWithKeys(plot, live, () => times.filter((time) => inDomain(plot, time)));
  return element;
}

/** Whether an instant lies within the time axis of a drawn plot. */
function inDomain(plot, time) {
  const domain = plot.querySelector('svg')?.scale?.('x')?.domain ?? [0, 0];
  return time >= domain[0] && time <= domain[1];
}

/** Arrow keys move the pointer of a time plot from point to point, and the values are read out. */
function walkWithKeys(plot, live, visible) {
  let at = -1;
  plot.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const shown = visible();
    at = Math.max(0, Math.min(shown.length - 1, at + step));
    const svg = plot.querySelector('svg');
    const x = svg?.scale?.('x');
    if (!svg || !x) return;
    const box = svg.getBoundingClientRect();
    const factor = box.width / svg.viewBox.baseVal.width;
    svg.dispatchEvent(
      new PointerEvent('pointermove', {
        clientX: box.left + x.apply(shown[at]) * factor,
        clientY: box.top + box.height / 2,
        bubbles: true,
        pointerType: 'mouse',
      }),
    );
    requestAnimationFrame(() => {
      live.textContent = [...plot.querySelectorAll('[aria-label="tip"] text tspan, [aria-label="tip"] text title')]
        .map((t) => t.textContent)
        .join(', ');
    });
  });
}

/** A swatch with a name; `line` draws a stroke, `dash` a dashed one. */
export function key(name, color, kind = 'swatch') {
  const style = kind === 'swatch' ? `background:${color}` : `border-color:${color}`;
  return h('span', {}, h('span', { class: kind, style }), name);
}
