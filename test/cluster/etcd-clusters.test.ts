import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';
import { finish, root } from './scenario.js';

/** Several etcd clusters, and etcd on machines of its own. */

const SECONDS = 20;

function variant(file: string, name: string, change: (scenario: Scenario) => Scenario = (scenario) => scenario): ScenarioRun {
  const found = loadScenario(join(root, 'scenarios', 'etcd', `${file}.yaml`)).variants!.find((each) => each.variant === name);
  assert.ok(found !== undefined, `${file} has a variant ${name}`);
  const timeline = found.timeline
    .filter((action) => action.at <= SECONDS * 1e9)
    .map((action) => (action.action === 'scale' ? { ...action, replicas: 100 } : action));
  const cluster = { ...found.cluster, nodes: found.cluster.nodes.slice(0, 30) };
  return new ScenarioRun(change({ ...found, cluster, timeline, duration: SECONDS * 1e9 }));
}

test('events in an etcd of their own: each cluster holds its resources and nothing else; API servers see one whole', () => {
  const together = variant('events', 'ssd together');
  const apart = variant('events', 'ssd apart');
  const before = finish(together).summary.metrics;
  const after = finish(apart).summary.metrics;
  const [main, events] = apart.cluster.etcdClusters.all;
  const keys = (member: number, cluster = main!.cluster) =>
    cluster.members[member]!.store.range('/registry/', true, 0, 0)!.map(({ key }) => key);
  assert.ok(keys(0).length > 150 && keys(0).every((key) => !key.startsWith('/registry/events/')));
  assert.ok(keys(0, events!.cluster).length > 200);
  assert.ok(keys(0, events!.cluster).every((key) => key.startsWith('/registry/events/')));
  assert.deepEqual(keys(2, events!.cluster), keys(0, events!.cluster));
  const cached = apart.cluster.servers[0]!.cache('events').objects.size;
  assert.equal(cached, keys(0, events!.cluster).length, 'the watch cache of events is fed by their cluster');
  assert.equal(before.etcdClusters.length, 1);
  const [rest, own] = after.etcdClusters;
  assert.deepEqual([rest!.name, own!.name, own!.resources], ['etcd', 'etcd-events', ['events']]);
  const total = before.etcdClusters[0]!.commitLatency.count;
  assert.ok(Math.abs((rest!.commitLatency.count + own!.commitLatency.count) / total - 1) < 0.05);
  assert.ok(own!.commitLatency.count > 0.25 * total, 'events are a large part of the writes');
  assert.ok(rest!.databaseBytes < before.etcdClusters[0]!.databaseBytes);
});

test('two etcd members on one disk wait for each other', () => {
  const apart = finish(variant('events', 'hdd apart')).summary.metrics.etcdClusters[0]!.commitLatency.p50!;
  const shared = finish(variant('events', 'hdd apart on one disk')).summary.metrics.etcdClusters[0]!.commitLatency.p50!;
  assert.ok(shared > 1.3 * apart, `${shared} ${apart}`);
});

test('without the etcd of events pods start all the same', () => {
  const run = variant('events', 'ssd and events down');
  const { metrics } = finish(run).summary;
  assert.equal(metrics.podStartup.pod_startup.count, 90);
  assert.equal(metrics.etcdClusters[1]!.commitLatency.count, 0);
  assert.ok(metrics.apiErrors > 0, 'events could not be written');
  assert.deepEqual(
    run.timeline.log.slice(0, 2).map(({ message }) => message),
    ['etcd-events-0 is down', 'etcd-events-1 is down'],
  );
});

test('stacked API servers ask the member beside them, external ones all in turn', () => {
  const share = (name: string) => {
    const run = variant('topology', name, (scenario) => ({ ...scenario, cluster: { ...scenario.cluster, apiServers: 1, controlPlaneReplicas: 1 } }));
    const table = finish(run).tables.find(({ spec }) => spec.name === 'etcd_by_second')!;
    const members = table.column('member');
    const puts = [0, 0, 0];
    (table.column('puts') as Float64Array).forEach((count, row) => {
      puts[Number((members[row] as string).slice('etcd-'.length))]! += count;
    });
    return { share: puts[0]! / (puts[0]! + puts[1]! + puts[2]!), hosts: run.cluster.etcd.members.map(({ host }) => host), run };
  };
  const stacked = share('stacked');
  assert.equal(stacked.share, 1);
  assert.equal(stacked.hosts[0], stacked.run.cluster.servers[0]!.host);
  const external = share('external');
  assert.ok(external.share > 0.25 && external.share < 0.42, String(external.share));
  assert.ok(!external.hosts.includes(external.run.cluster.servers[0]!.host));
});
