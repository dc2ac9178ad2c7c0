import type { Command } from '../../../src/etcd/command.js';
import type { Member } from '../../../src/etcd/member.js';
import { SECOND } from '../../../src/kernel/time.js';
import type { Entry } from '../../../src/raft/index.js';
import type { World } from '../chaos/world.js';
import { Checker } from './checker.js';

/** server.go: no lease is shorter. */
const SHORTEST = 2;

/**
 * No lease ends before its time: a leader revokes one on its own only when the full time has passed since the grant, and since it took
 * the lead itself, for the one before may have known of a renewal. And when a lease is gone, so are its keys.
 */
export class LeaseTime extends Checker {
  readonly name = 'lease time';
  /** By id: when anyone first applied the grant, and the time it gives. */
  private readonly grants = new Map<number, { readonly at: number; readonly ttl: number }>();
  /** When each member took the lead, in order. */
  private readonly leads_ = new Map<number, number[]>();

  override leads({ index }: Member, { simulation }: World): void {
    const instants = this.leads_.get(index) ?? [];
    instants.push(simulation.now);
    this.leads_.set(index, instants);
  }

  override applied(member: Member, { data }: Entry, { simulation, tenant }: World): void {
    const command = data as Command | null;
    const request = command?.operation?.request;
    if (request?.op === 'leaseGrant') {
      const ttl = Math.max(request.ttlSeconds, SHORTEST) * SECOND;
      if (!this.grants.has(request.id)) this.grants.set(request.id, { at: simulation.now, ttl });
    } else if (request?.op === 'leaseRevoke' && !tenant.revoked.has(request.id)) {
      const grant = this.grants.get(request.id);
      if (grant === undefined) this.fail(`lease ${request.id} is revoked and was never granted`);
      const took = (this.leads_.get(command!.origin) ?? []).filter((at) => at <= command!.start).at(-1) ?? 0;
      const end = Math.max(grant.at, took) + grant.ttl;
      if (command!.start < end)
        this.fail(`etcd-${command!.origin} ends lease ${request.id} ${(end - command!.start) / SECOND} s early`);
      if (member.store.lessor.has(request.id)) this.fail(`lease ${request.id} is revoked and still there`);
    }
  }

  override finished(survivors: readonly Member[]): void {
    for (const { id, store } of survivors) {
      for (const { key, lease } of store.range('', true, 0, 0)!)
        if (lease !== 0 && !store.lessor.has(lease))
          this.fail(`member ${id} keeps ${key} of lease ${lease}, which is gone`);
    }
  }
}
