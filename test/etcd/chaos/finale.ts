import type { Client } from '../../../src/etcd/client.js';
import type { Member } from '../../../src/etcd/member.js';
import type { EtcdReceiver, EtcdRequest, EtcdResponse } from '../../../src/etcd/types.js';
import { MILLISECOND, SECOND } from '../../../src/kernel/time.js';
import { Random } from '../../raft/chaos/plan.js';
import { Liveness } from '../checkers/liveness.js';
import type { World } from './world.js';

/** Once a quorum talks, an election takes a few timeouts; a restarted member may read its log for that long. */
const ELECTION_TIMEOUTS = 20;
/** A client may wait for a lost connection or a lost request that long. */
const PATIENCE = 20 * SECOND;
/** A client notices a machine that went down and came back at the next keepalive, 30 s and 10 s, and opens its watches again. */
const WATCH_PATIENCE = 60 * SECOND;

/**
 * The faults end: everybody restarts and the network heals. The cluster must become live again, first with all its members and then without
 * a minority that is lost for good, and every other promise must still hold.
 */
export function finale(world: World): void {
  heal(world);
  settle(world, 'all members');
  catchUp(world);
  for (const checker of world.checkers) checker.settled(world);
  const survivors = loseMinority(world);
  settle(world, `${survivors.length} members`);
  waitFor(world, 'the survivors have applied everything', PATIENCE, () =>
    survivors.every(({ applier }) => applier.appliedIndex === world.cluster.leader?.applier.appliedIndex),
  );
  for (const checker of world.checkers) checker.finished(survivors, world);
}

function heal(world: World): void {
  const { cluster } = world;
  world.healNetwork();
  for (const { index } of cluster.members) {
    cluster.heal(index);
    cluster.resume(index);
    cluster.setDiskFactor(index, 1);
  }
}

function waitFor(world: World, what: string, patience: number, done: () => boolean): void {
  const { simulation } = world;
  const liveness = new Liveness(what, simulation.now + patience);
  while (!done()) {
    liveness.waited(simulation.now);
    world.step();
  }
}

/** Waits for a leader, then for a write and a read of a new client. */
function settle(world: World, when: string): void {
  const { cluster, options } = world;
  const longest = Math.max(...cluster.members.map(({ wal }) => wal.length)) * options.replay;
  const patience = (ELECTION_TIMEOUTS * options.electionTimeout + longest) * MILLISECOND + SECOND;
  waitFor(world, `a leader with ${when}`, patience, () => cluster.leader !== undefined);
  const client = world.connect(-1);
  for (const request of [
    { op: 'put', key: '/p', value: when, bytes: 1 },
    { op: 'range', key: '/p', prefix: false },
  ] as const) {
    const probe = new Probe(client, request);
    waitFor(world, `${request.op} with ${when}`, PATIENCE, () => probe.done);
  }
}

/** All members of the cluster reach the leader's state, and all watches the end of history. */
function catchUp(world: World): void {
  const { cluster, truth, watches } = world;
  waitFor(world, 'all members have applied everything', PATIENCE, () => {
    const { leader } = cluster;
    if (leader === undefined) return false;
    return currentMembers(world).every((member) => {
      return (
        member.running && member.applier.appliedIndex === leader.applier.appliedIndex && member.applier.backlog === 0
      );
    });
  });
  waitFor(world, 'all watches have caught up', WATCH_PATIENCE, () => {
    return watches.every(({ prefix, next }) => truth.between(prefix, next, truth.revision).length === 0);
  });
}

/** Members of the leader's configuration. */
function currentMembers({ cluster }: World): Member[] {
  const { voters, learners } = cluster.leader!.confState;
  return cluster.members.filter(({ id }) => voters.includes(id) || learners.includes(id));
}

/** Kills a random minority of the voters for good, and all that are not voters; returns the others. */
function loseMinority(world: World): Member[] {
  const { cluster, options } = world;
  const random = new Random(options.seed ^ 0x1f83d9ab);
  const { voters } = cluster.leader!.confState;
  const left = cluster.members.filter(({ id }) => voters.includes(id));
  const count = Math.floor((left.length - 1) / 2);
  const known = (member: Member) => member.index < options.members;
  for (let i = 0; i < count; i++) {
    const candidates = left.filter((member) => left.filter(known).length > 1 || !known(member));
    const lost = candidates[random.next(candidates.length)]!;
    left.splice(left.indexOf(lost), 1);
  }
  for (const member of cluster.members) if (!left.includes(member)) cluster.fail(member.index, true);
  return left;
}

/** Sends a request until it succeeds. */
class Probe implements EtcdReceiver {
  done = false;
  private readonly client: Client;
  private readonly request: EtcdRequest;

  constructor(client: Client, request: EtcdRequest) {
    this.client = client;
    this.request = request;
    client.request(request, this, 0);
  }

  etcdResponse(_tag: number, response: EtcdResponse): void {
    if (response.error === undefined) this.done = true;
    else this.client.request(this.request, this, 0);
  }
}
