import type { LimitRange, RuntimeClass } from './admission-kinds.js';
import type { ControllerRevision } from './apps.js';
import type { ContainerState, Node, Pod, PodStatus, Service } from './core.js';
import { DEFAULT_START_TIME } from './manifest.js';
import type { Condition, KubernetesObject, ObjectMeta } from './meta.js';
import { type ControllerKind, controllerSpec, controllerStatus, STATUS_TIMES, withCapacity } from './serialize-controllers.js';
import { resourceText } from './quantity.js';
import { podSpec, podTemplate, resourceTexts, withoutUndefined } from './serialize-pod.js';
import { formatTimestamp, parseTimestamp } from './timestamps.js';
import type { Deployment, Lease, ReplicaSet } from './workloads.js';

/** Typed objects as the JSON that the real API server would send: quantities and timestamps as text, handlers in their place. */

type Json = Record<string, unknown>;

/** Digits of fraction in `MicroTime` fields. */
const MICRO_DIGITS = 6;

/** Writes objects as Kubernetes JSON, relative to an instant of simulated time 0 (milliseconds since 1970). */
export class Serializer {
  private readonly startTime: number;

  constructor(startTime: number = DEFAULT_START_TIME) {
    this.startTime = startTime;
  }

  /** The object as plain JSON data, with keys in the API's usual order. */
  object(object: KubernetesObject): Json {
    const { apiVersion, kind, metadata, ...rest } = object;
    return { apiVersion, kind, metadata: this.metadata(metadata), ...this.rest(object, rest) };
  }

  /** A list such as `PodList` with its items. */
  list(apiVersion: string, kind: string, items: readonly KubernetesObject[], resourceVersion: number): Json {
    return {
      apiVersion,
      kind: `${kind}List`,
      metadata: { resourceVersion: String(resourceVersion) },
      items: items.map((item) => this.object(item)),
    };
  }

  /** RFC 3339 text of a simulated time. */
  time(time: number, digits = 0): string {
    return formatTimestamp(this.startTime + time / 1e6, digits);
  }

  /** Simulated time of an RFC 3339 text; undefined when it is none. */
  parse(text: string): number | undefined {
    const milliseconds = parseTimestamp(text);
    return milliseconds === undefined ? undefined : Math.round((milliseconds - this.startTime) * 1e6);
  }

  private rest(object: KubernetesObject, rest: Json): Json {
    switch (`${object.apiVersion} ${object.kind}`) {
      case 'v1 Pod':
        return this.pod(object as Pod);
      case 'v1 Node':
        return this.node(object as Node);
      case 'v1 Service':
        return this.service(object as Service);
      case 'apps/v1 Deployment':
        return this.deployment(object as Deployment);
      case 'apps/v1 ReplicaSet':
        return this.replicaSet(object as ReplicaSet);
      case 'coordination.k8s.io/v1 Lease':
        return this.lease(object as Lease);
      case 'apps/v1 StatefulSet':
      case 'apps/v1 DaemonSet':
      case 'v1 ReplicationController':
      case 'batch/v1 Job':
      case 'batch/v1 CronJob':
      case 'policy/v1 PodDisruptionBudget':
      case 'autoscaling/v2 HorizontalPodAutoscaler':
      case 'v1 ResourceQuota':
      case 'v1 PersistentVolumeClaim':
        return this.controller(object as ControllerKind);
      case 'apps/v1 ControllerRevision': {
        const { data, revision } = object as ControllerRevision;
        return { data: { spec: { template: { ...podTemplate(data), $patch: 'replace' } } }, revision };
      }
      case 'v1 LimitRange':
        return limitRange(object as LimitRange);
      case 'node.k8s.io/v1 RuntimeClass': {
        const { podFixed } = (object as RuntimeClass).overhead ?? {};
        return podFixed === undefined ? rest : { ...rest, overhead: { podFixed: resourceTexts(podFixed) } };
      }
      case 'discovery.k8s.io/v1 EndpointSlice': {
        const { triggered, ...slice } = rest as Json & { readonly triggered?: number };
        if (triggered === undefined || triggered < 0) return slice;
        const annotations = { ...object.metadata.annotations, 'endpoints.kubernetes.io/last-change-trigger-time': this.time(triggered) };
        return { ...slice, metadata: this.metadata({ ...object.metadata, annotations }) };
      }
      case 'v1 PersistentVolume': {
        const { spec, status } = rest as { readonly spec: Json; readonly status?: Json };
        const written = { ...rest, spec: withCapacity(spec) };
        return status === undefined ? written : { ...written, status: this.times(status, ['lastPhaseTransitionTime']) };
      }
      case 'v1 Event':
        return this.times(rest, ['firstTimestamp', 'lastTimestamp']);
      default:
        return rest;
    }
  }

  private metadata(metadata: ObjectMeta): Json {
    const { namespace, resourceVersion, generation, uid, ...rest } = metadata;
    const result: Json = this.times({ ...rest }, ['creationTimestamp', 'deletionTimestamp']);
    if (namespace !== '') result.namespace = namespace;
    if (resourceVersion !== 0) result.resourceVersion = String(resourceVersion);
    if (generation !== 0) result.generation = generation;
    if (uid !== '') result.uid = uid;
    return sorted(result);
  }

  /** Replaces the named numbers by timestamps. */
  private times(fields: Json, names: readonly string[], digits = 0): Json {
    const result = { ...fields };
    for (const name of names) if (typeof result[name] === 'number') result[name] = this.time(result[name], digits);
    return result;
  }

  private conditions(conditions: readonly Condition[] | undefined): Json {
    if (conditions === undefined) return {};
    const names = ['lastTransitionTime', 'lastUpdateTime', 'lastHeartbeatTime', 'lastProbeTime'];
    return { conditions: conditions.map((condition) => this.times({ ...condition }, names)) };
  }

  private pod(pod: Pod): Json {
    return { spec: podSpec(pod.spec), status: this.podStatus(pod.status) };
  }

  private podStatus(status: PodStatus): Json {
    const { conditions, containerStatuses, initContainerStatuses, startTime, ...rest } = status;
    const containers = (list: typeof containerStatuses): Json[] | undefined =>
      list?.map(({ state, lastState, ...container }) => ({
        ...container,
        state: this.state(state),
        lastState: lastState === undefined ? {} : this.state(lastState),
      }));
    return withoutUndefined({
      ...rest,
      ...this.conditions(conditions),
      startTime: startTime === undefined ? undefined : this.time(startTime),
      initContainerStatuses: containers(initContainerStatuses),
      containerStatuses: containers(containerStatuses),
    });
  }

  private state(state: ContainerState): Json {
    const { waiting, running, terminated } = state;
    return withoutUndefined({
      waiting,
      running: running === undefined ? undefined : this.times({ ...running }, ['startedAt']),
      terminated: terminated === undefined ? undefined : this.times({ ...terminated }, ['startedAt', 'finishedAt']),
    });
  }

  private node(node: Node): Json {
    const { extra, taints, ...spec } = node.spec;
    const { conditions, capacity, allocatable, ...status } = node.status;
    return {
      spec: {
        ...spec,
        ...extra,
        ...(taints === undefined ? {} : { taints: taints.map((taint) => this.times({ ...taint }, ['timeAdded'])) }),
      },
      status: {
        capacity: resourceTexts(capacity),
        allocatable: resourceTexts(allocatable),
        ...this.conditions(conditions),
        ...status,
      },
    };
  }

  private service(service: Service): Json {
    const { extra, ...spec } = service.spec;
    return { spec: { ...spec, ...extra }, status: service.status ?? { loadBalancer: {} } };
  }

  private deployment(deployment: Deployment): Json {
    const { conditions, ...status } = deployment.status;
    return { spec: withTemplate(deployment.spec), status: { ...status, ...this.conditions(conditions) } };
  }

  private replicaSet(replicaSet: ReplicaSet): Json {
    const { conditions, ...status } = replicaSet.status;
    return { spec: withTemplate(replicaSet.spec), status: { ...status, ...this.conditions(conditions) } };
  }

  private controller(object: ControllerKind): Json {
    const { conditions, rest } = controllerStatus(object);
    const status = this.times(rest, STATUS_TIMES);
    if (object.kind === 'PodDisruptionBudget' && object.status.disruptedPods !== undefined) {
      status.disruptedPods = this.times({ ...object.status.disruptedPods }, Object.keys(object.status.disruptedPods));
    }
    return {
      spec: controllerSpec(object, (claim) => this.metadata(claim.metadata)),
      status: { ...status, ...this.conditions(conditions) },
    };
  }

  private lease(lease: Lease): Json {
    return { spec: this.times({ ...lease.spec }, ['renewTime', 'acquireTime'], MICRO_DIGITS) };
  }
}

function withTemplate(spec: Deployment['spec'] | ReplicaSet['spec']): Json {
  const { template, ...rest } = spec;
  return { ...rest, template: podTemplate(template) };
}

function sorted(fields: Json): Json {
  const keys = Object.keys(fields).sort();
  return Object.fromEntries(keys.map((key) => [key, fields[key]]));
}

/** Amounts of a LimitRange as quantities. */
function limitRange({ spec }: LimitRange): Json {
  const limits = spec.limits.map(({ type, maxLimitRequestRatio, ...lists }) => {
    const item: Json = { type };
    for (const [name, amounts] of Object.entries(lists)) item[name] = resourceTexts(amounts);
    if (maxLimitRequestRatio !== undefined) {
      item.maxLimitRequestRatio = Object.fromEntries(Object.entries(maxLimitRequestRatio).map(([name, ratio]) => [name, resourceText('cpu', ratio)]));
    }
    return item;
  });
  return { spec: { limits } };
}
