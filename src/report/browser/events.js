import { clock, count, figure } from './charts.js';
import { h } from './dom.js';
import { distinct, rowsOf } from './series.js';

const PAGE = 200;

/** Kubernetes events with a search. */
export function eventsFigure(run) {
  const rows = rowsOf(run, 'events');
  if (rows.length === 0) return null;
  const shown = run.shown.events;
  const texts = rows.map((row) => `${row.type} ${row.reason} ${row.object} ${row.message}`.toLowerCase());
  const body = h('tbody', {});
  const found = h('output', { 'aria-live': 'polite' });
  const more = h('button', { type: 'button', hidden: true }, 'Show more');
  const search = h('input', {
    type: 'search',
    placeholder: 'Search reason, object or message',
    'aria-label': 'Search events',
  });
  const type = h(
    'select',
    { 'aria-label': 'Type of event' },
    h('option', { value: '' }, 'all types'),
    distinct(rows, 'type').map((name) => h('option', { value: name }, name)),
  );
  let limit = PAGE;
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = rows.filter(
      (row, i) => (type.value === '' || row.type === type.value) && words.every((word) => texts[i].includes(word)),
    );
    body.replaceChildren(...matches.slice(0, limit).map(line));
    found.textContent = `${count(matches.length)} of ${count(rows.length)} events`;
    more.hidden = matches.length <= limit;
  };
  const restart = () => {
    limit = PAGE;
    show();
  };
  search.addEventListener('input', restart);
  type.addEventListener('change', restart);
  more.addEventListener('click', () => {
    limit += PAGE * 5;
    show();
  });
  show();
  const table = h(
    'table',
    { class: 'rows events' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', { scope: 'col', class: 'number' }, 'Time'),
        ['Type', 'Reason', 'Object', 'Message'].map((name) => h('th', { scope: 'col' }, name)),
        h('th', { scope: 'col', class: 'number' }, 'Count'),
      ),
    ),
    body,
  );
  const view = h('div', { class: 'window', tabindex: '0', role: 'region', 'aria-label': 'Events' }, table);
  return figure({
    title: 'Kubernetes events',
    note: shown ? `${count(shown[0])} of ${count(shown[1])} events; warnings first` : null,
    label: `${rows.length} events`,
    wide: true,
    controls: h('div', { class: 'controls' }, search, type, found, more),
    data: () => rows,
    draw: () => view,
  });
}

function line(row) {
  return h(
    'tr',
    { class: row.type === 'Warning' ? 'warning' : '' },
    h('td', { class: 'number' }, clock(row.time)),
    h('td', { class: 'word' }, row.type),
    h('td', { class: 'word' }, row.reason),
    h('td', { class: 'wide' }, row.object),
    h('td', { class: 'wide' }, row.message),
    h('td', { class: 'number' }, row.count > 1 ? `${count(row.count)}×` : '1'),
  );
}
