import type { Node, Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import type { Uniform } from '../random/stream.js';
import { CPU, MEMORY } from './cache/node-table.js';
import type { SchedulerConfiguration } from './config/configuration.js';
import { type Explanation, explainDecision } from './explain.js';
import type { KubernetesVersion } from './framework/features.js';
import type { PluginFactory } from './profile.js';
import { SchedulerCore } from './scheduler-core.js';

/** Used share of a resource over all nodes. */
export interface Imbalance {
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly standardDeviation: number;
}

/** What a configuration made of a snapshot: where pods went, and how full the nodes are afterwards. */
export interface Placement {
  readonly name: string;
  readonly placed: number;
  readonly pending: readonly { readonly pod: string; readonly message: string }[];
  readonly cpu: Imbalance;
  readonly memory: Imbalance;
  readonly emptyNodes: number;
  readonly explanations: readonly Explanation[];
}

export interface PlacementInput {
  readonly nodes: readonly Node[];
  /** Pods: those with a node are there already, the others are placed in order of priority, then of the list. */
  readonly pods: readonly Pod[];
  /** Everything else that plugins read: Services, claims, volumes, namespaces, … */
  readonly objects?: readonly KubernetesObject[];
  /** Makes the plugins that a user adds. */
  readonly plugins?: PluginFactory;
  readonly version: KubernetesVersion;
  readonly configuration: SchedulerConfiguration;
  /** Name of the configuration in the result. */
  readonly name: string;
}

/** Places the pending pods of a snapshot one after the other, without time: each counts for the next. Nobody is evicted. */
export function placePods(input: PlacementInput, draws: Uniform): Placement {
  const core = new SchedulerCore(input.version, draws, input.configuration, input.plugins);
  for (const object of input.objects ?? []) core.objects.set(object);
  for (const node of input.nodes) core.cache.nodes.setNode(node);
  const pending: Pod[] = [];
  for (const pod of input.pods) {
    if ((pod.spec.nodeName ?? '') === '') pending.push(pod);
    else core.cache.set(pod);
  }
  const failures: { readonly pod: string; readonly message: string }[] = [];
  const explanations: Explanation[] = [];
  const priority = (pod: Pod) => pod.spec.priority ?? 0;
  for (const pod of pending.sort((a, b) => priority(b) - priority(a))) {
    const info = core.cache.podInfo(pod);
    const framework = core.frameworks.get(pod.spec.schedulerName);
    const gate = framework?.preEnqueue(info) ?? null;
    if (framework === undefined || gate !== null) {
      failures.push({
        pod: info.key,
        message: gate?.message ?? `no profile is named ${pod.spec.schedulerName} (there is: ${[...core.frameworks.keys()].join(', ')})`,
      });
      continue;
    }
    const { explanation } = explainDecision(core, framework, info, draws);
    explanations.push(explanation);
    if (explanation.chosen === '') failures.push({ pod: info.key, message: explanation.message });
    else core.cache.assume(info, explanation.chosen);
  }
  return {
    name: input.name,
    placed: pending.length - failures.length,
    pending: failures,
    cpu: imbalance(core, CPU),
    memory: imbalance(core, MEMORY),
    emptyNodes: [...core.cache.nodes.order].filter((slot) => core.cache.nodes.podCount[slot] === 0).length,
    explanations,
  };
}

function imbalance(core: SchedulerCore, resource: number): Imbalance {
  const { allocatable, requested, order } = core.cache.nodes;
  const shares = [...order]
    .filter((slot) => allocatable[resource]![slot]! > 0)
    .map((slot) => requested[resource]![slot]! / allocatable[resource]![slot]!);
  if (shares.length === 0) return { minimum: 0, maximum: 0, mean: 0, standardDeviation: 0 };
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = 0;
  let sum = 0;
  for (const share of shares) {
    minimum = Math.min(minimum, share);
    maximum = Math.max(maximum, share);
    sum += share;
  }
  const mean = sum / shares.length;
  let squares = 0;
  for (const share of shares) squares += (share - mean) * (share - mean);
  return { minimum, maximum, mean, standardDeviation: Math.sqrt(squares / shares.length) };
}

/** Pods named of those that wait for one reason. */
const SHOWN_PODS = 5;

/** Several placements side by side, as lines of text. */
export function placementLines(placements: readonly Placement[]): readonly string[] {
  const percent = (share: number) => `${(share * 100).toFixed(1)}%`;
  const range = ({ minimum, maximum, standardDeviation }: Imbalance) =>
    `${percent(minimum)}/${percent(maximum)}/${percent(standardDeviation)}`;
  const header = ['configuration', 'placed', 'pending', 'cpu min/max/stddev', 'memory min/max/stddev', 'empty nodes'];
  const rows = placements.map(({ name, placed, pending, cpu, memory, emptyNodes }) => [
    name,
    String(placed),
    String(pending.length),
    range(cpu),
    range(memory),
    String(emptyNodes),
  ]);
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  const lines = [line(header), ...rows.map(line)];
  for (const { name, pending } of placements) {
    const byReason = new Map<string, string[]>();
    for (const { pod, message } of pending) {
      const pods = byReason.get(message);
      if (pods === undefined) byReason.set(message, [pod]);
      else pods.push(pod);
    }
    for (const [message, pods] of byReason) {
      const more = pods.length > SHOWN_PODS ? `, … ${pods.length - SHOWN_PODS} more` : '';
      const who = `${pods.slice(0, SHOWN_PODS).join(', ')}${more}`;
      lines.push(`${placements.length > 1 ? `${name}: ` : ''}${who} pending: ${message}`);
    }
  }
  return lines;
}
