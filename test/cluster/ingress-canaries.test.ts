import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunResult, tableOf } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import { finish, root } from './scenario.js';

/** Canaries behind ingress-nginx: a second Ingress with a weight, written by Argo Rollouts, by Flagger, or by a pipeline. */

const ingress = (service: string): string => `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec:
  ingressClassName: nginx
  rules:
    - host: shop.example
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: ${service}, port: { number: 80 } } } }] }
`;
const service = (name: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
`;
const template = `
  replicas: 4
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: "registry.example/web:v1", ports: [{ containerPort: 8080 }] }] }`;
const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:${template}
`;
const rollout = `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: web }
spec:${template}
  strategy:
    canary:
      canaryService: web-canary
      stableService: web
      trafficRouting: { nginx: { stableIngress: shop, additionalIngressAnnotations: { canary-by-header: X-Canary } } }
      steps: [{ setWeight: 20 }, { pause: { duration: 30s } }, { setWeight: 50 }, { pause: { duration: 30s } }]
`;
const canary = `
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: { name: web }
spec:
  provider: nginx
  targetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
  ingressRef: { apiVersion: networking.k8s.io/v1, kind: Ingress, name: shop }
  service: { port: 80, targetPort: 8080 }
  analysis: { interval: 15s, threshold: 2, maxWeight: 60, stepWeight: 30, metrics: [{ name: request-success-rate, interval: 1m, thresholdRange: { min: 99 } }] }
`;
const scenario = (how: string, errors = 0): string => `
duration: 4m
cluster: { nodes: [{ count: 4, template: node.yaml }] }
manifests: manifests.yaml
behaviour:
  - { image: "*/web:v1", start: 1s, size: 20M, drains: true, stop: 1s, request: { time: 10ms, concurrency: 16 } }
  - { image: "*/web:v2", start: 1s, size: 20M, drains: true, stop: 1s, request: { time: 10ms, concurrency: 16, errors: ${errors}% } }
traffic: [{ to: ingress/shop, rate: 100/s }]
rollout: { ${how}, image: "registry.example/web:v2", at: 10s }
`;

describe('canaries behind an Ingress', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'towtank-ingress-'));
    copyFileSync(join(root, 'scenarios', 'nodes', '4cpu-16gi.yaml'), join(folder, 'node.yaml'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const load = (manifests: readonly string[], text: string) => {
    writeFileSync(join(folder, 'manifests.yaml'), manifests.join('---'));
    writeFileSync(join(folder, 'scenario.yaml'), text);
    return loadScenario(join(folder, 'scenario.yaml'));
  };
  const run = (manifests: readonly string[], text: string): RunResult => {
    const loaded = load(manifests, text);
    const scenarioRun = new ScenarioRun(loaded);
    scenarioRun.rollOut(loaded.rollout!.strategies[0]!);
    return finish(scenarioRun);
  };
  /** Share of the new version among the answers of some seconds. */
  const share = (result: RunResult, from: number, to: number): number => {
    const table = tableOf(result, 'requests_by_second')!;
    const [seconds, versions, requests] = ['time', 'version', 'requests'].map((name) => table.column(name)) as [Float64Array, readonly string[], Float64Array];
    let all = 0;
    let fresh = 0;
    seconds.forEach((second, i) => {
      if (second < from || second >= to) return;
      all += requests[i]!;
      if (versions[i] === 'v2') fresh += requests[i]!;
    });
    return fresh / all;
  };
  const near = (actual: number, expected: number, requests: number, what: string): void =>
    assert.ok(Math.abs(actual - expected) < 5 * Math.sqrt((expected * (1 - expected)) / requests), `${what}: ${actual} instead of ${expected}`);
  /** Seconds from which a weight has been in the log, after the time that the ingress controller may need for it. */
  const since = (result: RunResult, pattern: RegExp): number => {
    const table = tableOf(result, 'rollout')!;
    const at = (table.column('message') as readonly string[]).findIndex((message) => pattern.test(message));
    assert.notEqual(at, -1, `${pattern} in ${(table.column('message') as readonly string[]).join('\n')}`);
    return Math.ceil((table.column('time') as Float64Array)[at]!) + 8;
  };

  it('Argo Rollouts with nginx: weights of the steps reach the users', () => {
    const result = run([service('web'), service('web-canary'), rollout, ingress('web')], scenario('rollout: web'));
    assert.deepEqual(result.summary.findings.filter((each) => each.includes('Ingress')), []);
    for (const weight of [20, 50]) {
      const from = since(result, new RegExp(`^Paused, step \\d/4, weight ${weight}`));
      near(share(result, from, from + 20), weight / 100, 2000, `weight ${weight}`);
    }
    assert.ok(result.summary.metrics.rolloutEnd! > 60);
    assert.equal(share(result, 150, 240), 1);
    assert.equal(result.summary.metrics.lowestAvailableShare, 1);
    assert.ok(result.summary.metrics.errorShare! < 0.001);
  });

  it('Flagger with nginx: steps, promotion, and the way back of a bad version', () => {
    const good = run([deployment, canary, ingress('web'), service('web')], scenario('deployment: web'));
    for (const weight of [30, 60]) {
      const from = since(good, new RegExp(`^Progressing, weight ${weight}`));
      near(share(good, from, from + 6), weight / 100, 600, `weight ${weight}`);
    }
    assert.ok(good.summary.metrics.rolloutEnd! > 0);
    const bad = run([deployment, canary, ingress('web'), service('web')], scenario('deployment: web', 20));
    const { rollout: cost, rolloutEnd } = bad.summary.metrics;
    assert.equal(rolloutEnd, null);
    // It stays at 30 % for the two checks that fail and the look that rolls back.
    const expected = 100 * 45 * 0.3;
    assert.ok(Math.abs(cost!.blastRadius - expected) < 0.2 * expected, String(cost!.blastRadius));
    assert.equal(share(bad, 180, 240), 0);
  });

  it('a pipeline: the weight goes into a canary Ingress, a cohort by its header', () => {
    const strategies = (routing: string): string => `deployment: web, strategies: [{ canary: { routing: ${routing}, steps: [{ weight: 25, pause: 40s }] } }]`;
    const weighted = run([deployment, service('web'), ingress('web')], scenario(strategies('weight')));
    const from = since(weighted, /^route: weight 25/);
    near(share(weighted, from, from + 25), 0.25, 2500, 'weight 25');
    assert.equal(share(weighted, 150, 240), 1);
    // The canary's pods go as soon as the weight is written; the controller reloads some seconds later (3.3 s between syncs, 1.5 s reload).
    const { errors, errorsByCause } = weighted.summary.metrics;
    assert.ok(errors > 0 && errors < 25 * 7, String(errors));
    assert.deepEqual(Object.keys(errorsByCause), ['connection-refused']);
    const cohort = run([deployment, service('web'), ingress('web')], scenario(strategies('cohort')).replace('rate: 100/s', 'rate: 100/s, cohort: 10%'));
    const begun = since(cohort, /^route: cohort 25/);
    near(share(cohort, begun, begun + 25), 0.1, 2500, 'cohort');
  });

  it('a shadow: copies of all requests show a bad version to its pipeline, and to no user', () => {
    const rollback = 'rollback: { analysis: { interval: 5s, window: 10s, objectives: [errors < 5%] } }';
    const how = `deployment: web, strategies: [{ canary: { routing: mirror, steps: [{ weight: 50, pause: 40s }] }, ${rollback} }]`;
    const loaded = load([deployment, service('web'), ingress('web')], scenario(how, 20));
    const said = loaded.findings.filter(({ message }) => message.includes('copies all requests'));
    assert.equal(said.length, 1);
    assert.match(said[0]!.position ?? '', /scenario\.yaml:9:\d+$/);
    const bad = run([deployment, service('web'), ingress('web')], scenario(how, 20));
    assert.equal(bad.summary.metrics.errors, 0);
    assert.equal(bad.summary.metrics.rollout!.blastRadius, 0);
    const { timeToDetect } = bad.summary.metrics.rollout!;
    assert.ok(timeToDetect !== null && timeToDetect < 30, String(timeToDetect));
    const good = run([deployment, service('web'), ingress('web')], scenario(how.replace(`, ${rollback}`, '')));
    assert.ok(good.summary.metrics.rolloutEnd! > 50);
    assert.equal(share(good, 12, 50), 0, 'nobody meets it before it is promoted');
    assert.equal(share(good, 150, 240), 1);
  });

  it('findings: the Ingress is missing, or nobody comes through it', () => {
    const findings = (manifests: readonly string[], text: string): string[] => load(manifests, text).findings.filter(({ message }) => message.includes('weights')).map(({ message, position }) => `${/:(\d+):\d+$/.exec(position ?? '')?.[1]} ${message}`);
    const direct = scenario('rollout: web').replace('ingress/shop', 'service/web');
    const line = [service('web'), service('web-canary')].join('---').split('\n').length + rollout.split('\n').findIndex((each) => each.includes('stableIngress'));
    assert.deepEqual(findings([service('web'), service('web-canary'), rollout], direct), [
      `${line} Rollout "web": the manifests have no Ingress "shop": its weights are put into force on the Services`,
    ]);
    assert.deepEqual(findings([service('web'), service('web-canary'), rollout, ingress('web')], direct), [
      `${line} Rollout "web": no traffic goes to ingress/shop, so that its weights divide no requests`,
    ]);
  });
});
