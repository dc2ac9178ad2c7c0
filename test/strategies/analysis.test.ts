import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../src/kernel/time.js';
import { advanceAnalysis, type AnalysisState, type Found, judgeValue, type MetricRule, newAnalysis, nextMeasurement } from '../../src/strategies/analysis/assess.js';
import { evaluate, ExpressionError, holds, parseExpression, type Value } from '../../src/strategies/analysis/expression.js';

const value = (text: string, result: Value = null): Value => evaluate(parseExpression(text), result);

test('conditions as they stand in analysis templates', () => {
  assert.equal(value('result[0] >= 0.99', [0.995]), true);
  assert.equal(value('result[0] >= 0.99', [0.98]), false);
  assert.equal(value("result == 'It worked!'", 'It worked!'), true);
  assert.equal(value('len(result) == 0 || isNaN(result[0]) || result[0] < 0.05', []), true);
  assert.equal(value('len(result) == 0 || isNaN(result[0]) || result[0] < 0.05', [Number.NaN]), true);
  assert.equal(value('all(result, # > 1)', [2, 3]), true);
  assert.equal(value('any(result, {# > 2.5})', [2, 3]), true);
  assert.equal(value('result.ok && result.successPercent >= 0.90', { ok: true, successPercent: 0.95 }), true);
  assert.equal(value('asFloat(result) < 5', '4.5'), true);
  assert.equal(value('default(result, 0) == 0', null), true);
  assert.equal(value('1 + 2 * 3 - -4 / 2'), 9);
  assert.equal(value('not (1 > 2) and true ? "yes" : "no"'), 'yes');
  assert.equal(value('"a" in ["a", "b"]'), true);
});

test('what cannot be evaluated is an error, as is a condition that gives no truth value', () => {
  assert.throws(() => value('result[0] > 1', []), ExpressionError);
  assert.throws(() => parseExpression('result[0] >'), ExpressionError);
  assert.throws(() => parseExpression('result = 1'), ExpressionError);
  assert.throws(() => value('nonsense(1)'), ExpressionError);
  assert.throws(() => holds(parseExpression('result + 1'), 1), ExpressionError);
});

test('a value is successful, failed or inconclusive by the conditions that there are', () => {
  const rule = (success?: string, failure?: string) => ({
    success: success === undefined ? null : parseExpression(success),
    failure: failure === undefined ? null : parseExpression(failure),
  });
  assert.equal(judgeValue(rule(), 5), 'Successful');
  assert.equal(judgeValue(rule('result > 1'), 5), 'Successful');
  assert.equal(judgeValue(rule('result > 1'), 0), 'Failed');
  assert.equal(judgeValue(rule(undefined, 'result > 1'), 0), 'Successful');
  assert.equal(judgeValue(rule(undefined, 'result > 1'), 5), 'Failed');
  assert.equal(judgeValue(rule('result > 10', 'result < 1'), 5), 'Inconclusive');
  assert.equal(judgeValue(rule('result > 10', 'result < 1'), 11), 'Successful');
});

const RULE: MetricRule = {
  name: 'success-rate',
  interval: 60 * SECOND,
  initialDelay: 0,
  count: 0,
  failureLimit: 0,
  inconclusiveLimit: 0,
  consecutiveErrorLimit: 4,
  consecutiveSuccessLimit: 0,
  success: parseExpression('result >= 1'),
  failure: parseExpression('result < 0'),
  dryRun: false,
};
const BAD: Found = { value: -1 };
const GOOD: Found = { value: 1 };
const UNCLEAR: Found = { value: 0 };
const BROKEN: Found = { error: 'no answer' };

/** Looks at a run whenever it is due; gives the phase at its end and when that was. */
function run(rule: MetricRule, found: (at: number) => Found, until = 3600): { readonly state: AnalysisState; readonly seconds: number } {
  let state = newAnalysis(0);
  let now = 0;
  for (;;) {
    state = advanceAnalysis(state, [rule], now, { find: () => found(now / SECOND) });
    const next = nextMeasurement(state, [rule]);
    if (next > until * SECOND) return { state, seconds: now / SECOND };
    now = next;
  }
}

test('errors from t0 on are detected after the failure limit: interval 60 s, limit 3, 180 to 240 s', () => {
  for (let t0 = 1; t0 <= 60; t0++) {
    const { state, seconds } = run({ ...RULE, failureLimit: 3 }, (at) => (at < t0 ? GOOD : BAD));
    assert.equal(state.phase, 'Failed');
    assert.ok(seconds - t0 >= 180 && seconds - t0 < 240, `${seconds - t0} s after ${t0}`);
    assert.equal(seconds, 60 * (Math.ceil(t0 / 60) + 3));
  }
});

test('counts, limits of failed, inconclusive and failing measurements', () => {
  assert.equal(run({ ...RULE, count: 5 }, () => GOOD).seconds, 4 * 60);
  assert.equal(run({ ...RULE, count: 5 }, () => GOOD).state.phase, 'Successful');
  assert.equal(run({ ...RULE, interval: 0 }, () => GOOD).state.results[0]!.count, 1, 'without interval once');
  assert.equal(run({ ...RULE, count: 3, failureLimit: -1 }, () => BAD).state.phase, 'Successful', '−1 never fails');
  assert.equal(run({ ...RULE, count: 3, inconclusiveLimit: 1 }, () => UNCLEAR).state.phase, 'Inconclusive');
  const broken = run({ ...RULE, interval: 0 }, () => BROKEN);
  assert.deepEqual([broken.state.phase, broken.seconds], ['Error', 40], 'four errors are forgiven, tried again after 10 s each');
  assert.equal(broken.state.results[0]!.count, 0, 'errors do not count as measurements');
  const flaky = run({ ...RULE, interval: 0 }, (at) => (at < 30 ? BROKEN : GOOD));
  assert.equal(flaky.state.phase, 'Successful');
  const lucky = run({ ...RULE, consecutiveSuccessLimit: 3, failureLimit: 100 }, (at) => (at === 60 ? BAD : GOOD));
  assert.deepEqual([lucky.state.phase, lucky.seconds], ['Successful', 240]);
  assert.equal(run({ ...RULE, count: 2, consecutiveSuccessLimit: 3 }, () => GOOD).state.phase, 'Inconclusive');
});

test('the worst metric decides, the first bad one stops the others, dry runs have no say', () => {
  const rules = [RULE, { ...RULE, name: 'latency', interval: 30 * SECOND }];
  const find = (metric: MetricRule): Found => (metric.name === 'latency' ? BAD : GOOD);
  const state = advanceAnalysis(newAnalysis(0), rules, 0, { find });
  assert.equal(state.phase, 'Failed');
  assert.deepEqual(state.results.map(({ phase }) => phase), ['Successful', 'Failed']);
  assert.match(state.message, /Metric "latency" assessed Failed due to failed \(1\) > failureLimit \(0\)/);
  const dry = advanceAnalysis(newAnalysis(0), [RULE, { ...rules[1]!, dryRun: true }], 0, { find });
  assert.equal(dry.phase, 'Running');
});

test('a run that its rollout needs no more ends well', () => {
  const state = advanceAnalysis(newAnalysis(0), [RULE], 0, { find: () => GOOD });
  assert.equal(advanceAnalysis(state, [RULE], 5, { find: () => BAD }, true).phase, 'Successful');
});
