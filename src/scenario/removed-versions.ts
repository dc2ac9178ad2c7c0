/** API versions that Kubernetes served once and no longer does (kubernetes.io deprecation guide): what to write instead. */
const removed: Readonly<Record<string, string>> = {
  'extensions/v1beta1 Deployment': 'apps/v1',
  'extensions/v1beta1 DaemonSet': 'apps/v1',
  'extensions/v1beta1 ReplicaSet': 'apps/v1',
  'extensions/v1beta1 Ingress': 'networking.k8s.io/v1',
  'extensions/v1beta1 NetworkPolicy': 'networking.k8s.io/v1',
  'apps/v1beta1 Deployment': 'apps/v1',
  'apps/v1beta1 StatefulSet': 'apps/v1',
  'apps/v1beta2 Deployment': 'apps/v1',
  'apps/v1beta2 StatefulSet': 'apps/v1',
  'apps/v1beta2 DaemonSet': 'apps/v1',
  'apps/v1beta2 ReplicaSet': 'apps/v1',
  'batch/v1beta1 CronJob': 'batch/v1',
  'batch/v2alpha1 CronJob': 'batch/v1',
  'autoscaling/v2beta1 HorizontalPodAutoscaler': 'autoscaling/v2',
  'autoscaling/v2beta2 HorizontalPodAutoscaler': 'autoscaling/v2',
  'policy/v1beta1 PodDisruptionBudget': 'policy/v1',
  'networking.k8s.io/v1beta1 Ingress': 'networking.k8s.io/v1',
  'rbac.authorization.k8s.io/v1beta1 Role': 'rbac.authorization.k8s.io/v1',
  'rbac.authorization.k8s.io/v1beta1 RoleBinding': 'rbac.authorization.k8s.io/v1',
  'rbac.authorization.k8s.io/v1beta1 ClusterRole': 'rbac.authorization.k8s.io/v1',
  'rbac.authorization.k8s.io/v1beta1 ClusterRoleBinding': 'rbac.authorization.k8s.io/v1',
  'storage.k8s.io/v1beta1 StorageClass': 'storage.k8s.io/v1',
  'scheduling.k8s.io/v1beta1 PriorityClass': 'scheduling.k8s.io/v1',
  'coordination.k8s.io/v1beta1 Lease': 'coordination.k8s.io/v1',
  'discovery.k8s.io/v1beta1 EndpointSlice': 'discovery.k8s.io/v1',
};

/** The API server's refusal of a version that it no longer serves, and the version to use; undefined for all others. */
export function removedVersion(
  apiVersion: unknown,
  kind: unknown,
): { readonly message: string; readonly use: string } | undefined {
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return undefined;
  const use = Object.hasOwn(removed, `${apiVersion} ${kind}`) ? removed[`${apiVersion} ${kind}`] : undefined;
  if (use === undefined) return undefined;
  return { message: `no matches for kind "${kind}" in version "${apiVersion}"; write apiVersion: ${use}`, use };
}
