import type { Decision } from './scheduler-decision.js';

/** Longest text of one side of a difference. */
const SHOWN = 400;

/** Fields that say what happened: where the recording has none of them, there must be none here either. */
const outcomes = ['error', 'gated', 'chosen', 'fitError', 'message', 'preFilter', 'postFilter'] as const;
/** Fields that a full decision lists; reduced ones (adaptive, sequences) leave them out. */
const details = ['skipFilter', 'skipScore', 'filter', 'feasible', 'preFilterNodes'] as const;

/** Where a decision differs from the recorded one: lines to print, both sides; empty when it matches. */
export function compareDecision(
  actual: Decision,
  expected: Decision,
  order: readonly string[],
  reservoir: boolean,
): readonly string[] {
  const unordered = expected['unordered'] === true;
  const ours = unordered ? sortedByName(actual, order) : actual;
  const full = expected['percentageOfNodesToScore'] === 100;
  for (const field of outcomes)
    if (expected[field] === undefined && ours[field] !== undefined) return show(field, undefined, ours[field]);
  if (full)
    for (const field of details)
      if (expected[field] === undefined && ours[field] !== undefined) return show(field, undefined, ours[field]);
  for (const field of Object.keys(expected)) {
    const wanted = expected[field];
    const found = ours[field];
    switch (field) {
      case 'draws':
      case 'unordered':
        break;
      case 'chosen': {
        const allowed = choices(expected, ours, order, reservoir, unordered);
        if (!allowed.includes(wanted as string)) return show('chosen', wanted, allowed.join(' or '));
        break;
      }
      case 'ties': {
        const same = unordered ? sameSet(wanted as number[], found as number[]) : sameValue(wanted, found);
        if (!same) return show('ties', wanted, found);
        break;
      }
      case 'filter':
        if (!sameValue(grouped(wanted), grouped(found))) return show('filter', grouped(wanted), grouped(found));
        break;
      case 'scores': {
        const difference = compareScores(wanted as Decision, (found ?? {}) as Decision, full);
        if (difference.length > 0) return difference;
        break;
      }
      case 'postFilter': {
        const difference = comparePostFilter(wanted as Decision, (found ?? {}) as Decision);
        if (difference.length > 0) return difference;
        break;
      }
      default:
        if (!sameValue(wanted, found)) return show(field, wanted, found);
    }
  }
  return [];
}

/** Nodes that the decision may fall on: what the recorded draws pick of our ties, the top of our heap, or any tie. */
function choices(
  expected: Decision,
  ours: Decision,
  order: readonly string[],
  reservoir: boolean,
  unordered: boolean,
): readonly string[] {
  const ties = ours['ties'] as readonly number[] | undefined;
  if (ties === undefined) return [String(ours['chosen'])];
  if (unordered) return ties.map((index) => order[index]!);
  if (!reservoir) return [order[ties[0]!]!];
  const draws = (expected['draws'] ?? []) as readonly number[];
  let pick = 0;
  draws.forEach((draw, i) => {
    if (draw === 0) pick = i + 1;
  });
  return [order[ties[pick] ?? -1] ?? 'nothing'];
}

function compareScores(wanted: Decision, found: Decision, full: boolean): readonly string[] {
  if (!sameValue(wanted['total'], found['total'])) {
    for (const part of ['raw', 'norm']) {
      const difference = compareMaps(
        `scores.${part}`,
        (wanted[part] ?? {}) as Decision,
        (found[part] ?? {}) as Decision,
        full,
      );
      if (difference.length > 0) return difference;
    }
    return show('scores.total', wanted['total'], found['total']);
  }
  for (const part of ['weights', 'raw', 'norm']) {
    const difference = compareMaps(
      `scores.${part}`,
      (wanted[part] ?? {}) as Decision,
      (found[part] ?? {}) as Decision,
      full,
    );
    if (difference.length > 0) return difference;
  }
  return [];
}

function compareMaps(field: string, wanted: Decision, found: Decision, full: boolean): readonly string[] {
  if (!full && Object.keys(wanted).length === 0) return [];
  for (const key of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
    if (!sameValue(wanted[key], found[key])) return show(`${field}.${key}`, wanted[key], found[key]);
  }
  return [];
}

function comparePostFilter(wanted: Decision, found: Decision): readonly string[] {
  for (const field of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
    if (field === 'sampled') continue;
    if (!sameValue(wanted[field] ?? null, found[field] ?? null))
      return show(`postFilter.${field}`, wanted[field], found[field]);
  }
  return [];
}

/** Failing nodes by plugin, code and reasons, in an order that does not depend on when a group was first met. */
function grouped(groups: unknown): unknown {
  if (!Array.isArray(groups)) return groups;
  return (groups as Decision[])
    .map((group) => ({ ...group, reasons: [...(group['reasons'] as string[])].sort() }))
    .sort((a, b) => ((a as Decision)['nodes'] as number[])[0]! - ((b as Decision)['nodes'] as number[])[0]!);
}

/** A decision over a few named nodes, whose visiting order is arbitrary: feasible nodes and scores by name of the node. */
function sortedByName(decision: Decision, order: readonly string[]): Decision {
  const feasible = decision['feasible'] as readonly number[] | undefined;
  if (feasible === undefined) return decision;
  const positions = feasible.map((_, i) => i).sort((a, b) => (order[feasible[a]!]! < order[feasible[b]!]! ? -1 : 1));
  const sort = <T>(values: readonly T[]): T[] => positions.map((position) => values[position]!);
  const scores = decision['scores'] as Decision | undefined;
  if (scores === undefined) return { ...decision, feasible: sort(feasible) };
  const each = (map: unknown) =>
    Object.fromEntries(Object.entries(map as Record<string, number[]>).map(([key, values]) => [key, sort(values)]));
  const sorted = {
    ...scores,
    raw: each(scores['raw']),
    norm: each(scores['norm']),
    total: sort(scores['total'] as number[]),
  };
  return { ...decision, feasible: sort(feasible), scores: sorted };
}

function sameSet(a: readonly number[], b: readonly number[] | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((value) => b.includes(value));
}

/** Equality of JSON values; the order of keys does not matter. */
function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((value, i) => sameValue(value, b[i]));
  const x = a as Decision;
  const y = b as Decision;
  const keys = Object.keys(x);
  return keys.length === Object.keys(y).length && keys.every((key) => sameValue(x[key], y[key]));
}

function show(field: string, recorded: unknown, here: unknown): readonly string[] {
  return [`    ${field}: recorded ${text(recorded)}`, `    ${' '.repeat(field.length)}  here     ${text(here)}`];
}

function text(value: unknown): string {
  if (value === undefined) return '(nothing)';
  const json = JSON.stringify(value);
  return json.length <= SHOWN ? json : `${json.slice(0, SHOWN)}… (${json.length} characters)`;
}
