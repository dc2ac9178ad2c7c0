import { join } from 'node:path';
import type { KubernetesObject } from '../api/meta.js';
import type { ImageUse } from './behaviours.js';
import type { InputError } from './input-error.js';
import { KubectlProblem, splitKubectl, toKubectl } from './kubectl.js';
import { ManifestSet } from './manifests.js';
import type { References } from './references.js';
import type { RawScenario, RawStrategy, RawTimelineEntry } from './schema.js';
import type { Path } from './source.js';
import type { ClusterSpec, KubectlCommand, RolloutSpec, StrategySpec, TimelineAction } from './types.js';
import { duration } from './units.js';

/** Actions of a timeline entry. */
const ACTIONS = ['apply', 'setImage', 'scale', 'delete', 'fail', 'heal', 'defragment', 'moveLeader', 'disarmAlarms', 'corrupt', 'restart', 'kubectl'] as const;

/** Default time that the old version is kept after a blue-green switch. */
const DEFAULT_HOLD = '30s';

export interface TimelineContext {
  readonly references: References;
  readonly cluster: ClusterSpec;
  readonly folder: string;
  readonly namespace: string;
  readonly startTime: number;
  readonly errors: InputError[];
  /** Place of a path of the scenario file, relative to its folder. */
  place(path: Path): string;
  complain(path: Path, message: string): InputError;
  /** Images that the timeline brings in; extended here. */
  readonly images: ImageUse[];
  imageAt(image: string, path: Path): ImageUse;
  readonly files: string[];
}

/** Manifest sets of the timeline's `apply` actions and of `kubectl apply -f` by entry; their objects can be named by later actions. */
export function readApplied(
  raw: readonly RawTimelineEntry[],
  context: TimelineContext,
): ReadonlyMap<number, ManifestSet> {
  const applied = new Map<number, ManifestSet>();
  raw.forEach((entry, i) => {
    const { apply } = entry;
    const line = entry.kubectl === undefined ? undefined : splitKubectl(entry.kubectl);
    const named = line === undefined || line instanceof KubectlProblem ? [] : line.files;
    if (apply === undefined && named.length === 0) return;
    const namespace = line instanceof KubectlProblem ? undefined : line?.flags.get('namespace');
    const set = new ManifestSet(namespace ?? context.namespace, context.startTime, true);
    const files = apply === undefined ? named : typeof apply === 'string' ? [apply] : apply;
    files.forEach((file, k) => {
      const path: Path =
        apply === undefined ? ['timeline', i, 'kubectl'] : typeof apply === 'string' ? ['timeline', i, 'apply'] : ['timeline', i, 'apply', k];
      set.read(join(context.folder, file), (message) => context.complain(path, message));
    });
    context.errors.push(...set.errors);
    context.files.push(...set.files);
    context.references.add(set.loaded);
    applied.set(i, set);
  });
  return applied;
}

/** The timeline in order of time; entries of one instant stay in file order. */
export function toTimeline(
  raw: readonly RawTimelineEntry[],
  applied: ReadonlyMap<number, ManifestSet>,
  context: TimelineContext,
): TimelineAction[] {
  const actions: TimelineAction[] = [];
  raw.forEach((entry, i) => {
    const path: Path = ['timeline', i];
    const given = ACTIONS.filter((action) => entry[action] !== undefined);
    if (given.length !== 1) {
      const found = given.join(' and ') || 'none of them';
      context.errors.push(context.complain(path, `expected one action of ${ACTIONS.join(', ')}, found ${found}`));
      return;
    }
    const action = toAction(entry, i, applied, context);
    if (action !== undefined)
      actions.push({ at: duration(entry.at), position: context.place(path), ...action } as TimelineAction);
  });
  return actions.sort((a, b) => a.at - b.at);
}

type ActionPart = Record<string, unknown> & { readonly action: TimelineAction['action'] };

function toAction(
  entry: RawTimelineEntry,
  i: number,
  applied: ReadonlyMap<number, ManifestSet>,
  context: TimelineContext,
): ActionPart | undefined {
  const { references, cluster } = context;
  const path: Path = ['timeline', i];
  if (entry.apply !== undefined) {
    return { action: 'apply', objects: (applied.get(i) as ManifestSet).loaded.map(({ object }) => object) };
  }
  if (entry.setImage !== undefined) {
    const found = references.container(entry.setImage, [...path, 'setImage']);
    context.images.push(context.imageAt(entry.setImage.image, [...path, 'setImage', 'image']));
    return (
      found && {
        action: 'setImage',
        deployment: found.deployment,
        container: found.container,
        image: entry.setImage.image,
      }
    );
  }
  if (entry.scale !== undefined) {
    const found = references.container(entry.scale, [...path, 'scale']);
    return found && { action: 'scale', deployment: found.deployment, replicas: entry.scale.replicas };
  }
  if (entry.delete !== undefined) {
    const nodes = new Set(cluster.nodes.map((node) => node.metadata.name));
    const found = references.target(entry.delete.object, entry.delete.namespace, [...path, 'delete', 'object'], nodes);
    return found && { action: 'delete', resource: found.resource, object: found.object };
  }
  if (entry.defragment !== undefined) {
    const member = references.member(entry.defragment.etcd, cluster, [...path, 'defragment']);
    const time = entry.defragment.duration;
    if (member === undefined) return undefined;
    return { action: 'defragment', member, ...(time === undefined ? {} : { duration: duration(time) }) };
  }
  if (entry.moveLeader !== undefined) {
    const member = references.member(entry.moveLeader.etcd, cluster, [...path, 'moveLeader']);
    return member === undefined ? undefined : { action: 'moveLeader', member };
  }
  if (entry.disarmAlarms !== undefined) {
    const member = references.member(entry.disarmAlarms?.etcd ?? 0, cluster, [...path, 'disarmAlarms']);
    return member === undefined ? undefined : { action: 'disarmAlarms', member };
  }
  if (entry.corrupt !== undefined) {
    const member = references.member(entry.corrupt.etcd, cluster, [...path, 'corrupt']);
    return member === undefined ? undefined : { action: 'corrupt', member };
    }
  if (entry.restart !== undefined) {
    const { apiServer, kubelet, runtime, every = '0s', shutdownDelay = '0s', start = '0s' } = entry.restart;
    const given = [apiServer, kubelet, runtime].filter((each) => each !== undefined).length;
    if (given !== 1) return references.complain([...path, 'restart'], 'expected one of apiServer, kubelet, runtime');
    const name = kubelet ?? runtime;
    if (name !== undefined) {
      const what = kubelet === undefined ? 'runtime' : 'kubelet';
      if (name !== '*' && references.node(name, cluster, [...path, 'restart', what]) === undefined) return undefined;
      const nodes = name === '*' ? cluster.nodes.map((node) => node.metadata.name) : [name];
      return { action: 'restartNode', what, nodes, start: duration(start), every: duration(every) };
    }
    if (apiServer === undefined) return undefined;
    const found = references.numbered('apiServer', apiServer, cluster.apiServers, [...path, 'restart']);
    return found && { action: 'restart', index: apiServer, shutdownDelay: duration(shutdownDelay), start: duration(start) };
  }
  if (entry.kubectl !== undefined) {
    const command = toCommand(entry.kubectl, i, applied.get(i)?.loaded.map(({ object }) => object) ?? [], context);
    return command && { action: 'kubectl', command };
  }
  const action = entry.fail === undefined ? 'heal' : 'fail';
  const target = references.fault((entry.fail ?? entry.heal)!, [...path, action], cluster);
  return target && { action, target };
}

function toCommand(
  text: string,
  i: number,
  objects: readonly KubernetesObject[],
  context: TimelineContext,
): KubectlCommand | undefined {
  const path: Path = ['timeline', i, 'kubectl'];
  const { references } = context;
  const complain = (message: string, suggestion?: string): undefined => references.complain(path, message, suggestion);
  const line = splitKubectl(text);
  if (line instanceof KubectlProblem) return complain(line.message, line.suggestion);
  const nodes = new Set(context.cluster.nodes.map((node) => node.metadata.name));
  const image = (name: string): void => {
    context.images.push(context.imageAt(name, path));
  };
  return toKubectl(text, line, path, { references, nodes, complain, objects, image });
}

/** The rollout in question, with its strategies. */
export function toRollout(raw: NonNullable<RawScenario['rollout']>, context: TimelineContext): RolloutSpec | undefined {
  const found = context.references.container(raw, ['rollout']);
  context.images.push(context.imageAt(raw.image, ['rollout', 'image']));
  const rolling = found?.object.spec.strategy.rollingUpdate ?? { maxSurge: '25%', maxUnavailable: '25%' };
  const strategies: StrategySpec[] = [];
  const names = new Set<string>();
  (raw.strategies ?? [undefined]).forEach((each, i) => {
    const path: Path = ['rollout', 'strategies', i];
    const strategy =
      each === undefined
        ? ownStrategy(found?.object.spec.strategy.type, rolling)
        : toStrategy(typeof each === 'string' ? { [each]: {} } : each, path, rolling, context);
    if (strategy === undefined) return;
    if (names.has(strategy.name)) {
      context.errors.push(
        context.complain(path, `two strategies are named ${strategy.name}; give one a name of its own`),
      );
    }
    names.add(strategy.name);
    strategies.push(strategy);
  });
  return (
    found && {
      deployment: found.deployment,
      container: found.container,
      image: raw.image,
      at: duration(raw.at),
      strategies,
    }
  );
}

type Rolling = { readonly maxSurge: number | string; readonly maxUnavailable: number | string };

/** What the Deployment itself says. */
function ownStrategy(type: 'RollingUpdate' | 'Recreate' | undefined, rolling: Rolling): StrategySpec {
  if (type === 'Recreate') return { name: 'recreate', kind: 'recreate' };
  return { name: 'ramped', kind: 'ramped', maxSurge: rolling.maxSurge, maxUnavailable: rolling.maxUnavailable };
}

function toStrategy(
  raw: RawStrategy,
  path: Path,
  rolling: Rolling,
  context: TimelineContext,
): StrategySpec | undefined {
  const given = (['recreate', 'ramped', 'blueGreen', 'canary'] as const).filter((kind) => raw[kind] !== undefined);
  const [kind] = given;
  if (given.length !== 1 || kind === undefined) {
    const found = given.join(' and ') || 'none of them';
    context.errors.push(context.complain(path, `expected one of recreate, ramped, blueGreen, canary, found ${found}`));
    return undefined;
  }
  const name = raw.name ?? kind;
  switch (kind) {
    case 'recreate':
      return { name, kind };
    case 'ramped': {
      const maxSurge = raw.ramped?.maxSurge ?? rolling.maxSurge;
      const maxUnavailable = raw.ramped?.maxUnavailable ?? rolling.maxUnavailable;
      if (isZero(maxSurge) && isZero(maxUnavailable)) {
        context.errors.push(context.complain([...path, 'ramped'], 'maxUnavailable may not be 0 when maxSurge is 0'));
      }
      return { name, kind, maxSurge, maxUnavailable };
    }
    case 'blueGreen':
      return { name, kind, hold: duration(raw.blueGreen?.hold ?? DEFAULT_HOLD) };
    case 'canary': {
      const steps = (raw.canary as NonNullable<RawStrategy['canary']>).steps.map((step) => ({
        weight: step.weight,
        pause: duration(step.pause),
      }));
      steps.forEach((step, i) => {
        if (i > 0 && step.weight < steps[i - 1]!.weight) {
          context.errors.push(
            context.complain(
              [...path, 'canary', 'steps', i, 'weight'],
              `expected weights that never fall, found ${step.weight} after ${steps[i - 1]!.weight}`,
            ),
          );
        }
      });
      return { name, kind, steps };
    }
  }
}

function isZero(value: number | string): boolean {
  return value === 0 || value === '0%';
}
