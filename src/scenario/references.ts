import { keyOf } from '../api/meta.js';
import { nearestName } from '../api/nearest.js';
import { type ResourceInfo, resources } from '../api/resources.js';
import type { Deployment } from '../api/workloads.js';
import type { InputError } from './input-error.js';
import type { LoadedObject } from './manifests.js';
import type { Path, SourceItem } from './source.js';
import type { ClusterSpec, ObjectName } from './types.js';

/** Short names of kubectl (`kubectl api-resources`). */
const shortNames: Readonly<Record<string, string>> = {
  po: 'pods',
  no: 'nodes',
  svc: 'services',
  ev: 'events',
  ns: 'namespaces',
  sa: 'serviceaccounts',
  cm: 'configmaps',
  deploy: 'deployments',
  rs: 'replicasets',
  ds: 'daemonsets',
  sts: 'statefulsets',
  rc: 'replicationcontrollers',
  pdb: 'poddisruptionbudgets',
  hpa: 'horizontalpodautoscalers',
};

/** Finds what a scenario names; a name that matches nothing is an error that says the nearest right one. */
export class References {
  private readonly byKind = new Map<string, Map<string, LoadedObject>>();
  private readonly namespace: string;
  private readonly item: SourceItem;
  private readonly errors: InputError[];

  constructor(item: SourceItem, namespace: string, errors: InputError[]) {
    this.item = item;
    this.namespace = namespace;
    this.errors = errors;
  }

  /** Makes objects known: those of the start state, and those that the timeline applies. */
  add(loaded: readonly LoadedObject[]): void {
    for (const each of loaded) {
      let keys = this.byKind.get(each.object.kind);
      if (keys === undefined) this.byKind.set(each.object.kind, (keys = new Map()));
      keys.set(keyOf(each.object), each);
    }
  }

  /** All objects of a kind. */
  all(kind: string): readonly LoadedObject[] {
    return [...(this.byKind.get(kind)?.values() ?? [])];
  }

  complain(path: Path, message: string, suggestion?: string): undefined {
    this.errors.push(this.item.error(path, { message, ...(suggestion === undefined ? {} : { suggestion }) }));
    return undefined;
  }

  /** An object of a kind by name; undefined after an error. */
  object(kind: string, name: string, namespace: string | undefined, path: Path): LoadedObject | undefined {
    const key = `${namespace ?? this.namespace}/${name}`;
    const keys = this.byKind.get(kind) ?? new Map<string, LoadedObject>();
    const found = keys.get(key);
    if (found !== undefined) return found;
    const elsewhere = [...keys.keys()].find((each) => each.endsWith(`/${name}`));
    if (elsewhere !== undefined) {
      const other = elsewhere.slice(0, elsewhere.indexOf('/'));
      return this.complain(
        path,
        `no ${kind} is named ${key}; there is ${elsewhere}: add "namespace: ${other}"`,
        elsewhere,
      );
    }
    const names = [...keys.keys()].map((each) => each.slice(each.indexOf('/') + 1));
    return this.complain(path, `no ${kind} is named ${key}${alternatives(name, names)}`, nearestName(name, names));
  }

  /** A Deployment and the name of one of its containers (the first when none is asked for). */
  container(
    raw: {
      readonly deployment: string;
      readonly namespace?: string | undefined;
      readonly container?: string | undefined;
    },
    path: Path,
  ): { readonly deployment: ObjectName; readonly container: string; readonly object: Deployment } | undefined {
    const found = this.object('Deployment', raw.deployment, raw.namespace, [...path, 'deployment']);
    if (found === undefined) return undefined;
    const object = found.object as Deployment;
    const names = object.spec.template.spec.containers.map((container) => container.name);
    const container = raw.container ?? names[0]!;
    if (!names.includes(container)) {
      const message = `the Deployment ${raw.deployment} has no container named ${container}${alternatives(container, names)}`;
      return this.complain([...path, 'container'], message, nearestName(container, names));
    }
    return { deployment: { namespace: object.metadata.namespace, name: object.metadata.name }, container, object };
  }

  /** All objects that are known. */
  get loaded(): readonly LoadedObject[] {
    return [...this.byKind.values()].flatMap((keys) => [...keys.values()]);
  }

  /** Namespace of names that give none. */
  get defaultNamespace(): string {
    return this.namespace;
  }

  /** A kind by its name, plural or short name; undefined after an error. */
  kind(kind: string, path: Path): ResourceInfo | undefined {
    const wanted = shortNames[kind.toLowerCase()] ?? kind.toLowerCase();
    const info = resources().find((each) => each.resource === wanted || each.kind.toLowerCase() === wanted);
    if (info !== undefined) return info;
    const names = resources().map((each) => each.kind.toLowerCase());
    return this.complain(path, `no kind is named "${kind}"${alternatives(kind, names)}`, nearestName(kind, names));
  }

  /** `KIND/NAME` as kubectl takes it. */
  target(
    reference: string,
    namespace: string | undefined,
    path: Path,
    nodes: ReadonlySet<string>,
  ): { readonly resource: string; readonly object: ObjectName } | undefined {
    const match = /^([^/]+)\/([^/]+)$/.exec(reference);
    if (match === null)
      return this.complain(path, `expected KIND/NAME such as deployment/frontend, found "${reference}"`);
    const [, kind, name] = match as unknown as [string, string, string];
    const info = this.kind(kind, path);
    if (info === undefined) return undefined;
    const object = { namespace: info.namespaced ? (namespace ?? this.namespace) : '', name };
    // Pods and ReplicaSets are named by their controllers during the run, so their names cannot be known here.
    const made = info.kind === 'Pod' || info.kind === 'ReplicaSet' || info.kind === 'Namespace' || info.kind === 'Node';
    if (info.kind === 'Node' && !nodes.has(name)) {
      return this.complain(path, `no Node is named ${name}${alternatives(name, [...nodes])}`, nearestName(name, nodes));
    }
    if (!made && info.namespaced && this.object(info.kind, name, namespace, path) === undefined) return undefined;
    return { resource: info.resource, object };
  }

  /** A node by name. */
  node(name: string, cluster: ClusterSpec, path: Path): true | undefined {
    return this.named('node', name, cluster.nodes.map((node) => node.metadata.name), path);
  }

  /** The number of an etcd member, by its number or name; those of further clusters follow on those of the main one. */
  member(member: number | string, cluster: ClusterSpec, path: Path): number | undefined {
    if (typeof member === 'number')
      return this.numbered('etcd', member, cluster.etcd.members, path) === undefined ? undefined : member;
    const names = etcdMemberNames(cluster);
    return this.named('etcd member', member, names, [...path, 'etcd']) && names.indexOf(member);
  }

  /** Whether a name is one of those that there are; undefined after an error that says the nearest right one. */
  named(what: string, name: string, names: readonly string[], path: Path): true | undefined {
    if (names.includes(name)) return true;
    return this.complain(path, `no ${what} is named ${name}${alternatives(name, names)}`, nearestName(name, names));
  }

  /** Whether a number is below a count; undefined after an error. */
  numbered<Kind extends 'apiServer' | 'etcd' | 'controllerManager' | 'scheduler'>(kind: Kind, index: number, count: number, path: Path): { readonly kind: Kind; readonly index: number } | undefined {
    if (index < count) return { kind, index };
    return this.complain(
      [...path, kind],
      `expected a number from 0 to ${count - 1}, found ${index}: there are ${count}`,
    );
  }
}

/** Names of all etcd members: those of the main cluster, then those of the others. */
export function etcdMemberNames(cluster: ClusterSpec): string[] {
  const clusters = [{ name: 'etcd', spec: cluster.etcd }, ...(cluster.etcdOverrides ?? [])];
  return clusters.flatMap(({ name, spec }) => Array.from({ length: spec.members }, (_, i) => `${name}-${i}`));
}

/** Machines of the control plane: machine i carries kube-apiserver i, and etcd member i unless etcd has machines of its own. */
export function controlPlaneHosts(cluster: ClusterSpec): string[] {
  const external = cluster.etcdTopology === 'external';
  const members = external ? [] : [cluster.etcd, ...(cluster.etcdOverrides ?? []).map(({ spec }) => spec)];
  const machines = Math.max(
    cluster.apiServers,
    cluster.controlPlaneReplicas ?? 1,
    ...members.map((spec) => spec.members),
  );
  const names = Array.from({ length: machines }, (_, i) => `control-plane-${i}`);
  return external ? [...names, ...etcdMemberNames(cluster)] : names;
}

/** Zones of the nodes, in order of first appearance. */
export function zonesOf(cluster: Pick<ClusterSpec, 'nodes'>): string[] {
  const zones = new Set<string>();
  for (const node of cluster.nodes) {
    const zone = node.metadata.labels?.['topology.kubernetes.io/zone'];
    if (zone !== undefined) zones.add(zone);
  }
  return [...zones];
}

/** How many names an error lists. */
const LISTED = 8;

function alternatives(wrong: string, names: readonly string[]): string {
  const nearest = nearestName(wrong, names);
  if (nearest !== undefined) return `; did you mean ${nearest}?`;
  if (names.length === 0) return '; there is none';
  const more = names.length > LISTED ? `, … (${names.length} in all)` : '';
  return `; there ${names.length === 1 ? 'is' : 'are'} ${names.slice(0, LISTED).join(', ')}${more}`;
}
