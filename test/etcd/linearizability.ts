/** One operation of a client on one key, with the interval in which it took effect if it did. */
export interface Operation {
  readonly kind: 'put' | 'get' | 'delete' | 'cas';
  readonly start: number;
  /** Infinity: the outcome is unknown (a timeout, a lost connection): it may take effect at any later time or never. */
  readonly end: number;
  /** Value written; for get: value read (undefined: no such key). */
  readonly value: unknown;
  /** For cas: the value whose version was compared (undefined: no such key), and whether it matched. */
  readonly expected?: unknown;
  readonly matched?: boolean;
}

/**
 * Whether a history of one register is linearizable: Wing and Gong's search in the form of Lowe (2017), over the operations in
 * order of their ends, with the set of linearized ones and the state as memory. Operations of unknown outcome may be left out.
 */
export function isLinearizable(history: readonly Operation[]): boolean {
  const operations = [...history].sort((a, b) => a.start - b.start);
  const count = operations.length;
  const done = new Uint8Array(count);
  const seen = new Set<string>();
  const states: unknown[] = [];
  const stateNumber = new Map<unknown, number>();
  const numberOf = (state: unknown): number => {
    let number = stateNumber.get(state);
    if (number === undefined) {
      number = states.push(state) - 1;
      stateNumber.set(state, number);
    }
    return number;
  };
  let certain = operations.filter((operation) => operation.end !== Number.POSITIVE_INFINITY).length;

  let steps = 0;
  const search = (state: unknown, first: number): boolean => {
    if (certain === 0) return true;
    if (++steps > MAX_STEPS) throw new Error(`no verdict after ${MAX_STEPS} steps`);
    while (first < count && done[first] === 1) first++;
    const memory = `${first}/${numberOf(state)}/${windowKey(done, first)}`;
    if (seen.has(memory)) return false;
    seen.add(memory);
    // An operation may come next when it began before every other pending one ended.
    let limit = Number.POSITIVE_INFINITY;
    for (let i = first; i < count && operations[i]!.start <= limit; i++) {
      if (done[i] === 0 && operations[i]!.end < limit) limit = operations[i]!.end;
    }
    for (let i = first; i < count && operations[i]!.start <= limit; i++) {
      if (done[i] === 1) continue;
      const operation = operations[i]!;
      const unknown = operation.end === Number.POSITIVE_INFINITY;
      const next = apply(state, operation, unknown);
      if (next === REFUSED) continue;
      done[i] = 1;
      if (!unknown) certain--;
      if (search(next, first)) return true;
      done[i] = 0;
      if (!unknown) certain++;
    }
    return false;
  };
  return search(undefined, 0);
}

/** Far more than a linearizable history of the sizes tested here needs. */
const MAX_STEPS = 2_000_000;

const REFUSED = Symbol('refused');

function apply(state: unknown, operation: Operation, unknown: boolean): unknown {
  switch (operation.kind) {
    case 'get':
      return state === operation.value ? state : REFUSED;
    case 'put':
      return operation.value;
    case 'delete':
      return undefined;
    case 'cas': {
      const matches = state === operation.expected;
      if (unknown) return matches ? operation.value : REFUSED;
      if (matches !== operation.matched) return REFUSED;
      return matches ? operation.value : state;
    }
  }
}

/** Which operations before the last linearized one are still open; few, because few overlap. */
function windowKey(done: Uint8Array, first: number): string {
  let last = done.length - 1;
  while (last >= first && done[last] === 0) last--;
  let key = `${last}`;
  for (let i = first; i < last; i++) if (done[i] === 0) key += `,${i}`;
  return key;
}
