import { registryOf } from '../api/image.js';
import { imagesOf } from './behaviours.js';
import { controlPlaneHosts, etcdMemberNames, type References, zonesOf } from './references.js';
import type { RawFaultTarget } from './schema-faults.js';
import type { Path } from './source.js';
import type { ClusterSpec, FaultTarget } from './types.js';
import { share } from './units.js';

const ZONE_LABEL = 'topology.kubernetes.io/zone';
/** Keys that say more of a target. */
const DETAILS: ReadonlySet<string> = new Set(['factor', 'share']);
const TARGETS = 'node, instance, hang, kubelet, runtime, csiDriver, nodes, zone, link, partition, packetLoss, dns, apiServer, machine, controllerManager, scheduler, etcd, disk, registry';

/** A target of `fail` or `heal`, with everything that it names found; undefined after an error. */
export function toFaultTarget(raw: RawFaultTarget, path: Path, cluster: ClusterSpec, references: References): FaultTarget | undefined {
  const given = Object.keys(raw).filter((key) => !DETAILS.has(key) && raw[key as keyof RawFaultTarget] !== undefined);
  const complain = (at: Path, message: string): undefined => references.complain(at, message);
  if (given.length !== 1) return complain(path, `expected one of ${TARGETS}, found ${given.join(' and ') || 'none of them'}`);
  if (raw.factor !== undefined && raw.disk === undefined) return complain([...path, 'factor'], '"factor" belongs to "disk": it says how slow the disk is');
  if (raw.share !== undefined && raw.packetLoss === undefined) return complain([...path, 'share'], '"share" belongs to "packetLoss": it says how many packets are lost');
  const nodes = cluster.nodes.map((node) => node.metadata.name);
  const named = (what: string, name: string, names: readonly string[], key: string): true | undefined => references.named(what, name, names, [...path, key]);
  if (raw.node !== undefined) return named('node', raw.node, nodes, 'node') && { kind: 'node', name: raw.node };
  if (raw.instance !== undefined) return named('node', raw.instance, nodes, 'instance') && { kind: 'instance', name: raw.instance };
  if (raw.hang !== undefined) return named('node', raw.hang, nodes, 'hang') && { kind: 'hang', name: raw.hang };
  if (raw.kubelet !== undefined) return named('node', raw.kubelet, nodes, 'kubelet') && { kind: 'kubelet', name: raw.kubelet };
  if (raw.runtime !== undefined) return named('node', raw.runtime, nodes, 'runtime') && { kind: 'runtime', name: raw.runtime };
  if (raw.csiDriver !== undefined) return named('node', raw.csiDriver, nodes, 'csiDriver') && { kind: 'csiDriver', name: raw.csiDriver };
  if (raw.nodes !== undefined) return pool(raw.nodes, [...path, 'nodes'], cluster, references);
  if (raw.zone !== undefined) return named('zone', raw.zone, zonesOf(cluster), 'zone') && { kind: 'zone', name: raw.zone };
  if (raw.apiServer !== undefined) return references.numbered('apiServer', raw.apiServer, cluster.apiServers, path);
  const replicas = cluster.controlPlaneReplicas ?? 1;
  if (raw.controllerManager !== undefined) return references.numbered('controllerManager', raw.controllerManager, replicas, path);
  if (raw.scheduler !== undefined) return references.numbered('scheduler', raw.scheduler, replicas, path);
  if (raw.machine !== undefined) {
    const machines = controlPlaneHosts(cluster).filter((name) => name.startsWith('control-plane-'));
    return named('machine', raw.machine, machines, 'machine') && { kind: 'machine', index: machines.indexOf(raw.machine) };
  }
  if (raw.registry !== undefined) {
    const hosts = new Set((cluster.registries ?? []).map(({ host }) => host));
    for (const { image } of imagesOf(references.loaded)) hosts.add(registryOf(image));
    return named('registry', raw.registry, [...hosts], 'registry') && { kind: 'registry', host: raw.registry };
  }
  if (raw.etcd !== undefined) {
    const index = references.member(raw.etcd, cluster, path);
    return index === undefined ? undefined : { kind: 'etcd', index };
  }
  if (raw.disk !== undefined) return disk(raw.disk, raw.factor, path, cluster, references);
  const hosts = [...controlPlaneHosts(cluster), ...nodes];
  if (raw.packetLoss !== undefined) {
    if (named('machine', raw.packetLoss, hosts, 'packetLoss') === undefined) return undefined;
    if (path.at(-1) === 'fail' && raw.share === undefined) return complain(path, 'missing key "share": expected a percentage such as 5%');
    return { kind: 'packetLoss', name: raw.packetLoss, share: raw.share === undefined ? 0 : share(raw.share) };
  }
  if (raw.partition !== undefined) {
    const { from, to, oneWay = false } = raw.partition;
    const zones = [...new Set([...zonesOf(cluster), ...cluster.etcd.zones])];
    const both = references.named('zone', from, zones, [...path, 'partition', 'from']) && references.named('zone', to, zones, [...path, 'partition', 'to']);
    return both && { kind: 'partition', from, to, oneWay };
  }
  if (raw.dns !== undefined) return cluster.dns === undefined ? complain([...path, 'dns'], 'the manifests have no Service kube-system/kube-dns') : { kind: 'dns' };
  const { from, to, oneWay } = raw.link as { from: string; to: string; oneWay?: boolean };
  const both = references.named('host', from, hosts, [...path, 'link', 'from']) && references.named('host', to, hosts, [...path, 'link', 'to']);
  return both && { kind: 'link', from, to, ...(oneWay === true ? { oneWay } : {}) };
}

function disk(name: string, factor: number | undefined, path: Path, cluster: ClusterSpec, references: References): FaultTarget | undefined {
  const members = etcdMemberNames(cluster);
  const nodes = cluster.nodes.map((node) => node.metadata.name);
  const ofEtcd = name.startsWith('etcd');
  if (references.named(ofEtcd ? 'etcd member' : 'etcd member or node', name, ofEtcd ? members : [...members, ...nodes], [...path, 'disk']) === undefined) return undefined;
  if (path.at(-1) === 'fail' && factor === undefined) return references.complain(path, 'missing key "factor": expected a number above 1');
  const index = members.indexOf(name);
  return index >= 0 ? { kind: 'disk', index, factor: factor ?? 1 } : { kind: 'nodeDisk', name, factor: factor ?? 1 };
}

/** Nodes to draw from. */
function pool(raw: NonNullable<RawFaultTarget['nodes']>, path: Path, cluster: ClusterSpec, references: References): FaultTarget | undefined {
  if (path.includes('heal')) return references.complain(path, 'nodes drawn at random cannot be healed by name: give the fault a "for"');
  if (raw.zone !== undefined && references.named('zone', raw.zone, zonesOf(cluster), [...path, 'zone']) === undefined) return undefined;
  const wanted = Object.entries({ ...raw.labels, ...(raw.zone === undefined ? {} : { [ZONE_LABEL]: raw.zone }) });
  const found = cluster.nodes.filter(({ metadata }) => wanted.every(([key, value]) => metadata.labels?.[key] === value));
  if (found.length === 0) return references.complain(path, 'no node has these labels');
  const groups = new Map<string, string[]>();
  for (const { metadata } of found) {
    const value = raw.sameLabel === undefined ? '' : metadata.labels?.[raw.sameLabel];
    if (value === undefined) continue;
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [metadata.name]);
    else group.push(metadata.name);
  }
  if (groups.size === 0) return references.complain([...path, 'sameLabel'], `no node has the label ${raw.sameLabel}`);
  const most = Math.max(...[...groups.values()].map((group) => group.length));
  const count = raw.count ?? (raw.sameLabel === undefined ? 1 : most);
  if (count > most) return references.complain([...path, 'count'], `expected a number from 1 to ${most}, found ${count}: there are no more such nodes`);
  return { kind: 'nodes', groups: [...groups.values()], count };
}
