import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunResult } from '../../src/analysis/result.js';
import { epochSeconds, lastScrape, toOpenMetrics } from '../../src/export/openmetrics.js';
import { mainScenario, run } from '../cluster/scenario.js';
import { sampleResults } from '../report/sample.js';

/** Prometheus' own tools (Debian: apt-get install prometheus) read what we write: a made-up result, and that of a small run. */
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const promtool = has('promtool') ? {} : { skip: 'promtool is not installed' };
const prometheus = has('promtool') && has('prometheus') ? {} : { skip: 'prometheus is not installed' };

const scenario = mainScenario(120);
const small = { ...scenario, cluster: { ...scenario.cluster, nodes: scenario.cluster.nodes.slice(0, 60) } };
let made: RunResult | undefined;
const simulated = (): RunResult => (made ??= run(small, 'ramped'));
const sample = sampleResults()[3]!;

for (const [name, result] of [
  ['a made-up result', () => sample],
  ['a run', simulated],
] as const) {
  test(`promtool accepts the last scrape of ${name}, but for names that the real components have`, promtool, () => {
    const check = spawnSync('promtool', ['check', 'metrics'], { input: lastScrape(result()), encoding: 'utf8' });
    const complaints = `${check.stdout}${check.stderr}`.split('\n').filter((line) => line !== '');
    assert.deepEqual(complaints.filter((line) => !/^(?:etcd_(?:debugging|disk|server)_|apiserver_flowcontrol_(?:latest|next(?:_discounted)?)_s(?:_bounds)? )/.test(line)), []);
    assert.ok(check.status === 0 || check.status === 3, check.stderr);
  });
}

/** Loads the metrics of a result into Prometheus and hands over what asks it for a value at the end of the run. */
async function ask(result: RunResult, questions: (query: (expression: string) => Promise<number>) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'towtank-prometheus-'));
  const port = 20_000 + ((process.pid + (result === sample ? 0 : 7919)) % 20_000);
  writeFileSync(join(folder, 'metrics.om'), [...toOpenMetrics(result)].join(''));
  writeFileSync(join(folder, 'prometheus.yml'), '{}\n');
  const load = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', join(folder, 'metrics.om'), join(folder, 'data')], {
    encoding: 'utf8',
  });
  assert.equal(load.status, 0, load.stderr);
  const server = spawn('prometheus', [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--storage.tsdb.retention.time=100y',
    '--log.level=error',
  ]);
  const end = epochSeconds(result.summary.startTime) + result.summary.simulatedSeconds;
  const query = async (expression: string): Promise<number> => {
    const url = `http://127.0.0.1:${port}/api/v1/query?time=${end}&query=${encodeURIComponent(expression)}`;
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = (await (await fetch(url)).json()) as { data: { result: { value: [number, string] }[] } };
        return Number(answer.data.result[0]!.value[1]);
      } catch (error) {
        if (attempt === 100) throw new Error(`${expression}: ${error}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };
  try {
    await questions(query);
  } finally {
    server.kill();
    await new Promise((resolve) => server.once('exit', resolve));
    rmSync(folder, { recursive: true, force: true });
  }
}

test('Prometheus loads a made-up result and answers with the values of its summary', prometheus, () =>
  ask(sample, async (query) => {
    assert.equal(await query('sum(towtank_user_requests_total)'), sample.summary.metrics.requests);
    assert.equal(await query('towtank_rollout_duration_seconds'), sample.summary.metrics.rolloutDuration);
    assert.equal(await query('sum(scheduler_schedule_attempts_total{result="scheduled"})'), 20);
    const median = await query('histogram_quantile(0.5, kubelet_pod_start_duration_seconds_bucket)');
    assert.ok(median >= 0.5 && median <= 3, `${median}`);
  }));

test('Prometheus loads a run and answers with the values of summary.json', prometheus, async () => {
  const { metrics, simulatedSeconds } = simulated().summary;
  await ask(simulated(), async (query) => {
    assert.equal(await query('sum(towtank_user_requests_total)'), metrics.requests);
    assert.equal(await query('sum(towtank_user_request_errors_total) or vector(0)'), metrics.errors);
    assert.equal(await query('towtank_rollout_duration_seconds'), metrics.rolloutDuration);
    assert.equal(await query('sum(apiserver_request_total)'), metrics.apiRequests);
    const writes = 'verb=~"POST|PUT|PATCH|DELETE"';
    assert.equal(await query(`sum(apiserver_request_total{${writes}})`), metrics.apiWriteLatency.count);
    assert.equal(await query(`sum(apiserver_request_duration_seconds_count{${writes}})`), metrics.apiWriteLatency.count);
    const mean = await query(`sum(apiserver_request_duration_seconds_sum{${writes}}) / sum(apiserver_request_duration_seconds_count{${writes}})`);
    assert.ok(Math.abs(mean / metrics.apiWriteLatency.mean! - 1) < 1e-6, `${mean} against ${metrics.apiWriteLatency.mean}`);
    // Buckets bound a quantile from both sides.
    const p99 = await query(`histogram_quantile(0.99, sum by (le) (apiserver_request_duration_seconds_bucket{${writes}}))`);
    assert.ok(p99 > metrics.apiWriteLatency.p99! / 5 && p99 < metrics.apiWriteLatency.p99! * 5, `${p99} against ${metrics.apiWriteLatency.p99}`);
    assert.equal(await query('count(etcd_server_has_leader == 1)'), 3);
    assert.equal(await query('count(group by (instance) (etcd_server_is_leader == 1))'), 1);
    assert.equal(await query('sum(scheduler_schedule_attempts_total{result="scheduled"})'), metrics.schedulingDuration.count);
    assert.ok(simulatedSeconds >= 120);
  });
});
