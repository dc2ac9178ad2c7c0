import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DistributionSpec } from '../../src/random/distribution.js';
import type { CostProfile } from '../../src/scenario/types.js';
import { mainScenario, run } from './scenario.js';

/** Each test changes one thing and looks whether the outcome moves the way theory says: the parts are really connected. */
const base = mainScenario();
const before = run(base, 'ramped').summary.metrics;

function slower(spec: DistributionSpec, factor: number): DistributionSpec {
  switch (spec.kind) {
    case 'lognormal':
      return { ...spec, median: spec.median * factor };
    case 'constant':
      return { ...spec, value: spec.value * factor };
    default:
      throw new Error(`the test expects a lognormal fsync, not ${spec.kind}`);
  }
}

test('with one etcd member down the quorum waits for the slower of two: commits and API writes take longer', () => {
  const timeline = [{ at: 0, position: '', action: 'fail', target: { kind: 'etcd', index: 2 } } as const, ...base.timeline];
  const after = run({ ...base, timeline }, 'ramped').summary.metrics;
  // The whole distribution moves; the 99th percentile of one run also holds its few commits behind a slow fsync.
  assert.ok(after.etcdCommitLatency.p50! > 1.1 * before.etcdCommitLatency.p50!);
  assert.ok(after.etcdCommitLatency.p90! > 1.1 * before.etcdCommitLatency.p90!);
  assert.ok(after.etcdCommitLatency.p99! > 1.05 * before.etcdCommitLatency.p99!);
  assert.ok(after.apiWriteLatency.p99! > 1.05 * before.apiWriteLatency.p99!);
  assert.equal(after.lowestAvailableShare, before.lowestAvailableShare, 'the rollout itself goes on');
});

test('twice the fsync time: commits and API writes take longer', () => {
  const etcd: CostProfile['etcd'] = { ...base.profile.etcd, fsync: slower(base.profile.etcd.fsync, 2) };
  const after = run({ ...base, profile: { ...base.profile, etcd } }, 'ramped').summary.metrics;
  assert.ok(after.etcdCommitLatency.p50! > 1.5 * before.etcdCommitLatency.p50!);
  assert.ok(after.etcdCommitLatency.p99! > 1.5 * before.etcdCommitLatency.p99!);
  assert.ok(after.apiWriteLatency.p99! > 1.2 * before.apiWriteLatency.p99!);
});

test('controllers with 5 requests a second: rollouts take longer', () => {
  let difference = 0;
  const seeds = ['1', '2', '3', '4'];
  for (const seed of seeds) {
    const nodes = base.cluster.nodes.slice(0, 60);
    const scenario = { ...base, seed, cluster: { ...base.cluster, nodes } };
    const controllerManager = { ...base.cluster.controllerManager, qps: 5 };
    const slow = run({ ...scenario, cluster: { ...scenario.cluster, controllerManager } }, 'ramped').summary.metrics;
    difference += slow.rolloutDuration! - run(scenario, 'ramped').summary.metrics.rolloutDuration!;
  }
  assert.ok(difference / seeds.length > 0.3, `${difference / seeds.length} s on average`);
});

test('kube-proxies that learn of changes 2 s later: more requests reach pods that are gone', () => {
  const kubeProxy = { ...base.cluster.kubeProxy, extraDelay: 2e9 };
  const after = run({ ...base, cluster: { ...base.cluster, kubeProxy } }, 'ramped').summary.metrics;
  assert.ok(after.errors > 5 * (before.errors + 1), `${after.errors} errors against ${before.errors}`);
});

test('half the nodes: scheduling cycles are shorter', () => {
  const nodes = base.cluster.nodes.slice(0, base.cluster.nodes.length / 2);
  const after = run({ ...base, cluster: { ...base.cluster, nodes } }, 'ramped').summary.metrics;
  assert.ok(before.schedulingDuration.count > 0);
  // The mean of these few cycles depends on how many slices of garbage collection fall into them.
  assert.ok(after.schedulingDuration.p50! < 0.9 * before.schedulingDuration.p50!);
});
