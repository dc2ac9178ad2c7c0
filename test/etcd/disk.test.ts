import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Disk } from '../../src/etcd/disk.js';
import { MILLISECOND, SECOND } from '../../src/kernel/time.js';
import { ClosedLoop, COSTS, constant, Harness } from './harness.js';

test('operations of a disk queue: each starts when those before it are done', () => {
  const disk = new Disk();
  assert.equal(disk.operate(0, 10), 10);
  assert.equal(disk.operate(4, 10), 20);
  assert.equal(disk.operate(20, 5), 25);
  disk.factor = 3;
  assert.equal(disk.operate(100, 10), 130);
  assert.equal(disk.used, 55);
});

/** Five simulated seconds of ten clients: mean fsync and commit of the leader in milliseconds, puts a second. */
function load(dedicatedWalDisk: boolean, backendCommit: number) {
  const harness = new Harness({ spec: { dedicatedWalDisk, snapshotCount: 1e9 }, costs: { backendCommit: constant(backendCommit) } });
  const loop = new ClosedLoop(harness, harness.client, 10);
  harness.run(5 * SECOND);
  const { diskWalFsyncDurationSeconds: fsync, diskBackendCommitDurationSeconds: commit } =
    harness.cluster.members[0]!.metrics;
  return {
    fsync: (fsync.sum / fsync.count) * 1e3,
    commit: (commit.sum / commit.count) * 1e3,
    rate: loop.latencies.length / 5,
  };
}

test('log and backend on one disk wait for each other, on disks of their own they do not', () => {
  const own = load(true, 40 * MILLISECOND);
  const shared = load(false, 40 * MILLISECOND);
  assert.ok(Math.abs(own.fsync - 1) < 1e-9, `every fsync takes its own time: ${own.fsync}`);
  assert.ok(Math.abs(own.commit - 40) < 1e-9, `${own.commit}`);
  // An fsync that meets one of the two syncs of a commit waits for 20 ms at most, 10 ms on average.
  assert.ok(shared.fsync > 1.2, `${shared.fsync}`);
  assert.ok(shared.fsync < 1 + 20, `${shared.fsync}`);
  // Between the two syncs of a commit at most one fsync fits in: the ready loop has one at a time.
  assert.ok(shared.commit >= 40 && shared.commit <= 42 + 1e-9, `${shared.commit}`);
  assert.ok(shared.rate < own.rate, `${shared.rate} ${own.rate}`);
});

test('a commit that takes no time leaves the log alone', () => {
  assert.equal(COSTS.fsync.kind, 'constant');
  assert.ok(Math.abs(load(false, 0).fsync - 1) < 1e-9);
});
