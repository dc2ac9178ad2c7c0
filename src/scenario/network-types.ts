import type { Labels } from '../api/meta.js';
import type { Duration } from '../kernel/time.js';

/** kube-proxy's --proxy-mode. */
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

/** The DNS of the cluster, as the manifests describe it. */
export interface DnsSpec {
  /** Its Service: `kube-system/kube-dns`. */
  readonly service: { readonly namespace: string; readonly name: string };
  /** Domain of the cluster. */
  readonly domain: string;
  /** Of records of Services. */
  readonly ttl: Duration;
  /** Longest time that answers are kept by plugin cache; 0: there is none. */
  readonly success: Duration;
  readonly denial: Duration;
  /** Plugin cache keeps answers about the cluster's own names, too. Absent: it does not (newer Corefiles of kubeadm disable it). */
  readonly clusterCached?: boolean;
  /** Plugin autopath: the server walks through the search list. */
  readonly autopath: boolean;
  /** NodeLocal DNSCache runs on all nodes. */
  readonly nodeLocal: boolean;
}

/** How clients find the address of what they call. */
export interface LookupSpec {
  /** As the client gives it to its resolver. */
  readonly name: string;
  /** Namespace of the client. */
  readonly namespace: string;
  readonly ndots: number;
  /** Of one query, and how often it is asked (resolv.conf options timeout, attempts). */
  readonly timeout: Duration;
  readonly attempts: number;
  /** Each client keeps an answer for so long. Absent: not at all. */
  readonly keep?: Duration;
}

/** Pods of the cluster that send requests. */
export interface ClientSpec {
  readonly namespace: string;
  readonly selector: Labels;
}

/** Connections that are used for more than one request. */
export interface ConnectionSpec {
  /** An idle connection is closed after this long; 0: each request has a connection of its own. */
  readonly keepAlive: Duration;
  /** Requests of one connection; absent: no limit. */
  readonly maximumRequests?: number;
  /** Age at which a connection takes no more requests; absent: none. */
  readonly maximumAge?: Duration;
  /** Round trips before the first request: 1 for TCP, 2 with TLS 1.3. */
  readonly handshakes: number;
}

/** How clients enter: by the Service's address from inside, by a port of any node, or by the cloud's load balancer. */
export type ServiceEntry = 'clusterIP' | 'nodePort' | 'loadBalancer';

/** How a cloud's load balancer checks nodes. */
export interface HealthCheckSpec {
  readonly interval: Duration;
  /** Checks in a row. */
  readonly healthy: number;
  readonly unhealthy: number;
}

/** Where requests to an Ingress go. */
export interface IngressTarget {
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly path: string;
  /** Service of the controller's pods, through which requests pass. Absent: the controller is taken as one, on the node that they enter. */
  readonly controller?: { readonly namespace: string; readonly name: string };
}
