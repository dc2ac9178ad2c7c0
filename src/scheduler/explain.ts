import type { Time } from '../kernel/time.js';
import type { Uniform } from '../random/stream.js';
import type { Moment } from './batch.js';
import type { PodInfo } from './cache/pod-info.js';
import type { Framework, ScoreObserver } from './framework/framework.js';
import { codeNames } from './framework/status.js';
import { type Decision, preemptionOf, type SchedulerCore } from './scheduler-core.js';
import { popTies } from './ties.js';

/** Why one node was turned down. */
export interface NodeRejection {
  readonly node: string;
  readonly plugin: string;
  readonly code: string;
  readonly reasons: readonly string[];
}

/** Scores of one feasible node: what each plugin gave, brought to 0..100, and with its weight. */
export interface NodeScores {
  readonly node: string;
  readonly plugins: readonly {
    readonly plugin: string;
    readonly raw: number;
    readonly normalized: number;
    readonly weighted: number;
  }[];
  readonly total: number;
}

/** A decision with everything that led to it. */
export interface Explanation {
  readonly pod: string;
  readonly profile: string;
  /** Chosen node; empty: none. */
  readonly chosen: string;
  /** Nodes with the highest total, among which the choice fell. */
  readonly ties: readonly string[];
  readonly evaluated: number;
  /** Nodes of the cluster; those beyond the evaluated ones were not looked at, as enough had been found. */
  readonly nodes: number;
  /** The PreFilter plugin that turned the pod down before any node was looked at. */
  readonly preFilter: { readonly plugin: string; readonly reasons: readonly string[] } | null;
  readonly rejections: readonly NodeRejection[];
  /** Highest total first; empty when at most one node was feasible, which is then taken without scoring. */
  readonly scores: readonly NodeScores[];
  /** Plugins that had nothing to do for this pod. */
  readonly skippedFilters: readonly string[];
  readonly skippedScores: readonly string[];
  /** Text of event and condition when the pod was not placed. */
  readonly message: string;
  /** Victims on the node that preemption nominated. */
  readonly preemption: {
    readonly node: string;
    readonly victims: readonly string[];
    readonly candidates: number;
  } | null;
}

/** Which attempt to explain: of a pod (`namespace/name`), by its number; absent: the last. */
export interface ExplainTarget {
  readonly pod: string;
  readonly attempt?: number;
}

/** An attempt of a run, explained. */
export interface AttemptExplanation extends Explanation {
  /** From 1 on. */
  readonly attempt: number;
  /** Simulated time of the decision. */
  readonly time: Time;
}

/** Keeps the scores of a cycle as they are made. */
class KeptScores implements ScoreObserver {
  readonly plugins: {
    readonly name: string;
    readonly weight: number;
    readonly raw: readonly number[];
    normalized: readonly number[];
  }[] = [];

  raw(name: string, weight: number, scores: Float64Array): void {
    this.plugins.push({ name, weight, raw: [...scores], normalized: [] });
  }

  normalized(_: string, scores: Float64Array): void {
    this.plugins.at(-1)!.normalized = [...scores];
  }
}

/** Decides on a pod and explains the decision; nothing is assumed. */
export function explainDecision(
  core: SchedulerCore,
  framework: Framework,
  pod: PodInfo,
  draws: Uniform,
  moment: Moment | null = null,
): { readonly decision: Decision; readonly explanation: Explanation } {
  const scores = new KeptScores();
  framework.observer = scores;
  const decision = core.decide(framework, pod, draws, moment);
  framework.observer = null;
  return { decision, explanation: describe(core, framework, pod, decision, scores) };
}

function describe(
  core: SchedulerCore,
  framework: Framework,
  pod: PodInfo,
  decision: Decision,
  scores: KeptScores,
): Explanation {
  const { result, cycle, postFilter } = decision;
  const { nodes } = core.cache;
  const name = (slot: number) => nodes.names[slot]!;
  const { diagnosis } = result;
  const rejections: NodeRejection[] = [];
  for (let i = 0; i < diagnosis.count; i++) {
    const { plugin, code, reasons } = diagnosis.statuses[i]!;
    rejections.push({ node: name(diagnosis.slots[i]!), plugin, code: codeNames[code]!, reasons });
  }
  const rows = [...result.slots].map(
    (slot, i): NodeScores => ({
      node: name(slot),
      plugins: scores.plugins.map(({ name: plugin, weight, raw, normalized }) => ({
        plugin,
        raw: raw[i]!,
        normalized: normalized[i]!,
        weighted: normalized[i]! * weight,
      })),
      total: result.totals[i] ?? 0,
    }),
  );
  const victims = postFilter?.victims ?? [];
  const failed = result.chosen < 0;
  return {
    pod: pod.key,
    profile: framework.schedulerName,
    chosen: failed ? '' : name(result.chosen),
    ties: result.totals.length === 0 ? [] : popTies(result.totals).map((position) => name(result.slots[position]!)),
    evaluated: result.evaluated,
    nodes: nodes.size,
    preFilter:
      diagnosis.preFilterStatus === null
        ? null
        : { plugin: diagnosis.preFilterStatus.plugin, reasons: diagnosis.preFilterStatus.reasons },
    rejections,
    scores: result.totals.length === 0 ? [] : rows.sort((a, b) => b.total - a.total),
    skippedFilters: cycle.skippedFilters,
    skippedScores: cycle.skippedScores,
    message: failed ? (result.error !== '' ? result.error : diagnosis.fitError(nodes.size)) : '',
    preemption:
      victims.length === 0
        ? null
        : {
            node: postFilter!.nominatedNode!,
            victims: victims.map((victim) => victim.key),
            candidates: preemptionOf(framework)?.lastDryRun.candidates.length ?? 0,
          },
  };
}

/** Rows shown of long lists, when the reader does not ask for all. */
export const SHOWN_NODES = 10;

/** The explanation as lines of text: the answer, then why the other nodes fell out, then the scores. */
export function explanationLines(explanation: Explanation, shown: number = SHOWN_NODES): readonly string[] {
  const { pod, chosen, ties, evaluated, nodes, preFilter, rejections, scores, message, preemption } = explanation;
  const lines: string[] = [];
  if (chosen === '') lines.push(`${pod}: not placed. ${message}`);
  else {
    const among =
      ties.length > 1
        ? `, one of ${ties.length} nodes with the highest score`
        : scores.length === 0
          ? ', the only node that fits'
          : '';
    const unseen = nodes - evaluated;
    const rest = unseen > 0 && scores.length > 0 ? `, ${unseen} not looked at: enough fit` : '';
    lines.push(`${pod}: ${chosen}${among} (${evaluated} nodes evaluated${rest})`);
    if (ties.length > 1) lines.push(`ties: ${listed(ties, shown)}`);
  }
  if (preFilter !== null) lines.push(`turned down before any node was looked at: ${preFilter.plugin}: ${preFilter.reasons.join(', ')}`);
  if (preemption !== null) {
    lines.push(
      `preemption: ${preemption.node} after evicting ${preemption.victims.join(', ')} (${preemption.candidates} candidate nodes)`,
    );
  }
  lines.push(...rejectionLines(rejections, shown), ...scoreLines(scores, shown));
  return lines;
}

function listed(names: readonly string[], shown: number): string {
  return `${names.slice(0, shown).join(', ')}${names.length > shown ? `, … ${names.length - shown} more` : ''}`;
}

function rejectionLines(rejections: readonly NodeRejection[], shown: number): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const { node, plugin, reasons } of rejections) {
    const key = `${plugin}: ${reasons.join(', ')}`;
    const nodes = groups.get(key);
    if (nodes === undefined) groups.set(key, [node]);
    else nodes.push(node);
  }
  const lines = groups.size === 0 ? [] : ['', 'turned down'];
  for (const [key, nodes] of groups) {
    lines.push(`  ${String(nodes.length).padStart(5)}  ${key} (${listed(nodes, shown)})`);
  }
  return lines;
}

function scoreLines(scores: readonly NodeScores[], shown: number): readonly string[] {
  const [first] = scores;
  if (first === undefined) return [];
  const names = first.plugins.map(({ plugin }) => plugin);
  const width = Math.max(4, ...scores.slice(0, shown).map(({ node }) => node.length));
  const cell = (text: string, name: string) => text.padStart(Math.max(name.length, 13));
  const lines = ['', `${'node'.padEnd(width)}  total  ${names.map((name) => cell(name, name)).join('  ')}`];
  for (const { node, total, plugins } of scores.slice(0, shown)) {
    const cells = plugins.map(({ plugin, raw, normalized, weighted }) =>
      cell(`${raw}>${normalized}>${weighted}`, plugin),
    );
    lines.push(`${node.padEnd(width)}  ${String(total).padStart(5)}  ${cells.join('  ')}`);
  }
  if (scores.length > shown) lines.push(`… ${scores.length - shown} more nodes`);
  lines.push('each plugin: raw > normalised > weighted');
  return lines;
}
