import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import type { Lease } from '../../src/api/workloads.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { CheckpointTypes, restoreCheckpoint, saveCheckpoint } from '../../src/kernel/checkpoint.js';
import { loadScenario } from '../../src/scenario/index.js';
import { root } from './scenario.js';

const folder = mkdtempSync(join(tmpdir(), 'towtank-settings-'));
cpSync(join(root, 'scenarios', 'scheduler-plugin'), folder, { recursive: true });
after(() => rmSync(folder, { recursive: true }));

const HEAD = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';

function start(configuration: string, more: readonly string[] = []): ScenarioRun {
  writeFileSync(join(folder, 'settings.yaml'), HEAD + configuration);
  const lines = [
    'cluster:',
    '  nodes: [{ count: 4, name: n, zones: [a, b], template: node.yaml }]',
    '  scheduler: { configuration: settings.yaml }',
    'manifests: workload.yaml',
    'behaviour: [{ image: "*" }]',
    'duration: 60s',
    ...more,
  ];
  writeFileSync(join(folder, 'case.yaml'), `${lines.join('\n')}\n`);
  return new ScenarioRun(loadScenario(join(folder, 'case.yaml')));
}

test('a plugin of the user’s own places the pods of a whole cluster; a checkpoint with it goes on as the run does', () => {
  const load = () => loadScenario(join(folder, 'cheapest-node.yaml'));
  const run = new ScenarioRun({ ...load(), duration: 40e9 });
  run.warmUp();
  const types = new CheckpointTypes();
  const copy = restoreCheckpoint<ScenarioRun>(saveCheckpoint(run, types), types);
  while (run.advance());
  while (copy.advance());
  assert.equal(copy.cluster.simulation.traceHash, run.cluster.simulation.traceHash);
  const { attempts } = run.cluster.scheduler;
  const nodesOf = (name: string) => new Set(attempts.filter(({ pod }) => pod.startsWith(`default/${name}-`)).map(({ node }) => node.replace(/-\d+$/, '')));
  assert.deepEqual([...nodesOf('batch')], ['spot']);
  assert.deepEqual([...nodesOf('payments')], ['on-demand']);
  assert.equal(attempts.length, 44);
});

test('an error of the plugin ends the run and names plugin and pod', () => {
  const broken = readFileSync(join(folder, 'cheapest-node.ts'), 'utf8').replace('return critical', "if (critical) throw new Error('no price list');\n    return critical");
  writeFileSync(join(folder, 'broken.ts'), broken);
  const text = readFileSync(join(folder, 'cheapest-node.yaml'), 'utf8').replace('cheapest-node.ts', 'broken.ts');
  writeFileSync(join(folder, 'broken.yaml'), text);
  assert.throws(
    () => new ScenarioRun(loadScenario(join(folder, 'broken.yaml'))).warmUp(),
    /scheduler plugin CheapestNode failed on pod default\/payments-\w+-\w+: no price list/,
  );
});

test('weights of a profile decide where pods go', () => {
  const packed = start(
    'profiles:\n- plugins: { score: { disabled: [{ name: "*" }], enabled: [{ name: NodeResourcesFit, weight: 1 }] } }\n' +
      '  pluginConfig: [{ name: NodeResourcesFit, args: { scoringStrategy: { type: MostAllocated, resources: [{ name: cpu, weight: 1 }] } } }]\n',
  );
  packed.warmUp();
  const used = new Set(packed.cluster.scheduler.attempts.map(({ node }) => node));
  // 24 pods of 500m and 250m fit into three nodes of 4 cores, not into two.
  assert.equal(used.size, 3);
});

test('the lease has the name and times of the file, and none is held without an election', () => {
  const named = start('leaderElection: { resourceName: mine, resourceNamespace: locks, leaseDuration: 40s }\n');
  named.warmUp();
  const leases = (run: ScenarioRun) =>
    ([...run.cluster.connections.current('leases')] as Lease[]).filter(({ metadata }) => metadata.namespace !== 'kube-node-lease');
  const [lease] = leases(named).filter(({ metadata }) => metadata.namespace === 'locks');
  assert.equal(lease!.metadata.name, 'mine');
  assert.equal(lease!.spec.leaseDurationSeconds, 40);
  const free = start('leaderElection: { leaderElect: false }\n');
  free.warmUp();
  assert.deepEqual(leases(free).map(({ metadata }) => metadata.name), ['kube-controller-manager']);
  assert.ok(free.cluster.scheduler.attempts.length >= 24);
});

test('client limits of the file hold back bindings', () => {
  const secondsFor = (qps: number) => {
    const run = start(`clientConnection: { qps: ${qps}, burst: ${qps} }\n`, ['timeline: [{ at: 1s, scale: { deployment: batch, replicas: 28 } }]']);
    while (run.advance());
    const { attempts } = run.cluster.scheduler;
    assert.equal(attempts.filter(({ result }) => result === 'scheduled').length, 32);
    const pods = [...run.cluster.connections.current('pods')] as Pod[];
    return Math.max(...pods.map(({ status }) => (status.startTime ?? Number.POSITIVE_INFINITY) - run.origin)) / 1e9;
  };
  // Eight bindings with their events at one request a second need longer than at a hundred.
  assert.ok(secondsFor(1) > secondsFor(100) + 5);
});
