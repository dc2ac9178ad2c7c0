import { nearestName } from '../api/nearest.js';
import { infoOfKind, resourceInfo, resources } from '../api/resources.js';
import { MILLISECOND, SECOND } from '../kernel/time.js';
import type { InputError } from './input-error.js';
import type { LoadedObject } from './manifests.js';
import type { RawScenario } from './schema.js';
import type { Path, SourceItem } from './source.js';
import type { ClusterSpec, CostProfile, EtcdOverride, EtcdSpec, Finding } from './types.js';
import { bytes, duration } from './units.js';

type RawEtcd = NonNullable<NonNullable<RawScenario['cluster']>['etcd']>;
type RawOverride = NonNullable<RawEtcd['serversOverrides']>[number];

/** Defaults of etcd's own flags. */
const DEFAULTS = {
  members: 3,
  heartbeatInterval: 100 * MILLISECOND,
  electionTimeout: SECOND,
  quotaBackendBytes: 2 * 1024 * 1024 * 1024,
  snapshotCount: 10000,
} as const;
/** etcd embed/config.go: the election timeout is at least five heartbeats and at most 50 s. */
const ELECTION_HEARTBEATS = 5;
const MAXIMUM_ELECTION_TIMEOUT = 50 * SECOND;

/** What the etcd clusters of a scenario are read with. */
export interface EtcdContext {
  readonly item: SourceItem;
  readonly errors: InputError[];
  /** Zones of the nodes. */
  readonly zones: readonly string[];
  /** Costs with a disk class (absent: the scenario's own); undefined after an error, at `path`. */
  readonly costs: (disk: string | undefined, path: Path) => CostProfile['etcd'] | undefined;
}

/** One etcd cluster; what is wrong goes to the context's errors. */
export function toEtcdSpec(
  raw: Omit<RawOverride, 'resources'>,
  path: Path,
  members: number,
  context: EtcdContext,
): EtcdSpec {
  const { zones } = context;
  const complain = (key: string, message: string) =>
    context.errors.push(context.item.error([...path, key], { message }));
  if (raw.zones !== undefined && raw.zones.length !== members) {
    complain('zones', `expected ${members} zones, one a member, found ${raw.zones.length}`);
  }
  const { heartbeatInterval: heartbeat, electionTimeout: election, quota } = raw;
  const heartbeatInterval = heartbeat === undefined ? DEFAULTS.heartbeatInterval : duration(heartbeat);
  const electionTimeout = election === undefined ? DEFAULTS.electionTimeout : duration(election);
  if (raw.corruptCheckTime !== undefined && duration(raw.corruptCheckTime) === 0)
    complain('corruptCheckTime', 'expected a duration above 0s; leave it out for no checks');
  if (heartbeatInterval === 0) complain('heartbeatInterval', 'expected a duration above 0s');
  if (electionTimeout < ELECTION_HEARTBEATS * heartbeatInterval) {
    const message = `the election timeout must be at least ${ELECTION_HEARTBEATS} times the heartbeat interval`;
    complain(election === undefined ? 'heartbeatInterval' : 'electionTimeout', message);
  } else if (electionTimeout > MAXIMUM_ELECTION_TIMEOUT) {
    complain('electionTimeout', 'the election timeout must be at most 50s');
  }
  return {
    members,
    heartbeatInterval,
    electionTimeout,
    quotaBackendBytes: quota === undefined ? DEFAULTS.quotaBackendBytes : bytes(quota),
    snapshotCount: raw.snapshotCount ?? DEFAULTS.snapshotCount,
    ...(raw.corruptCheckTime === undefined ? {} : { corruptCheckTime: duration(raw.corruptCheckTime) }),
    ...(raw.initialCorruptCheck === true ? { initialCorruptCheck: true } : {}),
    ...(raw.dedicatedWalDisk === true ? { dedicatedWalDisk: true } : {}),
    zones: raw.zones ?? Array.from({ length: members }, (_, i) => zones[i % Math.max(1, zones.length)] ?? 'zone-a'),
  };
}

/** The number of members of the main cluster. */
export function etcdMembers(raw: RawEtcd): number {
  return raw.members ?? DEFAULTS.members;
}

/** The clusters of `serversOverrides`. */
export function toEtcdOverrides(raw: RawEtcd, context: EtcdContext): EtcdOverride[] {
  const taken = new Set<string>();
  return (raw.serversOverrides ?? []).map((override, i) => {
    const path: Path = ['cluster', 'etcd', 'serversOverrides', i];
    const names = override.resources.map((text, j) => resourceName(text, [...path, 'resources', j], taken, context));
    const complain = (message: string) => context.errors.push(context.item.error([...path, 'sharedDisk'], { message }));
    if (override.sharedDisk === true && override.disk !== undefined)
      complain('a shared disk is of the class of the main cluster: leave "disk" out');
    if (override.sharedDisk === true && raw.topology === 'external')
      complain('external members share no machine, hence no disk');
    const members = override.members ?? etcdMembers(raw);
    if (override.sharedDisk === true && members > etcdMembers(raw))
      complain(`the main cluster has ${etcdMembers(raw)} disks, for ${members} members`);
    return {
      name: `etcd-${names[0] ?? i}`,
      resources: names.filter((name) => name !== undefined),
      spec: toEtcdSpec(override, path, members, context),
      costs: context.costs(override.disk, [...path, 'disk']) as CostProfile['etcd'],
      sharedDisk: override.sharedDisk === true,
    };
  });
}

/** A resource written as kube-apiserver's flag has it, `group/resource`. */
function resourceName(text: string, path: Path, taken: Set<string>, context: EtcdContext): string | undefined {
  const known = resources().map(({ group, resource }) => `${group}/${resource}`);
  const wanted = text.includes('/') ? text : known.find((name) => name.endsWith(`/${text}`));
  const complain = (message: string, suggestion?: string): undefined => {
    context.errors.push(context.item.error(path, { message, ...(suggestion === undefined ? {} : { suggestion }) }));
    return undefined;
  };
  if (wanted === undefined || !known.includes(wanted)) {
    const nearest = nearestName(text, known);
    const hint = nearest === undefined ? 'expected group/resource such as /events' : `did you mean ${nearest}?`;
    return complain(`the API servers keep no resource "${text}"; ${hint}`, nearest);
  }
  if (taken.has(wanted)) return complain(`${wanted} has an etcd cluster already`);
  taken.add(wanted);
  return wanted.slice(wanted.indexOf('/') + 1);
}

/** Objects of the start state by resource: nodes with their leases, and what the manifests hold. */
export type StartCounts = ReadonlyMap<string, number>;

/** Counts the objects that etcd holds at the start. */
export function startCounts(cluster: Pick<ClusterSpec, 'nodes'>, loaded: readonly LoadedObject[]): StartCounts {
  const counts = new Map([
    ['nodes', cluster.nodes.length],
    ['leases', cluster.nodes.length],
  ]);
  for (const { object } of loaded) {
    const info = object.kind === 'Node' ? undefined : infoOfKind(object.apiVersion, object.kind);
    if (info !== undefined) counts.set(info.resource, (counts.get(info.resource) ?? 0) + 1);
  }
  return counts;
}

/** A quota below the data that is there at the start would refuse the first write. */
export function checkQuotas(
  raw: RawEtcd,
  cluster: ClusterSpec,
  counts: StartCounts,
  complain: (path: Path, message: string) => void,
): void {
  const { etcd: main, etcdOverrides: overrides = [] } = cluster;
  const own = new Set(overrides.flatMap(({ resources: names }) => names));
  const check = (spec: EtcdSpec, path: Path, kept: (resource: string) => boolean): void => {
    let data = 0;
    let objects = 0;
    for (const [resource, count] of counts) {
      if (!kept(resource)) continue;
      objects += count;
      data += count * resourceInfo(resource).typicalBytes;
    }
    if (spec.quotaBackendBytes >= data && spec.quotaBackendBytes > 0) return;
    const message = `the quota of ${spec.quotaBackendBytes} bytes is below the data at the start: ${data} bytes in ${objects} objects`;
    complain(path, message);
  };
  if (raw.quota !== undefined) check(main, ['cluster', 'etcd', 'quota'], (resource) => !own.has(resource));
  raw.serversOverrides?.forEach((override, i) => {
    const names = overrides[i]!.resources;
    if (override.quota === undefined) return;
    check(overrides[i]!.spec, ['cluster', 'etcd', 'serversOverrides', i, 'quota'], (resource) =>
      names.includes(resource),
    );
  });
}

/** An even number of members needs a larger quorum and survives no more failures. */
export function memberFindings(cluster: ClusterSpec, raw: RawEtcd | undefined, place: (path: Path) => string): Finding[] {
  const findings: Finding[] = [];
  const look = (name: string, members: number, path: Path): void => {
    if (members % 2 === 1) return;
    const message = `${name} has ${members} members: an even number survives no more failures than ${members - 1}`;
    findings.push({ severity: 'warning', message, position: place(path) });
  };
  look('etcd', cluster.etcd.members, ['cluster', 'etcd', 'members']);
  cluster.etcdOverrides?.forEach(({ name, spec }, i) => {
    if (raw?.serversOverrides?.[i]?.members !== undefined) look(name, spec.members, ['cluster', 'etcd', 'serversOverrides', i, 'members']);
  });
  return findings;
}
