import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunSummary } from '../../src/analysis/result.js';
import type { Deployment } from '../../src/api/workloads.js';
import { loadScenario } from '../../src/scenario/index.js';
import { parseObjective } from '../../src/scenario/objectives.js';
import type { Objective, RollbackSpec, Scenario } from '../../src/scenario/types.js';
import { root, run } from './scenario.js';

/** 10 pods, 300 requests a second; from 30 s on a version that answers one request in five with an error. */
const scenario = loadScenario(join(root, 'scenarios', 'strategies', 'rollback.yaml'));
const summary = (name: string, of: Scenario = scenario): RunSummary => run(of, name).summary;

/** The analysis looks at 10 s, 20 s, … and forgives one bad look. */
test('a ramped rollout whose new version misses its objective is undone, also after it was complete', () => {
  const { metrics } = summary('ramped');
  assert.equal(metrics.rollout!.timeToDetect, 20);
  assert.ok(metrics.rollout!.timeToRollBack! > 3 && metrics.rollout!.timeToRollBack! < 12, 'a rolling update back');
  assert.equal(metrics.rolloutEnd, null);
  assert.equal(metrics.rollout!.wastedStarts, 10, 'all pods of the new version');
  assert.ok(metrics.rollout!.blastErrors > 0.15 * metrics.rollout!.blastRadius);
});

test('the way back of blue/green is a switch, that of a routed canary a weight', () => {
  const blueGreen = summary('blueGreen').metrics;
  assert.ok(blueGreen.rollout!.timeToRollBack! < 2, 'as long as the proxies take');
  assert.equal(blueGreen.lowestAvailableShare, 1);
  const routed = summary('routed canary').metrics;
  assert.ok(routed.rollout!.timeToRollBack! < 2);
  assert.equal(routed.lowestAvailableShare, 1);
  // 5 % of 300 requests a second for 14 s at most.
  assert.ok(routed.rollout!.blastRadius < 0.05 * 300 * 16 * 1.3);
  assert.ok(routed.rollout!.blastRadius < blueGreen.rollout!.blastRadius / 10);
});

test('an A/B test shows the new version to its cohort only, a shadow to nobody', () => {
  const cohort = summary('A/B').metrics.rollout!;
  const share = cohort.blastRadius / (300 * (20 + cohort.timeToRollBack! - 7));
  assert.ok(share > 0.07 && share < 0.14, `${share} of the users`);
  const shadow = summary('shadow').metrics;
  assert.equal(shadow.errors, 0);
  assert.equal(shadow.rollout!.blastRadius, 0);
  assert.equal(shadow.rollout!.timeToDetect, 20, 'the copies show it all the same');
});

test('a version that never gets ready: the progress deadline of 60 s is exceeded, then the Deployment is undone', () => {
  const behaviours = scenario.behaviours.map((behaviour) => (behaviour.image === '*/web:v2' ? { ...behaviour, neverReady: true } : behaviour));
  const rollback: RollbackSpec = {};
  const strategies = [{ name: 'ramped', kind: 'ramped', maxSurge: '25%', maxUnavailable: '25%', rollback } as const];
  const stuck = { ...scenario, behaviours, rollout: { ...scenario.rollout!, strategies } };
  const { metrics, findings } = summary('ramped', stuck);
  assert.match(findings.join('\n'), /deployment "web" exceeded its progress deadline/);
  assert.ok(metrics.rollout!.timeToDetect! >= 60 && metrics.rollout!.timeToDetect! < 64, String(metrics.rollout!.timeToDetect));
  assert.equal(metrics.rollout!.blastRadius, 0);
  // Three more pods and two fewer: the rolling update of 25 % / 25 % stops there.
  assert.equal(metrics.lowestAvailableShare, 0.8);
  assert.equal(metrics.rollout!.wastedStarts, 5);
  const timeout: RollbackSpec = { timeout: 15e9 };
  const sooner = { ...stuck, rollout: { ...stuck.rollout, strategies: [{ ...strategies[0]!, rollback: timeout }] } };
  const early = summary('ramped', sooner);
  assert.ok(Math.abs(early.metrics.rollout!.timeToDetect! - 15) < 0.1);
  assert.match(early.findings.join('\n'), /timed out waiting for the condition/);
});

test('without rollback a pipeline only says that it failed', () => {
  const behaviours = scenario.behaviours.map((behaviour) => (behaviour.image === '*/web:v2' ? { ...behaviour, neverReady: true } : behaviour));
  const strategies = [{ name: 'ramped', kind: 'ramped', maxSurge: '25%', maxUnavailable: '25%' } as const];
  const { metrics, findings } = summary('ramped', { ...scenario, behaviours, rollout: { ...scenario.rollout!, strategies } });
  assert.match(findings.join('\n'), /exceeded its progress deadline/);
  assert.equal(metrics.rollout!.timeToDetect, null);
});

test('restarts of its containers give a version away whose answers do not: a leak is taken back after its first kills', () => {
  // 60 MB and 20 MB a second: the limit of 256 MiB is reached 10.4 s after the start.
  const behaviours = scenario.behaviours.map((behaviour) => {
    return behaviour.image === '*/web:v2' ? { ...behaviour, request: { ...behaviour.request, errors: 0 }, memory: { base: 60e6, leakPerSecond: 20e6 } } : behaviour;
  });
  const objects = scenario.objects.map((object) => {
    if (object.kind !== 'Deployment') return object;
    const deployment = object as Deployment;
    const containers = deployment.spec.template.spec.containers.map((each) => ({ ...each, resources: { ...each.resources, limits: { memory: 256 * 2 ** 20 } } }));
    return { ...deployment, spec: { ...deployment.spec, template: { ...deployment.spec.template, spec: { ...deployment.spec.template.spec, containers } } } } as Deployment;
  });
  const watched = (text: string): RunSummary => {
    const objective = parseObjective(text, 'test') as Objective;
    const rollback: RollbackSpec = { analysis: { interval: 10e9, window: 30e9, failureLimit: 0, objectives: [objective], watch: 60e9 } };
    const strategies = [{ name: 'ramped', kind: 'ramped', maxSurge: '25%', maxUnavailable: '25%', rollback } as const];
    return summary('ramped', { ...scenario, duration: 100e9, behaviours, objects, rollout: { ...scenario.rollout!, strategies } });
  };
  const blind = watched('errors < 5%');
  assert.equal(blind.metrics.rollout!.timeToDetect, null, 'a dead pod gives no bad answers');
  const { metrics, findings } = watched('restarts < 1');
  assert.match(findings.join('\n'), /misses "restarts < 1"/);
  assert.equal(metrics.rollout!.timeToDetect, 20, 'the first look after the first kill');
  assert.ok(metrics.errors < blind.metrics.errors / 3, `${metrics.errors} instead of ${blind.metrics.errors}`);
});
