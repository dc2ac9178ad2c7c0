import { present } from '../api/manifest-pod.js';
import { type Duration, SECOND } from '../kernel/time.js';
import { type EtcdContext, etcdMembers, toEtcdOverrides, toEtcdSpec } from './etcd.js';
import type { InputError } from './input-error.js';
import { isKwokNode } from '../node/kwok/stage.js';
import { toKwok } from './kwok.js';
import { NodeBuilder } from './nodes.js';
import { zonesOf } from './references.js';
import type { RawScenario } from './schema.js';
import { type SchedulerOptions, toScheduler } from './scheduler.js';
import type { Path, SourceItem } from './source.js';
import { type RawBackOff, heedsRestartPeriod, toKubelet, toRestartPeriod } from './schema-kubelet.js';
import { toDistribution } from './schema-values.js';
import type { ClusterSpec, LoadBalancerSpec, WebhookBehaviour } from './types.js';
import { bytes, duration, share } from './units.js';

/** Defaults of the components' own flags. */
const CONTROLLER_MANAGER = { qps: 20, burst: 30 } as const;
const KUBE_PROXY_MIN_SYNC_PERIOD = SECOND;

/** The cluster of a scenario file; what is wrong goes to `errors`. */
export function toCluster(
  raw: NonNullable<RawScenario['cluster']>,
  item: SourceItem,
  folder: string,
  errors: InputError[],
  files: string[],
  options: SchedulerOptions,
  costs: EtcdContext['costs'],
): ClusterSpec {
  const builder = new NodeBuilder(item, folder, errors, options.warn);
  const restartPeriod = (kubelet: { readonly crashLoopBackOff?: RawBackOff } | undefined, owner: Path): { readonly maxRestartPeriod?: Duration } => {
    const path = [...owner, 'kubelet', 'crashLoopBackOff', 'maxContainerRestartPeriod'];
    const complain = (message: string): unknown => errors.push(item.error(path, { message }));
    const warn = (message: string): void => options.warn(message, path);
    const period = toRestartPeriod(kubelet?.crashLoopBackOff, heedsRestartPeriod(options.version, raw.kubelet), complain, warn);
    return period === undefined ? {} : { maxRestartPeriod: period };
  };
  raw.nodes?.forEach((group, i) => {
    builder.group(group, ['cluster', 'nodes', i], restartPeriod(group.kubelet, ['cluster', 'nodes', i]));
  });
  files.push(...builder.files);
  options.staticPods?.push(...builder.staticManifests);
  const { nodes } = builder;
  const { etcd = {}, controllerManager = {}, kubeProxy = {} } = raw;
  const context: EtcdContext = { item, errors, zones: zonesOf({ nodes }), costs };
  const overrides = toEtcdOverrides(etcd, context);
  const kwok = toKwok(raw.kwok, nodes.some(isKwokNode), item, folder, errors, files);
  return {
    nodes,
    etcd: toEtcdSpec(etcd, ['cluster', 'etcd'], etcdMembers(etcd), context),
    ...(etcd.topology === undefined ? {} : { etcdTopology: etcd.topology }),
    ...(overrides.length === 0 ? {} : { etcdOverrides: overrides }),
    apiServers: raw.apiServers ?? 1,
    ...(raw.controlPlaneReplicas === undefined ? {} : { controlPlaneReplicas: raw.controlPlaneReplicas }),
    ...(raw.priorityAndFairness === undefined ? {} : { priorityAndFairness: raw.priorityAndFairness }),
    ...(raw.eventTtl === undefined ? {} : { eventTtl: duration(raw.eventTtl) }),
    ...(raw.loadBalancer === undefined ? {} : { loadBalancer: toLoadBalancer(raw.loadBalancer) }),
    ...(raw.controlPlaneMemory === undefined ? {} : { controlPlaneMemory: bytes(raw.controlPlaneMemory) }),
    ...(raw.controlPlaneCores === undefined ? {} : { controlPlaneCores: raw.controlPlaneCores }),
    ...(raw.settled === undefined ? {} : { settled: raw.settled }),
    ...(raw.informerQueue === undefined ? {} : { informerQueue: raw.informerQueue }),
    controllerManager: {
      qps: controllerManager.qps ?? CONTROLLER_MANAGER.qps,
      burst: controllerManager.burst ?? CONTROLLER_MANAGER.burst,
      ...(controllerManager.featureGates === undefined ? {} : { featureGates: present<NonNullable<ClusterSpec['controllerManager']['featureGates']>>(controllerManager.featureGates) }),
      ...(controllerManager.legacyServiceAccountTokenCleanUpPeriod === undefined
        ? {}
        : { legacyServiceAccountTokenCleanUpPeriod: duration(controllerManager.legacyServiceAccountTokenCleanUpPeriod) }),
    },
    ...(Object.keys(builder.machines).length === 0 ? {} : { machines: builder.machines }),
    ...(raw.kubelet === undefined
      ? {}
      : { kubelet: { ...toKubelet(raw.kubelet, (message) => errors.push(item.keyError(['cluster', 'kubelet'], { message }))), ...restartPeriod(raw.kubelet, ['cluster']) } }),
    ...(raw.cloud === undefined ? {} : { cloud: true }),
    ...(raw.cloud?.loadBalancer === undefined ? {} : { loadBalancers: toDistribution(raw.cloud.loadBalancer) }),
    ...(raw.registries === undefined
      ? {}
      : { registries: raw.registries.map(({ host, bandwidth }) => ({ host, bytesPerSecond: bytes(bandwidth) })) }),
    scheduler: toScheduler(raw, { item, folder, errors, files }, options),
    kubeProxy: {
      minSyncPeriod:
        kubeProxy.minSyncPeriod === undefined ? KUBE_PROXY_MIN_SYNC_PERIOD : duration(kubeProxy.minSyncPeriod),
      extraDelay: kubeProxy.extraDelay === undefined ? 0 : duration(kubeProxy.extraDelay),
      ...(kubeProxy.failures === undefined ? {} : { failures: share(kubeProxy.failures) }),
    },
    ...(kwok === undefined ? {} : { kwok }),
    ...(raw.disableAdmissionPlugins === undefined ? {} : { disabledAdmissionPlugins: raw.disableAdmissionPlugins }),
    ...(raw.webhooks === undefined ? {} : { webhooks: raw.webhooks.map(toWebhook) }),
  };
}

/** Defaults of HAProxy's `inter`, `fall` and `rise`. */
function toLoadBalancer({ interval, fall = 3, rise = 2 }: NonNullable<NonNullable<RawScenario['cluster']>['loadBalancer']>): LoadBalancerSpec {
  return { interval: interval === undefined ? 2 * SECOND : duration(interval), fall, rise };
}

function toWebhook(raw: NonNullable<NonNullable<RawScenario['cluster']>['webhooks']>[number]): WebhookBehaviour {
  const { name, latency, failures, denials, message, labels, annotations } = raw;
  return {
    name,
    ...(latency === undefined ? {} : { latency: toDistribution(latency) }),
    failures: failures === undefined ? 0 : share(failures),
    denials: denials === undefined ? 0 : share(denials),
    message: message ?? '',
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
