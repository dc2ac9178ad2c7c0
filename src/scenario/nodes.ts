import { RUNTIME_NAMES, runtimeOf } from '../api/container-runtimes.js';
import type { Node, Pod } from '../api/core.js';
import { fieldErrorText } from '../api/fields.js';
import { readManifest } from '../api/manifest.js';
import { isMap } from '../api/reader.js';
import type { ObjectMeta } from '../api/meta.js';
import { validateObject } from '../api/validation.js';
import { nearestName } from '../api/nearest.js';
import { isKwokNode, KWOK_NODE_ANNOTATION, KWOK_NODE_VALUE } from '../node/kwok/stage.js';
import type { InputError } from './input-error.js';
import { type LoadedObject, ManifestSet } from './manifests.js';
import { readStaticPods } from './static-pods.js';
import type { RawNodeGroup } from './schema.js';
import type { MachineSpec } from './types.js';
import type { Path, SourceItem } from './source.js';
import { toDistribution } from './schema-values.js';
import { fileFrom, stepsOf } from './source.js';
import { duration } from './units.js';

/** Labels of machines (k8s.io/api core/v1 well-known labels). */
export const ZONE_LABEL = 'topology.kubernetes.io/zone';
export const REGION_LABEL = 'topology.kubernetes.io/region';
export const HOSTNAME_LABEL = 'kubernetes.io/hostname';

/** Key of status.nodeInfo. */
const RUNTIME_VERSION = 'containerRuntimeVersion';
/** What runtimes are also called. */
const RUNTIME_ALIASES: Readonly<Record<string, string>> = { crio: 'cri-o', 'cri-dockerd': 'docker', dockershim: 'docker' };
const DEFAULT_ZONE = 'zone-a';
const DEFAULT_REGION = 'region-1';
/** kubelet --max-pods. */
const DEFAULT_MAX_PODS = 110;
/** Nodes of the widest cluster CIDR 10.0.0.0/8 with one /24 a node (node IPAM default mask). */
const MAXIMUM_NODES = 65536;

/** Node objects of a scenario's groups, in order, with names, zones and pod CIDRs. */
export class NodeBuilder {
  readonly nodes: Node[] = [];
  readonly files: string[] = [];
  /** What is said of machines beside their Node objects. */
  readonly machines: Record<string, MachineSpec> = {};
  /** Static pods as they were read. */
  readonly staticManifests: LoadedObject[] = [];
  private readonly unknown = new Set<string>();
  private readonly names = new Set<string>();
  /** Next number by name prefix, so that groups of one name go on counting. */
  private readonly next = new Map<string, number>();
  private readonly item: SourceItem;
  private readonly folder: string;
  private readonly errors: InputError[];

  private readonly warn: (message: string, path: Path) => void;

  constructor(item: SourceItem, folder: string, errors: InputError[], warn: (message: string, path: Path) => void) {
    this.warn = warn;
    this.item = item;
    this.folder = folder;
    this.errors = errors;
  }

  /** Adds the nodes of one group; `machine` is said of each of them. */
  group(raw: RawNodeGroup, path: Path, machine: MachineSpec = {}): void {
    const first = this.nodes.length;
    this.read(raw, path);
    if (raw.runtime !== undefined && runtimeOf(raw.runtime) === undefined) {
      const suggestion = nearestName(raw.runtime.replace(/:.*$/, ''), [...RUNTIME_NAMES, ...Object.keys(RUNTIME_ALIASES)]);
      const meant = suggestion === undefined ? undefined : (RUNTIME_ALIASES[suggestion] ?? suggestion);
      this.errors.push(this.item.error([...path, 'runtime'], { message: `expected containerd, cri-o or docker, found ${raw.runtime}`, ...(meant === undefined ? {} : { suggestion: meant }) }));
    }
    const staticPods = raw.staticPods === undefined ? undefined : this.staticPods(raw.staticPods, [...path, 'staticPods']);
    for (let i = first; i < this.nodes.length; i++) {
      const node = this.nodes[i]!;
      if (staticPods !== undefined && isKwokNode(node)) this.complain([...path, 'staticPods'], 'nodes of KWOK have no kubelet that would run static pods');
      if (staticPods !== undefined) this.machines[node.metadata.name] = { ...this.machines[node.metadata.name], staticPods };
      if (Object.keys(machine).length > 0) this.machines[node.metadata.name] = { ...this.machines[node.metadata.name], ...machine };
      this.machine(i, raw, path);
    }
  }

  private staticPods(files: string | readonly string[], path: Path): readonly Pod[] {
    const set = readStaticPods(typeof files === 'string' ? [files] : files, this.folder, (message) => this.item.error(path, { message }));
    this.files.push(...set.files);
    this.errors.push(...set.errors);
    this.staticManifests.push(...set.loaded);
    return set.loaded.map(({ object }) => object as Pod);
  }

  /** What a group says of one of its machines. */
  private machine(index: number, raw: RawNodeGroup, path: Path): void {
    let node = this.nodes[index]!;
    const { name } = node.metadata;
    if (raw.runtime !== undefined) {
      const version = raw.runtime.includes('://') ? raw.runtime : `${raw.runtime}://`;
      node = { ...node, status: { ...node.status, nodeInfo: { ...node.status.nodeInfo, [RUNTIME_VERSION]: version } } };
      this.nodes[index] = node;
    }
    const version = node.status.nodeInfo?.[RUNTIME_VERSION];
    if (version !== undefined && version !== '' && runtimeOf(version) === undefined && !isKwokNode(node) && !this.unknown.has(version)) {
      this.unknown.add(version);
      this.warn(`node ${name}: the container runtime ${version} is not known; it is simulated with the costs of containerd (known: ${RUNTIME_NAMES.join(', ')})`, path);
    }
    const { inodes, processIds, joins } = raw;
    if (joins !== undefined && isKwokNode(node)) this.complain([...path, 'joins'], 'nodes of KWOK have no kubelet that would register them');
    if (joins !== undefined) this.machines[name] = { ...this.machines[name], joins: { at: duration(joins.at), ...(joins.boot === undefined ? {} : { boot: toDistribution(joins.boot) }) } };
    if (inodes !== undefined) this.machines[name] = { ...this.machines[name], inodes };
    if (processIds !== undefined) this.machines[name] = { ...this.machines[name], processIds };
    if (raw.supervisor === 'none') this.machines[name] = { ...this.machines[name], unsupervised: true };
  }

  private read(raw: RawNodeGroup, path: Path): void {
    if (raw.dump !== undefined) {
      if (raw.count !== undefined || raw.template !== undefined) {
        this.complain([...path, 'dump'], 'expected either dump, or count and template, found both');
      }
      this.dump(raw.dump, [...path, 'dump'], raw.kind);
      return;
    }
    const template = raw.template === undefined ? undefined : this.template(raw.template, [...path, 'template']);
    if (raw.template === undefined) this.complain(path, 'missing key "template": a Node manifest, or a file with one');
    if (raw.count === undefined) this.complain(path, 'missing key "count": how many nodes of this kind');
    if (template === undefined || raw.count === undefined) return;
    if (this.nodes.length + raw.count > MAXIMUM_NODES) {
      this.complain(
        [...path, 'count'],
        `expected at most ${MAXIMUM_NODES} nodes in all, found ${this.nodes.length + raw.count}`,
      );
      return;
    }
    const prefix = raw.name ?? 'node';
    const zones = raw.zones ?? [template.metadata.labels?.[ZONE_LABEL] ?? DEFAULT_ZONE];
    const region = raw.region ?? template.metadata.labels?.[REGION_LABEL] ?? DEFAULT_REGION;
    let number = this.next.get(prefix) ?? 0;
    for (let i = 0; i < raw.count; i++)
      this.add(template, `${prefix}-${number++}`, zones[i % zones.length]!, region, path, raw.kind);
    this.next.set(prefix, number);
  }

  private complain(path: Path, message: string): void {
    this.errors.push(this.item.error(path, { message }));
  }

  private add(template: Node, name: string, zone: string, region: string, path: Path, kind: RawNodeGroup['kind']): void {
    if (this.names.has(name)) {
      this.complain(path, `two nodes are named ${name}; give the group a name of its own`);
      return;
    }
    this.names.add(name);
    const index = this.nodes.length;
    const labels = {
      ...template.metadata.labels,
      [HOSTNAME_LABEL]: name,
      [ZONE_LABEL]: zone,
      [REGION_LABEL]: region,
    };
    const addresses = [
      { type: 'InternalIP', address: nodeAddress(index) },
      { type: 'Hostname', address: name },
    ];
    // A key behind a spread that lacks it would give V8 a hidden class for every node.
    this.nodes.push({
      ...template,
      metadata: Object.assign({}, ofKind(template.metadata, kind), { name, uid: '', labels }),
      spec: Object.assign({}, template.spec, { podCIDR: podCIDR(index) }),
      status: Object.assign({}, template.status, { addresses }),
    });
  }

  private template(raw: string | object, path: Path): Node | undefined {
    if (typeof raw !== 'string') {
      const { object, errors } = readManifest({ apiVersion: 'v1', kind: 'Node', ...raw, ...named(raw) });
      const all = errors.length > 0 ? errors : validateObject(object);
      for (const error of all)
        this.errors.push(this.item.error([...path, ...stepsOf(error.field)], { message: fieldErrorText(error) }));
      return all.length > 0 ? undefined : this.checkNode(object as Node, path);
    }
    const file = fileFrom(this.folder, raw);
    const set = new ManifestSet();
    set.read(file, (message) => this.item.error(path, { message }));
    this.files.push(...set.files);
    this.errors.push(...set.errors);
    if (set.errors.length > 0) return undefined;
    const [first, second] = set.loaded;
    if (first === undefined || second !== undefined || first.object.kind !== 'Node') {
      const found =
        first === undefined
          ? 'nothing'
          : second === undefined
            ? `a ${first.object.kind}`
            : `${set.loaded.length} objects`;
      this.complain(path, `expected a file with one Node, found ${found} in ${file}`);
      return undefined;
    }
    return this.checkNode(first.object as Node, path);
  }

  /** A node without room for anything is surely a mistake. */
  private checkNode(node: Node, path: Path): Node | undefined {
    const lacking = ['cpu', 'memory'].filter((resource) => !(node.status.allocatable[resource]! > 0));
    if (lacking.length > 0) {
      this.complain(
        path,
        `expected a Node with status.capacity of cpu and memory, found none of ${lacking.join(' and ')}`,
      );
      return undefined;
    }
    const pods = { pods: node.status.allocatable.pods ?? DEFAULT_MAX_PODS };
    return {
      ...node,
      status: {
        ...node.status,
        capacity: { ...pods, ...node.status.capacity },
        allocatable: { ...node.status.allocatable, ...pods },
      },
    };
  }

  private dump(reference: string, path: Path, kind: RawNodeGroup['kind']): void {
    const file = fileFrom(this.folder, reference);
    const set = new ManifestSet();
    set.read(file, (message) => this.item.error(path, { message }));
    this.files.push(...set.files);
    this.errors.push(...set.errors);
    const nodes = set.loaded.filter(({ object }) => object.kind === 'Node');
    if (nodes.length === 0 && set.errors.length === 0)
      this.complain(path, `expected a dump of nodes, found no Node in ${file}`);
    for (const { object } of nodes) {
      const node = this.checkNode(object as Node, path);
      if (node === undefined) return;
      if (this.names.has(node.metadata.name)) {
        this.complain(path, `two nodes are named ${node.metadata.name}`);
        return;
      }
      this.names.add(node.metadata.name);
      const index = this.nodes.length;
      const labels = {
        [HOSTNAME_LABEL]: node.metadata.name,
        [ZONE_LABEL]: DEFAULT_ZONE,
        [REGION_LABEL]: DEFAULT_REGION,
        ...node.metadata.labels,
      };
      const addresses = node.status.addresses ?? [{ type: 'InternalIP', address: nodeAddress(index) }];
      this.nodes.push({
        ...node,
        metadata: { ...ofKind(node.metadata, kind), labels },
        spec: { ...node.spec, podCIDR: node.spec.podCIDR ?? podCIDR(index) },
        status: { ...node.status, addresses },
      });
    }
  }
}

/** Gives an inline template a name to be validated with. */
function named(raw: object): object {
  const metadata = (raw as { metadata?: unknown }).metadata;
  return isMap(metadata) ? { metadata: { name: 'template', ...metadata } } : { metadata: { name: 'template' } };
}

/** KWOK manages nodes by an annotation; a group that says its kind overrides the one of its template or dump. */
function ofKind(metadata: ObjectMeta, kind: RawNodeGroup['kind']): ObjectMeta {
  if (kind === undefined) return metadata;
  const { [KWOK_NODE_ANNOTATION]: _mark, ...annotations } = metadata.annotations ?? {};
  return { ...metadata, annotations: kind === 'kwok' ? { ...annotations, [KWOK_NODE_ANNOTATION]: KWOK_NODE_VALUE } : annotations };
}

/** One /24 a node out of 10.0.0.0/8 (node IPAM with its default mask). */
function podCIDR(index: number): string {
  return `10.${Math.floor(index / 256)}.${index % 256}.0/24`;
}

/** Addresses of machines, out of 172.16.0.0/12. */
function nodeAddress(index: number): string {
  const number = index + 1;
  return `172.${16 + Math.floor(number / 65536)}.${Math.floor(number / 256) % 256}.${number % 256}`;
}
