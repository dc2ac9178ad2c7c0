import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type RunMetrics, type RunResult, tableOf } from '../../src/analysis/result.js';
import { study as compareSeeds } from '../../src/analysis/study.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { explainStudy } from '../../src/report/explanation.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';
import { root } from './scenario.js';

const study = (seed?: string): readonly Scenario[] => loadScenario(join(root, 'scenarios', 'studies', 'prestop.yaml'), seed === undefined ? {} : { seed }).variants!;
/** Requests a second of the study. */
const RATE = 1000;
/** Between two looks at all proxies. */
const LOOK = 10e6;

/**
 * Runs a variant and looks at all proxies every 10 ms: rate × share of the endpoints in their rules that listen no more, integrated over
 * time, is the number of requests that must fail. Independent of how the failures themselves are counted.
 */
function play(name: string, seed?: string): { result: RunResult; expected: number; failures: Record<string, number>; lag: number } {
  const scenario: Scenario = study(seed).find(({ variant }) => variant === name)!;
  const run = new ScenarioRun({ ...scenario, duration: 60e9 });
  run.rollOut(scenario.rollout!.strategies[0]!);
  run.warmUp();
  const { simulation, proxies, workload, nodeNames } = run.cluster;
  const service = proxies.serviceNumber('default', 'web');
  const until = run.origin + 60e9;
  let expected = 0;
  while (simulation.now < until) {
    simulation.run(simulation.now + LOOK);
    let dead = 0;
    for (let node = 0; node < nodeNames.length; node++) {
      const { addresses } = proxies.view(node, service, true);
      let refusing = 0;
      for (const address of addresses) if (workload.pods.at(address)?.accepting !== true) refusing++;
      if (addresses.length > 0) dead += refusing / addresses.length;
    }
    expected += (RATE * LOOK * dead) / nodeNames.length / 1e9;
  }
  const result = run.result();
  const { metrics } = result.summary;
  const failures = Object.fromEntries(metrics.failures.map(({ mechanism, errors }) => [mechanism, errors]));
  const lag = metrics.failures.find(({ mechanism }) => mechanism === 'terminating-pod')?.longestLag ?? 0;
  assert.equal(Object.values(failures).reduce((sum, count) => sum + count, 0), metrics.errors);
  return { result, expected, failures, lag };
}

/** A Poisson count that was to be `expected`, with what looks every 10 ms miss. */
function follows(count: number, expected: number, what: string): void {
  assert.ok(Math.abs(count - expected) < 4 * Math.sqrt(expected) + 0.01 * expected + 3, `${what}: ${count} errors, ${expected} by rate and lag`);
}

test('the errors of a rollout follow the lag of the proxies: rate times the share of endpoints that listen no more', () => {
  const none = play('no preStop');
  assert.ok(none.expected > 300);
  follows(none.failures['terminating-pod'] ?? 0, none.expected, 'no preStop');
  const late = play('no preStop and proxies 2 s late');
  follows(late.failures['terminating-pod'] ?? 0, late.expected, 'late proxies');
  assert.ok(late.expected > 3 * none.expected);
  assert.ok(late.lag - none.lag > 1.9 && late.lag - none.lag < 2.1, 'the lag is longer by the delay');
});

test('over several seeds: the errors follow the lag of each, a delay of all proxies adds its rate, and the sleep takes all of them away', () => {
  const DELAY = 2;
  const pods = 10;
  for (const seed of ['2', '3', '4']) {
    const none = play('no preStop', seed);
    follows(none.failures['terminating-pod'] ?? 0, none.expected, `no preStop, seed ${seed}`);
    const late = play('no preStop and proxies 2 s late', seed);
    follows(late.failures['terminating-pod'] ?? 0, late.expected, `late proxies, seed ${seed}`);
    // Each of the ten pods gets its share of the requests for 2 s more: between 1/8 and 1/13 of them at 25 % / 25 %.
    const more = late.failures['terminating-pod']! - none.failures['terminating-pod']!;
    assert.ok(more > (pods * RATE * DELAY) / 13 && more < (pods * RATE * DELAY) / 8, `seed ${seed}: ${more} more`);
    assert.deepEqual(play('preStop 5 s and proxies 2 s late', seed).failures, {}, `seed ${seed}`);
  }
});

test('a preStop sleep longer than the lag costs no request; one that is shorter costs what is left of the lag', () => {
  const short = play('preStop 1 s');
  follows(short.failures['terminating-pod'] ?? 0, short.expected, 'preStop 1 s');
  assert.ok(short.expected < 30);
  for (const name of ['preStop 5 s', 'preStop 5 s and proxies 2 s late']) assert.deepEqual(play(name).failures, {}, name);
});

test('without a readiness probe requests reach pods that do not listen yet', () => {
  const blind = play('preStop 5 s without a readiness probe');
  assert.deepEqual(Object.keys(blind.failures), ['starting-pod']);
  follows(blind.failures['starting-pod']!, blind.expected, 'no probe');
});

test('each count of the sentences over several seeds is the sum of rows of failures_by_second with that mechanism', () => {
  const phrases: Readonly<Record<string, RegExp>> = {
    'terminating-pod': /([\d,]+) (?:more )?requests? sent to terminating pods in the/,
    'stopped-in-flight': /([\d,]+) (?:more )?requests? held by terminating pods that ended/,
  };
  const names = ['preStop 5 s', 'no preStop', 'no preStop and proxies 2 s late'];
  const metrics = new Map<string, RunMetrics[]>();
  const traced = new Map<string, Map<string, number>>();
  for (const name of names) {
    const sums = new Map<string, number>();
    metrics.set(name, []);
    traced.set(name, sums);
    for (const seed of ['1', '2', '3', '4']) {
      const { result } = play(name, seed);
      metrics.get(name)!.push(result.summary.metrics);
      const table = tableOf(result, 'failures_by_second')!;
      const [mechanisms, errors] = [table.column('mechanism') as readonly string[], table.column('errors') as Float64Array];
      mechanisms.forEach((mechanism, i) => {
        sums.set(mechanism, (sums.get(mechanism) ?? 0) + errors[i]!);
      });
    }
  }
  const number = (text: string | undefined): number => Number(text?.replaceAll(',', '') ?? Number.NaN);
  const lines = explainStudy(compareSeeds(metrics));
  for (const name of names.slice(1)) {
    const line = lines.find((each) => each.startsWith(`${name}, 4 seeds: `))!;
    const sums = traced.get(name)!;
    assert.equal(number(/: ([\d,]+) errors/.exec(line)?.[1]), [...sums.values()].reduce((a, b) => a + b, 0), line);
    for (const [mechanism, phrase] of Object.entries(phrases)) if (sums.has(mechanism)) assert.equal(number(phrase.exec(line)?.[1]), sums.get(mechanism), line);
  }
  // The difference too: the best one fails no request.
  const said = lines.find((each) => each.startsWith('no preStop and proxies 2 s late has '))!;
  assert.equal(number(phrases['terminating-pod']!.exec(said)?.[1]), traced.get(names[2]!)!.get('terminating-pod'), said);
  assert.match(said, /more than preStop 5 s/);
});
