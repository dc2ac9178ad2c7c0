import type { Watching, WatchMessage } from '../chaos/watching.js';
import { Checker } from './checker.js';

/** Ordered: a watch, resumed ones included, is told events in the order of their revisions. */
export class WatchOrdered extends Checker {
  readonly name = 'watch ordered';
  private readonly last = new Map<Watching, number>();

  override told(watch: Watching, message: WatchMessage): void {
    if (message.kind !== 'events') return;
    for (const { kv } of message.events) {
      const last = this.last.get(watch) ?? 0;
      if (kv.modRevision < last) this.fail(`${watch.name} is told revision ${kv.modRevision} after ${last}`);
      this.last.set(watch, kv.modRevision);
    }
  }
}
