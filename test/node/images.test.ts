import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SECOND } from '../../src/kernel/time.js';
import { registryOf } from '../../src/api/image.js';
import { DEFAULT_KUBELET } from '../../src/api/kubelet-configuration.js';
import { bytesToFree, imagesToRemove, pullDuration, unpackRest } from '../../src/node/image-policy.js';
import { at, Bench, constantProfile, testContainer, testPod } from './harness.js';

/** When each image was there, by pod. */
function pulled(bench: Bench): Map<string, number> {
  const found = new Map<string, number>();
  for (const { reason, pod, time, message } of bench.events) if (reason === 'Pulled' && message.startsWith('Successfully')) found.set(pod, at(time));
  return found;
}

function podOf(name: string, image: string) {
  return testPod(name, { containers: [testContainer({ image })] });
}

/** From the pod's arrival until its pull begins: 60 ms of preparation, 250 ms for the sandbox; then 150 ms until bytes flow. */
const BEFORE = 0.46;

test('a registry sends to all nodes together what it can: 100 nodes share 1 GB/s evenly', () => {
  const bench = new Bench(100, '1', constantProfile(), undefined, undefined, { registries: [{ host: 'registry.example', bytesPerSecond: 1e9 }] });
  for (let node = 0; node < 100; node++) bench.add(podOf(`p-${node}`, 'registry.example/app:v1'), node);
  bench.run(30);
  // 100 MB at 10 MB/s take 10 s; of 250 MB unpacked at 150 MB/s the last of five layers is left: 0.333 s.
  const times = [...pulled(bench).values()];
  assert.equal(times.length, 100);
  for (const time of times) assert.ok(Math.abs(time - (BEFORE + 10 + 1 / 3)) < 0.01, `${time}`);
});

test('a node takes no more than its own rate, however much the registry has', () => {
  const bench = new Bench(2, '1', constantProfile(), undefined, undefined, { registries: [{ host: 'registry.example', bytesPerSecond: 1e9 }] });
  bench.add(podOf('a', 'registry.example/app:v1'), 0);
  bench.add(podOf('b', 'other.example/app:v1'), 1);
  bench.run(10);
  // 100 MB at 100 MB/s and unpacking: the same whether the transfer is followed or known in advance.
  const alone = BEFORE + pullDuration(100e6, constantProfile().kubelet) / SECOND;
  assert.ok(Math.abs(pulled(bench).get('a')! - alone) < 0.002);
  assert.ok(Math.abs(pulled(bench).get('b')! - alone) < 0.002);
});

test('serial pulls follow one another, parallel ones share the node', () => {
  const times = (parallelImagePulls: number) => {
    const bench = new Bench(1, '1', constantProfile(), undefined, undefined, { configuration: { ...DEFAULT_KUBELET, parallelImagePulls } });
    for (const name of ['a', 'b', 'c']) bench.add(podOf(name, `registry.example/${name}:v1`));
    bench.run(20);
    return [...pulled(bench).values()].sort((a, b) => a - b);
  };
  const one = 0.15 + pullDuration(100e6, constantProfile().kubelet) / SECOND;
  times(1).forEach((time, i) => {
    assert.ok(Math.abs(time - (0.31 + (i + 1) * one)) < 0.01, `${time}`);
  });
  // Three transfers of 100 MB share 100 MB/s: 3 s each, and then what is left of unpacking.
  for (const time of times(3)) assert.ok(Math.abs(time - (BEFORE + 3 + 1 / 3)) < 0.01, `${time}`);
  const two = times(2);
  assert.ok(Math.abs(two[0]! - two[1]!) < 0.01 && two[2]! > two[1]! + 1, `${two}`);
});

test('layers that a node has from another image are not sent again', () => {
  const bench = new Bench(1);
  const base = { name: 'base', bytes: 80e6 };
  bench.behaviour.sizes.set('app:v1', { bytes: 100e6, exists: true, layers: [base, { name: 'v1', bytes: 20e6 }] });
  bench.behaviour.sizes.set('app:v2', { bytes: 100e6, exists: true, layers: [base, { name: 'v2', bytes: 20e6 }] });
  bench.add(podOf('a', 'app:v1'));
  bench.run(10);
  bench.add(podOf('b', 'app:v2'));
  bench.run(20);
  const took = pullDuration(20e6, constantProfile().kubelet) / SECOND;
  assert.ok(Math.abs(pulled(bench).get('b')! - (10 + BEFORE + took)) < 0.01);
});

test('an outage breaks transfers; later pulls time out after 30 s, back off, and go on when the registry is back', () => {
  const bench = new Bench(1, '1', constantProfile(), undefined, undefined, { registries: [{ host: 'registry.example', bytesPerSecond: 10e6 }] });
  bench.add(podOf('a', 'registry.example/app:v1'));
  bench.run(2);
  bench.kubelets.setRegistry('registry.example', false);
  bench.run(5);
  const failed = bench.events.filter(({ reason }) => reason === 'Failed');
  assert.equal(at(failed[0]!.time), 2);
  assert.match(failed[0]!.message, /connection reset by peer/);
  const waiting = () => bench.pod('a')!.status.containerStatuses![0]!.state.waiting?.reason;
  bench.run(70);
  const timeouts = bench.events.filter(({ message }) => message.includes('i/o timeout'));
  assert.ok(timeouts.length >= 1);
  const asked = bench.events.filter(({ reason, time }) => reason === 'Pulling' && time < timeouts[0]!.time).at(-1)!;
  assert.equal(at(timeouts[0]!.time - asked.time), 30);
  assert.match(waiting()!, /^(ErrImagePull|ImagePullBackOff)$/);
  bench.kubelets.setRegistry('registry.example', true);
  bench.run(400);
  assert.ok(pulled(bench).has('a'));
  assert.equal(waiting(), undefined);
});

test('shares of a registry: whatever comes and goes, all bytes of the registry are used and no more', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(20_000), fc.nat(5)), { minLength: 1, maxLength: 12 }), (pods) => {
      const limit = 150e6;
      const bench = new Bench(6, '1', constantProfile(), undefined, undefined, {
        registries: [{ host: 'registry.example', bytesPerSecond: limit }],
        configuration: { ...DEFAULT_KUBELET, parallelImagePulls: 4 },
      });
      pods.sort((a, b) => a[0] - b[0]);
      pods.forEach(([time, node], i) => {
        bench.run(time / 1000);
        bench.add(podOf(`p-${i}`, `registry.example/p-${i}:v1`), node);
      });
      bench.run(200);
      const done = [...pulled(bench).values()];
      assert.equal(done.length, pods.length);
      const last = Math.max(...done);
      const first = pods[0]![0] / 1000 + BEFORE;
      // Neither the registry nor a node can have sent faster than its rate.
      assert.ok(last - first >= (pods.length * 100e6) / limit - 0.01 || pods.length * 100e6 < limit);
      const perNode = new Map<number, number>();
      for (const [, node] of pods) perNode.set(node, (perNode.get(node) ?? 0) + 1);
      assert.ok(last - first >= Math.max(...perNode.values()) * 1 - 0.01);
      // Work is conserved: never longer than one after the other, with the gaps between arrivals and unpacking.
      assert.ok(last <= pods.at(-1)![0] / 1000 + BEFORE + pods.length * 2 + 4, `${last}`);
    }),
    { numRuns: 40 },
  );
});

test('garbage collection: from 85 % down to 80 %, least recently used first, none in use or younger than 2 min', () => {
  assert.equal(bytesToFree(84e9, 100e9, 85, 80), 0);
  assert.equal(bytesToFree(85e9, 100e9, 85, 80), 5e9);
  assert.equal(bytesToFree(99e9, Number.POSITIVE_INFINITY, 85, 80), 0);
  const image = (name: string, lastUsed: number, detectedAt: number, inUse = false) => ({ name, bytes: 2e9, lastUsed: lastUsed * SECOND, detectedAt: detectedAt * SECOND, inUse });
  const images = [image('new', 950, 940), image('old', 100, 0), image('used', 5, 0, true), image('older', 50, 10), image('mid', 500, 1)];
  assert.deepEqual(
    imagesToRemove(images, 5e9, 1000 * SECOND, 120 * SECOND).map(({ name }) => name),
    ['older', 'old', 'mid'],
  );
  assert.deepEqual(
    imagesToRemove(images, 100e9, 1000 * SECOND, 120 * SECOND).map(({ name }) => name),
    ['older', 'old', 'mid'],
  );
});

test('a full disk is cleared of images that nothing uses, at the next 5 min round', () => {
  // Without thresholds of its own the eviction manager would empty it within 10 s.
  const configuration = { ...DEFAULT_KUBELET, evictionThresholds: [] };
  const bench = new Bench(1, '1', constantProfile(), undefined, undefined, { configuration });
  const node = bench.kubelets.fleet.nodes[0]!;
  node.diskBytes = 1000e6;
  // 250 MB on disk each: four images fill it.
  for (const name of ['a', 'b', 'c', 'd']) bench.add(podOf(name, `${name}:v1`));
  bench.run(60);
  assert.equal(node.imageBytes, 1000e6);
  for (const name of ['a', 'b']) bench.delete(name);
  bench.run(900);
  assert.deepEqual([...node.images.keys()].sort(), ['b:v1', 'c:v1', 'd:v1']);
  assert.equal(node.imageBytes, 750e6);
  assert.ok(!bench.events.some(({ reason }) => reason === 'FreeDiskSpaceFailed') || bench.events.find(({ reason }) => reason === 'FreeDiskSpaceFailed')!.time < 310 * SECOND);
});

test('unpacking that is left when the last byte comes completes the same total', () => {
  const costs = constantProfile().kubelet;
  for (const bytes of [1e6, 50e6, 500e6]) {
    const download = (bytes / costs.pullBytesPerSecond) * SECOND;
    assert.ok(Math.abs(download + unpackRest(bytes, download, costs) - pullDuration(bytes, costs)) <= 1);
  }
  assert.equal(registryOf('nginx:1.27'), 'docker.io');
  assert.equal(registryOf('library/nginx'), 'docker.io');
  assert.equal(registryOf('registry.k8s.io/pause:3.10'), 'registry.k8s.io');
  assert.equal(registryOf('localhost:5000/app'), 'localhost:5000');
});
