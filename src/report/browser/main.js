import { details } from './details.js';
import { h } from './dom.js';
import { adaptive } from './picture.js';
import { timeDomain, view } from './series.js';
import { glance, intervals, together } from './together.js';

const data = JSON.parse(document.getElementById('data').textContent);
const figures = new Set();

/** Puts figures into the page; they are drawn when they have a width. */
function place(parent, list, className = 'grid') {
  parent.append(h('div', { class: className }, list));
  for (const entry of list) if (entry.redraw) figures.add(entry);
}

/** Figures below the first screens, which are drawn when those are shown. */
const later = new Set();
let loading = true;
/** For how long figures are drawn before the page may do something else, milliseconds. */
const SLICE = 40;

function isVisible(entry) {
  return entry.isConnected && entry.offsetParent !== null;
}

/** Draws figures that have no drawing of their width. All widths are asked for first: each question after a change is a new layout. */
function drawAll(list) {
  const widths = list.map((entry) => entry.plotWidth());
  for (let i = 0; i < list.length; i++) list[i].redrawIfResized(widths[i]);
}

function drawVisible() {
  if (!loading) drawAll([...figures].filter((entry) => isVisible(entry) && !later.has(entry)));
}

/** The first two screens at once, the rest piece by piece. */
function drawFirst() {
  loading = false;
  for (const entry of figures) if (isVisible(entry) && entry.getBoundingClientRect().top > 2 * window.innerHeight) later.add(entry);
  drawVisible();
  setTimeout(drawSome);
}

function drawSome() {
  const begun = performance.now();
  const waiting = [...later].map((entry) => [entry, isVisible(entry) ? entry.plotWidth() : 0]);
  for (const [entry, width] of waiting) {
    if (performance.now() - begun > SLICE) break;
    later.delete(entry);
    entry.redrawIfResized(width);
  }
  if (later.size > 0) setTimeout(drawSome);
  else {
    performance.mark('complete');
    document.documentElement.setAttribute('data-complete', 'true');
  }
}

function drawRest() {
  later.clear();
  drawVisible();
}

/** A choice between the time around the rollout and the whole run; all such choices on the page agree. */
function viewChoice(runs) {
  const end = Math.max(...runs.map((run) => run.summary.simulatedSeconds));
  const domain = timeDomain(runs);
  if (domain[0] === 0 && domain[1] === end) return null;
  const choices = [
    ['the rollout', false],
    ['the whole run', true],
  ].map(([text, whole]) =>
    h(
      'button',
      {
        type: 'button',
        'data-whole': String(whole),
        'aria-pressed': String(whole === view.whole),
        click: () => showWhole(whole),
      },
      text,
    ),
  );
  return h('div', { class: 'choice', role: 'group', 'aria-label': 'Time shown' }, 'Show ', choices);
}

function showWhole(whole) {
  view.whole = whole;
  for (const button of document.querySelectorAll('[data-whole]')) {
    button.setAttribute('aria-pressed', String(button.dataset.whole === String(whole)));
  }
  for (const entry of figures) entry.forget();
  drawVisible();
}

function overview(runs) {
  const section = document.getElementById('together');
  section.hidden = false;
  section.append(
    h('h2', {}, 'All strategies over time'),
    h(
      'p',
      { class: 'lead' },
      'Time since the start of the run. Point at a figure, or focus it and use the arrow keys, to read values.',
    ),
    viewChoice(runs) ?? '',
  );
  place(section, together(runs));
}

function tabs(runs) {
  const section = document.getElementById('details');
  section.hidden = false;
  const several = runs.length > 1;
  section.append(h('h2', {}, several ? 'Each strategy in detail' : 'In detail'));
  if (!several) section.append(viewChoice(runs) ?? '');
  const panels = runs.map((_, i) =>
    h('div', {
      role: 'tabpanel',
      id: `panel-${i}`,
      'aria-labelledby': several ? `tab-${i}` : undefined,
      hidden: i > 0,
    }),
  );
  const filled = new Set();
  const select = (i, focus) => {
    buttons.forEach((button, k) => {
      button.setAttribute('aria-selected', String(k === i));
      button.tabIndex = k === i ? 0 : -1;
    });
    panels.forEach((panel, k) => {
      panel.hidden = k !== i;
    });
    if (!filled.has(i)) {
      filled.add(i);
      for (const part of details(runs[i], several)) {
        if (part.figures) place(panels[i], part.figures);
        else panels[i].append(part);
      }
    }
    if (focus) buttons[i].focus();
    drawVisible();
  };
  const buttons = runs.map((run, i) =>
    h(
      'button',
      {
        type: 'button',
        role: 'tab',
        id: `tab-${i}`,
        'aria-controls': `panel-${i}`,
        click: () => select(i),
        keydown: (event) => {
          const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (step !== undefined) select((i + step + runs.length) % runs.length, true);
        },
      },
      h('span', { class: 'swatch', style: `background:var(--s${i % 7})` }),
      run.name,
    ),
  );
  if (several) section.append(h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Strategies' }, buttons));
  section.append(...panels);
  select(0);
}

/** A button that goes round: as the system says, light, dark. */
function themeButton() {
  const button = document.getElementById('theme');
  const states = [null, 'light', 'dark'];
  let at = 0;
  const show = () => {
    const state = states[at];
    if (state === null) document.documentElement.removeAttribute('data-theme');
    else document.documentElement.setAttribute('data-theme', state);
    button.textContent = `Theme: ${state ?? 'system'}`;
  };
  button.hidden = false;
  button.addEventListener('click', () => {
    at = (at + 1) % states.length;
    show();
  });
  show();
}

/** Means over several seeds, when the report has them. */
function seeds(study) {
  const section = document.getElementById('study');
  section.hidden = false;
  section.append(
    h('h2', {}, `Over ${study.seeds} seeds`),
    h(
      'p',
      { class: 'lead' },
      'Strategies are compared seed by seed with the same random numbers; p-values are adjusted for the number of comparisons (Holm). What follows shows the first seed.',
    ),
  );
  const groups = new Map();
  for (const { group, entry } of intervals(study)) groups.set(group, [...(groups.get(group) ?? []), entry]);
  for (const [group, list] of groups) {
    if (group) section.append(h('h3', { class: 'section' }, group));
    place(section, list);
  }
}

/** The strategies of one seed beside one another. */
function oneSeed(runs) {
  const list = glance(runs);
  if (list.length === 0) return;
  const section = document.getElementById('study');
  section.hidden = false;
  section.append(
    h('h2', {}, 'At a glance'),
    h(
      'p',
      { class: 'lead' },
      new Set(runs.map((run) => run.summary.seed)).size === 1
        ? 'One seed each, the same users and the same luck. Whether a difference is more than that luck, --replications 30 tells.'
        : 'One run each, with different seeds: whether a difference is more than luck, --replications 30 tells.',
    ),
  );
  place(section, list);
}

themeButton();
if (data.study) seeds(data.study);
else if (data.runs.length > 1) oneSeed(data.runs);
if (data.runs.length > 1) overview(data.runs);
if (data.runs.length > 0) tabs(data.runs);
drawFirst();
new ResizeObserver(drawVisible).observe(document.getElementById('main'));
addEventListener('beforeprint', drawRest);
document.documentElement.setAttribute('data-drawn', 'true');

/** For tools that put a figure of the report elsewhere: the first one of a title as SVG, for light and dark ground. */
window.towtankPicture = (title) => {
  drawRest();
  const found = [...figures].find((entry) => entry.querySelector('h3').textContent === title);
  return found === undefined ? null : adaptive(found);
};
