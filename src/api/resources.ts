/** Which resource (plural, as in API paths) serves which kind: the part of API discovery that the models need. */
export interface ResourceInfo {
  /** Plural name: `pods`. */
  readonly resource: string;
  readonly kind: string;
  /** API group, empty for core. */
  readonly group: string;
  readonly version: string;
  /** Versions under which the same kind is served too. */
  readonly otherVersions?: readonly string[];
  readonly namespaced: boolean;
  /** Bytes of a typical stored object without managedFields, protobuf: encoded k8s.io/api objects and sizes in the etcd of a real control plane. */
  readonly typicalBytes: number;
}

const table: readonly ResourceInfo[] = [
  { resource: 'pods', kind: 'Pod', group: '', version: 'v1', namespaced: true, typicalBytes: 2450 },
  { resource: 'nodes', kind: 'Node', group: '', version: 'v1', namespaced: false, typicalBytes: 2200 },
  { resource: 'services', kind: 'Service', group: '', version: 'v1', namespaced: true, typicalBytes: 900 },
  { resource: 'events', kind: 'Event', group: '', version: 'v1', namespaced: true, typicalBytes: 590 },
  { resource: 'namespaces', kind: 'Namespace', group: '', version: 'v1', namespaced: false, typicalBytes: 300 },
  {
    resource: 'serviceaccounts',
    kind: 'ServiceAccount',
    group: '',
    version: 'v1',
    namespaced: true,
    typicalBytes: 250,
  },
  { resource: 'configmaps', kind: 'ConfigMap', group: '', version: 'v1', namespaced: true, typicalBytes: 1500 },
  { resource: 'secrets', kind: 'Secret', group: '', version: 'v1', namespaced: true, typicalBytes: 1500 },
  { resource: 'deployments', kind: 'Deployment', group: 'apps', version: 'v1', namespaced: true, typicalBytes: 2150 },
  { resource: 'replicasets', kind: 'ReplicaSet', group: 'apps', version: 'v1', namespaced: true, typicalBytes: 1800 },
  {
    resource: 'endpointslices',
    kind: 'EndpointSlice',
    group: 'discovery.k8s.io',
    version: 'v1',
    namespaced: true,
    typicalBytes: 509,
  },
  {
    resource: 'leases',
    kind: 'Lease',
    group: 'coordination.k8s.io',
    version: 'v1',
    namespaced: true,
    typicalBytes: 500,
  },
  {
    resource: 'replicationcontrollers',
    kind: 'ReplicationController',
    group: '',
    version: 'v1',
    namespaced: true,
    typicalBytes: 1700,
  },
  { resource: 'statefulsets', kind: 'StatefulSet', group: 'apps', version: 'v1', namespaced: true, typicalBytes: 1900 },
  { resource: 'daemonsets', kind: 'DaemonSet', group: 'apps', version: 'v1', namespaced: true, typicalBytes: 1800 },
  {
    resource: 'controllerrevisions',
    kind: 'ControllerRevision',
    group: 'apps',
    version: 'v1',
    namespaced: true,
    typicalBytes: 1500,
  },
  { resource: 'jobs', kind: 'Job', group: 'batch', version: 'v1', namespaced: true, typicalBytes: 1700 },
  { resource: 'cronjobs', kind: 'CronJob', group: 'batch', version: 'v1', namespaced: true, typicalBytes: 1500 },
  {
    resource: 'poddisruptionbudgets',
    kind: 'PodDisruptionBudget',
    group: 'policy',
    version: 'v1',
    namespaced: true,
    typicalBytes: 700,
  },
  {
    resource: 'horizontalpodautoscalers',
    kind: 'HorizontalPodAutoscaler',
    group: 'autoscaling',
    version: 'v2',
    namespaced: true,
    typicalBytes: 1300,
  },
  { resource: 'endpoints', kind: 'Endpoints', group: '', version: 'v1', namespaced: true, typicalBytes: 600 },
  { resource: 'resourcequotas', kind: 'ResourceQuota', group: '', version: 'v1', namespaced: true, typicalBytes: 500 },
  {
    resource: 'persistentvolumeclaims',
    kind: 'PersistentVolumeClaim',
    group: '',
    version: 'v1',
    namespaced: true,
    typicalBytes: 900,
  },
  {
    resource: 'persistentvolumes',
    kind: 'PersistentVolume',
    group: '',
    version: 'v1',
    namespaced: false,
    typicalBytes: 900,
  },
  {
    resource: 'storageclasses',
    kind: 'StorageClass',
    group: 'storage.k8s.io',
    version: 'v1',
    namespaced: false,
    typicalBytes: 400,
  },
  { resource: 'csinodes', kind: 'CSINode', group: 'storage.k8s.io', version: 'v1', namespaced: false, typicalBytes: 350 },
  {
    resource: 'csidrivers',
    kind: 'CSIDriver',
    group: 'storage.k8s.io',
    version: 'v1',
    namespaced: false,
    typicalBytes: 300,
  },
  {
    resource: 'volumeattachments',
    kind: 'VolumeAttachment',
    group: 'storage.k8s.io',
    version: 'v1',
    namespaced: false,
    typicalBytes: 400,
  },
  {
    resource: 'limitranges',
    kind: 'LimitRange',
    group: '',
    version: 'v1',
    namespaced: true,
    typicalBytes: 500,
  },
  {
    resource: 'priorityclasses',
    kind: 'PriorityClass',
    group: 'scheduling.k8s.io',
    version: 'v1',
    namespaced: false,
    typicalBytes: 300,
  },
  {
    resource: 'runtimeclasses',
    kind: 'RuntimeClass',
    group: 'node.k8s.io',
    version: 'v1',
    namespaced: false,
    typicalBytes: 300,
  },
  {
    resource: 'ingresses',
    kind: 'Ingress',
    group: 'networking.k8s.io',
    version: 'v1',
    namespaced: true,
    typicalBytes: 900,
  },
  {
    resource: 'ingressclasses',
    kind: 'IngressClass',
    group: 'networking.k8s.io',
    version: 'v1',
    namespaced: false,
    typicalBytes: 300,
  },
  {
    resource: 'roles',
    kind: 'Role',
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    namespaced: true,
    typicalBytes: 600,
  },
  {
    resource: 'rolebindings',
    kind: 'RoleBinding',
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    namespaced: true,
    typicalBytes: 400,
  },
  {
    resource: 'clusterroles',
    kind: 'ClusterRole',
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    namespaced: false,
    typicalBytes: 900,
  },
  {
    resource: 'clusterrolebindings',
    kind: 'ClusterRoleBinding',
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    namespaced: false,
    typicalBytes: 400,
  },
  {
    resource: 'mutatingwebhookconfigurations',
    kind: 'MutatingWebhookConfiguration',
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    namespaced: false,
    typicalBytes: 2500,
  },
  {
    resource: 'validatingwebhookconfigurations',
    kind: 'ValidatingWebhookConfiguration',
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    namespaced: false,
    typicalBytes: 2500,
  },
  // Custom resources, kept as JSON: larger than protobuf would be.
  {
    resource: 'rollouts',
    kind: 'Rollout',
    group: 'argoproj.io',
    version: 'v1alpha1',
    namespaced: true,
    typicalBytes: 2300,
  },
  {
    resource: 'analysistemplates',
    kind: 'AnalysisTemplate',
    group: 'argoproj.io',
    version: 'v1alpha1',
    namespaced: true,
    typicalBytes: 900,
  },
  {
    resource: 'clusteranalysistemplates',
    kind: 'ClusterAnalysisTemplate',
    group: 'argoproj.io',
    version: 'v1alpha1',
    namespaced: false,
    typicalBytes: 900,
  },
  {
    resource: 'analysisruns',
    kind: 'AnalysisRun',
    group: 'argoproj.io',
    version: 'v1alpha1',
    namespaced: true,
    typicalBytes: 1800,
  },
  {
    resource: 'experiments',
    kind: 'Experiment',
    group: 'argoproj.io',
    version: 'v1alpha1',
    namespaced: true,
    typicalBytes: 1500,
  },
  {
    resource: 'canaries',
    kind: 'Canary',
    group: 'flagger.app',
    version: 'v1beta1',
    namespaced: true,
    typicalBytes: 1900,
  },
  {
    resource: 'metrictemplates',
    kind: 'MetricTemplate',
    group: 'flagger.app',
    version: 'v1beta1',
    namespaced: true,
    typicalBytes: 700,
  },
  {
    resource: 'httproutes',
    kind: 'HTTPRoute',
    group: 'gateway.networking.k8s.io',
    version: 'v1',
    otherVersions: ['v1beta1'],
    namespaced: true,
    typicalBytes: 900,
  },
  {
    resource: 'virtualservices',
    kind: 'VirtualService',
    group: 'networking.istio.io',
    version: 'v1',
    otherVersions: ['v1beta1', 'v1alpha3'],
    namespaced: true,
    typicalBytes: 900,
  },
  {
    resource: 'destinationrules',
    kind: 'DestinationRule',
    group: 'networking.istio.io',
    version: 'v1',
    otherVersions: ['v1beta1', 'v1alpha3'],
    namespaced: true,
    typicalBytes: 600,
  },
  {
    resource: 'trafficsplits',
    kind: 'TrafficSplit',
    group: 'split.smi-spec.io',
    version: 'v1alpha2',
    otherVersions: ['v1alpha1', 'v1alpha4'],
    namespaced: true,
    typicalBytes: 500,
  },
];

/** What was asked for last: a request asks several times. */
let last = table[0]!;
const byResource = new Map(table.map((info) => [info.resource, info]));
const byVersion = new Map<string, Map<string, ResourceInfo>>();
for (const info of table) {
  for (const version of [info.version, ...(info.otherVersions ?? [])]) {
    const apiVersion = info.group === '' ? version : `${info.group}/${version}`;
    let kinds = byVersion.get(apiVersion);
    if (kinds === undefined) byVersion.set(apiVersion, (kinds = new Map()));
    kinds.set(info.kind, info);
  }
}

/** Every resource that the simulated API server serves. */
export function resources(): readonly ResourceInfo[] {
  return table;
}

/** Information on a resource by its plural name. Throws for a name that is not served. */
export function resourceInfo(resource: string): ResourceInfo {
  if (resource === last.resource) return last;
  const info = byResource.get(resource);
  if (info === undefined) throw new Error(`resource ${resource} is not served`);
  last = info;
  return info;
}

/** Place of a resource among `resources()`: the same in every process. Negative for a name that is not served. */
export function resourceNumber(resource: string): number {
  const info = byResource.get(resource);
  return info === undefined ? -1 : table.indexOf(info);
}

/** Information on a kind such as (`apps/v1`, `Deployment`); undefined when it is not served. */
export function infoOfKind(apiVersion: string, kind: string): ResourceInfo | undefined {
  if (kind === lastKind.kind && apiVersion === lastKind.apiVersion) return lastKind.info;
  const info = byVersion.get(apiVersion)?.get(kind);
  lastKind = { apiVersion, kind, info };
  return info;
}

/** The kind that was asked for last. */
let lastKind: { readonly apiVersion: string; readonly kind: string; readonly info: ResourceInfo | undefined } = { apiVersion: '', kind: '', info: undefined };

/** `apiVersion` of a resource: `v1`, `apps/v1`. */
export function apiVersionOf(info: ResourceInfo): string {
  return info.group === '' ? info.version : `${info.group}/${info.version}`;
}
