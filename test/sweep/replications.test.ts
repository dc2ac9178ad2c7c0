import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { mean } from '../../src/analysis/quantile.js';
import { meanInterval, pairedDifference } from '../../src/analysis/interval.js';
import type { SummaryDocument } from '../../src/analysis/result.js';
import { root } from '../cluster/scenario.js';
import { scenarioFolder, towtank } from '../cli/towtank.js';

let directory = '';
let file = '';

before(() => {
  const lines = [
    'question: Which strategy?',
    'duration: 60s',
    'cluster:',
    '  nodes: [{ count: 4, template: nodes/4cpu-16gi.yaml }]',
    'manifests: hello/hello.yaml',
    'behaviour: [{ image: "nginx:*", start: { lognormal: { median: 2s, sigma: 0.4 } }, request: { time: { exponential: { mean: 5ms } } } }]',
    'traffic: [{ to: hello, rate: 40/s }]',
    'rollout: { deployment: hello, image: "nginx:1.30", at: 5s, strategies: [recreate, ramped] }',
    'objectives: [errors < 1%]',
  ];
  ({ directory, file } = scenarioFolder('replications', lines));
});

after(() => rmSync(directory, { recursive: true }));

function bytes(path: string): Map<string, string> {
  const names = readdirSync(path, { recursive: true }).map(String).filter((name) => statSync(join(path, name)).isFile());
  return new Map(names.sort().map((name) => [name, readFileSync(join(path, name), 'base64')]));
}

/** Values of a measure by run, from replications.csv. */
function values(out: string, metric: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const line of readFileSync(join(out, 'replications.csv'), 'utf8').split('\n').slice(1)) {
    const [, , run, name, value] = line.trim().split(',');
    if (name === metric) found.set(run!, [...(found.get(run!) ?? []), Number(value)]);
  }
  return found;
}

test('the same bytes with one worker and with three; intervals are those of the table of replications', async () => {
  const [one, three] = [join(directory, 'one'), join(directory, 'three')];
  const first = await towtank('compare', file, '--replications', '5', '--workers', '1', '--out', one, '--quiet');
  const second = await towtank('compare', file, '--replications', '5', '--workers', '3', '--out', three, '--quiet');
  assert.equal(first.stderr, '');
  assert.equal(first.stdout, second.stdout);
  assert.deepEqual(bytes(one), bytes(three));

  const { study, runs } = JSON.parse(readFileSync(join(one, 'summary.json'), 'utf8')) as SummaryDocument;
  const durations = values(one, 'rolloutDuration');
  assert.deepEqual([...durations].map(([name, list]) => [name, list.length]), [['recreate', 5], ['ramped', 5]]);
  assert.notEqual(durations.get('ramped')![0], durations.get('ramped')![1], 'seeds differ');
  assert.equal(durations.get('ramped')![0], runs['ramped']!.metrics.rolloutDuration, 'the first replication is the run shown');
  const measure = study!.measures.find((each) => each.name === 'Rollout duration')!;
  const [best, other] = measure.rows as [(typeof measure.rows)[0], (typeof measure.rows)[0]];
  assert.ok(Math.abs(best.estimate - mean(durations.get(best.name)!)!) < 1e-9);
  const interval = meanInterval(durations.get(other.name)!)!;
  assert.deepEqual([other.low, other.high], [interval.low, interval.high]);
  const apart = pairedDifference(durations.get(other.name)!, durations.get(best.name)!)!;
  assert.deepEqual([other.difference!.low, other.difference!.high], [apart.low, apart.high]);
  assert.deepEqual(readdirSync(directory).filter((name) => name.includes('.replications')), [], 'nothing is left beside the outputs');
});

test('a precision ends the replications at the first sequence that reaches it', async () => {
  const out = join(directory, 'precise');
  const args = ['--precision', '20%', '--replications', '40', '--out', out, '--quiet'];
  await towtank('compare', file, ...args, '--workers', '3');
  const { study } = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as SummaryDocument;
  assert.ok(study!.seeds >= 10 && study!.seeds < 40, `${study!.seeds} replications`);
  for (const list of values(out, 'rolloutDuration').values()) {
    const { estimate, high } = meanInterval(list)!;
    assert.ok((high - estimate) / estimate <= 0.2 / 1.2, 'half width over mean');
  }
});

test('interrupted: what is finished is kept, and the same command goes on from there to the same bytes', async () => {
  const out = join(directory, 'resumed');
  const journal = join(directory, '.resumed.replications.jsonl');
  const args = ['compare', file, '--replications', '7', '--workers', '1', '--out', out];
  const child = spawn(process.execPath, [join(root, 'dist/src/cli/main.js'), ...args]);
  let stderr = '';
  child.stderr.on('data', (data) => (stderr += data));
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  while (child.exitCode === null && (!existsSync(journal) || readFileSync(journal, 'utf8').split('\n').length < 4)) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGINT');
  assert.equal(await ended, 130);
  assert.match(stderr, /interrupted; \d+ of 7 replications are kept: the same command goes on from there/);
  assert.ok(!existsSync(out), 'no half-written output');
  const kept = readFileSync(journal, 'utf8').trim().split('\n').slice(1);
  writeFileSync(journal, `${readFileSync(journal, 'utf8')}{"index":6,"se`);

  await towtank(...args, '--quiet');
  assert.ok(!existsSync(journal));
  const whole = join(directory, 'whole');
  await towtank('compare', file, '--replications', '7', '--workers', '2', '--out', whole, '--quiet');
  assert.deepEqual(bytes(out), bytes(whole));
  assert.ok(kept.length >= 2 && kept.length < 7);
});

test('numbers that make no sense are bad input', async () => {
  for (const [flag, value] of [['--replications', '1'], ['--replications', 'x'], ['--precision', '0'], ['--precision', '150%'], ['--workers', '0']]) {
    const { code, stderr } = await towtank('compare', file, flag!, value!);
    assert.equal(code, 2, `${flag} ${value}`);
    assert.match(stderr, new RegExp(`option '${flag} .*' argument '${value}' is invalid`));
  }
});
