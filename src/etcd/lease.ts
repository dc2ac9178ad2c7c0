/** One lease: its keys die with it. */
export interface Lease {
  readonly id: number;
  readonly ttlSeconds: number;
  readonly keys: LeaseKeys;
}

/** So many keys that are gone may stay in the list with few others. */
const SLACK = 16;

/**
 * The keys of a lease: a set of which most keys stay until the lease ends, so that a list, and those of it that are gone, take the least
 * room.
 */
export class LeaseKeys {
  private list: string[] = [];
  /** Keys in the list that were removed; null: none. */
  private gone: Set<string> | null = null;

  get size(): number {
    return this.list.length - (this.gone === null ? 0 : this.gone.size);
  }

  /** Adds a key that is not in the set. */
  add(key: string): void {
    if (this.gone === null || !this.gone.delete(key)) this.list.push(key);
  }

  /** Removes a key of the set. */
  delete(key: string): void {
    const gone = (this.gone ??= new Set());
    gone.add(key);
    if (gone.size * 2 <= this.list.length + SLACK) return;
    this.list = [...this];
    this.gone = null;
  }

  *[Symbol.iterator](): Iterator<string> {
    const { gone } = this;
    for (const key of this.list) if (gone === null || !gone.has(key)) yield key;
  }
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
    this.leases.set(id, { id, ttlSeconds: Math.max(ttlSeconds, MINIMUM_LEASE_TTL_SECONDS), keys: new LeaseKeys() });
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

  /** A key that the lease does not have becomes one of its keys. */
  attach(id: number, key: string): void {
    this.leases.get(id)?.keys.add(key);
  }

  /** A key of the lease is its own no more. */
  detach(id: number, key: string): void {
    this.leases.get(id)?.keys.delete(key);
  }

  /** All leases in order of grant. */
  list(): { readonly id: number; readonly ttlSeconds: number }[] {
    return [...this.leases.values()].map((lease) => ({ id: lease.id, ttlSeconds: lease.ttlSeconds }));
  }
}
