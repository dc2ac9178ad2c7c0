import type { Event } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import type { Time } from '../kernel/time.js';

/** client-go tools/record/events_cache.go. */
const SPAM_BURST = 25;
const SPAM_PER_NANOSECOND = 1 / 300 / 1e9;
const AGGREGATE_MAXIMUM = 10;
const AGGREGATE_INTERVAL = 600e9;
const CACHE_SIZE = 4096;

/** An entry of a cache that drops what was used longest ago. */
abstract class Entry {
  older: Entry | null = null;
  newer: Entry | null = null;

  /** It was dropped from its cache. */
  abstract dropped(): void;
}

/** Entries in order of their last use, `CACHE_SIZE` at most (groupcache/lru). */
class Recency {
  size = 0;
  private oldest: Entry | null = null;
  private newest: Entry | null = null;

  add(entry: Entry): void {
    this.append(entry);
    if (++this.size <= CACHE_SIZE) return;
    const last = this.oldest!;
    this.unlink(last);
    this.size--;
    last.dropped();
  }

  use(entry: Entry): void {
    if (entry === this.newest) return;
    this.unlink(entry);
    this.append(entry);
  }

  private append(entry: Entry): void {
    entry.older = this.newest;
    if (this.newest === null) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
  }

  private unlink(entry: Entry): void {
    const { older, newer } = entry;
    if (older === null) this.oldest = newer;
    else older.newer = newer;
    if (newer === null) this.newest = older;
    else newer.older = older;
    entry.older = entry.newer = null;
  }
}

/** An object that events of one type are about. */
export class Subject extends Entry {
  readonly reference: Event['involvedObject'];
  readonly type: Event['type'];
  /** The spam filter's bucket, as `TokenBucket` has it. */
  private tokens = SPAM_BURST;
  private filled: Time = 0;
  /** The first of its reasons, which are a handful: chained, as an array that grows would be far too large for them. */
  aggregates: Aggregate | null = null;
  /** Another subject with the same identity. */
  also: Subject | null;
  private readonly cache: EventCache;

  constructor(cache: EventCache, { apiVersion, kind, metadata: { namespace, name, uid } }: KubernetesObject, type: Event['type'], also: Subject | null) {
    super();
    this.cache = cache;
    this.reference = { apiVersion, kind, namespace, name, uid };
    this.type = type;
    this.also = also;
  }

  /** Whether the spam filter lets another event of it pass, which then counts. */
  passes(now: Time): boolean {
    const tokens = Math.min(SPAM_BURST, this.tokens + (now - this.filled) * SPAM_PER_NANOSECOND);
    if (tokens < 1) return false;
    this.tokens = tokens - 1;
    this.filled = now;
    return true;
  }

  dropped(): void {
    this.cache.forget(this);
  }
}

/** Events about a subject with one reason. */
class Aggregate extends Entry {
  readonly reason: string;
  readonly subject: Subject;
  /** The first of its Events, one by message: mostly there is one. */
  logged: LoggedEvent | null = null;
  /** Another of its subject. */
  next: Aggregate | null;
  first: string;
  /** Different messages: mostly there is one, so that the set is made when a second one comes. */
  messages: Set<string> | null = null;
  lastTimestamp: Time;

  constructor(subject: Subject, reason: string, message: string, now: Time) {
    super();
    this.subject = subject;
    this.reason = reason;
    this.first = message;
    this.lastTimestamp = now;
    this.next = subject.aggregates;
    subject.aggregates = this;
  }

  dropped(): void {
    this.subject.aggregates = without(this.subject.aggregates, this);
  }

  /** The message to record: its own, or the combined one after ten different ones of this kind in ten minutes. */
  record(message: string, now: Time): string {
    if (now - this.lastTimestamp > AGGREGATE_INTERVAL) {
      this.first = message;
      this.messages = null;
    }
    this.lastTimestamp = now;
    if (this.messages === null) {
      if (this.first === message) return message;
      this.messages = new Set([this.first]);
    }
    const { messages } = this;
    messages.add(message);
    if (messages.size < AGGREGATE_MAXIMUM) return message;
    for (const oldest of messages) {
      messages.delete(oldest);
      break;
    }
    return `(combined from similar events): ${message}`;
  }
}

/** An Event that was written, whose count later ones of its kind raise. */
export class LoggedEvent extends Entry {
  readonly name: string;
  /** Empty: the combined one of its aggregate. */
  readonly message: string;
  readonly firstTimestamp: Time;
  count = 0;
  /** Another of its aggregate. */
  next: LoggedEvent | null;
  private readonly aggregate: Aggregate;

  constructor(aggregate: Aggregate, message: string, name: string, now: Time) {
    super();
    this.aggregate = aggregate;
    this.message = message;
    this.name = name;
    this.firstTimestamp = now;
    this.next = aggregate.logged;
    aggregate.logged = this;
  }

  dropped(): void {
    this.aggregate.logged = without(this.aggregate.logged, this);
  }
}

/**
 * What an event recorder remembers (client-go tools/record/events_cache.go): the spam filter's buckets, the aggregator's messages and the
 * logger's counts, in three caches of limited size. Whoever uses an entry uses those above it, so nothing outlives what it hangs on.
 */
export class EventCache {
  /** What the last `record` found: the text to write, the object it is about, and the Event that it is written to. */
  text = '';
  subject!: Subject;
  logged!: LoggedEvent;
  private readonly byIdentity = new Map<string, Subject>();
  private readonly subjects = new Recency();
  private readonly aggregates = new Recency();
  private readonly events = new Recency();

  /** Notes an event. */
  record(object: KubernetesObject, type: Event['type'], reason: string, message: string, now: Time): void {
    const identity = identityOf(object.metadata);
    const known = this.find(identity, object.kind, type);
    const subject = known ?? new Subject(this, object, type, this.byIdentity.get(identity) ?? null);
    let aggregate = subject.aggregates;
    while (aggregate !== null && aggregate.reason !== reason) aggregate = aggregate.next;
    if (aggregate === null) {
      aggregate = new Aggregate(subject, reason, message, now);
      this.aggregates.add(aggregate);
    } else this.aggregates.use(aggregate);
    this.text = aggregate.record(message, now);
    if (known !== null) this.subjects.use(known);
    else {
      this.byIdentity.set(identity, subject);
      this.subjects.add(subject);
    }
    this.subject = subject;
    this.log(aggregate, this.text === message ? message : '', object.metadata.name, now);
  }

  private log(aggregate: Aggregate, message: string, name: string, now: Time): void {
    let known = aggregate.logged;
    while (known !== null && known.message !== message) known = known.next;
    this.logged = known ?? new LoggedEvent(aggregate, message, eventName(name, now, this.events.size), now);
    this.logged.count++;
    if (known !== null) this.events.use(known);
    else this.events.add(this.logged);
  }

  private find(identity: string, kind: string, type: Event['type']): Subject | null {
    let subject = this.byIdentity.get(identity) ?? null;
    while (subject !== null && (subject.type !== type || subject.reference.kind !== kind)) subject = subject.also;
    return subject;
  }

  /** A subject was dropped. */
  forget(subject: Subject): void {
    const identity = identityOf(subject.reference);
    const first = this.byIdentity.get(identity)!;
    if (first === subject) {
      if (subject.also === null) this.byIdentity.delete(identity);
      else this.byIdentity.set(identity, subject.also);
      return;
    }
    let before = first;
    while (before.also !== subject) before = before.also!;
    before.also = subject.also;
  }
}

function identityOf({ uid, namespace, name }: { readonly uid?: string; readonly namespace?: string; readonly name: string }): string {
  return uid === undefined || uid === '' ? `${namespace ?? ''}/${name}` : uid;
}

/** A chain without one of its entries. */
function without<T extends { next: T | null }>(first: T | null, entry: T): T | null {
  if (first === entry) return entry.next;
  let before = first!;
  while (before.next !== entry) before = before.next!;
  before.next = entry.next;
  return first;
}

/** Numbers below 4096 as three hexadecimal digits. */
const DIGITS = Array.from({ length: 4096 }, (_, i) => i.toString(16).padStart(3, '0'));
/** Times below this have another number of digits in front. */
const HIGH = 16_777_216;

/** The last time's digits in front of the last six: events come one soon after another. */
let lastHigh = -1;
let highDigits = '';

/** A time in hexadecimal. */
export function hexadecimal(time: Time): string {
  if (time < HIGH) return time.toString(16);
  const high = Math.floor(time / HIGH);
  if (high !== lastHigh) {
    lastHigh = high;
    highDigits = high.toString(16);
  }
  const low = time - high * HIGH;
  return highDigits + DIGITS[low >> 12]! + DIGITS[low & 4095]!;
}

/** `<object>.<time in hexadecimal>`, as the recorder names events; the count keeps names of one instant apart. */
function eventName(object: string, now: Time, count: number): string {
  return `${object}.${hexadecimal(now)}${count < DIGITS.length ? DIGITS[count] : count.toString(16)}`;
}
