import type { EtcdClient, EtcdReceiver, EtcdRequest, EtcdWatchReceiver } from './types.js';

/** Keys that are kept in a cluster of their own. */
export interface Route {
  /** All keys that begin with it. */
  readonly prefix: string;
  readonly client: EtcdClient;
}

/**
 * The etcd clients of a process that keeps some keys in clusters of their own (kube-apiserver's --etcd-servers-overrides): each
 * request goes to the cluster that has its keys, by the key or the prefix asked for; what names no key goes to the main one.
 */
export class RoutedClient implements EtcdClient {
  readonly clusters: readonly EtcdClient[];
  private readonly main: EtcdClient;
  private readonly routes: readonly Route[];

  constructor(main: EtcdClient, routes: readonly Route[]) {
    this.main = main;
    this.routes = routes;
    this.clusters = [...new Set([main, ...routes.map(({ client }) => client)])];
  }

  /** The client of the cluster that has a key. */
  clientFor(key: string): EtcdClient {
    const { routes } = this;
    for (let i = 0; i < routes.length; i++) if (key.startsWith(routes[i]!.prefix)) return routes[i]!.client;
    return this.main;
  }

  request(request: EtcdRequest, receiver: EtcdReceiver, tag: number): void {
    const client = 'key' in request ? this.clientFor(request.key) : this.main;
    client.request(request, receiver, tag);
  }

  requestProgress(): void {
    for (const client of this.clusters) client.requestProgress?.();
  }

  watch(prefix: string, startRevision: number, receiver: EtcdWatchReceiver, tag: number): void {
    this.clientFor(prefix).watch(prefix, startRevision, receiver, tag);
  }
}
