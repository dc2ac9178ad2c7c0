import { SECOND, type Duration, type Time } from '../kernel/time.js';
import { type Ingress, IngressTable, type Route } from '../network/ingress-rules.js';
import { DrawCursor } from '../node/draws.js';
import type { DistributionSpec } from '../random/distribution.js';
import { hashText, type Randomness } from '../random/stream.js';
import type { PodServer } from './pod-server.js';

/** ingress-nginx syncs at most 0.3 times a second (--sync-rate-limit). */
export const INGRESS_SYNC_PERIOD: Duration = Math.round(SECOND / 0.3);
/** No version of the table. */
const NONE = -1;

/** The Ingresses from an instant on. */
class Version {
  readonly time: Time;
  ingresses: readonly Ingress[];
  private built: IngressTable | null = null;

  constructor(time: Time, ingresses: readonly Ingress[]) {
    this.time = time;
    this.ingresses = ingresses;
  }

  get table(): IngressTable {
    this.built ??= new IngressTable(this.ingresses);
    return this.built;
  }
}

/** What one pod of the controller works by. */
class Instance {
  applied = NONE;
  /** The version that it is reloading to, and when that is over. */
  next = NONE;
  reloadEnd: Time = 0;
  lastSync: Time = Number.NEGATIVE_INFINITY;
  syncs = 0;
}

/**
 * The pods of an ingress controller: each watches Ingresses, syncs and reloads by itself, the first time when it starts. Their syncs are
 * replayed when a request asks.
 */
export class IngressPods {
  private readonly reload: DistributionSpec;
  private readonly draws: DrawCursor;
  private readonly versions: Version[] = [];
  private readonly instances = new Map<string, Instance>();

  constructor(randomness: Randomness, reload: DistributionSpec) {
    this.reload = reload;
    this.draws = new DrawCursor(randomness.keyed('ingress-controller/pods'));
  }

  /** The Ingresses have changed. */
  changed(now: Time, ingresses: readonly Ingress[]): void {
    const last = this.versions[this.versions.length - 1];
    if (last?.time === now) this.versions.pop();
    this.versions.push(new Version(now, ingresses));
  }

  /** Where a request that one pod has read goes now; undefined: 404. */
  route({ uid, started }: PodServer, now: Time, host: string, path: string): Route | undefined {
    let instance = this.instances.get(uid);
    if (instance === undefined) this.instances.set(uid, (instance = new Instance()));
    this.advance(instance, uid, started, now);
    return instance.applied === NONE ? undefined : this.versions[instance.applied]!.table.route(host, path);
  }

  private advance(instance: Instance, uid: string, started: Time, now: Time): void {
    for (;;) {
      if (instance.next !== NONE) {
        if (instance.reloadEnd > now) return;
        instance.applied = instance.next;
        instance.next = NONE;
      }
      const unseen = this.versions[instance.applied + 1];
      if (unseen === undefined) return;
      const start = Math.max(unseen.time, started, instance.lastSync + INGRESS_SYNC_PERIOD);
      if (start > now) return;
      let newest = instance.applied + 1;
      while (newest + 1 < this.versions.length && this.versions[newest + 1]!.time <= start) newest++;
      instance.next = newest;
      instance.lastSync = start;
      instance.reloadEnd = start + Math.round(this.draws.sample(this.reload, hashText(uid), 64 * instance.syncs++));
    }
  }
}
