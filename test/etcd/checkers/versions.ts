import type { Member } from '../../../src/etcd/member.js';
import type { WatchEvent } from '../../../src/etcd/types.js';
import type { World } from '../chaos/world.js';
import { Checker } from './checker.js';
import { sameKeyValue } from './revisions.js';

/** Every event tells the version before it; versions count from 1 at each creation, whose revision they keep. */
export class Versions extends Checker {
  readonly name = 'versions';

  override finished(_survivors: readonly Member[], { truth }: World): void {
    const newest = new Map<string, WatchEvent['kv']>();
    for (let revision = 2; revision <= truth.revision; revision++) {
      for (const event of truth.at(revision)) {
        const { type, kv, previous } = event;
        const before = newest.get(kv.key);
        if (kv.modRevision !== revision) this.fail(`an event of revision ${revision} says ${kv.modRevision}`);
        if (
          (before === undefined) !== (previous === undefined) ||
          (before !== undefined && !sameKeyValue(before, previous!))
        )
          this.fail(`revision ${revision} of ${kv.key} tells a wrong version before`);
        if (type === 'DELETE') {
          if (before === undefined) this.fail(`revision ${revision} deletes ${kv.key}, which is not there`);
          newest.delete(kv.key);
          continue;
        }
        if (kv.version !== (before?.version ?? 0) + 1) this.fail(`version ${kv.version} of ${kv.key} at ${revision}`);
        if (kv.createRevision !== (before?.createRevision ?? revision))
          this.fail(`${kv.key} of revision ${revision} says it was created at ${kv.createRevision}`);
        newest.set(kv.key, kv);
      }
    }
  }
}
