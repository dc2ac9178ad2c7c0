import type { Duration, Time } from '../kernel/time.js';
import type { KeyedDraws, Randomness } from '../random/stream.js';
import { LogHistogram } from '../stats/log-histogram.js';
import { DrawCursor } from './draws.js';
import type { KubeProxyConfiguration, KubeProxyCosts } from '../scenario/types.js';
import {
  FULL_SYNC_PERIOD,
  idlePeriod,
  LARGE_CLUSTER_ENDPOINTS,
  lookupDuration,
  syncDuration,
} from './kube-proxy-costs.js';
import type { ServiceVersion } from './proxy-endpoints.js';

/** No later change of the same Service. */
const NONE = Number.POSITIVE_INFINITY;

/**
 * What the syncs of the proxies write, by their mode. The log of changes is shared: a sync covers a range of it, and writes each
 * Service that changed in the range once, as it is at its end.
 */
export class ProxyRuns {
  /** Durations of syncs, and from the change of a pod until it counts on a node, over all nodes: nanoseconds. */
  sync = new LogHistogram();
  programming = new LogHistogram();
  /** Longest time between two runs without a change. */
  readonly idle: Duration;
  private readonly configuration: KubeProxyConfiguration;
  private readonly costs: KubeProxyCosts;
  private readonly skipsLargeFullSyncs: boolean;
  private readonly draws: DrawCursor;
  private readonly places: KeyedDraws;
  /** By log position: sums over all Services after the change. */
  private readonly services: number[] = [];
  private readonly ports: number[] = [];
  private readonly endpoints: number[] = [];
  /** By log position: size of the changed Service, servers that came or went, position of the next change of the same Service. */
  private readonly ownPorts: number[] = [];
  private readonly ownEndpoints: number[] = [];
  private readonly servers: number[] = [];
  private readonly next: number[] = [];
  /** When the pod changed because of which the slice was written; −1: unknown. */
  private readonly triggered: number[] = [];
  /** By node. */
  private readonly lastFull: Float64Array;

  constructor(configuration: KubeProxyConfiguration, costs: KubeProxyCosts, nodes: number, skipsLargeFullSyncs: boolean, randomness: Randomness) {
    this.configuration = configuration;
    this.costs = costs;
    this.idle = idlePeriod(configuration);
    this.skipsLargeFullSyncs = skipsLargeFullSyncs;
    this.draws = new DrawCursor(randomness.keyed('kube-proxy/run'));
    this.places = randomness.keyed('kube-proxy/place');
    this.lastFull = new Float64Array(nodes);
  }

  /** Name under which kube-proxy counts syncs that failed (pkg/proxy/metrics). */
  get failureMetric(): string {
    const { mode } = this.configuration;
    return mode === 'nftables' ? 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total' : 'kubeproxy_sync_proxy_rules_iptables_restore_failures_total';
  }

  /** When the newest run of a node ended before the simulation began: the proxies have been started at different times. */
  before(node: number): Time {
    const time = -Math.floor(this.places.uniform(node, 0) * this.idle);
    this.lastFull[node] = time;
    return time;
  }

  /** The proxy of a node starts anew, or a sync of it has failed: its next sync writes everything. */
  restarted(node: number): void {
    this.lastFull[node] = Number.NEGATIVE_INFINITY;
  }

  /** Forgets what was measured. */
  reset(): void {
    this.sync = new LogHistogram();
    this.programming = new LogHistogram();
  }

  /** A Service has changed: `versions` ends with what it is now. */
  append(position: number, versions: readonly ServiceVersion[], servers: number, triggered: Time): void {
    const now = versions[versions.length - 1]!;
    const before = versions[versions.length - 2];
    const ports = portsOf(now);
    const endpoints = ports * endpointsOf(now);
    const hadPorts = before === undefined ? 0 : portsOf(before);
    const had = before === undefined ? 0 : hadPorts * endpointsOf(before);
    const last = position - 1;
    this.services.push((this.services[last] ?? 0) + (ports > 0 ? 1 : 0) - (hadPorts > 0 ? 1 : 0));
    this.ports.push((this.ports[last] ?? 0) + ports - hadPorts);
    this.endpoints.push((this.endpoints[last] ?? 0) + endpoints - had);
    this.ownPorts.push(ports);
    this.ownEndpoints.push(endpoints);
    this.servers.push(servers * Math.max(1, ports));
    this.next.push(NONE);
    this.triggered.push(triggered);
    if (before !== undefined) this.next[before.position] = position;
  }

  /** A run that applies the changes [from, to) of the log starts on a node; returns when it ends. `count`: its number; `fails`: it applies nothing. */
  run(node: number, count: number, start: Time, from: number, to: number, fails = false): Time {
    const totals = { services: this.services[to - 1] ?? 0, ports: this.ports[to - 1] ?? 0, endpoints: this.endpoints[to - 1] ?? 0 };
    const changes = { ports: 0, endpoints: 0, servers: 0 };
    for (let position = from; position < to; position++) {
      changes.servers += this.servers[position]!;
      if (this.next[position]! < to) continue;
      changes.ports += this.ownPorts[position]!;
      changes.endpoints += this.ownEndpoints[position]!;
    }
    const { mode } = this.configuration;
    const large = this.skipsLargeFullSyncs && totals.endpoints > LARGE_CLUSTER_ENDPOINTS && this.lastFull[node]! > Number.NEGATIVE_INFINITY;
    const full = mode === 'iptables' && !large && start - this.lastFull[node]! >= FULL_SYNC_PERIOD;
    if (full) this.lastFull[node] = start;
    const median = syncDuration(mode, this.costs, totals, changes, full);
    const { spread } = this.costs;
    const duration = spread === 0 ? median : this.draws.sample({ kind: 'lognormal', median, sigma: spread }, node, (count & 0xffffff) * 64);
    const end = start + Math.round(duration);
    this.sync.observe(end - start);
    if (fails) {
      this.restarted(node);
      return end;
    }
    for (let position = from; position < to; position++) {
      const triggered = this.triggered[position]!;
      if (triggered >= 0) this.programming.observe(end - triggered);
    }
    return end;
  }

  /** What the rules of a node add to the first packet of a connection; `applied`: log position below which it knows all. */
  lookup(node: number, service: number, applied: number): Duration {
    const { mode } = this.configuration;
    // kube-proxy writes the Services in no particular order (it walks a Go map).
    const position = mode === 'iptables' ? this.places.uniform(node, 1 + service) * (this.services[applied - 1] ?? 0) : 0;
    return Math.round(lookupDuration(mode, this.costs, position));
  }
}

function portsOf({ rules }: ServiceVersion): number {
  return rules === null || rules.ignored ? 0 : rules.ports;
}

function endpointsOf({ slices }: ServiceVersion): number {
  let endpoints = 0;
  for (const slice of slices) endpoints += slice.endpoints.length;
  return endpoints;
}
