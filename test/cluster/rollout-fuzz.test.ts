import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { Rollout } from '../../src/api/rollout-kinds.js';
import { tableOf } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import { finish } from './scenario.js';

/** Rollouts and Canaries as people may write them, also such that Argo Rollouts and Flagger do nothing about: no run breaks. */

const optional = <T extends object>(fields: { readonly [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> => fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
const any = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const analysis = any('good', 'good', 'good', 'bad', 'unknown', 'missing').map((templateName) => ({ templates: [{ templateName }] }));
const step = fc.oneof(
  any(0, 20, 50, 100, 101).map((setWeight): object => ({ setWeight })),
  any<number | string>('5s', 10, '5x').map((duration): object => ({ pause: { duration } })),
  fc.constant<object>({ pause: {} }),
  any<object>({ replicas: 1 }, { weight: 25 }, { matchTrafficWeight: true }).map((setCanaryScale): object => ({ setCanaryScale })),
  analysis.map((each): object => ({ analysis: each })),
  any<object>({ setHeaderRoute: { name: 'h', match: [{ headerName: 'x', headerValue: { exact: 'y' } }] } }, { setMirrorRoute: { name: 'h', percentage: 50, match: [{ method: { exact: 'GET' } }] } }),
  any<object>({ experiment: { duration: '5s', templates: [{ name: 'baseline', specRef: 'stable' }, { name: 'canary', specRef: 'canary' }] } }, { plugin: { name: 'x/y' } }, {}),
);
const routing = any<object>({ smi: {} }, { nginx: { stableIngress: 'shop' } }, { istio: { virtualService: { name: 'vs' } }, managedRoutes: [{ name: 'h' }] }, { alb: { ingress: 'shop', servicePort: 80 } }, { smi: {}, maxTrafficWeight: 50 });
const canary = optional({
  steps: fc.array(step, { maxLength: 5 }),
  canaryService: any('web-canary', 'web-canary', 'missing'),
  stableService: any('web', 'web', 'web-canary'),
  trafficRouting: routing,
  maxSurge: any<number | string>(0, 1, '100%'),
  maxUnavailable: any<number | string>(0, 1, '100%'),
  analysis,
  dynamicStableScale: fc.boolean(),
  minPodsPerReplicaSet: fc.constant(2),
  scaleDownDelaySeconds: any(0, 5),
  abortScaleDownDelaySeconds: any(0, 5),
  canaryMetadata: fc.constant({ labels: { role: 'canary' } }),
  replicaProgressThreshold: any({ type: 'Percent', value: 50 }, { type: 'Pod', value: -1 }),
});
type Canary = typeof canary extends fc.Arbitrary<infer T> ? T : never;
/** The same with what Argo Rollouts would refuse taken out. */
function tame({ dynamicStableScale: _dynamic, scaleDownDelaySeconds: _delay, maxUnavailable: _unavailable, ...rest }: Canary): object {
  const routed = rest.trafficRouting !== undefined && 'nginx' in rest.trafficRouting ? { trafficRouting: rest.trafficRouting, ...(_dynamic === true ? { dynamicStableScale: true } : {}) } : { trafficRouting: undefined };
  const steps = (rest.steps ?? []).filter((each) => ('setWeight' in each && each.setWeight !== 101) || ('pause' in each && JSON.stringify(each) !== '{"pause":{"duration":"5x"}}') || 'plugin' in each || 'experiment' in each);
  return { ...rest, ...routed, steps, canaryService: 'web-canary', stableService: 'web', ...(rest.analysis?.templates[0]?.templateName === 'missing' ? { analysis: undefined } : {}) };
}
const blueGreen = fc.tuple(
  fc.constant({ activeService: 'web' }),
  optional({ previewService: any('web-canary', 'web-canary', 'web-canary', 'web-canary', 'missing'), previewReplicaCount: any(0, 1), autoPromotionEnabled: fc.boolean(), autoPromotionSeconds: any(0, 5), scaleDownDelaySeconds: any(0, 5), prePromotionAnalysis: analysis, postPromotionAnalysis: analysis }),
).map(([must, may]) => ({ ...must, ...may }));
const spec = { selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'registry.example/web:v1', ports: [{ containerPort: 8080 }] }] } } };
const rollout = fc
  .tuple(optional({ replicas: any(0, 1, 3), minReadySeconds: any(0, 2), revisionHistoryLimit: any(0, 1), progressDeadlineSeconds: any(3, 10), progressDeadlineAbort: fc.boolean(), paused: any(false, false, false, false, true) }), fc.oneof(fc.tuple(canary, any(true, true, false)).map(([each, tamed]): object => ({ canary: tamed ? tame(each) : each })), blueGreen.map((each): object => ({ blueGreen: each }))))
  .map(([more, strategy]) => ({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', metadata: { name: 'web' }, spec: { ...more, ...spec, strategy } }));
const flagger = fc
  .record({
    provider: any('istio', 'linkerd', 'kubernetes', 'nginx', 'gatewayapi:v1', 'appmesh', 'knative'),
    kind: any('Deployment', 'Deployment', 'DaemonSet'),
    more: optional({ ingressRef: fc.constant({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'shop' }), progressDeadlineSeconds: any(5, 60), skipAnalysis: fc.boolean(), suspend: fc.boolean(), autoscalerRef: fc.constant({ kind: 'HorizontalPodAutoscaler', name: 'web' }) }),
    analysis: optional({
      interval: any('10s', '5s'),
      threshold: any(0, 1, 3),
      maxWeight: any(0, 50, 100),
      stepWeight: any(0, 10, 100),
      stepWeights: any<number[]>([5, 50], []),
      stepWeightPromotion: any(10, 100),
      iterations: any(0, 2),
      mirror: fc.boolean(),
      mirrorWeight: fc.constant(50),
      match: fc.constant([{ headers: { 'x-canary': { exact: 'insider' } } }]),
      primaryReadyThreshold: any(50, 100),
      metrics: any<object[]>([{ name: 'request-success-rate', thresholdRange: { min: 99 }, interval: '30s' }], [{ name: 'custom', templateRef: { name: 'none' } }], [{ name: 'other' }]),
      webhooks: any('confirm-rollout', 'pre-rollout', 'rollout', 'confirm-promotion', 'rollback', 'event').map((type) => [{ name: 'gate', type, url: 'http://gate' }]),
      sessionAffinity: fc.constant({ cookieName: 'c' }),
    }),
  })
  .map(({ provider, kind, more, analysis: given }) => ({ apiVersion: 'flagger.app/v1beta1', kind: 'Canary', metadata: { name: 'web' }, spec: { provider, targetRef: { apiVersion: 'apps/v1', kind, name: 'web' }, service: { port: 80, targetPort: 8080 }, analysis: given, ...more } }));

const service = (name: string): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } });
const ingress = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'shop' }, spec: { rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } }] } };
const template = (name: string, successCondition: string): object => ({ apiVersion: 'argoproj.io/v1alpha1', kind: 'AnalysisTemplate', metadata: { name }, spec: { metrics: [{ name: 'm', interval: '5s', count: 2, successCondition, provider: { prometheus: { query: 'sum(rate(http_requests_total{code!~"5.*"}[30s])) / sum(rate(http_requests_total[30s]))' } } }] } });
const ARGO = [service('web'), service('web-canary'), ingress, template('good', 'result[0] > 0.5'), template('bad', 'result[0] > 2'), template('unknown', 'result.no.such')];
const FLAGGER = [ingress, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas: 2, ...spec } }];
const KUBECTL = ['', 'timeline: [{ at: 40s, kubectl: argo rollouts promote web --full }]', 'timeline: [{ at: 25s, kubectl: argo rollouts abort web }, { at: 45s, kubectl: argo rollouts retry rollout web }]'];

describe('rollouts as people may write them', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'towtank-fuzz-'));
    writeFileSync(join(folder, 'node.yaml'), stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } } }));
  });
  after(() => rmSync(folder, { recursive: true }));

  const play = (objects: readonly object[], how: string, rest: string): ScenarioRun => {
    writeFileSync(join(folder, 'objects.yaml'), objects.map((each) => stringify(each)).join('---\n'));
    writeFileSync(
      join(folder, 'scenario.yaml'),
      `duration: 75s
cluster: { nodes: [{ count: 2, template: node.yaml }] }
manifests: objects.yaml
behaviour: [{ image: "*/web:*", start: 1s, size: 20M, request: { time: 10ms, concurrency: 16 } }]
traffic: [{ to: service/web, rate: 20/s, cohort: 10% }]
rollout: { ${how}, image: "registry.example/web:v2", at: 5s }
${rest}
`,
    );
    const scenario = loadScenario(join(folder, 'scenario.yaml'));
    const run = new ScenarioRun(scenario);
    run.rollOut(scenario.rollout!.strategies[0]!);
    const result = finish(run);
    assert.ok(tableOf(result, 'rollout')!.length > 0);
    return run;
  };

  it('Argo Rollouts', () => {
    let refused = 0;
    let done = 0;
    fc.sample(fc.tuple(rollout, any(...KUBECTL)), { numRuns: 24, seed: 20 }).forEach(([object, timeline]) => {
      const run = play([...ARGO, object], 'rollout: web', timeline);
      const { status } = run.cluster.connections.current('rollouts')[Symbol.iterator]().next().value as Rollout;
      assert.ok(status.phase !== undefined, JSON.stringify(object.spec));
      if (status.message?.startsWith('InvalidSpec') === true) {
        refused++;
        assert.match(run.pipeline!.failure, /^InvalidSpec: The Rollout "web" is invalid: spec\./);
        assert.equal(status.stableRS, undefined);
      } else if (run.pipeline!.finishedAt >= 0) done++;
    });
    assert.ok(refused > 3 && done > 3, `${refused} refused, ${done} done`);
  });

  it('Flagger', () => {
    let done = 0;
    for (const object of fc.sample(flagger, { numRuns: 12, seed: 7 })) if (play([...FLAGGER, object], 'deployment: web', '').pipeline!.finishedAt >= 0) done++;
    assert.ok(done > 0, `${done} done`);
  });
});
