import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { podRequests } from '../../src/api/pod-resources.js';
import { loadScenario } from '../../src/scenario/index.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'towtank-trace-'));
after(() => rmSync(folder, { recursive: true }));

const COLUMNS = `columns: { name: job, arrival: at, lifetime: runs, requests: { cpu: cpu, memory: { column: mem, unit: Mi }, example.com/gpu-milli: { column: gpu, times: gpus } }, nodeLabel: { column: model, label: model } }`;
const HEADER = 'job,at,runs,cpu,mem,gpu,gpus,model';

function load(rows: string, trace = `${COLUMNS}`, file = 'pods.csv'): ReturnType<typeof loadScenario> {
  writeFileSync(join(folder, file), file.endsWith('.gz') ? gzipSync(rows) : rows);
  const path = join(folder, 'scenario.yaml');
  writeFileSync(
    path,
    `cluster:
  nodes: [{ kind: kwok, count: 1, template: { status: { capacity: { cpu: 8, memory: 32Gi } } } }]
podTrace:
  file: ${file}
  ${trace}
`,
  );
  return loadScenario(path);
}

function refused(rows: string, place: RegExp, trace?: string): void {
  assert.throws(
    () => load(rows, trace),
    (error: Error) => place.test(String(error)) || assert.fail(String(error)),
  );
}

test('pods of a trace: order of arrival, shapes shared, requests and node labels', () => {
  const { podTrace } = load(`${HEADER}\r\nb,2m,10,500m,256,1000,2,A|B\r\n"a, ""quoted""",5,1h,2,1024,,0,\r\nc,120,10,500m,256,1000,2,A|B\r\n`.replace('"a, ""quoted"""', 'a'));
  assert.deepEqual(
    podTrace!.pods.map(({ name, arrival, lifetime, shape }) => [name, arrival / 1e9, lifetime / 1e9, shape]),
    [
      ['a', 0, 3600, 1],
      ['b', 115, 10, 0],
      ['c', 115, 10, 0],
    ],
  );
  const [first, second] = podTrace!.shapes;
  assert.deepEqual(podRequests(first!.spec), { cpu: 500, memory: 256 * 1048576, 'example.com/gpu-milli': 2000 });
  assert.deepEqual(first!.nodeLabel, { label: 'model', values: ['A', 'B'] });
  assert.deepEqual(first!.spec.affinity!.nodeAffinity!.requiredDuringSchedulingIgnoredDuringExecution!.nodeSelectorTerms, [
    { matchExpressions: [{ key: 'model', operator: 'In', values: ['A', 'B'] }] },
  ]);
  assert.ok(Math.abs(first!.popularity - 2 / 3) < 1e-12);
  assert.deepEqual(podRequests(second!.spec), { cpu: 2000, memory: 1024 * 1048576 });
  assert.equal(second!.nodeLabel, null);
});

test('a window of a trace, faster: what is left of a lifetime, and what arrives', () => {
  const rows = `${HEADER}\nold,0,50,1,1,,,\nhere,0,200,1,1,,,\nnew,140,40,1,1,,,\nlate,999,1,1,1,,,\n`;
  const { podTrace } = load(rows, `${COLUMNS}\n  from: 100s\n  until: 5m\n  speed: 10`, 'pods.csv.gz');
  assert.deepEqual(
    podTrace!.pods.map(({ name, arrival, lifetime }) => [name, arrival / 1e9, lifetime / 1e9]),
    [
      ['here', 0, 10],
      ['new', 4, 4],
    ],
  );
});

test('a departure less a start is a lifetime; forever is for ever', () => {
  const rows = 'at,started,gone,cpu\n10,30,90,1\n20,,50,1\n';
  const columns = 'columns: { arrival: at, start: started, departure: gone, requests: { cpu: cpu } }';
  assert.deepEqual(load(rows, columns).podTrace!.pods.map(({ name, lifetime }) => [name, lifetime / 1e9]), [
    ['pod-0', 60],
    ['pod-1', 30],
  ]);
  assert.ok(load(rows, `${columns}\n  lifetimes: forever`).podTrace!.pods.every(({ lifetime }) => lifetime === Number.POSITIVE_INFINITY));
});

test('mistakes in a trace are told with their line and column', () => {
  refused(`${HEADER}\na,5,10,1,1,,,\nb,soon,10,1,1,,,\n`, /pods\.csv:3:3: expected a time such as 120 or 2m, found "soon"/);
  refused(`${HEADER}\na,5,10,1,1,,\n`, /pods\.csv:2:1: expected 8 fields as in the header, found 7/);
  refused(`${HEADER}\na,5,10,1x,1,,,\n`, /pods\.csv:2:8: /);
  refused(`${HEADER}\na,5,10,1,1,,,\na,6,10,1,1,,,\n`, /pods\.csv:3:1: two pods are named a/);
  refused(`${HEADER}\nA_b,5,10,1,1,,,\n`.replace('A_b', '"open'), /pods\.csv:2:1: a quote is not closed/);
  refused(`${HEADER}\na,5,10,1,1,,,\n`, /scenario\.yaml:5:\d+: pods\.csv has no column "cpus"; did you mean "cpu"\?/, COLUMNS.replace('cpu: cpu', 'cpu: cpus'));
  refused(`${HEADER}\n`, /holds no pod/);
});

test('the openb scenario has the nodes and pods of the trace', () => {
  const scenario = loadScenario(join(root, 'scenarios', 'openb', 'openb.yaml'));
  const { nodes } = scenario.cluster;
  assert.equal(nodes.length, 1523);
  const total = (name: string): number => nodes.reduce((sum, node) => sum + (node.status.allocatable[name] ?? 0), 0);
  // The node list of the trace: 6,212 GPUs, 125,514 cores.
  assert.equal(total('alibabacloud.com/gpu-milli'), 6_212_000);
  assert.equal(total('cpu'), 125_514_000);
  const filling = scenario.variants!.find(({ variant }) => variant === 'filling')!.podTrace!;
  assert.equal(filling.pods.length, 8152);
  const asked = (name: string): number => filling.pods.reduce((sum, { shape }) => sum + (podRequests(filling.shapes[shape]!.spec)[name] ?? 0), 0);
  assert.equal(asked('alibabacloud.com/gpu-milli'), 6_086_800);
  assert.equal(asked('cpu'), 85_436_012);
  assert.equal(filling.shapes.length, 151);
});
