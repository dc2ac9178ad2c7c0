/** Completion indexes as text: `0-2,5` (pkg/controller/job/indexed_job_utils.go). Pure. */

/** Indexes of a text below `limit`. */
export function parseIndexes(text: string | undefined, limit: number): Set<number> {
  const indexes = new Set<number>();
  if (text === undefined || text === '') return indexes;
  for (const part of text.split(',')) {
    const dash = part.indexOf('-');
    const first = Number(dash < 0 ? part : part.slice(0, dash));
    const last = Number(dash < 0 ? part : part.slice(dash + 1));
    for (let index = first; index <= Math.min(last, limit - 1); index++) indexes.add(index);
  }
  return indexes;
}

/** Text of indexes: runs of three or more with a dash, in order. */
export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (end + 1 < sorted.length && sorted[end + 1] === sorted[end]! + 1) end++;
    if (end === i) parts.push(String(sorted[i]));
    // Two neighbours are written with a comma, as the real formatter does.
    else parts.push(end === i + 1 ? `${sorted[i]},${sorted[end]}` : `${sorted[i]}-${sorted[end]}`);
    i = end + 1;
  }
  return parts.join(',');
}
