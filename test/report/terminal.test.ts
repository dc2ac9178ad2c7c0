import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RolloutMetrics } from '../../src/analysis/result.js';
import { study } from '../../src/analysis/study.js';
import { answer } from '../../src/report/answer.js';
import { formatCount, formatSeconds, formatShare, list } from '../../src/report/format.js';
import { renderComparison, renderRun, renderStudy } from '../../src/report/terminal.js';
import { metrics, sampleResults, sampleStudy, summary } from './sample.js';

test('quantities for people', () => {
  assert.deepEqual([0, 0.00085, 0.0241, 0.9996, 3.2, 59.99, 112, 7500, null].map(formatSeconds), [
    '0 s',
    '850 us',
    '24.1 ms',
    '1.00 s',
    '3.20 s',
    '1m 0s',
    '1m 52s',
    '2h 5m',
    '-',
  ]);
  assert.deepEqual([0, 0.000412, 0.0134, 0.99999, 1, null].map(formatShare), [
    '0%',
    '0.0412%',
    '1.34%',
    '99.9%',
    '100%',
    '-',
  ]);
  assert.deepEqual([0, 1234567, 12.3456, -1500, null].map(formatCount), ['0', '1,234,567', '12.3', '-1,500', '-']);
  assert.equal(list(['a', 'b', 'c']), 'a, b and c');
});

test('the answer comes first and says who misses what', () => {
  const lines = renderComparison(sampleResults()).split('\n');
  assert.equal(lines[1], 'ok Ramped, blue-green and canary meet all 3 objectives; recreate does not.');
  assert.match(lines[2]!, /^ {2}recreate misses errors < 0\.1% \(measured 2\.98%\) and latency p99 < 250ms/);
});

test('one row a strategy, plain ASCII within 120 columns', () => {
  const text = renderComparison(sampleResults());
  assert.ok(/^[\x20-\x7e\n]*$/.test(text), 'ASCII only');
  for (const line of text.split('\n')) assert.ok(line.length <= 120, line);
  const rows = text.split('\n').filter((line) => /(ok|NO) \d\/\d$/.test(line));
  assert.deepEqual(
    rows.map((row) => row.split(/\s{2,}/)[0]),
    ['recreate', 'ramped', 'blue-green', 'canary'],
  );
  assert.match(rows[0]!, /14\.0 s +4,492 +2\.98% +33\/145 +99\/774 +40\/173 +0% +0 +412 +NO 1\/3$/);
});

test('colours and marks only where the terminal has them', () => {
  const text = renderComparison(sampleResults(), { unicode: true, color: true });
  assert.ok(text.includes('\u001b[32m✓\u001b[0m 3/3'));
  assert.ok(!renderComparison(sampleResults(), { unicode: true }).includes('\u001b'));
});

test('without a rollout the columns are those of the control plane', () => {
  const latency = (p50: number, p99: number) => ({ count: 9, mean: p50, p50, p90: p99, p99, max: p99 });
  const result = (name: string, p99: number, requests: number) => ({
    name,
    tables: [],
    summary: {
      ...summary(
        name,
        metrics({
          requests,
          apiRequests: 12_345,
          apiWrites: 1_234,
          apiErrors: 7,
          apiWriteLatency: latency(0.0041, p99),
          etcdCommitLatency: latency(0.00312, 0.0078),
        }),
        [],
      ),
      strategy: null,
      question: '',
    },
  });
  assert.deepEqual(renderComparison([result('nvme', 0.03, 0), result('hdd', 1.1, 0)]).split('\n'), [
    'All 2 runs finished; the scenario states no objectives.',
    '',
    '              API     API  API write  API write  etcd commit  etcd commit     API',
    'variant  requests  writes     p50 ms     p99 ms       p50 ms       p99 ms  errors  verdict',
    '------------------------------------------------------------------------------------------',
    'nvme       12,345   1,234        4.1         30          3.1          7.8       7  -',
    'hdd        12,345   1,234        4.1      1,100          3.1          7.8       7  -',
    '',
  ]);
  assert.match(renderComparison([result('nvme', 0.03, 5)]), /user\n|user p50\/p99/);
});

test('a run line by line', () => {
  const text = renderRun(sampleResults()[0]!, { unicode: true });
  assert.match(text, /^Which strategy .*\n✗ recreate meets 1 of 3 objectives\.\n/);
  assert.match(text, /✗ errors < 0\.1% \(measured 2\.98%\)/);
  assert.match(text, /errors +4,492 \(2\.98%\)\n {2}no-endpoint +4,492\n/);
});

test('nobody meets the objectives; nothing to meet', () => {
  const missed = {
    objective: 'errors < 1%',
    metric: 'errors',
    met: false,
    value: 0.5,
    limit: 0.01,
    comparison: '<' as const,
    unit: 'share',
  };
  const runs = ['a', 'b'].map((name) => ({ name, tables: [], summary: summary(name, metrics({}), [missed]) }));
  assert.equal(answer(runs).headline, 'No strategy meets the objective.');
  assert.equal(answer(runs).outcome, 'none');
  const free = { name: 'a', tables: [], summary: summary('a', metrics({}), []) };
  assert.equal(answer([free]).outcome, 'unjudged');
});

test('a study: means with intervals, the best and its equals marked', () => {
  const text = renderStudy(sampleStudy());
  assert.ok(/^[\x20-\x7e\n]*$/.test(text), 'ASCII only');
  for (const line of text.split('\n')) assert.ok(line.length <= 120, line);
  assert.match(text, /^ +recreate +ramped +blue-green +canary$/m);
  assert.match(text, /^Rollout duration +\S+ s \+- \S+ ms = +\S+ s \+- \S+ s +\S+ s \+- \S+ s +1m \S+ \+- \S+ s$/m);
});

test('a study: who does not give a measure with every seed has no mean, and nobody is the best for it', () => {
  const rollout = (timeToDetect: number | null) => ({ ...sampleResults()[0]!.summary.metrics, rolloutDuration: null, rollout: { ...ROLLOUT, timeToDetect } });
  const made = study(
    new Map([
      ['argo', [rollout(20), rollout(21), rollout(22)]],
      ['flagger', [rollout(120), rollout(121), rollout(122)]],
      ['ramped', [rollout(null), rollout(30), rollout(31)]],
    ]),
  );
  const text = renderStudy(made);
  assert.match(text, /^Time to detect +21\.0 s \+- \S+ s = +2m 1s \+- \S+ s +-$/m);
  assert.match(text, /; - not with every seed$/m);
  assert.doesNotMatch(text, /Time to detect: .* is best/);
  assert.doesNotMatch(text, /^Wasted starts/m, 'nothing everywhere');
  assert.deepEqual(made.measures.filter(({ group }) => group === 'Risk').map(({ name, absent }) => [name, absent.length]), [
    ['Blast radius', 0],
    ['Errors of the new version', 0],
    ['Mixed-version requests', 0],
    ['Time to detect', 1],
  ]);
  const all = study(new Map([['argo', [rollout(20), rollout(21), rollout(22)]], ['flagger', [rollout(120), rollout(121), rollout(122)]]]));
  assert.match(renderStudy(all), /^ {2}Time to detect: argo is best, 1m 40s \(/m);
});

const ROLLOUT: RolloutMetrics = {
  timeToDetect: null,
  timeToRollBack: null,
  timeToRecover: null,
  blastRadius: 100,
  blastErrors: 3,
  mixedVersionRequests: 10,
  errorBudget: { allowed: 0.001, burnRate: 2, shareOf30Days: 0.0001 },
  latencyP95: { before: 0.1, during: 0.2, after: 0.1 },
  worstSecondP99: 0.3,
  secondsAboveObjective: null,
  surgeCpuSeconds: 4,
  surgeMemoryGiBSeconds: 4,
  surgeCost: 0.01,
  wastedStarts: 0,
  eventWrites: 100,
  watchBytes: 1048576,
  schedulerAttempts: 20,
};
