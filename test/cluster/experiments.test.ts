import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import type { ReplicaSet } from '../../src/api/workloads.js';
import { tableOf, type RunResult } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import { finish } from './scenario.js';

/** A step of Argo Rollouts that is an experiment, in the whole cluster. */

const QUERY = 'sum(rate(http_requests_total{code!~"5.*"}[20s])) / sum(rate(http_requests_total[20s]))';
const objects = (required: boolean): object[] => [
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } },
  { apiVersion: 'argoproj.io/v1alpha1', kind: 'AnalysisTemplate', metadata: { name: 'success' }, spec: { metrics: [{ name: 'success', interval: '10s', count: 2, initialDelay: '5s', successCondition: 'result[0] >= 0.95', provider: { prometheus: { query: QUERY } } }] } },
  {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'web' },
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'registry.example/web:v1', ports: [{ containerPort: 8080 }] }] } },
      strategy: {
        canary: {
          steps: [
            { experiment: { duration: '40s', templates: [{ name: 'baseline', specRef: 'stable' }, { name: 'canary', specRef: 'canary' }], analyses: [{ name: 'success', templateName: 'success', requiredForCompletion: required }] } },
            { setWeight: 50 },
          ],
        },
      },
    },
  },
];

describe('experiments of Argo Rollouts', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'towtank-experiment-'));
    writeFileSync(join(folder, 'node.yaml'), stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } } }));
  });
  after(() => rmSync(folder, { recursive: true }));

  function play(errors: number, required = false): { readonly run: ScenarioRun; readonly result: RunResult; readonly log: { readonly at: number; readonly message: string }[] } {
    writeFileSync(join(folder, 'objects.yaml'), objects(required).map((each) => stringify(each)).join('---\n'));
    writeFileSync(
      join(folder, 'scenario.yaml'),
      `duration: 150s
cluster: { nodes: [{ count: 3, template: node.yaml }] }
manifests: objects.yaml
behaviour:
  - { image: "*/web:v1", start: 1s, size: 20M, drains: true, stop: 1s, request: { time: 10ms, concurrency: 16 } }
  - { image: "*/web:v2", start: 1s, size: 20M, drains: true, stop: 1s, request: { time: 10ms, concurrency: 16, errors: ${errors}% } }
traffic: [{ to: service/web, rate: 100/s }]
rollout: { rollout: web, image: "registry.example/web:v2", at: 10s }
`,
    );
    const scenario = loadScenario(join(folder, 'scenario.yaml'));
    assert.deepEqual(scenario.findings!.filter(({ message }) => message.includes('xperiment')), []);
    const run = new ScenarioRun(scenario);
    run.rollOut(scenario.rollout!.strategies[0]!);
    const result = finish(run);
    const table = tableOf(result, 'rollout')!;
    const times = table.column('time') as Float64Array;
    const messages = table.column('message') as readonly string[];
    return { run, result, log: Array.from(times, (time, i) => ({ at: time - times[0]!, message: messages[i]! })) };
  }

  const shareOfNew = (result: RunResult, from: number, to: number): number => {
    const table = tableOf(result, 'requests_by_second')!;
    const [times, versions, requests] = [table.column('time') as Float64Array, table.column('version') as readonly string[], table.column('requests') as Float64Array];
    let [all, fresh] = [0, 0];
    versions.forEach((version, i) => {
      if (times[i]! < from || times[i]! >= to) return;
      all += requests[i]!;
      if (version === 'v2') fresh += requests[i]!;
    });
    return fresh / all;
  };

  it('a good version: two pods more for the duration, a sixth of the users meets the new one, then the steps go on', () => {
    const { run, result, log } = play(0);
    const next = log.find(({ message }) => message.includes('step 1/2'))!;
    assert.ok(next.at > 40 && next.at < 46, `${next.at}`);
    // Of six pods behind the Service one is new.
    const share = shareOfNew(result, 20, 45);
    assert.ok(Math.abs(share - 1 / 6) < 0.04, `${share}`);
    assert.ok(result.summary.metrics.rolloutEnd !== null);
    const sets = [...run.cluster.connections.current('replicasets')] as ReplicaSet[];
    assert.equal(sets.some(({ metadata }) => metadata.annotations?.['experiment.argoproj.io/name'] !== undefined), false, 'gone 30 s after');
    assert.equal(run.tracker.readyNow, 4);
  });

  it('a bad version: its analysis aborts the rollout before one pod of it was rolled out', () => {
    const { run, result, log } = play(30);
    assert.ok(log.some(({ message }) => /RolloutAborted: experiment analysis .* failed/.test(message)), log.map(({ message }) => message).join('\n'));
    assert.equal(result.summary.metrics.rolloutEnd, null);
    assert.ok(result.summary.metrics.rollout!.timeToDetect! < 30);
    assert.equal(run.tracker.readyNow, 4);
    assert.equal(shareOfNew(result, 90, 150), 0);
  });

  it('a required analysis ends it before its duration', () => {
    const next = play(0, true).log.find(({ message }) => message.includes('step 1/2'))!;
    assert.ok(next.at > 15 && next.at < 22, `${next.at}`);
  });
});
