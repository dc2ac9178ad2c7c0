import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Node } from '../../src/api/core.js';
import { type RunMetrics, tableOf } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario, TrafficSpec } from '../../src/scenario/types.js';
import { finish, root, run } from './scenario.js';

/** The answers of the studies (docs/studies.md), each on a shorter run and with another seed than the page shows. */

const SEED = '2';
const load = (name: string): Scenario => loadScenario(join(root, 'scenarios', 'studies', `${name}.yaml`), { seed: SEED });

/** So many seconds, and a tenth of the users unless told. */
function shorter(scenario: Scenario, seconds: number, users = 0.1): Scenario {
  const traffic = scenario.traffic.map((spec): TrafficSpec => (spec.arrivals === undefined ? { ...spec, rate: spec.rate * users } : spec));
  return { ...scenario, duration: seconds * 1e9, traffic };
}

/** Metrics of each strategy, by its name. */
function strategies(scenario: Scenario): Readonly<Record<string, RunMetrics>> {
  return Object.fromEntries(scenario.rollout!.strategies.map(({ name }) => [name, run(scenario, name).summary.metrics]));
}

/** Metrics of each variant, by its name. */
function variants(name: string, seconds: number, users?: number): Readonly<Record<string, RunMetrics>> {
  return Object.fromEntries(
    load(name).variants!.map((variant) => {
      const scenarioRun = new ScenarioRun(shorter(variant, seconds, users));
      const strategy = variant.rollout?.strategies[0];
      if (strategy !== undefined) scenarioRun.rollOut(strategy);
      return [variant.variant!, finish(scenarioRun).summary.metrics];
    }),
  );
}

const NAMES = ['recreate', 'ramped', 'blueGreen', 'canary'] as const;
const KEEP_SERVING = ['ramped', 'blueGreen', 'canary'] as const;
/** What each strategy gives, in the order of their names. */
const each = <T>(runs: Readonly<Record<string, RunMetrics>>, what: (metrics: RunMetrics) => T): T[] => NAMES.map((name) => what(runs[name]!));
const detected = (runs: Readonly<Record<string, RunMetrics>>) => each(runs, ({ rollout }) => rollout!.timeToDetect);
const blast = (runs: Readonly<Record<string, RunMetrics>>) => each(runs, ({ rollout }) => rollout!.blastRadius) as [number, number, number, number];
const errors = (runs: Readonly<Record<string, RunMetrics>>) => each(runs, (metrics) => metrics.errors) as [number, number, number, number];

test('a good version is taken back by no pipeline, and costs only users of Recreate', () => {
  const runs = strategies(shorter(load('version-good'), 130));
  assert.deepEqual(detected(runs), [null, null, null, null]);
  const [recreate, ...others] = errors(runs);
  assert.ok(recreate > 0);
  assert.deepEqual(others, [0, 0, 0]);
  const surge = each(runs, ({ surgePodSeconds }) => surgePodSeconds!);
  assert.ok(surge[0] === 0 && surge[1]! < surge[3]! && surge[3]! < surge[2]!, `surge: ${surge.join()}`);
});

test('a version with errors is noticed after two looks; who met it until then is the weight of the canary, and the way back a switch or a rollout', () => {
  const runs = strategies(shorter(load('version-errors'), 100));
  // Looks at 10 s, 20 s, …; Recreate has no answers at the first one.
  assert.deepEqual(detected(runs), [30, 20, 20, 20]);
  const [recreate, ramped, blueGreen, canary] = blast(runs);
  assert.ok(canary < 0.15 * ramped && canary < 0.15 * blueGreen && canary < 0.15 * recreate, blast(runs).join());
  const [, a, b, c] = errors(runs);
  assert.ok(c < b / 3 && b < a && a < errors(runs)[0], errors(runs).join());
  const back = each(runs, ({ rollout }) => rollout!.timeToRollBack!);
  assert.ok(back[2]! < 2 && back[3]! < 2 && back[0]! > 5 && back[1]! > 5, back.join());
});

test('a slow version fails nobody: users feel it in the latency, those of the canary least', () => {
  const runs = strategies(shorter(load('version-slow'), 100, 0.5));
  assert.deepEqual(detected(runs), [30, 20, 20, 20]);
  for (const name of KEEP_SERVING) assert.equal(runs[name]!.errors, 0);
  const p99 = each(runs, ({ latency }) => latency.during.p99!);
  assert.ok(p99[3]! < 0.7 * Math.min(p99[0]!, p99[1]!, p99[2]!), p99.join());
});

test('versions that crash or never get ready meet nobody; restarts give the one away at the second look, the deadline of 60 s the other', () => {
  for (const [name, seconds, from, to] of [['version-crashes', 90, 20, 30], ['version-never-ready', 130, 60, 72]] as const) {
    const runs = strategies(shorter(load(name), seconds));
    for (const at of detected(runs)) assert.ok(at! >= from && at! <= to, `${name}: ${detected(runs).join()}`);
    assert.deepEqual(blast(runs), [0, 0, 0, 0]);
    const [recreate, ...others] = errors(runs);
    assert.deepEqual(others, [0, 0, 0], name);
    // Nobody serves until it is taken back.
    assert.ok(recreate > 25 * from, `${name}: ${recreate}`);
    assert.equal(runs['recreate']!.lowestAvailableShare, 0);
  }
});

test('a leak is noticed by its restarts, when all of the pods of three strategies and half of those of the canary have it', () => {
  const runs = strategies(shorter(load('version-leaks'), 130));
  // (268 − 60) / 5 s after the start of the process the first one is killed.
  for (const at of detected(runs)) assert.ok(at! >= 50 && at! <= 80, detected(runs).join());
  const [recreate, ramped, blueGreen, canary] = errors(runs);
  assert.ok(canary < ramped / 3 && canary < blueGreen / 3 && ramped < recreate, errors(runs).join());
  assert.ok(blast(runs)[3] < 0.5 * blast(runs)[1], blast(runs).join());
});

test('what fails only under load passes until the rush comes, 50 s after the start of the rollout', () => {
  const runs = strategies(shorter(load('version-load'), 125));
  for (const at of detected(runs)) assert.ok(at! >= 60 && at! <= 80, detected(runs).join());
  const [recreate, ramped, blueGreen, canary] = errors(runs);
  assert.ok(canary < 0.6 * ramped && canary < 0.6 * blueGreen && canary < 0.6 * recreate, errors(runs).join());
});

test('a lost zone: requests go there until its nodes are Unknown, whatever the strategy; a ramped rollout with new pods in it does not end', () => {
  const scenario = shorter(load('zone-loss'), 200);
  const runs: Record<string, RunMetrics> = {};
  for (const { name } of scenario.rollout!.strategies) {
    const result = run(scenario, name);
    runs[name] = result.summary.metrics;
    if (name !== 'ramped') continue;
    const pods = tableOf(result, 'pods')!;
    const [nodes, versions] = [pods.column('node'), pods.column('version')] as [readonly string[], readonly string[]];
    // Nodes are in zones a, b, c in turn.
    const inside = nodes.filter((node, i) => versions[i] === 'v2' && Number(node.slice('node-'.length)) % 3 === 1).length;
    assert.equal(runs[name]!.rolloutEnd === null, inside > 0, `${name}: ${inside} new pods in zone b, end ${runs[name]!.rolloutEnd}`);
  }
  for (const name of NAMES) {
    const { failures } = runs[name]!;
    const lost = failures.find(({ mechanism }) => mechanism === 'unreachable-pod')!;
    assert.ok(lost.longestLag! > 30 && lost.longestLag! < 56, `${name}: ${lost.longestLag}`);
  }
  for (const name of KEEP_SERVING) assert.deepEqual(runs[name]!.failures.filter(({ mechanism }) => !mechanism.startsWith('unreachable') && mechanism !== 'node-lost-in-flight'), [], name);
});

test('a change of the leader of etcd: handing over costs milliseconds, a death an election, no quorum all of its time; users notice nothing', () => {
  const runs = variants('etcd-leader', 100);
  const [alone, moved, killed, none] = ['left alone', 'leader moved', 'leader killed', 'no quorum for 20 s'].map((name) => runs[name]!);
  for (const metrics of Object.values(runs)) assert.equal(metrics.errors, 0);
  const took = (metrics: RunMetrics | undefined): number => metrics!.rolloutDuration!;
  // A proposal that the leader drops while it hands over is answered with 500; a kubelet sends the status again at its next sync, every 10 s.
  assert.ok(Math.abs(took(moved) - took(alone)) < (moved!.apiErrors === 0 ? 0.5 : 10), `${took(moved)} ${took(alone)}`);
  assert.ok(took(killed) > took(alone) + 0.2 && took(killed) < took(alone) + 5, `${took(killed)}`);
  assert.ok(took(none) > took(alone) + 18, `${took(none)}`);
  assert.ok(killed!.apiWriteLatency.max! > 1 && moved!.apiWriteLatency.max! < 1, `${killed!.apiWriteLatency.max} ${moved!.apiWriteLatency.max}`);
});

test('two nodes drained at once: a budget or topology spread keeps users from noticing; a budget goes one pod at a time, spread moves fewer', () => {
  const { neither, budget, spread, 'budget and spread': both } = variants('drain', 120, 1) as Record<string, RunMetrics>;
  assert.ok(neither!.errors > 100);
  assert.equal(neither!.lowestAvailableShare, 0);
  for (const metrics of [budget, spread, both]) assert.equal(metrics!.errors, 0);
  assert.equal(budget!.lowestAvailableShare, 11 / 12);
  assert.equal(both!.lowestAvailableShare, 11 / 12);
  assert.equal(budget!.podsCreated, 12);
  assert.ok(spread!.podsCreated <= 4 && both!.podsCreated <= 4);
});

test('batch work takes the room of pods that stop, unless the service has a priority', () => {
  const runs = variants('batch', 160);
  const [alone, beside, first] = ['alone', 'with batch work', 'with batch work and a priority'].map((name) => runs[name]!.rolloutDuration ?? Number.POSITIVE_INFINITY);
  assert.ok(beside! > 3 * alone!, `${beside} ${alone}`);
  assert.ok(first! < 2 * alone!, `${first} ${alone}`);
});

/** Nobody finds the name while no query is answered, unless its address is kept; the rollout does not need it. */
function outage(name: string, { workload }: ScenarioRun['cluster'], metrics: RunMetrics, seconds: number): void {
  assert.ok(metrics.rolloutDuration! < 20, name);
  if (name.endsWith('names kept')) {
    assert.equal(metrics.errors, 0, name);
    return;
  }
  const sent = (workload.traffic[0]!.sent / seconds) * 60;
  assert.deepEqual(metrics.failures.map(({ mechanism }) => mechanism), ['timeout-in-lookup'], name);
  assert.ok(Math.abs(metrics.errors - sent) < 0.1 * sent, `${metrics.errors} errors in a minute of ${sent} requests`);
}

test('whatever breaks half-way through a rollout, the cluster finishes by itself when it is back: all pods serve, users notice nothing more', () => {
  // When the fault is over, and how long the last request may take to notice.
  const over: Readonly<Record<string, number>> = { 'zone is lost': 156, partition: 156, 'registry is down': 90, 'random pairs of nodes': 0, 'node is gone': 0 };
  const took: Record<string, number> = {};
  for (const variant of load('self-repair').variants!) {
    const name = variant.variant!;
    const repaired = over[name] ?? 96;
    if (repaired === 0) continue;
    const seconds = repaired + 74;
    const scenarioRun = new ScenarioRun(shorter(variant, seconds));
    scenarioRun.rollOut(variant.rollout!.strategies[0]!);
    const { metrics } = finish(scenarioRun).summary;
    assert.ok(metrics.rolloutEnd !== null, name);
    took[name] = metrics.rolloutDuration!;
    assert.equal(scenarioRun.tracker.readyNow, 10, name);
    if (name.startsWith('DNS ')) outage(name, scenarioRun.cluster, metrics, seconds);
    const { workload } = scenarioRun.cluster;
    assert.equal(workload.totals(scenarioRun.origin + (seconds - 10) * 1e9, scenarioRun.origin + seconds * 1e9).errors, 0, name);
    for (const node of scenarioRun.cluster.connections.current('nodes')) assert.deepEqual((node as Node).spec.taints ?? [], [], name);
  }
  // Where nothing is written, or no place is found, the rollout waits for the repair; one replica of several is enough.
  for (const name of ['controllers die', 'scheduler dies', 'registry is down']) assert.ok(took[name]! > took['nothing']! + 45, `${name}: ${took[name]}`);
  for (const name of ['API server dies', 'etcd member dies', 'slow disk']) assert.ok(took[name]! < took['nothing']! + 5, `${name}: ${took[name]}`);
});
