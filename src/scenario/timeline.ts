import type { Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import { isKwokNode } from '../node/kwok/stage.js';
import { type ImageUse, imagesOf } from './behaviours.js';
import type { InputError } from './input-error.js';
import { KubectlProblem, splitKubectl, toKubectl } from './kubectl.js';
import { ManifestSet } from './manifests.js';
import type { References } from './references.js';
import type { RawTimelineEntry } from './schema.js';
import { fileFrom, type Path } from './source.js';
import type { ClusterSpec, KubectlCommand, TimelineAction } from './types.js';
import { readStaticPods } from './static-pods.js';
import { toFaultTarget } from './fault-targets.js';
import { toInstant } from './instants.js';
import { duration } from './units.js';

/** Actions of a timeline entry. */
const ACTIONS = ['apply', 'setImage', 'scale', 'delete', 'fail', 'heal', 'defragment', 'moveLeader', 'disarmAlarms', 'corrupt', 'restart', 'shutdown', 'staticPod', 'inspect', 'kubectl'] as const;

export interface TimelineContext {
  readonly references: References;
  readonly cluster: ClusterSpec;
  readonly folder: string;
  readonly namespace: string;
  readonly startTime: number;
  /** When the rollout begins; undefined: there is none. */
  readonly rolloutAt: string | undefined;
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
      set.read(fileFrom(context.folder, file), (message) => context.complain(path, message));
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
    if (entry.for !== undefined && entry.fail === undefined) context.references.complain([...path, 'for'], '"for" belongs to "fail": it says how long');
    const action = toAction(entry, i, applied, context);
    const instant = toInstant(entry.at, context.rolloutAt, [...path, 'at'], (at, message) => context.references.complain(at, message));
    if (action !== undefined && instant !== undefined) actions.push({ ...instant, position: context.place(path), ...action } as TimelineAction);
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
  if (entry.shutdown !== undefined) {
    const node = references.node(entry.shutdown.node, cluster, [...path, 'shutdown', 'node']);
    return node === undefined ? undefined : { action: 'shutdown', node: entry.shutdown.node };
  }
  if (entry.inspect !== undefined) {
    const name = entry.inspect.kubelet;
    if (name !== '*' && references.node(name, cluster, [...path, 'inspect', 'kubelet']) === undefined) return undefined;
    const nodes = cluster.nodes.filter((node) => !isKwokNode(node)).map((node) => node.metadata.name);
    if (name !== '*' && !nodes.includes(name)) return references.complain([...path, 'inspect', 'kubelet'], `${name} is a node of KWOK and has no kubelet`);
    return { action: 'inspect', nodes: name === '*' ? nodes : [name] };
  }
  if (entry.staticPod !== undefined) {
    const { node, apply, remove } = entry.staticPod;
    const at: Path = [...path, 'staticPod'];
    if (references.node(node, cluster, [...at, 'node']) === undefined) return undefined;
    if ((apply === undefined) === (remove === undefined)) return references.complain(at, 'expected one of apply, remove');
    const set = readStaticPods(apply === undefined ? [] : [apply], context.folder, (message) => context.complain([...at, 'apply'], message));
    context.errors.push(...set.errors);
    context.files.push(...set.files);
    context.images.push(...imagesOf(set.loaded));
    const pods = set.loaded.map(({ object }) => object as Pod);
    return { action: 'staticPod', node, pods, ...(remove === undefined ? {} : { remove: remove.includes('/') ? remove : `default/${remove}` }) };
  }
  if (entry.kubectl !== undefined) {
    const command = toCommand(entry.kubectl, i, applied.get(i)?.loaded.map(({ object }) => object) ?? [], context);
    return command && { action: 'kubectl', command };
  }
  const action = entry.fail === undefined ? 'heal' : 'fail';
  const target = toFaultTarget((entry.fail ?? entry.heal)!, [...path, action], cluster, references);
  return target && { action, target, ...(entry.for === undefined ? {} : { repair: duration(entry.for) }) };
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
