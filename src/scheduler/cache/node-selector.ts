import type { Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from '../../api/core.js';
import { matchesMap } from '../../api/labels.js';
import type { Labels } from '../../api/meta.js';

/** Node selectors and node affinity of pods (component-helpers scheduling/corev1/nodeaffinity). */

const integerText = /^[+-]?\d+$/;

/** A text as strconv.ParseInt reads it, with 64 bits; undefined: it is no such number. */
function int64(text: string): bigint | undefined {
  if (!integerText.test(text)) return undefined;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function requirementMatches(requirement: NodeSelectorRequirement, present: boolean, value: string): boolean {
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
      return present && values.includes(value);
    case 'NotIn':
      return !present || !values.includes(value);
    case 'Exists':
      return present;
    case 'DoesNotExist':
      return !present;
    case 'Gt':
    case 'Lt': {
      const bound = values[0];
      if (!present || bound === undefined) return false;
      const actual = int64(value);
      const limit = int64(bound);
      if (actual === undefined || limit === undefined) return false;
      return requirement.operator === 'Gt' ? actual > limit : actual < limit;
    }
  }
}

const noLabels: Labels = {};

/** Whether a term selects a node; a term without any requirement selects none. */
export function nodeMatchesTerm(node: Node, term: NodeSelectorTerm): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  const labels = node.metadata.labels ?? noLabels;
  for (const requirement of expressions) {
    const present = Object.hasOwn(labels, requirement.key);
    if (!requirementMatches(requirement, present, present ? labels[requirement.key]! : '')) return false;
  }
  for (const requirement of fields) {
    // The only field that nodes can be selected by is metadata.name, with In and NotIn of one value; a term with more is invalid
    // and selects nothing (nodeSelectorRequirementsAsFieldSelector).
    if (requirement.values?.length !== 1) return false;
    if (requirement.key !== 'metadata.name' || !requirementMatches(requirement, true, node.metadata.name)) return false;
  }
  return true;
}

/** Whether a node selector selects a node: one of its terms does. */
export function nodeMatchesSelector(node: Node, selector: NodeSelector): boolean {
  return selector.nodeSelectorTerms.some((term) => nodeMatchesTerm(node, term));
}

/** `spec.nodeSelector` and the required node affinity of a pod (GetRequiredNodeAffinity). */
export class RequiredNodeAffinity {
  readonly nodeSelector: Labels | undefined;
  readonly required: NodeSelector | undefined;

  constructor(spec: PodSpec) {
    this.nodeSelector = spec.nodeSelector;
    this.required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  }

  /** Selects every node because nothing is asked. */
  get isEverything(): boolean {
    return (
      this.required === undefined && (this.nodeSelector === undefined || Object.keys(this.nodeSelector).length === 0)
    );
  }

  matches(node: Node): boolean {
    if (this.nodeSelector !== undefined && !matchesMap(this.nodeSelector, node.metadata.labels)) return false;
    return this.required === undefined || nodeMatchesSelector(node, this.required);
  }
}

/** Sum of the weights of the preferred terms that select a node (PreferredSchedulingTerms.Score). */
export function preferredNodeScore(
  node: Node,
  terms: readonly { readonly weight: number; readonly preference: NodeSelectorTerm }[],
): number {
  let score = 0;
  for (const term of terms) if (term.weight !== 0 && nodeMatchesTerm(node, term.preference)) score += term.weight;
  return score;
}
