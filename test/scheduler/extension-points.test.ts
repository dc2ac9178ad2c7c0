import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import { podCondition } from '../../src/api/core.js';
import { SECOND } from '../../src/kernel/time.js';
import type { Scenario } from '../../src/scenario/types.js';
import { readSchedulerConfiguration } from '../../src/scheduler/config/configuration.js';
import {
  type ClusterEvent,
  type Cycle,
  EventKind,
  type Handle,
  type Plugin,
  type PodInfo,
  type Status,
  skip,
  unschedulable,
  wait,
} from '../../src/scheduler/index.js';
import type { PluginConstructor } from '../../src/scheduler/profile.js';
import { registerPluginCode } from '../../src/scheduler/user-plugins.js';
import { FakeCluster } from './fake-cluster.js';
import { node, pod } from './objects.js';

/** A cluster whose default profile runs one more plugin. */
function clusterWith(name: string, code: PluginConstructor, version: '1.34' | '1.35' = '1.34'): FakeCluster {
  registerPluginCode(name, code);
  const { configuration, errors } = readSchedulerConfiguration(
    {
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      profiles: [{ plugins: { multiPoint: { enabled: [{ name }] } } }],
    },
    { version, additionalPlugins: [name] },
  );
  assert.deepEqual(errors, []);
  const scheduler = { qps: 50, burst: 100, percentageOfNodesToScore: 0, parallelism: 16, configuration, plugins: [{ name, source: name }] };
  const cluster = new FakeCluster({ kubernetesVersion: version, cluster: { scheduler } } as unknown as Partial<Scenario>);
  for (const each of ['a', 'b']) cluster.setNode(node(each));
  return cluster;
}

const pluginOf = <T>(cluster: FakeCluster, name: string): T =>
  cluster.scheduler.core.frameworks.get('default-scheduler')!.plugins.permit.find((plugin) => plugin.name === name) as T;

class Witness implements Plugin {
  readonly name = 'Witness';
  readonly calls: string[] = [];

  private note(call: string): null {
    this.calls.push(call);
    return null;
  }

  preEnqueue(): null {
    return this.note('preEnqueue');
  }
  preFilter(): null {
    return this.note('preFilter');
  }
  filter(): null {
    return this.note('filter');
  }
  preScore(): null {
    return this.note('preScore');
  }
  scoreNodes(_: Cycle, slots: Int32Array, scores: Float64Array): void {
    this.note(`score ${slots.length}`);
    scores.fill(200);
  }
  normalize(_: Cycle, __: Int32Array, scores: Float64Array): void {
    this.note(`normalize ${scores[0]}`);
    scores.fill(100);
  }
  reserve(): null {
    return this.note('reserve');
  }
  unreserve(_: PodInfo, nodeName: string): void {
    this.note(`unreserve ${nodeName.length}`);
  }
  permit(): Status | null {
    return this.note('permit');
  }
  preBind(): readonly [] {
    this.note('preBind');
    return [];
  }
  postBind(): void {
    this.note('postBind');
  }
}

test('every extension point is called once, in the order of the framework', () => {
  const cluster = clusterWith('Witness', Witness);
  cluster.create(pod('p'));
  cluster.simulation.run(SECOND);
  assert.deepEqual(pluginOf<Witness>(cluster, 'Witness').calls, [
    'preEnqueue',
    'preFilter',
    'filter',
    'filter',
    'preScore',
    'score 2',
    'normalize 200',
    'reserve',
    'permit',
    'preBind',
    'postBind',
  ]);
});

test('a refused binding: Unreserve, back-off, and the words of the framework', () => {
  const cluster = clusterWith('Witness', Witness);
  cluster.refuseBindings = { code: 409, reason: 'Conflict', message: 'pods "p" is assigned to node "z"' };
  cluster.create(pod('p'));
  cluster.simulation.run(SECOND / 2);
  assert.deepEqual(pluginOf<Witness>(cluster, 'Witness').calls.slice(-3), ['preBind', 'unreserve 1', 'preEnqueue']);
  const condition = podCondition(cluster.pod('default/p')!, 'PodScheduled')!;
  assert.equal(condition.reason, 'SchedulerError');
  assert.equal(condition.message, 'running Bind plugin "DefaultBinder": pods "p" is assigned to node "z"');
  assert.equal(cluster.scheduler.queueLengths().backoff, 1);
  cluster.refuseBindings = null;
  cluster.simulation.run(4 * SECOND);
  assert.ok(cluster.pod('default/p')!.spec.nodeName);
});

/** Binds pods of a group of three together: the first two wait at Permit, the third lets all go. */
class Gang implements Plugin {
  readonly name = 'Gang';
  private readonly handle: Handle;

  constructor(handle: Handle) {
    this.handle = handle;
  }

  permit(cycle: Cycle): Status | null {
    const waiting = [...this.handle.waitingPods.values()];
    if (cycle.pod.pod.metadata.labels?.['gang'] === undefined) return null;
    if (waiting.length < 2) return wait(this.name, 30 * SECOND);
    for (const each of waiting) each.allow(this.name);
    return null;
  }
}

const member = (name: string): Pod => pod(name, {}, { gang: 'g' });

test('Permit: pods wait with their node reserved, and are bound when the plugin allows them', () => {
  const cluster = clusterWith('Gang', Gang);
  cluster.create(member('one'));
  cluster.create(member('two'));
  cluster.create(pod('other'));
  cluster.simulation.run(10 * SECOND);
  assert.equal(cluster.pod('default/one')!.spec.nodeName, undefined);
  assert.ok(cluster.pod('default/other')!.spec.nodeName);
  const { nodes } = cluster.scheduler.core.cache;
  assert.equal([...nodes.order].reduce((sum, slot) => sum + nodes.podCount[slot]!, 0), 3);
  cluster.create(member('three'));
  cluster.simulation.run(11 * SECOND);
  for (const name of ['one', 'two', 'three']) assert.ok(cluster.pod(`default/${name}`)!.spec.nodeName, name);
  assert.equal(cluster.scheduler.core.handle.waitingPods.size, 0);
});

test('Permit: who waits too long is unschedulable, gives its room back, and is tried again by events only', () => {
  const cluster = clusterWith('Gang', Gang);
  cluster.create(member('one'));
  cluster.simulation.run(31 * SECOND);
  const condition = podCondition(cluster.pod('default/one')!, 'PodScheduled')!;
  assert.equal(condition.reason, 'Unschedulable');
  assert.equal(condition.message, '0/1 nodes are available: 1 rejected due to timeout after waiting 30s at plugin Gang.');
  const { nodes } = cluster.scheduler.core.cache;
  assert.equal([...nodes.order].reduce((sum, slot) => sum + nodes.podCount[slot]!, 0), 0);
  assert.equal(cluster.scheduler.queueLengths().unschedulable, 1);
});

test('Permit: a waiting pod that is deleted gives its room back at once', () => {
  const cluster = clusterWith('Gang', Gang);
  cluster.create(member('one'));
  cluster.simulation.run(SECOND);
  cluster.setPod(undefined, 'default/one');
  cluster.simulation.run(2 * SECOND);
  assert.equal(cluster.scheduler.core.handle.waitingPods.size, 0);
  const { nodes } = cluster.scheduler.core.cache;
  assert.equal([...nodes.order].reduce((sum, slot) => sum + nodes.podCount[slot]!, 0), 0);
});

test('from 1.35 on the node that a pod waits for is written first; in 1.34 it is not', () => {
  const patches = (version: '1.34' | '1.35') => {
    const cluster = clusterWith('Gang', Gang, version);
    cluster.create(member('one'));
    cluster.simulation.run(SECOND);
    return [cluster.requests.filter(({ request }) => request.verb === 'patch').length, cluster.pod('default/one')!.status.nominatedNodeName ?? ''] as const;
  };
  assert.deepEqual(patches('1.34'), [0, '']);
  const [count, node] = patches('1.35');
  assert.equal(count, 1);
  assert.match(node, /^[ab]$/);
});

/** Rejects at Reserve until told otherwise by a label of a node. */
class Full implements Plugin {
  readonly name = 'Full';
  private readonly handle: Handle;

  constructor(handle: Handle) {
    this.handle = handle;
  }

  reserve(_: Cycle, slot: number): Status | null {
    return this.handle.nodes.nodes[slot]!.metadata.labels?.['free'] === 'yes' ? null : unschedulable(this.name, 'no licence left');
  }

  permit(): Status | null {
    return null;
  }

  eventsToRegister() {
    return [{ kinds: EventKind.NodeLabel }];
  }

  hint(_: PodInfo, event: ClusterEvent): boolean {
    return event.object?.metadata.labels?.['free'] === 'yes';
  }
}

test('Reserve: the reason of the one node, and the plugin’s own hint brings the pod back', () => {
  const cluster = clusterWith('Full', Full);
  cluster.create(pod('p'));
  cluster.simulation.run(SECOND);
  assert.equal(podCondition(cluster.pod('default/p')!, 'PodScheduled')!.message, '0/1 nodes are available: 1 no licence left.');
  assert.equal(cluster.scheduler.attempts.length, 1);
  cluster.setNode(node('a', { other: 'label' }));
  cluster.simulation.run(20 * SECOND);
  assert.equal(cluster.scheduler.attempts.length, 1);
  cluster.setNode(node('a', { free: 'yes' }));
  cluster.setNode(node('b', { free: 'yes' }));
  cluster.simulation.run(40 * SECOND);
  assert.ok(cluster.pod('default/p')!.spec.nodeName);
});

/** Throws at one of its extension points. */
function thrower(point: keyof Plugin): PluginConstructor {
  class Broken implements Plugin {
    readonly name = 'Broken';
    permit(): Status | null {
      return null;
    }
  }
  Object.defineProperty(Broken.prototype, point, {
    value: () => {
      throw new Error('out of order');
    },
  });
  return Broken;
}

test('an error at any extension point names plugin and pod', () => {
  const points = ['preEnqueue', 'preFilter', 'filter', 'preScore', 'scoreNodes', 'reserve', 'permit', 'preBind', 'postBind'] as const;
  for (const point of points) {
    const cluster = clusterWith('Broken', thrower(point));
    assert.throws(
      () => {
        cluster.create(pod('p'));
        cluster.simulation.run(SECOND);
      },
      /scheduler plugin Broken failed on pod default\/p: out of order/,
      point,
    );
  }
});

test('a plugin that calls itself otherwise than the profile is refused', () => {
  class Alias implements Plugin {
    readonly name = 'Else';
    preFilter(): Status {
      return skip(this.name);
    }
  }
  assert.throws(() => clusterWith('Alias', Alias), /scheduler plugin Alias: its class calls itself "Else"; both names must be the same/);
});
