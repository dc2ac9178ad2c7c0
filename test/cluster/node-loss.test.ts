import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Node, Pod } from '../../src/api/core.js';
import type { Lease } from '../../src/api/workloads.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { SECOND } from '../../src/kernel/time.js';
import { loadScenario } from '../../src/scenario/index.js';
import { root } from './scenario.js';

const folder = mkdtempSync(join(tmpdir(), 'towtank-node-loss-'));
cpSync(join(root, 'scenarios', 'nodes', '4cpu-16gi.yaml'), join(folder, 'node.yaml'));
after(() => rmSync(folder, { recursive: true }));

writeFileSync(
  join(folder, 'web.yaml'),
  `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 20
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: web, image: "web:1", resources: { requests: { cpu: 100m } } }]
      topologySpreadConstraints:
        - { maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: { matchLabels: { app: web } } }
`,
);

/** Ten nodes in two zones of five; node-0, node-2, … are in zone a. */
function start(failed: readonly string[], seconds: number, first: readonly object[] = []): ScenarioRun {
  const timeline = [...first, ...failed.map((node) => ({ at: '30s', fail: { node } }))];
  const scenario = {
    duration: `${seconds}s`,
    cluster: { nodes: [{ count: 10, name: 'node', zones: ['a', 'b'], template: 'node.yaml' }] },
    manifests: 'web.yaml',
    behaviour: [{ image: 'web:*', cached: true }],
    timeline,
  };
  writeFileSync(join(folder, 'case.yaml'), JSON.stringify(scenario));
  const run = new ScenarioRun(loadScenario(join(folder, 'case.yaml')));
  run.warmUp();
  return run;
}

const list = <T>(run: ScenarioRun, resource: string) => [...run.cluster.connections.current(resource)] as T[];
const nodeOf = (run: ScenarioRun, name: string) => list<Node>(run, 'nodes').find(({ metadata }) => metadata.name === name)!;
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
    const pods = list<Pod>(run, 'pods');
    if (held.length === 0) held = pods.filter(({ spec }) => spec.nodeName === 'node-3').map(({ metadata }) => metadata.name);
    for (const { metadata } of pods) if (!created.has(metadata.name)) created.set(metadata.name, metadata.creationTimestamp);
    if (unknownAt === 0 && readyOf(node).status === 'Unknown') {
      unknownAt = readyOf(node).lastTransitionTime!;
      renewed = list<Lease>(run, 'leases').find(({ metadata }) => metadata.name === 'node-3')!.spec.renewTime!;
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
  const left = list<Pod>(run, 'pods').filter(({ metadata }) => held.includes(metadata.name));
  assert.equal(left.length, held.length);
  assert.ok(held.length > 0 && left.every(({ metadata }) => metadata.deletionTimestamp !== undefined));
  const successors = list<Pod>(run, 'pods').filter(({ metadata }) => created.get(metadata.name)! > stop);
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
  const pods = list<Pod>(run, 'pods');
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
  assert.ok(list<Pod>(run, 'pods').some(({ metadata }) => metadata.deletionTimestamp !== undefined));
});
