import type { ProcessContext } from '../client/context.js';
import type { ApiClient } from '../client/types.js';
import { AttachDetachController } from './attach-detach.js';
import { CronJobController } from './cronjob.js';
import { CsiAttacher } from './csi-attacher.js';
import { DaemonSetController } from './daemonset.js';
import { DeploymentController } from './deployment.js';
import { DisruptionController } from './disruption.js';
import { EndpointsController } from './endpoints.js';
import { EndpointSliceMirroringController } from './endpoint-slice-mirroring.js';
import { EndpointSliceController } from './endpointslice.js';
import { EphemeralVolumeController } from './ephemeral-volumes.js';
import { ExternalProvisioner } from './external-provisioner.js';
import { GarbageCollector } from './garbage-collector.js';
import { type MetricsSource, NoMetrics } from './horizontal-metrics.js';
import { HorizontalPodAutoscalerController } from './horizontal-pod-autoscaler.js';
import { JobController } from './job.js';
import { NamespaceController } from './namespace.js';
import { DEFAULT_SERVICE_ACCOUNT, NamespaceDefaultController, ROOT_CERTIFICATE } from './namespace-defaults.js';
import { NodeLifecycleController } from './node-lifecycle.js';
import { NodeTtlController } from './node-ttl.js';
import { PersistentVolumeBinder } from './persistent-volume-binder.js';
import { PodGarbageCollector } from './pod-gc.js';
import { ReplicaSetController } from './replicaset.js';
import { replicationController } from './replicationcontroller.js';
import { ResourceQuotaController } from './resource-quota.js';
import { ServiceAccountTokenController } from './service-account-tokens.js';
import { StatefulSetController } from './statefulset.js';
import { TaintEvictionController } from './taint-eviction.js';
import { LegacyTokenCleaner } from './token-cleaner.js';
import { TtlAfterFinishedController } from './ttl-after-finished.js';
import { ClaimProtectionController, VolumeProtectionController } from './volume-protection.js';

/**
 * Every controller, by its name on kube-controller-manager's command line, with the name of its client (service account), and
 * how much larger its client's limits are than the others' (cmd/kube-controller-manager/app/core.go).
 */
const TABLE = {
  deployment: { client: 'deployment-controller', qps: 1, burst: 1 },
  replicaset: { client: 'replicaset-controller', qps: 1, burst: 1 },
  endpointslice: { client: 'endpointslice-controller', qps: 1, burst: 1 },
  endpointslicemirroring: { client: 'endpointslicemirroring-controller', qps: 1, burst: 1 },
  'garbage-collector': { client: 'generic-garbage-collector', qps: 2, burst: 1 },
  namespace: { client: 'namespace-controller', qps: 20, burst: 100 },
  serviceaccount: { client: 'service-account-controller', qps: 1, burst: 1 },
  'serviceaccount-token': { client: 'tokens-controller', qps: 1, burst: 1 },
  'root-ca-certificate-publisher': { client: 'root-ca-cert-publisher', qps: 1, burst: 1 },
  'node-lifecycle': { client: 'node-controller', qps: 1, burst: 1 },
  // A client of its own with the other's account (app/core.go newTaintEvictionController).
  'taint-eviction': { client: 'node-controller', qps: 1, burst: 1 },
  replicationcontroller: { client: 'replication-controller', qps: 1, burst: 1 },
  statefulset: { client: 'statefulset-controller', qps: 1, burst: 1 },
  daemonset: { client: 'daemon-set-controller', qps: 1, burst: 1 },
  job: { client: 'job-controller', qps: 1, burst: 1 },
  cronjob: { client: 'cronjob-controller', qps: 1, burst: 1 },
  'ttl-after-finished': { client: 'ttl-after-finished-controller', qps: 1, burst: 1 },
  disruption: { client: 'disruption-controller', qps: 1, burst: 1 },
  horizontalpodautoscaler: { client: 'horizontal-pod-autoscaler', qps: 1, burst: 1 },
  endpoint: { client: 'endpoint-controller', qps: 1, burst: 1 },
  ttl: { client: 'ttl-controller', qps: 1, burst: 1 },
  'pod-garbage-collector': { client: 'pod-garbage-collector', qps: 1, burst: 1 },
  resourcequota: { client: 'resourcequota-controller', qps: 1, burst: 1 },
  'persistentvolumeclaim-protection': { client: 'pvc-protection-controller', qps: 1, burst: 1 },
  'persistentvolume-protection': { client: 'pv-protection-controller', qps: 1, burst: 1 },
  'persistentvolume-attach-detach': { client: 'attachdetach-controller', qps: 1, burst: 1 },
  'persistentvolume-binder': { client: 'persistent-volume-binder', qps: 1, burst: 1 },
  'ephemeral-volume': { client: 'ephemeral-volume-controller', qps: 1, burst: 1 },
  'legacy-serviceaccount-token-cleaner': { client: 'legacy-service-account-token-cleaner', qps: 1, burst: 1 },
} as const;

export type ControllerName = keyof typeof TABLE;

/** Names of all controllers, in the order in which they start. */
export const CONTROLLER_NAMES = Object.keys(TABLE) as readonly ControllerName[];

/** A running controller: an object that holds its workers and informers. */
export type Controller = object;

function start(name: ControllerName, context: ProcessContext, client: ApiClient, metrics: MetricsSource): Controller {
  switch (name) {
    case 'deployment':
      return new DeploymentController(context, client);
    case 'replicaset':
      return new ReplicaSetController(context, client);
    case 'endpointslice':
      return new EndpointSliceController(context, client);
    case 'endpointslicemirroring':
      return new EndpointSliceMirroringController(context, client);
    case 'garbage-collector':
      return new GarbageCollector(context, client);
    case 'namespace':
      return new NamespaceController(context, client);
    case 'serviceaccount':
      return new NamespaceDefaultController(context, client, DEFAULT_SERVICE_ACCOUNT);
    case 'serviceaccount-token':
      return new ServiceAccountTokenController(context, client);
    case 'root-ca-certificate-publisher':
      return new NamespaceDefaultController(context, client, ROOT_CERTIFICATE);
    case 'node-lifecycle':
      return new NodeLifecycleController(context, client);
    case 'taint-eviction':
      return new TaintEvictionController(context, client);
    case 'replicationcontroller':
      return replicationController(context, client);
    case 'statefulset':
      return new StatefulSetController(context, client);
    case 'daemonset':
      return new DaemonSetController(context, client);
    case 'job':
      return new JobController(context, client);
    case 'cronjob':
      return new CronJobController(context, client);
    case 'ttl-after-finished':
      return new TtlAfterFinishedController(context, client);
    case 'disruption':
      return new DisruptionController(context, client);
    case 'horizontalpodautoscaler':
      return new HorizontalPodAutoscalerController(context, client, metrics);
    case 'endpoint':
      return new EndpointsController(context, client);
    case 'ttl':
      return new NodeTtlController(context, client);
    case 'pod-garbage-collector':
      return new PodGarbageCollector(context, client);
    case 'resourcequota':
      return new ResourceQuotaController(context, client);
    case 'persistentvolumeclaim-protection':
      return new ClaimProtectionController(context, client);
    case 'persistentvolume-protection':
      return new VolumeProtectionController(context, client);
    case 'persistentvolume-attach-detach':
      return [new AttachDetachController(context, client), new CsiAttacher(context)];
    case 'persistentvolume-binder':
      return [new PersistentVolumeBinder(context, client), new ExternalProvisioner(context)];
    case 'ephemeral-volume':
      return new EphemeralVolumeController(context, client);
    case 'legacy-serviceaccount-token-cleaner':
      return new LegacyTokenCleaner(context, client);
  }
}

/**
 * Starts controllers (all when no names are given), each with a client of its own, as kube-controller-manager does. `metrics`
 * is what the HorizontalPodAutoscaler sees of the pods' usage.
 */
export function startControllers(
  context: ProcessContext,
  names: readonly ControllerName[] = CONTROLLER_NAMES,
  metrics: MetricsSource = new NoMetrics(),
): Map<ControllerName, Controller> {
  const { qps, burst } = context.scenario.cluster.controllerManager;
  const started = new Map<ControllerName, Controller>();
  for (const name of names) {
    const limits = TABLE[name];
    const client = context.client(limits.client, qps * limits.qps, burst * limits.burst);
    started.set(name, start(name, context, client, metrics));
  }
  return started;
}
