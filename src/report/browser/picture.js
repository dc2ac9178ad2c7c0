const NAMESPACE = 'http://www.w3.org/2000/svg';
const PADDING = 16;

function node(name, attributes, text) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Everything a figure shows as one SVG: title, legend, and all plots where they stand. Colours are still variables. */
function compose(figure) {
  const plot = figure.querySelector('.plot');
  const frame = plot.getBoundingClientRect();
  const keys = [...figure.querySelectorAll('.legend > span, .legend > span > span:has(> span)')].filter(
    (key) => key.textContent !== '' && key.querySelector(':scope > span'),
  );
  const rows = legendRows(keys, frame.width);
  const top = PADDING + 24 + rows.length * 20 + 6;
  const width = frame.width + 2 * PADDING;
  const height = top + frame.height + PADDING;
  const svg = node('svg', {
    xmlns: NAMESPACE,
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    'font-family': 'system-ui, sans-serif',
    'font-size': 11.5,
    role: 'img',
    'aria-label': figure.querySelector('h3').textContent,
  });
  svg.append(node('rect', { width, height, rx: 10, fill: 'var(--surface)' }));
  const text = node('g', { fill: 'var(--text)' });
  text.append(
    node(
      'text',
      { x: PADDING, y: PADDING + 12, 'font-size': 15, 'font-weight': 700 },
      figure.querySelector('h3').textContent,
    ),
  );
  rows.forEach((row, i) => {
    for (const { key, x } of row) {
      const y = PADDING + 24 + i * 20;
      const mark = key.querySelector(':scope > span');
      const color = /var\([^)]*\)/.exec(mark.getAttribute('style'))?.[0] ?? 'var(--text)';
      text.append(
        node('rect', {
          x: PADDING + x,
          y: y + 2,
          width: 12,
          height: mark.className === 'swatch' ? 12 : 3,
          rx: 3,
          fill: color,
          ...(mark.className === 'swatch' ? {} : { transform: 'translate(0 5)' }),
        }),
      );
      text.append(node('text', { x: PADDING + x + 18, y: y + 12, 'font-size': 13 }, key.textContent));
    }
  });
  for (const heading of plot.querySelectorAll('h4')) {
    const box = heading.getBoundingClientRect();
    text.append(
      node(
        'text',
        {
          x: PADDING + box.left - frame.left,
          y: top + box.bottom - frame.top - 4,
          'font-size': 13.5,
          'font-weight': 700,
        },
        heading.textContent,
      ),
    );
  }
  svg.append(text);
  for (const inner of plot.querySelectorAll('svg')) {
    const box = inner.getBoundingClientRect();
    const copy = inner.cloneNode(true);
    for (const tip of copy.querySelectorAll('[aria-label="tip"]')) tip.remove();
    for (const style of copy.querySelectorAll('style')) style.remove();
    for (const path of copy.querySelectorAll('path[d]')) path.setAttribute('d', shorten(path.getAttribute('d')));
    copy.setAttribute('x', PADDING + box.left - frame.left);
    copy.setAttribute('y', top + box.top - frame.top);
    copy.setAttribute('color', 'var(--text)');
    copy.setAttribute('overflow', 'visible');
    copy.setAttribute('text-anchor', 'middle');
    svg.append(copy);
  }
  return svg;
}

/** A path with coordinates to a tenth of a pixel. */
function shorten(path) {
  return path.replace(/-?\d+\.\d{2,}/g, (number) => String(Math.round(Number(number) * 10) / 10));
}

/** Entries of the legend in rows that fit. */
function legendRows(keys, width) {
  const rows = [];
  let x = 0;
  for (const key of keys) {
    const advance = key.textContent.length * 7.5 + 36;
    if (rows.length === 0 || x + advance > width) {
      rows.push([]);
      x = 0;
    }
    rows.at(-1).push({ key, x });
    x += advance;
  }
  return rows;
}

/** A figure as an SVG that stands alone, in the colours the page has now. */
export function standalone(figure) {
  const style = getComputedStyle(document.documentElement);
  return compose(figure).outerHTML.replace(
    /var\((--[a-z0-9-]+)\)/g,
    (all, name) => style.getPropertyValue(name).trim() || all,
  );
}

/** A figure as an SVG that follows the colour scheme of whoever looks at it. */
export function adaptive(figure) {
  const svg = compose(figure);
  const used = [...new Set(svg.outerHTML.match(/--[a-z0-9-]+(?=\))/g))];
  const root = document.documentElement;
  const before = root.getAttribute('data-theme');
  const values = ['light', 'dark'].map((theme) => {
    root.setAttribute('data-theme', theme);
    const style = getComputedStyle(root);
    return used.map((name) => `${name}:${style.getPropertyValue(name).trim()}`).join(';');
  });
  if (before === null) root.removeAttribute('data-theme');
  else root.setAttribute('data-theme', before);
  svg.prepend(node('style', {}, `svg{${values[0]}}@media (prefers-color-scheme:dark){svg{${values[1]}}}`));
  return svg.outerHTML;
}
