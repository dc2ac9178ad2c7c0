import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import { InputError, InputErrors } from '../../src/scenario/input-error.js';
import { loadManifests, loadScenario } from '../../src/scenario/index.js';

/** Every field of the CustomResourceDefinitions of Argo Rollouts and Flagger, one at a time. */

const data = fileURLToPath(new URL('../../../test/data/strategies/crd-fields.json.gz', import.meta.url));
const fields = JSON.parse(gunzipSync(readFileSync(data)).toString()) as Readonly<Record<string, Readonly<Record<string, string>>>>;

type Tree = { [key: string]: unknown };

const TEMPLATE = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'registry.example/web:v1' }] } };
/** The least that is valid. */
const LEAST: Readonly<Record<string, Tree>> = {
  Rollout: { selector: { matchLabels: { app: 'web' } }, template: TEMPLATE, strategy: { canary: {} } },
  AnalysisTemplate: { metrics: [{ name: 'm', provider: { job: {} } }] },
  ClusterAnalysisTemplate: { metrics: [{ name: 'm', provider: { job: {} } }] },
  AnalysisRun: { metrics: [{ name: 'm', provider: { job: {} } }] },
  Canary: { targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, service: { port: 80 }, analysis: { interval: '30s' } },
  MetricTemplate: { provider: { type: 'prometheus' }, query: 'vector(1)' },
};

/** A value of a type of the CRDs. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  string: '30s',
  integer: 5,
  number: 5,
  boolean: true,
  'int-or-string': 5,
  object: {},
  map: { a: 'b' },
  'array of string': ['a'],
  'array of integer': [5],
  'array of number': [5],
  'array of object': [{}],
};

/** Puts a value where a path such as `strategy.canary.steps[].pause` leads. */
function put(tree: Tree, path: string, value: unknown): Tree {
  const copy = structuredClone(tree);
  let at = copy;
  const steps = path.split('.');
  steps.forEach((step, i) => {
    const key = step.replaceAll('[]', '');
    const last = i === steps.length - 1;
    if (!step.endsWith('[]')) {
      if (last) at[key] = value;
      else at = (at[key] ??= {}) as Tree;
      return;
    }
    const items = (at[key] ??= [{}]) as Tree[];
    if (last) items[0] = value as Tree;
    else at = items[0]!;
  });
  return copy;
}

describe('fields of the CustomResourceDefinitions of Argo Rollouts and Flagger', () => {
  let file = '';
  before(() => {
    file = join(mkdtempSync(join(tmpdir(), 'towtank-fields-')), 'object.yaml');
  });
  after(() => rmSync(join(file, '..'), { recursive: true }));

  const write = (kind: string, apiVersion: string, spec: Tree): void => writeFileSync(file, stringify({ apiVersion, kind, metadata: { name: 'web' }, spec }));
  const tell = (error: unknown): readonly InputError[] => {
    assert.ok(error instanceof InputError || error instanceof InputErrors, String(error));
    return error instanceof InputErrors ? error.errors : [error];
  };

  it('are known: none is refused as misspelt or of a wrong type, findings have their line', () => {
    let count = 0;
    let named = 0;
    for (const [name, types] of Object.entries(fields)) {
      const [apiVersion, kind] = name.split(' ') as [string, string];
      for (const [path, type] of Object.entries(types)) {
        assert.ok(type in SAMPLES, `${kind} ${path}: ${type}`);
        const base = path.startsWith('strategy.blueGreen') ? { ...LEAST[kind]!, strategy: { blueGreen: { activeService: 'web' } } } : LEAST[kind]!;
        write(kind, apiVersion, put(base, path, SAMPLES[type]));
        count++;
        try {
          for (const { message, position } of loadManifests(file).findings) {
            assert.match(position ?? '', /:\d+:\d+$/, message);
            if (message.includes('is not modelled')) named++;
          }
        } catch (error) {
          for (const { message } of tell(error)) assert.fail(`${kind} ${path}: ${message}`);
        }
      }
    }
    assert.ok(count > 600 && named > 300, `${count} fields, ${named} named as not modelled`);
  });

  it('of a wrong type are refused at their line; nothing at all is left out, as the API server does', () => {
    let refused = 0;
    for (const [name, types] of Object.entries(fields)) {
      const [apiVersion, kind] = name.split(' ') as [string, string];
      // As AnalysisTemplates.
      if (kind === 'ClusterAnalysisTemplate' || kind === 'AnalysisRun') continue;
      for (const [path, type] of Object.entries(types)) {
        const base = path.startsWith('strategy.blueGreen') ? { ...LEAST[kind]!, strategy: { blueGreen: { activeService: 'web' } } } : LEAST[kind]!;
        for (const wrong of [null, type === 'boolean' ? 'yes?' : [[1]]]) {
          write(kind, apiVersion, put(base, path, wrong));
          try {
            loadManifests(file);
          } catch (error) {
            for (const { line } of tell(error)) assert.ok(line! > 1, `${kind} ${path}`);
            // What is required may not be nothing.
            if (wrong === null) assert.match(path, /^(strategy\.blueGreen\.activeService|targetRef\.name|service\.port|steps|query)$/, `${kind} ${path}: ${String(error)}`);
            else refused++;
          }
        }
      }
    }
    assert.ok(refused > 130, `${refused}`);
  });

  const invalid = (strategy: Tree, more: Tree = {}): string[] => {
    write('Rollout', 'argoproj.io/v1alpha1', { ...LEAST['Rollout']!, strategy, ...more });
    return loadManifests(file)
      .findings.filter(({ message }) => message.includes('InvalidSpec'))
      .map(({ message, position }) => {
        assert.match(position ?? '', /object\.yaml:\d+:\d+$/);
        return message.replace('Rollout "web": ', '').replace(': Argo Rollouts does nothing about it (InvalidSpec)', '');
      });
  };

  it('specs that Argo Rollouts does nothing about are named in its words (pkg/apis/rollouts/validation)', () => {
    const step = (value: Tree, routing?: Tree): string[] =>
      invalid({ canary: { steps: [value], ...(routing === undefined ? {} : { canaryService: 'a', stableService: 'b', trafficRouting: routing }) } }).map((text) => text.replace('spec.strategy.canary.', ''));
    assert.deepEqual(step({ setWeight: 101 }), ['steps[0].setWeight: SetWeight needs to be between 0 and 100']);
    assert.deepEqual(step({ setWeight: 500 }, { nginx: { stableIngress: 'x' }, maxTrafficWeight: 1000 }), []);
    assert.deepEqual(step({ setWeight: 500 }, { smi: {}, maxTrafficWeight: 1000 }), ['trafficRouting.maxTrafficWeight: Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins']);
    assert.deepEqual(step({ pause: { duration: '5x' } }), ['steps[0].pause.duration: Duration needs to be greater than 0']);
    assert.deepEqual(step({ pause: { duration: '1h30m' } }), []);
    assert.deepEqual(step({ pause: {} }), []);
    assert.deepEqual(step({}), ['steps[0]: Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause']);
    assert.deepEqual(step({ setWeight: 5, pause: {} }), ['steps[0]: Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause']);
    assert.deepEqual(step({ setCanaryScale: { replicas: 1 } }), ['steps[0].setCanaryScale: SetCanaryScale requires TrafficRouting to be set']);
    assert.deepEqual(step({ setHeaderRoute: { name: 'h' } }, { smi: {} })[0], 'steps[0].setHeaderRoute: SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix');
    const istio = { virtualService: { name: 'v' } };
    assert.deepEqual(step({ setMirrorRoute: { name: 'm' } }, { istio }), ["steps[0].setMirrorRoute: Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'"]);
    assert.deepEqual(step({ setMirrorRoute: { name: 'm' } }, { istio, managedRoutes: [{ name: 'n' }] }), ['steps[0].setMirrorRoute.name: Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes']);
    assert.deepEqual(step({ setMirrorRoute: { name: 'm' } }, { istio, managedRoutes: [{ name: 'm' }] }), []);
    assert.deepEqual(invalid({ canary: { maxSurge: 0, maxUnavailable: '0%' } }), ['spec.strategy.canary.maxSurge: MaxSurge and MaxUnavailable both can not be zero']);
    assert.deepEqual(invalid({ canary: { dynamicStableScale: true } }), ['spec.strategy.canary.dynamicStableScale: Canary dynamicStableScale can only be used with traffic routing']);
    assert.deepEqual(invalid({ canary: { trafficRouting: { smi: {} }, canaryService: 'a' } }), ['spec.strategy.canary.trafficRouting: stableService: Canary service and Stable service must to be set to use Traffic Routing']);
    assert.deepEqual(invalid({ blueGreen: { activeService: 'a', previewService: 'a' } }), ['spec.strategy.blueGreen.activeService: This rollout uses the same service for the active and preview services, but two different services are required.']);
    assert.deepEqual(invalid({ canary: {} }, { minReadySeconds: 20, progressDeadlineSeconds: 10 }), ['spec.progressDeadlineSeconds: must be greater than minReadySeconds']);
    assert.deepEqual(invalid({ canary: {} }, { selector: { matchLabels: { app: 'other' } } }), ['spec.template.metadata.labels: `selector` does not match template `labels`']);
  });

  it('what a Rollout names must be there, and fit', () => {
    const folder = join(file, '..');
    const objects = [
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'shop' }, ports: [{ port: 80 }] } },
      { apiVersion: 'argoproj.io/v1alpha1', kind: 'AnalysisTemplate', metadata: { name: 'endless' }, spec: { args: [{ name: 'who' }], metrics: [{ name: 'm', interval: '5s', provider: { job: {} } }] } },
      {
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Rollout',
        metadata: { name: 'web' },
        spec: { ...LEAST['Rollout']!, strategy: { canary: { stableService: 'web', canaryService: 'nobody', steps: [{ analysis: { templates: [{ templateName: 'endless' }, { templateName: 'nothing' }] } }], analysis: { templates: [{ templateName: 'endless' }], args: [{ name: 'who', value: 'web' }] } } } },
      },
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } } },
    ];
    writeFileSync(join(folder, 'node.yaml'), stringify(objects[3]));
    writeFileSync(join(folder, 'all.yaml'), objects.slice(0, 3).map((each) => stringify(each)).join('---\n'));
    writeFileSync(join(folder, 'scenario.yaml'), 'duration: 1m\ncluster: { nodes: [{ count: 1, template: node.yaml }] }\nmanifests: all.yaml\nbehaviour: [{ image: "*" }]\n');
    const found = loadScenario(join(folder, 'scenario.yaml')).findings!.filter(({ message }) => message.includes('InvalidSpec'));
    for (const { position } of found) assert.match(position ?? '', /all\.yaml:\d+:\d+$/);
    assert.deepEqual(
      found.map(({ message }) => message.replace(/^Rollout "web": spec\.strategy\.canary\./, '').replace(/: Argo Rollouts does.*/, '')),
      [
        'canaryService: service "nobody" not found',
        'stableService: Service "web" has unmatch label "app" in rollout',
        'steps[0].analysis.templates[0].templateName: AnalysisTemplate endless has metric m which runs indefinitely. Invalid value for count: <nil>',
        'steps[0].analysis.templates[0].templateName: args.who was not resolved',
        "steps[0].analysis.templates[1].templateName: AnalysisTemplate 'nothing' not found",
      ],
    );
  });
});
