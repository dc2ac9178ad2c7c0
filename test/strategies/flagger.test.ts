import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CanaryAnalysis } from '../../src/api/rollout-kinds.js';
import { advanceCanary, type CanaryChecks, type CanaryInput, type CanaryProgress, type CanaryRoutes, canaryWeights } from '../../src/strategies/flagger/advance.js';

const READY = { ready: true, retriable: true, message: '' };
const PASS: CanaryChecks = { gate: (type) => type !== 'rollback', analysis: () => true };

interface Look {
  readonly phase: string;
  readonly weight: number;
  readonly event: string;
  readonly iterations: number;
  readonly mirrored: boolean;
}

/** Looks at a Canary once an interval from the change of its target on; the primary needs `rollout` looks to be ready. */
function run(analysis: CanaryAnalysis, looks: number, checks: (look: number) => CanaryChecks = () => PASS, provider = 'istio', rollout = 0): Look[] {
  let progress: CanaryProgress = { phase: 'Initialized', failedChecks: 0, iterations: 0 };
  let routes: CanaryRoutes = { primary: 100, canary: 0, mirrored: false };
  let targetChanged = true;
  let busy = 0;
  const seen: Look[] = [];
  for (let look = 0; look < looks; look++) {
    const primary = busy-- > 0 ? { ready: false, retriable: true, message: 'waiting for rollout' } : READY;
    const input: CanaryInput = { analysis, provider, skipAnalysis: false, progress, routes, targetChanged, primary, canary: READY };
    const advance = advanceCanary(input, checks(look));
    if (advance.applied) targetChanged = false;
    if (advance.promote) busy = rollout;
    routes = advance.routes ?? routes;
    progress = advance.progress;
    seen.push({ phase: progress.phase, weight: routes.canary, event: advance.event?.message ?? '', iterations: progress.iterations, mirrored: routes.mirrored });
  }
  return seen;
}

test('maxWeight 50 and stepWeight 5: the weights of the documentation, one an interval, the first one after the pods are ready', () => {
  const analysis = { threshold: 10, maxWeight: 50, stepWeight: 5 };
  assert.deepEqual(canaryWeights(analysis), [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
  const looks = run(analysis, 14);
  assert.deepEqual(
    looks.map(({ weight }) => weight),
    [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 50, 0, 0],
  );
  assert.deepEqual(
    looks.slice(10).map(({ phase }) => phase),
    ['Progressing', 'Promoting', 'Finalising', 'Succeeded'],
  );
  // docs/usage: promotion takes at least interval · (maxWeight / stepWeight).
  assert.equal(looks.findIndex(({ weight }) => weight === 50), 50 / 5);
});

test('stepWeights are weights, not differences; the last is the largest', () => {
  const stepWeights = [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55];
  assert.deepEqual(canaryWeights({ stepWeights }), stepWeights);
  assert.deepEqual(canaryWeights({ stepWeights: [1, 2, 10, 80] }), [1, 2, 10, 80]);
  assert.deepEqual(canaryWeights({ stepWeight: 20 }), [20, 40, 60, 80, 100], 'maxWeight is 100 unless given');
});

test('failing checks stop the weight, and roll back after interval · threshold', () => {
  for (const threshold of [1, 3, 5]) {
    const analysis = { threshold, maxWeight: 50, stepWeight: 10 };
    // The new version goes bad when it gets 20 %.
    const looks = run(analysis, 3 + threshold + 1, (look) => (look < 3 ? PASS : { ...PASS, analysis: () => false }));
    assert.deepEqual(
      looks.map(({ weight }) => weight),
      [0, 10, 20, ...new Array<number>(threshold).fill(20), 0],
    );
    assert.equal(looks.at(-1)!.phase, 'Failed');
    const detected = looks.findIndex(({ phase }) => phase === 'Failed');
    assert.equal(detected - 2, threshold + 1, 'the look that rolls back follows the last failed check');
  }
});

test('A/B: all matching users go to the canary for the iterations; blue/green tests without traffic, then switches', () => {
  const ab = run({ threshold: 2, iterations: 3, match: [{ headers: {} }] }, 8);
  assert.deepEqual(ab.map(({ weight, iterations }) => [weight, iterations]).slice(0, 5), [[0, 0], [100, 1], [100, 2], [100, 3], [100, 3]]);
  assert.equal(ab[4]!.phase, 'Promoting');
  const blueGreen = run({ threshold: 2, iterations: 3 }, 9);
  assert.deepEqual(blueGreen.map(({ weight }) => weight), [0, 0, 0, 0, 100, 100, 0, 0, 0]);
  assert.equal(blueGreen[5]!.phase, 'Promoting');
  const kubernetes = run({ threshold: 2 }, 16, () => PASS, 'kubernetes');
  assert.ok(kubernetes.every(({ weight }) => weight === 0), 'without a mesh there are no weights');
  assert.equal(kubernetes.find(({ phase }) => phase === 'Promoting')!.iterations, 11, '10 iterations unless given');
});

test('mirroring is one interval before the first weight', () => {
  const looks = run({ threshold: 2, maxWeight: 20, stepWeight: 10, mirror: true }, 4);
  assert.deepEqual(looks.map(({ weight, mirrored }) => [weight, mirrored]), [[0, false], [0, true], [10, false], [20, false]]);
});

test('another version during the analysis begins it again; while it is promoted it waits (TestScheduler_DeploymentNewRevisionReset)', () => {
  const base = { analysis: { threshold: 5, maxWeight: 50, stepWeight: 10 }, provider: 'istio', skipAnalysis: false, primary: READY, canary: READY, targetChanged: true } as const;
  for (const phase of ['Progressing', 'WaitingPromotion'] as const) {
    const advance = advanceCanary({ ...base, progress: { phase, failedChecks: 3, iterations: 2 }, routes: { primary: 90, canary: 10, mirrored: true } }, PASS);
    assert.deepEqual(advance.routes, { primary: 100, canary: 0, mirrored: false });
    assert.deepEqual(advance.progress, { phase: 'Progressing', failedChecks: 0, iterations: 0 });
    assert.deepEqual([advance.applied, advance.scaleUp, advance.promote], [true, undefined, undefined]);
    assert.match(advance.event!.message, /New revision detected! Restarting analysis/);
  }
  const promoting = advanceCanary({ ...base, progress: { phase: 'Promoting', failedChecks: 0, iterations: 0 }, routes: { primary: 50, canary: 50, mirrored: false } }, PASS);
  assert.deepEqual([promoting.progress.phase, promoting.applied], ['Finalising', undefined]);
});

test('stepWeightPromotion takes traffic back in steps after the primary has been updated', () => {
  const looks = run({ threshold: 2, maxWeight: 50, stepWeight: 50, stepWeightPromotion: 20 }, 9, () => PASS, 'istio', 2);
  assert.deepEqual(looks.map(({ weight }) => weight), [0, 50, 50, 50, 50, 30, 10, 0, 0]);
  assert.deepEqual(looks.slice(2).map(({ phase }) => phase), ['Promoting', 'Promoting', 'Promoting', 'Promoting', 'Promoting', 'Finalising', 'Succeeded']);
});

test('gates: confirm-rollout holds the start, confirm-promotion the end, rollback ends it', () => {
  const shut = (closed: string) => (look: number): CanaryChecks => ({ ...PASS, gate: (type) => type !== 'rollback' && (type !== closed || look >= 4) });
  const start = run({ threshold: 2, maxWeight: 50, stepWeight: 50 }, 7, shut('confirm-rollout'));
  assert.deepEqual(start.map(({ phase }) => phase).slice(0, 5), ['Waiting', 'Waiting', 'Waiting', 'Waiting', 'Progressing']);
  const end = run({ threshold: 2, maxWeight: 50, stepWeight: 50 }, 6, shut('confirm-promotion'));
  assert.deepEqual(end.map(({ phase }) => phase), ['Progressing', 'Progressing', 'WaitingPromotion', 'WaitingPromotion', 'Promoting', 'Finalising']);
  const back = run({ threshold: 2, maxWeight: 50, stepWeight: 5 }, 5, (look) => ({ ...PASS, gate: (type) => type !== 'rollback' || look === 3 }));
  assert.equal(back[3]!.phase, 'Failed');
  assert.equal(back[3]!.weight, 0);
});

test('a canary that never gets ready is rolled back when its deadline is over; skipAnalysis promotes at once', () => {
  const base = { analysis: { threshold: 2, maxWeight: 50, stepWeight: 5 }, provider: 'istio', targetChanged: false, routes: { primary: 95, canary: 5, mirrored: false }, primary: READY } as const;
  const progress = { phase: 'Progressing', failedChecks: 0, iterations: 0 } as const;
  const late = advanceCanary({ ...base, progress, skipAnalysis: false, canary: { ready: false, retriable: false, message: 'late' } }, PASS);
  assert.deepEqual([late.progress.phase, late.routes?.canary, late.scaleDown], ['Failed', 0, true]);
  const slow = advanceCanary({ ...base, progress, skipAnalysis: false, canary: { ready: false, retriable: true, message: 'slow' } }, PASS);
  assert.deepEqual([slow.progress.phase, slow.routes], ['Progressing', undefined]);
  const skipped = advanceCanary({ ...base, progress, skipAnalysis: true, canary: READY }, PASS);
  assert.deepEqual([skipped.progress.phase, skipped.promote, skipped.scaleDown], ['Succeeded', true, true]);
});
