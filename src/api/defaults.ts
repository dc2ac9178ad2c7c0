import type {
  Container,
  ContainerPort,
  Pod,
  PodSpec,
  Probe,
  ResourceRequirements,
  Service,
  ServicePort,
  Toleration,
} from './core.js';
import type { Labels } from './meta.js';
import { qosClass } from './qos.js';
import type { Deployment, DeploymentStrategy } from './workloads.js';

/**
 * Defaulting as the API server does it on decoding (kubernetes pkg/apis/core/v1/defaults.go, pkg/apis/apps/v1/defaults.go) and
 * on admission. Constants here are Kubernetes' own.
 */

/** core/v1 defaults.go SetDefaults_PodSpec. */
export const DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS = 30;
export const DEFAULT_SCHEDULER_NAME = 'default-scheduler';
/** apps/v1 defaults.go SetDefaults_Deployment. */
export const DEFAULT_MAX_SURGE = '25%';
export const DEFAULT_MAX_UNAVAILABLE = '25%';
export const DEFAULT_REVISION_HISTORY_LIMIT = 10;
export const DEFAULT_PROGRESS_DEADLINE_SECONDS = 600;
/** Admission plugin DefaultTolerationSeconds. */
export const DEFAULT_TOLERATION_SECONDS = 300;
export const TAINT_NOT_READY = 'node.kubernetes.io/not-ready';
export const TAINT_UNREACHABLE = 'node.kubernetes.io/unreachable';
/** Label that the API server sets on every namespace. */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** A value whose defaulted fields may still be absent. */
export type Undefaulted<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;

/** Pull policy by tag: `Always` for `latest` or no tag, unless a digest is given (SetDefaults_Container). */
export function defaultImagePullPolicy(image: string): Container['imagePullPolicy'] {
  return imageTag(image) === 'latest' ? 'Always' : 'IfNotPresent';
}

/** Tag of an image reference: `latest` when it has neither tag nor digest, empty when only a digest (parsers.ParseImageName). */
export function imageTag(image: string): string {
  const digest = image.indexOf('@');
  const name = digest < 0 ? image : image.slice(0, digest);
  const colon = name.lastIndexOf(':');
  if (colon > name.lastIndexOf('/')) return name.slice(colon + 1);
  return digest < 0 ? 'latest' : '';
}

export function defaultProbe(
  probe: Undefaulted<
    Probe,
    'initialDelaySeconds' | 'periodSeconds' | 'timeoutSeconds' | 'successThreshold' | 'failureThreshold'
  >,
): Probe {
  return {
    ...probe,
    initialDelaySeconds: probe.initialDelaySeconds ?? 0,
    // Zero means "not set" for these four (SetDefaults_Probe).
    periodSeconds: probe.periodSeconds || 10,
    timeoutSeconds: probe.timeoutSeconds || 1,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

export function defaultContainerPort(
  port: Undefaulted<ContainerPort, 'protocol'>,
  hostNetwork: boolean,
): ContainerPort {
  const hostPort = hostNetwork && port.hostPort === undefined ? { hostPort: port.containerPort } : {};
  return { ...port, ...hostPort, protocol: port.protocol ?? 'TCP' };
}

/** Requests that are not given are the limits (SetDefaults_Pod). */
export function defaultRequests(resources: ResourceRequirements): ResourceRequirements {
  const { limits, requests } = resources;
  if (limits === undefined) return resources;
  let filled: Record<string, number> | undefined;
  for (const name in limits) {
    if (requests !== undefined && Object.hasOwn(requests, name)) continue;
    filled ??= { ...requests };
    filled[name] = limits[name]!;
  }
  return filled === undefined ? resources : { ...resources, requests: filled };
}

export function defaultContainer(container: Undefaulted<Container, 'imagePullPolicy'>): Container {
  return {
    ...container,
    imagePullPolicy: container.imagePullPolicy ?? defaultImagePullPolicy(container.image),
  };
}

export function defaultPodSpec(
  spec: Undefaulted<PodSpec, 'schedulerName' | 'restartPolicy' | 'terminationGracePeriodSeconds'>,
): PodSpec {
  return {
    ...spec,
    schedulerName: spec.schedulerName ?? DEFAULT_SCHEDULER_NAME,
    restartPolicy: spec.restartPolicy ?? 'Always',
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? DEFAULT_TERMINATION_GRACE_PERIOD_SECONDS,
    dnsPolicy: spec.dnsPolicy ?? 'ClusterFirst',
  };
}

/**
 * A pod as stored gets requests from limits; a pod template does not (SetDefaults_Pod works on pods alone). Returns the same
 * spec when nothing changes, so that pods go on sharing it.
 */
export function defaultPodRequests(spec: PodSpec): PodSpec {
  const containers = fillRequests(spec.containers);
  const initContainers = spec.initContainers === undefined ? undefined : fillRequests(spec.initContainers);
  if (containers === spec.containers && initContainers === spec.initContainers) return spec;
  return { ...spec, containers, ...(initContainers === undefined ? {} : { initContainers }) };
}

function fillRequests(containers: readonly Container[]): readonly Container[] {
  let changed = false;
  const result = containers.map((container) => {
    if (container.resources === undefined) return container;
    const resources = defaultRequests(container.resources);
    if (resources === container.resources) return container;
    changed = true;
    return { ...container, resources };
  });
  return changed ? result : containers;
}

export function defaultDeploymentStrategy(strategy: {
  readonly type?: DeploymentStrategy['type'];
  readonly rollingUpdate?: Partial<NonNullable<DeploymentStrategy['rollingUpdate']>>;
}): DeploymentStrategy {
  if (strategy.type === 'Recreate') return { type: 'Recreate' };
  return {
    type: 'RollingUpdate',
    rollingUpdate: {
      maxSurge: strategy.rollingUpdate?.maxSurge ?? DEFAULT_MAX_SURGE,
      maxUnavailable: strategy.rollingUpdate?.maxUnavailable ?? DEFAULT_MAX_UNAVAILABLE,
    },
  };
}

export function defaultDeploymentSpec(
  spec: Undefaulted<
    Deployment['spec'],
    'replicas' | 'strategy' | 'minReadySeconds' | 'revisionHistoryLimit' | 'progressDeadlineSeconds'
  >,
): Deployment['spec'] {
  return {
    ...spec,
    replicas: spec.replicas ?? 1,
    strategy: spec.strategy ?? defaultDeploymentStrategy({}),
    minReadySeconds: spec.minReadySeconds ?? 0,
    revisionHistoryLimit: spec.revisionHistoryLimit ?? DEFAULT_REVISION_HISTORY_LIMIT,
    progressDeadlineSeconds: spec.progressDeadlineSeconds ?? DEFAULT_PROGRESS_DEADLINE_SECONDS,
  };
}

export function defaultServicePort(port: Undefaulted<ServicePort, 'protocol' | 'targetPort'>): ServicePort {
  const target = port.targetPort;
  return {
    ...port,
    protocol: port.protocol ?? 'TCP',
    targetPort: target === undefined || target === 0 || target === '' ? port.port : target,
  };
}

export function defaultServiceSpec(spec: Undefaulted<Service['spec'], 'type' | 'ports'>): Service['spec'] {
  const type = spec.type ?? 'ClusterIP';
  const external = type === 'NodePort' || type === 'LoadBalancer';
  return {
    ...spec,
    type,
    ports: spec.ports ?? [],
    sessionAffinity: spec.sessionAffinity ?? 'None',
    ...(type === 'ExternalName' ? {} : { internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster' }),
    ...(external ? { externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster' } : {}),
  };
}

/** Labels of a namespace with its own name among them. */
export function defaultNamespaceLabels(name: string, labels: Labels | undefined): Labels {
  return labels?.[NAMESPACE_NAME_LABEL] === name ? labels : { ...labels, [NAMESPACE_NAME_LABEL]: name };
}

/** What admission plugins need to know of the cluster. */
export interface AdmissionContext {
  /** Values of PriorityClasses by name; the two system classes are known without. */
  readonly priorityClasses?: ReadonlyMap<
    string,
    { readonly value: number; readonly preemptionPolicy?: PodSpec['preemptionPolicy'] }
  >;
  /** The PriorityClass with `globalDefault: true`. */
  readonly defaultPriorityClass?: string;
}

/** Scheduling priorities of the built-in classes (pkg/apis/scheduling/types.go). */
export const SYSTEM_PRIORITIES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2000000000,
  'system-node-critical': 2000001000,
};

const admitted = new WeakMap<PodSpec, PodSpec>();
const plain: AdmissionContext = {};

/**
 * A pod as the API server stores it on creation: Priority, DefaultTolerationSeconds and ServiceAccount admission, requests
 * from limits, phase Pending and the quality-of-service class. Pods of one template go on sharing one spec.
 */
export function admit(pod: Pod, context: AdmissionContext = plain): Pod {
  const shared = context === plain ? admitted.get(pod.spec) : undefined;
  const spec = shared ?? admitSpec(pod.spec, context);
  if (shared === undefined && context === plain) {
    admitted.set(pod.spec, spec);
    admitted.set(spec, spec);
  }
  const status = { ...pod.status, phase: pod.status.phase, qosClass: qosClass(spec) };
  return { ...pod, spec, status };
}

function admitSpec(spec: PodSpec, context: AdmissionContext): PodSpec {
  const filled = defaultPodRequests(spec);
  const className = spec.priorityClassName || context.defaultPriorityClass;
  const known = className === undefined ? undefined : context.priorityClasses?.get(className);
  const priority =
    known?.value ?? (className === undefined ? undefined : SYSTEM_PRIORITIES[className]) ?? spec.priority ?? 0;
  return {
    ...filled,
    priority,
    ...(className === undefined ? {} : { priorityClassName: className }),
    preemptionPolicy: spec.preemptionPolicy ?? known?.preemptionPolicy ?? 'PreemptLowerPriority',
    serviceAccountName: spec.serviceAccountName || 'default',
    tolerations: admitTolerations(spec.tolerations ?? []),
  };
}

/** Plugin DefaultTolerationSeconds: a pod stays for five minutes on a node that is not ready or cannot be reached. */
export function addDefaultTolerations(spec: PodSpec): PodSpec {
  const given = spec.tolerations ?? [];
  const tolerations = admitTolerations(given);
  return tolerations === given ? spec : { ...spec, tolerations };
}

function admitTolerations(tolerations: readonly Toleration[]): readonly Toleration[] {
  const added: Toleration[] = [];
  for (const key of [TAINT_NOT_READY, TAINT_UNREACHABLE]) {
    // The plugin looks at key and effect alone (admission.go, plugin defaulttolerationseconds).
    const covered = tolerations.some(
      (toleration) =>
        (toleration.key === key || toleration.key === undefined || toleration.key === '') &&
        (toleration.effect === 'NoExecute' || toleration.effect === undefined),
    );
    if (!covered)
      added.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: DEFAULT_TOLERATION_SECONDS });
  }
  return added.length === 0 ? tolerations : [...tolerations, ...added];
}
