import assert from 'node:assert/strict';
import { test } from 'node:test';
import { families } from '../../src/export/openmetrics-families.js';
import { epochSeconds, toOpenMetrics } from '../../src/export/openmetrics.js';
import { API_REQUEST_DURATION, HISTOGRAMS, labelText, ScrapedHistogram } from '../../src/metrics/histograms.js';
import { Recorder } from '../../src/metrics/recorder.js';
import { LogHistogram } from '../../src/stats/log-histogram.js';
import { sampleResults } from '../report/sample.js';

const result = sampleResults()[3]!;
const text = [...toOpenMetrics(result)].join('');

test('one block a family, no series twice, times ascending, end mark', () => {
  assert.ok(text.endsWith('# EOF\n'));
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
  assert.equal(new Set(names).size, names.length);
  const last = new Map<string, number>();
  let lastSeries = '';
  for (const line of text.split('\n').filter((entry) => entry !== '' && !entry.startsWith('#'))) {
    const [, series, time] = /^(.*) \S+ (\S+)$/.exec(line)!;
    const before = last.get(series!);
    assert.ok(before === undefined || (series === lastSeries && Number(time) > before), line);
    last.set(series!, Number(time));
    lastSeries = series!;
  }
});

test('counters reach the totals of the tables at the end of the run', () => {
  const counter = families(result, 15).find((family) => family.name === 'towtank_user_requests')!;
  const total = counter.series.reduce((sum, series) => sum + series.samples.at(-1)!.value, 0);
  assert.equal(total, result.summary.metrics.requests);
  for (const { samples } of counter.series)
    assert.ok(samples.every((sample, i) => i === 0 || sample.value >= samples[i - 1]!.value));
});

test('verbs and resources as kube-apiserver labels them', () => {
  assert.match(
    text,
    /^apiserver_request_total\{job="apiserver",component="apiserver",verb="PATCH",resource="nodes",subresource="status",code="200"\} \d+\.0 1735689615\.000$/m,
  );
});

test('a scraped histogram has the real buckets and exact count and sum', () => {
  const recorder = new Recorder();
  const scraped = new ScrapedHistogram(API_REQUEST_DURATION, { job: 'apiserver', verb: 'POST' });
  const observations = new LogHistogram();
  for (const ms of [1, 4, 20, 90, 70_000]) observations.observe(ms * 1e6);
  scraped.add(observations);
  scraped.scrape(recorder, 15);
  const [table] = recorder.tables;
  assert.equal(table!.spec, HISTOGRAMS);
  const counts = [...(table!.column('count') as Float64Array)];
  assert.equal(counts.length, 24);
  assert.deepEqual(counts.slice(0, 4), [2, 3, 3, 4]);
  assert.deepEqual(counts.slice(-2), [4, 5]);
  assert.ok(Math.abs((table!.column('sum') as Float64Array)[23]! - 70.115) < 1e-9);
  const page = [...toOpenMetrics({ ...result, tables: recorder.tables })].join('');
  assert.match(
    page,
    /apiserver_request_duration_seconds_bucket\{job="apiserver",verb="POST",le="0\.005"\} 2\.0 1735689615\.000/,
  );
  assert.match(page, /apiserver_request_duration_seconds_bucket\{job="apiserver",verb="POST",le="\+Inf"\} 5\.0/);
  assert.match(page, /apiserver_request_duration_seconds_count\{job="apiserver",verb="POST"\} 5\.0/);
});

test('instants as seconds since 1970, as Date counts them', () => {
  for (const instant of [
    '1970-01-01T00:00:00Z',
    '2000-02-29T23:59:59Z',
    '2025-01-01T00:00:00Z',
    '2100-03-01T12:00:00.5Z',
    '1969-12-31T00:00:00Z',
  ]) {
    assert.equal(epochSeconds(instant), Date.parse(instant) / 1000, instant);
  }
  assert.throws(() => epochSeconds('yesterday'), /no instant in UTC/);
});

test('label values are escaped', () => {
  assert.equal(labelText({ a: 'say "hi"\\\n' }), 'a="say \\"hi\\"\\\\\\n"');
});
