import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/api/core.js';
import { goDurationText } from '../../src/api/go-duration.js';
import { HOUR, MILLISECOND, MINUTE, SECOND } from '../../src/kernel/time.js';
import { runtimeOf } from '../../src/api/container-runtimes.js';
import { KUBELET_UNIT, restartAt, RUNTIME_UNITS } from '../../src/node/supervisor.js';
import { at, Bench, constantProfile, SERVES, testContainer, testPod } from './harness.js';

const seconds = (unit: (typeof RUNTIME_UNITS)['docker'], deaths: readonly number[]): number[] => {
  const count = { since: Number.NEGATIVE_INFINITY, starts: 0 };
  return deaths.map((time) => restartAt(unit, count, time * SECOND) / SECOND);
};

test('systemd starts units again after their RestartSec', () => {
  assert.deepEqual(seconds(KUBELET_UNIT, [100, 110, 120, 130, 140, 150]), [110, 120, 130, 140, 150, 160]);
  assert.deepEqual(seconds(RUNTIME_UNITS.containerd, [100, 105, 110, 115]), [105, 110, 115, 120]);
  assert.deepEqual(seconds(RUNTIME_UNITS['cri-o'], [100]), [110]);
});

test('docker.service is started three times in 60 s at most, then it has failed', () => {
  assert.deepEqual(seconds(RUNTIME_UNITS.docker, [100, 103, 106, 109]), [102, 105, 108, Number.POSITIVE_INFINITY]);
  assert.deepEqual(seconds(RUNTIME_UNITS.docker, [100, 103, 106, 162]), [102, 105, 108, 164], 'a new interval');
});

test('runtimes are told apart by the prefix of containerRuntimeVersion', () => {
  assert.equal(runtimeOf('containerd://2.1.4'), 'containerd');
  assert.equal(runtimeOf('cri-o://1.34.1'), 'cri-o');
  assert.equal(runtimeOf('docker://28.3.3'), 'docker');
  assert.equal(runtimeOf('rkt://1.30.0'), undefined);
  assert.equal(runtimeOf('containerd-fork://1'), undefined);
});

/** Seconds from the pod's arrival until its container runs, and from its deletion until its sandbox is gone. */
function steps(runtime: string | undefined): { readonly start: number; readonly stop: number } {
  const profile = constantProfile();
  const kubelet = { ...profile.kubelet, stopContainer: { kind: 'constant' as const, value: 0.02 * SECOND }, runtimes: { docker: { sandbox: 2, createContainer: 3, startContainer: 4, stopContainer: 5, stopSandbox: 1.5 } } };
  const bench = new Bench(1, '1', { ...profile, kubelet }, undefined, undefined, runtime === undefined ? {} : { runtime });
  bench.kubelets.warmImages(['app:v1']);
  bench.behaviour.lives.set('app:v1', { ...SERVES, shutdown: 0 });
  bench.add(testPod('a'));
  bench.run(10);
  const started = bench.pod('a')!.status.containerStatuses![0]!.state.running!.startedAt;
  bench.delete('a');
  const stopped = bench.simulation.now;
  while (bench.kubelets.fleet.nodes[0]!.usedPods > 0) bench.simulation.run(bench.simulation.now + 0.001 * SECOND);
  return { start: at(started), stop: at(bench.simulation.now - stopped) };
}

test('the steps of a runtime take the profile’s time by its factors', () => {
  const plain = steps(undefined);
  // prepare 60, sandbox 250, image 2, create 60, start 80 ms; StopContainer 20, stopSandbox 200 ms.
  assert.equal(plain.start, 0.452);
  assert.deepEqual(steps('containerd://2.1.4'), plain);
  assert.deepEqual(steps('cri-o://1.34.1'), plain, 'not named: factor 1');
  const docker = steps('docker://28.3.3');
  assert.equal(docker.start, at((60 + 2 * 250 + 2 + 3 * 60 + 4 * 80) * 1e6));
  assert.ok(Math.abs(docker.stop - plain.stop - (5 * 0.02 + 1.5 * 0.2 - 0.22)) < 0.002, `${docker.stop} after ${plain.stop}`);
});

/** A node whose pod runs, at 60 s. */
function running(settings: ConstructorParameters<typeof Bench>[5] = {}): Bench {
  const bench = new Bench(1, '1', constantProfile(), undefined, undefined, settings);
  bench.kubelets.start();
  bench.add(testPod('a'));
  bench.run(60);
  return bench;
}

const leases = (bench: Bench, from: number): number[] =>
  bench.requests.filter(({ request, time }) => request.resource === 'leases' && time > from * SECOND).map(({ time }) => at(time));

test('a kubelet that dies is there again ten seconds later; containers run on', () => {
  const bench = running();
  assert.equal(bench.kubelets.kill(0, 'kubelet'), true);
  assert.equal(bench.kubelets.kill(0, 'kubelet'), false, 'it is dead already');
  bench.run(90);
  assert.equal(leases(bench, 60)[0], 70);
  assert.equal(bench.events.filter(({ reason }) => reason === 'Starting').length, 1);
  assert.equal(bench.pod('a')!.status.containerStatuses![0]!.restartCount, 0);
  assert.equal(bench.listening.length, 1);
});

test('without supervisor a kubelet stays dead until somebody starts it', () => {
  const bench = running({ machines: { 'node-0': { unsupervised: true } } });
  bench.kubelets.kill(0, 'kubelet');
  bench.run(300);
  assert.deepEqual(leases(bench, 60), []);
  bench.kubelets.startAgain(0, 'kubelet');
  bench.run(301);
  assert.deepEqual(leases(bench, 60), [300]);
});

/** When a pod that comes at 61 s, a second after the runtime died, runs. */
function startAfterDeath(settings: ConstructorParameters<typeof Bench>[5]): number | undefined {
  const bench = running(settings);
  bench.kubelets.warmImages(['app:v1']);
  bench.kubelets.kill(0, 'runtime');
  bench.run(61);
  bench.add(testPod('late'));
  bench.run(200);
  const startedAt = bench.pod('late')!.status.containerStatuses?.[0]?.state.running?.startedAt;
  assert.equal(bench.pod('a')!.status.containerStatuses![0]!.restartCount, 0);
  return startedAt === undefined ? undefined : at(startedAt);
}

test('pods start when the supervisor has brought their runtime back: containerd after 5 s, CRI-O 10 s, Docker 2 s', () => {
  // Preparation and the calls of the runtime take 452 ms after that.
  for (const [runtime, back] of [['containerd://2.1.4', 65], ['cri-o://1.34.1', 70], ['docker://28.3.3', 62]] as const) {
    const time = startAfterDeath({ runtime })!;
    assert.ok(time >= back + 0.452 && time < back + 0.46, `${runtime}: ${time}`);
  }
  assert.equal(startAfterDeath({ machines: { 'node-0': { unsupervised: true } } }), undefined);
});

test('a runtime that nobody starts makes its node not ready after 30 s; started by hand, all goes on', () => {
  const bench = running({ machines: { 'node-0': { unsupervised: true } } });
  bench.behaviour.lives.set('crash:v1', (restart) => ({ ...SERVES, runtime: restart === 0 ? 20 * SECOND : Number.POSITIVE_INFINITY, exitCode: 1 }));
  bench.add(testPod('crash', { containers: [testContainer({ image: 'crash:v1' })] }));
  bench.run(70);
  bench.kubelets.kill(0, 'runtime');
  bench.run(180);
  assert.equal(bench.kubelets.fleet.nodes[0]!.ready, false);
  assert.equal(bench.pod('crash')!.status.containerStatuses![0]!.restartCount, 0, 'nobody has seen it end');
  bench.delete('a');
  bench.run(200);
  bench.kubelets.startAgain(0, 'runtime');
  bench.run(300);
  assert.equal(bench.kubelets.fleet.nodes[0]!.ready, true);
  assert.equal(bench.pod('crash')!.status.containerStatuses![0]!.restartCount, 1);
  assert.equal(bench.pod('a'), undefined);
});

test('what a node says that has lost its runtime: after 30 s that it is down, after 3 min that nothing was listed, at each update anew', () => {
  assert.deepEqual([goDurationText(3 * MINUTE), goDurationText(HOUR + 1500 * MILLISECOND), goDurationText(20 * SECOND)], ['3m0s', '1h0m1.5s', '20s']);
  const bench = running({ machines: { 'node-0': { unsupervised: true } } });
  const ready = () => (bench.store.get('nodes//node-0') as Node).status.conditions!.find(({ type }) => type === 'Ready')!;
  const reports = (from: number, to: number) => bench.requests.filter(({ request, time }) => request.resource === 'nodes' && time > from * SECOND && time <= to * SECOND).length;
  bench.kubelets.kill(0, 'runtime');
  bench.run(89);
  assert.notEqual(ready()?.status, 'False');
  bench.run(230);
  assert.deepEqual([ready().status, ready().reason, ready().message], ['False', 'KubeletNotReady', 'container runtime is down']);
  assert.equal(reports(100, 230), 0, 'nothing changes');
  const { lastTransitionTime } = ready();
  bench.run(300);
  const pattern = /^\[container runtime is down, PLEG is not healthy: pleg was last seen active (\d)m(\d+(?:\.\d+)?)s ago; threshold is 3m0s\]$/;
  const [, minutes, seconds] = pattern.exec(ready().message ?? '') ?? assert.fail(ready().message);
  // The runtime died at 60 s; the last relist began up to a second and its 30 ms before.
  const since = at(ready().lastHeartbeatTime!) - Number(minutes) * 60 - Number(seconds);
  assert.ok(since > 58 && since <= 60, `${since}`);
  assert.equal(ready().lastTransitionTime, lastTransitionTime);
  assert.equal(reports(250, 300), 5, 'one each 10 s');
  bench.kubelets.startAgain(0, 'runtime');
  bench.run(311);
  assert.deepEqual([ready().status, ready().message], ['True', undefined]);
});

test('a kubelet without its runtime ends at each start', () => {
  const bench = running({ runtime: 'docker://28.3.3' });
  for (let i = 0; i < 4; i++) {
    bench.kubelets.kill(0, 'runtime');
    bench.run(62.5 + i * 2.5);
  }
  assert.ok(bench.kubelets.fleet.nodes[0]!.runtimeBackAt > bench.simulation.now + HOUR, 'its starts are used up');
  bench.kubelets.kill(0, 'kubelet');
  bench.run(200);
  assert.deepEqual(leases(bench, 75), []);
  bench.kubelets.startAgain(0, 'runtime');
  bench.run(215);
  assert.equal(leases(bench, 75).length, 1, 'its supervisor had tried every ten seconds');
});

test('a machine that crashes takes dead processes along', () => {
  const bench = running();
  bench.kubelets.kill(0, 'runtime');
  bench.kubelets.kill(0, 'kubelet');
  bench.kubelets.fail(0);
  bench.run(100);
  assert.deepEqual(leases(bench, 60), []);
  bench.kubelets.heal(0);
  bench.relistNode(0);
  bench.run(130);
  assert.equal(leases(bench, 60)[0], 100);
  assert.equal(bench.pod('a')!.status.phase, 'Running');
});
