import type { Duration } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { KubeProxyConfiguration, KubeProxyCosts, KubeProxyMode } from '../scenario/types.js';

/** What a sync of kube-proxy costs, by mode: pure arithmetic over how many rules there are and how many changed. */

/** iptables and nftables sync at least this often (pkg/proxy/util FullSyncPeriod). */
export const FULL_SYNC_PERIOD: Duration = 3600 * SECOND;
/** More endpoints than this: iptables mode writes no comments, and from 1.36 on makes no hourly full sync (iptables/proxier.go). */
export const LARGE_CLUSTER_ENDPOINTS = 1000;

/** Rules of one port of a Service and of one endpoint of it in iptables mode: dispatch, marks, the chains themselves. */
const RULES_PER_PORT = 8;
const RULES_PER_ENDPOINT = 3;

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
