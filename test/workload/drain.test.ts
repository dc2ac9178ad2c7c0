import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { AddressBook } from '../../src/node/addresses.js';
import { DrawCursor } from '../../src/node/draws.js';
import { Randomness } from '../../src/random/stream.js';
import type { ImageBehaviour } from '../../src/scenario/types.js';
import { ScenarioBehaviour } from '../../src/workload/behaviour.js';
import { OP_ARRIVE, PodServers } from '../../src/workload/pods.js';
import { ServiceStatistics } from '../../src/workload/statistics.js';
import { at, Bench, constantProfile, testContainer, testPod } from '../node/harness.js';
import { behaviour, IMAGE } from './harness.js';

/** A pod on a node with requests of 1 s, one at a time, that arrive at the given seconds; it is deleted at 10 s. */
function runDeletion(overrides: Partial<ImageBehaviour>, arrivals: readonly number[], grace = 30) {
  const randomness = new Randomness('1');
  const behaviours = [{ ...behaviour({ kind: 'constant', value: SECOND }), ...overrides }];
  const application = new ScenarioBehaviour(behaviours, randomness);
  const addresses = new AddressBook();
  let pods!: PodServers;
  const bench = new Bench(1, '1', constantProfile(), '1.34', (simulation) => {
    pods = new PodServers(simulation, application);
    return { behaviour: application, lifecycle: pods };
  });
  pods.connect(addresses, bench.network, ['node-0'], [0]);
  const statistics = new ServiceStatistics('default/web');
  const demand = new DrawCursor(randomness.keyed('demand'));
  const stream = pods.addStream({ statistics, demand, timeout: 1000 * SECOND });
  bench.kubelets.warmImages([IMAGE]);
  bench.add(testPod('web', { terminationGracePeriodSeconds: grace, containers: [testContainer({ image: IMAGE })] }));
  bench.run(5);
  const address = addresses.number(bench.pod('web')!.status.podIP!);
  arrivals.forEach((time, index) => {
    const request = pods.requests.take();
    pods.requests.stream[request] = stream;
    pods.requests.number[request] = index;
    pods.requests.sent[request] = time * SECOND;
    pods.requests.back[request] = 0;
    pods.requests.address[request] = address;
    bench.simulation.scheduleAt(time * SECOND, pods.target, OP_ARRIVE, request);
  });
  bench.run(10);
  bench.delete('web');
  bench.run(60);
  const { terminated } = bench.history.at(-1)!.pod.status.containerStatuses![0]!.state;
  const { requests, byCause } = statistics.totals(0, 1000 * SECOND);
  return { requests, byCause, end: at(terminated!.finishedAt), exitCode: terminated!.exitCode };
}

const half = { kind: 'constant', value: 500 * MILLISECOND } as const;

test('an application that drains exits when its queue is worked off', () => {
  // Three requests from 9.5 s on, one at a time: the last ends at 12.5 s, after the 0.5 s of its own shutdown.
  const result = runDeletion({ servesWhileDraining: true, shutdown: half }, [9.5, 9.6, 9.7]);
  assert.deepEqual(result, { requests: 3, byCause: {}, end: 12.5, exitCode: 0 });
});

test('it accepts requests until its shutdown is over, and none after', () => {
  const result = runDeletion({ servesWhileDraining: true, shutdown: half }, [9.9, 10.4, 10.6]);
  assert.deepEqual(result, { requests: 3, byCause: { 'connection-refused': 1 }, end: 11.9, exitCode: 0 });
});

test('SIGKILL ends the draining, and what was held is reset', () => {
  const result = runDeletion({ servesWhileDraining: true, shutdown: half }, [9.5, 9.6, 9.7, 9.8, 9.9], 3);
  assert.deepEqual(result, { requests: 5, byCause: { 'connection-reset': 2 }, end: 13, exitCode: 137 });
});

test('an application that does not drain refuses at once and resets what it holds when it exits', () => {
  const result = runDeletion({ servesWhileDraining: false, shutdown: half }, [9.2, 9.6, 10.1]);
  assert.deepEqual(result.byCause, { 'connection-refused': 1, 'connection-reset': 1 });
  assert.equal(result.end, 10.5);
});
