import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type PerfResult, SchedulerPerfRun } from '../../src/cluster/scheduler-perf/run.js';
import { ThroughputCollector } from '../../src/cluster/scheduler-perf/throughput.js';
import { SECOND } from '../../src/kernel/time.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';

const folder = join(import.meta.dirname, '../../../scenarios/scheduler-perf');

function runAll(scenario: Scenario): readonly PerfResult[] {
  return scenario.schedulerPerf!.workloads.map((workload) => {
    const run = new SchedulerPerfRun(scenario, workload);
    while (run.advance());
    return run.result();
  });
}

function scenario(name: string, only: RegExp): Scenario {
  const loaded = loadScenario(join(folder, name));
  const workloads = loaded.schedulerPerf!.workloads.filter((workload) => only.test(workload.name));
  assert.ok(workloads.length > 0);
  return { ...loaded, schedulerPerf: { workloads } };
}

test('samples of throughput: the first only begins, pauses count as often as they lasted', () => {
  const collector = new ThroughputCollector();
  [0, 40, 140, 140, 140, 200, 260].forEach((scheduled, i) => {
    collector.sample(scheduled, (i + 1) * SECOND);
  });
  // 100 in a second; 60 in three seconds, three times; 60 in a second.
  assert.deepEqual(collector.result(), { average: (100 + 20 + 20 + 20 + 60) / 5, p50: 20, p90: 100, p95: 100, p99: 100 });
  assert.equal(new ThroughputCollector().result(), null);
});

test('500 nodes: pods a second are those of the real scheduler, within 30 %', () => {
  for (const result of [...runAll(scenario('basic.yaml', /Basic\/500Nodes/)), ...runAll(scenario('spreading.yaml', /500Nodes/))]) {
    assert.equal(result.failure, '');
    if (result.measured === undefined) continue;
    const ratio = result.overall / result.measured;
    assert.ok(Math.abs(ratio - 1) < 0.3, `${result.workload}: ${result.overall.toFixed(0)} a second, measured ${result.measured}`);
  }
});

test('all kinds of operations: pods that wait for events, churn, gates, preemption and volumes get their nodes in the end', () => {
  for (const result of runAll(loadScenario(join(folder, 'small.yaml')))) assert.equal(result.failure, '', result.workload);
});

test('the same seed gives the same run', () => {
  const [a, b] = [1, 2].map(() => runAll(scenario('basic.yaml', /Basic\/500Nodes/))[0]!);
  assert.equal(a!.traceHash, b!.traceHash);
});
