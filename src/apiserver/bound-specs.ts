import type { PodSpec } from '../api/core.js';

/** Templates whose bound specs are remembered. */
const REMEMBERED = 4;

/** Bound specs of one template's pods, by node; null until a second pod of it is bound: many templates have one pod only. */
interface Template {
  readonly spec: PodSpec;
  byNode: Map<string, PodSpec> | null;
}

/** The templates of the pods that were bound last. A cache alone: what it holds can be made again. */
const templates: Template[] = [];

/**
 * The spec of a pod that is bound to a node. Pods of one template on one node share it, as they share their template's before: there are fewer
 * of them to keep, and what looks at one pod after the other finds them at hand.
 */
export function boundSpec(spec: PodSpec, nodeName: string): PodSpec {
  const known = templates.find((each) => each.spec === spec);
  if (known === undefined) {
    if (templates.length === REMEMBERED) templates.pop();
    templates.unshift({ spec, byNode: null });
    return bind(spec, nodeName);
  }
  known.byNode ??= new Map();
  let bound = known.byNode.get(nodeName);
  if (bound === undefined) known.byNode.set(nodeName, (bound = bind(spec, nodeName)));
  return bound;
}

function bind(spec: PodSpec, nodeName: string): PodSpec {
  // Not by spreading: V8 of Node 20 gives each literal that adds a key to a spread object a hidden class of its own.
  return Object.assign({}, spec, { nodeName });
}
