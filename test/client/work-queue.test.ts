import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLimitingQueue } from '../../src/client/work-queue.js';
import { Simulation } from '../../src/kernel/simulation.js';

class Consumer {
  woken = 0;
  workAvailable(): void {
    this.woken++;
  }
}

function setUp(): { simulation: Simulation; consumer: Consumer; queue: RateLimitingQueue } {
  const simulation = new Simulation();
  const consumer = new Consumer();
  return { simulation, consumer, queue: new RateLimitingQueue(simulation, 'test', consumer) };
}

test('a waiting key is not added twice, a key in work goes back after done', () => {
  const { queue, consumer } = setUp();
  queue.add('a');
  queue.add('a');
  assert.equal(queue.length, 1);
  assert.equal(queue.get(), 'a');
  queue.add('a');
  assert.equal(queue.get(), undefined, 'the same key is never processed by two workers');
  queue.done('a');
  assert.equal(queue.get(), 'a');
  queue.done('a');
  assert.equal(queue.get(), undefined);
  assert.equal(consumer.woken, 2);
});

test('retry delays are 5, 10, 20 … ms per key until forgotten', () => {
  const { simulation, queue } = setUp();
  const delays: number[] = [];
  for (let i = 0; i < 10; i++) {
    const before = simulation.now;
    queue.addRateLimited('a');
    simulation.run();
    delays.push((simulation.now - before) / 1e6);
    queue.get();
    queue.done('a');
  }
  assert.deepEqual(delays, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]);
  queue.forget('a');
  assert.equal(queue.retries('a'), 0);
});

test('more than 100 retries at once wait for the overall bucket of 10/s', () => {
  const { simulation, queue } = setUp();
  for (let i = 0; i < 120; i++) queue.addRateLimited(`key-${i}`);
  simulation.run();
  assert.equal(simulation.now, 2e9);
  assert.equal(queue.length, 120);
});

test('a delayed key keeps the earlier time', () => {
  const { simulation, queue } = setUp();
  queue.addAfter('a', 5e9);
  queue.addAfter('a', 1e9);
  queue.addAfter('a', 9e9);
  simulation.run(1e9);
  assert.equal(queue.get(), 'a');
  queue.done('a');
  simulation.run();
  assert.equal(queue.get(), undefined);
});
