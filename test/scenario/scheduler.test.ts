import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inputErrorsOf } from '../../src/scenario/input-error.js';
import { loadScenario, validateFile } from '../../src/scenario/index.js';
import { readSchedulerConfigurationFile } from '../../src/scenario/scheduler-configuration.js';

const folder = mkdtempSync(join(tmpdir(), 'towtank-scheduler-'));
cpSync(fileURLToPath(new URL('../../../scenarios/scheduler-plugin', import.meta.url)), folder, { recursive: true });
after(() => rmSync(folder, { recursive: true }));

const HEAD = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function scenario(scheduler: string, more = ''): string {
  return write(
    'case.yaml',
    `cluster:\n  nodes: [{ count: 2, template: node.yaml }]\n  scheduler: ${scheduler}\n${more}manifests: workload.yaml\nbehaviour: [{ image: "*" }]\n`,
  );
}

/** Messages of what is wrong, with their places inside the folder. */
function errorsOf(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    return inputErrorsOf(error).map((each) => `${each.place.replace(`${folder}/`, '')}: ${each.message}`);
  }
  return [];
}

test('every setting of the configuration file reaches the cluster; what the scenario states itself holds over it', () => {
  write(
    'settings.yaml',
    `${HEAD}percentageOfNodesToScore: 40\nparallelism: 4\npodInitialBackoffSeconds: 2\npodMaxBackoffSeconds: 20\n` +
      'clientConnection: { qps: 300, burst: 600, kubeconfig: /etc/kubernetes/scheduler.conf }\n' +
      'leaderElection: { leaseDuration: 30s, renewDeadline: 20s, retryPeriod: 5s, resourceName: mine, resourceNamespace: default }\n' +
      'profiles:\n- schedulerName: default-scheduler\n  percentageOfNodesToScore: 70\n  pluginConfig: [{ name: VolumeBinding, args: { bindTimeoutSeconds: 30 } }]\n- schedulerName: packing\n',
  );
  const { scheduler } = loadScenario(scenario('{ configuration: settings.yaml, burst: 700 }')).cluster;
  const { qps, burst, percentageOfNodesToScore, parallelism, configuration } = scheduler;
  assert.deepEqual({ qps, burst, percentageOfNodesToScore, parallelism }, { qps: 300, burst: 700, percentageOfNodesToScore: 40, parallelism: 4 });
  assert.deepEqual([configuration!.initialBackoff, configuration!.maximumBackoff], [2e9, 20e9]);
  assert.deepEqual(configuration!.leaderElection, {
    leaderElect: true,
    leaseDuration: 30e9,
    renewDeadline: 20e9,
    retryPeriod: 5e9,
    resourceName: 'mine',
    resourceNamespace: 'default',
  });
  assert.deepEqual(
    configuration!.profiles.map((profile) => [profile.schedulerName, profile.percentageOfNodesToScore, profile.args.volumeBindTimeout]),
    [
      ['default-scheduler', 70, 30e9],
      ['packing', undefined, 600e9],
    ],
  );
});

test('errors of the configuration file stand at their lines', () => {
  write('bad.yaml', `${HEAD}podInitialBackoffSeconds: 20\nparallelism: 0\nleaderElection: { renewDeadline: 20s, retryPeriod: soon }\n`);
  assert.deepEqual(errorsOf(() => loadScenario(scenario('{ configuration: bad.yaml }'))), [
    'bad.yaml:1:1: podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds',
    'bad.yaml:4:14: parallelism: Invalid value: 0: should be an integer value greater than zero',
    'bad.yaml:5:17: leaderElection.leaseDuration: Invalid value: "15s": LeaseDuration must be greater than RenewDeadline',
    'bad.yaml:5:52: leaderElection.retryPeriod: expected a duration such as 15s, found the text "soon"',
  ]);
  assert.match(errorsOf(() => loadScenario(scenario('{ configuration: none.yaml }')))[0]!, /^case\.yaml:3:31: no such file/);
});

test('two replicas without leader election are refused', () => {
  write('free.yaml', `${HEAD}leaderElection: { leaderElect: false }\n`);
  const path = write(
    'case.yaml',
    'cluster:\n  nodes: [{ count: 2, template: node.yaml }]\n  controlPlaneReplicas: 2\n  scheduler: { configuration: free.yaml }\n',
  );
  assert.match(errorsOf(() => loadScenario(path))[0]!, /^case\.yaml:4:31: leaderElect: false with several replicas/);
});

test('several documents are profiles side by side, unless their names clash or their settings differ', () => {
  const profile = (name: string) => `${HEAD}profiles: [{ schedulerName: ${name} }]\n`;
  const options = { version: '1.34' as const };
  const loaded = readSchedulerConfigurationFile(write('two.yaml', `${profile('a')}---\n${profile('b')}`), options);
  assert.deepEqual(loaded.configuration.profiles.map((each) => each.schedulerName), ['a', 'b']);
  assert.match(loaded.warnings[0]!, /^2 documents/);
  const clash = write('clash.yaml', `${profile('a')}---\n${profile('a')}parallelism: 3\n`);
  assert.deepEqual(errorsOf(() => readSchedulerConfigurationFile(clash, options)), [
    'clash.yaml:7:29: profiles[0].schedulerName: an earlier document of this file has a profile "a" already; put alternatives into files of their own',
    'clash.yaml:8:14: parallelism: differs from the first document of this file',
  ]);
});

test('a ConfigMap with a configuration is read; a Helm template and old versions are named as such', () => {
  const options = { version: '1.34' as const };
  const inner = (version: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata:\n  scheduler-config.yaml: |\n    apiVersion: kubescheduler.config.k8s.io/${version}\n    kind: KubeSchedulerConfiguration\n    parallelism: 3\n`;
  assert.equal(readSchedulerConfigurationFile(write('map.yaml', inner('v1')), options).configuration.parallelism, 3);
  assert.match(
    errorsOf(() => readSchedulerConfigurationFile(write('map.yaml', inner('v1beta3')), options))[0]!,
    /^map\.yaml \(data\.scheduler-config\.yaml\):1:13: .*use kubescheduler\.config\.k8s\.io\/v1$/,
  );
  const template = write('helm.yaml', `{{- if .Values.on }}\n${HEAD}{{- end }}\n`);
  assert.match(errorsOf(() => readSchedulerConfigurationFile(template, options))[0]!, /Helm template.*render it first/);
});

test('a plugin that is not modelled: an error once a plugin, or a finding', () => {
  const path = write(
    'plugins.yaml',
    `${HEAD}profiles:\n- plugins:\n    queueSort: { enabled: [{ name: Coscheduling }], disabled: [{ name: "*" }] }\n    multiPoint: { enabled: [{ name: Coscheduling }] }\n`,
  );
  const [error, ...others] = errorsOf(() => validateFile(path));
  assert.match(error!, /^plugins\.yaml:5:.*plugin Coscheduling is not part of Kubernetes and is not modelled; --allow-missing-plugins leaves it out$/);
  assert.deepEqual(others, []);
  const messages = validateFile(path, { allowMissingPlugins: true }).map((finding) => finding.message);
  assert.deepEqual(messages, [
    'plugin Coscheduling is not part of Kubernetes and is not modelled: left out',
    'PrioritySort takes its place at queueSort',
  ]);
  const findings = loadScenario(scenario('{ configuration: plugins.yaml }'), { allowMissingPlugins: true }).findings;
  assert.ok(findings.some(({ message, position }) => /^plugins\.yaml: plugin Coscheduling/.test(message) && position === 'case.yaml:3:31'));
});

test('unknown names are errors with the nearest, also among what is disabled and configured', () => {
  write(
    'names.yaml',
    `${HEAD}profiles:\n- plugins: { score: { enabled: [{ name: ImageLocalty }], disabled: [{ name: NodeAfinity }, { name: SelectorSpread }] } }\n  pluginConfig: [{ name: NodeResourceFit, args: {} }]\n`,
  );
  assert.deepEqual(
    errorsOf(() => loadScenario(scenario('{ configuration: names.yaml }'))).map((text) => /did you mean "(\w+)"/.exec(text)?.[1]),
    ['ImageLocality', 'NodeAffinity', 'NodeResourcesFit'],
  );
});

test('a plugin of the user’s own: by name in the profile, or in the default profile', () => {
  const loaded = loadScenario(join(folder, 'cheapest-node.yaml'));
  assert.equal(loaded.cluster.scheduler.plugins![0]!.name, 'CheapestNode');
  assert.match(loaded.cluster.scheduler.plugins![0]!.source, /^cheapest-node\.ts#[0-9a-f]{16}$/);
  assert.equal(loaded.cluster.scheduler.qps, 200);
  assert.deepEqual(loaded.cluster.scheduler.configuration!.profiles[0]!.args.others, {
    CheapestNode: { priceLabel: 'example.com/price-per-hour' },
  });
  const plain = loadScenario(scenario('{ plugins: { CheapestNode: cheapest-node.ts } }'));
  assert.deepEqual(plain.cluster.scheduler.configuration!.profiles[0]!.multiPoint.enabled.at(-1), { name: 'CheapestNode', weight: 1 });
assert.equal(plain.sourceFiles![0], 'case.yaml');
  assert.deepEqual(new Set(plain.sourceFiles), new Set(['case.yaml', 'workload.yaml', 'node.yaml', 'cheapest-node.ts']));
});

test('what is wrong with a plugin’s file is said where the scenario names it, without a stack trace', () => {
  const cases: readonly (readonly [string, string | undefined, RegExp])[] = [
    ['gone.ts', undefined, /^case\.yaml:3:\d+: no such file: .*gone\.ts$/],
    ['text.yaml', 'a: b\n', /plugin P: expected a \.ts, \.js or \.mjs file, found text\.yaml$/],
    ['syntax.ts', 'export default class {\n', /plugin P cannot be loaded: .*syntax\.ts:2:0: ERROR: Expected/],
    ['throws.ts', 'throw new Error("no luck");\n', /plugin P cannot be loaded: no luck$/],
    ['nothing.ts', 'export const a = 1;\n', /plugin P: nothing\.ts has no class as its default export/],
  ];
  for (const [file, text, expected] of cases) {
    if (text !== undefined) write(file, text);
    const errors = errorsOf(() => loadScenario(scenario(`{ plugins: { P: ${file} } }`)));
    assert.equal(errors.length, 1, file);
    assert.match(errors[0]!, expected);
  }
});
