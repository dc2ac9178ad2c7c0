import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Pod } from '../../src/api/core.js';
import { SECOND } from '../../src/kernel/time.js';
import { EventKind } from '../../src/scheduler/framework/events.js';
import type { SchedulingQueue } from '../../src/scheduler/queue/scheduling-queue.js';
import { SchedulerCore } from '../../src/scheduler/scheduler-core.js';
import { node, pod } from './objects.js';

let core: SchedulerCore;
let queue: SchedulingQueue;

beforeEach(() => {
  core = new SchedulerCore('1.34', { next: () => 0 });
  queue = core.queue;
});

const info = (object: Pod) => core.cache.podInfo(object);
const add = (object: Pod, now = 0) => queue.add(info(object), now);
const popName = (now: number) => queue.pop(now)?.pod.pod.metadata.name;

/** One failed attempt of the pod that comes next. */
function failNext(now: number, ...plugins: string[]): void {
  queue.addUnschedulable(queue.pop(now)!, plugins, [], now);
}

test('higher priority first, then the longer wait, then arrival', () => {
  add(pod('late'), 2);
  add(pod('first'), 1);
  add(pod('twin'), 1);
  add(pod('important', { priority: 5 }), 3);
  assert.deepEqual(
    [popName(3), popName(3), popName(3), popName(3), popName(3)],
    ['important', 'first', 'twin', 'late', undefined],
  );
});

test('back-off doubles from one second to ten and counts from the failure', () => {
  add(pod('p'));
  const waits: number[] = [];
  let now = 0;
  for (let attempt = 0; attempt < 6; attempt++) {
    failNext(now, 'NodeResourcesFit');
    queue.event({ kinds: EventKind.PodDelete, assigned: true }, now);
    assert.equal(queue.lengths.backoff, 1);
    const failed = now;
    while (queue.lengths.backoff > 0) {
      now += SECOND;
      queue.flushBackoff(now);
    }
    waits.push((now - failed) / SECOND);
  }
  // The window in which the back-off ends must have passed: one second more than 1, 2, 4, 8, 10, 10.
  assert.deepEqual(waits, [2, 3, 5, 9, 11, 11]);
});

test('an empty active queue takes a pod out of its back-off, but not after an error', () => {
  add(pod('refused'));
  failNext(0, 'NodeResourcesFit');
  queue.event({ kinds: EventKind.PodDelete, assigned: true }, 0);
  assert.equal(popName(0), 'refused');
  add(pod('broken'));
  failNext(0);
  assert.equal(queue.lengths.backoff, 1);
  assert.equal(popName(0), undefined);
});

test('only events that a rejecting plugin registered and calls helpful bring a pod back', () => {
  add(pod('p', { requests: { cpu: 3000, memory: 1 } }));
  failNext(0, 'NodeResourcesFit');
  const later = 60 * SECOND;
  const still = () => queue.lengths.unschedulable === 1;
  queue.event({ kinds: EventKind.NodeTaint, object: node('n') }, later);
  assert.ok(still(), 'taints are no matter of NodeResourcesFit');
  queue.event(
    { kinds: EventKind.NodeAdd, object: node('small', {}, { allocatable: { cpu: 1000, memory: 8, pods: 1 } }) },
    later,
  );
  assert.ok(still(), 'the node is too small');
  queue.event({ kinds: EventKind.PodDelete, object: pod('x'), pod: info(pod('x')), assigned: false }, later);
  assert.ok(still(), 'a pod without a node held nothing');
  queue.event({ kinds: EventKind.NodeAdd, object: node('big') }, later);
  assert.equal(queue.lengths.active, 1);
});

test('an event during the attempt is not lost', () => {
  add(pod('p', { requests: { cpu: 3000, memory: 1 } }));
  const queued = queue.pop(0)!;
  queue.event({ kinds: EventKind.NodeAdd, object: node('big') }, 0);
  queue.addUnschedulable(queued, ['NodeResourcesFit'], [], 0);
  assert.deepEqual(queue.lengths, { active: 0, backoff: 1, unschedulable: 0, gated: 0 });
});

test('five minutes among the unschedulable pods are enough', () => {
  add(pod('p'));
  failNext(0, 'NodeAffinity');
  queue.flushUnschedulable(300 * SECOND);
  assert.equal(queue.lengths.unschedulable, 1);
  queue.flushUnschedulable(330 * SECOND);
  assert.equal(queue.lengths.active, 1);
});

test('gates keep a pod out until they are gone', () => {
  const gated = pod('p', { schedulingGates: [{ name: 'wait' }] });
  add(gated);
  assert.deepEqual(queue.lengths, { active: 0, backoff: 0, unschedulable: 0, gated: 1 });
  queue.event({ kinds: EventKind.NodeAdd, object: node('n') }, 1);
  assert.equal(queue.lengths.gated, 1);
  const { schedulingGates: _, ...spec } = gated.spec;
  queue.update(info({ ...gated, spec }), EventKind.OwnGatesGone, 2);
  const queued = queue.pop(3)!;
  assert.equal(queued.attempts, 1);
  assert.equal(queued.initialAttemptTimestamp, 2);
});

test('a deleted pod is in no part of the queue, nor nominated', () => {
  add({ ...pod('p'), status: { phase: 'Pending', nominatedNodeName: 'n' } });
  assert.equal(core.nominator.podsOn('n').length, 1);
  queue.delete('default/p');
  assert.equal(core.nominator.size, 0);
  assert.equal(popName(0), undefined);
});
