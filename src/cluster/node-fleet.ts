import type { Node, Pod, Service } from '../api/core.js';
import type { EndpointSlice } from '../api/workloads.js';
import type { NodeFleet } from '../apiserver/connections.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Kubelets } from '../node/kubelets.js';
import { isKwokNode } from '../node/kwok/stage.js';
import type { KubeProxies } from '../node/kube-proxy.js';

/** The nodes as the API servers see them: hands watch events on to kubelets and kube-proxies. */
export class Fleet implements NodeFleet {
  readonly size: number;
  private readonly simulation: Simulation;
  private readonly indexes = new Map<string, number>();
  private readonly hosts: readonly number[];
  private readonly names: readonly string[];
  private readonly watching: boolean[];
  private readonly kubelets: Kubelets;
  private readonly proxies: KubeProxies;

  constructor(
    simulation: Simulation,
    nodes: readonly Node[],
    hosts: readonly number[],
    kubelets: Kubelets,
    proxies: KubeProxies,
    absent: ReadonlySet<string>,
  ) {
    this.simulation = simulation;
    this.size = nodes.length;
    this.hosts = hosts;
    this.names = nodes.map((node) => node.metadata.name);
    this.watching = nodes.map((node) => !isKwokNode(node) && !absent.has(node.metadata.name));
    this.kubelets = kubelets;
    this.proxies = proxies;
    // KWOK's nodes have neither a kubelet nor a kube-proxy that watches.
    nodes.forEach((node, i) => {
      if (!isKwokNode(node)) this.indexes.set(node.metadata.name, i);
    });
  }

  indexOf(nodeName: string): number | undefined {
    return this.indexes.get(nodeName);
  }

  watches(node: number): boolean {
    return this.watching[node]!;
  }

  /** A machine that was not there at the start is now: its kubelet and kube-proxy watch. */
  joined(node: number): void {
    this.watching[node] = true;
  }

  hostOf(node: number): number {
    return this.hosts[node]!;
  }

  nameOf(node: number): string {
    return this.names[node]!;
  }

  podChanged(node: number, pod: Pod): void {
    this.kubelets.podChanged(node, pod);
  }

  podRemoved(node: number, pod: Pod): void {
    this.kubelets.podRemoved(node, pod);
  }

  podsListed(node: number, pods: readonly Pod[]): void {
    const listed = new Set(pods.map((pod) => pod.metadata.uid));
    for (const pod of this.kubelets.podsKnown(node)) {
      if (!listed.has(pod.metadata.uid)) this.podRemoved(node, pod);
    }
    for (const pod of pods) this.podChanged(node, pod);
  }

  endpointSliceChanged(slice: EndpointSlice, removed: boolean): void {
    this.proxies.endpointSliceChanged(slice, removed, this.simulation.now);
  }

  serviceChanged(service: Service, removed: boolean): void {
    this.kubelets.serviceChanged(service, removed);
    this.proxies.serviceChanged(service, removed, this.simulation.now);
  }

  proxyDisconnected(node: number): void {
    this.proxies.disconnected(node);
  }

  proxyConnected(node: number): void {
    this.proxies.connected(node);
  }
}
