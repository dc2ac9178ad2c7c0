import type { Pod, Service } from '../api/core.js';
import type { Duration } from '../kernel/time.js';
import type { EndpointSlice } from '../api/workloads.js';
import type { ApiRequest } from './request.js';
import type { WatchRecord } from './watch-cache.js';

/** A dead connection is noticed by HTTP/2 health checks: read idle 30 s and ping 15 s (client-go transport, x/net/http2). */
export const DEAD_CONNECTION: Duration = 45e9;

/** The far end of a watch: an informer's reflector, connected to one API server. */
export interface Watcher {
  readonly resource: string;
  /** `namespace/name` of the only object it asked for (field selector metadata.name); absent: all. */
  readonly key?: string | undefined;
  readonly host: number;
  /** Whose connection it shares; absent: one of its own. */
  readonly user?: string;
  /** Number of the API server it is connected to; −1 when none. */
  server: number;
  /** Revision up to which it has been told everything: only later changes are delivered, whichever server they come from. */
  revision: number;
  /** A change has arrived, later than all before. */
  watchEvent(record: WatchRecord): void;
  /** The connection broke. */
  watchLost(): void;
}

/** How the opening of a watch ends: it flows; no server could be reached; the revision is too old there (410). */
export type WatchOpening = 'watching' | 'unreachable' | 'expired';

/** The kubelets and kube-proxies of all nodes: thousands of watchers that are served together. */
export interface NodeFleet {
  readonly size: number;
  /** Index of a node by name; undefined for a node without a kubelet in this simulation. */
  indexOf(nodeName: string): number | undefined;
  /** Whether a node has a kubelet and a kube-proxy that watch; absent: all have. */
  watches?(node: number): boolean;
  hostOf(node: number): number;
  nameOf(node: number): string;
  /** A change of a pod bound to the node has reached its kubelet. */
  podChanged(node: number, pod: Pod): void;
  podRemoved(node: number, pod: Pod): void;
  /** A new list has reached the kubelet: these are all pods of its node. */
  podsListed(node: number, pods: readonly Pod[]): void;
  /** A change has reached the kube-proxies (each adds its own delay). */
  endpointSliceChanged(slice: EndpointSlice, removed: boolean): void;
  serviceChanged(service: Service, removed: boolean): void;
  /** A watch of the node's kube-proxy is broken: what changes from now on does not reach it. */
  proxyDisconnected?(node: number): void;
  /** Both watches of the node's kube-proxy are open: it knows what it has missed. */
  proxyConnected?(node: number): void;
}

/** Sees every change once, when the first API server learns it: an observer outside the model, which costs nothing. */
export interface ChangeObserver {
  changed(record: WatchRecord): void;
}

/** Sees every answered request, as an audit log does: an observer outside the model, which costs nothing. */
export interface RequestAuditor {
  answered(user: string, request: ApiRequest, code: number): void;
}
