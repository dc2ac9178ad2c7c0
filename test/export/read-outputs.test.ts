import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { RunSummary, SummaryDocument } from '../../src/analysis/result.js';
import { writeOutputs } from '../../src/export/files.js';
import { joinResults, readOutputs } from '../../src/export/read-outputs.js';
import { renderReport } from '../../src/report/html.js';
import { sampleResults, sampleStudy } from '../report/sample.js';

let root = '';
before(() => {
  root = mkdtempSync(join(tmpdir(), 'towtank-read-'));
});
after(() => rmSync(root, { recursive: true, force: true }));

const HEADER = { toolVersion: '0.1.0', scenarioHash: 'abc' };

test('the report made from the files is the report of the run', async () => {
  const results = sampleResults();
  const path = join(root, 'whole');
  writeOutputs(path, results, HEADER, { csv: false, parquet: true });
  const read = await readOutputs(path);
  assert.deepEqual(
    read.results.map((result) => result.name),
    results.map((result) => result.name),
  );
  assert.deepEqual(
    read.results.map((result) => result.summary),
    results.map((result) => result.summary),
  );
  const meta = { title: 'strategies', toolVersion: '0.1.0' };
  assert.equal(renderReport(read.results, meta), renderReport(results, meta));
});

test('a single run has no prefix', async () => {
  const path = join(root, 'single');
  const [result] = sampleResults();
  writeOutputs(path, [result!], HEADER, { csv: false, parquet: true });
  const read = await readOutputs(path);
  assert.equal(read.results[0]!.tables.length, result!.tables.length);
});

test('a summary of an older schema is read; what it did not have is empty', async () => {
  const path = join(root, 'older');
  const results = sampleResults().slice(0, 2);
  writeOutputs(path, results, { ...HEADER, study: sampleStudy() }, { csv: false, parquet: true });
  const file = join(path, 'summary.json');
  const document = JSON.parse(readFileSync(file, 'utf8')) as SummaryDocument;
  assert.equal(document.schemaVersion, 2);
  const without = (object: object, keys: readonly string[]): object => Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
  // As version 1 was first published: without reasons of failures, figures of rollouts, parts of start-ups, groups of measures.
  const old = (run: RunSummary, missing: readonly string[] = []): object => ({
    ...run,
    metrics: {
      ...without(run.metrics, ['rollout', 'failures', 'apiUnanswered', 'apiClients', 'apiServerMemory', ...missing]),
      podStartup: without(run.metrics.podStartup, ['schedule_to_sandbox', 'sandbox_to_pulled', 'pulled_to_run', 'run_to_ready']),
    },
  });
  const first = (missing: readonly string[] = []): string =>
    JSON.stringify({
      ...without(document, ['explanation']),
      schemaVersion: 1,
      study: { ...without(document.study!, ['failures']), measures: document.study!.measures.map((measure) => without(measure, ['group', 'absent'])) },
      runs: Object.fromEntries(Object.entries(document.runs).map(([name, run]) => [name, old(run, missing)])),
    });
  writeFileSync(file, first());
  const read = await readOutputs(path);
  assert.deepEqual(read.written, { schemaVersion: 1, toolVersion: HEADER.toolVersion });
  const { metrics } = read.results[0]!.summary;
  assert.equal(metrics.rollout, null);
  assert.deepEqual(metrics.failures, []);
  assert.equal(metrics.rolloutDuration, results[0]!.summary.metrics.rolloutDuration);
  assert.equal(read.document.study!.measures.length, sampleStudy().measures.length);
  // Neither of them is a surprise to the report.
  assert.match(renderReport(read.results, { title: 'older', toolVersion: '0.1.0' }, read.document.study), /<main id="main">/);
  // A field that no version left out is still missed.
  writeFileSync(file, first(['requests']));
  await assert.rejects(readOutputs(path), /summary\.json: runs\..*\.metrics\.requests/);
});

test('what is no output says so', async () => {
  await assert.rejects(readOutputs(root), /holds no summary\.json/);
  for (const [content, message] of [
    ['{', /cannot read .*summary\.json/],
    ['{}', /not a summary of towtank/],
    ['{"schemaVersion":1,"tool":{"name":"towtank","version":"0"},"runs":{"a":{}}}', /summary\.json: scenario: /],
    ['{"schemaVersion":99,"tool":{"name":"towtank"},"runs":{}}', /schema version 99; this version reads 1 to 2/],
  ] as const) {
    writeFileSync(join(root, 'summary.json'), content);
    await assert.rejects(readOutputs(root), message);
  }
});

test('runs of two outputs with the same name are told apart', () => {
  const results = sampleResults();
  const joined = joinResults([
    { path: 'reports/monday/', results: results.slice(0, 2) },
    { path: 'reports/tuesday', results: results.slice(1, 3) },
  ]);
  assert.deepEqual(
    joined.map((result) => result.name),
    ['recreate', 'monday: ramped', 'tuesday: ramped', 'blue-green'],
  );
  const single = joinResults([
    { path: 'reports/monday', results: results.slice(0, 1) },
    { path: 'reports/tuesday', results: results.slice(0, 1) },
  ]);
  assert.deepEqual(single.map((result) => result.name), ['monday', 'tuesday']);
});
