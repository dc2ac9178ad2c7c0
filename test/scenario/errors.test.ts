import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InputError, InputErrors, isInputError, loadScenario, validateFile } from '../../src/scenario/index.js';

const scenarios = fileURLToPath(new URL('../../../scenarios/', import.meta.url));

const base = [
  'cluster:',
  '  nodes: [{ count: 3, zones: [a, b], template: nodes/4cpu-16gi.yaml }]',
  'manifests: hello/hello.yaml',
  'behaviour: [{ image: "nginx:*" }]',
];

/** A scenario with its lines replaced or appended. */
function scenario(...more: string[]): string {
  const lines = [...base];
  for (const line of more) {
    const key = line.slice(0, line.indexOf(':'));
    const index = lines.findIndex((each) => each.startsWith(`${key}:`));
    if (index >= 0) lines[index] = line;
    else lines.push(line);
  }
  return `${lines.join('\n')}\n`;
}

/** Mistakes in an entry of etcd's serversOverrides: name, entry, column in it, message. */
function overrides(mistakes: readonly (readonly [string, string, number, string])[]) {
  return mistakes.map(([name, entry, column, message]): [string, string, string[]] => {
    const line = `  etcd: { serversOverrides: [${entry}] }`;
    const at = line.indexOf(entry) + column;
    const text = [base[0], base[1], line, ...base.slice(2)].join('\n');
    return [name, `${text}\n`, [`bad.yaml:3:${at}: ${message}`, `  3 | ${line}`, `    | ${' '.repeat(at - 1)}^`]];
  });
}

/** Name, scenario, and exactly what the command prints. */
const cases: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'unknown key',
    scenario('trafic: []'),
    ['bad.yaml:5:1: unknown key "trafic"; did you mean "traffic"?', '  5 | trafic: []', '    | ^'],
  ],
  [
    'unknown key without a near one',
    scenario('rollout: { deployment: hello, image: "nginx:2", at: 1m, xyz: 1 }'),
    [
      'bad.yaml:5:57: unknown key "xyz"; known keys: deployment, rollout, namespace, container, image, at, strategies, measurements, webhooks',
      '  5 | rollout: { deployment: hello, image: "nginx:2", at: 1m, xyz: 1 }',
      '    |                                                         ^',
    ],
  ],
  [
    'unknown key inside a union',
    scenario('behaviour: [{ image: "nginx:*", start: { logormal: { median: 3s, sigma: 0.4 } } }]'),
    [
      'bad.yaml:4:42: unknown key "logormal"; did you mean "lognormal"?',
      '  4 | behaviour: [{ image: "nginx:*", start: { logormal: { median: 3s, sigma: 0.4 } } }]',
      '    |                                          ^',
    ],
  ],
  [
    'wrong type of a map',
    scenario('rollout: now'),
    ['bad.yaml:5:10: expected a map, found the text "now"', '  5 | rollout: now', '    |          ^'],
  ],
  [
    'wrong type of a list',
    scenario('traffic: { to: service/hello }'),
    ['bad.yaml:5:10: expected a list, found a map', '  5 | traffic: { to: service/hello }', '    |          ^'],
  ],
  [
    'number where a rate belongs',
    scenario('traffic: [{ to: service/hello, rate: 500 }]'),
    [
      'bad.yaml:5:38: expected a rate such as 500/s or 30/m, found the number 500',
      '  5 | traffic: [{ to: service/hello, rate: 500 }]',
      '    |                                      ^',
    ],
  ],
  [
    'missing key',
    scenario('traffic: [{ to: service/hello }]'),
    [
      'bad.yaml:5:11: missing key "rate": expected a rate such as 500/s or 30/m',
      '  5 | traffic: [{ to: service/hello }]',
      '    |           ^',
    ],
  ],
  [
    'duration without unit',
    scenario('duration: "5"'),
    [
      'bad.yaml:5:11: expected a duration such as 250ms, 5m or 1h30m, found the text "5"',
      '  5 | duration: "5"',
      '    |           ^',
    ],
  ],
  [
    'two kinds of one distribution',
    scenario('behaviour: [{ image: "nginx:*", start: { constant: 1s, exponential: { mean: 1s } } }]'),
    [
      'bad.yaml:4:40: expected one of constant, uniform, exponential, lognormal, found constant and exponential',
      '  4 | behaviour: [{ image: "nginx:*", start: { constant: 1s, exponential: { mean: 1s } } }]',
      '    |                                        ^',
    ],
  ],
  [
    'number out of range',
    scenario('cluster: { nodes: [{ count: 3, template: nodes/4cpu-16gi.yaml }], etcd: { members: 0 } }').replace(
      /^ {2}nodes.*\n/m,
      '',
    ),
    [
      'bad.yaml:1:84: expected a whole number from 1 to 9, found the number 0',
      '  1 | cluster: { nodes: [{ count: 3, template: nodes/4cpu-16gi.yaml }], etcd: { members: 0 } }',
      '    |                                                                                    ^',
    ],
  ],
  [
    'Service that is not there',
    scenario('traffic: [{ to: service/helo, rate: 5/s }]'),
    [
      'bad.yaml:5:17: no Service is named default/helo; did you mean hello?',
      '  5 | traffic: [{ to: service/helo, rate: 5/s }]',
      '    |                 ^',
    ],
  ],
  [
    'Service of another namespace',
    scenario('namespace: shop', 'traffic: [{ to: hello, namespace: default, rate: 5/s }]'),
    [
      'bad.yaml:6:17: no Service is named default/hello; there is shop/hello: add "namespace: shop"',
      '  6 | traffic: [{ to: hello, namespace: default, rate: 5/s }]',
      '    |                 ^',
    ],
  ],
  [
    'Deployment that is not there',
    scenario('timeline: [{ at: 1m, scale: { deployment: helo, replicas: 5 } }]'),
    [
      'bad.yaml:5:43: no Deployment is named default/helo; did you mean hello?',
      '  5 | timeline: [{ at: 1m, scale: { deployment: helo, replicas: 5 } }]',
      '    |                                           ^',
    ],
  ],
  [
    'container that is not there',
    scenario('rollout: { deployment: hello, container: server, image: "nginx:2", at: 1m }'),
    [
      'bad.yaml:5:42: the Deployment hello has no container named server; there is web',
      '  5 | rollout: { deployment: hello, container: server, image: "nginx:2", at: 1m }',
      '    |                                          ^',
    ],
  ],
  [
    'zone that is not there',
    scenario('timeline: [{ at: 1m, fail: { zone: c } }]'),
    [
      'bad.yaml:5:36: no zone is named c; there are a, b',
      '  5 | timeline: [{ at: 1m, fail: { zone: c } }]',
      '    |                                    ^',
    ],
  ],
  [
    'etcd member that is not there',
    scenario('timeline: [{ at: 1m, fail: { etcd: 3 } }]'),
    [
      'bad.yaml:5:36: expected a number from 0 to 2, found 3: there are 3',
      '  5 | timeline: [{ at: 1m, fail: { etcd: 3 } }]',
      '    |                                    ^',
    ],
  ],
  [
    'node that is not there hangs',
    scenario('timeline: [{ at: 1m, fail: { hang: node-77 } }]'),
    [
      'bad.yaml:5:36: no node is named node-77; did you mean node-0?',
      '  5 | timeline: [{ at: 1m, fail: { hang: node-77 } }]',
      '    |                                    ^',
    ],
  ],
  [
    'scheduler that is not there',
    scenario('timeline: [{ at: 1m, fail: { scheduler: 2 } }]'),
    [
      'bad.yaml:5:41: expected a number from 0 to 0, found 2: there are 1',
      '  5 | timeline: [{ at: 1m, fail: { scheduler: 2 } }]',
      '    |                                         ^',
    ],
  ],
  [
    'instant of a rollout that there is not',
    scenario('timeline: [{ at: rollout 50%, fail: { zone: a } }]'),
    [
      'bad.yaml:5:18: the scenario has no rollout, so there is no "rollout 50%"',
      '  5 | timeline: [{ at: rollout 50%, fail: { zone: a } }]',
      '    |                  ^',
    ],
  ],
  [
    'instant that is none',
    scenario('timeline: [{ at: soon, fail: { zone: a } }]'),
    [
      'bad.yaml:5:18: expected a duration such as 5m, or an instant of the rollout such as "rollout + 10s", "rollout 50%" or "rollout end", found the text "soon"',
      '  5 | timeline: [{ at: soon, fail: { zone: a } }]',
      '    |                  ^',
    ],
  ],
  [
    'fault in a zone that is not there',
    scenario('faults: [{ every: 5m, fail: { nodes: { zone: d } } }]'),
    [
      'bad.yaml:5:46: no zone is named d; there are a, b',
      '  5 | faults: [{ every: 5m, fail: { nodes: { zone: d } } }]',
      '    |                                              ^',
    ],
  ],
  [
    'label that no node has',
    scenario('faults: [{ every: 5m, fail: { nodes: { sameLabel: rack } } }]'),
    [
      'bad.yaml:5:51: no node has the label rack',
      '  5 | faults: [{ every: 5m, fail: { nodes: { sameLabel: rack } } }]',
      '    |                                                   ^',
    ],
  ],
  [
    'slow disk without a factor',
    scenario('faults: [{ every: 5m, fail: { disk: node-0 } }]'),
    [
      'bad.yaml:5:29: missing key "factor": expected a number above 1',
      '  5 | faults: [{ every: 5m, fail: { disk: node-0 } }]',
      '    |                             ^',
    ],
  ],
  [
    'misspelt key of a fault',
    scenario('faults: [{ evry: 5m, fail: { zone: a } }]'),
    [
      'bad.yaml:5:10: missing key "every": expected a duration such as 250ms, or a distribution such as { lognormal: { median: 3s, sigma: 0.4 } }',
      '  5 | faults: [{ evry: 5m, fail: { zone: a } }]',
      '    |          ^',
      'bad.yaml:5:12: unknown key "evry"; did you mean "every"?',
      '  5 | faults: [{ evry: 5m, fail: { zone: a } }]',
      '    |            ^',
    ],
  ],
  [
    'entry without action',
    scenario('timeline: [{ at: 1m }]'),
    [
      'bad.yaml:5:12: expected one action of apply, setImage, scale, delete, fail, heal, defragment, moveLeader, disarmAlarms, corrupt, restart, shutdown, staticPod, inspect, kubectl, found none of them',
      '  5 | timeline: [{ at: 1m }]',
      '    |            ^',
    ],
  ],
  [
    'image version without behaviour',
    scenario('rollout: { deployment: hello, image: "apache:2", at: 1m }'),
    [
      'bad.yaml:5:38: no behaviour for the image apache:2; add one to "behaviour", such as { image: "apache:*" }',
      '  5 | rollout: { deployment: hello, image: "apache:2", at: 1m }',
      '    |                                      ^',
    ],
  ],
  [
    'pattern with a slip',
    scenario('behaviour: [{ image: "nginxx:*" }]'),
    [
      'hello/hello.yaml:18:18: no behaviour for the image nginx:1.29; did you mean "nginx:*" where "behaviour" has "nginxx:*"?',
      '  18 |           image: nginx:1.29',
      '     |                  ^',
    ],
  ],
  [
    'unknown strategy',
    scenario('rollout: { deployment: hello, image: "nginx:2", at: 1m, strategies: [rolling] }'),
    [
      'bad.yaml:5:70: expected recreate, ramped, blueGreen, or a map such as { canary: { steps: […] } }, found the text "rolling"',
      '  5 | rollout: { deployment: hello, image: "nginx:2", at: 1m, strategies: [rolling] }',
      '    |                                                                      ^',
    ],
  ],
  [
    'misspelt objective',
    scenario('traffic: [{ to: hello, rate: 5/s }]', 'objectives: ["erors < 1%"]'),
    [
      'bad.yaml:6:14: no objective begins with "erors"; did you mean "errors"?',
      '  6 | objectives: ["erors < 1%"]',
      '    |              ^',
    ],
  ],
  [
    'objective without unit',
    scenario('traffic: [{ to: hello, rate: 5/s }]', 'objectives: ["latency p99 < 250"]'),
    [
      'bad.yaml:6:14: expected a duration such as 250ms or 8m, found "250"',
      '  6 | objectives: ["latency p99 < 250"]',
      '    |              ^',
    ],
  ],
  [
    'objective that can never be judged',
    scenario('objectives: ["errors < 1%"]'),
    [
      'bad.yaml:5:14: "errors < 1%" can never be judged: the scenario has no traffic',
      '  5 | objectives: ["errors < 1%"]',
      '    |              ^',
    ],
  ],
  [
    'disk class that is not there',
    scenario('cluster: { nodes: [{ count: 3, template: nodes/4cpu-16gi.yaml }], etcd: { disk: pd-ssd } }').replace(
      /^ {2}nodes.*\n/m,
      '',
    ),
    [
      'bad.yaml:1:81: no disk class is named "pd-ssd"; did you mean "gce-pd-ssd"?',
      '  1 | cluster: { nodes: [{ count: 3, template: nodes/4cpu-16gi.yaml }], etcd: { disk: pd-ssd } }',
      '    |                                                                                 ^',
    ],
  ],
  [
    'profile that is not there',
    scenario('profile: defalt'),
    [
      'bad.yaml:5:10: no profile is named "defalt"; did you mean "default"?',
      '  5 | profile: defalt',
      '    |          ^',
    ],
  ],
  [
    'missing file',
    scenario('manifests: hello/helo.yaml'),
    ['bad.yaml:3:12: no such file: hello/helo.yaml', '  3 | manifests: hello/helo.yaml', '    |            ^'],
  ],
  [
    'election timeout too short',
    scenario(
      'cluster: { nodes: [{ count: 3, template: nodes/4cpu-16gi.yaml }], etcd: { electionTimeout: 400ms } }',
    ).replace(/^ {2}nodes.*\n/m, ''),
    [
      'bad.yaml:1:92: the election timeout must be at least 5 times the heartbeat interval',
      '  1 | cluster: { nodes: [{ count: 3, template: nodes/4cpu-16gi.yaml }], etcd: { electionTimeout: 400ms } }',
      '    |                                                                                            ^',
    ],
  ],
  [
    'quota below the data',
    scenario('cluster: { nodes: [{ count: 3, template: nodes/4cpu-16gi.yaml }], etcd: { quota: 4Ki } }').replace(
      /^ {2}nodes.*\n/m,
      '',
    ),
    [
      'bad.yaml:1:82: the quota of 4096 bytes is below the data at the start: 11150 bytes in 8 objects',
      '  1 | cluster: { nodes: [{ count: 3, template: nodes/4cpu-16gi.yaml }], etcd: { quota: 4Ki } }',
      '    |                                                                                  ^',
    ],
  ],
  [
    'etcd member by a name that is not there',
    scenario('timeline: [{ at: 1m, fail: { etcd: etcd-event-0 } }]'),
    [
      'bad.yaml:5:36: no etcd member is named etcd-event-0; there are etcd-0, etcd-1, etcd-2',
      '  5 | timeline: [{ at: 1m, fail: { etcd: etcd-event-0 } }]',
      '    |                                    ^',
    ],
  ],
  ...overrides([
    ['resource that no API server keeps', '{ resources: [/event] }', 15, 'the API servers keep no resource "/event"; did you mean /events?'],
    ['resource in two clusters', '{ resources: [/events, events] }', 24, '/events has an etcd cluster already'],
    ['too many members of a further cluster', '{ resources: [/events], members: 10 }', 34, 'expected a whole number from 1 to 9, found the number 10'],
    ['shared disk of another class', '{ resources: [/events], disk: nvme, sharedDisk: true }', 49, 'a shared disk is of the class of the main cluster: leave "disk" out'],
    ['quota of a further cluster below its data', '{ resources: [/nodes], quota: 1Ki }', 31, 'the quota of 1024 bytes is below the data at the start: 6600 bytes in 3 objects'],
  ]),
  ['empty file', '', ['bad.yaml: the file is empty']],
  ['comments alone', '# nothing\n', ['bad.yaml: the file holds no Kubernetes object']],
  [
    'YAML that does not parse',
    scenario('timeline: [{ at: 1m'),
    [
      'bad.yaml:6:1: no valid YAML: Flow map in block collection must be sufficiently indented and end with a }',
      '  6 | ',
      '    | ^',
    ],
  ],
  [
    'tabs',
    'cluster:\n\tnodes: 3\n',
    ['bad.yaml:2:1: no valid YAML: Tabs are not allowed as indentation', '  2 |  nodes: 3', '    | ^'],
  ],
  [
    'a key twice',
    scenario('question: a', 'name: b').concat('name: c\n'),
    ['bad.yaml:7:1: no valid YAML: Map keys must be unique', '  7 | name: c', '    | ^'],
  ],
  [
    'a map that is nothing we know',
    'replicas: 3\nimages: x\n',
    [
      'bad.yaml:1:1: expected a Kubernetes object with apiVersion and kind, found a map with replicas, images',
      '  1 | replicas: 3',
      '    | ^',
    ],
  ],
  [
    'version of an API that is gone',
    'apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: { name: x }\n',
    [
      'bad.yaml:1:13: no matches for kind "Deployment" in version "extensions/v1beta1"; write apiVersion: apps/v1',
      '  1 | apiVersion: extensions/v1beta1',
      '    |             ^',
    ],
  ],
];

describe('what is printed for bad input', () => {
  let folder = '';
  const cwd = process.cwd();

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'towtank-'));
    cpSync(scenarios, folder, { recursive: true });
    process.chdir(folder);
  });

  after(() => {
    process.chdir(cwd);
    rmSync(folder, { recursive: true });
  });

  function printed(path: string): string {
    try {
      validateFile(path);
    } catch (error) {
      assert.ok(isInputError(error), String(error));
      return error.toString();
    }
    return '';
  }

  it('says nothing about the scenario that the others are made from', () => {
    writeFileSync('bad.yaml', scenario());
    assert.equal(printed('bad.yaml'), '');
  });

  for (const [name, text, expected] of cases) {
    it(name, () => {
      writeFileSync('bad.yaml', text);
      assert.equal(printed('bad.yaml'), expected.join('\n'));
    });
  }

  it('missing scenario', () => {
    assert.equal(printed('none.yaml'), 'none.yaml: no such file: none.yaml');
    assert.throws(() => loadScenario('none.yaml'), InputError);
  });

  it('JSON that does not parse', () => {
    writeFileSync('bad.json', '{"apiVersion":"v1",\n "kind" "Service"}');
    assert.match(
      printed('bad.json'),
      /^bad\.json:2:9: no valid JSON: unexpected "\\""\n {2}2 \| {2}"kind" "Service"}\n {4}\| {9}\^$/,
    );
  });

  it('several errors, in order of position, each with its line', () => {
    writeFileSync(
      'bad.yaml',
      scenario('timeline: [{ at: 1m, scale: { deployment: x, replicas: 1 } }]', 'manifests: [hello/helo.yaml, nodes]'),
    );
    assert.throws(
      () => loadScenario('bad.yaml'),
      (error) => {
        assert.ok(error instanceof InputErrors);
        assert.deepEqual(
          error.errors.map((each) => each.place),
          ['bad.yaml:3:13', 'bad.yaml:5:43'],
        );
        return true;
      },
    );
  });

  it('a refused object is placed in its manifest, under the folder of the scenario', () => {
    mkdirSync('deep/er', { recursive: true });
    writeFileSync(
      'deep/er/web.yaml',
      'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec:\n  ports: [{ port: 80 }]\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: Web\nspec:\n  ports: [{ port: 80 }]\n',
    );
    writeFileSync('deep/bad.yaml', scenario('manifests: er/web.yaml').replaceAll('nodes/', '../nodes/'));
    assert.match(
      printed('deep/bad.yaml'),
      /^deep\/er\/web\.yaml:10:9: Service "Web": metadata\.name: Invalid value: "Web": a DNS-1035 label/,
    );
  });

  it('shows the part of a very long line that matters', () => {
    const list = 'hello/hello.yaml, '.repeat(59);
    writeFileSync('bad.yaml', scenario(`manifests: [${list}hello/no.yaml]`));
    const [, line, caret] = printed('bad.yaml').split('\n') as [string, string, string];
    assert.ok(line.length <= 130);
    assert.equal(line.slice(caret.indexOf('^')).startsWith('hello/no.yaml'), true);
  });

  it('a wrong quantity in a profile is placed in the profile', () => {
    mkdirSync(dirname('costs/slow.yaml'), { recursive: true });
    writeFileSync('costs/slow.yaml', 'extends: default\nkubelet:\n  sandbox: 5\n');
    writeFileSync('bad.yaml', scenario('profile: costs/slow.yaml'));
    assert.equal(
      printed('bad.yaml'),
      'costs/slow.yaml:3:12: expected a duration such as 250ms, or a distribution such as { lognormal: { median: 3s, sigma: 0.4 } }, found the number 5\n  3 |   sandbox: 5\n    |            ^',
    );
    writeFileSync('costs/slow.yaml', 'extends: slow.yaml\n');
    assert.match(printed('bad.yaml'), /^costs\/slow\.yaml:1:10: profiles extend one another in a circle/);
    writeFileSync('costs/slow.yaml', 'kubelet: { sandbox: 5s }\n');
    assert.match(
      printed('bad.yaml'),
      /^bad\.yaml:5:10: the profile slow lacks network\.sameHost, .* and \d+ more; write `extends: default`/,
    );
  });
});
