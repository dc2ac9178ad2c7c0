import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import { ClusterFaults } from '../../src/cluster/cluster-faults.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import type { Scenario, TimelineAction } from '../../src/scenario/types.js';
import { mainScenario } from './scenario.js';

type Action = TimelineAction extends infer A ? (A extends TimelineAction ? Omit<A, 'position'> : never) : never;

const frontend = { namespace: 'default', name: 'frontend' };

function start(actions: readonly Action[], seconds: number, change: Partial<Scenario['cluster']>): ScenarioRun {
  const scenario = mainScenario(seconds);
  const timeline = actions.map((action) => ({ ...action, position: 'test' }) as TimelineAction);
  const nodes = scenario.cluster.nodes.slice(0, 12);
  const { rollout: _none, ...rest } = scenario;
  return new ScenarioRun({ ...rest, traffic: [], timeline, cluster: { ...scenario.cluster, nodes, ...change } });
}

function play(...parameters: Parameters<typeof start>): ScenarioRun {
  const run = start(...parameters);
  while (run.advance());
  return run;
}

function running(run: ScenarioRun): number {
  return [...run.cluster.connections.current('pods')].filter((object) => {
    const pod = object as Pod;
    return pod.metadata.name.startsWith('frontend-') && pod.status.phase === 'Running';
  }).length;
}

const etcd = mainScenario().cluster.etcd;
const machines = (count: number, replicas = count): Partial<Scenario['cluster']> => ({
  etcd: { ...etcd, members: count, zones: Array.from({ length: count }, () => 'a') },
  apiServers: count,
  controlPlaneReplicas: replicas,
});
const lose = (index: number, at = 5e9): Action => ({ at, action: 'fail', target: { kind: 'machine', index } });
const grow: Action = { at: 10e9, action: 'scale', deployment: frontend, replicas: 12 };

test('one of one master is lost: nothing can be asked of the cluster, until the machine is back', () => {
  const run = start([lose(0), grow, { at: 60e9, action: 'heal', target: { kind: 'machine', index: 0 } }], 150, machines(1));
  while (run.share < 0.35) run.advance();
  assert.equal(run.cluster.servers[0]!.up, false);
  assert.equal(run.timeline.log.filter(({ phase }) => phase === 'error').length, 1, 'connection refused');
  while (run.advance());
  assert.equal(run.cluster.servers[0]!.up, true);
  assert.ok(run.cluster.controllerManager.running && !run.cluster.controllerManager.stopped, 'somebody leads again');
  assert.equal(run.cluster.connections.nodes!.waiting, 0, 'all nodes watch again');
});

test('one of two masters is lost: etcd has no quorum, nothing is written', () => {
  const run = play([lose(1), grow], 60, machines(2));
  assert.equal(running(run), 1, 'as at the start');
});

test('one of three masters is lost: the cluster goes on once another machine leads', () => {
  const run = play([lose(0), grow], 100, machines(3));
  assert.equal(running(run), 12);
  const log = run.cluster.controlPlane.map(({ electors }) => electors.findIndex(({ leading }) => leading));
  assert.ok(log.every((replica) => replica > 0), String(log));
  assert.equal(run.cluster.connections.nodes!.waiting, 0);
});

test('two of three masters are lost: the one that is left cannot write', () => {
  const run = play([lose(0), lose(1), grow], 60, machines(3));
  assert.equal(running(run), 1);
});

test('the loss of a machine is noticed by its clients after 45 s, that of a process at once', () => {
  const lost = (action: Action, seconds: number): number => {
    const run = start([action], 90, machines(3));
    while (run.origin < 0 || run.share * 90 < seconds) run.advance();
    return run.cluster.connections.nodes!.waiting;
  };
  const process: Action = { at: 5e9, action: 'fail', target: { kind: 'apiServer', index: 1 } };
  assert.equal(lost(process, 8), 0, 'the watches moved to another server');
  assert.equal(lost(lose(1), 30), 16, 'four watches of a third of 12 nodes');
  assert.equal(lost(lose(1), 55), 0);
});

test('graceful restart: requests in flight are answered, watches move, the server comes back', () => {
  const run = start([grow, { at: 10.2e9, action: 'restart', index: 0, shutdownDelay: 1e9, start: 2e9 }], 60, machines(3));
  const server = run.cluster.servers[0]!;
  const states: boolean[] = [];
  while (run.advance()) states.push(server.up);
  const down = states.indexOf(false);
  assert.ok(down >= 10, `serves through the shutdown delay: ${down}`);
  assert.ok(server.up);
  assert.equal(running(run), 12);
  const codes = new Set<number>();
  for (const each of run.cluster.servers) for (const { codes: found } of each.metrics.totals.values()) for (const code of found.keys()) codes.add(code);
  assert.ok(![...codes].some((code) => code >= 500), [...codes].join(' '));
});

test('one API server restarts: its clients back off, list what is too old to watch, and all of them come back', () => {
  const run = play([grow, { at: 20e9, action: 'restart', index: 0, shutdownDelay: 0, start: 3e9 }], 60, machines(1));
  const { nodes } = run.cluster.connections;
  assert.equal(nodes!.waiting, 0);
  assert.ok(nodes!.lists > 12, `lists of nodes: ${nodes!.lists}`);
  assert.equal(nodes!.opened, 12 * 4);
  assert.equal(running(run), 12);
});

test('machines with few cores: everything on them takes longer', () => {
  const p99 = (cores: number): number => play([grow], 30, { ...machines(1), controlPlaneCores: cores }).result().summary.metrics.apiWriteLatency.p99!;
  assert.ok(p99(1) > 1.05 * p99(8), `${p99(1)} ${p99(8)}`);
});

test('faults know their machines', () => {
  const run = start([], 5, machines(1));
  const faults = new ClusterFaults(run.cluster);
  faults.setMachine(0, false);
  assert.equal(run.cluster.network.isUp(run.cluster.servers[0]!.host), false);
  faults.setMachine(0, true);
  assert.equal(run.cluster.network.isUp(run.cluster.servers[0]!.host), true);
});
