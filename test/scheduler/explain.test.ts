import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultConfiguration, readSchedulerConfiguration } from '../../src/scheduler/config/configuration.js';
import { explainDecision, explanationLines } from '../../src/scheduler/explain.js';
import { placementLines, placePods } from '../../src/scheduler/placement.js';
import { SchedulerCore } from '../../src/scheduler/scheduler-core.js';
import { bound, node, pod } from './objects.js';

const draws = { next: () => 0 };

test('an explanation names the failing plugin of each node and adds up the weighted scores', () => {
  const core = new SchedulerCore('1.34', draws);
  core.cache.nodes.setNode(node('tainted', {}, { taints: [{ key: 'k', effect: 'NoSchedule' }] }));
  core.cache.nodes.setNode(node('busy'));
  core.cache.nodes.setNode(node('free'));
  core.cache.set(bound(pod('load', { requests: { cpu: 2000, memory: 4 * 2 ** 30 } }), 'busy'));
  const { explanation } = explainDecision(
    core,
    core.frameworks.get('default-scheduler')!,
    core.cache.podInfo(pod('p')),
    draws,
  );
  assert.deepEqual(explanation.rejections, [
    {
      node: 'tainted',
      plugin: 'TaintToleration',
      code: 'UnschedulableAndUnresolvable',
      reasons: ['node(s) had untolerated taint(s)'],
    },
  ]);
  assert.equal(explanation.chosen, 'free');
  assert.deepEqual(explanation.ties, ['free']);
  const [first] = explanation.scores;
  assert.equal(first!.node, 'free');
  // Free: cpu (4000 − 100)·100/4000 = 97, memory (8192 − 1)/8192 = 99 → 98; busy: 47 and 49 → 48.
  assert.deepEqual(
    explanation.scores.map(({ plugins }) => plugins.find(({ plugin }) => plugin === 'NodeResourcesFit')!.raw),
    [98, 48],
  );
  for (const { plugins, total } of explanation.scores)
    assert.equal(
      total,
      plugins.reduce((sum, { weighted }) => sum + weighted, 0),
    );
  const text = explanationLines(explanation).join('\n');
  assert.match(text, /^default\/p: free \(3 nodes evaluated\)/);
  assert.match(text, /1 {2}TaintToleration: node\(s\) had untolerated taint\(s\) \(tainted\)/);
});

test('a pod that fits nowhere is explained in the scheduler’s words, with the victims of preemption', () => {
  const core = new SchedulerCore('1.34', draws);
  core.cache.nodes.setNode(node('n'));
  core.cache.set(bound(pod('low', { requests: { cpu: 3900, memory: 1 } }), 'n'));
  const important = core.cache.podInfo(pod('important', { priority: 9, requests: { cpu: 1000, memory: 1 } }));
  const { explanation } = explainDecision(core, core.frameworks.get('default-scheduler')!, important, draws);
  assert.deepEqual(explanation.preemption, { node: 'n', victims: ['default/low'], candidates: 1 });
  assert.match(explanationLines(explanation)[0]!, /not placed\. 0\/1 nodes are available: 1 Insufficient cpu\./);
});

test('packing and spreading configurations are told apart on one snapshot', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((name) => node(name));
  const pods = Array.from({ length: 8 }, (_, i) => pod(`p${i}`, { requests: { cpu: 500, memory: 2 ** 30 } }));
  const packing = readSchedulerConfiguration(
    {
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      profiles: [
        { pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'MostAllocated' } } }] },
      ],
    },
    { version: '1.34' },
  ).configuration;
  const place = (name: string, configuration: typeof packing) =>
    placePods({ nodes, pods, version: '1.34', configuration, name }, draws);
  const results = [place('default', defaultConfiguration('1.34')), place('packing', packing)];
  assert.deepEqual(
    results.map(({ placed, emptyNodes }) => [placed, emptyNodes]),
    [
      [8, 0],
      [8, 3],
    ],
  );
  assert.equal(results[0]!.cpu.standardDeviation, 0);
  const lines = placementLines(results);
  assert.equal(lines.length, 3);
  assert.match(lines[2]!, /^packing +8 +0 .* 3$/);
});

test('pending pods are listed with their reason', () => {
  const result = placePods(
    {
      nodes: [node('n', {}, { unschedulable: true })],
      pods: [pod('p')],
      version: '1.34',
      configuration: defaultConfiguration('1.34'),
      name: 'x',
    },
    draws,
  );
  assert.match(
    placementLines([result]).at(-1)!,
    /^default\/p pending: 0\/1 nodes are available: 1 node\(s\) were unschedulable/,
  );
});
