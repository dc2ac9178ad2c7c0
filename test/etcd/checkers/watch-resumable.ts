import type { Watching, WatchMessage } from '../chaos/watching.js';
import type { World } from '../chaos/world.js';
import { Checker } from './checker.js';

/**
 * Resumable: a watch opened from a revision on begins there, neither before nor after, and in the end has been told everything since;
 * it is refused only when that revision is compacted.
 */
export class WatchResumable extends Checker {
  readonly name = 'watch resumable';
  private readonly starts = new Map<Watching, number>();
  /** Revision of the last event. */
  private readonly last = new Map<Watching, number>();

  override told(watch: Watching, message: WatchMessage, { truth }: World): void {
    const start = this.starts.get(watch) ?? 0;
    if (message.kind === 'open') {
      this.starts.set(watch, message.start);
      this.last.set(watch, message.start - 1);
    } else if (message.kind === 'end') {
      const { compactRevision } = message;
      if (compactRevision > 0 && compactRevision <= Math.max(start, this.last.get(watch)!))
        this.fail(`${watch.name} from ${start} on ends because ${compactRevision} is compacted`);
    } else if (message.kind === 'events') {
      const first = message.events[0]!.kv.modRevision;
      if (first < start) this.fail(`${watch.name} from ${start} on is told of ${first}`);
      const missing = truth.between(watch.prefix, this.last.get(watch)! + 1, first - 1)[0];
      if (missing !== undefined && this.last.get(watch) === start - 1)
        this.fail(`${watch.name} from ${start} on begins with ${first}, not with ${missing.kv.modRevision}`);
      this.last.set(watch, message.events[message.events.length - 1]!.kv.modRevision);
    }
  }

  override settled({ truth }: World): void {
    for (const [watch, last] of this.last) {
      const missing = truth.between(watch.prefix, last + 1, truth.revision)[0];
      if (missing !== undefined) this.fail(`${watch.name} was never told of revision ${missing.kv.modRevision}`);
    }
  }
}
