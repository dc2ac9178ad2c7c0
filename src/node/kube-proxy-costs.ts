import type { Duration } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';

/** What a sync of kube-proxy costs, by mode: pure arithmetic over how many rules there are and how many changed. */

export type KubeProxyMode = 'iptables' | 'ipvs' | 'nftables';

/** The part of KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) that decides when and how rules are written. */
export interface KubeProxyConfiguration {
  readonly mode: KubeProxyMode;
  /** Least time from the end of a sync to the start of the next one. */
  readonly minSyncPeriod: Duration;
  /** ipvs: a sync at least this often. iptables and nftables: a failed sync is tried again within it. */
  readonly syncPeriod: Duration;
  /** ipvs.scheduler. Absent: rr. */
  readonly scheduler?: 'lc';
}

/** Defaults of KubeProxyConfiguration (pkg/proxy/apis/config/v1alpha1/defaults.go). */
export const MIN_SYNC_PERIOD: Readonly<Record<KubeProxyMode, Duration>> = { iptables: SECOND, nftables: SECOND, ipvs: 0 };
export const SYNC_PERIOD: Duration = 30 * SECOND;
/** iptables and nftables sync at least this often (pkg/proxy/util FullSyncPeriod). */
export const FULL_SYNC_PERIOD: Duration = 3600 * SECOND;
/** More endpoints than this: iptables mode writes no comments, and from 1.36 on makes no hourly full sync (iptables/proxier.go). */
export const LARGE_CLUSTER_ENDPOINTS = 1000;

/** Rules of one port of a Service and of one endpoint of it in iptables mode: dispatch, marks, the chains themselves. */
const RULES_PER_PORT = 8;
const RULES_PER_ENDPOINT = 3;

/** Durations of syncs: base, and what each rule, Service or element adds. */
export interface KubeProxyCosts {
  /** iptables: a full sync, and each rule that it writes. */
  readonly iptablesFull: Duration;
  readonly iptablesRule: Duration;
  /** iptables: a partial sync, and each rule of Services that did not change; those that changed cost `iptablesRule`. */
  readonly iptablesPartial: Duration;
  readonly iptablesUnchangedRule: Duration;
  /** nftables: a sync, each Service of the table (which is listed), and each element that is written. */
  readonly nftables: Duration;
  readonly nftablesService: Duration;
  readonly nftablesElement: Duration;
  /** ipvs: a sync, and each virtual or real server that changed. */
  readonly ipvs: Duration;
  readonly ipvsElement: Duration;
  /** iptables: what each Service before the wanted one adds to the first packet of a connection. */
  readonly iptablesLookup: Duration;
  /** The same in the other modes, however many Services there are. */
  readonly mapLookup: Duration;
  /** Spread of the duration of a sync: sigma of a lognormal factor with median 1. */
  readonly spread: number;
}

/** Sums over all Services that a proxy knows. */
export interface ProxyTotals {
  readonly services: number;
  readonly ports: number;
  /** Endpoints, once for each port. */
  readonly endpoints: number;
}

/** What one sync has to write, summed over the Services that changed, as they are now. */
export interface ProxyChanges {
  readonly ports: number;
  readonly endpoints: number;
  /** Ports and endpoints that came or went. */
  readonly servers: number;
}

/** Rules in iptables mode. */
export function iptablesRules({ ports, endpoints }: { readonly ports: number; readonly endpoints: number }): number {
  return RULES_PER_PORT * ports + RULES_PER_ENDPOINT * endpoints;
}

/** Median duration of a sync. `full`: iptables mode writes everything anew. */
export function syncDuration(mode: KubeProxyMode, costs: KubeProxyCosts, totals: ProxyTotals, changes: ProxyChanges, full: boolean): Duration {
  switch (mode) {
    case 'iptables': {
      const rules = iptablesRules(totals);
      if (full) return costs.iptablesFull + costs.iptablesRule * rules;
      // The dispatch lines of all Services are always sent; chains only of those that changed.
      return costs.iptablesPartial + costs.iptablesUnchangedRule * rules + costs.iptablesRule * iptablesRules(changes);
    }
    case 'nftables':
      return costs.nftables + costs.nftablesService * totals.services + costs.nftablesElement * (changes.ports + changes.endpoints);
    case 'ipvs':
      return costs.ipvs + costs.ipvsElement * changes.servers;
  }
}

/** Longest time between two syncs without any change. */
export function idlePeriod({ mode, syncPeriod }: KubeProxyConfiguration): Duration {
  return mode === 'ipvs' ? syncPeriod : FULL_SYNC_PERIOD;
}

/** What a lookup adds to the first packet of a connection. `position`: Services whose rules stand before, of iptables' one list. */
export function lookupDuration(mode: KubeProxyMode, costs: KubeProxyCosts, position: number): Duration {
  return mode === 'iptables' ? costs.iptablesLookup * position : costs.mapLookup;
}
