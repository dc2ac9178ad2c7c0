import type { NodeAffinity as NodeAffinityRules, NodeSelectorTerm, TopologySpreadConstraint } from '../../api/core.js';
import { invalid } from '../../api/fields.js';
import { readNodeSelector, readNodeSelectorTerm } from '../../api/manifest-selector.js';
import { type FieldReader, fieldPath, type RawMap } from '../../api/reader.js';
import { type Duration, SECOND } from '../../kernel/time.js';
import { defaultBalancedResources } from '../plugins/balanced-allocation.js';
import { type DefaultPreemptionArgs, defaultPreemptionArgs } from '../plugins/default-preemption.js';
import { defaultInterPodAffinityArgs, type InterPodAffinityArgs } from '../plugins/inter-pod-affinity.js';
import { defaultFitArgs, type NodeResourcesFitArgs } from '../plugins/node-resources-fit.js';
import type { PodTopologySpreadArgs } from '../plugins/pod-topology-spread.js';
import type { ScoringStrategy, ShapePoint, WeightedResource } from '../plugins/resource-scorer.js';

/** Arguments of the plugins of one profile, defaults filled in. */
export interface PluginArgs {
  readonly fit: NodeResourcesFitArgs;
  readonly balanced: readonly WeightedResource[];
  readonly interPodAffinity: InterPodAffinityArgs;
  readonly addedAffinity: NodeAffinityRules | undefined;
  readonly spread: PodTopologySpreadArgs;
  readonly preemption: DefaultPreemptionArgs;
  /** How long PreBind waits for volumes (VolumeBindingArgs.bindTimeoutSeconds). */
  readonly volumeBindTimeout: Duration;
  /** Arguments of plugins that a user adds, as the file has them, by name. */
  readonly others: Readonly<Record<string, RawMap>>;
}

export const defaultArgs: PluginArgs = {
  fit: defaultFitArgs,
  balanced: defaultBalancedResources,
  interPodAffinity: defaultInterPodAffinityArgs,
  addedAffinity: undefined,
  spread: { defaultingType: 'System', defaultConstraints: [] },
  preemption: defaultPreemptionArgs,
  volumeBindTimeout: 600 * SECOND,
  others: {},
};

const header = ['apiVersion', 'kind'];
const none: ReadonlySet<string> = new Set();

function known(...keys: readonly string[]): ReadonlySet<string> {
  return new Set([...header, ...keys]);
}

function readResources(read: FieldReader, raw: RawMap, path: string): readonly WeightedResource[] | undefined {
  const resources = read.listOf(raw, 'resources', path, (item, at): WeightedResource => {
    read.rest(item, at, new Set(['name', 'weight']), none);
    const weight = read.integer(item, 'weight', at) ?? 1;
    if (weight < 0 || weight > 100)
      read.errors.push(invalid(fieldPath(at, 'weight'), weight, 'resource weight must be in 1 to 100'));
    return { name: read.text(item, 'name', at) ?? '', weight: weight === 0 ? 1 : weight };
  });
  return resources === undefined || resources.length === 0 ? undefined : resources;
}

function readShape(read: FieldReader, raw: RawMap, path: string): readonly ShapePoint[] {
  const at = fieldPath(path, 'requestedToCapacityRatio');
  const ratio = read.map(raw, 'requestedToCapacityRatio', path) ?? {};
  read.rest(ratio, at, new Set(['shape']), none);
  const shape =
    read.listOf(ratio, 'shape', at, (item, point): ShapePoint => {
      read.rest(item, point, new Set(['utilization', 'score']), none);
      return {
        utilization: read.integer(item, 'utilization', point) ?? 0,
        score: read.integer(item, 'score', point) ?? 0,
      };
    }) ?? [];
  const field = fieldPath(at, 'shape');
  if (shape.length === 0) read.missing(at, 'shape');
  shape.forEach(({ utilization, score }, i) => {
    if (utilization < 0 || utilization > 100)
      read.errors.push(invalid(`${field}[${i}].utilization`, utilization, 'must be in 0 to 100'));
    if (score < 0 || score > 10) read.errors.push(invalid(`${field}[${i}].score`, score, 'must be in 0 to 10'));
    if (i > 0 && utilization <= shape[i - 1]!.utilization) {
      read.errors.push(
        invalid(`${field}[${i}].utilization`, utilization, 'utilization values must be sorted in increasing order'),
      );
    }
  });
  return shape;
}

function readFit(read: FieldReader, raw: RawMap, path: string): NodeResourcesFitArgs {
  read.rest(raw, path, known('ignoredResources', 'ignoredResourceGroups', 'scoringStrategy'), none);
  const strategy = read.map(raw, 'scoringStrategy', path);
  const at = fieldPath(path, 'scoringStrategy');
  let scoringStrategy = defaultFitArgs.scoringStrategy;
  if (strategy !== undefined) {
    read.rest(strategy, at, new Set(['type', 'resources', 'requestedToCapacityRatio']), none);
    const types = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const;
    const type: ScoringStrategy['type'] = read.choice(strategy, 'type', at, types) ?? 'LeastAllocated';
    const resources = readResources(read, strategy, at) ?? defaultFitArgs.scoringStrategy.resources;
    scoringStrategy =
      type === 'RequestedToCapacityRatio'
        ? { type, resources, shape: readShape(read, strategy, at) }
        : { type, resources };
  }
  return {
    ignoredResources: read.texts(raw, 'ignoredResources', path) ?? [],
    ignoredResourceGroups: read.texts(raw, 'ignoredResourceGroups', path) ?? [],
    scoringStrategy,
  };
}

function readInterPodAffinity(read: FieldReader, raw: RawMap, path: string): InterPodAffinityArgs {
  read.rest(raw, path, known('hardPodAffinityWeight', 'ignorePreferredTermsOfExistingPods'), none);
  const weight = read.integer(raw, 'hardPodAffinityWeight', path) ?? defaultInterPodAffinityArgs.hardPodAffinityWeight;
  if (weight < 0 || weight > 100) {
    read.errors.push(invalid(fieldPath(path, 'hardPodAffinityWeight'), weight, 'not in valid range [0, 100]'));
  }
  return {
    hardPodAffinityWeight: weight,
    ignorePreferredTermsOfExistingPods: read.flag(raw, 'ignorePreferredTermsOfExistingPods', path) ?? false,
  };
}

function readAddedAffinity(read: FieldReader, raw: RawMap, path: string): NodeAffinityRules | undefined {
  read.rest(raw, path, known('addedAffinity'), none);
  const added = read.map(raw, 'addedAffinity', path);
  if (added === undefined) return undefined;
  const at = fieldPath(path, 'addedAffinity');
  const requiredKey = 'requiredDuringSchedulingIgnoredDuringExecution';
  const preferredKey = 'preferredDuringSchedulingIgnoredDuringExecution';
  read.rest(added, at, new Set([requiredKey, preferredKey]), none);
  const required = readNodeSelector(read, added, requiredKey, at);
  const preferred = read.listOf(
    added,
    preferredKey,
    at,
    (item, term): { weight: number; preference: NodeSelectorTerm } => ({
      weight: read.integer(item, 'weight', term) ?? 0,
      preference: readNodeSelectorTerm(read, read.map(item, 'preference', term) ?? {}, fieldPath(term, 'preference')),
    }),
  );
  return {
    ...(required === undefined ? {} : { [requiredKey]: required }),
    ...(preferred === undefined ? {} : { [preferredKey]: preferred }),
  };
}

function readSpread(read: FieldReader, raw: RawMap, path: string): PodTopologySpreadArgs {
  read.rest(raw, path, known('defaultConstraints', 'defaultingType'), none);
  const defaultConstraints = read.listOf(raw, 'defaultConstraints', path, (item, at): TopologySpreadConstraint => {
    read.rest(item, at, new Set(['maxSkew', 'topologyKey', 'whenUnsatisfiable']), none);
    const maxSkew = read.integer(item, 'maxSkew', at) ?? 0;
    if (maxSkew < 1) read.errors.push(invalid(fieldPath(at, 'maxSkew'), maxSkew, 'must be greater than zero'));
    const topologyKey = read.text(item, 'topologyKey', at) ?? '';
    if (topologyKey === '') read.missing(at, 'topologyKey');
    const actions = ['DoNotSchedule', 'ScheduleAnyway'] as const;
    return {
      maxSkew,
      topologyKey,
      whenUnsatisfiable: read.choice(item, 'whenUnsatisfiable', at, actions) ?? 'DoNotSchedule',
    };
  });
  const type = read.choice(raw, 'defaultingType', path, ['System', 'List']);
  const defaultingType =
    type ?? (defaultConstraints === undefined || defaultConstraints.length === 0 ? 'System' : 'List');
  if (defaultingType === 'System' && (defaultConstraints?.length ?? 0) > 0) {
    read.errors.push(invalid(fieldPath(path, 'defaultingType'), 'System', 'when .defaultConstraints are not empty'));
  }
  return { defaultingType, defaultConstraints: defaultConstraints ?? [] };
}

function readPreemption(read: FieldReader, raw: RawMap, path: string): DefaultPreemptionArgs {
  read.rest(raw, path, known('minCandidateNodesPercentage', 'minCandidateNodesAbsolute'), none);
  const percentage =
    read.integer(raw, 'minCandidateNodesPercentage', path) ?? defaultPreemptionArgs.minCandidateNodesPercentage;
  const absolute =
    read.integer(raw, 'minCandidateNodesAbsolute', path) ?? defaultPreemptionArgs.minCandidateNodesAbsolute;
  if (percentage < 0 || percentage > 100) {
    read.errors.push(
      invalid(fieldPath(path, 'minCandidateNodesPercentage'), percentage, 'not in valid range [0, 100]'),
    );
  }
  if (absolute < 0)
    read.errors.push(invalid(fieldPath(path, 'minCandidateNodesAbsolute'), absolute, 'not in valid range [0, inf)'));
  if (percentage === 0 && absolute === 0) {
    read.errors.push(invalid(path, 0, 'both minCandidateNodesPercentage and minCandidateNodesAbsolute cannot be zero'));
  }
  return { minCandidateNodesPercentage: percentage, minCandidateNodesAbsolute: absolute };
}

function readVolumeBinding(read: FieldReader, raw: RawMap, path: string): Duration {
  read.rest(raw, path, known('bindTimeoutSeconds', 'shape'), none);
  const seconds = read.integer(raw, 'bindTimeoutSeconds', path) ?? defaultArgs.volumeBindTimeout / SECOND;
  if (seconds < 0)
    read.errors.push(invalid(fieldPath(path, 'bindTimeoutSeconds'), seconds, 'invalid BindTimeoutSeconds, should not be a negative value'));
  // The feature StorageCapacityScoring is alpha and off: a shape is refused as the real scheduler refuses it.
  if (raw.shape !== undefined && raw.shape !== null)
    read.errors.push(invalid(fieldPath(path, 'shape'), 'set', 'unexpected field `shape`, feature gate StorageCapacityScoring is off'));
  return seconds * SECOND;
}

/** Reads `profiles[].pluginConfig`. `check` looks at each name; arguments of plugins that are not modelled are kept as they are. */
export function readPluginArgs(
  read: FieldReader,
  profile: RawMap,
  path: string,
  check: (name: string, field: string) => void,
): PluginArgs {
  let args = defaultArgs;
  const seen = new Set<string>();
  read.listOf(profile, 'pluginConfig', path, (item, at) => {
    read.rest(item, at, new Set(['name', 'args']), none);
    const name = read.text(item, 'name', at) ?? '';
    if (name === '') read.missing(at, 'name');
    if (seen.has(name)) read.errors.push(invalid(fieldPath(at, 'name'), name, 'repeated config for plugin'));
    seen.add(name);
    check(name, fieldPath(at, 'name'));
    args = readArgs(read, name, read.map(item, 'args', at) ?? {}, fieldPath(at, 'args'), args);
  });
  return args;
}

function readArgs(read: FieldReader, name: string, raw: RawMap, path: string, args: PluginArgs): PluginArgs {
  switch (name) {
    case 'NodeResourcesFit':
      return { ...args, fit: readFit(read, raw, path) };
    case 'NodeResourcesBalancedAllocation':
      read.rest(raw, path, known('resources'), none);
      return { ...args, balanced: readResources(read, raw, path) ?? defaultBalancedResources };
    case 'InterPodAffinity':
      return { ...args, interPodAffinity: readInterPodAffinity(read, raw, path) };
    case 'NodeAffinity':
      return { ...args, addedAffinity: readAddedAffinity(read, raw, path) };
    case 'PodTopologySpread':
      return { ...args, spread: readSpread(read, raw, path) };
    case 'DefaultPreemption':
      return { ...args, preemption: readPreemption(read, raw, path) };
    case 'VolumeBinding':
      return { ...args, volumeBindTimeout: readVolumeBinding(read, raw, path) };
    case 'DynamicResources':
      // Time limits of work that pods without claims do not cause.
      read.rest(raw, path, known('filterTimeout', 'bindingTimeout'), none);
      return args;
    default:
      return { ...args, others: { ...args.others, [name]: raw } };
  }
}
