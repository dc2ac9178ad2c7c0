import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mainScenario } from '../cluster/scenario.js';
import { ScenarioRun } from '../../src/cluster/run.js';

test('three replicas: when the leaders die their standbys take over and finish the rollout', () => {
  const base = mainScenario(180);
  const cluster = { ...base.cluster, nodes: base.cluster.nodes.slice(0, 30), controlPlaneReplicas: 3 };
  const run = new ScenarioRun({ ...base, cluster });
  run.rollOut(base.rollout!.strategies.find(({ kind }) => kind === 'ramped')!);
  run.warmUp();
  const first = run.cluster.controllerManager;
  const attempts = run.cluster.scheduler.attempts.length;
  for (let second = 0; second < 12; second++) run.advance();
  for (const { electors } of run.cluster.controlPlane) electors.find(({ leading }) => leading)!.stop(false);
  assert.ok(first.stopped);
  while (run.advance());
  assert.notEqual(run.cluster.controllerManager, first);
  for (const { electors } of run.cluster.controlPlane) assert.deepEqual(electors.map(({ leading }) => leading).filter(Boolean), [true]);
  assert.ok(run.pipeline!.finishedAt > 0, 'the rollout is complete');
  assert.ok(run.cluster.scheduler.attempts.length >= attempts + 20);
  const figures = run.cluster.controllerManager.figures();
  const created = figures.restClient.rest_client_requests_total.get('201 POST')!;
  assert.ok(created >= 20, `${created} objects created`);
  const queue = figures.workQueues.find(({ name }) => name === 'replicaset')!;
  assert.ok(queue.workqueue_adds_total > 20 && queue.workqueue_work_duration_seconds.count > 20);
  assert.ok(figures.restClient.rest_client_rate_limiter_duration_seconds.get('POST')!.maximum > 0);
});
