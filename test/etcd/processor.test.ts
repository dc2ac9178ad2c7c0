import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Processor, ProcessorShare } from '../../src/etcd/processor.js';

const MS = 1e6;

test('cores that nobody divides serve first come, first served', () => {
  const processor = new Processor(2);
  const ends = [4, 4, 4].map((cost) => new ProcessorShare(processor).reserve(0, cost * MS) / MS);
  assert.deepEqual(ends, [4, 4, 8]);
});

test('who uses no more than its share of divided cores does not wait for who does, and takes its time from them', () => {
  const processor = new Processor(2, 2);
  const hog = new ProcessorShare(processor);
  const modest = new ProcessorShare(processor);
  for (let i = 0; i < 20; i++) hog.reserve(0, 10 * MS);
  assert.equal(modest.reserve(0, MS) / MS, 1);
  // 201 ms of work on two cores, whoever it is for: all of it is done when both are free.
  const last = Math.max(processor.reserve(0, 0.5 * MS), processor.reserve(0, 0.5 * MS)) / MS;
  assert.ok(last >= 100 && last <= 111, `${last}`);
  assert.equal((hog.used + modest.used) / MS, 201);
});

test('a process that owes more than a slice waits until its share has grown over it, whatever the line', () => {
  const processor = new Processor(1, 2);
  const other = new ProcessorShare(processor);
  for (let i = 0; i < 10; i++) other.reserve(0, 10 * MS);
  const share = new ProcessorShare(processor);
  assert.equal(share.reserve(0, 3 * MS) / MS, 3);
  // Half a core is its share: 4 ms on it owes 3 + 4 − 1 = 6 ms after 2 ms, 3 ms more than a slice, for which its share takes 6 ms.
  assert.equal(share.reserve(2 * MS, 4 * MS) / MS, 2 + 6 + 4);
  // After 12 ms more it owes nothing.
  assert.equal(share.reserve(14 * MS, MS) / MS, 15);
});

test('work beside is done in full while a core is idle, and by its lasting part when none is', () => {
  const processor = new Processor(1);
  const share = new ProcessorShare(processor, 4 * MS, 0.25);
  assert.equal(share.handled(0) / MS, 1);
  assert.equal(share.used / MS, 4);
  assert.equal(share.handled(0) / MS, 2);
  assert.equal(share.used / MS, 5);
  assert.equal(share.messages, 2);
});
