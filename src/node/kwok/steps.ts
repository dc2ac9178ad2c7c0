import type { StageStep, StageTemplate, PatchType } from './stage.js';
import { Renderer } from './render.js';
import type { TemplateEnvironment } from './template-functions.js';
import { TemplateError } from './template.js';

/** One request or event that a step of a stage asks for. */
export type StageAction =
  | { readonly kind: 'event'; readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }
  | { readonly kind: 'delete' }
  | { readonly kind: 'patch' | 'apply'; readonly type: PatchType; readonly subresource: string; readonly data: unknown };

/** Media types of patches. */
export const MEDIA_TYPES: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export interface JsonOperation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
  readonly from?: string;
}

/** A template that failed, with the place in its file. */
export class StageError extends Error {
  constructor(template: StageTemplate, error: TemplateError) {
    super(`${template.file}:${template.line + error.line}: ${error.message}`, { cause: error });
    this.name = 'StageError';
  }
}

/**
 * What the steps of a stage ask for, in order (pkg/utils/lifecycle/next.go doStageSteps); after a deletion only events are sent.
 * `strategic`: patches without a type are strategic merge patches (Pods and Nodes).
 */
export function stageActions(
  steps: readonly StageStep[],
  object: Record<string, unknown>,
  environment: TemplateEnvironment,
  strategic: boolean,
): readonly StageAction[] {
  const finalizers = ((object.metadata ?? {}) as { finalizers?: readonly string[] }).finalizers ?? [];
  const actions: StageAction[] = [];
  let deleted = false;
  for (const step of steps) {
    if (step.event !== undefined) actions.push({ kind: 'event', ...step.event });
    if (deleted) continue;
    if (step.finalizers !== undefined) {
      const operations = finalizerOperations(finalizers, step.finalizers);
      if (operations.length > 0) actions.push({ kind: 'patch', type: 'json', subresource: '', data: operations });
    }
    if (step.delete === true) {
      deleted = true;
      actions.push({ kind: 'delete' });
      continue;
    }
    const { patch, apply } = step;
    if (patch !== undefined) {
      const type = patch.type ?? (strategic ? 'strategic' : 'merge');
      const data = withRoot(type, patch.root, renderTemplate(patch, object, environment));
      actions.push({ kind: 'patch', type, subresource: patch.subresource, data });
    }
    if (apply !== undefined) {
      const data = renderTemplate(apply, object, environment);
      actions.push({ kind: 'apply', type: apply.type ?? 'apply', subresource: apply.subresource, data });
    }
  }
  return actions;
}

/** The rendered template as data. Throws StageError. */
export function renderTemplate(template: StageTemplate, object: unknown, environment: TemplateEnvironment): unknown {
  try {
    return new Renderer(environment).renderYaml(template.template, object);
  } catch (error) {
    throw error instanceof TemplateError ? new StageError(template, error) : error;
  }
}

/** A patch put below its root: a merge patch into a map, the paths of a JSON patch prefixed. */
export function withRoot(type: PatchType, root: string, data: unknown): unknown {
  if (root === '') return data;
  if (type !== 'json') return { [root]: data };
  return ((data ?? []) as readonly JsonOperation[]).map((operation) => ({ ...operation, path: `/${root}${operation.path}` }));
}

const EMPTY_FINALIZERS: JsonOperation = { op: 'remove', path: '/metadata/finalizers' };

/** JSON patch that changes finalizers (pkg/utils/lifecycle/finalizers.go). */
export function finalizerOperations(
  present: readonly string[],
  change: { readonly add: readonly string[]; readonly remove: readonly string[]; readonly empty: boolean },
): readonly JsonOperation[] {
  const removed = change.empty ? [] : removals(present, change.remove);
  const empties = change.empty || (change.remove.length > 0 && removed.length === present.length);
  if (!empties) return [...removed, ...additions(present, change.add)];
  return [...(present.length > 0 ? [EMPTY_FINALIZERS] : []), ...additions([], change.add)];
}

function removals(present: readonly string[], names: readonly string[]): JsonOperation[] {
  const operations: JsonOperation[] = [];
  for (let i = present.length - 1; i >= 0; i--) {
    if (names.includes(present[i]!)) operations.push({ op: 'remove', path: `/metadata/finalizers/${i}` });
  }
  return operations;
}

function additions(present: readonly string[], names: readonly string[]): JsonOperation[] {
  if (names.length === 0) return [];
  if (present.length === 0) return [{ op: 'add', path: '/metadata/finalizers', value: names }];
  return names.filter((name) => !present.includes(name)).map((value) => ({ op: 'add', path: '/metadata/finalizers/-', value }));
}
