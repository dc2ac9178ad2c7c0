import type { Node, Pod } from '../api/core.js';
import type { Serializer } from '../api/serialize.js';
import { MINUTE, SECOND, type Time } from '../kernel/time.js';
import { containerEnvironment } from './container-environment.js';
import type { Fleet } from './fleet.js';
import type { NodeRecord } from './node-record.js';
import type { PodRecord } from './records.js';

import { CONFIG_SEEN, CONFIG_SOURCE } from './static-pod-policy.js';

type Json = Record<string, unknown>;

/** kubelet.go SyncLoopHealthCheck: the loop must have been entered within this time. */
const SYNC_LOOP_LIMIT = 5 * MINUTE;
/** Rounds are skipped once the runtime has been silent for so long (runtimeState). */
const RUNTIME_THRESHOLD = 30 * SECOND;
const HEALTH_PORT = 10248;
const PORT = 10250;

/** What a kubelet would serve at an instant, and the environments of its containers (as `kubectl exec … env` shows them). */
export interface KubeletEndpoints {
  readonly node: string;
  readonly time: string;
  readonly '/healthz': Json;
  readonly '/pods': Json;
  readonly '/spec': Json;
  readonly environments: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;
}

/** The answers of a kubelet to GET /healthz, /pods and /spec now (pkg/kubelet/server/server.go). Changes nothing. */
export function kubeletEndpoints(fleet: Fleet, node: NodeRecord, serializer: Serializer): KubeletEndpoints {
  const { now } = fleet.simulation;
  const start = { node: node.name, time: serializer.time(now, 3) };
  if (!node.up) {
    const why = node.kubeletDown ? 'connect: connection refused' : 'i/o timeout';
    const refused = (port: number): Json => ({ error: `dial tcp ${node.address}:${port}: ${why}` });
    return { ...start, '/healthz': refused(HEALTH_PORT), '/pods': refused(PORT), '/spec': refused(PORT), environments: {} };
  }
  return {
    ...start,
    '/healthz': healthz(node, now),
    '/pods': { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [...node.pods.values()].filter((pod) => !pod.detached && !pod.lost).map((pod) => serializer.object(seen(pod, serializer))) },
    '/spec': machineInfo(node.node, node.inodes, start.time),
    environments: environments(fleet, node),
  };
}

/** As its checks say: ping and log always pass, the sync loop fails when it has not been entered for long. */
function healthz(node: NodeRecord, now: Time): Json {
  const stuck = now < node.runtimeBackAt && now > node.runtimeDownAt + RUNTIME_THRESHOLD + SYNC_LOOP_LIMIT;
  return stuck
    ? { code: 500, body: '[+]ping ok\n[+]log ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n' }
    : { code: 200, body: 'ok' };
}

/** A pod as its kubelet has it: from the API as the watch told it, a static one with the status that its kubelet computed. */
function seen(record: PodRecord, serializer: Serializer): Pod {
  const pod = record.fixed ? { ...(record.manifest ?? record.pod), status: record.status } : record.pod;
  const { metadata } = pod;
  const marks = record.fixed ? { [CONFIG_SEEN]: serializer.time(metadata.creationTimestamp, 9) } : { [CONFIG_SOURCE]: 'api' };
  return { ...pod, metadata: { ...metadata, annotations: { ...metadata.annotations, ...marks } } };
}

/** cAdvisor's MachineInfo (google/cadvisor info/v1/machine.go), as far as a Node object tells it. */
function machineInfo({ metadata, spec, status }: Node, inodes: number, timestamp: string): Json {
  const { capacity, nodeInfo = {} } = status;
  const disk = capacity['ephemeral-storage'];
  const pages = Object.entries(capacity).flatMap(([name, amount]) => {
    const size = /^hugepages-(\d+)([KMG]i)$/.exec(name);
    if (size === null) return [];
    const kilobytes = Number(size[1]) * { Ki: 1, Mi: 1024, Gi: 1048576 }[size[2] as 'Ki' | 'Mi' | 'Gi'];
    return [{ page_size: kilobytes, num_pages: Math.floor(amount / (kilobytes * 1024)) }];
  });
  const provider = spec.providerID ?? '';
  const cloud = { aws: 'AWS', azure: 'Azure', gce: 'GCE' }[provider.slice(0, Math.max(0, provider.indexOf(':')))] ?? 'Unknown';
  return {
    timestamp,
    num_cores: Math.floor((capacity['cpu'] ?? 0) / 1000),
    memory_capacity: capacity['memory'] ?? 0,
    hugepages: pages,
    machine_id: nodeInfo['machineID'] ?? '',
    system_uuid: nodeInfo['systemUUID'] ?? '',
    boot_id: nodeInfo['bootID'] ?? '',
    filesystems: disk === undefined ? [] : [{ device: '/', capacity: disk, type: 'vfs', inodes, has_inodes: inodes > 0 }],
    cloud_provider: cloud,
    instance_type: metadata.labels?.['node.kubernetes.io/instance-type'] ?? 'Unknown',
    instance_id: provider === '' ? 'None' : provider.slice(provider.lastIndexOf('/') + 1),
  };
}

/** By pod and container: of those that have been created. */
function environments(fleet: Fleet, node: NodeRecord): KubeletEndpoints['environments'] {
  const result: Record<string, Record<string, Record<string, string>>> = {};
  for (const record of node.pods.values()) {
    const { metadata, status } = record.pod;
    const containers: Record<string, Record<string, string>> = {};
    const { podIP = record.address } = status;
    const pod: Pod = { ...record.pod, status: { ...status, hostIP: node.address, ...(podIP === undefined ? {} : { podIP }) } };
    for (const container of [...record.init, ...record.main]) {
      if (container.environmentAt < 0) continue;
      containers[container.spec.name] = containerEnvironment(pod, container.spec, {
        services: fleet.services.of(record.pod, container.environmentAt),
        objects: container.environmentObjects,
        allocatable: node.node.status.allocatable,
      });
    }
    result[`${metadata.namespace}/${metadata.name}`] = containers;
  }
  return result;
}
