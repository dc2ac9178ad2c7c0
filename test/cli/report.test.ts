import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { SummaryDocument } from '../../src/analysis/result.js';
import { scenarioFolder, towtank } from './towtank.js';

/** Two runs of one scenario that differ in their strategy, set side by side. */

let directory = '';
const outputs: Record<string, string> = {};

const scenario = (strategy: string): string[] => [
  'question: Which one?',
  'seed: 7',
  'duration: 90s',
  'cluster:',
  '  nodes: [{ count: 6, template: nodes/4cpu-16gi.yaml }]',
  'manifests: strategies/web/web.yaml',
  'behaviour:',
  '  - { image: "*/web:v1", start: 2s, stop: 1s, drains: true, request: { time: { exponential: { mean: 10ms } }, concurrency: 8 } }',
  '  - { image: "*/web:v2", start: 2s, stop: 1s, drains: true, request: { time: { exponential: { mean: 10ms } }, concurrency: 8 } }',
  'traffic: [{ to: service/web, rate: 100/s }]',
  `rollout: { deployment: web, image: "registry.example/web:v2", at: 20s, strategies: [${strategy}] }`,
  'objectives: [errors < 1%]',
];

before(async () => {
  const made = scenarioFolder('report', scenario('recreate'));
  directory = made.directory;
  for (const strategy of ['recreate', 'ramped']) {
    writeFileSync(made.file, `${scenario(strategy).join('\n')}\n`);
    const out = join(directory, `out-${strategy}`);
    outputs[strategy] = out;
    const { code, stderr } = await towtank('run', made.file, '--out', out, '--quiet');
    assert.equal(code, strategy === 'recreate' ? 1 : 0, stderr);
  }
});
after(() => rmSync(directory, { recursive: true }));

test('towtank report A B: both runs in one page, with the figures of each and the verdict of both', async () => {
  const file = join(directory, 'both.html');
  const { code, stdout, stderr } = await towtank('report', outputs['recreate']!, outputs['ramped']!, '--out', file);
  assert.deepEqual([code, stdout, stderr], [0, `${file}\n`, '']);
  const page = readFileSync(file, 'utf8');
  const said = page.replaceAll(/<(script|style)[\s\S]*?<\/\1>/g, '').replaceAll(/<[^>]+>/g, ' ');
  assert.match(said, /Ramped meets the objective; recreate does not\./);
  const embedded = JSON.parse(/<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(page)![1]!) as { runs: { name: string; summary: { traceHash: string; strategy: string } }[] };
  assert.deepEqual(embedded.runs.map(({ name, summary }) => [name, summary.strategy]), [['recreate', 'recreate'], ['ramped', 'ramped']]);
  for (const { name, summary } of embedded.runs) {
    const document = JSON.parse(readFileSync(join(outputs[name]!, 'summary.json'), 'utf8')) as SummaryDocument;
    assert.equal(summary.traceHash, document.runs[name]!.traceHash);
  }
  // The same files give the same bytes.
  const again = join(directory, 'again.html');
  await towtank('report', outputs['recreate']!, outputs['ramped']!, '--out', again);
  assert.equal(readFileSync(again, 'utf8'), page);
});

test('an output of an older schema is said to be one', async () => {
  const summary = join(outputs['ramped']!, 'summary.json');
  const document = JSON.parse(readFileSync(summary, 'utf8')) as SummaryDocument;
  writeFileSync(summary, JSON.stringify({ ...document, schemaVersion: 1 }));
  const { code, stderr } = await towtank('report', outputs['recreate']!, outputs['ramped']!, '--out', join(directory, 'old.html'));
  assert.equal(code, 0);
  assert.equal(stderr, `note: ${summary} has schema version 1 (towtank 0.1.0), not 2: what it does not know is left empty\n`);
  writeFileSync(summary, JSON.stringify({ ...document, schemaVersion: 3 }));
  const newer = await towtank('report', outputs['ramped']!);
  assert.equal(newer.code, 1);
  assert.match(newer.stderr, /schema version 3; this version reads 1 to 2/);
});
