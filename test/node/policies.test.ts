import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../src/kernel/time.js';
import { PodAddresses } from '../../src/node/addresses.js';
import { admissionFailure } from '../../src/node/admission.js';
import { pullDuration } from '../../src/node/image-policy.js';
import { containersToStart } from '../../src/node/pod-actions.js';
import { countResult, inInitialDelay, initialResult, type ProbeCount } from '../../src/node/probe-policy.js';
import {
  isInBackOffSince,
  NO_BACK_OFF,
  nextBackOff,
  retryDelay,
  shouldRestart,
} from '../../src/node/restart-policy.js';
import {
  effectiveGraceSeconds,
  hookDuration,
  remainingGraceSeconds,
  stopDuration,
} from '../../src/node/termination-policy.js';
import { constantProfile, testNode, testPod, testProbe } from './harness.js';

test('back-off of a container that runs 1 s each time: starts at 0, 1, 12, 33, 74, 155, 316, 617', () => {
  let entry = NO_BACK_OFF;
  let now = 0;
  const starts = [0];
  for (let i = 0; i < 7; i++) {
    const finish = now + SECOND;
    now = finish;
    if (isInBackOffSince(entry, finish, now)) now = finish + entry.backOff;
    assert.equal(isInBackOffSince(entry, finish, now), false);
    entry = nextBackOff(entry, finish, now);
    starts.push(now / SECOND);
  }
  assert.deepEqual(starts, [0, 1, 12, 33, 74, 155, 316, 617]);
});

test('back-off starts over when the container ended more than 600 s after the last delay', () => {
  const entry = { backOff: 160 * SECOND, lastUpdate: 0 };
  assert.equal(nextBackOff(entry, 600 * SECOND, 600 * SECOND).backOff, 300 * SECOND);
  assert.equal(nextBackOff(entry, 601 * SECOND, 601 * SECOND).backOff, 10 * SECOND);
  assert.equal(isInBackOffSince(entry, 601 * SECOND, 602 * SECOND), false);
});

test('a failed sync is retried after 10 to 15 s in 1.34, and when the back-off ends from 1.35', () => {
  assert.equal(retryDelay('fixed', 300 * SECOND, 0), 10 * SECOND);
  assert.equal(retryDelay('fixed', 300 * SECOND, 1), 15 * SECOND);
  assert.equal(retryDelay('untilEnd', 40 * SECOND, 0.5), 50 * SECOND);
  assert.equal(retryDelay('untilEnd', 300 * SECOND, 0), 60 * SECOND);
});

test('restart policies', () => {
  assert.deepEqual(
    (['Always', 'OnFailure', 'Never'] as const).map((policy) => [shouldRestart(policy, 0), shouldRestart(policy, 1)]),
    [
      [true, true],
      [false, true],
      [false, false],
    ],
  );
});

/** Time from the deletion to the end of the process. */
function termination(grace: number, hook: number, shutdown: number): number {
  const waited = hook === 0 ? 0 : hookDuration(hook * SECOND, grace);
  const { duration } = stopDuration(shutdown * SECOND, remainingGraceSeconds(grace, waited));
  return (waited + duration) / SECOND;
}

test('termination arithmetic', () => {
  assert.equal(termination(30, 5, 8), 13);
  assert.equal(termination(30, 5, Number.POSITIVE_INFINITY), 30);
  assert.equal(termination(30, 0, Number.POSITIVE_INFINITY), 30);
  // A hook that uses up the grace period leaves the minimum of 2 s.
  assert.equal(termination(10, 60, Number.POSITIVE_INFINITY), 12);
  assert.equal(termination(1, 0, Number.POSITIVE_INFINITY), 2);
  // Waiting is counted in whole seconds.
  assert.equal(remainingGraceSeconds(30, 4.9 * SECOND), 26);
  assert.equal(effectiveGraceSeconds(0, 30), 1);
  assert.equal(effectiveGraceSeconds(undefined, 30), 30);
});

function count(type: 'readiness' | 'liveness' | 'startup'): ProbeCount {
  return { result: initialResult(type), lastResult: 0, run: 0, onHold: false };
}

test('a probe result holds after its threshold of equal results in a row', () => {
  const probe = testProbe({ successThreshold: 2, failureThreshold: 3 });
  const held: number[] = [];
  const state = count('readiness');
  for (const success of [true, true, false, false, true, false, false, false, true, true]) {
    countResult(state, 'readiness', probe, success);
    held.push(state.result);
  }
  assert.deepEqual(held, [2, 1, 1, 1, 1, 1, 1, 2, 2, 1]);
});

test('a failed liveness probe is held until the container is replaced', () => {
  const probe = testProbe({ failureThreshold: 3 });
  const state = count('liveness');
  assert.equal(state.result, 1);
  assert.deepEqual(
    [1, 2, 3].map(() => countResult(state, 'liveness', probe, false)),
    [false, false, true],
  );
  assert.equal(state.onHold, true);
});

test('the initial delay counts whole seconds', () => {
  const probe = testProbe({ initialDelaySeconds: 5 });
  assert.equal(inInitialDelay(probe, 0, 4.99 * SECOND), true);
  assert.equal(inInitialDelay(probe, 0, 5 * SECOND), false);
});

const waiting = { sidecar: false, state: 'waiting' as const, exitCode: 0, started: false, condemned: false };
const running = { ...waiting, state: 'running' as const, started: true };
const done = { ...waiting, state: 'exited' as const };

test('init containers run one by one, sidecars must be started, then all main containers start', () => {
  const sidecar = { ...waiting, sidecar: true };
  const init = (...views: (typeof waiting | typeof running | typeof done)[]) =>
    containersToStart('Always', views, [waiting, waiting]);
  assert.deepEqual(init(waiting, waiting), { init: [0], main: [] });
  assert.deepEqual(init(running, waiting), { init: [], main: [] });
  assert.deepEqual(init(done, waiting), { init: [1], main: [] });
  assert.deepEqual(init(done, done), { init: [], main: [0, 1] });
  assert.deepEqual(init(sidecar, waiting), { init: [0], main: [] });
  assert.deepEqual(init({ ...sidecar, state: 'running' as never, started: false }, waiting), { init: [], main: [] });
  assert.deepEqual(init({ ...sidecar, state: 'running' as never, started: true }, waiting), { init: [1], main: [] });
});

test('a failed init container is tried again unless the pod must not be restarted', () => {
  const failed = { ...done, exitCode: 1 };
  assert.deepEqual(containersToStart('Always', [failed], [waiting]), { init: [0], main: [] });
  assert.deepEqual(containersToStart('Never', [failed], [waiting]), { init: [], main: [] });
});

test('admission refuses what the node cannot hold, in the words of the kubelet', () => {
  const node = testNode(0, { cpu: 1000, memory: 1000, pods: 2 });
  const use = { used: { cpu: 600, memory: 0 }, usedPods: 1, hostPorts: new Map<string, number>() };
  const pod = testPod('a');
  assert.equal(admissionFailure(node, pod, { cpu: 400, memory: 1000 }, use), undefined);
  assert.deepEqual(admissionFailure(node, pod, { cpu: 401 }, use), {
    reason: 'OutOfcpu',
    message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 401, used: 600, capacity: 1000",
  });
  assert.equal(admissionFailure(node, pod, {}, { ...use, usedPods: 2 })?.reason, 'OutOfpods');
});

test('addresses are given in turn and not reused while in use', () => {
  const addresses = new PodAddresses('10.1.2.0/29');
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => addresses.take()),
    ['10.1.2.2', '10.1.2.3', '10.1.2.4', '10.1.2.5', '10.1.2.6'],
  );
  assert.equal(addresses.take(), undefined);
  addresses.release('10.1.2.3');
  assert.equal(addresses.take(), '10.1.2.3');
  assert.equal(addresses.claim('10.1.2.3'), false);
});

test('pull of 150 MB: download 1.5 s and unpacking 2.5 s overlap but for one layer', () => {
  assert.equal(pullDuration(150e6, constantProfile().kubelet) / SECOND, 2.8);
});
