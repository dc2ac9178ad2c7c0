import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type BucketHistogram, quantileOf } from '../../src/conformance/calibration/figures.js';
import { compareCalibration } from '../../src/conformance/calibration/index.js';
import { Samples } from '../../src/conformance/calibration/prometheus.js';
import { readCalibration } from '../../src/conformance/calibration/recording.js';
import { compare, inRange, OWN_RANGES } from '../../src/conformance/calibration/table.js';
import { InputError } from '../../src/scenario/index.js';

const RECORDING = new URL('../../../test/data/calibration', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'towtank-calibration-'));
after(() => rmSync(folder, { recursive: true }));

test('differences of two scrapes, sums over labels, means', () => {
  const before = Samples.parse('before', '# HELP x\nx_total{a="1",b="p"} 5\nx_total{a="1",b="q"} 1\nh_sum 2\nh_count 4\n');
  const later = Samples.parse('after', 'x_total{b="p",a="1"} 9 1700000000\nx_total{a="1",b="q"} 1\nx_total{a="2",b="p"} 3e0\nh_sum 5\nh_count 10\n');
  const change = later.minus(before);
  assert.equal(change.total('x_total'), 7);
  assert.equal(change.total('x_total', { a: '1' }), 4);
  assert.equal([...change.named('x_total')].length, 2);
  assert.equal(change.mean('h'), 0.5);
  assert.throws(
    () => Samples.parse('dump.prom', 'x 1\nx_total{a="1" 5\n'),
    (error: Error) => /dump\.prom:2:1: expected a sample/.test(String(error)),
  );
});

test('the recording as its description gives it: waits of 2,816 ms on average and 14,396 ms at the 99th percentile', () => {
  const { phases } = readCalibration(RECORDING);
  assert.deepEqual(phases.map(({ phase, figures }) => [phase, figures.seconds.toFixed(1)]), [['nodes', '113.5'], ['create', '50.2'], ['roll', '102.7']]);
  const create = phases[1]!.figures;
  const waits = create.limiter.get('POST') as BucketHistogram;
  assert.equal(Math.round((waits.sum / waits.count) * 1e3), 2816);
  assert.equal(Math.round(quantileOf(waits, 0.99) * 1e3), 14396);
  assert.equal(create.requests.get('POST pods'), 1000);
  assert.equal(phases[2]!.figures.requests.get('DELETE pods'), 3000);
});

test('a row is out of range as soon as its figure is', () => {
  const [phase] = readCalibration(RECORDING).phases;
  assert.ok(compare(phase!, [phase!.figures], OWN_RANGES).every(inRange));
  const { requests } = phase!.figures;
  const wrong = compare(phase!, [{ ...phase!.figures, seconds: phase!.figures.seconds * 1.11, requests: new Map(requests).set('GET nodes', 1200) }], OWN_RANGES);
  assert.deepEqual(wrong.filter((row) => !inRange(row)).map(({ what }) => what), ['duration', 'requests GET nodes']);
});

test('1,000 nodes registered, 1,000 pods created and rolled as fast, with as many requests and as long waits as by the real control plane', () => {
  const { rows, lines } = compareCalibration(RECORDING);
  assert.ok(rows.length >= 55);
  assert.match(lines.at(-1)!, /^calibration: rows in range \d+\/\d+, worst \d+\.\d %$/);
  assert.deepEqual(rows.filter((row) => !inRange(row)), [], lines.join('\n'));
});

test('the same control plane with raised client limits, 1,000 nodes and 2,000 pods: 8.7, 12.6 and 21.2 s, within 30 % by the costs of the other run', () => {
  const raised = join(folder, 'raised');
  cpSync(RECORDING, raised, { recursive: true });
  for (const name of readdirSync(raised)) if (name.startsWith('result-')) rmSync(join(raised, name));
  const limits = { qps: 1000, burst: 1000 };
  const run = JSON.parse(readFileSync(join(RECORDING, 'run.json'), 'utf8')) as object;
  writeFileSync(join(raised, 'run.json'), JSON.stringify({ ...run, pods: 2000, clientLimits: { 'kube-controller-manager': limits, 'kube-scheduler': limits } }));
  writeFileSync(join(raised, 'result-all.json'), JSON.stringify({ nodes: { wallSeconds: 8.7 }, create: { wallSeconds: 12.6 }, roll: { wallSeconds: 21.2 } }));
  const { rows } = compareCalibration(raised, RECORDING);
  const durations = rows.filter(({ what }) => what === 'duration');
  assert.deepEqual(durations.map(({ phase }) => phase), ['nodes', 'create', 'roll']);
  for (const row of durations) assert.ok(inRange(row), `${row.phase}: ${row.simulated} s, really ${row.real} s`);
  // Really 69 ms for 2,000 pods, 139 ms for as many bindings, 104 ms for their events.
  const posts = rows.find(({ phase, what }) => phase === 'create' && what === 'mean latency POST')!;
  assert.ok(posts.simulated > 0.7 * 104 && posts.simulated < 1.3 * 104, `${posts.simulated} ms`);
});

test('a run of which only the rollout was recorded, by kube-apiserver alone: its Deployment comes up before, what is missing is said', () => {
  const part = join(folder, 'part');
  cpSync(RECORDING, part, { recursive: true });
  for (const name of readdirSync(part)) if (/^metrics-(nodes|create)|-(kcm|etcd|scheduler)\.prom/.test(name)) rmSync(join(part, name));
  const run = JSON.parse(readFileSync(join(RECORDING, 'run.json'), 'utf8')) as object;
  writeFileSync(join(part, 'run.json'), JSON.stringify({ ...run, nodes: 20, pods: 40, clientLimits: { 'kube-controller-manager': { qps: 50 }, kwok: { qps: 500, burst: 500 } } }));
  const { lines, rows } = compareCalibration(part);
  assert.deepEqual(lines.slice(0, 3), [
    'phase nodes left out: no metrics-nodes-before-apiserver.prom and metrics-nodes-after-apiserver.prom',
    'phase create left out: no metrics-create-before-apiserver.prom and metrics-create-after-apiserver.prom',
    'phase roll: no metrics of kcm before and after it',
  ]);
  const simulated = (wanted: string): number | undefined => rows.find(({ what }) => what === wanted)?.simulated;
  assert.equal(simulated('requests POST pods'), 40);
  assert.ok(simulated('requests DELETE pods')! >= 80);
  assert.ok(simulated('duration')! > 0.5, lines.join('\n'));
  assert.match(lines.at(-1)!, /^calibration: rows in range \d+\/\d+, worst \d+\.\d %$/);
});

test('counters of a process that began anew count from zero', () => {
  const before = Samples.parse('before', 'x_total 50\ng 7\n');
  const change = Samples.parse('after', 'x_total 20\ng 5\n').minus(before);
  assert.equal(change.value('x_total'), 20);
  assert.equal(change.value('g'), -2);
});

test('what is no run of a control plane is refused with the file and the reason', () => {
  const refuse = (directory: string, pattern: RegExp): void => {
    assert.throws(() => compareCalibration(directory), (error: Error) => error instanceof InputError && pattern.test(String(error)), String(pattern));
  };
  refuse(folder, /run\.json: cannot read it as JSON/);
  const copy = join(folder, 'copy');
  cpSync(RECORDING, copy, { recursive: true });
  writeFileSync(join(copy, 'metrics-create-after-kcm.prom.gz'), 'no gzip');
  refuse(copy, /metrics-create-after-kcm\.prom\.gz: cannot read the metrics/);
  cpSync(join(RECORDING, 'metrics-create-after-kcm.prom.gz'), join(copy, 'metrics-create-after-kcm.prom.gz'));
  writeFileSync(join(copy, 'run.json'), '{"kubernetes":"v1.34.4","nodes":0,"pods":5}');
  refuse(copy, /run\.json: expected a positive whole number "nodes", found 0/);
  writeFileSync(join(copy, 'run.json'), '{"kubernetes":"v1.34.4","nodes":10,"pods":5,"clientLimits":"high"}');
  refuse(copy, /run\.json: expected a map "clientLimits", found "high"/);
  writeFileSync(join(copy, 'run.json'), '{"kubernetes":"v1.34.4","nodes":10,"pods":5,"clientLimits":{"kube-scheduler":{"qps":-1}}}');
  refuse(copy, /run\.json: expected numbers qps and burst in clientLimits of kube-scheduler, found {"qps":-1}/);
  writeFileSync(join(copy, 'run.json'), '{"kubernetes":"v1.34.4","nodes":10,"pods":5,"phases":["drain"]}');
  refuse(copy, /run\.json: expected phases of nodes, create, roll, found "drain"/);
  cpSync(join(RECORDING, 'run.json'), join(copy, 'run.json'));
  for (const name of readdirSync(copy)) if (name.endsWith('-after-apiserver.prom.gz')) writeFileSync(join(copy, name), gzipSync(''));
  refuse(copy, /no phase with results and metrics: phase nodes left out: apiserver_request_total has not grown/);
  for (const name of readdirSync(copy)) if (name.endsWith('-apiserver.prom.gz')) rmSync(join(copy, name));
  refuse(copy, /no phase with results and metrics: phase nodes left out: no metrics-nodes-before-apiserver/);
});
