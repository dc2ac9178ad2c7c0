import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Watcher, WatchOpening } from '../../src/apiserver/connections.js';
import type { WatchRecord } from '../../src/apiserver/watch-cache.js';
import { SharedInformer } from '../../src/client/informer.js';
import { Answers, create, SetLabel, setUp, Told } from '../client/harness.js';

/** Watches one object, and says what it was told. */
class Quiet implements Watcher {
  readonly resource = 'configmaps';
  readonly key = 'n/quiet';
  readonly host: number;
  readonly told: number[] = [];
  server = -1;
  revision: number;
  lost = 0;
  constructor(host: number, revision: number) {
    this.host = host;
    this.revision = revision;
  }
  watchEvent({ revision }: WatchRecord): void {
    this.told.push(revision);
  }
  watchLost(): void {
    this.lost++;
  }
}

/** Two servers, an object that nobody changes, and one that is changed twice a second for five minutes; then the first server dies. */
function afterFiveMinutes(openedBefore: number): { opening: WatchOpening; watcher: Quiet; world: ReturnType<typeof setUp> } {
  const world = setUp(2);
  const { simulation, connections, client, clientHost } = world;
  const answers = new Answers();
  client.request(create('quiet'), answers, 0);
  client.request(create('busy'), answers, 0);
  simulation.run(1e9);
  const watcher = new Quiet(clientHost, connections.servers[0]!.cache('configmaps').revision);
  for (let second = 1; second < 300; second++) {
    if (300 - second === openedBefore) assert.equal(connections.watch(watcher, 0), 'watching');
    for (const half of [0, 1]) {
      client.request({ verb: 'patch', resource: 'configmaps', namespace: 'n', name: 'busy', patch: new SetLabel(`${second}-${half}`) }, answers, 0);
      simulation.run(second * 1e9 + (half + 1) * 0.5e9);
    }
  }
  connections.servers[0]!.fail();
  simulation.run(simulation.now + 1e9);
  assert.equal(watcher.lost, 1);
  return { opening: connections.watch(watcher, 0), watcher, world };
}

test('bookmarks, one a minute, keep the watch of an object that does not change within the window of every server', () => {
  const { opening, watcher, world } = afterFiveMinutes(290);
  assert.equal(opening, 'watching', 'another server has what came after the bookmark');
  const { client, simulation } = world;
  client.request({ verb: 'patch', resource: 'configmaps', namespace: 'n', name: 'quiet', patch: new SetLabel('x') }, new Answers(), 0);
  simulation.run(simulation.now + 1e9);
  assert.equal(watcher.told.length, 1);
});

test('without the way back nothing gets through for long: requests of an open connection for 45 s, unanswered, watch events not at all', () => {
  const { simulation, connections, network, client, clientHost } = setUp(1);
  const server = connections.servers[0]!;
  const answers = new Answers();
  const names = (): string[] => [...connections.current('configmaps')].map(({ metadata }) => metadata.name);
  const send = (name: string): void => {
    client.request(create(name), answers, 0);
    simulation.run(simulation.now + 1e9);
  };
  send('a');
  network.setLink(server.host, clientHost, false);
  const cutAt = simulation.now;
  send('b');
  assert.deepEqual(names(), ['a', 'b'], 'it arrives');
  assert.equal(answers.list.length, 1, 'its answer does not');
  simulation.run(cutAt + 46e9);
  assert.equal(answers.list.length, 2, 'given up');
  send('c');
  assert.deepEqual(names(), ['a', 'b'], 'no new connection is opened');
  network.setLink(server.host, clientHost, true);
  send('d');
  assert.deepEqual([names(), answers.list.at(-1)!.code], [['a', 'b', 'd'], 201]);
  // A cut of later begins anew.
  network.setLink(server.host, clientHost, false);
  send('e');
  assert.deepEqual(names(), ['a', 'b', 'd', 'e']);
});

test('a watch over a link that is cut has no gap: its client notices after 45 s and goes on where it was', () => {
  const { simulation, connections, network, randomness, client, clientHost } = setUp(1);
  const elsewhere = network.addHost('elsewhere', 'a');
  const told = new Told();
  const informer = new SharedInformer(simulation, connections, 'reader', 'configmaps', elsewhere, 0, 0, randomness.stream('reader'));
  informer.addEventHandler(told);
  informer.start();
  simulation.run(1e9);
  assert.notEqual(clientHost, elsewhere);
  const answers = new Answers();
  const change = (name: string): void => {
    client.request(create(name), answers, 0);
    simulation.run(simulation.now + 1e9);
  };
  change('a');
  for (const connected of [false, true]) {
    // Cut one way only: what the client does not acknowledge stops too.
    network.setLink(elsewhere, connections.servers[0]!.host, connected);
    change(connected ? 'c' : 'b');
  }
  assert.deepEqual(told.list.map(({ name }) => name), ['a']);
  simulation.run(simulation.now + 60e9);
  assert.deepEqual(told.list.map(({ name }) => name), ['a', 'b', 'c']);
  assert.equal(informer.lists, 1);
  assert.ok(answers.list.every(({ code }) => code === 201));
});
