import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parquetReadObjects } from 'hyparquet';
import type { SummaryDocument } from '../../src/analysis/result.js';
import { scenarioFolder, towtank } from './towtank.js';

let directory = '';
let file = '';

before(() => {
  const lines = [
    'question: Which disk?',
    'duration: 20s',
    'cluster:',
    '  nodes: [{ count: 6, template: nodes/4cpu-16gi.yaml }]',
    'manifests: etcd/load.yaml',
    'behaviour: [{ image: "*/pause:*" }]',
    'timeline: [{ at: 1s, scale: { deployment: load, replicas: 30 } }]',
    'objectives: [etcd commit p99 < 10ms]',
    'variants:',
    '  - { name: fast, cluster: { etcd: { disk: nvme } } }',
    '  - { name: slow, cluster: { etcd: { disk: hdd } } }',
  ];
  ({ directory, file } = scenarioFolder('variants', lines));
});

after(() => rmSync(directory, { recursive: true }));

test('compare: the answer first, one row a variant with the figures of the control plane, all outputs by name', async () => {
  const out = join(directory, 'out');
  const { code, stdout } = await towtank('compare', file, '--out', out, '--quiet');
  assert.equal(code, 0);
  const lines = stdout.split('\n');
  assert.equal(lines[0], 'Which disk?');
  assert.equal(lines[1], 'ok Fast meets the objective; slow does not.');
  assert.match(lines[2]!, /^ {2}slow misses etcd commit p99 < 10ms \(measured [\d.]+ ms\)\.$/);
  assert.match(stdout, /^variant +requests +writes +p50 ms +p99 ms +p50 ms +p99 ms +errors +verdict$/m);
  assert.match(stdout, /^fast .*ok 1\/1$/m);
  assert.match(stdout, /^slow .*NO 0\/1$/m);
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as SummaryDocument;
  assert.deepEqual(Object.keys(summary.runs), ['fast', 'slow']);
  assert.deepEqual(summary.met, ['fast']);
  const names = readdirSync(out);
  for (const each of ['report.html', 'fast.etcd_by_second.csv', 'slow.etcd_by_second.csv'])
    assert.ok(names.includes(each), `${each} in ${names.join(' ')}`);
  assert.match(readFileSync(join(out, 'report.html'), 'utf8'), /only what the variant changes differs/);
});

test('run --variant: that one by itself, the same to the last event as in the comparison', async () => {
  const out = join(directory, 'out');
  const compared = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as SummaryDocument;
  const { code, stdout } = await towtank('run', file, '--variant', 'slow', '--out', join(directory, 'one'), '--quiet', '--json');
  assert.equal(code, 1, 'it misses its objective');
  const { runs } = JSON.parse(stdout) as SummaryDocument;
  assert.deepEqual(Object.keys(runs), ['slow']);
  assert.equal(runs['slow']!.traceHash, compared.runs['slow']!.traceHash);
  assert.notEqual(runs['slow']!.traceHash, compared.runs['fast']!.traceHash);
});

test('no variant meets the objectives: exit 1, and it says so', async () => {
  const strict = join(directory, 'scenarios', 'strict.yaml');
  writeFileSync(strict, readFileSync(file, 'utf8').replace('< 10ms', '< 1us'));
  const { code, stdout } = await towtank('compare', strict, '--out', join(directory, 'none'), '--quiet');
  assert.equal(code, 1);
  assert.match(stdout, /^NO No variant meets the objective\.$/m);
});

test('a variant that is not there', async () => {
  const wrong = await towtank('run', file, '--variant', 'slo', '--quiet');
  assert.equal(wrong.code, 2);
  assert.equal(wrong.stderr, `${file}: there is no variant "slo"; did you mean "slow"? (the scenario has: fast, slow)\n`);
  const strategies = join(directory, 'scenarios', 'strategies.yaml');
  const none = await towtank('run', strategies, '--variant', 'slow', '--quiet');
  assert.equal(none.code, 2);
  assert.equal(none.stderr, `${strategies}: the scenario has no variants, so there is no variant "slow"\n`);
});

test('record: tables by name, and every event as Parquet while the run goes on', async () => {
  const own = join(directory, 'scenarios', 'recorded.yaml');
  const scenario = readFileSync(file, 'utf8');
  const record = (text: string): void => writeFileSync(own, `${scenario}record: ${text}\n`);
  record('{ only: [pods, nodes], eventTrace: true }');
  const out = join(directory, 'recorded');
  const { code } = await towtank('compare', own, '--out', out, '--quiet');
  assert.equal(code, 0);
  const parquet = readdirSync(out).filter((name) => name.endsWith('.parquet'));
  assert.deepEqual(parquet.sort(), ['fast', 'slow'].flatMap((name) => ['event_trace', 'nodes', 'pods'].map((table) => `${name}.${table}.parquet`)));
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as SummaryDocument;
  const bytes = readFileSync(join(out, 'slow.event_trace.parquet'));
  const trace = await parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer });
  assert.equal(Number(trace.at(-1)!['event']), summary.runs['slow']!.events, 'up to the last event');
  for (let i = 1; i < trace.length; i++) {
    const [before, row] = [trace[i - 1]!, trace[i]!];
    assert.ok(Number(row['event']) === Number(before['event']) + 1 && Number(row['time']) >= Number(before['time']) && row['cause'] < row['event']);
  }
  const page = await towtank('report', out);
  assert.equal(page.code, 0, page.stderr);

  record('{ without: [pod] }');
  const wrong = await towtank('compare', own, '--out', out, '--quiet');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /recorded\.yaml:\d+:\d+: expected a table: requests_by_second, .*pods/);
  record('{ interval: 1500ms }');
  assert.match((await towtank('compare', own, '--out', out, '--quiet')).stderr, /recorded\.yaml:\d+:\d+: expected whole seconds, found 1500ms/);
});
