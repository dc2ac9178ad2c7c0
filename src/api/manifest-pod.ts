import type {
  Affinity,
  Container,
  ContainerPort,
  EnvironmentVariable,
  LifecycleHandler,
  PodAffinity,
  PodAffinityTerm,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
  Toleration,
  TopologySpreadConstraint,
  Volume,
} from './core.js';
import { defaultContainer, defaultContainerPort, defaultPodSpec, defaultProbe } from './defaults.js';
import * as known from './known-fields.js';
import { readNodeSelector, readNodeSelectorTerm, readSelector } from './manifest-selector.js';
import type { FieldReader, RawMap } from './reader.js';
import { fieldPath, isMap } from './reader.js';

/** Pod templates and pod specs out of manifests, with Kubernetes' defaults. */

/** Removes keys whose value is undefined, so that absent fields stay absent. */
export function present<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const result: Record<string, unknown> = {};
  for (const key in fields) if (fields[key] !== undefined) result[key] = fields[key];
  return result as T;
}

/** `spec.template` of a workload. */
export function readTemplate(read: FieldReader, raw: RawMap, path: string): PodTemplateSpec | undefined {
  const template = read.map(raw, 'template', path);
  if (template === undefined) return undefined;
  const at = fieldPath(path, 'template');
  read.rest(template, at, known.template.modelled, known.template.others);
  const metadata = read.map(template, 'metadata', at) ?? {};
  const metadataPath = fieldPath(at, 'metadata');
  read.rest(metadata, metadataPath, known.metadata.modelled, known.metadata.others);
  const spec = read.map(template, 'spec', at);
  return {
    metadata: present<PodTemplateSpec['metadata']>({
      labels: read.labels(metadata, 'labels', metadataPath),
      annotations: read.labels(metadata, 'annotations', metadataPath),
      finalizers: read.texts(metadata, 'finalizers', metadataPath),
    }),
    spec: readPodSpec(read, spec ?? {}, fieldPath(at, 'spec')),
  };
}

/** A pod spec, defaulted. */
export function readPodSpec(read: FieldReader, raw: RawMap, path: string): PodSpec {
  const hostNetwork = read.flag(raw, 'hostNetwork', path);
  const container = (item: RawMap, at: string): Container => readContainer(read, item, at, hostNetwork === true);
  const affinity = read.map(raw, 'affinity', path);
  return defaultPodSpec(
    present<Parameters<typeof defaultPodSpec>[0]>({
      containers: read.listOf(raw, 'containers', path, container) ?? [],
      initContainers: nonEmpty(read.listOf(raw, 'initContainers', path, container)),
      nodeName: read.text(raw, 'nodeName', path) || undefined,
      nodeSelector: read.labels(raw, 'nodeSelector', path),
      affinity: affinity === undefined ? undefined : readAffinity(read, affinity, fieldPath(path, 'affinity')),
      tolerations: nonEmpty(read.listOf(raw, 'tolerations', path, (item, at) => readToleration(read, item, at))),
      topologySpreadConstraints: nonEmpty(
        read.listOf(raw, 'topologySpreadConstraints', path, (item, at) => readSpread(read, item, at)),
      ),
      schedulerName: read.text(raw, 'schedulerName', path) || undefined,
      schedulingGates: nonEmpty(
        read.listOf(raw, 'schedulingGates', path, (item, at) => ({ name: read.text(item, 'name', at) ?? '' })),
      ),
      priority: read.integer(raw, 'priority', path),
      priorityClassName: read.text(raw, 'priorityClassName', path) || undefined,
      preemptionPolicy: read.choice(raw, 'preemptionPolicy', path, ['PreemptLowerPriority', 'Never']),
      restartPolicy: read.choice(raw, 'restartPolicy', path, ['Always', 'OnFailure', 'Never']),
      terminationGracePeriodSeconds: read.integer(raw, 'terminationGracePeriodSeconds', path),
      activeDeadlineSeconds: read.integer(raw, 'activeDeadlineSeconds', path),
      hostNetwork: hostNetwork === true ? true : undefined,
      serviceAccountName:
        read.text(raw, 'serviceAccountName', path) || read.text(raw, 'serviceAccount', path) || undefined,
      overhead: read.resources(raw, 'overhead', path),
      resources: readResources(read, raw, path),
      volumes: nonEmpty(read.listOf(raw, 'volumes', path, (item, at) => readVolume(read, item, at))),
      resourceClaims: nonEmpty(
        read.listOf(raw, 'resourceClaims', path, (item, at) => ({ ...item, name: read.text(item, 'name', at) ?? '' })),
      ),
      hostname: read.text(raw, 'hostname', path),
      subdomain: read.text(raw, 'subdomain', path),
      dnsPolicy: read.text(raw, 'dnsPolicy', path),
      extra: read.rest(raw, path, known.podSpec.modelled, known.podSpec.others),
    }),
  );
}

function nonEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

function readContainer(read: FieldReader, raw: RawMap, path: string, hostNetwork: boolean): Container {
  const lifecycle = read.map(raw, 'lifecycle', path) ?? {};
  const lifecyclePath = fieldPath(path, 'lifecycle');
  return defaultContainer(
    present<Parameters<typeof defaultContainer>[0]>({
      name: read.text(raw, 'name', path) ?? '',
      image: (read.text(raw, 'image', path) ?? '').trim(),
      imagePullPolicy: read.choice(raw, 'imagePullPolicy', path, ['Always', 'IfNotPresent', 'Never']),
      command: read.texts(raw, 'command', path),
      args: read.texts(raw, 'args', path),
      ports: nonEmpty(read.listOf(raw, 'ports', path, (item, at) => readPort(read, item, at, hostNetwork))),
      env: nonEmpty(read.listOf(raw, 'env', path, (item, at) => readVariable(read, item, at))),
      resources: readResources(read, raw, path),
      readinessProbe: readProbe(read, raw, 'readinessProbe', path),
      livenessProbe: readProbe(read, raw, 'livenessProbe', path),
      startupProbe: readProbe(read, raw, 'startupProbe', path),
      preStop: readHandler(read, lifecycle, 'preStop', lifecyclePath),
      postStart: readHandler(read, lifecycle, 'postStart', lifecyclePath),
      restartPolicy: read.text(raw, 'restartPolicy', path) === undefined ? undefined : readSidecar(read, raw, path),
      volumeMounts: nonEmpty(
        read.listOf(raw, 'volumeMounts', path, (item, at) => ({
          ...item,
          name: read.text(item, 'name', at) ?? '',
          mountPath: read.text(item, 'mountPath', at) ?? '',
        })),
      ),
      extra: read.rest(raw, path, known.container.modelled, known.container.others),
    }),
  );
}

function readSidecar(read: FieldReader, raw: RawMap, path: string): 'Always' | undefined {
  return read.choice(raw, 'restartPolicy', path, ['Always']);
}

function readPort(read: FieldReader, raw: RawMap, path: string, hostNetwork: boolean): ContainerPort {
  read.rest(raw, path, known.containerPort.modelled, known.containerPort.others);
  return defaultContainerPort(
    present<Parameters<typeof defaultContainerPort>[0]>({
      name: read.text(raw, 'name', path),
      containerPort: read.integer(raw, 'containerPort', path) ?? 0,
      hostPort: read.integer(raw, 'hostPort', path) || undefined,
      hostIP: read.text(raw, 'hostIP', path),
      protocol: read.choice(raw, 'protocol', path, ['TCP', 'UDP', 'SCTP']),
    }),
    hostNetwork,
  );
}

function readVariable(read: FieldReader, raw: RawMap, path: string): EnvironmentVariable {
  read.rest(raw, path, known.variable.modelled, known.variable.others);
  return present<EnvironmentVariable>({
    name: read.text(raw, 'name', path) ?? '',
    value: read.text(raw, 'value', path),
    valueFrom: raw.valueFrom ?? undefined,
  });
}

function readResources(read: FieldReader, raw: RawMap, path: string): ResourceRequirements | undefined {
  const resources = read.map(raw, 'resources', path);
  if (resources === undefined) return undefined;
  const at = fieldPath(path, 'resources');
  read.rest(resources, at, known.resources.modelled, known.resources.others);
  const result = present<ResourceRequirements>({
    requests: read.resources(resources, 'requests', at),
    limits: read.resources(resources, 'limits', at),
    claims: read.listOf(resources, 'claims', at, (item, claim) => ({ name: read.text(item, 'name', claim) ?? '' })),
  });
  return Object.keys(result).length === 0 ? undefined : result;
}

const handlers = ['httpGet', 'tcpSocket', 'exec', 'grpc'] as const;

function readProbe(read: FieldReader, raw: RawMap, key: string, path: string): Probe | undefined {
  const probe = read.map(raw, key, path);
  if (probe === undefined) return undefined;
  const at = fieldPath(path, key);
  const handler = handlers.find((name) => isMap(probe[name]));
  if (handler === undefined) {
    read.missing(at, 'handler');
    return undefined;
  }
  const action = probe[handler] as RawMap;
  const actionPath = fieldPath(at, handler);
  return defaultProbe(
    present<Parameters<typeof defaultProbe>[0]>({
      handler,
      port: read.intOrString(action, 'port', actionPath),
      path: handler === 'httpGet' ? read.text(action, 'path', actionPath) || '/' : undefined,
      initialDelaySeconds: read.integer(probe, 'initialDelaySeconds', at),
      periodSeconds: read.integer(probe, 'periodSeconds', at),
      timeoutSeconds: read.integer(probe, 'timeoutSeconds', at),
      successThreshold: read.integer(probe, 'successThreshold', at),
      failureThreshold: read.integer(probe, 'failureThreshold', at),
      terminationGracePeriodSeconds: read.integer(probe, 'terminationGracePeriodSeconds', at),
      extra: withoutRead(read.rest(probe, at, known.probe.modelled, known.probe.others), handler, action),
    }),
  );
}

/** The rest of a probe or hook, with what its handler says beyond port and path. */
function withoutRead(rest: RawMap | undefined, handler: string, action: RawMap): RawMap | undefined {
  const { port: _port, path: _path, ...more } = action.scheme === 'HTTP' ? { ...action, scheme: undefined } : action;
  const others: Record<string, unknown> = { ...rest };
  delete others[handler];
  const kept = present<Record<string, unknown>>(more);
  if (Object.keys(kept).length > 0) others[handler] = kept;
  return Object.keys(others).length === 0 ? undefined : others;
}

function readHandler(read: FieldReader, raw: RawMap, key: string, path: string): LifecycleHandler | undefined {
  const hook = read.map(raw, key, path);
  if (hook === undefined) return undefined;
  const at = fieldPath(path, key);
  const handler = (['exec', 'httpGet', 'sleep', 'tcpSocket'] as const).find((name) => isMap(hook[name]));
  if (handler === undefined) {
    read.missing(at, 'handler');
    return undefined;
  }
  const action = hook[handler] as RawMap;
  const actionPath = fieldPath(at, handler);
  const command = handler === 'exec' ? read.texts(action, 'command', actionPath) : undefined;
  return present<LifecycleHandler>({
    handler,
    seconds: handler === 'sleep' ? read.integer(action, 'seconds', actionPath) : sleepSeconds(command),
    command,
    extra: handler === 'httpGet' || handler === 'tcpSocket' ? { [handler]: action } : undefined,
  });
}

/** Seconds of a plain `sleep N`, also when a shell runs it. */
function sleepSeconds(command: readonly string[] | undefined): number | undefined {
  if (command === undefined) return undefined;
  const line = command.length === 3 && command[1] === '-c' ? command[2]! : command.join(' ');
  const match = /^(?:\/bin\/|\/usr\/bin\/)?sleep\s+(\d+(?:\.\d+)?)s?$/.exec(line.trim());
  return match === null ? undefined : Number(match[1]);
}

/** Tolerations under `tolerations`; undefined when there are none. */
export function readTolerations(read: FieldReader, raw: RawMap, path: string): readonly Toleration[] | undefined {
  return read.listOf(raw, 'tolerations', path, (item, at) => readToleration(read, item, at));
}

function readToleration(read: FieldReader, raw: RawMap, path: string): Toleration {
  read.rest(raw, path, known.toleration.modelled, known.toleration.others);
  return present<Toleration>({
    key: read.text(raw, 'key', path),
    operator: read.choice(raw, 'operator', path, ['Exists', 'Equal']),
    value: read.text(raw, 'value', path),
    effect: read.choice(raw, 'effect', path, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
    tolerationSeconds: read.integer(raw, 'tolerationSeconds', path),
  });
}

function readSpread(read: FieldReader, raw: RawMap, path: string): TopologySpreadConstraint {
  read.rest(raw, path, known.spread.modelled, known.spread.others);
  return present<TopologySpreadConstraint>({
    maxSkew: read.integer(raw, 'maxSkew', path) ?? 0,
    topologyKey: read.text(raw, 'topologyKey', path) ?? '',
    whenUnsatisfiable:
      read.choice(raw, 'whenUnsatisfiable', path, ['DoNotSchedule', 'ScheduleAnyway']) ?? 'DoNotSchedule',
    labelSelector: readSelector(read, raw, 'labelSelector', path),
    minDomains: read.integer(raw, 'minDomains', path),
    nodeAffinityPolicy: read.choice(raw, 'nodeAffinityPolicy', path, ['Honor', 'Ignore']),
    nodeTaintsPolicy: read.choice(raw, 'nodeTaintsPolicy', path, ['Honor', 'Ignore']),
    matchLabelKeys: read.texts(raw, 'matchLabelKeys', path),
  });
}

function readVolume(read: FieldReader, raw: RawMap, path: string): Volume {
  read.rest(raw, path, known.volume.modelled, known.volume.others);
  return { ...raw, name: read.text(raw, 'name', path) ?? '' };
}

function readAffinity(read: FieldReader, raw: RawMap, path: string): Affinity {
  read.rest(raw, path, known.affinity.modelled, known.affinity.others);
  const node = read.map(raw, 'nodeAffinity', path);
  const nodePath = fieldPath(path, 'nodeAffinity');
  if (node !== undefined) read.rest(node, nodePath, known.affinityTerms.modelled, known.affinityTerms.others);
  return present<Affinity>({
    nodeAffinity:
      node === undefined
        ? undefined
        : present<NonNullable<Affinity['nodeAffinity']>>({
            requiredDuringSchedulingIgnoredDuringExecution: readNodeSelector(
              read,
              node,
              'requiredDuringSchedulingIgnoredDuringExecution',
              nodePath,
            ),
            preferredDuringSchedulingIgnoredDuringExecution: read.listOf(
              node,
              'preferredDuringSchedulingIgnoredDuringExecution',
              nodePath,
              (item, at) => ({
                weight: read.integer(item, 'weight', at) ?? 0,
                preference: readNodeSelectorTerm(
                  read,
                  read.map(item, 'preference', at) ?? {},
                  fieldPath(at, 'preference'),
                ),
              }),
            ),
          }),
    podAffinity: readPodAffinity(read, raw, 'podAffinity', path),
    podAntiAffinity: readPodAffinity(read, raw, 'podAntiAffinity', path),
  });
}

function readPodAffinity(read: FieldReader, raw: RawMap, key: string, path: string): PodAffinity | undefined {
  const affinity = read.map(raw, key, path);
  if (affinity === undefined) return undefined;
  const at = fieldPath(path, key);
  read.rest(affinity, at, known.affinityTerms.modelled, known.affinityTerms.others);
  return present<PodAffinity>({
    requiredDuringSchedulingIgnoredDuringExecution: read.listOf(
      affinity,
      'requiredDuringSchedulingIgnoredDuringExecution',
      at,
      (item, term) => readAffinityTerm(read, item, term),
    ),
    preferredDuringSchedulingIgnoredDuringExecution: read.listOf(
      affinity,
      'preferredDuringSchedulingIgnoredDuringExecution',
      at,
      (item, term) => ({
        weight: read.integer(item, 'weight', term) ?? 0,
        podAffinityTerm: readAffinityTerm(
          read,
          read.map(item, 'podAffinityTerm', term) ?? {},
          fieldPath(term, 'podAffinityTerm'),
        ),
      }),
    ),
  });
}

function readAffinityTerm(read: FieldReader, raw: RawMap, path: string): PodAffinityTerm {
  read.rest(raw, path, known.affinityTerm.modelled, known.affinityTerm.others);
  return present<PodAffinityTerm>({
    labelSelector: readSelector(read, raw, 'labelSelector', path),
    namespaces: read.texts(raw, 'namespaces', path),
    namespaceSelector: readSelector(read, raw, 'namespaceSelector', path),
    topologyKey: read.text(raw, 'topologyKey', path) ?? '',
    matchLabelKeys: read.texts(raw, 'matchLabelKeys', path),
    mismatchLabelKeys: read.texts(raw, 'mismatchLabelKeys', path),
  });
}
