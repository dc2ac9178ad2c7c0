import type { ConfigMap } from '../api/cluster-kinds.js';
import { isMap, type RawMap } from '../api/reader.js';
import { type Duration, SECOND } from '../kernel/time.js';
import type { InputError } from './input-error.js';
import type { LoadedObject } from './manifests.js';
import type { RawScenario } from './schema.js';
import { fileFrom, type Path, readSource, SourceFile, type SourceItem } from './source.js';
import { parseItems } from './split.js';
import type { ClusterSpec, KubeProxyConfiguration, KubeProxyMode } from './types.js';
import { duration, parseDuration } from './units.js';

/** Defaults of KubeProxyConfiguration (pkg/proxy/apis/config/v1alpha1/defaults.go). */
export const MIN_SYNC_PERIOD: Readonly<Record<KubeProxyMode, Duration>> = { iptables: SECOND, nftables: SECOND, ipvs: 0 };
export const SYNC_PERIOD: Duration = 30 * SECOND;
/** Where kubeadm keeps kube-proxy's configuration. */
const NAMESPACE = 'kube-system';
const NAME = 'kube-proxy';
const KIND = 'KubeProxyConfiguration';
const MODES: readonly KubeProxyMode[] = ['iptables', 'ipvs', 'nftables'];
/** Schedulers of IPVS that are modelled (ipvs.scheduler). */
const SCHEDULERS = ['rr', 'lc', ''] as const;

export interface KubeProxyContext {
  readonly item: SourceItem;
  readonly folder: string;
  readonly errors: InputError[];
  readonly files: string[];
}

/**
 * kube-proxy's configuration: of the file that the scenario names, else of kubeadm's ConfigMap among the manifests; what the scenario
 * states itself holds over both. Without any of them nothing is configured.
 */
export function withKubeProxy(
  cluster: ClusterSpec,
  raw: NonNullable<RawScenario['cluster']>['kubeProxy'],
  loaded: readonly LoadedObject[],
  context: KubeProxyContext,
): ClusterSpec {
  const file = raw?.configuration;
  let read: KubeProxyConfiguration | undefined;
  if (file !== undefined) {
    const path: Path = ['cluster', 'kubeProxy', 'configuration'];
    const name = fileFrom(context.folder, file);
    const source = readSource(name, (message) => context.item.error(path, { message }));
    context.files.push(name);
    read = configurationIn(source, context.errors);
    if (read === undefined) context.errors.push(context.item.error(path, { message: `${file} holds no ${KIND}` }));
  } else read = configurationOfMap(loaded, context.errors);
  const mode = raw?.mode ?? read?.mode;
  if (mode === undefined) return cluster;
  const same = read?.mode === mode ? read : undefined;
  const configuration: KubeProxyConfiguration = {
    mode,
    minSyncPeriod: raw?.minSyncPeriod !== undefined ? duration(raw.minSyncPeriod) : (same?.minSyncPeriod ?? MIN_SYNC_PERIOD[mode]),
    syncPeriod: same?.syncPeriod ?? SYNC_PERIOD,
    ...(same?.scheduler === undefined ? {} : { scheduler: same.scheduler }),
  };
  return { ...cluster, kubeProxy: { ...cluster.kubeProxy, configuration } };
}

function configurationOfMap(loaded: readonly LoadedObject[], errors: InputError[]): KubeProxyConfiguration | undefined {
  for (const { object, item } of loaded) {
    if (object.kind !== 'ConfigMap' || object.metadata.namespace !== NAMESPACE || object.metadata.name !== NAME) continue;
    return configurationOfData((object as ConfigMap).data ?? {}, item, errors);
  }
  return undefined;
}

function configurationOfData(data: RawMap, item: SourceItem, errors: InputError[]): KubeProxyConfiguration | undefined {
  for (const [key, text] of Object.entries(data)) {
    if (typeof text !== 'string' || !text.includes(KIND)) continue;
    return configurationIn(new SourceFile(`${item.source.path} (data.${key})`, Buffer.from(text)), errors);
  }
  return undefined;
}

function configurationIn(source: SourceFile, errors: InputError[]): KubeProxyConfiguration | undefined {
  let found: KubeProxyConfiguration | undefined;
  parseItems(source, {
    value: (value, item) => {
      if (!isMap(value)) return;
      if (value.kind === KIND) found ??= toConfiguration(value, item, errors);
      else if (value.kind === 'ConfigMap' && isMap(value.data)) found ??= configurationOfData(value.data, item, errors);
    },
    error: (error) => errors.push(error),
  });
  return found;
}

function toConfiguration(raw: RawMap, item: SourceItem, errors: InputError[]): KubeProxyConfiguration {
  const wanted = raw.mode === undefined || raw.mode === '' || raw.mode === null ? 'iptables' : String(raw.mode);
  if (!MODES.includes(wanted as KubeProxyMode))
    errors.push(item.error(['mode'], { message: `expected iptables, ipvs or nftables, found "${wanted}"` }));
  const mode = (MODES.includes(wanted as KubeProxyMode) ? wanted : 'iptables') as KubeProxyMode;
  const section = isMap(raw[mode]) ? (raw[mode] as RawMap) : {};
  const period = (key: string, fallback: number): number => {
    const value = section[key];
    if (value === undefined || value === null) return fallback;
    const time = typeof value === 'string' ? parseDuration(value) : undefined;
    if (time === undefined) errors.push(item.error([mode, key], { message: `expected a duration such as 1s, found ${JSON.stringify(value)}` }));
    // 0s, as kubeadm writes it, stands for the default.
    return time === undefined || time === 0 ? fallback : time;
  };
  const scheduler = mode === 'ipvs' && section.scheduler !== undefined && section.scheduler !== null ? String(section.scheduler) : '';
  if (!(SCHEDULERS as readonly string[]).includes(scheduler))
    errors.push(item.error([mode, 'scheduler'], { message: `the IPVS scheduler "${scheduler}" is not modelled: expected rr or lc` }));
  return {
    mode,
    minSyncPeriod: period('minSyncPeriod', MIN_SYNC_PERIOD[mode]),
    syncPeriod: period('syncPeriod', SYNC_PERIOD),
    ...(scheduler === 'lc' ? { scheduler } : {}),
  };
}
