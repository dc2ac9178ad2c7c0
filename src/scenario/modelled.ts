/**
 * Kinds on which some component acts in a run. Objects of other kinds that the API server serves are stored and nothing more;
 * kinds that it does not serve are left out. A finding says so in both cases.
 */
const acted: ReadonlySet<string> = new Set([
  'v1 Pod',
  'v1 Node',
  'v1 Service',
  'v1 Namespace',
  'v1 Event',
  // Configuration: kubelets and admission find it there; it does nothing by itself.
  'v1 ConfigMap',
  'v1 Secret',
  'v1 ServiceAccount',
  'apps/v1 Deployment',
  'apps/v1 ReplicaSet',
  'apps/v1 StatefulSet',
  'apps/v1 DaemonSet',
  'v1 ReplicationController',
  'v1 Endpoints',
  'batch/v1 Job',
  'batch/v1 CronJob',
  'policy/v1 PodDisruptionBudget',
  'autoscaling/v2 HorizontalPodAutoscaler',
  'discovery.k8s.io/v1 EndpointSlice',
  'coordination.k8s.io/v1 Lease',
  'v1 ResourceQuota',
  // Admission and authorization read these.
  'v1 LimitRange',
  'scheduling.k8s.io/v1 PriorityClass',
  'node.k8s.io/v1 RuntimeClass',
  'networking.k8s.io/v1 Ingress',
  'networking.k8s.io/v1 IngressClass',
  'admissionregistration.k8s.io/v1 MutatingWebhookConfiguration',
  'admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration',
  'rbac.authorization.k8s.io/v1 Role',
  'rbac.authorization.k8s.io/v1 ClusterRole',
  'rbac.authorization.k8s.io/v1 RoleBinding',
  'rbac.authorization.k8s.io/v1 ClusterRoleBinding',
  'v1 PersistentVolumeClaim',
  'v1 PersistentVolume',
  'storage.k8s.io/v1 StorageClass',
  'storage.k8s.io/v1 CSINode',
  'storage.k8s.io/v1 CSIDriver',
  'storage.k8s.io/v1 VolumeAttachment',
  'argoproj.io/v1alpha1 Rollout',
  'argoproj.io/v1alpha1 AnalysisTemplate',
  'argoproj.io/v1alpha1 ClusterAnalysisTemplate',
  'argoproj.io/v1alpha1 AnalysisRun',
  'flagger.app/v1beta1 Canary',
  'flagger.app/v1beta1 MetricTemplate',
  // Routes of meshes and gateways: their weights divide the traffic.
  ...['v1', 'v1beta1'].map((version) => `gateway.networking.k8s.io/${version} HTTPRoute`),
  ...['v1', 'v1beta1', 'v1alpha3'].flatMap((version) => [`networking.istio.io/${version} VirtualService`, `networking.istio.io/${version} DestinationRule`]),
  ...['v1alpha1', 'v1alpha2', 'v1alpha4'].map((version) => `split.smi-spec.io/${version} TrafficSplit`),
]);

/** Whether some component acts on objects of a kind. */
export function isActedOn(apiVersion: string, kind: string): boolean {
  return acted.has(`${apiVersion} ${kind}`);
}
