import type { DnsSummary, LatencySummary, NetworkMetrics } from '../analysis/result.js';
import { NO_LATENCY } from '../analysis/latency.js';
import { COREDNS_REQUEST_DURATION, NETWORK_PROGRAMMING_DURATION, SYNC_PROXY_RULES_DURATION } from '../metrics/network-families.js';
import { labelText } from '../metrics/histograms.js';
import type { LogHistogram } from '../stats/index.js';
import type { ClusterDns } from '../workload/dns.js';
import type { ScrapeSink } from './api-scrape.js';
import type { SimulatedCluster } from './simulated-cluster.js';

const SECOND = 1e9;

/** What the kube-proxies of all nodes show together (one series each, as a scrape of each node would be thousands), and CoreDNS. */
export function scrapeNetwork({ proxies, workload }: SimulatedCluster, sink: ScrapeSink): void {
  const runs = proxies.runsByMode;
  if (runs !== null) {
    proxies.catchUp();
    const labels = labelText({ job: 'kube-proxy', ip_family: 'IPv4' });
    sink.latencies(SYNC_PROXY_RULES_DURATION, labels, runs.sync);
    sink.latencies(NETWORK_PROGRAMMING_DURATION, labels, runs.programming);
    if (proxies.mayFail) sink.value(runs.failureMetric, labels, proxies.failedSyncs);
  }
  if (workload.dns === null) return;
  const { request, served, forwarded } = workload.dns.metrics;
  const labels = labelText({ job: 'coredns', server: 'dns://:53' });
  sink.value('coredns_dns_requests_total', labels, served);
  sink.value('coredns_forward_requests_total', labels, forwarded);
  sink.latencies(COREDNS_REQUEST_DURATION, labels, request);
}

/** The network's part of a run's figures; empty when nothing of it is configured. */
export function networkMetrics({ proxies, workload }: SimulatedCluster): { readonly network?: NetworkMetrics } {
  const runs = proxies.runsByMode;
  const { dns } = workload;
  if (runs === null && dns === null) return {};
  proxies.catchUp();
  return {
    network: {
      ...(runs === null ? {} : { proxySync: latencySummary(runs.sync), programming: latencySummary(runs.programming), ...(proxies.mayFail ? { proxySyncFailures: proxies.failedSyncs } : {}) }),
      ...(dns === null ? {} : { dns: dnsSummary(dns) }),
    },
  };
}

function dnsSummary({ metrics }: ClusterDns): DnsSummary {
  const { lookups, failed, queries, served, forwarded, timeouts, duration } = metrics;
  return { lookups, failed, queries, served, forwarded, timeouts, latency: latencySummary(duration) };
}

/** Quantiles of a histogram of nanoseconds, in seconds. */
function latencySummary(histogram: LogHistogram): LatencySummary {
  if (histogram.count === 0) return NO_LATENCY;
  const at = (p: number): number => histogram.quantile(p) / SECOND;
  return { count: histogram.count, mean: histogram.mean / SECOND, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: histogram.maximum / SECOND };
}
