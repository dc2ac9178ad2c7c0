import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parseAllDocuments } from 'yaml';
import { InputError, InputErrors } from '../../src/scenario/input-error.js';
import { loadManifests } from '../../src/scenario/index.js';

const data = fileURLToPath(new URL('../../../test/data/strategies/examples.json.gz', import.meta.url));
const examples = JSON.parse(gunzipSync(readFileSync(data)).toString()) as Readonly<Record<string, string>>;

/** Files that are no manifests, and the line that says so. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  'argo-rollouts/examples/helm-blue-green/Chart.yaml': /^1: .*kind/,
  'argo-rollouts/examples/helm-blue-green/values.yaml': /^5: expected a Kubernetes object/,
  'argo-rollouts/examples/helm-blue-green/templates/rollout.yaml': /^20: .*render it first/,
  'argo-rollouts/examples/helm-blue-green/templates/services.yaml': /^25: .*render it first/m,
  'flagger/kustomize/podinfo/kustomization.yaml': /^1: expected a Kubernetes object/,
};

/** What is not modelled, by file: `line: field` or `line: kind KIND`. */
const NOT_MODELLED: Readonly<Record<string, readonly string[]>> = {
  'argo-rollouts/examples/ambassador/rollout.yaml': ['29: strategy.canary.trafficRouting.ambassador'],
  'argo-rollouts/examples/ambassador/echo-mapping.yaml': ['2: kind Mapping'],
  'argo-rollouts/examples/ambassador/resolver.yaml': ['2: kind KubernetesEndpointResolver'],
  'argo-rollouts/examples/analysis-templates.yaml': ['18: metrics[0].provider.job', '44: metrics[0].provider.job'],
  'argo-rollouts/examples/apisix/rollout.yaml': [
    '13: strategy.canary.trafficRouting.managedRoutes',
    '15: strategy.canary.trafficRouting.apisix',
    '24: strategy.canary.steps[0].setHeaderRoute.match',
  ],
  'argo-rollouts/examples/rollout-canary.yaml': [],
  'argo-rollouts/examples/rollout-bluegreen.yaml': [],
  'argo-rollouts/examples/rollout-rolling-update.yaml': [],
  'argo-rollouts/examples/rollout-analysis-step.yaml': [],
  'argo-rollouts/examples/rollout-background-analysis.yaml': [],
  'argo-rollouts/examples/rollout-experiment-step.yaml': [],
  'argo-rollouts/examples/istio/istio-mirror.yaml': [
    '104: kind Gateway',
    '39: gateways',
    '41: http[0].name',
    '63: strategy.canary.trafficRouting.managedRoutes',
    '68: strategy.canary.trafficRouting.istio.virtualService.routes',
    '76: strategy.canary.steps[1].setMirrorRoute.match',
  ],
  'argo-rollouts/examples/istio/istio-subset-split.yaml': [
    '24: http[0].name',
    '28: http[0].route[0].destination.subset',
    '32: http[0].route[1].destination.subset',
    '41: host',
    '43: subsets',
    '63: strategy.canary.trafficRouting.istio.virtualService.routes',
    '65: strategy.canary.trafficRouting.istio.destinationRule',
  ],
  'flagger/artifacts/examples/linkerd-canary.yaml': [
    '14: autoscalerRef',
    '22: service.portDiscovery',
    '41: analysis.webhooks[0].url',
    '42: analysis.webhooks[0].timeout',
    '44: analysis.webhooks[0].metadata',
    '48: analysis.webhooks[1].url',
    '49: analysis.webhooks[1].timeout',
    '51: analysis.webhooks[1].metadata',
  ],
  'flagger/artifacts/examples/kuma-canary.yaml': [
    '18: service.apex',
    '21: service.canary',
    '24: service.primary',
    '41: analysis.webhooks[0].url',
    '42: analysis.webhooks[0].timeout',
    '44: analysis.webhooks[0].metadata',
    '48: analysis.webhooks[1].url',
    '50: analysis.webhooks[1].metadata',
  ],
};

/** Fields that some model reads, by kind; typed ones (selectors, pod templates) with all below them. */
const TEMPLATE = ['args.name', 'args.value', 'metrics.name', 'metrics.interval', 'metrics.count', 'metrics.failureLimit', 'metrics.successCondition', 'metrics.provider.prometheus.query'];
const MODELLED: Readonly<Record<string, readonly string[]>> = {
  'argoproj.io Rollout': [
    'replicas',
    'revisionHistoryLimit',
    'selector',
    'template',
    'workloadRef',
    ...['activeService', 'previewService', 'autoPromotionEnabled'].map((field) => `strategy.blueGreen.${field}`),
    ...[
      'canaryService',
      'stableService',
      'maxSurge',
      'maxUnavailable',
      'analysis.templates.templateName',
      'steps.setWeight',
      'steps.pause.duration',
      'steps.setCanaryScale',
      ...['duration', 'analyses', 'templates.name', 'templates.specRef', 'templates.replicas', 'templates.metadata.labels', 'templates.selector'].map((field) => `steps.experiment.${field}`),
      'steps.analysis.templates',
      'steps.setHeaderRoute.name',
      'steps.setMirrorRoute.name',
      'steps.setMirrorRoute.percentage',
      'trafficRouting.istio.virtualService.name',
      'trafficRouting.smi',
    ].map((field) => `strategy.canary.${field}`),
  ],
  'argoproj.io AnalysisTemplate': TEMPLATE,
  'argoproj.io ClusterAnalysisTemplate': TEMPLATE,
  'networking.istio.io VirtualService': ['hosts', 'http.route.destination.host', 'http.route.weight'],
  'networking.istio.io DestinationRule': [],
  'split.smi-spec.io TrafficSplit': [],
  'gateway.networking.k8s.io HTTPRoute': [],
  'flagger.app Canary': [
    'provider',
    'targetRef',
    'progressDeadlineSeconds',
    'skipAnalysis',
    ...['name', 'port', 'portName', 'targetPort'].map((field) => `service.${field}`),
    ...['interval', 'threshold', 'iterations', 'maxWeight', 'stepWeight', 'stepWeights'].map((field) => `analysis.${field}`),
    ...['name', 'interval', 'threshold', 'thresholdRange'].map((field) => `analysis.metrics.${field}`),
    ...['name', 'type'].map((field) => `analysis.webhooks.${field}`),
  ],
  'flagger.app MetricTemplate': [],
};

/** Paths of all values of a tree. */
function leaves(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((each, i) => leaves(each, `${path}[${i}]`));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, each]) => leaves(each, path === '' ? key : `${path}.${key}`));
}

const notModelled = (file: string): string[] =>
  loadManifests(file)
    .findings.filter(({ message }) => message.includes('is not modelled'))
    .map(({ message, position }) => {
      const line = /:(\d+):\d+$/.exec(position ?? '')?.[1];
      const what = /^(kind \S+)/.exec(message)?.[1] ?? /^\S+ "[^"]*": (\S+) is not modelled/.exec(message)?.[1];
      return `${line}: ${what}`;
    });

describe('example resources of Argo Rollouts and Flagger', () => {
  let folder = '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'towtank-examples-'));
    for (const [path, text] of Object.entries(examples)) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
  });

  after(() => rmSync(folder, { recursive: true }));

  it('are all here', () => {
    const paths = Object.keys(examples);
    assert.equal(paths.filter((path) => path.startsWith('argo-rollouts/')).length, 37);
    assert.equal(paths.filter((path) => path.startsWith('flagger/')).length, 8);
  });

  it('load, each finding with its line; what is no manifest is refused at its line', () => {
    for (const path of Object.keys(examples)) {
      const refused = REFUSED[path];
      if (refused === undefined) {
        for (const { position, message } of loadManifests(join(folder, path)).findings) assert.match(position ?? '', /:\d+:\d+$/, message);
        continue;
      }
      assert.throws(
        () => loadManifests(join(folder, path)),
        (error) => {
          assert.ok(error instanceof InputError || error instanceof InputErrors, path);
          const errors = error instanceof InputErrors ? error.errors : [error];
          assert.match(errors.map(({ line, message }) => `${line}: ${message}`).join('\n'), refused);
          return true;
        },
        path,
      );
    }
  });

  it('say by line what is not modelled', () => {
    for (const [path, expected] of Object.entries(NOT_MODELLED)) assert.deepEqual(notModelled(join(folder, path)), expected, path);
  });

  it('no field of any example is silent: it is in the table of what is modelled, or a finding names it', () => {
    const silent: string[] = [];
    for (const [path, text] of Object.entries(examples)) {
      if (REFUSED[path] !== undefined) continue;
      const findings = loadManifests(join(folder, path)).findings.map(({ message }) => message);
      for (const document of parseAllDocuments(text)) {
        const object = document.toJS() as { apiVersion?: string; kind?: string; metadata?: { name?: string }; spec?: unknown } | null;
        const modelled = MODELLED[`${object?.apiVersion?.split('/')[0]} ${object?.kind}`];
        if (object === null || modelled === undefined) continue;
        const about = `${object.kind} "${object.metadata?.name}": `;
        const named = findings.filter((message) => message.startsWith(about)).map((message) => message.slice(about.length).split(' ')[0]!);
        for (const field of leaves(object.spec, '')) {
          const plain = field.replaceAll(/\[\d+\]/g, '');
          const found = named.some((each) => field === each || field.startsWith(`${each}.`) || field.startsWith(`${each}[`));
          if (!found && !modelled.some((each) => plain === each || plain.startsWith(`${each}.`))) silent.push(`${path}: ${object.kind} ${field}`);
        }
      }
    }
    assert.deepEqual(silent, []);
  });

  it('misspelt fields and wrong types are errors', () => {
    const text = examples['argo-rollouts/examples/rollout-canary.yaml']!;
    const file = join(folder, 'wrong.yaml');
    for (const [from, to, message] of [
      ['setWeight: 20', 'setWieght: 20', /setWieght.*did you mean "setWeight"/s],
      ['setWeight: 20', 'setWeight: twenty', /setWeight: expected a whole number, found the text "twenty"/],
      ['    canary:', '    canari:', /canari/],
    ] as const) {
      writeFileSync(file, text.replace(from, to));
      assert.throws(() => loadManifests(file), message);
    }
  });
});
