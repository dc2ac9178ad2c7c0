import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { tableOf } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { RecordSpec } from '../../src/scenario/types.js';
import { finish, root } from './scenario.js';

const base = loadScenario(join(root, 'scenarios', 'strategies.yaml'));
const scenario = { ...base, duration: 120e9, cluster: { ...base.cluster, nodes: base.cluster.nodes.slice(0, 60) } };

function run(record?: RecordSpec) {
  const made = new ScenarioRun(record === undefined ? scenario : { ...scenario, record });
  const [strategy] = scenario.rollout?.strategies ?? [];
  if (strategy !== undefined) made.rollOut(strategy);
  return finish(made);
}

const all = run();

test('what is recorded changes nothing of what happens', () => {
  const bare = run({ without: all.tables.map(({ spec }) => spec.name), interval: 7, scrapeInterval: 60, apiRequests: 1, eventTrace: false });
  assert.deepEqual(bare.summary, all.summary);
  assert.deepEqual(bare.tables, []);
});

test('gauges are sampled and metrics scraped as often as asked', () => {
  const seldom = run({ without: ['events'], interval: 5, scrapeInterval: 30, apiRequests: 4, eventTrace: false });
  const times = (name: string) => [...new Set(tableOf(seldom, name)!.column('time') as Float64Array)];
  assert.ok(times('scheduler_by_second').every((time) => time % 5 === 0));
  assert.deepEqual(times('node_usage').slice(0, 3), [5, 10, 15]);
  const { simulatedSeconds } = seldom.summary;
  assert.ok(times('scrapes').every((time) => time % 30 === 0 || time === simulatedSeconds));
  assert.equal(tableOf(seldom, 'events'), undefined);
  assert.equal(times('api_requests_by_second').length, new Set(tableOf(all, 'api_requests_by_second')!.column('time') as Float64Array).size, 'counts stay whole');
});

test('followed requests: bounded, of each kind, evenly over the run, each on its way in order', () => {
  const table = tableOf(all, 'api_requests')!;
  const [sent, limited, arrived, answered, received] = ['sent', 'limited', 'arrived', 'answered', 'received'].map((name) => table.column(name)) as Float64Array[];
  const kinds = new Map<string, number[]>();
  for (let row = 0; row < table.length; row++) {
    assert.ok(sent![row]! + limited![row]! <= arrived![row]! + 1e-9 && arrived![row]! <= answered![row]! && answered![row]! <= received![row]!, `row ${row}`);
    const kind = `${table.column('verb')[row]} ${table.column('resource')[row]}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), sent![row]!]);
  }
  for (const [kind, times] of kinds) assert.ok(times.length <= 32, kind);
  const counts = new Map<string, number>();
  const totals = tableOf(all, 'api_requests_by_second')!;
  for (let row = 0; row < totals.length; row++) {
    const kind = `${totals.column('verb')[row]} ${totals.column('resource')[row]}`;
    counts.set(kind, (counts.get(kind) ?? 0) + (totals.column('requests')[row] as number));
  }
  assert.equal(kinds.get('create pods')!.length, counts.get('create pods'), 'all of a kind with few');
  const leases = kinds.get('update leases')!;
  assert.ok(counts.get('update leases')! > 100 && leases.length >= 16, 'many are thinned, to no less than half of what may be kept');
  const gaps = leases.slice(1).map((time, i) => time - leases[i]!);
  assert.ok(Math.max(...gaps) < 5 * (leases.at(-1)! / leases.length), 'no stretch of the run is left out');
});
