import type { LabelSelector, LabelSelectorRequirement, Labels } from './meta.js';

/** Matching of labels (apimachinery pkg/labels and LabelSelectorAsSelector). */

const none: Labels = {};

/** Whether labels carry every pair of a map, as `spec.selector` of a Service and `nodeSelector` mean it. An empty map matches all. */
export function matchesMap(selector: Labels, labels: Labels | undefined): boolean {
  const actual = labels ?? none;
  for (const key in selector) {
    if (!Object.hasOwn(actual, key) || actual[key] !== selector[key]) return false;
  }
  return true;
}

/** Whether one requirement holds. `NotIn` holds when the key is absent. */
export function matchesRequirement(requirement: LabelSelectorRequirement, labels: Labels | undefined): boolean {
  const actual = labels ?? none;
  const present = Object.hasOwn(actual, requirement.key);
  switch (requirement.operator) {
    case 'In':
      return present && (requirement.values ?? []).includes(actual[requirement.key] as string);
    case 'NotIn':
      return !present || !(requirement.values ?? []).includes(actual[requirement.key] as string);
    case 'Exists':
      return present;
    case 'DoesNotExist':
      return !present;
  }
}

/** Whether a label selector selects these labels. An absent selector selects nothing, an empty one everything. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (selector === undefined) return false;
  if (selector.matchLabels !== undefined && !matchesMap(selector.matchLabels, labels)) return false;
  if (selector.matchExpressions !== undefined) {
    for (const requirement of selector.matchExpressions) if (!matchesRequirement(requirement, labels)) return false;
  }
  return true;
}

/** Whether a selector has no requirement at all (and so selects everything). */
export function isEmptySelector(selector: LabelSelector): boolean {
  for (const _ in selector.matchLabels) return false;
  return (selector.matchExpressions?.length ?? 0) === 0;
}

/**
 * A selector prepared for many calls: requirements in one flat list, sets for long value lists. Data only, so that it can be
 * part of a component's saved state.
 */
export class CompiledSelector {
  private readonly keys: string[] = [];
  private readonly equalTo: string[] = [];
  private readonly requirements: {
    readonly requirement: LabelSelectorRequirement;
    readonly values: ReadonlySet<string>;
  }[] = [];
  private readonly nothing: boolean;

  /** From a label selector (undefined: selects nothing), or from a plain map with `CompiledSelector.ofMap`. */
  constructor(selector: LabelSelector | undefined) {
    this.nothing = selector === undefined;
    const pairs = selector?.matchLabels ?? none;
    for (const key of Object.keys(pairs)) {
      this.keys.push(key);
      this.equalTo.push(pairs[key] as string);
    }
    for (const requirement of selector?.matchExpressions ?? []) {
      this.requirements.push({ requirement, values: new Set(requirement.values) });
    }
  }

  /** Every pair of the map must be there; an empty map selects everything. */
  static ofMap(map: Labels): CompiledSelector {
    return new CompiledSelector({ matchLabels: map });
  }

  /** Whether it selects everything. */
  get isEverything(): boolean {
    return !this.nothing && this.keys.length === 0 && this.requirements.length === 0;
  }

  /** Whether it selects these labels. */
  matches(labels: Labels | undefined): boolean {
    if (this.nothing) return false;
    const actual = labels ?? none;
    for (let i = 0; i < this.keys.length; i++) {
      const key = this.keys[i] as string;
      if (!Object.hasOwn(actual, key) || actual[key] !== this.equalTo[i]) return false;
    }
    for (const { requirement, values } of this.requirements) {
      const present = Object.hasOwn(actual, requirement.key);
      const holds =
        requirement.operator === 'In'
          ? present && values.has(actual[requirement.key] as string)
          : requirement.operator === 'NotIn'
            ? !present || !values.has(actual[requirement.key] as string)
            : requirement.operator === 'Exists'
              ? present
              : !present;
      if (!holds) return false;
    }
    return true;
  }
}

/** Text of a selector as `kubectl` prints it: `app=web,tier in (a,b),!legacy`; keys and values sorted; `<none>` when empty. */
export function selectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined || isEmptySelector(selector)) return '<none>';
  const parts: { key: string; text: string }[] = [];
  const pairs = selector.matchLabels ?? none;
  for (const key of Object.keys(pairs)) parts.push({ key, text: `${key}=${pairs[key]}` });
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const list = `(${[...(values ?? [])].sort().join(',')})`;
    const text =
      operator === 'In'
        ? `${key} in ${list}`
        : operator === 'NotIn'
          ? `${key} notin ${list}`
          : operator === 'Exists'
            ? key
            : `!${key}`;
    parts.push({ key, text });
  }
  parts.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return parts.map((part) => part.text).join(',');
}
