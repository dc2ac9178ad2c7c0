import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { replayDecisions } from '../../src/conformance/controllers-decisions.js';
import { readRecording, type Recording } from '../../src/conformance/controllers-recording.js';

const DIR = join(process.cwd(), 'test/data/controllers/recordings');

const EXPECTED: readonly (readonly [string, number])[] = [
  ['roll-r10-s25p-u25p-m0-fix', 29],
  ['propscale-r10-to15-s3-u2-never', 45],
  ['undo-v4-lim10-to2', 93],
  ['pause-r8-s2-u1-p4000', 86],
  ['recreate-r3-m0-stop1s', 20],
  ['scaledown-r9-to2', 30],
  ['sts-r5-parallel-p-1-m0', 27],
  ['pdb-r5-min4', 32],
  ['roll-r5-s1-u0-m5-jit', 44],
  ['rollover-r10-s3-u0', 101],
];

function load(name: string): Recording {
  return readRecording(join(DIR, `${name}.ndjson.gz`));
}

for (const [name, total] of EXPECTED) {
  test(`every decision of the real controllers in ${name} follows from the states before it`, () => {
    const result = replayDecisions(load(name));
    assert.deepEqual(result.differences, []);
    assert.equal(result.total, total);
    assert.equal(result.passed, total);
  });
}

test('a size that the real controller did not choose is found', () => {
  const recording = load('roll-r10-s25p-u25p-m0-fix');
  let seen = 0;
  const changes = recording.changes.map((change) => {
    if (change.kind !== 'ReplicaSet') return change;
    const spec = change.object['spec'] as { replicas: number };
    // From the second ReplicaSet's second size on everything is one too many.
    if (spec.replicas === 5 && seen++ === 0) return { ...change, object: { ...change.object, spec: { ...spec, replicas: 6 } } };
    return change;
  });
  const result = replayDecisions({ ...recording, changes });
  assert.ok(result.passed < result.total);
  assert.match(result.differences[0]!, /→6/);
});

test('a status that the real controller did not write is found', () => {
  const recording = load('roll-r10-s25p-u25p-m0-fix');
  let seen = false;
  const changes = recording.changes.map((change) => {
    const status = change.object['status'] as { readonly updatedReplicas?: number; readonly unavailableReplicas?: number } | undefined;
    if (seen || change.kind !== 'Deployment' || status?.updatedReplicas !== 5) return change;
    seen = true;
    return { ...change, object: { ...change.object, status: { ...status, unavailableReplicas: 4 } } };
  });
  const result = replayDecisions({ ...recording, changes });
  assert.match(result.differences[0]!, /unavailableReplicas=4/);
});
