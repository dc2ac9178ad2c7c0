import { Liveness } from '../checkers/liveness.js';
import type { Member } from './member.js';
import { Random } from './plan.js';
import type { World } from './world.js';

const LEADER = 2;
/** Rounds of deliveries and work within one tick: time passes even while a leader offers a snapshot again and again. */
const ROUNDS_PER_TICK = 60;

/**
 * The faults end: everybody restarts, the network delivers everything in order. The group must become live again, first with all its
 * members and then without a minority that is lost for good, and every other promise must still hold.
 */
export function finale(world: World): void {
  world.network.heal();
  for (const member of world.members) restart(member, world.options.confChanges);
  const all = settle(world, 'all members', 1_000_000);
  const lost = minority(world, all);
  for (const member of lost) destroy(member);
  const survivors =
    lost.length === 0 ? all : settle(world, `members ${lost.map(({ id }) => id).join()} lost`, 2_000_000);
  for (const checker of world.checkers) checker.finished(survivors, world);
}

/**
 * Brings a member up. When there were membership changes all come back with pre-votes: without, one that missed several changes raises the
 * term again and again, and ignores the requests of lower terms, so that only chance elects a leader.
 */
function restart(member: Member, withPreVote: boolean): void {
  if (withPreVote && !member.preVote) {
    if (member.node !== null) member.crash(member.disk.pending.length);
    member.preVote = true;
  }
  if (member.node === null) member.start();
}

function destroy(member: Member): void {
  if (member.node !== null) member.crash(0);
  member.destroyed = true;
}

/** Members of the newest configuration that anyone has applied. */
function current(world: World): Member[] {
  const up = world.members.filter(({ node }) => node !== null);
  const newest = up.reduce((best, member) => (member.store.applied > best.store.applied ? member : best));
  return up.filter(({ id }) => newest.store.includes(id));
}

/**
 * Runs until a read is granted, without any write to help, and then until a write made now is applied by every member; fails if that
 * takes too long.
 */
function settle(world: World, when: string, firstProbe: number): Member[] {
  const liveness = new Liveness(when);
  let probe = firstProbe;
  let reading = true;
  for (let tick = 0; ; tick++) {
    const members = current(world);
    liveness.waited(runTick(world), reading ? 'read' : 'write');
    if (tick % 20 === 19) for (const member of members) snapshot(member);
    const leader = members.find(({ node }) => node!.role === LEADER);
    if (leader === undefined) continue;
    if (reading && world.granted.has(`probe${probe}`)) {
      reading = false;
      propose(leader, ++probe);
    } else if (!reading && members.every(({ store }) => store.commands.includes(probe))) {
      return members;
    } else if (tick % 5 === 0) {
      // An earlier attempt may have been dropped, or lost with its leader.
      probe++;
      if (reading) leader.node!.readIndex(`probe${probe}`);
      else propose(leader, probe);
    }
  }
}

/** Everybody's clock ticks, then they talk; returns the number of rounds. Removed members stay up: one that does not know it yet may be needed for a vote. */
function runTick(world: World): number {
  const up = world.members.filter(({ node }) => node !== null);
  for (const member of up) {
    member.node!.tick();
    world.observe(member);
  }
  return exchange(world, up);
}

function propose({ node }: Member, id: number): void {
  // Compare-and-swap with a value that nobody wrote: it leaves the store as it is.
  node!.propose({ id, key: 0, value: id, expected: id }, 20);
}

/** A follower outside a snapshot's membership needs a newer one. */
function snapshot(member: Member): void {
  member.disk.sync();
  member.flush();
  member.compact(1_000_000);
}

/** Delivers and works until nothing is left to do or the tick is over; returns the number of rounds. */
function exchange(world: World, members: readonly Member[]): number {
  const present = new Set(members);
  for (let i = 0; i < ROUNDS_PER_TICK; i++) {
    let busy = false;
    for (const member of members) {
      if (member.work(i)) {
        busy = true;
        world.observe(member);
      }
    }
    for (let left = world.network.size; left > 0; left--) {
      const message = world.network.take(0)!;
      busy = true;
      if (present.has(world.members[message.to - 1]!)) world.deliver(message);
    }
    if (!busy) return i;
  }
  return ROUNDS_PER_TICK;
}

/** A random minority of the voters, unless a joint configuration makes that a matter of two majorities. */
function minority(world: World, members: readonly Member[]): Member[] {
  const { voters, votersOutgoing } = members[0]!.store.confState;
  if (votersOutgoing.length > 0) return [];
  const random = new Random(world.options.seed ^ 0x6a09e667);
  const candidates = members.filter(({ id }) => voters.includes(id));
  const lost: Member[] = [];
  const count = Math.floor((voters.length - 1) / 2);
  while (lost.length < count) lost.push(...candidates.splice(random.next(candidates.length), 1));
  return lost;
}
