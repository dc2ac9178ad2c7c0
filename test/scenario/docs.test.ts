import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { scenarioJsonSchema } from '../../src/scenario/index.js';
import { reference } from './reference.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const HOW = 'run this test with UPDATE_DOCS=1 to write it anew';

/** Compares a generated text with the file that keeps it, or writes it. */
function kept(file: string, text: string): void {
  if (process.env.UPDATE_DOCS === '1') writeFileSync(`${root}${file}`, text);
  assert.ok(readFileSync(`${root}${file}`, 'utf8') === text, `${file} is out of date: ${HOW}`);
}

describe('documentation of scenarios', () => {
  it('docs/scenario.schema.json is what `towtank schema` prints', () => {
    kept('docs/scenario.schema.json', `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`);
  });

  it('docs/scenario.md lists every key', () => {
    const text = readFileSync(`${root}docs/scenario.md`, 'utf8');
    const [before, after] = text.split(/<!-- reference -->[\s\S]*<!-- \/reference -->/) as [string, string];
    kept(
      'docs/scenario.md',
      `${before}<!-- reference -->\n${reference(scenarioJsonSchema())}\n<!-- /reference -->${after}`,
    );
  });

  it('the schema accepts the scenarios that come with towtank, and refuses slips', () => {
    const schema = z.fromJSONSchema(scenarioJsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
    const scenario = parse(readFileSync(`${root}scenarios/strategies.yaml`, 'utf8')) as Record<string, unknown>;
    assert.equal(schema.safeParse(scenario).success, true);
    for (const slip of [
      { trafic: [] },
      { duration: '5' },
      { cluster: { nodes: [] } },
      { traffic: [{ to: 'x', rate: 5 }] },
      { seed: 1.5 },
    ]) {
      assert.equal(schema.safeParse({ ...scenario, ...slip }).success, false, JSON.stringify(slip));
    }
  });
});
