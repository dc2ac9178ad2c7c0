import type { HistogramFamily } from './histograms.js';

/** The metrics of kube-proxy (pkg/proxy/metrics) and CoreDNS (plugin/metrics), as far as the model measures them. */

/** `count` bounds from `first`, `width` apart: client_golang's LinearBuckets. */
function linear(first: number, width: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i * width);
}

/** `count` bounds from `first`, each twice the one before. */
function doubling(first: number, count: number): number[] {
  const bounds = [first];
  while (bounds.length < count) bounds.push(bounds[bounds.length - 1]! * 2);
  return bounds;
}

export const SYNC_PROXY_RULES_DURATION: HistogramFamily = {
  name: 'kubeproxy_sync_proxy_rules_duration_seconds',
  help: 'SyncProxyRules latency in seconds',
  bounds: doubling(0.001, 15),
};

export const NETWORK_PROGRAMMING_DURATION: HistogramFamily = {
  name: 'kubeproxy_network_programming_duration_seconds',
  help: 'In Cluster Network Programming Latency in seconds',
  bounds: [...linear(0.25, 0.25, 2), ...linear(1, 1, 59), ...linear(60, 5, 12), ...linear(120, 30, 7)],
};

/** The whole of a resolver's look-up is not exported by CoreDNS; this is one query at one server. */
export const COREDNS_REQUEST_DURATION: HistogramFamily = {
  name: 'coredns_dns_request_duration_seconds',
  help: 'Histogram of the time (in seconds) each request took per zone.',
  bounds: doubling(0.00025, 16),
};

export const NETWORK_HISTOGRAMS: readonly HistogramFamily[] = [
  SYNC_PROXY_RULES_DURATION,
  NETWORK_PROGRAMMING_DURATION,
  COREDNS_REQUEST_DURATION,
];
