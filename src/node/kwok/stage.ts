import type { Labels } from '../../api/meta.js';
import type { Duration } from '../../kernel/time.js';
import type { CelNode } from './cel.js';
import type { JqNode } from './jq.js';
import type { TemplateNode } from './template.js';

/** A Stage of KWOK (kwok.x-k8s.io/v1alpha1), read and compiled: plain data. */
export interface Stage {
  readonly name: string;
  readonly apiGroup: string;
  readonly kind: string;
  readonly matchLabels: Labels;
  readonly matchAnnotations: Labels;
  readonly matchExpressions: readonly Requirement[];
  readonly weight: number;
  readonly weightFrom: Expression | null;
  readonly delay: StageDelay | null;
  readonly steps: readonly StageStep[];
  /** The next stage is looked for in the answer to the patch, without waiting for the watch. */
  readonly immediateNextStage: boolean;
  /** `file:line` of the stage, for messages. */
  readonly position: string;
}

export type Expression =
  | { readonly language: 'jq'; readonly query: JqNode; readonly path: readonly string[] }
  | { readonly language: 'cel'; readonly program: CelNode };

export type Requirement =
  | {
      readonly language: 'jq';
      readonly query: JqNode;
      readonly path: readonly string[];
      readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
      readonly values: readonly string[];
    }
  | { readonly language: 'cel'; readonly program: CelNode };

/** Uniform between `duration` and `jitterDuration`; a jitter duration below the duration is taken instead of it. */
export interface StageDelay {
  readonly duration: Duration;
  readonly durationFrom: Expression | null;
  readonly jitterDuration: Duration | null;
  readonly jitterDurationFrom: Expression | null;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

/** One step: what is there is done in this order (event, finalizers, delete, patch, apply). */
export interface StageStep {
  readonly event?: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };
  readonly finalizers?: { readonly add: readonly string[]; readonly remove: readonly string[]; readonly empty: boolean };
  readonly delete?: boolean;
  readonly patch?: StageTemplate & { readonly root: string };
  readonly apply?: StageTemplate;
}

export interface StageTemplate {
  readonly subresource: string;
  /** Absent: strategic for Pods and Nodes, merge for other kinds; server-side apply for `apply`. */
  readonly type?: PatchType;
  readonly template: readonly TemplateNode[];
  /** `file` and the line before the template's first, for messages. */
  readonly file: string;
  readonly line: number;
}

/** The annotation that KWOK is usually told to manage nodes by (`--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake`). */
export const KWOK_NODE_ANNOTATION = 'kwok.x-k8s.io/node';
export const KWOK_NODE_VALUE = 'fake';

/** Whether KWOK's controller manages a node. */
export function isKwokNode(node: { readonly metadata: { readonly annotations?: Labels } }): boolean {
  return node.metadata.annotations?.[KWOK_NODE_ANNOTATION] === KWOK_NODE_VALUE;
}
