import type { Watching, WatchMessage } from '../chaos/watching.js';
import { Checker } from './checker.js';

/** Unique: no event comes twice. */
export class WatchUnique extends Checker {
  readonly name = 'watch unique';
  private readonly seen = new Map<Watching, Set<string>>();

  override told(watch: Watching, message: WatchMessage): void {
    if (message.kind !== 'events') return;
    const seen = this.seen.get(watch) ?? new Set();
    this.seen.set(watch, seen);
    for (const { kv } of message.events) {
      const key = `${kv.modRevision} ${kv.key}`;
      if (seen.has(key)) this.fail(`${watch.name} is told twice of ${kv.key} at revision ${kv.modRevision}`);
      seen.add(key);
    }
  }
}
