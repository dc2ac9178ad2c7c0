import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { isInputError, loadScenario, validateFile } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';

const scenarios = fileURLToPath(new URL('../../../scenarios/', import.meta.url));
const base = [
  'cluster:',
  '  nodes: [{ count: 3, zones: [a, b], template: nodes/4cpu-16gi.yaml }]',
  '  etcd: { members: 3, disk: nvme }',
  'manifests: hello/hello.yaml',
  'behaviour: [{ image: "nginx:*" }]',
  'timeline: [{ at: 1m, fail: { node: node-2 } }]',
  'objectives: [etcd commit p99 < 25ms]',
  'variants:',
];

let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'towtank-variants-'));
  cpSync(scenarios, folder, { recursive: true });
});

after(() => rmSync(folder, { recursive: true }));

function write(...lines: string[]): string {
  const file = join(folder, 'bad.yaml');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

function load(...variants: string[]): Scenario {
  return loadScenario(write(...base, ...variants));
}

/** What the command prints for a scenario, without the name of the folder. */
function complaint(...lines: string[]): string[] {
  try {
    loadScenario(write(...lines));
  } catch (error) {
    if (!isInputError(error)) throw error;
    return error.toString().replaceAll(`${folder}/`, '').split('\n');
  }
  throw new Error('no error');
}

describe('variants', () => {
  it('maps merge deeply, lists and values replace, the base stays as it is', () => {
    const scenario = load(
      '  - { name: hdd, cluster: { etcd: { disk: hdd } }, duration: 3m }',
      '  - { name: quiet, timeline: [], objectives: [api write p90 < 50ms] }',
    );
    assert.equal(scenario.variant, undefined);
    assert.equal(scenario.duration, 600e9);
    const [hdd, quiet] = scenario.variants!;
    assert.equal(hdd!.variant, 'hdd');
    assert.equal(hdd!.name, scenario.name, 'the name of a variant is not that of the scenario');
    assert.equal(hdd!.cluster.etcd.members, 3);
    assert.equal(hdd!.cluster.nodes.length, 3);
    assert.equal(hdd!.duration, 180e9);
    assert.notDeepEqual(hdd!.profile.etcd.fsync, scenario.profile.etcd.fsync);
    assert.deepEqual(hdd!.timeline, scenario.timeline);
    assert.deepEqual(quiet!.timeline, []);
    assert.deepEqual(quiet!.profile, scenario.profile);
    assert.deepEqual(
      quiet!.objectives.map(({ metric, quantile, limit }) => [metric, quantile, limit]),
      [['apiWrite', 0.9, 50e6]],
    );
  });

  it('errors stand where the value does: in the lines of the variant', () => {
    assert.deepEqual(complaint(...base, '  - name: far', '    cluster: { etcd: { member: 5 } }', '    trafic: []'), [
      'bad.yaml:10:24: unknown key "member"; did you mean "members"?',
      '  10 |     cluster: { etcd: { member: 5 } }',
      '     |                        ^',
      'bad.yaml:11:5: unknown key "trafic"; did you mean "traffic"?',
      '  11 |     trafic: []',
      '     |     ^',
    ]);
    assert.deepEqual(complaint(...base, '  - { name: wrong, cluster: { etcd: { disk: nvem } } }').slice(0, 1), [
      'bad.yaml:9:45: no disk class is named "nvem"; did you mean "nvme"?',
    ]);
    assert.deepEqual(complaint(...base, '  - { name: wrong, timeline: [{ at: 5s, scale: { deployment: helo, replicas: 3 } }] }'), [
      'bad.yaml:9:62: no Deployment is named default/helo; did you mean hello?',
      '  9 |   - { name: wrong, timeline: [{ at: 5s, scale: { deployment: helo, replicas: 3 } }] }',
      '    |                                                              ^',
    ]);
  });

  it('what a variant breaks in the base is shown there, with the name of the variant', () => {
    const lines = complaint(
      ...base,
      '  - { name: small, cluster: { nodes: [{ count: 2, template: nodes/4cpu-16gi.yaml }] } }',
    );
    assert.deepEqual(lines, [
      'bad.yaml:6:36: with the variant small: no node is named node-2; did you mean node-0?',
      '  6 | timeline: [{ at: 1m, fail: { node: node-2 } }]',
      '    |                                    ^',
    ]);
  });

  it('names once, and nothing that must be the same for all', () => {
    assert.deepEqual(complaint(...base, '  - { name: a }', '  - { name: a, seed: 2 }'), [
      'bad.yaml:10:13: two variants are named a',
      '  10 |   - { name: a, seed: 2 }',
      '     |             ^',
      'bad.yaml:10:16: a variant cannot change "seed": all variants run with the same seed',
      '  10 |   - { name: a, seed: 2 }',
      '     |                ^',
    ]);
    assert.deepEqual(complaint(...base, '  - { cluster: {} }').slice(0, 1), [
      'bad.yaml:9:5: missing key "name": expected text',
    ]);
  });

  it('strategies and variants at once: not yet', () => {
    const rollout = 'rollout: { deployment: hello, image: "nginx:2", at: 1m, strategies: [recreate, ramped] }';
    assert.deepEqual(complaint(rollout, ...base, '  - { name: a }'), [
      'bad.yaml:1:69: strategies and variants cannot be compared at once: keep one strategy, or leave out "variants"',
      `  1 | ${rollout}`,
      '    |                                                                     ^',
    ]);
  });

  it('actions on etcd', () => {
    const scenario = loadScenario(
      write(
        ...base.slice(0, 5),
        'timeline:',
        '  - { at: 1s, fail: { disk: etcd-1, factor: 20 } }',
        '  - { at: 2s, defragment: { etcd: 0 } }',
        '  - { at: 3s, defragment: { etcd: 2, duration: 10s } }',
        '  - { at: 4s, moveLeader: { etcd: 1 } }',
        '  - { at: 5s, heal: { disk: etcd-1 } }',
        '  - { at: 6s, corrupt: { etcd: 2 } }',
        '  - { at: 7s, disarmAlarms: {} }',
        '  - { at: 8s, disarmAlarms: }',
      ),
    );
    assert.deepEqual(
      scenario.timeline.map(({ position: _position, ...action }) => action),
      [
        { at: 1e9, action: 'fail', target: { kind: 'disk', index: 1, factor: 20 } },
        { at: 2e9, action: 'defragment', member: 0 },
        { at: 3e9, action: 'defragment', member: 2, duration: 10e9 },
        { at: 4e9, action: 'moveLeader', member: 1 },
        { at: 5e9, action: 'heal', target: { kind: 'disk', index: 1, factor: 1 } },
        { at: 6e9, action: 'corrupt', member: 2 },
        { at: 7e9, action: 'disarmAlarms', member: 0 },
        { at: 8e9, action: 'disarmAlarms', member: 0 },
      ],
    );
    const first = (action: string) => complaint(...base.slice(0, 5), `timeline: [{ at: 1s, ${action} }]`)[0];
    assert.equal(
      first('fail: { disk: etcd-3, factor: 20 }'),
      'bad.yaml:6:36: no etcd member is named etcd-3; did you mean etcd-0?',
    );
    assert.equal(first('fail: { disk: etcd-1 }'), 'bad.yaml:6:28: missing key "factor": expected a number above 1');
    assert.equal(first('fail: { disk: etcd-1, factor: 0.5 }'), 'bad.yaml:6:52: expected a number above 1, found the number 0.5');
    assert.equal(
      first('fail: { etcd: 1, factor: 20 }'),
      'bad.yaml:6:47: "factor" belongs to "disk": it says how slow the disk is',
    );
    assert.equal(
      first('moveLeader: { etcd: 3 }'),
      'bad.yaml:6:42: expected a number from 0 to 2, found 3: there are 3',
    );
    assert.equal(first('corrupt: { etcd: 3 }'), 'bad.yaml:6:39: expected a number from 0 to 2, found 3: there are 3');
    assert.equal(
      first('defragment: { etcd: 3 }'),
      'bad.yaml:6:42: expected a number from 0 to 2, found 3: there are 3',
    );
  });

  it('objectives of the control plane', () => {
    const read = (text: string) => {
      const { metric, quantile, limit } = loadScenario(write(...base.slice(0, 5), `objectives: ["${text}"]`)).objectives[0]!;
      return { metric, quantile, limit };
    };
    assert.deepEqual(read('api write p99 < 50ms'), { metric: 'apiWrite', quantile: 0.99, limit: 50e6 });
    assert.deepEqual(read('etcd commit p50 <= 2.5ms'), { metric: 'etcdCommit', quantile: 0.5, limit: 2.5e6 });
    assert.deepEqual(read('api unanswered < 1%'), { metric: 'apiUnanswered', quantile: undefined, limit: 0.01 });
    assert.deepEqual(read('API errors < 0.1%'), { metric: 'apiErrors', quantile: undefined, limit: 0.001 });
    const wrong = (text: string) => complaint(...base.slice(0, 5), `objectives: ["${text}"]`)[0];
    assert.equal(
      wrong('etcd commit < 25ms'),
      'bad.yaml:6:14: expected a quantile, as in `etcd commit p99 < 25ms`, found "etcd commit < 25ms"',
    );
    assert.equal(
      wrong('api errors p99 < 1%'),
      'bad.yaml:6:14: a quantile (p99) belongs to latencies only, found "api errors p99 < 1%"',
    );
    assert.equal(
      wrong('api write p99 < 50'),
      'bad.yaml:6:14: expected a duration such as 250ms or 8m, found "50"',
    );
  });

  it('the scenarios about etcd load without a finding, and each states a question, objectives and variants', () => {
    const files = readdirSync(join(scenarios, 'etcd')).filter((file) => file !== 'load.yaml');
    assert.ok(files.length >= 7);
    for (const file of files) {
      const path = join(scenarios, 'etcd', file);
      assert.deepEqual(
        validateFile(path).filter(({ severity }) => severity !== 'info'),
        [],
        file,
      );
      const raw = parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
      for (const key of ['question', 'objectives', 'variants']) assert.ok(raw[key] !== undefined, `${file}: ${key}`);
    }
  });
});
