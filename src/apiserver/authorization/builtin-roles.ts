import type { PolicyRule } from '../../api/admission-kinds.js';

/** The user-facing ClusterRoles that a server makes for itself (plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go), of the resources served here. */

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];

const APPS = ['daemonsets', 'deployments', 'deployments/scale', 'replicasets', 'replicasets/scale', 'statefulsets', 'statefulsets/scale'];
const BATCH = ['cronjobs', 'jobs'];
const SERVICES = ['configmaps', 'endpoints', 'persistentvolumeclaims', 'replicationcontrollers', 'replicationcontrollers/scale', 'serviceaccounts', 'services'];

const view: readonly PolicyRule[] = [
  { verbs: READ, apiGroups: [''], resources: [...SERVICES, 'pods', 'persistentvolumeclaims/status', 'services/status', 'pods/log', 'pods/status'] },
  { verbs: READ, apiGroups: [''], resources: ['bindings', 'events', 'limitranges', 'namespaces', 'namespaces/status', 'resourcequotas', 'resourcequotas/status'] },
  { verbs: READ, apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'] },
  { verbs: READ, apiGroups: ['apps'], resources: ['controllerrevisions', ...APPS, 'daemonsets/status', 'deployments/status', 'replicasets/status', 'statefulsets/status'] },
  { verbs: READ, apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers', 'horizontalpodautoscalers/status'] },
  { verbs: READ, apiGroups: ['batch'], resources: [...BATCH, 'cronjobs/status', 'jobs/status'] },
  { verbs: READ, apiGroups: ['policy'], resources: ['poddisruptionbudgets', 'poddisruptionbudgets/status'] },
  { verbs: READ, apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingresses/status', 'networkpolicies'] },
];

const edit: readonly PolicyRule[] = [
  ...view,
  { verbs: READ, apiGroups: [''], resources: ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'secrets', 'services/proxy'] },
  { verbs: ['impersonate'], apiGroups: [''], resources: ['serviceaccounts'] },
  { verbs: WRITE, apiGroups: [''], resources: ['pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'] },
  { verbs: ['create'], apiGroups: [''], resources: ['pods/eviction'] },
  { verbs: WRITE, apiGroups: [''], resources: [...SERVICES.filter((each) => each !== 'endpoints'), 'events', 'secrets', 'services/proxy'] },
  { verbs: WRITE, apiGroups: ['apps'], resources: [...APPS, 'deployments/rollback'] },
  { verbs: WRITE, apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'] },
  { verbs: WRITE, apiGroups: ['batch'], resources: BATCH },
  { verbs: WRITE, apiGroups: ['policy'], resources: ['poddisruptionbudgets'] },
  { verbs: WRITE, apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'networkpolicies'] },
  { verbs: [...READ, ...WRITE], apiGroups: ['coordination.k8s.io'], resources: ['leases'] },
];

/** Rules by name of the ClusterRole; loaded manifests of the same name win. */
export const BUILTIN_CLUSTER_ROLES: Readonly<Record<string, readonly PolicyRule[]>> = {
  'cluster-admin': [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  admin: [...edit, { verbs: [...READ, ...WRITE], apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'] }],
  edit,
  view,
};
