import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeOutputs } from '../../src/export/files.js';
import { renderReport } from '../../src/report/html.js';
import { mainScenario, run } from './scenario.js';

const scenario = mainScenario(90);

function outputs(seed: string): Map<string, Buffer> {
  const directory = mkdtempSync(join(tmpdir(), 'towtank-'));
  try {
    const result = run({ ...scenario, seed }, 'canary');
    const header = { toolVersion: 'test', scenarioHash: 'test' };
    const report = { name: 'report.html', content: renderReport([result], { ...header, title: 'test' }) };
    writeOutputs(join(directory, 'out'), [result], header, { csv: true, parquet: true }, [report]);
    const names = readdirSync(join(directory, 'out')).sort();
    return new Map(names.map((name) => [name, readFileSync(join(directory, 'out', name))]));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('the same seed gives the same bytes in every file, another seed does not', () => {
  const first = outputs('1');
  const second = outputs('1');
  assert.ok(first.size > 10);
  assert.deepEqual([...first.keys()], [...second.keys()]);
  for (const [name, bytes] of first) assert.ok(bytes.equals(second.get(name)!), `${name} differs`);
  const other = outputs('2');
  assert.ok(!other.get('summary.json')!.equals(first.get('summary.json')!));
  assert.ok(!other.get('pods.csv')!.equals(first.get('pods.csv')!));
});

test('every event list gives the same run', () => {
  const heap = run(scenario, 'ramped', { eventList: 'heap' }).summary;
  const other = run(scenario, 'ramped', { eventList: 'fastpriorityqueue' }).summary;
  assert.equal(other.traceHash, heap.traceHash);
  assert.deepEqual(other, heap);
});

test('a run asks neither the clock nor Math for anything that differs between machines', () => {
  const expected = run(scenario, 'recreate').summary;
  const banned = ['random', 'log', 'log2', 'log10', 'log1p', 'exp', 'expm1', 'pow', 'sin', 'cos', 'tan', 'cbrt', 'hypot'] as const;
  const saved = banned.map((name) => Math[name]);
  const { Date: RealDate } = globalThis;
  const poison = (what: string) => () => {
    throw new Error(`${what} was called during a run`);
  };
  try {
    for (const name of banned) Math[name] = poison(`Math.${name}`);
    globalThis.Date = new Proxy(RealDate, { construct: poison('new Date'), get: poison('Date'), apply: poison('Date') });
    assert.equal(run(scenario, 'recreate').summary.traceHash, expected.traceHash);
  } finally {
    globalThis.Date = RealDate;
    banned.forEach((name, i) => {
      Math[name] = saved[i]! as never;
    });
  }
});
