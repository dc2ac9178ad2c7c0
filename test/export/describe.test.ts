import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SUMMARY_SCHEMA, summaryJsonSchema } from '../../src/analysis/summary-schema.js';
import { describeOutputs } from '../../src/export/describe.js';
import { summaryDocument, toJson } from '../../src/export/summary.js';
import { TABLES } from '../../src/metrics/tables.js';
import { sampleResults } from '../report/sample.js';

/** Compares a generated document with the one in the repository; UPDATE_DOCS=1 writes it instead. */
function current(name: string, text: string): void {
  const path = fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
  if (process.env['UPDATE_DOCS'] !== undefined) writeFileSync(path, text);
  assert.equal(readFileSync(path, 'utf8'), text, `docs/${name} is out of date: run the tests with UPDATE_DOCS=1`);
}

test('docs/outputs.md describes every table', () => current('outputs.md', describeOutputs()));

test('docs/summary.schema.json is the schema of summary.json', () =>
  current('summary.schema.json', toJson(summaryJsonSchema())));

test('summaries follow the schema, and a wrong one does not', () => {
  const document = summaryDocument(sampleResults(), { toolVersion: '0.1.0', scenarioHash: 'abc' });
  SUMMARY_SCHEMA.parse(JSON.parse(toJson(document)));
  assert.equal(SUMMARY_SCHEMA.safeParse({ ...document, met: 'canary' }).success, false);
  assert.equal(SUMMARY_SCHEMA.safeParse({ ...document, surprise: 1 }).success, false);
});

test('every table and column is described, names are unique', () => {
  assert.equal(new Set(TABLES.map((table) => table.name)).size, TABLES.length);
  for (const table of TABLES) {
    assert.match(table.description, /\.$/, table.name);
    assert.equal(new Set(table.columns.map((column) => column.name)).size, table.columns.length, table.name);
    for (const column of table.columns) assert.match(column.description, /\.$|…$/, `${table.name}.${column.name}`);
  }
});
