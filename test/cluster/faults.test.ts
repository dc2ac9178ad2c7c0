import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Node, Pod } from '../../src/api/core.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario, TimelineAction } from '../../src/scenario/types.js';
import { root } from './scenario.js';

type Action = TimelineAction extends infer A ? (A extends TimelineAction ? Omit<A, 'position'> : never) : never;
const S = 1e9;

/** Ten pods of a web server on eight nodes of three zones, without a rollout unless asked for. */
function scenario(actions: readonly Action[], seconds: number, change: Partial<Scenario> = {}): Scenario {
  const { rollout: _none, ...rest } = loadScenario(join(root, 'scenarios', 'strategies', 'rollback.yaml'), {});
  const timeline = actions.map((action) => ({ ...action, position: 'test' }) as TimelineAction);
  return { ...rest, duration: seconds * S, timeline, ...change };
}

function play(actions: readonly Action[], seconds: number, change: Partial<Scenario> = {}): ScenarioRun {
  const run = new ScenarioRun(scenario(actions, seconds, change));
  while (run.advance());
  return run;
}

function current<T>(run: ScenarioRun, resource: string): T[] {
  return [...run.cluster.connections.current(resource)] as T[];
}

/** A node that has pods of the web server when the scenario begins. */
function busyNode(): string {
  const run = new ScenarioRun(scenario([], 1));
  run.warmUp();
  return current<Pod>(run, 'pods').find((pod) => pod.metadata.name.startsWith('web-'))!.spec.nodeName!;
}

const node = busyNode();

test('a cluster repairs itself: a node crashes, is tainted, its pods are evicted and replaced, and it returns empty', () => {
  const run = new ScenarioRun(scenario([{ at: 10 * S, action: 'fail', target: { kind: 'node', name: node }, repair: 500 * S }], 620));
  run.warmUp();
  const taints = (): string[] => (current<Node>(run, 'nodes').find(({ metadata }) => metadata.name === node)!.spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);
  const pods = (): Pod[] => current<Pod>(run, 'pods').filter((pod) => pod.metadata.name.startsWith('web-'));
  const on = (): Pod[] => pods().filter((pod) => pod.spec.nodeName === node);
  const until = (second: number): void => {
    while ((run.cluster.simulation.now - run.origin) / S < second) run.advance();
  };
  const before = on().length;
  assert.ok(before > 0);
  assert.deepEqual(taints(), []);
  // Leases are renewed every 10 s; a node is Unknown 50 s after the last one (node-monitor-grace-period since 1.32).
  until(45);
  assert.deepEqual(taints(), []);
  until(75);
  assert.deepEqual(taints().sort(), ['node.kubernetes.io/unreachable:NoExecute', 'node.kubernetes.io/unreachable:NoSchedule']);
  assert.equal(on().filter((pod) => pod.metadata.deletionTimestamp !== undefined).length, 0, 'tolerated for 300 s');
  until(400);
  assert.equal(on().filter((pod) => pod.metadata.deletionTimestamp !== undefined).length, before, 'evicted');
  assert.equal(pods().filter((pod) => pod.metadata.deletionTimestamp === undefined).length, 10, 'replaced');
  assert.equal(run.tracker.readyNow, 10);
  until(560);
  assert.deepEqual(taints(), [], 'the machine is back');
  assert.equal(on().length, 0, 'its kubelet has finished the pods that were deleted meanwhile');
  const { workload } = run.cluster;
  assert.equal(workload.totals(run.origin + 80 * S, run.origin + 620 * S).errors, 0, 'users are not sent to a node that is Unknown');
});

test('a node that hangs answers nobody, and goes on with its pods where it was', () => {
  const run = play([{ at: 10 * S, action: 'fail', target: { kind: 'hang', name: node }, repair: 20 * S }], 120);
  const { metrics } = run.result().summary;
  const names = metrics.failures.map(({ mechanism }) => mechanism);
  assert.ok(names.includes('unreachable-pod'), names.join());
  const { workload } = run.cluster;
  assert.equal(workload.totals(run.origin + 60 * S, run.origin + 120 * S).errors, 0);
  const web = run.observer.lives().filter((life) => life.node === node && life.owner.includes('web'));
  assert.ok(web.length > 0 && web.every(({ restarts, deleted }) => restarts === 0 && deleted < 0), 'nothing was started anew');
});

test('a machine that hangs for longer than its lease is tainted, and comes back by itself: its kubelet sends what it was about to send', () => {
  const run = new ScenarioRun(scenario([{ at: 10 * S, action: 'fail', target: { kind: 'hang', name: node }, repair: 80 * S }], 130));
  run.warmUp();
  const object = (): Node => current<Node>(run, 'nodes').find(({ metadata }) => metadata.name === node)!;
  const until = (second: number): void => {
    while ((run.cluster.simulation.now - run.origin) / S < second) run.advance();
  };
  until(75);
  assert.ok((object().spec.taints ?? []).some(({ key }) => key === 'node.kubernetes.io/unreachable'));
  until(125);
  assert.deepEqual(object().spec.taints ?? [], []);
  assert.equal(object().status.conditions!.find(({ type }) => type === 'Ready')!.status, 'True');
  assert.equal(run.tracker.readyNow, 10);
});

test('without its scheduler a cluster creates pods that wait; without its controllers it creates none', () => {
  const web = { namespace: 'default', name: 'web' };
  const lost = (kind: 'scheduler' | 'controllerManager') => play([{ at: 5 * S, action: 'fail', target: { kind, index: 0 }, repair: 60 * S }, { at: 10 * S, action: 'scale', deployment: web, replicas: 14 }], 130);
  const scheduler = lost('scheduler');
  const waited = scheduler.observer.lives().filter((life) => life.created > scheduler.origin);
  assert.equal(waited.length, 4);
  assert.ok(waited.every(({ created, scheduled }) => created - scheduler.origin < 12 * S && scheduled - scheduler.origin > 65 * S));
  const controllers = lost('controllerManager');
  const late = controllers.observer.lives().filter((life) => life.created > controllers.origin);
  assert.equal(late.length, 4);
  assert.ok(late.every(({ created }) => created - controllers.origin > 65 * S));
});

test('a slow disk makes pods of a node late, lost packets make its answers late', () => {
  const web = { namespace: 'default', name: 'web' };
  const start = (slow: boolean): number => {
    const all = scenario([], 1).cluster.nodes.map(({ metadata }): Action => ({ at: 0, action: 'fail', target: { kind: 'nodeDisk', name: metadata.name, factor: 20 } }));
    const run = play([...(slow ? all : []), { at: 10 * S, action: 'scale', deployment: web, replicas: 14 }], 60);
    return run.result().summary.metrics.podStartup.schedule_to_run.p50!;
  };
  assert.ok(start(true) > 4 * start(false));
  const loss = play([{ at: 10 * S, action: 'fail', target: { kind: 'packetLoss', name: node, share: 0.3 }, repair: 60 * S }], 120);
  const p99 = (from: number, to: number): number => loss.cluster.workload.totals(loss.origin + from * S, loss.origin + to * S).latency.quantile(0.99);
  // A lost packet is sent again after 200 ms.
  assert.ok(p99(12, 68) > 0.2 && p99(80, 120) < 0.1);
});

test('a zone takes its machines of the control plane along', () => {
  const base = scenario([], 1);
  const zones = ['a', 'b', 'c'];
  const cluster = { ...base.cluster, etcd: { ...base.cluster.etcd, members: 3, zones }, controlPlaneReplicas: 3, apiServers: 3 };
  const web = { namespace: 'default', name: 'web' };
  const run = play([{ at: 10 * S, action: 'fail', target: { kind: 'zone', name: 'a' }, repair: 100 * S }, { at: 60 * S, action: 'scale', deployment: web, replicas: 12 }], 180, { cluster });
  assert.ok(run.timeline.log.some(({ message }) => message.includes('zone a is back')));
  const fresh = run.observer.lives().filter((life) => life.created - run.origin > 59 * S);
  assert.ok(fresh.length >= 2 && fresh.every(({ scheduled }) => scheduled >= 0), 'other replicas lead');
  assert.ok(run.cluster.etcd.members.every(({ running }) => running));
});

test('actions and faults at instants of the rollout, and the same luck for every strategy', () => {
  const whole = loadScenario(join(root, 'scenarios', 'strategies', 'rollback.yaml'), {});
  const good = whole.rollout!;
  const played = (name: string): ScenarioRun => {
    const timeline = [{ at: 0, progress: 0.5, action: 'fail', target: { kind: 'dns' }, position: 'test' } as TimelineAction];
    const faults = [{ every: { kind: 'exponential', mean: 20 * S }, from: 0, target: { kind: 'nodes', groups: [whole.cluster.nodes.map(({ metadata }) => metadata.name)], count: 2 }, repair: { kind: 'constant', value: 3 * S } }] as const;
    const run = new ScenarioRun({ ...whole, duration: 120 * S, timeline, faults });
    run.rollOut(good.strategies.find((strategy) => strategy.name === name)!);
    while (run.advance());
    return run;
  };
  const [ramped, blueGreen] = [played('ramped'), played('blueGreen')];
  const faultsOf = (run: ScenarioRun) => run.timeline.log.filter(({ phase }) => phase === 'fault' || phase === 'repair').map(({ time, message }) => `${(time - run.origin) / S} ${message}`);
  assert.ok(faultsOf(ramped).length > 4);
  assert.deepEqual(faultsOf(ramped), faultsOf(blueGreen));
  const half = ramped.timeline.log.find(({ message }) => message.includes('DNS'))!;
  assert.ok(half.time > ramped.pipeline!.startedAt, 'in the rollout');
});
