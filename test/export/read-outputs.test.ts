import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeOutputs } from '../../src/export/files.js';
import { joinResults, readOutputs } from '../../src/export/read-outputs.js';
import { renderReport } from '../../src/report/html.js';
import { sampleResults } from '../report/sample.js';

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

test('what is no output says so', async () => {
  await assert.rejects(readOutputs(root), /holds no summary\.json/);
  for (const [content, message] of [
    ['{', /cannot read .*summary\.json/],
    ['{}', /not a summary of towtank/],
    ['{"schemaVersion":1,"tool":{"name":"towtank","version":"0"},"runs":{"a":{}}}', /summary\.json: scenario: /],
    ['{"schemaVersion":99,"tool":{"name":"towtank"},"runs":{}}', /schema version 99/],
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
