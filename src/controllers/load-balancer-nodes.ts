import { includedInLoadBalancers, takesLoadBalancerTraffic } from '../api/balanced-nodes.js';
import type { Node } from '../api/core.js';
import type { ProcessContext } from '../client/context.js';
import type { ResourceEventHandler, WorkQueue, WorkQueueConsumer } from '../client/types.js';
import type { Duration } from '../kernel/time.js';

/** Names of nodes with their provider ids; never changed once given out. */
export type Backends = ReadonlyMap<string, string>;

/** Told of load balancers that send to other nodes now. */
export interface BackendListener {
  /** The load balancer of a Service has new nodes; `nodes`: how many. */
  backendsUpdated(key: string, nodes: number): void;
}

/**
 * The nodes that load balancers send to (service/controller.go syncNodes). A node that comes, goes, or whose exclusion label or provider
 * id changes has all load balancers brought up to date, one node after the other; readiness does not matter, nor does a taint of the
 * cluster autoscaler until something else does (KEP-3458). The resync of nodes every 100 s finds nothing that these events have not told.
 */
export class LoadBalancerNodes implements ResourceEventHandler<Node>, WorkQueueConsumer {
  private readonly listener: BackendListener;
  private readonly queue: WorkQueue;
  /** Nodes that a load balancer would get now, in order of appearance, with their provider ids. */
  private readonly stable = new Map<string, string>();
  /** The same, as of now and for good; null: to be copied anew. */
  private copy: Backends | null = null;
  /** By Service: what its load balancer was last given. */
  private readonly given = new Map<string, Backends>();

  constructor(context: ProcessContext, listener: BackendListener, minimumRetry: Duration, maximumRetry: Duration) {
    this.listener = listener;
    this.queue = context.workQueue('node', this, minimumRetry, maximumRetry);
    context.informers.informer<Node>('nodes').addEventHandler(this);
  }

  /** The nodes that the load balancer of a Service sends to; undefined: it has not been given any. */
  backendsOf(key: string): Backends | undefined {
    return this.given.get(key);
  }

  /** The load balancer of a Service is being made, or made anew; returns how many nodes it gets. */
  give(key: string): number {
    const { current } = this;
    this.given.set(key, current);
    return current.size;
  }

  /** The load balancer of a Service has gone. */
  forget(key: string): void {
    this.given.delete(key);
  }

  private get current(): Backends {
    this.copy ??= new Map(this.stable);
    return this.copy;
  }

  onAdd(node: Node): void {
    this.note(node);
    this.queue.add(node.metadata.name);
  }

  onUpdate(old: Node, node: Node): void {
    this.note(node);
    // shouldSyncUpdatedNode
    if (includedInLoadBalancers(old) !== includedInLoadBalancers(node) || providerOf(old) !== providerOf(node)) this.queue.add(node.metadata.name);
  }

  onDelete(node: Node): void {
    if (this.stable.delete(node.metadata.name)) this.copy = null;
    this.queue.add(node.metadata.name);
  }

  private note(node: Node): void {
    const { name } = node.metadata;
    if (!takesLoadBalancerTraffic(node)) {
      if (this.stable.delete(name)) this.copy = null;
      return;
    }
    const provider = providerOf(node);
    if (this.stable.get(name) === provider) return;
    this.stable.set(name, provider);
    this.copy = null;
  }

  workAvailable(): void {
    for (let node = this.queue.get(); node !== undefined; node = this.queue.get()) {
      const { current } = this;
      for (const [key, nodes] of this.given) {
        this.given.set(key, current);
        if (!sameBackends(nodes, current)) this.listener.backendsUpdated(key, current.size);
      }
      this.queue.forget(node);
      this.queue.done(node);
    }
  }
}

function providerOf({ spec }: Node): string {
  return spec.providerID ?? '';
}

/** nodesSufficientlyEqual. */
function sameBackends(a: Backends, b: Backends): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [name, provider] of a) if (b.get(name) !== provider) return false;
  return true;
}
