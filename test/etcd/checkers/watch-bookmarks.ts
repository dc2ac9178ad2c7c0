import type { Watching, WatchMessage } from '../chaos/watching.js';
import type { World } from '../chaos/world.js';
import { Checker } from './checker.js';

/** Bookmarks: when a watch is told its progress, it has been told everything up to that revision, and nothing up to it comes later. */
export class WatchBookmarks extends Checker {
  readonly name = 'watch bookmarks';
  private readonly told_ = new Map<Watching, number>();
  private readonly bookmarks = new Map<Watching, number>();

  override told(watch: Watching, message: WatchMessage, { truth }: World): void {
    if (message.kind === 'open') {
      this.told_.set(watch, message.start - 1);
      this.bookmarks.delete(watch);
    } else if (message.kind === 'events') {
      const bookmark = this.bookmarks.get(watch) ?? 0;
      for (const { kv } of message.events) {
        if (kv.modRevision <= bookmark)
          this.fail(`${watch.name} is told of ${kv.modRevision} after its bookmark ${bookmark}`);
        this.told_.set(watch, Math.max(kv.modRevision, this.told_.get(watch)!));
      }
    } else if (message.kind === 'progress') {
      const { revision } = message;
      const before = this.bookmarks.get(watch) ?? 0;
      if (revision < before) this.fail(`the bookmarks of ${watch.name} go back from ${before} to ${revision}`);
      const missing = truth.between(watch.prefix, this.told_.get(watch)! + 1, revision)[0];
      if (missing !== undefined)
        this.fail(`${watch.name} has a bookmark ${revision} and was not told of ${missing.kv.modRevision}`);
      this.bookmarks.set(watch, revision);
    }
  }
}
