import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fragmentation } from '../../src/cluster/allocation.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';

const folder = mkdtempSync(join(tmpdir(), 'towtank-trace-'));
after(() => rmSync(folder, { recursive: true }));

test('fragmentation, a worked example', () => {
  // Three nodes with (cpu, gpu) free: (4, 2), (1, 4), (8, 0).
  const free = Float64Array.of(4, 2, 1, 4, 8, 0);
  // Half of the pods want (2, 1): on the second node, which lacks cpu, 4 gpu are lost, on the third 8 cpu. The others want (1, 0): no gpu is of use.
  const pods = [
    { requests: Float64Array.of(2, 1), allowed: null, popularity: 0.5 },
    { requests: Float64Array.of(1, 0), allowed: null, popularity: 0.5 },
  ];
  assert.deepEqual([...fragmentation(free, 3, 2, pods)], [0.5 * (1 + 8), 0.5 * 4 + 0.5 * (2 + 4)]);
  // Pods that may only run on the first node: all of the others is lost to them.
  assert.deepEqual([...fragmentation(free, 3, 2, [{ requests: Float64Array.of(2, 1), allowed: Uint8Array.of(1, 0, 0), popularity: 1 }])], [9, 4]);
});

function finished(rows: readonly string[], more = ''): ScenarioRun {
  writeFileSync(join(folder, 'pods.csv'), `name,at,runs,cpu,gpu\n${rows.join('\n')}\n`);
  const path = join(folder, 'scenario.yaml');
  writeFileSync(
    path,
    `cluster:
  nodes: [{ kind: kwok, count: 2, template: { status: { capacity: { cpu: 8, memory: 32Gi, example.com/gpu: 4 } } } }]
podTrace:
  file: pods.csv
  columns: { name: name, arrival: at, lifetime: runs, requests: { cpu: cpu, example.com/gpu: gpu } }
  ${more}
duration: 2m
`,
  );
  const run = new ScenarioRun(loadScenario(path));
  while (run.advance());
  return run;
}

test('pods come, wait for those before them, and go when they have been bound for their lifetime', () => {
  // Two nodes with four GPUs each: the third pod waits for the first, which leaves 30 s after its binding.
  const run = finished(['a,0,30,1,4', 'b,0,100,1,4', 'c,5,20,1,4', 'd,6,,1,0']);
  const lives = new Map(run.observer.lives().map((life) => [life.name, life]));
  const at = (name: string, what: 'scheduled' | 'deleted'): number => (lives.get(name)![what] - run.origin) / 1e9;
  assert.ok(at('a', 'scheduled') < 0.2);
  assert.ok(Math.abs(at('a', 'deleted') - 30) < 0.2);
  assert.ok(at('c', 'scheduled') > 30 && at('c', 'scheduled') < 42, `c is bound at ${at('c', 'scheduled')} s`);
  assert.ok(Math.abs(at('c', 'deleted') - at('c', 'scheduled') - 20) < 0.2);
  assert.equal(lives.get('d')!.deleted, -1);
  const { podTrace } = run.result().summary.metrics;
  assert.deepEqual([podTrace!.pods, podTrace!.created, podTrace!.bound, podTrace!.pending], [4, 4, 4, 0]);
  assert.ok(podTrace!.pendingTime.max! > 25 && podTrace!.pendingTime.p50! < 1);
  assert.equal(podTrace!.resources['example.com/gpu']!.max, 1);
});

test('what nobody has room for is pending, and what is left is fragmented', () => {
  const run = finished(['a,0,10,6,3', 'b,0,10,6,3', 'c,1,10,4,2'], 'lifetimes: forever');
  const { podTrace } = run.result().summary.metrics;
  assert.deepEqual([podTrace!.bound, podTrace!.pending], [2, 1]);
  const gpu = podTrace!.resources['example.com/gpu']!;
  assert.equal(gpu.end, 0.75);
  // One GPU is free on each node; no pod of the trace fits there.
  assert.ok(Math.abs(gpu.fragmentedEnd! - 1) < 1e-12);
});
