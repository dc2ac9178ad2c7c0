import assert from 'node:assert/strict';
import { test } from 'node:test';
import { study } from '../../src/analysis/study.js';
import { metrics, sampleStudy } from '../report/sample.js';

test('strategies are ranked measure by measure, best first', () => {
  const made = sampleStudy();
  const duration = made.measures.find((measure) => measure.name === 'Rollout duration')!;
  assert.deepEqual(
    duration.rows.map((row) => [row.name, row.tied]),
    [
      ['recreate', true],
      ['ramped', false],
      ['blue-green', false],
      ['canary', false],
    ],
  );
  const available = made.measures.find((measure) => measure.name === 'Lowest available share')!;
  assert.equal(available.rows.at(-1)!.name, 'recreate', 'more is better');
  assert.equal(made.seeds, 10);
});

test('a strategy that does not give a measure with every seed is not ranked by it', () => {
  const runs = new Map([
    ['a', [metrics({ rolloutDuration: 1, apiWrites: 5 }), metrics({ rolloutDuration: null, apiWrites: 7 })]],
    ['b', [metrics({ rolloutDuration: 2, apiWrites: 5 }), metrics({ rolloutDuration: 3, apiWrites: 7 })]],
  ]);
  assert.deepEqual(
    study(runs).measures.filter(({ name }) => name === 'API writes' || name === 'Rollout duration').map(({ name, rows, absent }) => [name, rows.map((row) => row.tied), absent]),
    [['Rollout duration', [true], ['a']], ['API writes', [true, true], []]],
  );
});
