import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventCache, hexadecimal } from '../../src/client/event-cache.js';
import { configMap } from './harness.js';

/** A cache as groupcache/lru is: by key, the entry used longest ago goes. */
class Lru<T> {
  readonly map = new Map<string, T>();
  use(key: string, make: () => T): T {
    const value = this.map.get(key) ?? make();
    this.map.delete(key);
    this.map.set(key, value);
    if (this.map.size > 4096) this.map.delete(this.map.keys().next().value!);
    return value;
  }
}

test('buckets, messages and counts are dropped as three caches keyed as in client-go would drop them', () => {
  const cache = new EventCache();
  const buckets = new Lru<object>();
  const messages = new Lru<Set<string>>();
  const counts = new Lru<{ count: number }>();
  const bucketOf = new Map<object, object>();
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let again = 0;
  let combined = 0;
  for (let i = 0; i < 60_000; i++) {
    // Some objects come up all the time, most rarely.
    const object = configMap(`c${random(2) === 0 ? random(20) : random(3000)}`);
    const type = random(3) === 0 ? 'Warning' : 'Normal';
    const reason = `R${random(2)}`;
    const message = `m${random(12)}`;
    cache.record(object, type, reason, message, 0);
    const subject = `${object.metadata.name}/${type}`;
    const seen = messages.use(`${subject}/${reason}`, () => new Set());
    seen.add(message);
    let text = message;
    if (seen.size >= 10) {
      seen.delete(seen.values().next().value!);
      text = `(combined from similar events): ${message}`;
      combined++;
    }
    const bucket = buckets.use(subject, () => ({}));
    const logged = counts.use(text === message ? `${subject}/${reason}/${message}` : `${subject}/${reason}`, () => ({ count: 0 }));
    if (++logged.count > 1) again++;
    assert.equal(cache.text, text);
    assert.equal(cache.logged.count, logged.count);
    const mine = bucketOf.get(cache.subject);
    if (mine === undefined) bucketOf.set(cache.subject, bucket);
    else assert.equal(mine, bucket);
  }
  assert.ok(again > 1000 && combined > 1000);
  assert.equal(new Set(bucketOf.values()).size, bucketOf.size, 'a bucket that was dropped does not come back');
});

test('the spam filter lets 25 events of an object pass, then one in five minutes', () => {
  const cache = new EventCache();
  cache.record(configMap('chatty'), 'Normal', 'Reason', 'message', 0);
  const { subject } = cache;
  for (let i = 0; i < 25; i++) assert.equal(subject.passes(0), true);
  assert.equal(subject.passes(0), false);
  assert.equal(subject.passes(299e9), false);
  assert.equal(subject.passes(301e9), true);
  assert.equal(subject.passes(301e9), false);
});

test('times in hexadecimal are as the language writes them', () => {
  const times = [0, 15, 2 ** 24 - 1, 2 ** 24, 2 ** 24 + 1, 2 ** 31, 2 ** 32 + 4095, 1e15 + 1, 2 ** 53 - 1];
  for (let time = 1; time < 2 ** 52; time = 3 * time + 1) times.push(time, time + 1);
  for (const time of times) assert.equal(hexadecimal(time), time.toString(16));
});
