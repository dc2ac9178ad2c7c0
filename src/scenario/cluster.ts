import { MILLISECOND, SECOND } from '../kernel/time.js';
import type { InputError } from './input-error.js';
import { isKwokNode } from '../node/kwok/stage.js';
import { toKwok } from './kwok.js';
import { NodeBuilder } from './nodes.js';
import { zonesOf } from './references.js';
import type { RawScenario } from './schema.js';
import { type SchedulerOptions, toScheduler } from './scheduler.js';
import type { SourceItem } from './source.js';
import type { ClusterSpec } from './types.js';
import { bytes, duration } from './units.js';

/** Defaults of the components' own flags. */
const ETCD = {
  members: 3,
  heartbeatInterval: 100 * MILLISECOND,
  electionTimeout: SECOND,
  quotaBackendBytes: 2 * 1024 * 1024 * 1024,
  snapshotCount: 10000,
} as const;
const CONTROLLER_MANAGER = { qps: 20, burst: 30 } as const;
const KUBE_PROXY_MIN_SYNC_PERIOD = SECOND;
/** etcd embed/config.go: the election timeout is at least five heartbeats and at most 50 s. */
const ELECTION_HEARTBEATS = 5;
const MAXIMUM_ELECTION_TIMEOUT = 50 * SECOND;

/** The cluster of a scenario file; what is wrong goes to `errors`. */
export function toCluster(
  raw: RawScenario['cluster'],
  item: SourceItem,
  folder: string,
  errors: InputError[],
  files: string[],
  options: SchedulerOptions,
): ClusterSpec {
  const builder = new NodeBuilder(item, folder, errors);
  raw.nodes.forEach((group, i) => {
    builder.group(group, ['cluster', 'nodes', i]);
  });
  files.push(...builder.files);
  const { nodes } = builder;
  const { etcd = {}, controllerManager = {}, kubeProxy = {} } = raw;
  const members = etcd.members ?? ETCD.members;
  const zones = zonesOf({ nodes });
  if (etcd.zones !== undefined && etcd.zones.length !== members) {
    errors.push(
      item.error(['cluster', 'etcd', 'zones'], {
        message: `expected ${members} zones, one a member, found ${etcd.zones.length}`,
      }),
    );
  }
  const heartbeatInterval =
    etcd.heartbeatInterval === undefined ? ETCD.heartbeatInterval : duration(etcd.heartbeatInterval);
  const electionTimeout = etcd.electionTimeout === undefined ? ETCD.electionTimeout : duration(etcd.electionTimeout);
  if (heartbeatInterval === 0) {
    errors.push(item.error(['cluster', 'etcd', 'heartbeatInterval'], { message: 'expected a duration above 0s' }));
  }
  if (electionTimeout < ELECTION_HEARTBEATS * heartbeatInterval) {
    const message = `the election timeout must be at least ${ELECTION_HEARTBEATS} times the heartbeat interval`;
    errors.push(
      item.error(['cluster', 'etcd', etcd.electionTimeout === undefined ? 'heartbeatInterval' : 'electionTimeout'], {
        message,
      }),
    );
  } else if (electionTimeout > MAXIMUM_ELECTION_TIMEOUT) {
    errors.push(
      item.error(['cluster', 'etcd', 'electionTimeout'], { message: 'the election timeout must be at most 50s' }),
    );
  }
  const kwok = toKwok(raw.kwok, nodes.some(isKwokNode), item, folder, errors, files);
  return {
    nodes,
    etcd: {
      members,
      heartbeatInterval,
      electionTimeout,
      quotaBackendBytes: etcd.quota === undefined ? ETCD.quotaBackendBytes : bytes(etcd.quota),
      snapshotCount: etcd.snapshotCount ?? ETCD.snapshotCount,
      zones: etcd.zones ?? Array.from({ length: members }, (_, i) => zones[i % Math.max(1, zones.length)] ?? 'zone-a'),
    },
    apiServers: raw.apiServers ?? 1,
    ...(raw.controlPlaneReplicas === undefined ? {} : { controlPlaneReplicas: raw.controlPlaneReplicas }),
    ...(raw.informerQueue === undefined ? {} : { informerQueue: raw.informerQueue }),
    controllerManager: {
      qps: controllerManager.qps ?? CONTROLLER_MANAGER.qps,
      burst: controllerManager.burst ?? CONTROLLER_MANAGER.burst,
    },
    scheduler: toScheduler(raw, { item, folder, errors, files }, options),
    kubeProxy: {
      minSyncPeriod:
        kubeProxy.minSyncPeriod === undefined ? KUBE_PROXY_MIN_SYNC_PERIOD : duration(kubeProxy.minSyncPeriod),
      extraDelay: kubeProxy.extraDelay === undefined ? 0 : duration(kubeProxy.extraDelay),
    },
    ...(kwok === undefined ? {} : { kwok }),
  };
}
