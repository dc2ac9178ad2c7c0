import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type RunResult, tableOf } from '../../src/analysis/result.js';
import { formatCount, formatSeconds, formatShare } from '../../src/report/format.js';
import { renderReport } from '../../src/report/html.js';
import { renderComparison } from '../../src/report/terminal.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';
import { root, run } from './scenario.js';

/** What each strategy reports of a rollout, computed anew from what was recorded by second and by pod. */

const START = 30;
const load = (name: string): Scenario => loadScenario(join(root, 'scenarios', 'strategies', `${name}.yaml`), {});
const shorter = (scenario: Scenario, seconds: number): Scenario => ({ ...scenario, duration: seconds * 1e9 });
const pipelines = shorter(load('rollback'), 150);
const bad = (name: string, seconds: number): Scenario => shorter(load(name).variants!.find(({ variant }) => variant === 'bad version')!, seconds);
const [argo, flagger] = [bad('argo', 120), bad('flagger', 260)];

const cases: readonly { readonly name: string; readonly scenario: Scenario; readonly strategy: string; readonly version: string; readonly replicas: number }[] = [
  ...pipelines.rollout!.strategies.map(({ name }) => ({ name, scenario: pipelines, strategy: name, version: 'v2', replicas: 10 })),
  { name: 'Argo Rollouts', scenario: argo, strategy: argo.rollout!.strategies[0]!.name, version: 'green', replicas: 10 },
  { name: 'Flagger', scenario: flagger, strategy: 'flagger', version: '6.0.1', replicas: 4 },
];

interface Row {
  readonly second: number;
  readonly version: string;
  readonly requests: number;
  readonly errors: number;
  readonly p99: number;
}

function rows(result: RunResult): Row[] {
  const table = tableOf(result, 'requests_by_second')!;
  const numbers = (name: string): Float64Array => table.column(name) as Float64Array;
  const [time, requests, errors, p99] = [numbers('time'), numbers('requests'), numbers('errors'), numbers('p99')];
  const versions = table.column('version') as readonly string[];
  return versions.map((version, i) => ({ second: time[i]!, version, requests: requests[i]!, errors: errors[i]!, p99: p99[i]! }));
}

const sum = (all: readonly Row[], what: (row: Row) => number): number => all.reduce((total, row) => total + what(row), 0);

/** ∫ max(0, pods − N) dt of the workload's pods, each from its creation to its removal. */
function surge(result: RunResult, replicas: number, until: number): number {
  const pods = tableOf(result, 'pods')!;
  const [created, removed] = [pods.column('created') as Float64Array, pods.column('removed') as Float64Array];
  const changes: { at: number; by: number }[] = [];
  created.forEach((at, i) => {
    changes.push({ at: Math.max(0, at), by: 1 });
    if (!Number.isNaN(removed[i]!)) changes.push({ at: Math.max(0, removed[i]!), by: -1 });
  });
  changes.push({ at: until, by: 0 });
  changes.sort((a, b) => a.at - b.at);
  let [count, last, total] = [0, 0, 0];
  for (const { at, by } of changes) {
    total += Math.max(0, count - replicas) * (at - last);
    count += by;
    last = at;
  }
  return total;
}

const close = (actual: number | null, expected: number, margin: number, what: string): void =>
  assert.ok(actual !== null && Math.abs(actual - expected) <= margin, `${what}: ${actual} instead of ${expected}`);

for (const { name, scenario, strategy, version, replicas } of cases) {
  test(`${name}: each measure is what the tables give`, () => {
    const result = run(scenario, strategy);
    const { metrics } = result.summary;
    const rollout = metrics.rollout!;
    const detected = START + rollout.timeToDetect!;
    const log = tableOf(result, 'rollout')!;
    const times = log.column('time') as Float64Array;
    const phases = log.column('phase') as readonly string[];
    // A pipeline fails; Argo Rollouts aborts, Flagger rolls back.
    const noticed = phases.findIndex((phase) => ['failed', 'rollback'].includes(phase));
    close(rollout.timeToDetect, times[noticed]! - START, 0.01, 'time to detect');
    close(rollout.timeToRecover, rollout.timeToDetect! + rollout.timeToRollBack!, 1e-9, 'time to recover');
    const all = rows(result);
    const met = all.filter((row) => row.version === version);
    assert.equal(rollout.blastRadius, sum(met, (row) => row.requests));
    assert.equal(rollout.blastErrors, sum(met, (row) => row.errors));
    if (met.length > 0) {
      // The last one who met it did so in the second of its last row.
      const last = met.at(-1)!.second;
      const back = Math.max(detected, last);
      assert.ok(detected + rollout.timeToRollBack! >= back - 1e-9 && detected + rollout.timeToRollBack! <= Math.max(detected, last + 1), `${rollout.timeToRollBack}`);
      close(metrics.timeToFirstNew, met[0]!.second + 0.5 - START, 0.5, 'first new');
    }
    assert.equal(metrics.errors, sum(all, (row) => row.errors));
    assert.equal(Object.values(metrics.errorsByCause).reduce((a, b) => a + b, 0), metrics.errors);
    const end = scenario.duration / 1e9;
    const over = phases.includes('rolledBack') ? times[phases.indexOf('rolledBack')]! : end;
    const during = all.filter((row) => row.second >= START && row.second < over);
    const burn = sum(during, (row) => row.errors) / sum(during, (row) => row.requests) / 0.001;
    close(rollout.errorBudget.burnRate, burn, 0.02 * burn + 1e-9, 'burn rate');
    const budget = 0.001 * sum(all, (row) => row.requests) * ((30 * 86_400) / end);
    close(rollout.errorBudget.shareOf30Days, sum(during, (row) => row.errors) / budget, 0.02 * (sum(during, (row) => row.errors) / budget) + 1e-12, 'share of 30 days');
    // w(1 − w) of two requests one after the other, either way round.
    let mixed = 0;
    for (const second of new Set(during.map((row) => row.second))) {
      const answered = during.filter((row) => row.second === second && row.version !== '');
      const total = sum(answered, (row) => row.requests);
      const fresh = sum(answered.filter((row) => row.version === version), (row) => row.requests);
      if (total > 0) mixed += (2 * fresh * (total - fresh)) / total;
    }
    close(rollout.mixedVersionRequests, mixed, 0.02 * mixed, 'mixed');
    // Answers of both in seconds in which both answered, up to the decision; what they tell from no errors at all: n = z²·p(1 − p)/p².
    let [fresh, old] = [0, 0];
    for (const second of new Set(during.map((row) => row.second))) {
      if (second >= detected) continue;
      const ofNew = sum(during.filter((row) => row.second === second && row.version === version), (row) => row.requests);
      const ofOld = sum(during.filter((row) => row.second === second && row.version !== version && row.version !== ''), (row) => row.requests);
      if (ofNew === 0 || ofOld === 0) continue;
      fresh += ofNew;
      old += ofOld;
    }
    const side = rollout.power!;
    if (name === 'shadow') assert.ok(side.requests > 0.15 * 300 * 10, 'copies count');
    else assert.equal(side.requests, Math.min(fresh, old));
    assert.equal(sum(all.filter((row) => row.second < START), (row) => row.errors), 0);
    if (side.requests === 0) assert.equal(side.tellableShare, null);
    else close(side.tellableShare, 6.175225 / (side.requests + 6.175225), 1e-9, 'tellable');
    close(rollout.worstSecondP99, Math.max(...during.filter((row) => row.version !== '' && row.p99 >= 0).map((row) => row.p99)), 1e-9, 'worst second');
    // creationTimestamp is that of the request, a few milliseconds before the pod is stored.
    const extra = surge(result, replicas, end);
    close(metrics.surgePodSeconds, extra, 0.1 + 0.001 * extra, 'surge');
    assert.ok(rollout.latencyP95.during! >= metrics.latency.during.p50! && rollout.latencyP95.during! <= metrics.latency.during.p99!);
    const attempts = tableOf(result, 'scheduler_attempts')!;
    assert.equal(rollout.schedulerAttempts, attempts.length);
  });
}

test('terminal and report have a row for each of them', () => {
  const results = ['recreate', 'canary'].map((name) => run(pipelines, name));
  const terminal = renderComparison(results, { measures: true });
  const page = renderReport(results, { title: 'x', toolVersion: '0' });
  const rows = terminal.split('\n').map((line) => line.trim());
  const { metrics } = results[0]!.summary;
  for (const [name, text] of [
    ['Until first answer of the new version', formatSeconds(metrics.timeToFirstNew)],
    ['Until half the answers', formatSeconds(metrics.timeToHalfNew)],
    ['Until it was taken back', formatSeconds(metrics.rollout!.timeToDetect)],
    ['Both together', formatSeconds(metrics.rollout!.timeToRecover)],
    ['Answers of the new version', formatCount(metrics.rollout!.blastRadius)],
    ['Requests between versions', formatCount(metrics.rollout!.mixedVersionRequests)],
    ['… smallest error share they can show', formatShare(metrics.rollout!.power!.tellableShare)],
    ['Error budget, burn rate', formatCount(metrics.rollout!.errorBudget.burnRate)],
    ['Error budget of 30 days used', formatShare(metrics.rollout!.errorBudget.shareOf30Days)],
    ['Worst second, p99', formatSeconds(metrics.rollout!.worstSecondP99)],
    ['Surge, core-seconds', formatCount(metrics.rollout!.surgeCpuSeconds)],
    ['Surge, GiB-seconds', formatCount(metrics.rollout!.surgeMemoryGiBSeconds)],
    ['Surge, money', '$0'],
    ['Wasted starts', formatCount(metrics.rollout!.wastedStarts)],
    ['Events written', formatCount(metrics.rollout!.eventWrites)],
    ['Scheduling attempts', formatCount(metrics.rollout!.schedulerAttempts)],
    ['Errors, no endpoint', formatCount(metrics.errorsByCause['no-endpoint']!)],
    ['Errors, application', formatCount(metrics.errorsByCause['application']!)],
    ...(['before', 'during'] as const).flatMap((when) => [
      [`Latency p50 ${when}`, formatSeconds(metrics.latency[when].p50)],
      [`Latency p95 ${when}`, formatSeconds(metrics.rollout!.latencyP95[when])],
      [`Latency p99 ${when}`, formatSeconds(metrics.latency[when].p99)],
    ]),
    ['Lowest available share', formatShare(metrics.lowestAvailableShare)],
    ['Surge, pod-seconds', formatCount(metrics.surgePodSeconds)],
    ['Missing, pod-seconds', formatCount(metrics.deficitPodSeconds)],
    ['API requests', formatCount(metrics.apiRequests)],
    ['API writes', formatCount(metrics.apiWrites)],
  ] as const) {
    const row = rows.find((line) => line.startsWith(`${name}  `));
    assert.equal(row?.slice(name!.length).trim().split(/ {2,}/)[0], text, name);
    assert.ok(page.includes(`<th scope="row">${name}</th>`), name);
  }
});

test('the page about strategies names each of them', () => {
  const page = readFileSync(join(root, 'docs', 'strategies.md'), 'utf8');
  const result = run(pipelines, 'ramped');
  const names = tableOf(result, 'rollout_metrics')!.column('metric') as readonly string[];
  assert.ok(names.length > 30);
  for (const name of names) {
    const plain = name.replace(/^errorsByCause\..*/, 'errorsByCause').replace(/^latency\.(before|during|after)\./, 'latency.*.').replace(/^errorBudget\./, '');
    assert.ok(page.includes(`\`${plain}\``), plain);
  }
});
