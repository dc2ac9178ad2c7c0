import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunMetrics } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';
import { finish, root } from './scenario.js';

/** What people ask of API servers, on smaller clusters and for a shorter time than scenarios/apiserver says: the answers must point the same way. */

interface Cut {
  readonly seconds?: number;
  readonly nodes?: number;
  readonly replicas?: number;
}

function cut(scenario: Scenario, { seconds = 15, nodes = 40, replicas = 60 }: Cut): Scenario {
  const timeline = scenario.timeline
    .filter((action) => action.at <= seconds * 1e9)
    .map((action) => (action.action === 'scale' ? { ...action, replicas } : action));
  return { ...scenario, timeline, cluster: { ...scenario.cluster, nodes: scenario.cluster.nodes.slice(0, nodes) }, duration: seconds * 1e9 };
}

function ask(file: string, names: readonly string[], how: Cut = {}): { metrics: Record<string, RunMetrics>; runs: Record<string, ScenarioRun> } {
  const { variants = [] } = loadScenario(join(root, 'scenarios', 'apiserver', `${file}.yaml`));
  const metrics: Record<string, RunMetrics> = {};
  const runs: Record<string, ScenarioRun> = {};
  for (const name of names) {
    const scenario = variants.find(({ variant }) => variant === name);
    assert.ok(scenario !== undefined, `${file} has a variant ${name}`);
    runs[name] = new ScenarioRun(cut(scenario, how));
    metrics[name] = finish(runs[name]).summary.metrics;
  }
  return { metrics, runs };
}

test('restart: nodes list only where no other server has the history', () => {
  const { runs } = ask('restart', ['the only one', 'one of three'], { seconds: 39, nodes: 60 });
  const lists = (name: string) => runs[name]!.cluster.connections.nodes!.lists;
  assert.ok(lists('the only one') >= 60, String(lists('the only one')));
  assert.equal(lists('one of three'), 0);
  for (const run of Object.values(runs)) assert.equal(run.cluster.connections.nodes!.waiting, 0);
});

test('chatty: with Priority and Fairness others wait less than without', () => {
  const { metrics } = ask('chatty', ['chatty', 'chatty without P&F', 'chatty with qps 20'], { seconds: 8, replicas: 400, nodes: 100 });
  assert.ok(metrics['chatty with qps 20']!.apiRequests < 0.3 * metrics['chatty']!.apiRequests);
  assert.ok(metrics['chatty']!.apiWriteLatency.p50! < metrics['chatty without P&F']!.apiWriteLatency.p50!);
});

test('lists: from etcd they cost etcd, from the cache they do not', () => {
  const { runs } = ask('lists', ['from cache', 'consistent', 'from etcd'], { seconds: 8, replicas: 150 });
  const latency = (name: string) => runs[name]!.cluster.clients[0]!.latency.quantile(0.5);
  assert.ok(latency('from cache') < latency('consistent'), 'a consistent read asks etcd for its revision');
  assert.ok(latency('from cache') < latency('from etcd'));
  assert.equal(runs['consistent']!.cluster.servers[0]!.metrics.consistentReads.get('pods')?.fallback, 0);
});

test('webhook: what it takes is added; too slow, it refuses with Fail and only delays with Ignore', () => {
  const { metrics } = ask('webhook', ['none', '1 s', 'too slow and Fail', 'too slow and Ignore'], { seconds: 25 });
  assert.ok(metrics['1 s']!.apiWriteLatency.max! >= 1);
  assert.equal(metrics['none']!.apiErrors, 0);
  assert.ok(metrics['too slow and Fail']!.apiErrors > 0);
  assert.ok(metrics['too slow and Fail']!.apiWrites < 0.5 * metrics['too slow and Ignore']!.apiWrites, 'pods are not made');
  assert.ok(metrics['too slow and Ignore']!.apiWriteLatency.max! >= 2);
});

test('servers: under load three have shorter lines than one', () => {
  const { metrics } = ask('servers', ['1 server under load', '3 servers under load'], { seconds: 8, nodes: 200 });
  assert.ok(metrics['3 servers under load']!.apiWriteLatency.p50! < metrics['1 server under load']!.apiWriteLatency.p50!);
});

test('masters: one of three may be lost, two of three not', () => {
  const { metrics } = ask('masters', ['3 masters', '1 of 3 lost', '2 of 3 lost'], { seconds: 65 });
  assert.ok(metrics['1 of 3 lost']!.apiWrites > 0.8 * metrics['3 masters']!.apiWrites);
  assert.ok(metrics['2 of 3 lost']!.apiWrites < 50);
});

test('events: a flood in an etcd of its own leaves the other alone', () => {
  const { metrics } = ask('events', ['none', '2000 a second', '2000 a second, etcd of their own'], { seconds: 8 });
  const writes = (name: string) => metrics[name]!.etcdClusters[0]!.commitLatency.count;
  assert.ok(writes('2000 a second') > 5 * writes('none'));
  assert.ok(writes('2000 a second, etcd of their own') < 0.5 * writes('2000 a second'));
});
