import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunMetrics } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';
import { finish, root } from './scenario.js';

/** What users ask of etcd, on smaller clusters and for a shorter time than scenarios/etcd says: the answers must point the same way. */

const SECONDS = 28;
const NODES = 40;
const REPLICAS = 150;

function shortened(scenario: Scenario, nodes: number, replicas: number): Scenario {
  const timeline = scenario.timeline
    .filter((action) => action.at <= SECONDS * 1e9)
    .map((action) => (action.action === 'scale' ? { ...action, replicas } : action));
  const cluster = { ...scenario.cluster, nodes: scenario.cluster.nodes.slice(0, nodes) };
  return { ...scenario, timeline, cluster, duration: SECONDS * 1e9 };
}

/** Runs the named variants of a scenario; metrics by name. */
function ask(file: string, names: readonly string[], nodes = NODES, replicas = REPLICAS): Record<string, RunMetrics> {
  const { variants = [] } = loadScenario(join(root, 'scenarios', 'etcd', `${file}.yaml`));
  const found: Record<string, RunMetrics> = {};
  for (const name of names) {
    const scenario = variants.find(({ variant }) => variant === name);
    assert.ok(scenario !== undefined, `${file} has a variant ${name}`);
    const result = finish(new ScenarioRun(shortened(scenario, nodes, replicas)));
    assert.equal(result.name, name);
    found[name] = result.summary.metrics;
  }
  return found;
}

test('disk: the slower the fsync, the slower are commits and API writes', () => {
  const found = ask('disk', ['nvme', 'ebs-gp3', 'hdd']);
  const p99 = ['nvme', 'ebs-gp3', 'hdd'].map((name) => found[name]!.etcdCommitLatency.p99!);
  assert.ok(p99[0]! < p99[1]! && p99[1]! < p99[2]!, String(p99));
  assert.ok(found['nvme']!.apiWriteLatency.p50! < found['ebs-gp3']!.apiWriteLatency.p50!);
  assert.ok(found['ebs-gp3']!.apiWriteLatency.p99! < found['hdd']!.apiWriteLatency.p99!);
});

test('members: five are not faster than three, and three not than one', () => {
  const found = ask('members', ['1 member', '3 members', '5 members']);
  const p50 = ['1 member', '3 members', '5 members'].map((name) => found[name]!.etcdCommitLatency.p50!);
  assert.ok(p50[0]! < p50[1]!, String(p50));
  // The second fastest of three disks and the third fastest of five are both medians: equal but for the spread.
  assert.ok(p50[2]! > p50[1]! * 0.97, String(p50));
  assert.ok(p50[2]! < p50[1]! * 1.25, String(p50));
});

test('zones: one far member is not waited for, a far quorum is, by its round trip', () => {
  const found = ask('zones', ['one zone', 'one of three elsewhere', 'three zones', 'three regions']);
  const p50 = (name: string) => found[name]!.etcdCommitLatency.p50!;
  assert.ok(Math.abs(p50('one of three elsewhere') / p50('one zone') - 1) < 0.1);
  assert.ok(p50('three zones') > p50('one zone'));
  assert.ok(p50('three regions') > 0.02, 'a round trip of 20 ms');
  assert.ok(p50('three regions') < 0.025);
});

test('slow disk: invisible at a follower, not at the leader; moving the leader away cures it', () => {
  const found = ask('slow-disk', ['all as fast', 'slow follower', 'slow leader', 'slow leader moved']);
  const p50 = (name: string) => found[name]!.etcdCommitLatency.p50!;
  assert.ok(p50('slow follower') < 1.3 * p50('all as fast'));
  assert.ok(p50('slow leader') > 3 * p50('slow follower'));
  assert.ok(p50('slow leader moved') < 0.5 * p50('slow leader'));
});

test('defragmentation: felt by those who ask the blocked member', () => {
  const found = ask('defragment', ['none', 'follower', 'member of the API server']);
  assert.equal(found['none']!.apiErrors, 0);
  assert.equal(found['follower']!.apiErrors, 0);
  assert.ok(found['follower']!.apiWriteLatency.max! < 1);
  assert.ok(found['member of the API server']!.apiErrors > 0);
  assert.ok(found['member of the API server']!.apiWriteLatency.max! > 5);
});

test('quota: writes are refused from its end on', () => {
  const found = ask('quota', ['2Gi', '4Mi'], 100, 400);
  assert.equal(found['2Gi']!.apiErrors, 0);
  assert.ok(found['4Mi']!.apiErrors > 100, String(found['4Mi']!.apiErrors));
});

test('leases: requests grow with the nodes, and so does the commit, a little', () => {
  const found = ask('leases', ['500 nodes', '2000 nodes'], 2000);
  const ratio = found['2000 nodes']!.apiRequests / found['500 nodes']!.apiRequests;
  assert.ok(ratio > 3.5 && ratio < 4.5, String(ratio));
  assert.ok(found['2000 nodes']!.etcdCommitLatency.p50! > found['500 nodes']!.etcdCommitLatency.p50!);
});
