import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '../../src/api/core.js';
import type { Lease } from '../../src/api/workloads.js';
import type { ScenarioRun } from '../../src/cluster/run.js';
import { SECOND } from '../../src/kernel/time.js';
import { Cases, deployment, objects } from './cases.js';

const cases = new Cases('node-loss');
cases.write(
  'web.yaml',
  deployment(20, {
    pod: ['topologySpreadConstraints:', '  - { maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: { matchLabels: { app: web } } }'],
    container: ['resources: { requests: { cpu: 100m } }'],
  }),
);

/** Nodes of two zones (ten: five each); node-0, node-2, … are in zone a. */
function start(failed: readonly string[], seconds: number, first: readonly object[] = [], count = 10, zones: readonly string[] = ['a', 'b']): ScenarioRun {
  const timeline = [...first, ...failed.map((node) => ({ at: '30s', fail: { node } }))];
  const run = cases.start({
    duration: `${seconds}s`,
    cluster: { nodes: [{ count, name: 'node', zones, template: 'node.yaml' }] },
    manifests: 'web.yaml',
    behaviour: [{ image: 'web:*', cached: true }],
    timeline,
  });
  run.warmUp();
  return run;
}

const nodeOf = (run: ScenarioRun, name: string) => objects<Node>(run, 'nodes').find(({ metadata }) => metadata.name === name)!;
const readyOf = (node: Node) => node.status.conditions!.find(({ type }) => type === 'Ready')!;
const seconds = (time: number) => time / SECOND;

test('one node stops: Unknown 50 to 56 s after its last lease, taints, deletion when the default 300 s are over, Terminating for good', () => {
  const run = start(['node-3'], 460);
  let unknownAt = 0;
  let taintedAt = 0;
  let deletedAt = 0;
  let renewed = 0;
  let held: string[] = [];
  const created = new Map<string, number>();
  const origin = run.cluster.simulation.now;
  for (;;) {
    const more = run.advance();
    const { now } = run.cluster.simulation;
    const node = nodeOf(run, 'node-3');
    const pods = objects<Pod>(run, 'pods');
    if (held.length === 0) held = pods.filter(({ spec }) => spec.nodeName === 'node-3').map(({ metadata }) => metadata.name);
    for (const { metadata } of pods) if (!created.has(metadata.name)) created.set(metadata.name, metadata.creationTimestamp);
    if (unknownAt === 0 && readyOf(node).status === 'Unknown') {
      unknownAt = readyOf(node).lastTransitionTime!;
      renewed = objects<Lease>(run, 'leases').find(({ metadata }) => metadata.name === 'node-3')!.spec.renewTime!;
    }
    const taint = node.spec.taints?.find(({ effect }) => effect === 'NoExecute');
    if (taintedAt === 0 && taint !== undefined) {
      assert.equal(taint.key, 'node.kubernetes.io/unreachable');
      taintedAt = now;
    }
    const ending = pods.filter(({ metadata, spec }) => spec.nodeName === 'node-3' && metadata.deletionTimestamp !== undefined);
    if (deletedAt === 0 && ending.length > 0) deletedAt = now;
    if (!more) break;
  }
  const stop = origin + 30 * SECOND;
  const silent = seconds(unknownAt - renewed);
  assert.ok(silent > 50 && silent < 56, `Unknown ${silent} s after the last lease`);
  assert.ok(seconds(taintedAt - unknownAt) >= 0 && seconds(taintedAt - unknownAt) <= 2, `tainted ${seconds(taintedAt - unknownAt)} s later`);
  // The recording has 350.5 s from the stop of a kubelet that had just renewed; the lease is up to 10.4 s older, the look every 5 s and ours every second.
  const deletion = seconds(deletedAt - stop);
  assert.ok(deletion > 300 + 39 && deletion < 300 + 57, `deleted ${deletion} s after the stop`);
  assert.ok(Math.abs(seconds(deletedAt - taintedAt) - 300) <= 2.1, `${seconds(deletedAt - taintedAt)} s after the taint`);
  // The node does not come back: its pods stay Terminating, and successors run elsewhere about a second later.
  const left = objects<Pod>(run, 'pods').filter(({ metadata }) => held.includes(metadata.name));
  assert.equal(left.length, held.length);
  assert.ok(held.length > 0 && left.every(({ metadata }) => metadata.deletionTimestamp !== undefined));
  const successors = objects<Pod>(run, 'pods').filter(({ metadata }) => created.get(metadata.name)! > stop);
  assert.equal(successors.length, held.length);
  for (const { metadata, spec } of successors) {
    assert.ok(Math.abs(seconds(metadata.creationTimestamp - deletedAt)) <= 2);
    assert.notEqual(spec.nodeName, 'node-3');
  }
});

test('3 of 5 nodes of a zone stop: 55 % and no more than 50 nodes: NoSchedule, but no NoExecute and no eviction at all', () => {
  // As in the recording their leases were renewed together, here because all kubelets started together; where the zone loses them one
  // after the other, the first ones are tainted before it counts as disrupted.
  const run = start(['node-0', 'node-2', 'node-4'], 600, [{ at: '20s', restart: { kubelet: '*', start: '1s' } }]);
  while (run.advance());
  for (const name of ['node-0', 'node-2', 'node-4']) {
    const node = nodeOf(run, name);
    assert.equal(readyOf(node).status, 'Unknown');
    assert.deepEqual(
      node.spec.taints!.map(({ key, effect }) => `${key}:${effect}`),
      ['node.kubernetes.io/unreachable:NoSchedule'],
    );
  }
  const pods = objects<Pod>(run, 'pods');
  assert.equal(pods.length, 20);
  assert.ok(pods.every(({ metadata }) => metadata.deletionTimestamp === undefined));
});

test('2 of 5 nodes of a zone stop: one node every 10 s is tainted, and its pods go', () => {
  const run = start(['node-0', 'node-2'], 440);
  const tainted = new Map<string, number>();
  for (let more = true; more; ) {
    more = run.advance();
    for (const name of ['node-0', 'node-2']) {
      if (!tainted.has(name) && nodeOf(run, name).spec.taints?.some(({ effect }) => effect === 'NoExecute')) {
        tainted.set(name, run.cluster.simulation.now);
      }
    }
  }
  const [first, second] = [...tainted.values()].sort((a, b) => a - b);
  assert.equal(tainted.size, 2);
  assert.ok(seconds(second! - first!) >= 9 && seconds(second! - first!) <= 16, `${seconds(second! - first!)} s apart`);
  assert.ok(objects<Pod>(run, 'pods').some(({ metadata }) => metadata.deletionTimestamp !== undefined));
});

test('10 of the 100 nodes of a zone die: 10 % is below 55 %, so that taints come at 0, 10, …, 90 s, and the last pods go at 50 + 90 + 300 s', () => {
  const failed = Array.from({ length: 10 }, (_, i) => `node-${10 * i}`);
  const run = start(failed, 520, [{ at: '20s', restart: { kubelet: '*', start: '1s' } }], 100, ['a']);
  run.warmUp();
  const tainted = new Map<string, number>();
  const deleted = new Map<string, number>();
  for (let more = true; more; ) {
    more = run.advance();
    const now = seconds(run.cluster.simulation.now - run.origin);
    for (const name of failed) if (!tainted.has(name) && nodeOf(run, name).spec.taints?.some(({ effect }) => effect === 'NoExecute')) tainted.set(name, now);
    for (const { metadata, spec } of objects<Pod>(run, 'pods')) {
      if (metadata.deletionTimestamp !== undefined && spec.nodeName !== undefined && !deleted.has(spec.nodeName)) deleted.set(spec.nodeName, now);
    }
  }
  const taints = [...tainted.values()].sort((a, b) => a - b);
  assert.equal(taints.length, 10);
  for (const [i, time] of taints.entries()) assert.ok(Math.abs(time - taints[0]! - 10 * i) <= 1, `taint ${i} after ${time - taints[0]!} s`);
  // They renewed their leases at 21 s, and at most 0.4 s before they died; a look every 5 s.
  assert.ok(taints[0]! >= 21 + 50 && taints[0]! <= 30 + 56, `first taint at ${taints[0]!} s`);
  const gone = failed.flatMap((name) => (deleted.has(name) ? [deleted.get(name)! - tainted.get(name)!] : []));
  assert.ok(gone.length > 0);
  for (const wait of gone) assert.ok(Math.abs(wait - 300) <= 1.1, `${wait} s after the taint`);
});

test('a large zone that is partly down is tainted one node every 100 s: 36 of 60', () => {
  const failed = Array.from({ length: 36 }, (_, i) => `node-${i}`);
  const run = start(failed, 330, [{ at: '20s', restart: { kubelet: '*', start: '1s' } }], 60, ['a']);
  const tainted = new Map<string, number>();
  for (let more = true; more; ) {
    more = run.advance();
    for (const name of failed) if (!tainted.has(name) && nodeOf(run, name).spec.taints?.some(({ effect }) => effect === 'NoExecute')) tainted.set(name, seconds(run.cluster.simulation.now - run.origin));
  }
  const taints = [...tainted.values()].sort((a, b) => a - b);
  const gaps = taints.slice(1).map((time, i) => time - taints[i]!);
  assert.ok(gaps.length >= 2 && gaps.every((gap) => Math.abs(gap - 100) <= 1), `${taints}`);
});

test('a node that comes back: Ready at once, NoSchedule goes within a second, NoExecute within the next passes; its pods are gone then', () => {
  const run = start(['node-3'], 470, [{ at: '400s', heal: { node: 'node-3' } }]);
  run.warmUp();
  let ready = 0;
  let schedulable = 0;
  let clean = 0;
  let held: string[] = [];
  for (let more = true; more; ) {
    more = run.advance();
    const now = seconds(run.cluster.simulation.now - run.origin);
    if (now === 399) held = objects<Pod>(run, 'pods').filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(({ metadata }) => metadata.name);
    if (now < 400) continue;
    const node = nodeOf(run, 'node-3');
    if (ready === 0 && readyOf(node).status === 'True') ready = now;
    if (schedulable === 0 && node.spec.taints?.every(({ effect }) => effect !== 'NoSchedule') !== false) schedulable = now;
    if (clean === 0 && (node.spec.taints ?? []).length === 0) clean = now;
  }
  assert.ok(ready <= 401 && schedulable <= 402 && clean > 0 && clean - ready <= 6, `${ready} ${schedulable} ${clean}`);
  // Terminating until the kubelet is back; then they end.
  assert.ok(held.length > 0);
  const left = new Set(objects<Pod>(run, 'pods').map(({ metadata }) => metadata.name));
  assert.ok(held.every((name) => !left.has(name)));
});
