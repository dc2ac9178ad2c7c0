import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunResult } from '../../src/analysis/result.js';
import { tableOf } from '../../src/analysis/result.js';
import { ScenarioRun } from '../../src/cluster/run.js';
import type { Rollout } from '../../src/api/rollout-kinds.js';
import { loadScenario } from '../../src/scenario/index.js';
import type { Scenario } from '../../src/scenario/types.js';
import { finish, root } from './scenario.js';

const load = (name: string): readonly Scenario[] => loadScenario(join(root, 'scenarios', 'strategies', `${name}.yaml`)).variants!;
const [argo, badArgo] = load('argo') as [Scenario, Scenario];
const [flagger, badFlagger, fixedFlagger] = load('flagger') as [Scenario, Scenario, Scenario];

function run(scenario: Scenario): RunResult {
  const scenarioRun = new ScenarioRun(scenario);
  scenarioRun.rollOut(scenario.rollout!.strategies[0]!);
  return finish(scenarioRun);
}

/** Lines of the rollout's log: seconds since its start and what was said. */
function log(result: RunResult): { readonly at: number; readonly message: string }[] {
  const table = tableOf(result, 'rollout')!;
  const times = table.column('time') as Float64Array;
  const messages = table.column('message') as readonly string[];
  return Array.from(times, (time, i) => ({ at: time - times[0]!, message: messages[i]! }));
}

test("Flagger's published canary: 5 % more every 15 s up to 50 %, then the primary is updated and gets its traffic back", () => {
  const result = run(flagger);
  const weights = log(result).flatMap(({ at, message }) => {
    const match = /^Progressing, weight (\d+)/.exec(message);
    return match === null || match[1] === '0' ? [] : [{ at, weight: Number(match[1]) }];
  });
  assert.deepEqual(weights.map(({ weight }) => weight), [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
  for (let i = 1; i < weights.length; i++) assert.ok(Math.abs(weights[i]!.at - weights[i - 1]!.at - 15) < 0.1);
  const { metrics } = result.summary;
  assert.ok(metrics.rolloutDuration! >= 15 * (50 / 5), 'interval · (maxWeight / stepWeight) at least');
  assert.deepEqual(log(result).slice(-4).map(({ message }) => message), ['Promoting, weight 50', 'Finalising, weight 0', 'Succeeded, weight 0', 'flagger is complete']);
  // Four pods as canary, and four of the primary once more.
  assert.equal(metrics.podsCreated, 8);
  assert.ok(metrics.errorShare! < 0.001);
});

test('Flagger takes a version with errors back after interval · threshold, at the weight that it had', () => {
  const result = run(badFlagger);
  const lines = log(result);
  const first = lines.find(({ message }) => message.startsWith('Progressing, weight 5'))!;
  const failed = lines.find(({ message }) => message.startsWith('Failed'))!;
  assert.ok(Math.abs(failed.at - first.at - 15 * 11) < 0.1, 'ten checks fail, the next look rolls back');
  const { metrics } = result.summary;
  // 300 requests a second for 165 s, 5 % of them at the canary, of which a fifth fails.
  const expected = 300 * 165 * 0.05 * 0.2;
  assert.ok(Math.abs((metrics.errorsByCause['application'] ?? 0) - expected) < 6 * Math.sqrt(expected));
  assert.equal(metrics.lowestAvailableShare, 1);
  assert.equal(metrics.rolloutEnd, null);
  // What the comparison of strategies reports besides.
  const rollout = metrics.rollout!;
  assert.ok(Math.abs(rollout.timeToDetect! - failed.at) < 0.01);
  assert.ok(rollout.timeToRollBack! > 0 && rollout.timeToRollBack! < 2, 'the route reaches the proxies within a second');
  assert.ok(Math.abs(rollout.blastRadius - 5 * expected) < 6 * Math.sqrt(5 * expected));
  assert.equal(rollout.blastErrors, metrics.errorsByCause['application']);
  assert.equal(rollout.wastedStarts, 4, 'the four pods of the canary');
  const hours = metrics.surgePodSeconds! / 3600;
  assert.ok(Math.abs(rollout.surgeCost! - hours * (0.1 * 0.04048 + (64 / 1024) * 0.004445)) < 1e-9);
  const share = metrics.errors / (0.001 * metrics.requests);
  assert.ok(rollout.errorBudget.burnRate! > share, 'faster than over the whole run');
  assert.ok(Math.abs(rollout.errorBudget.shareOf30Days! - metrics.errors / ((0.001 * metrics.requests * 30 * 86400) / result.summary.simulatedSeconds)) < 1e-9);
  // w = 5 % for 165 s: 2w(1 - w) of the requests.
  const mixed = 300 * 165 * 2 * 0.05 * 0.95;
  assert.ok(Math.abs(rollout.mixedVersionRequests - mixed) < 0.15 * mixed);
});

test('Flagger begins its analysis again when the target changes on the way: all traffic to the primary, no failed checks (hasCanaryRevisionChanged)', () => {
  const lines = log(run(fixedFlagger)).filter(({ message }) => !message.startsWith('patch'));
  const changed = 100 - 30;
  const restart = lines.findIndex(({ at }) => at >= changed);
  const before = lines.slice(0, restart).at(-1)!;
  assert.match(before.message, /^Progressing, weight 5, \d failed checks$/, 'the bad version is being analysed');
  assert.equal(lines[restart]!.message, 'Progressing, weight 0');
  assert.ok(lines[restart]!.at <= changed + 15 + 0.1, 'at the next look');
  assert.ok(lines.every(({ message }) => !message.startsWith('Failed')));
  const weights = lines.slice(restart).flatMap(({ at, message }) => {
    const match = /^Progressing, weight ([1-9]\d*)$/.exec(message);
    return match === null ? [] : [{ at, weight: Number(match[1]) }];
  });
  assert.deepEqual(weights.map(({ weight }) => weight), [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
  // At the first look that finds the pods of the canary replaced, one after the other as its Deployment says.
  const looks = (weights[0]!.at - lines[restart]!.at) / 15;
  assert.ok(looks > 1 && looks < 5 && Math.abs(looks - Math.round(looks)) < 0.01, `${looks} looks`);
  assert.match(lines.at(-1)!.message, /complete/);
});

test('Flagger starts nothing for a version that is the promoted one: a user may go back to it (hasSpecChanged)', () => {
  const [scale, change] = fixedFlagger.timeline;
  const back = { ...change!, image: 'ghcr.io/stefanprodan/podinfo:6.0.0', at: 320e9 } as typeof change & {};
  const scenario: Scenario = { ...badFlagger, timeline: [scale!, back] };
  const lines = log(run(scenario));
  const failed = lines.findIndex(({ message }) => message.startsWith('Failed'));
  assert.ok(failed > 0 && lines[failed]!.at < 290);
  assert.deepEqual(lines.slice(failed + 1).filter(({ message }) => /^(Progressing|Waiting)/.test(message)), []);
});

test('Argo Rollouts: steps with a router, the old version stays 30 s', () => {
  const result = run(argo);
  const messages = log(result).map(({ message }) => message);
  for (const [step, weight] of [[1, 5], [3, 20], [5, 50]]) assert.ok(messages.includes(`Paused, step ${step}/6, weight ${weight}`), messages.join('\n'));
  const { metrics } = result.summary;
  assert.equal(metrics.podsCreated, 10);
  // Three pauses of 30 s, and four times the start of pods.
  assert.ok(metrics.rolloutDuration! > 90 && metrics.rolloutDuration! < 90 + 4 * 10);
  // 1, 2 and 5 pods for 30 s each and until the next ones are there, 10 for 30 s.
  const least = 30 * (1 + 2 + 5) + 30 * 10;
  assert.ok(metrics.surgePodSeconds! > least && metrics.surgePodSeconds! < least + 40 * 5);
  assert.equal(metrics.lowestAvailableShare, 1);
  assert.ok(metrics.errorShare! < 0.001);
});

test('Argo Rollouts: an analysis of the measured success rate aborts a bad version while it has little traffic', () => {
  const result = run(badArgo);
  const aborted = log(result).find(({ message }) => message.includes('background analysis') && message.startsWith('Degraded'))!;
  // From the first weight on: three measurements 10 s apart.
  assert.ok(aborted.at > 20 && aborted.at < 60, String(aborted.at));
  const { metrics } = result.summary;
  assert.ok(metrics.errorShare! < 0.2 * 0.05);
  assert.ok(metrics.podsCreated <= 2, 'it did not get beyond 20 %');
  assert.equal(metrics.rolloutEnd, null);
  assert.match(result.summary.findings.join('\n'), /RolloutAborted: background analysis .* failed/);
});

test('Argo Rollouts: a leak is noticed by an analysis of restarts, as kube-state-metrics counts them', () => {
  const query = 'sum(increase(kube_pod_container_status_restarts_total{pod=~"guestbook-.*"}[30s]))';
  const objects = argo.objects.map((object) => {
    if (object.kind === 'AnalysisTemplate') {
      const metric = { name: 'restarts', interval: '10s', successCondition: 'result[0] < 1', provider: { prometheus: { query } } };
      return { ...object, spec: { args: [{ name: 'service-name' }], metrics: [metric] } } as unknown as Rollout;
    }
    if (object.kind !== 'Rollout') return object;
    const rollout = object as Rollout;
    const { template } = rollout.spec;
    const containers = template!.spec.containers.map((each) => ({ ...each, resources: { ...each.resources, limits: { memory: 256 * 2 ** 20 } } }));
    return { ...rollout, spec: { ...rollout.spec, template: { ...template!, spec: { ...template!.spec, containers } } } } as Rollout;
  });
  // 60 MB and 10 MB a second: killed 20.8 s after the start of the process.
  const behaviours = argo.behaviours.map((each) => (each.image.endsWith(':green') ? { ...each, memory: { base: 60e6, leakPerSecond: 10e6 } } : each));
  const leak = { ...argo, objects, behaviours };
  const result = run(leak);
  const aborted = log(result).find(({ message }) => message.includes('background analysis') && message.startsWith('Degraded'))!;
  assert.ok(aborted.at > 20 && aborted.at < 45, String(aborted.at));
  assert.equal(result.summary.metrics.podsCreated, 1, 'one pod at 5 %');
});

test('Argo Rollouts: blue/green switches when all pods are available; the old ones stay 30 s', () => {
  const objects = argo.objects.map((object) => {
    if (object.kind !== 'Rollout') return object;
    const rollout = object as Rollout;
    const blueGreen = { activeService: 'guestbook', previewService: 'guestbook-canary', autoPromotionEnabled: false, autoPromotionSeconds: 20 };
    return { ...rollout, spec: { ...rollout.spec, strategy: { blueGreen } } } as Rollout;
  });
  const { metrics, findings } = run({ ...argo, objects }).summary;
  assert.deepEqual(findings.filter((finding) => finding.startsWith('rollout')), []);
  assert.equal(metrics.podsCreated, 10);
  assert.ok(metrics.rolloutDuration! > 20 && metrics.rolloutDuration! < 30);
  // All ten start, are held 20 s, and the old ones go 30 s after the switch.
  assert.ok(metrics.surgePodSeconds! > 10 * 50 && metrics.surgePodSeconds! < 10 * 62, String(metrics.surgePodSeconds));
  assert.equal(metrics.lowestAvailableShare, 1);
  assert.ok(metrics.timeToAllNew! - metrics.timeToFirstNew! < 3, 'the switch takes as long as the proxies do');
});

/** The Argo scenario with an endless pause at 20 %, and commands of a user. */
function paused(commands: readonly { readonly at: number; readonly verb: 'promote' | 'abort' | 'retry'; readonly full?: boolean }[]): Scenario {
  const steps = [{ setWeight: 20 }, { pause: {} }, { setWeight: 50 }, { pause: {} }];
  const objects = argo.objects.map((object) => {
    if (object.kind !== 'Rollout') return object;
    const { analysis: _, ...canary } = (object as Rollout).spec.strategy.canary!;
    return { ...object, spec: { ...(object as Rollout).spec, strategy: { canary: { ...canary, steps } } } } as unknown as Rollout;
  });
  const target = { resource: 'rollouts', object: { namespace: 'default', name: 'guestbook' } };
  const timeline = commands.map(({ at, verb, full = false }) => {
    const command = { text: `argo rollouts ${verb} guestbook`, verb: `argo rollouts ${verb}` as const, target, full };
    return { at: at * 1e9, position: '', action: 'kubectl' as const, command };
  });
  return { ...argo, objects, timeline };
}

test('an endless pause waits for kubectl argo rollouts promote; --full skips what is left', () => {
  assert.equal(run(paused([])).summary.metrics.rolloutEnd, null, 'nobody promotes');
  const stepwise = run(paused([{ at: 90, verb: 'promote' }, { at: 150, verb: 'promote' }])).summary.metrics;
  assert.ok(stepwise.rolloutEnd! > 150 && stepwise.rolloutEnd! < 165, String(stepwise.rolloutEnd));
  const full = run(paused([{ at: 90, verb: 'promote', full: true }])).summary.metrics;
  assert.ok(full.rolloutEnd! > 90 && full.rolloutEnd! < 105, String(full.rolloutEnd));
});

test('kubectl argo rollouts abort takes all traffic back at once and the pods after 30 s; retry begins again', () => {
  const result = run(paused([{ at: 90, verb: 'abort' }]));
  const { rollout } = result.summary.metrics;
  assert.ok(Math.abs(rollout!.timeToDetect! - 60) < 0.1);
  assert.ok(rollout!.timeToRollBack! < 2);
  assert.equal(rollout!.wastedStarts, 2);
  const pods = tableOf(result, 'pods')!;
  const deleted = [...(pods.column('deleted') as Float64Array)].filter((time) => time > 0);
  assert.ok(deleted.every((time) => time > 119.9 && time < 121), 'abortScaleDownDelaySeconds');
  const again = log(run(paused([{ at: 90, verb: 'abort' }, { at: 150, verb: 'retry' }])));
  const late = again.filter(({ at }) => at > 120).map(({ message }) => message);
  assert.ok(late.includes('Paused, step 1/4, weight 20'), late.join('\n'));
});
