import { keyOf, type KubernetesObject } from '../api/meta.js';
import type { ProcessContext } from '../client/context.js';
import type { ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type DistributionSpec, sample } from '../random/distribution.js';
import type { Stream } from '../random/stream.js';
import type { TrafficSplit, TrafficSplits } from '../workload/splits.js';
import { splitOf } from './routes.js';

/** Resources whose objects divide traffic. */
export const ROUTE_RESOURCES = ['httproutes', 'virtualservices', 'trafficsplits'] as const;

const OP_APPLY = 1;

/** A route that has changed and is on its way to the proxies. */
interface Pending {
  readonly key: string;
  readonly service: string;
  readonly split: TrafficSplit | undefined;
}

/**
 * The control plane of a mesh or gateway (istiod, linkerd, a Gateway controller): watches routes, and after the time that its
 * proxies need to hear of them requests are divided as they say. Routes are applied in the order in which they changed.
 */
export class Mesh implements Component, ResourceEventHandler<KubernetesObject> {
  readonly name = 'mesh';
  private readonly simulation: Simulation;
  private readonly splits: TrafficSplits;
  private readonly propagation: DistributionSpec;
  private readonly draws: Stream;
  private readonly target: number;
  private readonly pending: Pending[] = [];
  /** Service that each route divides. */
  private readonly services = new Map<string, string>();
  private lastAt = 0;

  constructor(context: ProcessContext, splits: TrafficSplits) {
    this.simulation = context.simulation;
    this.splits = splits;
    this.propagation = context.profile.routes?.propagation ?? { kind: 'constant', value: 0 };
    this.draws = context.randomness.stream('mesh/propagation');
    this.target = context.simulation.add(this);
    for (const resource of ROUTE_RESOURCES) context.informers.informer(resource).addEventHandler(this);
  }

  onAdd(route: KubernetesObject): void {
    this.changed(route, splitOf(route));
  }

  onUpdate(_old: KubernetesObject, route: KubernetesObject): void {
    this.changed(route, splitOf(route));
  }

  onDelete(route: KubernetesObject): void {
    this.changed(route, undefined);
  }

  private changed(route: KubernetesObject, found: ReturnType<typeof splitOf>): void {
    const key = `${route.kind}/${keyOf(route)}`;
    const service = found?.service ?? this.services.get(key);
    if (service === undefined) return;
    this.services.set(key, service);
    const at = Math.max(this.lastAt, this.simulation.now + sample(this.propagation, this.draws));
    this.lastAt = at;
    this.pending.push({ key, service, split: found?.split });
    this.simulation.scheduleAt(at, this.target, OP_APPLY);
  }

  describe(): string {
    return 'a route reaches the proxies';
  }

  handle(): void {
    const { service, split } = this.pending.shift()!;
    this.splits.set(service, split);
  }
}
