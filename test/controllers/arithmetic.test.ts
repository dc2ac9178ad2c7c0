import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { conformanceArithmetic } from '../../src/conformance/arithmetic.js';

test('all vectors of the real Deployment and ReplicaSet arithmetic agree', () => {
  const file = join(process.cwd(), 'test/data/controllers/deployment-arithmetic.json.gz');
  const { lines, exitCode } = conformanceArithmetic(file);
  assert.deepEqual(lines, ['arithmetic: 191/191']);
  assert.equal(exitCode, 0);
});
