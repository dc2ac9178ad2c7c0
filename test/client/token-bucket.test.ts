import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from '../../src/client/token-bucket.js';

test('500 creations at QPS 20, burst 30 wait 23.5 s in all (the worked example of client-go limits)', () => {
  const bucket = new TokenBucket(20, 30);
  let wait = 0;
  for (let i = 0; i < 500; i++) wait = bucket.reserve(0);
  assert.equal(wait, 23.5e9);
});

test('tokens gather up to the burst and no further', () => {
  const bucket = new TokenBucket(10, 5);
  for (let i = 0; i < 5; i++) assert.equal(bucket.reserve(0), 0);
  assert.equal(bucket.reserve(0), 0.1e9);
  for (let i = 0; i < 5; i++) assert.equal(bucket.reserve(100e9), 0);
  assert.equal(bucket.reserve(100e9), 0.1e9);
});

test('no limit never waits', () => {
  const bucket = new TokenBucket(0, 0);
  for (let i = 0; i < 100; i++) assert.equal(bucket.reserve(0), 0);
});
