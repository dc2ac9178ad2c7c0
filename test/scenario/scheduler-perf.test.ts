import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadScenario } from '../../src/scenario/index.js';
import { isInputError } from '../../src/scenario/input-error.js';
import { renderTemplate } from '../../src/scenario/scheduler-perf/template.js';
import type { PerfOperation, PerfWorkload } from '../../src/scenario/types.js';

const root = join(import.meta.dirname, '../../..');
const kubernetes = join(root, 'scenarios/scheduler-perf/kubernetes');
const folder = mkdtempSync(join(tmpdir(), 'scheduler-perf-'));
after(() => rmSync(folder, { recursive: true }));

function load(text: string): readonly PerfWorkload[] {
  const file = join(folder, 'scenario.yaml');
  writeFileSync(file, text);
  return loadScenario(file).schedulerPerf!.workloads;
}

function refusal(text: string): string {
  try {
    load(text);
  } catch (error) {
    if (isInputError(error)) return error.toString().split('\n')[0]!.replaceAll(`${folder}/`, '').replaceAll(`${kubernetes}/`, '');
    throw error;
  }
  throw new Error('the file was taken');
}

const perf = (config: string, workload: string): string =>
  `schedulerPerf:\n  config: ${config.startsWith('/') ? config : join(kubernetes, config, 'performance-config.yaml')}\n  workloads: ["${workload}"]\n`.replaceAll(
    kubernetes,
    relativeTo(kubernetes),
  );

/** The loader joins the folder of the scenario with what it is given. */
function relativeTo(path: string): string {
  return `${'../'.repeat(folder.split('/').length - 1)}${path.slice(1)}`;
}

test('templates: fields, Mod and DivideInt as Go computes them', () => {
  assert.equal(renderTemplate('cpu-{{.Index}}: {{ Mod .Index 12 }} of {{DivideInt 30000 .Count}}Mi', { Index: 29, Count: 7 }), 'cpu-29: 5 of 4285Mi');
  assert.equal(renderTemplate('{{ DivideInt .Index 10 }}', { Index: 9, Count: 1 }), '0');
  assert.throws(() => renderTemplate('{{AddInt .Index 1}}', { Index: 0 }), /AddInt .Index 1.* is not understood \(known: fields, Mod A B, DivideInt A B\)/);
  assert.throws(() => renderTemplate('{{.Name}}', { Index: 0 }), /no field .Name \(known: .Index\)/);
});

test('a workload with its parameters, threshold and gates', () => {
  const [workload] = load(perf('misc', 'SchedulingBasic/5000Nodes_10000Pods'));
  assert.equal(workload!.name, 'SchedulingBasic/5000Nodes_10000Pods');
  assert.equal(workload!.threshold, 270);
  assert.deepEqual(workload!.notes, ['runs with SchedulerQueueingHints: true']);
  const [nodes, initial, measured] = workload!.operations as [PerfOperation, PerfOperation, PerfOperation];
  assert.ok(nodes.operation === 'createNodes' && nodes.count === 5000);
  assert.ok(initial.operation === 'createPods' && initial.count === 1000 && !initial.collect && initial.wait);
  assert.ok(measured.operation === 'createPods' && measured.count === 10000 && measured.collect);
  assert.deepEqual([initial.namespace, measured.namespace], ['namespace-1', 'namespace-2']);
  assert.equal(measured.prototypes.length, 1);
});

test('sets of pods are unrolled; namespaces of later operations count them', () => {
  const [workload] = load(perf('affinity', 'SchedulingPreferredAffinityWithNSSelector/10Nodes_Q*'));
  const pods = workload!.operations.filter((operation) => operation.operation === 'createPods');
  assert.deepEqual(pods.map(({ namespace, count }) => [namespace, count]), [['init-ns-0', 2], ['init-ns-1', 2], ['measure-ns-0', 10]]);
});

test('templates with an index make one object each, and share equal ones', () => {
  const [workload] = load(perf('misc', 'SchedulingWithExtendedResource/500pods_500nodes'));
  const created = workload!.operations.find((operation) => operation.operation === 'createPods')!;
  assert.equal(created.prototypes.length, 500);
  assert.equal(created.prototypes[7]!.metadata.name, 'test-extended-resource-7');
});

test('without names the workloads with the label performance run, as in CI', () => {
  const file = join(kubernetes, 'topology_spreading/performance-config.yaml');
  const workloads = load(`schedulerPerf: { config: ${relativeTo(file)} }`);
  assert.deepEqual(
    workloads.filter(({ threshold }) => threshold !== undefined).map(({ name, threshold }) => `${name} ${threshold}`),
    [
      'TopologySpreading/5000Nodes_5000Pods 85',
      'TopologySpreading/5000Nodes_5000Pods_QueueingHintsEnabled 85',
      'PreferredTopologySpreading/5000Nodes_5000Pods 125',
      'PreferredTopologySpreading/5000Nodes_5000Pods_QueueingHintsEnabled 125',
      'SchedulingWithNodeInclusionPolicy/5000Nodes 68',
      'SchedulingWithNodeInclusionPolicy/5000Nodes_QueueingHintsEnabled 68',
    ],
  );
});

test('every workload of these files is read, except what needs in-place resizing', () => {
  for (const topic of ['affinity', 'misc', 'topology_spreading', 'volumes', 'nodedeclaredfeatures']) {
    assert.ok(load(perf(topic, '*')).length > 0, topic);
  }
  for (const name of ['EventHandlingPodDelete/*', 'EventHandlingNodeAdd/*', 'EventHandlingNodeUpdate/*']) {
    assert.equal(load(perf('event_handling', name)).length, 2, name);
  }
  assert.match(refusal(perf('event_handling', 'EventHandlingPodUpdate/*')), /updates of the subresource resize are not modelled$/);
});

test('slips are refused with their place', () => {
  assert.equal(
    refusal(perf('misc', 'SchedulingBasic/5000Node')),
    'scenario.yaml:3:15: no workload is named "SchedulingBasic/5000Node"; did you mean "SchedulingBasic/5000Nodes"?',
  );
  assert.match(refusal(`${perf('misc', 'SchedulingBasic/5Nodes')}traffic: []\n`), /scenario.yaml:4:1: "traffic" has no part/);
  assert.match(refusal('question: none\n'), /missing key "cluster"/);
  const config = (op: string): string => {
    writeFileSync(
      join(folder, 'config.yaml'),
      `- name: A\n  workloadTemplate:\n  - ${op}\n  workloads:\n  - name: w\n    params: { n: 3 }\n`,
    );
    return refusal('schedulerPerf: { config: config.yaml, workloads: [A/w] }');
  };
  assert.match(config('{ opcode: createNodes, countParam: $m }'), /config.yaml:3:5: parameter \$m is undefined in the workload w/);
  assert.match(config('{ opcode: createResourceDriver }'), /config.yaml:3:\d+: the operation createResourceDriver is not modelled \(modelled: createNodes, /);
  assert.match(config('{ opcode: createNodes, counts: 3 }'), /config.yaml:3:\d+: unknown key "counts"; did you mean "count"\?/);
  assert.match(config('{ opcode: createPods, count: 3, podTemplatePath: no.yaml }'), /no.yaml: cannot read the template: ENOENT/);
});
