import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeOutputs } from '../../src/export/files.js';
import { OutputError } from '../../src/export/output-directory.js';
import { renderReport } from '../../src/report/html.js';
import { rebuildReport, writeReport } from '../../src/report/rebuild.js';
import { sampleResults } from './sample.js';

let root = '';
before(() => {
  root = mkdtempSync(join(tmpdir(), 'towtank-rebuild-'));
  const header = { toolVersion: '0.1.0', scenarioHash: 'abc' };
  const results = sampleResults();
  writeOutputs(join(root, 'monday'), results.slice(0, 2), header, { csv: false, parquet: true });
  writeOutputs(join(root, 'tuesday'), results.slice(1, 3), header, { csv: false, parquet: true });
});
after(() => rmSync(root, { recursive: true, force: true }));

test('a report is made again from the files alone', async () => {
  const page = await rebuildReport([join(root, 'monday')], '0.1.0');
  const question = 'Which strategy brings frontend v0.11 to users with fewer than 0.1% errors?';
  assert.equal(
    page,
    renderReport(sampleResults().slice(0, 2), { title: question, toolVersion: '0.1.0', scenarioHash: 'abc' }),
  );
  const file = await writeReport([join(root, 'monday')], '0.1.0');
  assert.equal(file, join(root, 'monday', 'report.html'));
  assert.equal(readFileSync(file, 'utf8'), page);
});

test('two outputs side by side', async () => {
  const file = await writeReport([join(root, 'monday'), join(root, 'tuesday')], '0.1.0', join(root, 'both.html'));
  const page = readFileSync(file, 'utf8');
  for (const name of ['recreate', 'monday: ramped', 'tuesday: ramped', 'blue-green'])
    assert.ok(page.includes(`</span>${name}</th>`), name);
});

test('a place that cannot be written leaves nothing', async () => {
  const before = readdirSync(root);
  await assert.rejects(writeReport([join(root, 'monday')], '0.1.0', join(root, 'missing', 'r.html')), OutputError);
  assert.deepEqual(readdirSync(root), before);
});
