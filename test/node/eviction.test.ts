import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Node, Pod, PodSpec } from '../../src/api/core.js';
import {
  DEFAULT_KUBELET,
  type EvictionThreshold,
  type KubeletConfiguration,
} from '../../src/api/kubelet-configuration.js';
import { MINUTE, SECOND } from '../../src/kernel/time.js';
import {
  evictionMessage,
  evictionOrder,
  oomScoreAdjustment,
  PressureState,
  pressureRefusal,
  thresholdsMet,
} from '../../src/node/eviction-policy.js';
import { at, Bench, condition, constantProfile, SERVES, testContainer, testPod } from './harness.js';

const MI = 1024 * 1024;
const GI = 1024 * MI;

/** A node of 16e9 bytes; applications by image with their memory at the start and its growth a second. */
function bench(uses: Record<string, [number, number]>, configuration: KubeletConfiguration = DEFAULT_KUBELET): Bench {
  const made = new Bench(1, '1', constantProfile(), undefined, undefined, { configuration });
  for (const [image, [base, perSecond]] of Object.entries(uses)) {
    made.behaviour.lives.set(image, { ...SERVES, memory: { base, perSecond } });
    made.kubelets.warmImages([image]);
  }
  return made;
}

function podOf(name: string, request: number, spec: Partial<PodSpec> = {}, image = `${name}:v1`) {
  const resources = request === 0 ? {} : { resources: { requests: { memory: request } } };
  return testPod(name, { containers: [testContainer({ image, ...resources })], ...spec });
}

function evicted(made: Bench) {
  return made.events.filter(({ reason }) => reason === 'Evicted').map(({ pod, time }) => [pod, at(time)] as const);
}

function nodeCondition(made: Bench, type: string) {
  const node = made.store.get('nodes//node-0') as Node;
  return node.status.conditions?.find((each) => each.type === type);
}

test('order: above the request first, then lower priority, then the most above the request', () => {
  const pods = [
    { name: 'below', priority: 0, usage: 900, request: 1000 },
    { name: 'above, high', priority: 10, usage: 900, request: 100 },
    { name: 'above by 50', priority: 0, usage: 150, request: 100 },
    { name: 'above by 80', priority: 0, usage: 180, request: 100 },
    { name: 'far below', priority: 0, usage: 10, request: 1000 },
    { name: 'best effort', priority: 0, usage: 60, request: 0 },
  ];
  assert.deepEqual(
    evictionOrder(pods).map(({ name }) => name),
    ['above by 80', 'best effort', 'above by 50', 'above, high', 'below', 'far below'],
  );
});

test('message as the kubelet writes it', () => {
  const threshold: EvictionThreshold = { signal: 'memory.available', value: { bytes: 100 * MI }, gracePeriod: 0 };
  assert.equal(
    evictionMessage(threshold, { available: 91 * MI + 512 * 1024, capacity: GI }, [
      { name: 'server', usage: 600 * MI, request: 0 },
      { name: 'proxy', usage: 10 * MI, request: 20 * MI },
    ]),
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 93696Ki. Container server was using 600Mi, request is 0, has larger consumption of memory. ',
  );
});

test('a share is of the capacity; minimum reclaim counts only for what was met', () => {
  const disk: EvictionThreshold = {
    signal: 'nodefs.available',
    value: { percent: 10 },
    gracePeriod: 0,
    minReclaim: { percent: 5 },
  };
  const at9 = { 'nodefs.available': { available: 9, capacity: 100 } };
  const at12 = { 'nodefs.available': { available: 12, capacity: 100 } };
  assert.deepEqual(thresholdsMet([disk], at9, false), [disk]);
  assert.deepEqual(thresholdsMet([disk], at12, false), []);
  assert.deepEqual(thresholdsMet([disk], at12, true), [disk]);
  const state = new PressureState();
  assert.deepEqual(state.round([disk], at9, 0, 5 * MINUTE), [disk]);
  // Met before: it holds until 15 % are available.
  assert.deepEqual(state.round([disk], at12, 10 * SECOND, 5 * MINUTE), [disk]);
  assert.deepEqual(
    state.round([disk], { 'nodefs.available': { available: 15, capacity: 100 } }, 20 * SECOND, 5 * MINUTE),
    [],
  );
  assert.deepEqual(state.conditions, ['DiskPressure']);
  const fresh = new PressureState();
  assert.deepEqual(fresh.round([disk], at12, 0, 5 * MINUTE), []);
});

test('soft thresholds act after their grace period, conditions come at once and stay 5 min', () => {
  const soft: EvictionThreshold = { signal: 'memory.available', value: { bytes: 100 }, gracePeriod: 90 * SECOND };
  const state = new PressureState();
  const low = { 'memory.available': { available: 50, capacity: 1000 } };
  const high = { 'memory.available': { available: 500, capacity: 1000 } };
  assert.deepEqual(state.round([soft], low, 0, 5 * MINUTE), []);
  assert.deepEqual(state.conditions, ['MemoryPressure']);
  assert.deepEqual(state.round([soft], low, 89 * SECOND, 5 * MINUTE), []);
  assert.deepEqual(state.round([soft], low, 90 * SECOND, 5 * MINUTE), [soft]);
  assert.deepEqual(state.round([soft], high, 100 * SECOND, 5 * MINUTE), []);
  state.round([soft], high, 389 * SECOND, 5 * MINUTE);
  assert.deepEqual(state.conditions, ['MemoryPressure']);
  state.round([soft], high, 390 * SECOND, 5 * MINUTE);
  assert.deepEqual(state.conditions, []);
  assert.ok(state.quiet);
});

test('refusal: under memory pressure only pods without requests, under disk pressure all but critical ones', () => {
  assert.equal(pressureRefusal([], 0, true, undefined), '');
  assert.equal(pressureRefusal(['MemoryPressure'], 0, false, undefined), '');
  assert.equal(
    pressureRefusal(['MemoryPressure'], 0, true, undefined),
    'Pod was rejected: The node had condition: [MemoryPressure]. ',
  );
  assert.equal(
    pressureRefusal(['MemoryPressure'], 0, true, [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }]),
    '',
  );
  assert.equal(
    pressureRefusal(['DiskPressure'], 0, false, undefined),
    'Pod was rejected: The node had condition: [DiskPressure]. ',
  );
  assert.equal(pressureRefusal(['DiskPressure', 'MemoryPressure'], 2_000_000_000, true, undefined), '');
});

test('oom_score_adj by quality of service', () => {
  assert.equal(oomScoreAdjustment('Guaranteed', 0, GI, 16 * GI), -997);
  assert.equal(oomScoreAdjustment('BestEffort', 0, 0, 16 * GI), 1000);
  assert.equal(oomScoreAdjustment('Burstable', 0, 4 * GI, 16 * GI), 750);
  assert.equal(oomScoreAdjustment('Burstable', 0, 1, 16 * GI), 999);
  assert.equal(oomScoreAdjustment('Burstable', 0, 16 * GI, 16 * GI), 3);
  assert.equal(oomScoreAdjustment('BestEffort', 2_000_001_000, 0, 16 * GI), -997);
});

test('memory: the pod most above its request goes first, one a round; it is Failed, Evicted, and the condition stays 5 min', () => {
  // 16e9 bytes: 6e9 + 5e9 stay; the leak of 100 MB/s crosses 16e9 − 100Mi about 39 s after its start.
  const made = bench({ 'steady:v1': [6e9, 0], 'modest:v1': [5e9, 0], 'leak:v1': [1e9, 100e6] });
  made.add(podOf('steady', 7e9));
  made.add(podOf('modest', 4e9));
  made.add(podOf('leak', 2e9));
  made.run(120);
  const crossing = at(made.listening.find(({ pod }) => pod === 'leak')!.time) + (16e9 - 12e9 - 100 * MI) / 100e6;
  const [first] = evicted(made);
  assert.deepEqual(evicted(made).length, 1);
  assert.equal(first![0], 'leak');
  assert.ok(first![1] >= crossing && first![1] <= crossing + 10, `${first![1]} after ${crossing}`);
  const pod = made.pod('leak')!;
  assert.equal(pod.status.phase, 'Failed');
  assert.equal(pod.status.reason, 'Evicted');
  assert.match(
    pod.status.message!,
    /^The node was low on resource: memory\. Threshold quantity: 100Mi, available: \d+(Ki)?\. Container server was using \d+(Ki)?, request is 1953125Ki, has larger consumption of memory\. $/,
  );
  assert.equal(condition(pod, 'DisruptionTarget')?.reason, 'TerminationByKubelet');
  assert.equal(made.pod('steady')!.status.phase, 'Running');
  assert.equal(nodeCondition(made, 'MemoryPressure')?.status, 'True');
  assert.equal(nodeCondition(made, 'MemoryPressure')?.reason, 'KubeletHasInsufficientMemory');
  // Pods without requests are refused meanwhile, others are not.
  made.add(podOf('late', 0, {}, 'small:v1'));
  made.add(podOf('late-with-request', 1e6, {}, 'small:v1'));
  made.run(125);
  assert.equal(made.pod('late')!.status.reason, 'Evicted');
  assert.equal(made.pod('late')!.status.message, 'Pod was rejected: The node had condition: [MemoryPressure]. ');
  assert.equal(made.pod('late-with-request')!.status.phase, 'Running');
  const toldAt = made.events.find(({ reason }) => reason === 'NodeHasInsufficientMemory')!.time;
  made.run(500);
  assert.equal(nodeCondition(made, 'MemoryPressure')?.status, 'False');
  const back = made.events.find(({ reason }) => reason === 'NodeHasSufficientMemory')!.time;
  assert.ok(at(back - toldAt) >= 300 && at(back - toldAt) <= 321, `${at(back - toldAt)}`);
});

test('soft threshold: waits its grace period, and the pod has its own grace up to the maximum', () => {
  const soft: EvictionThreshold = { signal: 'memory.available', value: { bytes: 2e9 }, gracePeriod: 60 * SECOND };
  const made = bench(
    { 'big:v1': [15e9, 0] },
    {
      ...DEFAULT_KUBELET,
      evictionThresholds: [...DEFAULT_KUBELET.evictionThresholds, soft],
      evictionMaxPodGraceSeconds: 20,
    },
  );
  made.behaviour.lives.set('big:v1', {
    ...SERVES,
    memory: { base: 15e9, perSecond: 0 },
    shutdown: Number.POSITIVE_INFINITY,
  });
  made.add(podOf('big', 1e9));
  made.run(100);
  const [[pod, time]] = evicted(made) as [readonly [string, number]];
  assert.equal(pod, 'big');
  const started = at(made.listening[0]!.time);
  assert.ok(time >= started + 60 && time <= started + 80, `${time}`);
  assert.equal(at(made.listening.find(({ what }) => what === 'kill')!.time), time + 20);
});

test('critical pods are not evicted; nothing else is left: nothing happens', () => {
  const made = bench({ 'critical:v1': [15.99e9, 0] });
  made.add(podOf('critical', 1e9, { priority: 2_000_000_000 }));
  made.run(60);
  assert.deepEqual(evicted(made), []);
  assert.equal(nodeCondition(made, 'MemoryPressure')?.status, 'True');
  assert.ok(
    made.events.some(
      ({ reason, message }) => reason === 'EvictionThresholdMet' && message === 'Attempting to reclaim memory',
    ),
  );
});

test('a leak faster than the rounds: the kernel kills the process with the highest score', () => {
  const made = bench({ 'leak:v1': [1e9, 2e9], 'quiet:v1': [3e9, 0] });
  made.add(podOf('leak', 12e9));
  // Without request: its score is higher, although it uses less.
  made.add(podOf('quiet', 0));
  made.run(8.2);
  const oom = made.events.find(({ reason }) => reason === 'SystemOOM')!;
  assert.match(oom.message, /^System OOM encountered, victim process: server, pid: \d+$/);
  assert.equal(made.listening.find(({ what }) => what === 'kill')?.pod, 'quiet');
  const terminated = made.pod('quiet')!.status.containerStatuses![0]!;
  assert.equal((terminated.lastState?.terminated ?? terminated.state.terminated)?.reason, 'OOMKilled');
});

test('disk: unused images go first, then the pod that writes most above its request; above its own limit a pod goes at once', () => {
  const made = new Bench(1);
  const node = made.kubelets.fleet.nodes[0]!;
  node.diskBytes = 1000e6;
  const amounts = { cpu: 4000, memory: 16e9, pods: 110, 'ephemeral-storage': 1000e6 };
  node.node = { ...node.node, status: { ...node.node.status, capacity: amounts, allocatable: amounts } };
  made.behaviour.lives.set('writer:v1', { ...SERVES, storage: { base: 0, perSecond: 2e6 } });
  made.behaviour.lives.set('limited:v1', { ...SERVES, storage: { base: 0, perSecond: 1e6 } });
  made.kubelets.warmImages(['writer:v1', 'limited:v1']);
  // An image of 250 MB that nothing uses after 30 s.
  made.add(testPod('once', { restartPolicy: 'Never', containers: [testContainer({ image: 'job:v1' })] }));
  made.behaviour.lives.set('job:v1', { ...SERVES, runtime: 30 * SECOND });
  made.add(testPod('writer', { containers: [testContainer({ image: 'writer:v1' })] }));
  made.add(
    testPod('limited', {
      containers: [testContainer({ image: 'limited:v1', resources: { limits: { 'ephemeral-storage': 100 * MI } } })],
    }),
  );
  made.run(150);
  const first = evicted(made);
  assert.deepEqual(
    first.map(([pod]) => pod),
    ['limited'],
  );
  assert.ok(first[0]![1] >= 105 && first[0]![1] <= 117);
  assert.equal(
    made.pod('limited')!.status.message,
    'Container server exceeded its local ephemeral storage limit "100Mi". ',
  );
  // 250 MB of images and 2 MB/s: 15 % free is reached after about 300 s; the image frees 250 MB, then 425 s.
  made.run(380);
  assert.equal(node.images.has('job:v1'), false);
  assert.deepEqual(evicted(made).length, 1);
  assert.equal(nodeCondition(made, 'DiskPressure')?.status, 'True');
  made.run(460);
  assert.deepEqual(
    evicted(made).map(([pod]) => pod),
    ['limited', 'writer'],
  );
  assert.match(
    made.pod('writer')!.status.message!,
    /^The node was low on resource: ephemeral-storage\. Threshold quantity: /,
  );
});

test('property: after evictions memory is available again, evictions come in order of use, and the books are even', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          base: fc.integer({ min: 1, max: 40 }),
          leak: fc.integer({ min: 0, max: 20 }),
          request: fc.integer({ min: 0, max: 30 }),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      (pods) => {
        const uses: Record<string, [number, number]> = {};
        pods.forEach(({ base, leak }, i) => {
          uses[`p${i}:v1`] = [base * 1e8, leak * 1e6];
        });
        const made = bench(uses);
        pods.forEach(({ request }, i) => {
          made.add(podOf(`p${i}`, request * 1e8, { restartPolicy: 'Never' }));
        });
        made.run(2000);
        const node = made.kubelets.fleet.nodes[0]!;
        let used = 0;
        for (const pod of node.pods.values()) {
          for (const container of pod.main) {
            if (container.state !== 1) continue;
            const [base, perSecond] = uses[container.spec.image]!;
            used += base + (perSecond * (made.simulation.now - container.startedAt)) / SECOND;
          }
        }
        const { level, growth } = node.pressure!;
        assert.ok(
          Math.abs(level.memory + (growth.memory * made.simulation.now) / SECOND - used) < 10,
          'use is counted wrongly',
        );
        assert.ok(used <= 16e9 + 1, 'more memory in use than there is');
        for (const pod of made.store.values()) {
          if (pod.kind !== 'Pod' || (pod as Pod).status.reason !== 'Evicted') continue;
          assert.equal((pod as Pod).status.phase, 'Failed');
        }
      },
    ),
    { numRuns: 60 },
  );
});

/** A node with so many inodes and process ids; applications by image with how many they have at the start and get each second. */
function countedBench(resource: 'inodes' | 'pids', uses: Record<string, [number, number]>, thresholds: readonly EvictionThreshold[] = DEFAULT_KUBELET.evictionThresholds): Bench {
  const machines = { 'node-0': { inodes: 100_000, processIds: 32_768 } };
  const made = new Bench(1, '1', constantProfile(), undefined, undefined, { configuration: { ...DEFAULT_KUBELET, evictionThresholds: thresholds }, machines });
  for (const [image, [base, perSecond]] of Object.entries(uses)) {
    made.behaviour.lives.set(image, { ...SERVES, [resource]: { base, perSecond } });
    made.kubelets.warmImages([image]);
  }
  made.kubelets.start();
  return made;
}

test('inodes run out: DiskPressure by the default of 5 %, the pod with the most goes, with the message of the kubelet', () => {
  const made = countedBench('inodes', { 'few:v1': [5000, 0], 'many:v1': [40_000, 1000] });
  made.add(podOf('few', 0));
  made.add(podOf('many', 0));
  made.run(120);
  // 5,000 are left when `many` has 90,000: 50 s after its start, seen by the next round.
  const [[pod, time]] = evicted(made) as [readonly [string, number]];
  assert.equal(pod, 'many');
  assert.ok(time > 50 && time <= 61, `${time}`);
  const { message } = made.events.find(({ reason }) => reason === 'Evicted')!;
  assert.match(message, /^The node was low on resource: inodes\. Threshold quantity: 5000, available: \d+k?\. $/);
  assert.equal(nodeCondition(made, 'DiskPressure')?.status, 'True');
  assert.equal(made.pod('few')!.status.phase, 'Running');
});

test('process ids run out: PIDPressure, lower priority first, then the most processes; the node refuses pods', () => {
  const threshold: EvictionThreshold = { signal: 'pid.available', value: { percent: 10 }, gracePeriod: 0 };
  const made = countedBench('pids', { 'small:v1': [100, 0], 'fork:v1': [10_000, 500], 'vital:v1': [15_000, 0] }, [threshold]);
  made.add(podOf('vital', 0, { priority: 10 }));
  made.add(podOf('small', 0));
  made.add(podOf('fork', 0));
  made.run(60);
  assert.deepEqual(evicted(made).map(([pod]) => pod), ['fork']);
  // 10 % of 32,768, in whole numbers.
  assert.match(made.events.find(({ reason }) => reason === 'Evicted')!.message, /^The node was low on resource: pids\. Threshold quantity: 3276, available: \d+k?\. $/);
  assert.equal(nodeCondition(made, 'PIDPressure')?.status, 'True');
  assert.equal(nodeCondition(made, 'PIDPressure')?.reason, 'KubeletHasInsufficientPID');
  assert.ok(made.events.some(({ reason }) => reason === 'NodeHasInsufficientPID'));
  made.add(podOf('late', 100));
  made.run(61);
  assert.equal(made.pod('late')!.status.message, 'Pod was rejected: The node had condition: [PIDPressure]. ');
});

test('machines that do not say how many inodes and process ids they have have enough', () => {
  const made = new Bench(1);
  made.behaviour.lives.set('many:v1', { ...SERVES, inodes: { base: 1e12, perSecond: 0 }, pids: { base: 1e12, perSecond: 0 } });
  made.add(podOf('many', 0));
  made.run(120);
  assert.deepEqual(evicted(made), []);
});
