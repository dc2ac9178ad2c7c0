import type { Watching, WatchMessage } from '../chaos/watching.js';
import type { World } from '../chaos/world.js';
import { Checker } from './checker.js';
import { sameEvents } from './revisions.js';

/** Reliable: between the start of a watch and the last event it was told nothing is missing, and what it was told is what happened. */
export class WatchReliable extends Checker {
  readonly name = 'watch reliable';
  private readonly through = new Map<Watching, number>();

  override told(watch: Watching, message: WatchMessage, { truth }: World): void {
    if (message.kind === 'open') this.through.set(watch, message.start - 1);
    if (message.kind !== 'events') return;
    const { events, revision } = message;
    const last = events[events.length - 1]!.kv.modRevision;
    if (revision < last) this.fail(`${watch.name} is told of ${last} and that it is at ${revision}`);
    const fresh = events.filter(({ kv }) => kv.modRevision > this.through.get(watch)!);
    const expected = truth.between(watch.prefix, this.through.get(watch)! + 1, revision);
    // Repetitions are for another checker to find.
    if (!sameEvents(fresh, expected))
      this.fail(
        `${watch.name} is told ${fresh.length} events up to ${revision}, of ${expected.length} after ${this.through.get(watch)}`,
      );
    this.through.set(watch, Math.max(revision, this.through.get(watch)!));
  }
}
