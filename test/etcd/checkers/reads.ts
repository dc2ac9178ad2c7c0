import type { Member } from '../../../src/etcd/member.js';
import type { World } from '../chaos/world.js';
import { Checker } from './checker.js';

/** Every read, with a quorum or without, shows a key as it was at the revision that it names. */
export class Reads extends Checker {
  readonly name = 'reads';

  override finished(_survivors: readonly Member[], { truth, workers }: World): void {
    for (const { operations } of workers) {
      for (const { id, kind, key, read, completed, revision } of operations) {
        if (kind !== 'get' || completed === Number.POSITIVE_INFINITY) continue;
        if (revision > truth.revision) this.fail(`read ${id} names revision ${revision}, which never came`);
        const value = truth.versionAt(key, revision)?.value ?? 0;
        if (read !== value) this.fail(`read ${id} of ${key} at revision ${revision} shows ${read} instead of ${value}`);
      }
    }
  }
}
