import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { readSchedulerConfiguration } from '../../src/scheduler/config/configuration.js';
import { SchedulerCore } from '../../src/scheduler/scheduler-core.js';

const read = (text: string, allowMissingPlugins = false) =>
  readSchedulerConfiguration(
    parse(`apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n${text}`),
    {
      version: '1.34',
      allowMissingPlugins,
    },
  );

function frameworkOf(text: string) {
  const { configuration, errors } = read(text);
  assert.deepEqual(errors, []);
  return new SchedulerCore('1.34', { next: () => 0 }, configuration).frameworks.get('default-scheduler')!;
}

const scores = (text: string) =>
  frameworkOf(text).plugins.score.map(({ plugin, weight }) => `${plugin.name}=${weight}`);

test('without profiles the default plugins have their weights', () => {
  assert.deepEqual(scores(''), [
    'TaintToleration=3',
    'NodeAffinity=2',
    'NodeResourcesFit=1',
    'VolumeBinding=1',
    'PodTopologySpread=2',
    'InterPodAffinity=2',
    'NodeResourcesBalancedAllocation=1',
    'ImageLocality=1',
  ]);
});

test('filters run in the order of the default profile', () => {
  assert.deepEqual(
    frameworkOf('').plugins.filter.map((plugin) => plugin.name),
    [
      'NodeUnschedulable',
      'NodeName',
      'TaintToleration',
      'NodeAffinity',
      'NodePorts',
      'NodeResourcesFit',
      'VolumeRestrictions',
      'NodeVolumeLimits',
      'VolumeBinding',
      'VolumeZone',
      'PodTopologySpread',
      'InterPodAffinity',
      'DynamicResources',
    ],
  );
});

test('a plugin is reconfigured at one point: its place moves behind those of multiPoint', () => {
  const text = `
profiles:
- plugins:
    score:
      disabled: [{ name: ImageLocality }, { name: NodeResourcesFit }]
      enabled: [{ name: NodeResourcesFit, weight: 7 }]`;
  assert.deepEqual(scores(text), [
    'TaintToleration=3',
    'NodeAffinity=2',
    'VolumeBinding=1',
    'PodTopologySpread=2',
    'InterPodAffinity=2',
    'NodeResourcesBalancedAllocation=1',
    'NodeResourcesFit=7',
  ]);
});

test('a star takes every default plugin out', () => {
  const text = `
profiles:
- plugins:
    multiPoint:
      disabled: [{ name: "*" }]
      enabled: [{ name: PrioritySort }, { name: DefaultBinder }, { name: TaintToleration, weight: 9 }]`;
  assert.deepEqual(scores(text), ['TaintToleration=9']);
});

test('old versions name the one to use', () => {
  const raw = parse('apiVersion: kubescheduler.config.k8s.io/v1beta3\nkind: KubeSchedulerConfiguration');
  const { errors } = readSchedulerConfiguration(raw, { version: '1.34' });
  assert.equal(errors[0]!.field, 'apiVersion');
  assert.match(errors[0]!.detail ?? '', /use kubescheduler\.config\.k8s\.io\/v1$/);
});

const outside = 'profiles: [{ plugins: { filter: { enabled: [{ name: NodeResourceTopologyMatch }] } } }]';

test('a plugin from elsewhere is an error, or a warning and left out', () => {
  const refused = read(outside);
  assert.equal(refused.errors[0]!.field, 'profiles[0].plugins.filter.enabled[0].name');
  const allowed = read(outside, true);
  assert.deepEqual(allowed.errors, []);
  assert.deepEqual(allowed.warnings, [
    'plugin NodeResourceTopologyMatch is not part of Kubernetes and is not modelled: left out',
  ]);
});

test('an unknown plugin comes with the nearest name, an unknown field with its path', () => {
  const { errors } = read(
    'profiles: [{ plugins: { score: { enabled: [{ name: NodeResourceFit }] } }, schedulername: x }]',
  );
  assert.match(errors.map((error) => `${error.field}: ${error.detail}`).join('\n'), /did you mean "NodeResourcesFit"/);
  assert.match(
    errors.map((error) => `${error.field}: ${error.detail}`).join('\n'),
    /profiles\[0\]\.schedulername: unknown field; did you mean "schedulerName"/,
  );
});

test('arguments are checked as the real scheduler checks them', () => {
  const { errors } = read(`
percentageOfNodesToScore: 101
profiles:
- pluginConfig:
  - name: InterPodAffinity
    args: { hardPodAffinityWeight: 200 }
  - name: NodeResourcesFit
    args: { scoringStrategy: { type: RequestedToCapacityRatio, requestedToCapacityRatio: { shape: [{ utilization: 50, score: 1 }, { utilization: 10, score: 2 }] } } }
  - name: PodTopologySpread
    args: { defaultingType: System, defaultConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway }] }`);
  assert.deepEqual(errors.map((error) => error.field).sort(), [
    'percentageOfNodesToScore',
    'profiles[0].pluginConfig[0].args.hardPodAffinityWeight',
    'profiles[0].pluginConfig[1].args.scoringStrategy.requestedToCapacityRatio.shape[1].utilization',
    'profiles[0].pluginConfig[2].args.defaultingType',
  ]);
});

test('extenders and two profiles of one name are refused', () => {
  const { errors } = read(
    'extenders: [{ urlPrefix: "http://x" }]\nprofiles: [{ schedulerName: a }, { schedulerName: a }]',
  );
  assert.deepEqual(
    errors.map((error) => error.field),
    ['extenders', 'profiles[1].schedulerName'],
  );
});
