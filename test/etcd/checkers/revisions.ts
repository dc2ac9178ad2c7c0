import type { Member } from '../../../src/etcd/member.js';
import type { WatchEvent } from '../../../src/etcd/types.js';
import type { Entry } from '../../../src/raft/index.js';
import type { World } from '../chaos/world.js';
import { Checker } from './checker.js';

/**
 * Every write raises the revision by one, no matter how many keys it changes; at each index of the log revision and events are the same on
 * all members, before a crash and after it; and at the end all have the same content.
 */
export class Revisions extends Checker {
  readonly name = 'revisions';
  /** Revision after the entry of an index. */
  private readonly byIndex: number[] = [];
  private readonly own = new Map<number, number>();

  override started(member: Member): void {
    this.compare(member, member.applier.appliedIndex);
    this.own.set(member.id, member.store.revision);
  }

  override restored(member: Member): void {
    this.started(member);
  }

  override applied(member: Member, { index }: Entry, { truth }: World): void {
    const { id, store } = member;
    const before = this.own.get(id)!;
    this.own.set(id, store.revision);
    this.compare(member, index);
    if (store.revision === before) return;
    if (store.revision !== before + 1) this.fail(`member ${id} goes from revision ${before} to ${store.revision}`);
    const events = store.eventsAt(store.revision);
    if (events.length === 0) this.fail(`revision ${store.revision} of member ${id} has no events`);
    if (store.revision === truth.revision + 1) truth.add(events);
    else if (!sameEvents(events, truth.at(store.revision)))
      this.fail(`revision ${store.revision} of member ${id} is another one than elsewhere`);
  }

  override finished(survivors: readonly Member[], { truth }: World): void {
    const content = truth.content();
    for (const { id, store } of survivors) {
      if (store.revision !== truth.revision)
        this.fail(`member ${id} ends at revision ${store.revision}, others at ${truth.revision}`);
      const kvs = store.range('', true, 0, 0)!;
      const same =
        kvs.length === content.length && kvs.every((kv, i) => kv === content[i] || sameKeyValue(kv, content[i]!));
      if (!same) this.fail(`member ${id} ends with other content than others`);
    }
  }

  private compare({ id, store }: Member, index: number): void {
    const first = this.byIndex[index];
    if (first === undefined) this.byIndex[index] = store.revision;
    else if (first !== store.revision)
      this.fail(`revision ${store.revision} at index ${index} on member ${id}, ${first} before`);
  }
}

type Kv = WatchEvent['kv'];

export function sameKeyValue(left: Kv, right: Kv): boolean {
  return (
    left === right ||
    (left.key === right.key &&
      left.value === right.value &&
      left.modRevision === right.modRevision &&
      left.createRevision === right.createRevision &&
      left.version === right.version &&
      left.lease === right.lease)
  );
}

/** Whether two lists of events are the same, in order. */
export function sameEvents(left: readonly WatchEvent[], right: readonly WatchEvent[]): boolean {
  if (left === right) return true;
  return (
    left.length === right.length &&
    left.every((event, i) => event.type === right[i]!.type && sameKeyValue(event.kv, right[i]!.kv))
  );
}
