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
    assert.match(table.source ?? '', /\.$/, `${table.name} says where it comes from`);
    assert.equal(new Set(table.columns.map((column) => column.name)).size, table.columns.length, table.name);
    for (const column of table.columns) assert.match(column.description, /\.$|…$/, `${table.name}.${column.name}`);
  }
});

test('the queries and the notebook of the documentation read tables that there are, by their columns', () => {
  const read = (name: string): string => readFileSync(fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url)), 'utf8');
  const notebook = JSON.parse(read('notebook.ipynb')) as { cells: { cell_type: string; source: string[]; outputs?: unknown[] }[] };
  const code = notebook.cells.filter((cell) => cell.cell_type === 'code').map((cell) => cell.source.join(''));
  assert.ok(code.length >= 6);
  const queries = [...read('outputs.md').matchAll(/```sql\n([\s\S]*?)```/g)].map((match) => match[1]!);
  const known = new Map(TABLES.map((table) => [table.name, new Set(table.columns.map((column) => column.name))]));
  for (const text of [...queries, ...code]) {
    const tables = [...text.matchAll(/\.([a-z_]+)\.parquet/g)].map((match) => match[1]!);
    for (const name of tables) assert.ok(known.has(name), `table ${name}`);
    if (tables.length !== 1) continue;
    for (const [, a, b] of text.matchAll(/\((?:1000 \* )?([a-z_]+) - ([a-z_]+)/g)) {
      for (const column of [a!, b!]) assert.ok(known.get(tables[0]!)!.has(column), `${tables[0]}.${column}`);
    }
  }
});
