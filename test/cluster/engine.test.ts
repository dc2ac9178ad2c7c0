import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pairedDifference } from '../../src/analysis/interval.js';
import type { RunMetrics } from '../../src/analysis/result.js';
import { ScenarioRun, type ScenarioRunOptions } from '../../src/cluster/run.js';
import { CheckpointTypes, restoreCheckpoint, saveCheckpoint } from '../../src/kernel/checkpoint.js';
import { Lockstep } from '../../src/kernel/lockstep.js';
import { Tracer } from '../../src/kernel/tracer.js';
import type { Scenario } from '../../src/scenario/types.js';
import { finish, mainScenario, run } from './scenario.js';

const main = mainScenario(120);
const ramped = main.rollout!.strategies.find(({ kind }) => kind === 'ramped')!;

/** The main scenario on fewer nodes, for tests of many runs. */
function small(seed: string): Scenario {
  const scenario = mainScenario(95);
  return { ...scenario, seed, cluster: { ...scenario.cluster, nodes: scenario.cluster.nodes.slice(0, 60) } };
}

function start(scenario: Scenario, options: ScenarioRunOptions = {}): ScenarioRun {
  const scenarioRun = new ScenarioRun(scenario, options);
  scenarioRun.rollOut(ramped);
  return scenarioRun;
}

test('a checkpoint continues as the uninterrupted run, and costs at most a tenth of what led to it', () => {
  const original = start(main);
  const began = process.hrtime.bigint();
  for (let second = 0; second < 130; second++) original.advance();
  const reached = Number(process.hrtime.bigint() - began);
  const types = new CheckpointTypes();
  const checkpoint = saveCheckpoint(original, types);
  let restoring = Number.POSITIVE_INFINITY;
  let copy = original;
  for (let i = 0; i < 3; i++) {
    const before = process.hrtime.bigint();
    copy = restoreCheckpoint<ScenarioRun>(checkpoint, types);
    restoring = Math.min(restoring, Number(process.hrtime.bigint() - before));
  }
  assert.ok(restoring <= 0.1 * reached, `restoring took ${restoring / 1e6} ms, reaching the instant ${reached / 1e6} ms`);
  const expected = finish(original);
  const actual = finish(copy);
  assert.equal(actual.summary.traceHash, expected.summary.traceHash);
  assert.deepEqual(actual.summary, expected.summary);
  assert.deepEqual(
    actual.tables.map((table) => [table.spec.name, table.length]),
    expected.tables.map((table) => [table.spec.name, table.length]),
  );
});

test('one warm start serves every strategy: a copy that rolls out later equals a run that knew from the start', () => {
  const warm = new ScenarioRun(main);
  warm.warmUp();
  const types = new CheckpointTypes();
  const checkpoint = saveCheckpoint(warm, types);
  const copy = restoreCheckpoint<ScenarioRun>(checkpoint, types);
  copy.rollOut(ramped);
  const expected = run(main, ramped.name).summary.metrics;
  assert.deepEqual(finish(copy).summary.metrics, expected);
});

test('two runs in lockstep: the same events and the same draws', () => {
  const runs: ScenarioRun[] = [];
  const scenario = small('1');
  const lockstep = new Lockstep((draws) => {
    runs.push(start(scenario, { draws }));
    return runs.at(-1)!.cluster.simulation;
  });
  for (let until = 1e9; !runs[0]!.done; until += 1e9) assert.equal(lockstep.run(until), undefined);
  assert.ok(lockstep.simulation.events > 100_000);
});

test('--explain: the story of a pod, and the way back to what caused its last change', () => {
  const scenarioRun = start(small('1'));
  const { simulation } = scenarioRun.cluster;
  const tracer = new Tracer(simulation, 1 << 20);
  simulation.trace = tracer;
  finish(scenarioRun);
  const pod = scenarioRun.observer.lives().findLast(({ name }) => name.startsWith('frontend'))!;
  const lines = tracer.explain(`${pod.namespace}/${pod.name}`)!;
  const text = lines.join('\n');
  assert.match(text, /create by system:serviceaccount:kube-system:replicaset-controller: 201/);
  assert.match(text, new RegExp(`create binding to ${pod.node} by system:kube-scheduler: 201`));
  assert.match(text, /because .* kube-apiserver-0: a request arrives/);
  assert.equal(tracer.explain('default/nobody'), undefined);
});

test('shuffled ties: verdicts of the main scenario are the same', () => {
  for (const strategy of ['recreate', 'ramped']) {
    const plain = run(main, strategy).summary.verdicts.map(({ objective, met }) => [objective, met]);
    for (const shuffleTies of [1, 2]) {
      const shuffled = run(main, strategy, { shuffleTies }).summary.verdicts.map(({ objective, met }) => [objective, met]);
      assert.deepEqual(shuffled, plain);
    }
  }
});

test('shuffled ties: over 30 seeds no metric moves (99.9 % intervals of the paired differences contain 0)', () => {
  const figures: Readonly<Record<string, (metrics: RunMetrics) => number>> = {
    rolloutDuration: (metrics) => metrics.rolloutDuration!,
    timeToFirstNew: (metrics) => metrics.timeToFirstNew!,
    timeToAllNew: (metrics) => metrics.timeToAllNew!,
    errors: (metrics) => metrics.errors,
    latencyP50: (metrics) => metrics.latency.during.p50!,
    latencyP99: (metrics) => metrics.latency.during.p99!,
    lowestAvailableShare: (metrics) => metrics.lowestAvailableShare!,
    surgePodSeconds: (metrics) => metrics.surgePodSeconds!,
    deficitPodSeconds: (metrics) => metrics.deficitPodSeconds!,
    apiRequests: (metrics) => metrics.apiRequests,
    apiWrites: (metrics) => metrics.apiWrites,
    apiWriteMean: (metrics) => metrics.apiWriteLatency.mean!,
    etcdCommitMean: (metrics) => metrics.etcdCommitLatency.mean!,
    podStartupP50: (metrics) => metrics.podStartup.pod_startup.p50!,
    schedulingMean: (metrics) => metrics.schedulingDuration.mean!,
  };
  const plain: RunMetrics[] = [];
  const shuffled: RunMetrics[] = [];
  for (let seed = 1; seed <= 30; seed++) {
    plain.push(finish(start(small(String(seed)))).summary.metrics);
    shuffled.push(finish(start(small(String(seed)), { shuffleTies: seed })).summary.metrics);
  }
  for (const [name, figure] of Object.entries(figures)) {
    const { low, high } = pairedDifference(shuffled.map(figure), plain.map(figure), 0.999)!;
    assert.ok(low <= 0 && high >= 0, `${name}: shuffled − plain is between ${low} and ${high}`);
  }
});
