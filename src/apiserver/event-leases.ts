import { EtcdError } from '../etcd/errors.js';
import { PrometheusHistogram } from '../etcd/metrics.js';
import type { EtcdClient, EtcdReceiver, EtcdResponse } from '../etcd/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { type Duration, SECOND, type Time } from '../kernel/time.js';

/** Default of kube-apiserver's --event-ttl. */
export const EVENT_TTL: Duration = 3600e9;
/** Longest run, warm start aside, in which no event is old enough to go. */
const SHORT_RUN: Duration = EVENT_TTL / 2;

/** --event-ttl of a run that does not say: one hour, or none where no event would live to see its end and leases would change nothing. */
export function defaultEventTtl(runDuration: Duration): Duration {
  return runDuration > SHORT_RUN ? EVENT_TTL : 0;
}

/** A lease is given to the events of so long a time, at most this share of the time they live, and to so many of them (etcd3/lease_manager.go). */
const REUSE_SECONDS = 60;
const REUSE_SHARE = 0.05;
const MAXIMUM_OBJECTS = 1000;
/** Buckets of etcd_lease_object_counts (etcd3/metrics). */
const LEASE_OBJECTS = Float64Array.of(10, 50, 100, 500, 1000, 2500, 5000);
/** Leases of one life of a process, and lives of one server, in the numbers of leases. */
const LEASES = 1e6;
const LIVES = 1024;

/** Told when a call may write its event. */
export interface LeaseOwner {
  /** `error`: etcd has granted no lease; empty: it has. */
  leaseReady(slot: number, lease: number, error: string): void;
}

/**
 * The leases by which etcd forgets events after --event-ttl (k8s.io/apiserver pkg/storage/etcd3/lease_manager.go): events of a minute
 * share one, so that an event lives up to a minute longer. While a lease is asked for, writers of events wait.
 */
export class EventLeases implements EtcdReceiver {
  private readonly simulation: Simulation;
  private readonly etcd: EtcdClient;
  private readonly owner: LeaseOwner;
  private readonly server: number;
  /** Seconds that events live, and that a lease is given to new ones. */
  private readonly ttl: number;
  private readonly reuse: number;
  private life = 0;
  private granted = 0;
  /** The lease in use, when it ends, and how many events it was given to. */
  private lease = 0;
  private expires: Time = 0;
  private attached = 0;
  /** Events that leases were given to, counted when the next one comes (etcd_lease_object_counts). */
  readonly objects = new PrometheusHistogram(LEASE_OBJECTS);
  /** Slots of calls that wait for the lease that was asked for. */
  private waiting: number[] = [];
  private asked: Time = -1;

  /** `etcd`: the cluster that keeps events. */
  constructor(simulation: Simulation, etcd: EtcdClient, server: number, ttl: Duration, owner: LeaseOwner) {
    this.simulation = simulation;
    this.etcd = etcd;
    this.server = server;
    this.owner = owner;
    this.ttl = Math.floor(ttl / SECOND);
    this.reuse = Math.min(REUSE_SECONDS, Math.floor(REUSE_SHARE * this.ttl));
  }

  /** A call writes an event: it is told the lease, at once or when there is one. */
  take(slot: number): void {
    if (this.asked >= 0) {
      this.waiting.push(slot);
      return;
    }
    const now = this.simulation.now;
    const end = now + this.ttl * SECOND;
    this.attached++;
    if (end < this.expires && end + this.reuse * SECOND > this.expires && this.attached <= MAXIMUM_OBJECTS) {
      this.owner.leaseReady(slot, this.lease, '');
      return;
    }
    this.waiting.push(slot);
    this.asked = now;
    this.granted++;
    this.etcd.request({ op: 'leaseGrant', id: this.nextId(), ttlSeconds: this.ttl + this.reuse }, this, this.life);
  }

  private nextId(): number {
    return (this.server * LIVES + (this.life % LIVES)) * LEASES + this.granted;
  }

  etcdResponse(life: number, { error = '' }: EtcdResponse): void {
    if (life !== this.life) return;
    const { waiting } = this;
    this.waiting = [];
    const first = waiting.shift()!;
    // A grant whose answer was lost has been carried out: its lease is as good as a new one.
    if (error === '' || error === EtcdError.LeaseExists) {
      this.lease = this.nextId();
      this.expires = this.asked + (this.ttl + this.reuse) * SECOND;
      this.objects.observeValue(this.attached);
      this.attached = 1;
      this.asked = -1;
      this.owner.leaseReady(first, this.lease, '');
    } else {
      this.asked = -1;
      this.owner.leaseReady(first, 0, error);
    }
    for (const slot of waiting) this.take(slot);
  }

  /** The process died: who waited is gone. */
  reset(): void {
    this.life++;
    this.granted = 0;
    this.expires = 0;
    this.waiting = [];
    this.asked = -1;
  }
}
