import { Random } from '../../raft/chaos/plan.js';

/** What a schedule may contain. `a` and `b` choose among what is there when the action runs. */
export const ActionKind = {
  Put: 0,
  Get: 1,
  /** A read of one member's store, without a quorum. */
  LocalGet: 2,
  CompareAndSwap: 3,
  Delete: 4,
  /** A client stops waiting: the outcome of its operation stays open. */
  GiveUp: 5,
  Grant: 6,
  PutLeased: 7,
  Revoke: 8,
  /** A watch from some revision of the past on. */
  Watch: 9,
  RequestProgress: 10,
  Compact: 11,
  Kill: 12,
  /** A machine goes down with its member: nobody is told. */
  PowerOff: 13,
  /** All machines go down at once. */
  PowerCut: 14,
  Restart: 15,
  Pause: 16,
  Resume: 17,
  /** One direction of one link. */
  Cut: 18,
  /** All links of one member to the others. */
  Isolate: 19,
  /** A member cannot reach the clients. */
  Mute: 20,
  HealNetwork: 21,
  SlowDisk: 22,
  FastDisk: 23,
  MoveLeader: 24,
  Defragment: 25,
  AddLearner: 26,
  Promote: 27,
  Remove: 28,
  /** Many writes at once, more than a watch's buffer holds. */
  Burst: 29,
} as const;

export const ACTION_NAMES: readonly string[] = Object.keys(ActionKind);

export interface Action {
  readonly kind: number;
  /** Milliseconds that pass before it. */
  readonly wait: number;
  readonly a: number;
  readonly b: number;
}

/** The surroundings of a schedule. Times in milliseconds. */
export interface ChaosOptions {
  readonly seed: number;
  readonly members: number;
  readonly heartbeat: number;
  readonly electionTimeout: number;
  readonly fsync: number;
  readonly roundTrip: number;
  readonly backendCommit: number;
  /** Reading one entry of the log at a restart. */
  readonly replay: number;
  readonly applyTime: number;
  readonly snapshotCount: number;
  readonly catchUpEntries: number;
}

export interface ChaosPlan {
  readonly options: ChaosOptions;
  readonly actions: readonly Action[];
}

type Weights = readonly (readonly [number, number])[];

const CLIENTS: Weights = [
  [ActionKind.Put, 150],
  [ActionKind.Get, 90],
  [ActionKind.LocalGet, 30],
  [ActionKind.CompareAndSwap, 80],
  [ActionKind.Delete, 40],
  [ActionKind.GiveUp, 25],
  [ActionKind.Grant, 12],
  [ActionKind.PutLeased, 25],
  [ActionKind.Revoke, 4],
  [ActionKind.Watch, 6],
  [ActionKind.RequestProgress, 20],
];
const REPAIRS: Weights = [
  [ActionKind.Restart, 30],
  [ActionKind.Resume, 10],
  [ActionKind.HealNetwork, 16],
  [ActionKind.FastDisk, 6],
];
const CRASHES: Weights = [
  [ActionKind.Kill, 22],
  [ActionKind.PowerOff, 8],
  [ActionKind.PowerCut, 5],
];
const NETWORK: Weights = [
  [ActionKind.Cut, 12],
  [ActionKind.Isolate, 12],
  [ActionKind.Mute, 6],
];
const SLOWNESS: Weights = [
  [ActionKind.Pause, 10],
  [ActionKind.SlowDisk, 10],
  [ActionKind.Defragment, 10],
  [ActionKind.MoveLeader, 14],
];
const MEMBERSHIP: Weights = [
  [ActionKind.AddLearner, 16],
  [ActionKind.Promote, 24],
  [ActionKind.Remove, 16],
];
const LEASED: Weights = [
  [ActionKind.Grant, 25],
  [ActionKind.PutLeased, 50],
  [ActionKind.Revoke, 40],
];
const COMPACTION: Weights = [[ActionKind.Compact, 14]];

/** Kinds of trouble, each of which gets its share of the schedules; the first is a bit of everything. */
const FLAVOURS: readonly Weights[] = [
  [...CRASHES, ...NETWORK, ...SLOWNESS, ...COMPACTION],
  // Crashes in the middle of commits that leases and compactions force.
  [...CRASHES, ...CRASHES, ...LEASED, ...COMPACTION, ...COMPACTION, ...COMPACTION],
  [...NETWORK, ...NETWORK, ...SLOWNESS],
  // Watches that stall, fall behind and resume.
  [
    [ActionKind.Watch, 25],
    [ActionKind.Mute, 40],
    [ActionKind.Burst, 20],
    [ActionKind.RequestProgress, 80],
    [ActionKind.Kill, 6],
    ...COMPACTION,
  ],
  // Leases while leaders change.
  [
    [ActionKind.Grant, 50],
    [ActionKind.PutLeased, 80],
    [ActionKind.MoveLeader, 20],
    [ActionKind.Kill, 8],
    [ActionKind.Pause, 6],
  ],
  // Elections all the time, and members that restart in the middle of them.
  [
    [ActionKind.Kill, 70],
    [ActionKind.Restart, 60],
    [ActionKind.PowerCut, 6],
    [ActionKind.Isolate, 20],
    [ActionKind.HealNetwork, 20],
  ],
  // Members come and go.
  [...MEMBERSHIP, [ActionKind.Kill, 8], [ActionKind.Isolate, 16], [ActionKind.MoveLeader, 10]],
];
const WATCHES = 3;
const LEASES = 4;
const ELECTIONS = 5;

const SHORTEST = 60;
const LONGEST = 220;

/** The schedule of a seed: surroundings and actions, a pure function of it. */
export function planOf(seed: number): ChaosPlan {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ 0x3c6ef372);
  const flavour = random.next(FLAVOURS.length);
  const heartbeat = 20;
  const options: ChaosOptions = {
    seed,
    members: random.pick([1, 3, 3, 3, 3, 5]),
    heartbeat,
    electionTimeout: heartbeat * random.pick([5, 5, 10]),
    fsync: random.pick([0.2, 1, 5]),
    roundTrip: random.pick([0.2, 1, 4]),
    backendCommit: random.pick([0.5, 2, 20]),
    replay: random.pick([0, 0.1, 2]),
    applyTime: random.pick([0, 0.02, 2]),
    snapshotCount: random.pick([10, 100, 10_000]),
    catchUpEntries: random.pick([5, 50, 5000]),
  };
  const weights = [...CLIENTS, ...REPAIRS, ...FLAVOURS[flavour]!];
  let total = 0;
  for (const [, weight] of weights) total += weight;
  const count = SHORTEST + random.next(LONGEST - SHORTEST);
  // Leases need seconds to end; watches need many writes at once to fall behind.
  const longestWait =
    flavour === LEASES ? 90 : flavour === WATCHES || flavour === ELECTIONS ? 20 : random.pick([15, 40, 60]);
  const actions: Action[] = [];
  for (let i = 0; i < count; i++) {
    let at = random.next(total);
    let kind = 0;
    for (const [candidate, weight] of weights) {
      kind = candidate;
      if ((at -= weight) < 0) break;
    }
    actions.push({ kind, wait: random.next(longestWait), a: random.bits(), b: random.bits() });
  }
  return { options, actions };
}
