import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND } from '../../src/kernel/time.js';
import { readSchedulerConfiguration } from '../../src/scheduler/config/configuration.js';
import type { KubernetesVersion } from '../../src/scheduler/framework/features.js';
import { SchedulerCore } from '../../src/scheduler/scheduler-core.js';
import { node, pod } from './objects.js';

/** Profiles without default spreading, in which pods can be signed. */
const noSpread = { pluginConfig: [{ name: 'PodTopologySpread', args: { defaultingType: 'List', defaultConstraints: [] } }] };

class World {
  readonly core: SchedulerCore;
  cycle = 0;
  now = 0;

  constructor(version: KubernetesVersion, profile: object = noSpread) {
    const raw = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration', profiles: [profile] };
    this.core = new SchedulerCore(version, { next: () => 0 }, readSchedulerConfiguration(raw, { version }).configuration);
    for (let i = 0; i < 6; i++) this.core.cache.nodes.setNode(node(`n${i}`, {}, { allocatable: { cpu: 1000 + 100 * i, memory: 2 ** 33, pods: 110 } }));
  }

  /** Places a pod; whether nodes were scored for it, and where it went. */
  place(name: string, cpu: number, rest: object = {}, labels: Record<string, string> = {}): { readonly scored: boolean; readonly node: string } {
    const { core } = this;
    const info = core.cache.podInfo(pod(name, { requests: { cpu }, ...rest }, labels));
    const moment = { now: (this.now += MILLISECOND), cycle: ++this.cycle };
    const { result } = core.decide(core.frameworks.get('default-scheduler')!, info, { next: () => 0 }, moment);
    const chosen = core.cache.nodes.names[result.chosen]!;
    core.cache.assume(info, chosen);
    return { scored: result.totals.length > 0, node: chosen };
  }
}

const places = (world: World, count: number, cpu: number) => Array.from({ length: count }, (_, i) => world.place(`p${i}`, cpu));

test('pods that fill their nodes follow the order of the first one’s scores, without being scored', () => {
  const batched = places(new World('1.35'), 5, 900);
  const plain = places(new World('1.34'), 5, 900);
  assert.deepEqual(batched.map(({ scored }) => scored), [true, false, false, false, false]);
  assert.ok(plain.slice(0, 4).every(({ scored }) => scored));
  assert.deepEqual(batched.map(({ node: name }) => name), plain.map(({ node: name }) => name));
});

test('a pod that leaves room on its node makes the next one be scored', () => {
  assert.ok(places(new World('1.35'), 4, 200).every(({ scored }) => scored));
});

test('the default profile cannot sign pods, as it spreads them by default', () => {
  assert.ok(places(new World('1.35', {}), 4, 900).every(({ scored }) => scored));
});

test('the list is used for pods of one signature, in the very next cycle, within half a second', () => {
  const other = new World('1.35');
  assert.deepEqual([other.place('a', 900).scored, other.place('b', 950).scored, other.place('c', 950).scored], [true, true, false]);
  const skipped = new World('1.35');
  skipped.place('a', 900);
  skipped.cycle++;
  assert.equal(skipped.place('b', 900).scored, true);
  const late = new World('1.35');
  late.place('a', 900);
  late.now += 500 * MILLISECOND;
  assert.equal(late.place('b', 900).scored, true);
  const labelled = new World('1.35');
  labelled.place('a', 900, {}, { app: 'x' });
  assert.equal(labelled.place('b', 900, {}, { app: 'y' }).scored, true);
  const apart = new World('1.35');
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: {} }] } };
  apart.place('a', 900, { affinity });
  assert.equal(apart.place('b', 900, { affinity }).scored, true);
});

test('a hint that does not fit is dropped, and all nodes are looked at', () => {
  const world = new World('1.36');
  const first = world.place('a', 900);
  const [second] = places(new World('1.36'), 2, 900).slice(1);
  assert.notEqual(second!.node, first.node);
  world.core.cache.assume(world.core.cache.podInfo(pod('taker', { requests: { cpu: 900 } })), second!.node);
  const next = world.place('b', 900);
  assert.equal(next.scored, true);
  assert.ok(next.node !== second!.node && next.node !== first.node);
});
