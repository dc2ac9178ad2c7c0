import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from './core.js';
import * as known from './known-fields.js';
import type { LabelSelector, LabelSelectorRequirement } from './meta.js';
import type { FieldReader, RawMap } from './reader.js';
import { fieldPath } from './reader.js';

/** Selectors out of manifests. */

/** A label selector under a key; undefined when the key is absent. */
export function readSelector(read: FieldReader, raw: RawMap, key: string, path: string): LabelSelector | undefined {
  const selector = read.map(raw, key, path);
  if (selector === undefined) return undefined;
  const at = fieldPath(path, key);
  read.rest(selector, at, known.selector.modelled, known.selector.others);
  const matchLabels = read.labels(selector, 'matchLabels', at);
  const matchExpressions = read.listOf(selector, 'matchExpressions', at, (item, itemPath): LabelSelectorRequirement => {
    const values = read.texts(item, 'values', itemPath);
    return {
      key: read.text(item, 'key', itemPath) ?? '',
      operator: read.choice(item, 'operator', itemPath, ['In', 'NotIn', 'Exists', 'DoesNotExist']) ?? 'In',
      ...(values === undefined ? {} : { values }),
    };
  });
  return {
    ...(matchLabels === undefined ? {} : { matchLabels }),
    ...(matchExpressions === undefined ? {} : { matchExpressions }),
  };
}

/** A node selector under a key; undefined when the key is absent. */
export function readNodeSelector(read: FieldReader, raw: RawMap, key: string, path: string): NodeSelector | undefined {
  const selector = read.map(raw, key, path);
  if (selector === undefined) return undefined;
  const terms = read.listOf(selector, 'nodeSelectorTerms', fieldPath(path, key), (item, at) =>
    readNodeSelectorTerm(read, item, at),
  );
  return { nodeSelectorTerms: terms ?? [] };
}

export function readNodeSelectorTerm(read: FieldReader, raw: RawMap, path: string): NodeSelectorTerm {
  read.rest(raw, path, known.nodeSelectorTerm.modelled, known.nodeSelectorTerm.others);
  const requirement = (item: RawMap, at: string): NodeSelectorRequirement => {
    const values = read.texts(item, 'values', at);
    return {
      key: read.text(item, 'key', at) ?? '',
      operator: read.choice(item, 'operator', at, ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']) ?? 'In',
      ...(values === undefined ? {} : { values }),
    };
  };
  const matchExpressions = read.listOf(raw, 'matchExpressions', path, requirement);
  const matchFields = read.listOf(raw, 'matchFields', path, requirement);
  return {
    ...(matchExpressions === undefined ? {} : { matchExpressions }),
    ...(matchFields === undefined ? {} : { matchFields }),
  };
}
