/** One lease: its keys die with it. */
export interface Lease {
  readonly id: number;
  readonly ttlSeconds: number;
  readonly keys: Set<string>;
}

/** etcd's minimum TTL: ceil(1.5 x election timeout) with the default of 1 s (server.go, NewLessor). */
export const MINIMUM_LEASE_TTL_SECONDS = 2;

/**
 * The leases of a store. Which leases exist and which keys they hold follows from the log; when they expire is known to the
 * leader alone (`LeaseClock`).
 */
export class Lessor {
  private readonly leases = new Map<number, Lease>();

  get count(): number {
    return this.leases.size;
  }

  has(id: number): boolean {
    return this.leases.has(id);
  }

  /** Time to live of a lease; undefined when it does not exist. */
  ttlSeconds(id: number): number | undefined {
    return this.leases.get(id)?.ttlSeconds;
  }

  /** False: the lease exists already. */
  grant(id: number, ttlSeconds: number): boolean {
    if (this.leases.has(id)) return false;
    this.leases.set(id, { id, ttlSeconds: Math.max(ttlSeconds, MINIMUM_LEASE_TTL_SECONDS), keys: new Set() });
    return true;
  }

  /** Removes a lease; null when there is no such lease. */
  revoke(id: number): Lease | null {
    const lease = this.leases.get(id);
    if (lease === undefined) return null;
    this.leases.delete(id);
    return lease;
  }

  /** Takes `revoke` back. */
  restore(lease: Lease): void {
    this.leases.set(lease.id, lease);
  }

  attach(id: number, key: string): void {
    this.leases.get(id)?.keys.add(key);
  }

  detach(id: number, key: string): void {
    this.leases.get(id)?.keys.delete(key);
  }

  /** All leases in order of grant. */
  list(): { readonly id: number; readonly ttlSeconds: number }[] {
    return [...this.leases.values()].map((lease) => ({ id: lease.id, ttlSeconds: lease.ttlSeconds }));
  }
}
