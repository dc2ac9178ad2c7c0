import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { replaySchedulerDirectory } from '../../src/conformance/scheduler.js';

const data = join(import.meta.dirname, '../../../test/data/scheduler');

test('every recorded decision of kube-scheduler 1.34 is repeated', () => {
  const { lines, exitCode } = replaySchedulerDirectory(join(data, 'v1.34'), '1.34');
  assert.deepEqual([lines.at(-1), exitCode], ['scheduler: cases 165/165 decisions 2897/2897 adaptive 38/38', 0]);
});

test('every recorded decision of kube-scheduler 1.36 is repeated', () => {
  const { lines, exitCode } = replaySchedulerDirectory(join(data, 'v1.36'), '1.36');
  assert.deepEqual([lines.at(-1), exitCode], ['scheduler: cases 92/92 decisions 264/264 adaptive 14/14', 0]);
});

test('the rules of one version do not repeat the recordings of the other', () => {
  const { exitCode, lines } = replaySchedulerDirectory(join(data, 'v1.36'), '1.34');
  assert.equal(exitCode, 1);
  assert.match(lines.join('\n'), /recorded .*\n.*here/);
});

test('a changed recording is reported with both sides', () => {
  const folder = mkdtempSync(join(tmpdir(), 'scheduler-'));
  try {
    const text = gunzipSync(readFileSync(join(data, 'v1.34/hand-taint.jsonl.gz'))).toString('utf8');
    writeFileSync(join(folder, 'changed.jsonl'), text.replace('"TaintToleration":[0', '"TaintToleration":[7'));
    const { lines, exitCode } = replaySchedulerDirectory(folder);
    assert.equal(exitCode, 1);
    assert.match(lines.join('\n'), /scores\.raw\.TaintToleration: recorded \[7.*\n.*here +\[0/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a directory without recordings and one that is not there are exit 2', () => {
  const folder = mkdtempSync(join(tmpdir(), 'scheduler-'));
  try {
    assert.equal(replaySchedulerDirectory(folder).exitCode, 2);
    assert.equal(replaySchedulerDirectory(join(folder, 'missing')).exitCode, 2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
