import { keyOf } from '../api/meta.js';
import type { ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import { type Ingress, IngressTable, type Route } from '../network/ingress-rules.js';
import { DrawCursor } from '../node/draws.js';
import type { DistributionSpec } from '../random/distribution.js';
import type { Randomness } from '../random/stream.js';
import { INGRESS_SYNC_PERIOD, type IngressPods } from './ingress-pods.js';

/** A new configuration is in force. */
const OP_RELOADED = 1;

/** An ingress controller: watches Ingresses, and works by what it knew at its last reload. Changes in between are taken together. */
export class IngressController implements Component, ResourceEventHandler<Ingress> {
  readonly name = 'ingress-controller';
  /** Configurations that came into force. */
  reloads = 0;
  /** Its pods, where requests pass through them; null: it is taken as one. */
  pods: IngressPods | null = null;
  private table = new IngressTable([]);
  private readonly simulation: Simulation;
  private readonly reload: DistributionSpec;
  private readonly draws: DrawCursor;
  private readonly target: number;
  private readonly ingresses = new Map<string, Ingress>();
  private next: IngressTable | null = null;
  private changed = false;
  private lastSync: Time = Number.NEGATIVE_INFINITY;

  constructor(simulation: Simulation, randomness: Randomness, reload: DistributionSpec) {
    this.simulation = simulation;
    this.reload = reload;
    this.draws = new DrawCursor(randomness.keyed(this.name));
    this.target = simulation.add(this);
  }

  /** Where a request of a host and path goes now; undefined: 404. */
  route(host: string, path: string): Route | undefined {
    return this.table.route(host, path);
  }

  onAdd(ingress: Ingress): void {
    this.ingresses.set(keyOf(ingress), ingress);
    this.note();
  }

  onUpdate(_old: Ingress, ingress: Ingress): void {
    this.onAdd(ingress);
  }

  onDelete(ingress: Ingress): void {
    this.ingresses.delete(keyOf(ingress));
    this.note();
  }

  private note(): void {
    this.pods?.changed(this.simulation.now, [...this.ingresses.values()]);
    this.changed = true;
    if (this.next === null) this.sync();
  }

  private sync(): void {
    this.changed = false;
    const { now } = this.simulation;
    const start = Math.max(now, this.lastSync + INGRESS_SYNC_PERIOD);
    this.lastSync = start;
    this.next = new IngressTable([...this.ingresses.values()]);
    const time = Math.round(this.draws.sample(this.reload, this.reloads));
    this.simulation.scheduleAt(start + time, this.target, OP_RELOADED);
  }

  describe(): string {
    return 'an ingress controller has reloaded';
  }

  handle(): void {
    this.table = this.next!;
    this.next = null;
    this.reloads++;
    if (this.changed) this.sync();
  }
}
