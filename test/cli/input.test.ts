import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { root } from '../cluster/scenario.js';
import { type Outcome, towtank } from './towtank.js';

let directory = '';
let main = '';

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'towtank-cli-'));
  cpSync(join(root, 'scenarios'), directory, { recursive: true });
  main = readFileSync(join(directory, 'strategies.yaml'), 'utf8');
});

after(() => rmSync(directory, { recursive: true }));

/** Runs the main scenario with a change; nothing may be written. */
async function withChange(from: string | RegExp, to: string): Promise<Outcome> {
  const changed = main.replace(from, to);
  assert.notEqual(changed, main, 'the change must hit something');
  const file = join(directory, 'changed.yaml');
  writeFileSync(file, changed);
  const outcome = await towtank('compare', file, '--out', join(directory, 'out'), '--quiet');
  if (outcome.code === 2) assert.equal(existsSync(join(directory, 'out')), false, 'bad input leaves no output behind');
  return outcome;
}

test('an unknown key: position, the key, and the nearest right one', async () => {
  const { code, stderr, stdout } = await withChange(/^duration:/m, 'durration:');
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /changed\.yaml:\d+:1: unknown key "durration"; did you mean "duration"\?/);
});

test('a wrong type says what was found and what was expected', async () => {
  const { code, stderr } = await withChange('rate: 500/s', 'rate: [1]');
  assert.equal(code, 2);
  assert.match(stderr, /changed\.yaml:\d+:\d+: expected a rate such as 500\/s or 30\/m, found a list/);
});

test('a name that matches nothing: the nearest right one', async () => {
  const { code, stderr } = await withChange('deployment: frontend\n', 'deployment: fronted\n');
  assert.equal(code, 2);
  assert.match(stderr, /no Deployment is named default\/fronted; did you mean frontend\?/);
});

test('a missing manifest', async () => {
  const { code, stderr } = await withChange('hello/hello.yaml', 'hello/helo.yaml');
  assert.equal(code, 2);
  assert.match(stderr, /changed\.yaml:\d+:\d+: no such file: .*helo\.yaml/);
});

test('an image without behaviour', async () => {
  const { code, stderr } = await withChange(/^ {2}- \{ image: "nginx:\*".*\n/m, '');
  assert.equal(code, 2);
  assert.match(stderr, /nginx/);
  assert.match(stderr, /behaviour/);
});

test('manifests: a quantity, a syntax error, an empty and a missing file', async () => {
  const boutique = readFileSync(join(directory, 'online-boutique', 'kubernetes-manifests.yaml'), 'utf8');
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['quantity.yaml', boutique.replace('cpu: 100m', 'cpu: 100mm'), /quantity\.yaml:\d+:\d+: .*expected a quantity such as .*found "100mm"/],
    ['syntax.yaml', 'apiVersion: v1\nkind: Service\nmetadata: {name: x\n', /syntax\.yaml:\d+:\d+: no valid YAML/],
    ['empty.yaml', '', /empty\.yaml: the file is empty/],
  ];
  for (const [name, text, expected] of cases) {
    writeFileSync(join(directory, name), text);
    const { code, stderr } = await towtank('validate', join(directory, name));
    assert.equal(code, 2, name);
    assert.match(stderr, expected);
    assert.doesNotMatch(stderr, /^\s+at /m, 'never a stack trace');
  }
  const missing = await towtank('validate', join(directory, 'nowhere.yaml'));
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /no such file/);
});

test('a Service that selects nothing is a finding, not an error', async () => {
  const file = join(directory, 'service.yaml');
  writeFileSync(file, 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec:\n  selector: {app: nope}\n  ports: [{port: 80}]\n');
  const { code, stdout } = await towtank('validate', file);
  assert.equal(code, 0);
  assert.match(stdout, /service\.yaml:5:13: warning: Service "x" selects nothing/);
});

test('a pod that fits no node stays Pending and the answer says why in the words of the scheduler', async () => {
  const file = join(directory, 'big.yaml');
  const manifest = `apiVersion: apps/v1
kind: Deployment
metadata: { name: big }
spec:
  selector: { matchLabels: { app: big } }
  template:
    metadata: { labels: { app: big } }
    spec: { containers: [{ name: c, image: "nginx:1", resources: { requests: { cpu: 64 } } }] }
`;
  writeFileSync(join(directory, 'big-deployment.yaml'), manifest);
  writeFileSync(
    file,
    `question: Does it fit?
duration: 10s
cluster: { nodes: [{ count: 3, zones: [a], template: nodes/4cpu-16gi.yaml }] }
manifests: [big-deployment.yaml]
behaviour: [{ image: "nginx:*", start: 1s }]
`,
  );
  const { code, stdout } = await towtank('run', file, '--out', join(directory, 'big'), '--quiet');
  assert.equal(code, 0);
  assert.match(stdout, /is Pending: 0\/3 nodes are available: 3 Insufficient cpu\./);
});

test('--json prints summary.json, --seed changes it, files are complete', async () => {
  const short = main.replace(/^duration: .*/m, 'duration: 80s').replace('count: 1000', 'count: 30');
  const file = join(directory, 'short.yaml');
  writeFileSync(file, short);
  const out = join(directory, 'short');
  const first = await towtank('run', file, '--strategy', 'ramped', '--json', '--out', out, '--quiet');
  assert.equal(first.stdout, readFileSync(join(out, 'summary.json'), 'utf8'));
  assert.equal(first.stderr, '');
  const names = readdirSync(out);
  for (const name of ['summary.json', 'report.html', 'pods.csv', 'pods.parquet', 'events.csv']) assert.ok(names.includes(name), name);
  const second = await towtank('run', file, '--strategy', 'ramped', '--json', '--seed', '2', '--out', out, '--quiet');
  assert.notEqual(second.stdout, first.stdout);
  assert.equal(JSON.parse(second.stdout).seed, '2');
});

test('bad use of the command line is exit 2 with a hint', async () => {
  const unknown = await towtank('comparre', 'x.yaml');
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /Did you mean compare\?/);
  const strategy = await towtank('run', join(directory, 'strategies.yaml'), '--strategy', 'cannary');
  assert.equal(strategy.code, 2);
  assert.match(strategy.stderr, /there is no strategy "cannary"; did you mean "canary"\?/);
  const help = await towtank('--help');
  assert.equal(help.code, 0);
  assert.match(help.stdout, /Examples:/);
});

test('schema prints a JSON Schema with descriptions', async () => {
  const { code, stdout } = await towtank('schema');
  assert.equal(code, 0);
  const schema = JSON.parse(stdout);
  assert.ok(schema.properties.cluster);
});

test('the version of the program is that of the package', async () => {
  const { stdout } = await towtank('--version');
  assert.equal(stdout.trim(), JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
});
