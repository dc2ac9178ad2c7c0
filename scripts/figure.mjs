// Bars of one measure of a comparison, as a self-contained SVG: what `scripts/questions.mjs` puts beside a table.

const WIDTH = 720;
const LABEL = 230;
const ROW = 26;
const TOP = 34;

/** The value of a dotted path such as `network.dns.queries` in the metrics of a run; undefined: there is none. */
function valueAt(metrics, path) {
  return path.split('.').reduce((value, key) => value?.[key] ?? undefined, metrics);
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function shown(value) {
  if (value >= 1000) return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
  return String(Number(value.toPrecision(3)));
}

/** @param runs summaries by name, as summary.json has them; `path`: dotted path below `metrics`; `scale`: factor of the values shown */
export function bars(runs, path, title, scale = 1) {
  const rows = Object.entries(runs).map(([name, { metrics }]) => ({ name, value: (valueAt(metrics, path) ?? 0) * scale }));
  const most = Math.max(...rows.map(({ value }) => value), Number.MIN_VALUE);
  const height = TOP + rows.length * ROW + 8;
  const lines = rows.map(({ name, value }, i) => {
    const y = TOP + i * ROW;
    const width = Math.max(1, Math.round((value / most) * (WIDTH - LABEL - 110)));
    return [
      `<text x="${LABEL - 10}" y="${y + 15}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${LABEL}" y="${y + 3}" width="${width}" height="${ROW - 8}" fill="#4269d0"/>`,
      `<text x="${LABEL + width + 8}" y="${y + 15}">${shown(value)}</text>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">
<rect width="${WIDTH}" height="${height}" fill="white"/>
<text x="${LABEL}" y="20" font-weight="bold">${escaped(title)}</text>
${lines.join('\n')}
</svg>
`;
}
