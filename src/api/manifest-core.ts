import type { Time } from '../kernel/time.js';
import type { Node, NodeStatus, Pod, PodStatus, Service, Taint } from './core.js';
import { defaultServicePort, defaultServiceSpec } from './defaults.js';
import * as known from './known-fields.js';
import { present, readPodSpec } from './manifest-pod.js';
import type { Condition, ObjectMeta } from './meta.js';
import type { FieldReader, RawMap } from './reader.js';
import { fieldPath, isMap } from './reader.js';

/** Pods, Nodes and Services out of manifests and dumps. */

/** Reads an RFC 3339 field as simulated time; absent when there is none. */
export type ReadTime = (raw: RawMap, key: string, path: string) => Time | undefined;

export function readConditions(
  read: FieldReader,
  raw: RawMap,
  path: string,
  time: ReadTime,
): readonly Condition[] | undefined {
  return read.listOf(raw, 'conditions', path, (item, at) =>
    present<Condition>({
      type: read.text(item, 'type', at) ?? '',
      status: read.choice(item, 'status', at, ['True', 'False', 'Unknown']) ?? 'Unknown',
      reason: read.text(item, 'reason', at),
      message: read.text(item, 'message', at),
      lastTransitionTime: time(item, 'lastTransitionTime', at),
      lastUpdateTime: time(item, 'lastUpdateTime', at),
      lastHeartbeatTime: time(item, 'lastHeartbeatTime', at),
      lastProbeTime: time(item, 'lastProbeTime', at),
      observedGeneration: read.integer(item, 'observedGeneration', at),
    }),
  );
}

export function readPod(read: FieldReader, raw: RawMap, metadata: ObjectMeta, time: ReadTime): Pod {
  const status = read.map(raw, 'status', '') ?? {};
  const spec = read.map(raw, 'spec', '');
  if (spec === undefined && !isMap(raw.spec)) read.missing('', 'spec');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: readPodSpec(read, spec ?? {}, 'spec'),
    status: present<PodStatus>({
      phase:
        read.choice(status, 'phase', 'status', ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']) ?? 'Pending',
      conditions: readConditions(read, status, 'status', time),
      reason: read.text(status, 'reason', 'status'),
      message: read.text(status, 'message', 'status'),
      podIP: read.text(status, 'podIP', 'status'),
      hostIP: read.text(status, 'hostIP', 'status'),
      startTime: time(status, 'startTime', 'status'),
      nominatedNodeName: read.text(status, 'nominatedNodeName', 'status'),
      qosClass: read.choice(status, 'qosClass', 'status', ['Guaranteed', 'Burstable', 'BestEffort']),
      containerStatuses: readContainerStatuses(read, status, 'containerStatuses', time),
      initContainerStatuses: readContainerStatuses(read, status, 'initContainerStatuses', time),
    }),
  };
}

type ContainerStatuses = NonNullable<PodStatus['containerStatuses']>;

function readContainerStatuses(
  read: FieldReader,
  raw: RawMap,
  key: string,
  time: ReadTime,
): ContainerStatuses | undefined {
  return read.listOf(raw, key, 'status', (item, at) => {
    const state = read.map(item, 'state', at) ?? {};
    const last = read.map(item, 'lastState', at) ?? {};
    const lastState = readState(read, last, fieldPath(at, 'lastState'), time);
    return present<ContainerStatuses[number]>({
      name: read.text(item, 'name', at) ?? '',
      image: read.text(item, 'image', at) ?? '',
      ready: read.flag(item, 'ready', at) ?? false,
      started: read.flag(item, 'started', at),
      restartCount: read.integer(item, 'restartCount', at) ?? 0,
      state: readState(read, state, fieldPath(at, 'state'), time),
      lastState: Object.keys(lastState).length === 0 ? undefined : lastState,
    });
  });
}

function readState(read: FieldReader, raw: RawMap, path: string, time: ReadTime): ContainerStatuses[number]['state'] {
  const waiting = read.map(raw, 'waiting', path);
  const running = read.map(raw, 'running', path);
  const terminated = read.map(raw, 'terminated', path);
  const at = fieldPath(path, 'terminated');
  return present<ContainerStatuses[number]['state']>({
    waiting:
      waiting === undefined
        ? undefined
        : present({ reason: read.text(waiting, 'reason', path) ?? '', message: read.text(waiting, 'message', path) }),
    running: running === undefined ? undefined : { startedAt: time(running, 'startedAt', path) ?? 0 },
    terminated:
      terminated === undefined
        ? undefined
        : present({
            reason: read.text(terminated, 'reason', at) ?? '',
            exitCode: read.integer(terminated, 'exitCode', at) ?? 0,
            startedAt: time(terminated, 'startedAt', at) ?? 0,
            finishedAt: time(terminated, 'finishedAt', at) ?? 0,
            signal: read.integer(terminated, 'signal', at),
            message: read.text(terminated, 'message', at),
          }),
  });
}

export function readNode(read: FieldReader, raw: RawMap, metadata: ObjectMeta, time: ReadTime): Node {
  const spec = read.map(raw, 'spec', '') ?? {};
  const status = read.map(raw, 'status', '') ?? {};
  const capacity = read.resources(status, 'capacity', 'status') ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata,
    spec: present<Node['spec']>({
      podCIDR: read.text(spec, 'podCIDR', 'spec'),
      providerID: read.text(spec, 'providerID', 'spec'),
      unschedulable: read.flag(spec, 'unschedulable', 'spec'),
      taints: read.listOf(spec, 'taints', 'spec', (item, at) => {
        read.rest(item, at, known.taint.modelled, known.taint.others);
        return present<Taint>({
          key: read.text(item, 'key', at) ?? '',
          value: read.text(item, 'value', at),
          effect: read.choice(item, 'effect', at, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']) ?? 'NoSchedule',
          timeAdded: time(item, 'timeAdded', at),
        });
      }),
      extra: read.rest(spec, 'spec', known.nodeSpec.modelled, known.nodeSpec.others),
    }),
    status: present<NodeStatus>({
      phase: read.text(status, 'phase', 'status'),
      capacity,
      // As the kubelet reports it when nothing is reserved.
      allocatable: read.resources(status, 'allocatable', 'status') ?? capacity,
      conditions: readConditions(read, status, 'status', time),
      addresses: read.listOf(status, 'addresses', 'status', (item, at) => ({
        type: read.text(item, 'type', at) ?? '',
        address: read.text(item, 'address', at) ?? '',
      })),
      images: read.listOf(status, 'images', 'status', (item, at) => ({
        names: read.texts(item, 'names', at) ?? [],
        sizeBytes: read.integer(item, 'sizeBytes', at) ?? 0,
      })),
      nodeInfo: isMap(status.nodeInfo) ? textsOnly(status.nodeInfo) : undefined,
      declaredFeatures: read.texts(status, 'declaredFeatures', 'status'),
      volumesInUse: read.texts(status, 'volumesInUse', 'status'),
      volumesAttached: read.listOf(status, 'volumesAttached', 'status', (item, at) => ({
        name: read.text(item, 'name', at) ?? '',
        devicePath: read.text(item, 'devicePath', at) ?? '',
      })),
    }),
  };
}

function textsOnly(raw: RawMap): Readonly<Record<string, string>> {
  const result: Record<string, string> = {};
  for (const key in raw) if (typeof raw[key] === 'string') result[key] = raw[key];
  return result;
}

export function readService(read: FieldReader, raw: RawMap, metadata: ObjectMeta): Service {
  const spec = read.map(raw, 'spec', '') ?? {};
  const status = read.map(raw, 'status', '') ?? {};
  const balancer = read.map(status, 'loadBalancer', 'status');
  const ingress =
    balancer === undefined
      ? undefined
      : read.listOf(balancer, 'ingress', 'status.loadBalancer', (item, at) =>
          present<{ ip?: string; hostname?: string }>({
            ip: read.text(item, 'ip', at),
            hostname: read.text(item, 'hostname', at),
          }),
        );
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: defaultServiceSpec(
      present<Parameters<typeof defaultServiceSpec>[0]>({
        type: read.choice(spec, 'type', 'spec', ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']),
        selector: read.labels(spec, 'selector', 'spec'),
        ports: read.listOf(spec, 'ports', 'spec', (item, at) => {
          read.rest(item, at, known.servicePort.modelled, known.servicePort.others);
          return defaultServicePort(
            present<Parameters<typeof defaultServicePort>[0]>({
              name: read.text(item, 'name', at),
              port: read.integer(item, 'port', at) ?? 0,
              targetPort: read.intOrString(item, 'targetPort', at),
              nodePort: read.integer(item, 'nodePort', at) || undefined,
              protocol: read.choice(item, 'protocol', at, ['TCP', 'UDP', 'SCTP']),
            }),
          );
        }),
        clusterIP: read.text(spec, 'clusterIP', 'spec') || undefined,
        externalName: read.text(spec, 'externalName', 'spec') || undefined,
        sessionAffinity: read.choice(spec, 'sessionAffinity', 'spec', ['None', 'ClientIP']),
        externalTrafficPolicy: read.choice(spec, 'externalTrafficPolicy', 'spec', ['Cluster', 'Local']),
        internalTrafficPolicy: read.choice(spec, 'internalTrafficPolicy', 'spec', ['Cluster', 'Local']),
        publishNotReadyAddresses: read.flag(spec, 'publishNotReadyAddresses', 'spec'),
        trafficDistribution: read.text(spec, 'trafficDistribution', 'spec'),
        extra: read.rest(spec, 'spec', known.serviceSpec.modelled, known.serviceSpec.others),
      }),
    ),
    ...(ingress === undefined || ingress.length === 0 ? {} : { status: { loadBalancer: { ingress } } }),
  };
}
