import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunMetrics, RunResult } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { answer } from '../../src/report/answer.js';
import { loadScenario } from '../../src/scenario/index.js';
import { finish, root } from './scenario.js';

/** What users ask of nodes (scenarios/node): the answers against what closed formulas and Kubernetes' own constants say. */

function ask(file: string, names: readonly string[], seconds?: number, nodes?: number): Record<string, RunMetrics> {
  return Object.fromEntries(answers(file, names, seconds, nodes).map(({ summary }, i) => [names[i]!, summary.metrics]));
}

function answers(file: string, names: readonly string[], seconds?: number, nodes?: number): RunResult[] {
  const { variants = [] } = loadScenario(join(root, 'scenarios', 'node', `${file}.yaml`));
  return names.map((name) => {
    const scenario = variants.find(({ variant }) => variant === name);
    assert.ok(scenario !== undefined, `${file} has a variant ${name}`);
    const cluster = nodes === undefined ? scenario.cluster : { ...scenario.cluster, nodes: scenario.cluster.nodes.slice(0, nodes) };
    return finish(new ScenarioRun({ ...scenario, cluster, ...(seconds === undefined ? {} : { duration: seconds * 1e9 }) }));
  });
}

// The whole answer: `towtank compare scenarios/node/startup.yaml`, or TOWTANK_STARTUP_NODES=5000 for this test.
const STARTUP_NODES = Number(process.env['TOWTANK_STARTUP_NODES'] ?? 500);

test('startup: p99 within 5 s when unloaded; else the split names the wait for the scheduler', () => {
  const results = answers('startup', ['unloaded', '3,000 pods at once'], 25, STARTUP_NODES);
  const found = Object.fromEntries(results.map(({ name, summary }) => [name, summary.metrics]));
  assert.equal(found['unloaded']!.podStartup.pod_startup.count, 300);
  // The official service level: images are there, and nothing is pulled.
  assert.equal(found['unloaded']!.podStartup.sandbox_to_pulled.p99! < 0.01, true);
  const [, miss] = results;
  assert.match(
    answer([miss!]).misses[0]!,
    /^3,000 pods at once misses pod startup p99 < 5s \(measured [\d.]+ s\), most of it to be bound to a node \(create_to_schedule p99 [\d.]+ s\); [\d,]+ of 3,000 pods had not started when the run ended$/,
  );
  const unloaded = found['unloaded']!.podStartup;
  assert.ok(unloaded.pod_startup.p99! <= 5, String(unloaded.pod_startup.p99));
  const loaded = found['3,000 pods at once']!.podStartup;
  assert.ok(loaded.pod_startup.p99! > 5);
  assert.ok(loaded.create_to_schedule.p99! > 0.8 * loaded.pod_startup.p99!);
  assert.ok(Math.abs(loaded.schedule_to_sandbox.p50! - unloaded.schedule_to_sandbox.p50!) < 0.1);
  // The parts of a start-up add up to it.
  for (const { mean, parts } of [unloaded, loaded].map((split) => ({
    mean: split.schedule_to_run.mean!,
    parts: split.schedule_to_sandbox.mean! + split.sandbox_to_pulled.mean! + split.pulled_to_run.mean!,
  })))
    assert.ok(Math.abs(mean - parts) < 0.01 * mean, `${mean} ${parts}`);
});

test('pull storm: the registry sends 199 images of 400 MB at 1 GB/s, and ten times as fast at 10 GB/s', () => {
  const found = ask('pull-storm', ['registry 1 GB/s', 'image on all nodes'], 120);
  const bytes = 199 * 400e6;
  const { p50, p99 } = found['registry 1 GB/s']!.podStartup.sandbox_to_pulled;
  assert.ok(p50! > bytes / 1e9 && p99! < bytes / 1e9 + 3, `${p50} ${p99}`);
  assert.ok(found['image on all nodes']!.podStartup.sandbox_to_pulled.p99! < 0.01);
});

test('probes: a period of 10 s makes pods ready 10 s after their application, one of 1 s within a second', () => {
  const found = ask('probes', ['no probe', 'readiness every 10 s', 'readiness every 1 s', 'initial delay of 15 s'], 60, 20);
  const ready = (name: string) => found[name]!.podStartup.run_to_ready;
  assert.ok(ready('no probe').p99! < 1.2);
  // Seen by a relist within a second, probed at once (in vain) and again a period later.
  assert.ok(ready('readiness every 10 s').p50! > 10 && ready('readiness every 10 s').max! < 11.5);
  assert.ok(ready('readiness every 1 s').p50! > 4 && ready('readiness every 1 s').max! < 5.5);
  assert.ok(ready('initial delay of 15 s').p50! > 20 && ready('initial delay of 15 s').max! < 21.5);
});

test('kubelet restart: endpoints go until the next probe in 1.34, not from 1.35, and not for runtimes', () => {
  const found = ask('kubelet-restart', ['1.34, all at once', '1.35, all at once', '1.34, container runtimes'], 60);
  assert.ok(found['1.34, all at once']!.lowestAvailableShare! < 0.2);
  assert.equal(found['1.35, all at once']!.lowestAvailableShare, 1);
  assert.equal(found['1.34, container runtimes']!.lowestAvailableShare, 1);
  for (const metrics of Object.values(found)) assert.equal(metrics.podsCreated, 0);
});

test('drain: a budget of one keeps all but one pod, without it the pods of all drained nodes are gone at once', () => {
  const found = ask('drain', ['without a budget', 'maxUnavailable 1']);
  assert.equal(found['without a budget']!.lowestAvailableShare, 0.5);
  assert.ok(found['maxUnavailable 1']!.lowestAvailableShare! >= 29 / 30);
  for (const metrics of Object.values(found)) assert.equal(metrics.podsCreated, 15);
});

test('zone loss: pods are missing from the 50 s mark on, for their tolerations and their turn of one node every 10 s', () => {
  const found = ask('zone-loss', ['tolerations of 30 s'], 230)['tolerations of 30 s']!;
  // Ten nodes with a pod each: taints at 0, 10, …, 90 s, deletion 30 s later; a new pod is ready within 15 s.
  const waits = 10 * 30 + (0 + 90) * 5;
  assert.ok(found.deficitPodSeconds! >= waits && found.deficitPodSeconds! <= waits + 10 * 15, String(found.deficitPodSeconds));
  assert.equal(found.podsCreated, 10);
});

test('eviction: who uses more than requested goes; a limit contains the leak, a generous request protects it', () => {
  const found = ask('eviction', ['no limit, requests 256Mi', 'limit of 1Gi', 'no limit, requests 13Gi'], 660);
  const lowest = Object.values(found).map(({ lowestAvailableShare }) => lowestAvailableShare);
  assert.equal(lowest[0], 1);
  assert.equal(lowest[1], 1);
  assert.ok(lowest[2]! < 0.9, String(lowest[2]));
});
