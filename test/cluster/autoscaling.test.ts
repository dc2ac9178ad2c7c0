import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Deployment } from '../../src/api/workloads.js';
import { root } from './scenario.js';

/** HorizontalPodAutoscalers of a scenario under its traffic and its metrics. */

/** Replicas of both Deployments each time one changed, with the second. */
function sizes(): { readonly name: string; readonly second: number; readonly replicas: number }[] {
  const run = new ScenarioRun(loadScenario(join(root, 'scenarios', 'autoscaling', 'autoscaling.yaml')));
  run.warmUp();
  const changes: { name: string; second: number; replicas: number }[] = [];
  const last = new Map<string, number>();
  do {
    for (const object of run.cluster.connections.current('deployments')) {
      const { metadata, spec } = object as Deployment;
      if (last.get(metadata.name) === spec.replicas) continue;
      last.set(metadata.name, spec.replicas);
      changes.push({ name: metadata.name, second: Math.round((run.cluster.simulation.now - run.origin) / 1e9), replicas: spec.replicas });
    }
  } while (run.advance());
  return changes;
}

test('autoscalers follow traffic and a queue: doubling up, down to the start five minutes after', () => {
  const changes = sizes();
  const of = (name: string) => changes.filter((change) => change.name === name);
  const web = of('web');
  // 50 requests/s × 20 ms = 1000m; at half of 200m that is 10 pods (9 to 11 in the noise of arrivals and tolerance).
  const top = Math.max(...web.map(({ replicas }) => replicas));
  assert.ok(top >= 9 && top <= 12, `web grows to 10 pods, not ${top}`);
  assert.equal(web[0]!.replicas, 2);
  assert.ok(web[1]!.second >= 120 && web[1]!.second <= 120 + 15 + 60, `load to decision within 15 to 75 s, not ${web[1]!.second - 120}`);
  for (let i = 1; i < web.length; i++) assert.ok(web[i]!.replicas <= Math.max(4, 2 * web[i - 1]!.replicas), 'no more than double at once');
  const down = web.find(({ second, replicas }) => second > 360 && replicas <= top / 2)!;
  assert.ok(down.second >= 360 + 285, `no shrinking within the stabilization window: ${down.second}`);
  assert.ok(web.at(-1)!.replicas <= 3, `back at two pods, not ${web.at(-1)!.replicas}`);
  const worker = of('worker');
  assert.deepEqual(worker.map(({ replicas }) => replicas), [1, 4, 5, 1]);
  assert.ok(worker[1]!.second > 180 && worker[1]!.second <= 196, String(worker[1]!.second));
  assert.ok(worker[3]!.second >= 300 + 285 && worker[3]!.second <= 300 + 330, String(worker[3]!.second));
});
