import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../src/api/workloads.js';
import { LeaderElector, type LeaderOwner } from '../../src/client/leader-election.js';
import { RestClient } from '../../src/client/rest-client.js';
import { answered, setUp } from './harness.js';

class History implements LeaderOwner {
  readonly events: { readonly at: number; readonly replica: number; readonly started: boolean }[] = [];
  private readonly clock: { readonly now: number };
  constructor(clock: { readonly now: number }) {
    this.clock = clock;
  }
  startedLeading(replica: number): void {
    this.events.push({ at: this.clock.now, replica, started: true });
  }
  stoppedLeading(replica: number): void {
    this.events.push({ at: this.clock.now, replica, started: false });
  }
  /** Most who led at once. */
  get most(): number {
    let now = 0;
    let most = 0;
    for (const { started } of this.events) most = Math.max(most, (now += started ? 1 : -1));
    return most;
  }
}

function candidates(count: number, releaseOnCancel: boolean, seed = '') {
  const world = setUp(1);
  const { simulation, connections, randomness, clientHost } = world;
  const owner = new History(simulation);
  const electors = Array.from({ length: count }, (_, replica) => {
    const client = new RestClient(simulation, connections, 'system:kube-scheduler', clientHost, 0, 50, 100);
    const stream = randomness.stream(`elector-${seed}-${replica}`);
    return new LeaderElector({ simulation, client, stream, lease: 'kube-scheduler', replica, owner, releaseOnCancel });
  });
  electors.forEach((elector, i) => {
    elector.start(i * 2e9);
  });
  return { ...world, owner, electors };
}

test('a leader alone: GET, POST, then a PUT every 2 s', () => {
  const { simulation, connections, electors } = candidates(1, true);
  simulation.run(100e9);
  const { 'get leases 404': missing, 'create leases 201': created, 'update leases 200': renewed, ...others } = answered(connections);
  assert.deepEqual([missing, created, others], [1, 1, {}]);
  // The first renewal comes at once, the others 2 s after the answer to the one before: a request takes 2.2 ms.
  assert.equal(renewed, 1 + Math.floor(100 / 2.0022));
  assert.equal(electors[0]!.renewals, renewed);
});

test('after a crash a standby takes over when the lease has run out: 15 s less the age of the last renewal, plus up to one attempt', () => {
  const delays: number[] = [];
  for (let i = 0; i < 40; i++) {
    const { simulation, owner, electors, connections } = candidates(3, true, String(i));
    simulation.run(60e9 + i * 137e6);
    const crashed = simulation.now;
    electors[0]!.stop(false);
    simulation.run(simulation.now + 40e9);
    const next = owner.events.at(-1)!;
    assert.ok(next.started && next.replica > 0);
    assert.equal(owner.most, 1, 'never two leaders');
    delays.push((next.at - crashed) / 1e9);
    const lease = connections.servers[0]!.cache('leases').objects.get('kube-system/kube-scheduler') as Lease;
    assert.equal(lease.spec.leaseTransitions, 1);
  }
  // A candidate sees the last renewal up to 4.4 s late, and comes up to 4.4 s after the end.
  assert.ok(Math.min(...delays) > 13 && Math.max(...delays) < 15 + 4.4 + 4.4, `${Math.min(...delays)} to ${Math.max(...delays)}`);
});

test('a leader that releases its lease is replaced at the next attempt; one that does not costs a lease', () => {
  for (const [release, low, high] of [
    [true, 0, 4.41],
    [false, 10, 24],
  ] as const) {
    const { simulation, owner, electors } = candidates(2, release);
    simulation.run(61e9);
    electors[0]!.stop(true);
    simulation.run(simulation.now + 40e9);
    const delay = (owner.events.at(-1)!.at - 61e9) / 1e9;
    assert.ok(delay > low && delay < high, `release ${release}: ${delay}`);
  }
});

test('a leader without an API server ends 10 s after its last attempt began, waits out its own old lease, and leads again', () => {
  const { simulation, owner, connections } = candidates(1, false);
  simulation.run(30e9);
  connections.servers[0]!.fail();
  simulation.run(50e9);
  const [, lost] = owner.events;
  assert.ok(lost !== undefined && !lost.started);
  assert.ok(lost.at >= 40e9 - 2e9 && lost.at <= 42e9 + 1e8, `${lost.at}`);
  connections.servers[0]!.heal();
  simulation.run(90e9);
  const again = owner.events.at(-1)!;
  assert.ok(again.started && again.at > 65e9 && again.at < 75e9, `${again.at}`);
});
