import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';
import { root } from './scenario.js';

const { variants = [] } = loadScenario(join(root, 'scenarios', 'studies', 'prestop.yaml'), {});
/** Requests a second of the study. */
const RATE = 1000;
/** Between two looks at all proxies. */
const LOOK = 10e6;

/**
 * Runs a variant and looks at all proxies every 10 ms: rate × share of the endpoints in their rules that listen no more, integrated over
 * time, is the number of requests that must fail. Independent of how the failures themselves are counted.
 */
function play(name: string): { run: ScenarioRun; expected: number; failures: Record<string, number>; lag: number } {
  const scenario: Scenario = variants.find(({ variant }) => variant === name)!;
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
  const { metrics } = run.result().summary;
  const failures = Object.fromEntries(metrics.failures.map(({ mechanism, errors }) => [mechanism, errors]));
  const lag = metrics.failures.find(({ mechanism }) => mechanism === 'terminating-pod')?.longestLag ?? 0;
  assert.equal(Object.values(failures).reduce((sum, count) => sum + count, 0), metrics.errors);
  return { run, expected, failures, lag };
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
