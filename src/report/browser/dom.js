/** An element with attributes (functions become listeners) and children (texts or elements; null is skipped). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Offers a text as a file, without any network. */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = h('a', { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Rows (objects with the same keys) as CSV. */
export function toCsv(rows) {
  if (rows.length === 0) return '';
  const names = Object.keys(rows[0]);
  const field = (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return '';
    const text = String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [names.join(','), ...rows.map((row) => names.map((name) => field(row[name])).join(','))];
  return `${lines.join('\n')}\n`;
}

/** A value that is safe as a file name. */
export function slug(text) {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
