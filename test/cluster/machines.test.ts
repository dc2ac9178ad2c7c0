import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ScenarioRun } from '../../src/cluster/run.js';
import { InputErrors, isInputError, loadScenario } from '../../src/scenario/index.js';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'towtank-machines-'));
});
after(() => rmSync(folder, { recursive: true }));

const NODE = '{ apiVersion: v1, kind: Node, metadata: { name: n }, status: { capacity: { cpu: 4, memory: 8Gi, pods: 10 } } }';

function load(text: string) {
  const file = join(folder, 'scenario.yaml');
  writeFileSync(file, text);
  return loadScenario(file);
}

function problems(text: string): string {
  try {
    load(text);
  } catch (error) {
    if (isInputError(error) || error instanceof InputErrors) return String(error);
    throw error;
  }
  return '';
}

test('the runtime of a group of nodes, or of their manifest, is part of the Node objects', () => {
  const { cluster, findings } = load(`cluster: { nodes: [{ name: a, count: 1, runtime: cri-o, template: ${NODE} }, { name: b, count: 1, runtime: docker://28.3.3, supervisor: none, template: ${NODE} }, { name: c, count: 1, template: ${NODE} }] }\n`);
  const versions = cluster.nodes.map(({ status }) => status.nodeInfo?.['containerRuntimeVersion']);
  assert.deepEqual(versions, ['cri-o://', 'docker://28.3.3', undefined]);
  assert.deepEqual(cluster.machines, { 'b-0': { unsupervised: true } });
  assert.deepEqual(findings, []);
});

test('a runtime that is not known: an error in the scenario, a warning about a manifest', () => {
  const text = problems(`cluster: { nodes: [{ count: 1, runtime: crio, template: ${NODE} }] }\n`);
  assert.match(text, /scenario\.yaml:1:\d+: expected containerd, cri-o or docker, found crio/);
  const { findings } = load(`cluster: { nodes: [{ count: 2, template: ${NODE.replace('status: {', 'status: { nodeInfo: { containerRuntimeVersion: "rkt://1.30.0" },')} }] }\n`);
  assert.equal(findings.length, 1);
  assert.match(findings[0]!.message, /^node node-0: the container runtime rkt:\/\/1\.30\.0 is not known; .* containerd/);
});

test('a timeline lets a kubelet die twice; its supervisor starts it again each time', () => {
  const scenario = load(`
duration: 60s
cluster: { nodes: [{ count: 2, template: ${NODE} }] }
timeline:
  - { at: 5s, fail: { kubelet: node-1 } }
  - { at: 30s, fail: { kubelet: node-1 } }
  - { at: 35s, heal: { kubelet: node-1 } }
`);
  const run = new ScenarioRun(scenario);
  run.warmUp();
  const node = run.cluster.kubelets.fleet.nodes[1]!;
  const down: number[] = [];
  while (run.advance()) if (!node.up) down.push(Math.floor((run.cluster.simulation.now - run.origin) / 1e9));
  // Sampled each second, after what happens in it.
  assert.deepEqual(down, [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 30, 31, 32, 33, 34]);
  assert.deepEqual(run.timeline.log.map(({ message }) => message), ['the kubelet of node-1 dies', 'the kubelet of node-1 dies', 'the kubelet of node-1 is started']);
});
