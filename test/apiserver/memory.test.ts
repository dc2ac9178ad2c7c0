import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceInfo } from '../../src/api/resources.js';
import { Call, Caller } from '../../src/apiserver/call.js';
import { Listing, memoryOf } from '../../src/apiserver/memory.js';
import type { ApiRequest } from '../../src/apiserver/request.js';
import { WatchCache } from '../../src/apiserver/watch-cache.js';
import { Answers, configMap } from '../client/harness.js';

const COSTS = { base: 300e6, decodedFactor: 6, collectorFactor: 2, watch: 76_800, request: 65_536, cachedListFactor: 1 };
const NOTHING = { caches: [], watches: 0, requests: 0, etcdListBytes: 0, cachedListBytes: 0 };

function cacheOf(resource: string, objects: number, events: number): WatchCache {
  const cache = new WatchCache(resource);
  cache.replace(Array.from({ length: objects }, (_, i) => [`/registry/${resource}/n/${i}`, configMap(`${i}`)] as const), 1, 0);
  for (let i = 0; i < events; i++) cache.apply(`n/${i % objects}`, configMap(`${i}`), i + 2, i * 1e6);
  return cache;
}

test('memory: what is cached, decoded and doubled; lists from etcd weigh far more than those from the cache', () => {
  const size = resourceInfo('pods').typicalBytes;
  assert.equal(memoryOf(NOTHING, COSTS), 300e6);
  assert.equal(memoryOf({ ...NOTHING, caches: [cacheOf('pods', 1000, 0)] }, COSTS), 300e6 + 2 * 6 * 1000 * size);
  assert.equal(memoryOf({ ...NOTHING, caches: [cacheOf('pods', 1000, 500)] }, COSTS), 300e6 + 2 * 6 * 1500 * size);
  assert.equal(memoryOf({ ...NOTHING, watches: 20_000 }, COSTS), 300e6 + 2 * 20_000 * 76_800);
  const list = 1000 * size;
  assert.equal(memoryOf({ ...NOTHING, etcdListBytes: list }, COSTS) - 300e6, 7 * (memoryOf({ ...NOTHING, cachedListBytes: list }, COSTS) - 300e6));
});

test('memory of a cluster like one that was measured', () => {
  // kube-apiserver 1.34.4: 556 MiB at the height of making 1,000 pods on 1,000 KWOK nodes, one of five writes of each pod a second
  // of the 50 s; leases are renewed every 10 s.
  const caches = [cacheOf('nodes', 1000, 0), cacheOf('leases', 1000, 7500), cacheOf('pods', 1000, 5000)];
  const mebibytes = memoryOf({ ...NOTHING, caches, watches: 100 }, COSTS) / 1048576;
  assert.ok(mebibytes > 556 / 1.5 && mebibytes < 556 * 1.5, String(mebibytes));
});

test('lists in flight are held from begin to end, and their height is remembered once', () => {
  const listing = new Listing();
  const call = (source?: 'etcd') => {
    const request: ApiRequest = { verb: 'list', resource: 'pods', namespace: '', name: '', ...(source === undefined ? {} : { source }) };
    return new Call(request, new Caller('u', 0), new Answers(), 0);
  };
  const size = resourceInfo('pods').typicalBytes;
  const [a, b, c] = [call('etcd'), call('etcd'), call()];
  listing.begin(a, 10);
  listing.begin(b, 5);
  listing.end(a);
  listing.begin(c, 2);
  assert.deepEqual(listing.takePeak(), { etcdListBytes: 15 * size, cachedListBytes: 2 * size });
  assert.deepEqual(listing.takePeak(), { etcdListBytes: 5 * size, cachedListBytes: 2 * size });
  listing.end(b);
  listing.end(c);
  listing.end(c);
  listing.takePeak();
  assert.deepEqual(listing.takePeak(), { etcdListBytes: 0, cachedListBytes: 0 });
});
