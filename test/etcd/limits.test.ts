import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkEtcdSpec } from '../../src/etcd/limits.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { SPEC } from './harness.js';

test('settings that etcd refuses are errors, an even number of members is a warning', () => {
  const check = (change: Partial<typeof SPEC>, data = 0) =>
    checkEtcdSpec({ ...SPEC, ...change }, data).map(({ severity, field }) => `${severity} ${field}`);
  assert.deepEqual(check({}), []);
  assert.deepEqual(check({ members: 1 }), []);
  assert.deepEqual(check({ members: 4 }), ['warning members']);
  for (const members of [0, 10, 2.5]) assert.deepEqual(check({ members }), ['error members']);
  assert.deepEqual(check({ heartbeatInterval: 0 }), ['error heartbeatInterval']);
  assert.deepEqual(check({ heartbeatInterval: 300 * MILLISECOND }), ['error electionTimeout']);
  assert.deepEqual(check({ electionTimeout: 51 * SECOND }), ['error electionTimeout']);
  assert.deepEqual(check({ quotaBackendBytes: 1000 }, 1001), ['error quotaBackendBytes']);
});
