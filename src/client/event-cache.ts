import type { Event } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import type { Time } from '../kernel/time.js';

/** client-go tools/record/events_cache.go. */
const SPAM_BURST = 25;
const SPAM_PER_NANOSECOND = 1 / 300 / 1e9;
const AGGREGATE_MAXIMUM = 10;
const AGGREGATE_INTERVAL = 600e9;
const CACHE_SIZE = 4096;
/** Use of what is gone. */
const GONE = -1;

/** An entry of a cache that drops what was used longest ago. */
abstract class Entry {
  /** Number of the record that used it last. */
  used = 0;
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

  constructor({ apiVersion, kind, metadata: { namespace, name, uid } }: KubernetesObject, type: Event['type'], also: Subject | null) {
    super();
    this.reference = { apiVersion, kind, namespace, name, uid };
    this.type = type;
    this.also = also;
  }

  isOf(identity: string, kind: string, type: Event['type']): boolean {
    return this.type === type && this.reference.kind === kind && identityOf(this.reference) === identity;
  }

  /** Whether the spam filter lets another event of it pass, which then counts. */
  passes(now: Time): boolean {
    const tokens = Math.min(SPAM_BURST, this.tokens + (now - this.filled) * SPAM_PER_NANOSECOND);
    if (tokens < 1) return false;
    this.tokens = tokens - 1;
    this.filled = now;
    return true;
  }
}

/** Events about a subject with one reason. */
class Aggregate extends Entry {
  readonly reason: string;
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
    this.reason = reason;
    this.first = message;
    this.lastTimestamp = now;
    this.next = subject.aggregates;
    subject.aggregates = this;
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

  constructor(aggregate: Aggregate, message: string, name: string, now: Time) {
    super();
    this.message = message;
    this.name = name;
    this.firstTimestamp = now;
    this.next = aggregate.logged;
    aggregate.logged = this;
  }
}

/** An entry as it was when it was looked at, with what it hangs on (null: a subject). */
interface Candidate {
  readonly entry: Entry;
  readonly above: Entry | null;
  readonly used: number;
}

/**
 * The least recently used of the entries of a cache. They are put in order only when one must go: as long as an entry is not used again,
 * what was noted of it stays true, and what was used since comes after all that was noted.
 */
class Oldest {
  private candidates: Candidate[] = [];

  note(entry: Entry, above: Entry | null): void {
    this.candidates.push({ entry, above, used: entry.used });
  }

  /** After all were noted. */
  sort(): void {
    this.candidates.sort((a, b) => b.used - a.used);
  }

  /** Takes the one that was used longest ago; undefined: they must be noted anew. */
  take(): Candidate | undefined {
    for (;;) {
      const candidate = this.candidates.pop();
      if (candidate === undefined || candidate.entry.used === candidate.used) return candidate;
    }
  }
}

/**
 * What an event recorder remembers (client-go tools/record/events_cache.go): the spam filter's buckets, the aggregator's messages and the
 * logger's counts, in three caches of limited size (groupcache/lru). Whoever uses an entry uses those above it, so nothing outlives what it
 * hangs on.
 */
export class EventCache {
  /** What the last `record` found: the text to write, the object it is about, and the Event that it is written to. */
  text = '';
  subject!: Subject;
  logged!: LoggedEvent;
  private readonly byIdentity = new Map<string, Subject>();
  /** Records so far. */
  private records = 0;
  /** Entries in each cache, and those that go first; null: none had to go yet. */
  private subjects = 0;
  private aggregates = 0;
  private events = 0;
  /** The Event of the aggregate that was dropped in this record. */
  private last: LoggedEvent | null = null;
  private oldestSubjects: Oldest | null = null;
  private oldestAggregates: Oldest | null = null;
  private oldestEvents: Oldest | null = null;

  /** Notes an event. */
  record(object: KubernetesObject, type: Event['type'], reason: string, message: string, now: Time): void {
    const number = ++this.records;
    const identity = identityOf(object.metadata);
    const { kind } = object;
    // Events of one object come one after another, and what was used last has not been dropped.
    const again = number > 1 && this.subject.isOf(identity, kind, type);
    const first = again ? this.subject : (this.byIdentity.get(identity) ?? null);
    let known = first;
    while (known !== null && (known.type !== type || known.reference.kind !== kind)) known = known.also;
    const subject = known ?? new Subject(object, type, first);
    let aggregate = subject.aggregates;
    while (aggregate !== null && aggregate.reason !== reason) aggregate = aggregate.next;
    if (aggregate === null) {
      aggregate = new Aggregate(subject, reason, message, now);
      aggregate.used = number;
      if (++this.aggregates > CACHE_SIZE) this.dropAggregate();
    } else aggregate.used = number;
    this.text = aggregate.record(message, now);
    subject.used = number;
    if (known === null) {
      this.byIdentity.set(identity, subject);
      if (++this.subjects > CACHE_SIZE) this.dropSubject();
    }
    this.subject = subject;
    this.log(aggregate, this.text === message ? message : '', object.metadata.name, now);
  }

  private log(aggregate: Aggregate, message: string, name: string, now: Time): void {
    let known = aggregate.logged;
    while (known !== null && known.message !== message) known = known.next;
    this.logged = known ?? new LoggedEvent(aggregate, message, eventName(name, now, this.events), now);
    this.logged.count++;
    this.logged.used = this.records;
    if (known === null && ++this.events > CACHE_SIZE) this.dropEvent();
  }

  private dropSubject(): void {
    const { entry } = (this.oldestSubjects ??= new Oldest()).take() ?? this.noted(this.oldestSubjects, 0);
    const subject = entry as Subject;
    this.subjects--;
    const identity = identityOf(subject.reference);
    const rest = without(this.byIdentity.get(identity)!, subject);
    if (rest === null) this.byIdentity.delete(identity);
    else this.byIdentity.set(identity, rest);
  }

  private dropAggregate(): void {
    const { entry, above } = (this.oldestAggregates ??= new Oldest()).take() ?? this.noted(this.oldestAggregates, 1);
    const subject = above as Subject;
    this.aggregates--;
    subject.aggregates = without(subject.aggregates, entry as Aggregate);
    // Its last Event, if it still has one, is the oldest of all: it goes as soon as that of the new aggregate comes.
    this.last = (entry as Aggregate).logged;
  }

  private dropEvent(): void {
    if (this.last !== null) {
      this.last.used = GONE;
      this.last = null;
      this.events--;
      return;
    }
    const { entry, above } = (this.oldestEvents ??= new Oldest()).take() ?? this.noted(this.oldestEvents, 2);
    const aggregate = above as Aggregate;
    this.events--;
    aggregate.logged = without(aggregate.logged, entry as LoggedEvent);
  }

  /** Notes all entries of a cache (subjects, aggregates or events) anew; returns the one that was used longest ago. */
  private noted(oldest: Oldest, level: 0 | 1 | 2): Candidate {
    for (const first of this.byIdentity.values()) {
      for (let subject: Subject | null = first; subject !== null; subject = subject.also) {
        if (level === 0) oldest.note(subject, null);
        else this.noteBelow(oldest, subject, level);
      }
    }
    oldest.sort();
    return oldest.take()!;
  }

  private noteBelow(oldest: Oldest, subject: Subject, level: 1 | 2): void {
    for (let { aggregates: aggregate } = subject; aggregate !== null; aggregate = aggregate.next) {
      if (level === 1) oldest.note(aggregate, subject);
      else for (let { logged } = aggregate; logged !== null; logged = logged.next) oldest.note(logged, aggregate);
    }
  }
}

function identityOf({ uid, namespace, name }: { readonly uid?: string; readonly namespace?: string; readonly name: string }): string {
  return uid === undefined || uid === '' ? `${namespace ?? ''}/${name}` : uid;
}

function after(entry: Aggregate | LoggedEvent | Subject): Aggregate | LoggedEvent | Subject | null {
  return entry instanceof Subject ? entry.also : entry.next;
}

/** A chain without one of its entries. */
function without<T extends Aggregate | LoggedEvent | Subject>(first: T | null, entry: T): T | null {
  if (first === entry) return after(entry) as T | null;
  let before: Aggregate | LoggedEvent | Subject = first!;
  for (;;) {
    const next = after(before)!;
    if (next === entry) break;
    before = next;
  }
  if (before instanceof Subject) before.also = after(entry) as Subject | null;
  else before.next = after(entry) as never;
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
