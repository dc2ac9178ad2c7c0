import type { Watching, WatchMessage } from '../chaos/watching.js';
import type { World } from '../chaos/world.js';
import { Checker } from './checker.js';

/** Atomic: the events of one revision come in one message. */
export class WatchAtomic extends Checker {
  readonly name = 'watch atomic';

  override told(watch: Watching, message: WatchMessage, { truth }: World): void {
    if (message.kind !== 'events') return;
    const counts = new Map<number, number>();
    for (const { kv } of message.events) counts.set(kv.modRevision, (counts.get(kv.modRevision) ?? 0) + 1);
    for (const [revision, count] of counts) {
      const all = truth.between(watch.prefix, revision, revision).length;
      if (count < all) this.fail(`${watch.name} is told ${count} of the ${all} events of revision ${revision}`);
    }
  }
}
