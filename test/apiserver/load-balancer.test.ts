import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestClient } from '../../src/client/rest-client.js';
import { Answers, create, setUp } from '../client/harness.js';

const SPEC = { interval: 2e9, fall: 3, rise: 2 };
const GET = { verb: 'get', resource: 'configmaps', namespace: 'n', name: 'a' } as const;

/** Three servers behind a balancer, and clients that each keep a connection. */
function world(clients: number) {
  const world = setUp(3);
  const { simulation, connections, clientHost } = world;
  connections.balance(SPEC);
  world.client.request(create('a'), new Answers(), 0);
  simulation.run(simulation.now + 0.5e9);
  const each = Array.from({ length: clients }, (_, i) => new RestClient(simulation, connections, `user-${i}`, clientHost, 0, 0, 0));
  const ask = (): (number | undefined)[] => {
    const answers = each.map((client) => {
      const own = new Answers();
      client.request(GET, own, 0);
      return own;
    });
    simulation.run(simulation.now + 50e6);
    return answers.map(({ list }) => list[0]?.code);
  };
  const served = () => connections.servers.map((server) => server.metrics.totals.get('get configmaps')?.count ?? 0);
  const run = (seconds: number) => simulation.run(simulation.now + seconds * 1e9);
  return { ...world, ask, served, run };
}

test('new connections go round, and stay where they are while their server lives', () => {
  const { ask, served, run, connections } = world(30);
  ask();
  assert.deepEqual(served(), [10, 10, 10]);
  connections.servers[0]!.fail();
  assert.deepEqual(ask().filter((code) => code === 0).length > 0, true, 'until its checks have failed, a third of the new connections is refused');
  run(7);
  const codes = ask();
  assert.ok(codes.every((code) => code === 200), codes.join(' '));
  connections.servers[0]!.heal();
  run(30);
  const before = served();
  ask();
  const after = served();
  assert.equal(after[0]! - before[0]!, 0, 'connections that have moved do not come back');
  assert.equal(after[1]! - before[1]! + after[2]! - before[2]!, 30);
});

test('a dead server gets connections for fall checks, one that is back waits for rise checks', () => {
  const { run, connections } = world(0);
  const { balancer } = connections;
  // Checks at 2, 4, 6 … seconds; half a second has passed.
  connections.servers[1]!.fail();
  run(5);
  assert.equal(balancer!.healthy(1), true);
  run(1);
  assert.equal(balancer!.healthy(1), false);
  connections.servers[1]!.heal();
  run(2);
  assert.equal(balancer!.healthy(1), false);
  run(2);
  assert.equal(balancer!.healthy(1), true);
});

test('a graceful restart with a delay that the checks can see refuses nobody; without it, some', () => {
  for (const [shutdownDelay, refused] of [
    [8e9, false],
    [0, true],
  ] as const) {
    const { ask, connections, run } = world(30);
    ask();
    connections.servers[2]!.restart(shutdownDelay, 3e9);
    const codes: (number | undefined)[] = [];
    for (let i = 0; i < 120; i++) {
      codes.push(...ask());
      run(0.1);
    }
    assert.equal(codes.some((code) => code === 0), refused, `with a delay of ${shutdownDelay / 1e9} s`);
    assert.ok(codes.every((code) => code === 200 || code === 0));
    assert.ok(connections.servers[2]!.up);
  }
});

test('without a balancer, a server that ends soon keeps its clients and gets no others', () => {
  const { connections } = setUp(3);
  connections.servers[0]!.restart(10e9, 1e9);
  assert.equal(connections.pickServer(0), 0);
  connections.servers[2]!.fail();
  assert.equal(connections.pickServer(2), 1);
  connections.servers[1]!.fail();
  assert.equal(connections.pickServer(2), 0);
});
