import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../cluster/scenario.js';
import { towtank } from './towtank.js';

const strategies = join(root, 'scenarios', 'strategies');

test('dry-run: the thresholds of a file about a rollout that is over, beside what the pipeline itself decided', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'towtank-dry-run-'));
  const out = join(folder, 'out');
  const ran = await towtank('run', join(strategies, 'rollback.yaml'), '--strategy', 'ramped', '--quiet', '--out', out);
  assert.equal(ran.code, 0, ran.stderr);
  const { code, stdout } = await towtank('dry-run', out, join(strategies, 'argo', 'rollout.yaml'));
  assert.equal(code, 0);
  const lines = stdout.split('\n');
  // No data at first; then one request in five fails: three bad looks 10 s apart are one more than its failureLimit.
  assert.match(lines[1]!, /^ +0 s +success-rate .* Error$/);
  for (const [line, at] of [[2, 10], [3, 20], [4, 30]] as const) {
    const [, second, value] = /^ +(\d+) s +success-rate +(0\.\d+) +Failed$/.exec(lines[line]!)!;
    assert.equal(Number(second), at);
    assert.ok(Math.abs(Number(value) - 0.8) < 0.04, value);
  }
  assert.match(stdout, /=> Failed after 30\.0 s: .*failed \(3\) > failureLimit \(2\)/);
  assert.match(stdout, /the rollout itself took the version back after 20\.0 s/);
  const none = await towtank('dry-run', out, join(strategies, 'web', 'web.yaml'));
  assert.equal(none.code, 2);
  assert.match(none.stderr, /no AnalysisTemplate and no Canary/);
  rmSync(folder, { recursive: true });
});
