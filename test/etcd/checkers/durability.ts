import type { Command } from '../../../src/etcd/command.js';
import type { Member } from '../../../src/etcd/member.js';
import type { Entry } from '../../../src/raft/index.js';
import type { World } from '../chaos/world.js';
import { Checker } from './checker.js';

/**
 * Acknowledged writes survive every crash and the loss of any minority: each is in the history of the survivors at the revision that its
 * client was told, and every acknowledged lease is there until it is revoked.
 */
export class Durability extends Checker {
  readonly name = 'durability';
  private readonly revoked = new Set<number>();

  override applied(_member: Member, { data }: Entry): void {
    const request = (data as Command | null)?.operation?.request;
    if (request?.op === 'leaseRevoke') this.revoked.add(request.id);
  }

  override finished(survivors: readonly Member[], { truth, workers, tenant }: World): void {
    for (const { operations } of workers) {
      for (const { id, kind, key, value, completed, succeeded, revision } of operations) {
        if (kind === 'get' || completed === Number.POSITIVE_INFINITY || !succeeded) continue;
        const version = truth.versionAt(key, revision);
        const kept = value === 0 ? version === null : version?.value === value && version.modRevision === revision;
        if (!kept) this.fail(`the acknowledged operation ${id} on ${key} is not in revision ${revision}`);
      }
    }
    for (const lease of tenant.granted) {
      if (this.revoked.has(lease)) continue;
      for (const { id, store } of survivors)
        if (!store.lessor.has(lease)) this.fail(`member ${id} lost the acknowledged lease ${lease}`);
    }
  }
}
