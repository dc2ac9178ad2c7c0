import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunMetrics } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';
import { finish, root } from './scenario.js';

/** Long enough for the rollout, and for what breaks in it. */
const SECONDS = 100;

const load = (file: string): Scenario => ({ ...loadScenario(join(root, 'scenarios', file), { seed: '3' }), duration: SECONDS * 1e9 });

/** Metrics of a run; a trace has all events handled one by one in order of time. */
function metrics(scenario: Scenario, strategy: number, traced: boolean): RunMetrics {
  const run = new ScenarioRun({ ...scenario, duration: SECONDS * 1e9 });
  assert.ok(run.cluster.workload.pods.aside, scenario.variant);
  if (traced) run.cluster.simulation.trace = { event() {} };
  const rollout = scenario.rollout?.strategies[strategy];
  if (rollout !== undefined) run.rollOut(rollout);
  return finish(run).summary.metrics;
}

/** What requests meet is the same whether they are handled late and many at a time, or each in its turn (Simulation.addAside). */
function assertSame(scenario: Scenario, strategy: number, name: string): void {
  const late = metrics(scenario, strategy, false);
  assert.deepEqual(late, metrics(scenario, strategy, true), name);
}

test('whatever breaks, requests that are handled late meet what those handled in their turn meet', () => {
  const variants = load('studies/self-repair.yaml').variants!;
  const wanted = ['node crashes', 'node hangs', 'zone is lost', 'random pairs of nodes', 'packets are lost', 'one-way link', 'partition', 'controllers die'];
  for (const name of wanted) assertSame(variants.find(({ variant }) => variant === name)!, 0, name);
});

test('so they do with each strategy, and with versions that crash, leak or fail under load', () => {
  for (const version of ['good', 'crashes', 'leaks', 'load']) {
    const scenario = load(`studies/version-${version}.yaml`);
    for (const [strategy, { name }] of scenario.rollout!.strategies.entries()) assertSame(scenario, strategy, `${version}, ${name}`);
  }
});
