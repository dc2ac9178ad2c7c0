/** Deep equality of plain data as `apiequality.Semantic.DeepEqual` has it; shared structure ends most comparisons at once. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  let keys = 0;
  for (const key in left) {
    keys++;
    if (!equal(left[key], right[key])) return false;
  }
  for (const _ in right) keys--;
  return keys === 0;
}
