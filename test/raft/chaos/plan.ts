/** Pseudo-random integers for schedules (splitmix32): small, seeded, the same everywhere. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A 31-bit integer. */
  bits(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 1;
  }

  next(bound: number): number {
    return this.bits() % bound;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.next(list.length)]!;
  }
}

/** What a schedule may contain. `a` and `b` choose among what is there when the action runs. */
export const ActionKind = {
  /** One tick of a member. */
  Tick: 0,
  /** The next one to four stages of a member's ready loop, disk or apply queue. */
  Work: 1,
  /** Delivery of one of the oldest messages. */
  Deliver: 2,
  Drop: 3,
  /** A second copy of a message, which may come much later. */
  Duplicate: 4,
  /** A crash; some of the writes not yet synced survive. */
  Crash: 5,
  Restart: 6,
  /** Cuts one direction of one link. */
  Cut: 7,
  /** Splits the members in two. */
  Partition: 8,
  Heal: 9,
  Put: 10,
  Get: 11,
  CompareAndSwap: 12,
  /** A client stops waiting: the outcome of its operation stays open. */
  GiveUp: 13,
  ConfChange: 14,
  Transfer: 15,
  Forget: 16,
  Campaign: 17,
  /** The applied state becomes durable. */
  Flush: 18,
  /** Snapshot of the durable applied state, and compaction of the log before it. */
  Compact: 19,
  Unreachable: 20,
} as const;

export const ACTION_NAMES: readonly string[] = Object.keys(ActionKind);

export interface Action {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
}

/** The surroundings of a schedule. */
export interface ChaosOptions {
  readonly seed: number;
  readonly members: number;
  readonly asyncWrites: boolean;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly stepDownOnRemoval: boolean;
  readonly confChanges: boolean;
  /** Deliveries choose among this many of the oldest messages: 1 keeps their order. */
  readonly reorder: number;
  /** Per cent of deliveries that fail. */
  readonly loss: number;
  /** A member whose disk does one of eight turns only; 0: none. */
  readonly slowDisk: number;
  readonly maxSizePerMsg: number;
  readonly maxInflightMsgs: number;
}

export interface ChaosPlan {
  readonly options: ChaosOptions;
  readonly actions: readonly Action[];
}

/** Election timeout and heartbeat of chaos members, in ticks: short, so that a schedule holds many elections. */
export const ELECTION_TICK = 5;
export const HEARTBEAT_TICK = 1;

type Weights = readonly (readonly [number, number])[];

/** What always happens, by weight. */
const ALWAYS: Weights = [
  [ActionKind.Work, 420],
  [ActionKind.Deliver, 420],
  [ActionKind.Put, 40],
  [ActionKind.Get, 25],
  [ActionKind.CompareAndSwap, 20],
  [ActionKind.GiveUp, 12],
  [ActionKind.Flush, 10],
  [ActionKind.Unreachable, 2],
  [ActionKind.Restart, 15],
  [ActionKind.Heal, 3],
];

const TICKS: Weights = [[ActionKind.Tick, 90]];
const PARTITIONS: Weights = [
  [ActionKind.Cut, 3],
  [ActionKind.Partition, 3],
];
const COMMANDS: Weights = [
  [ActionKind.Transfer, 4],
  [ActionKind.Forget, 3],
  [ActionKind.Campaign, 8],
];
const DUPLICATES: Weights = [
  [ActionKind.Drop, 30],
  [ActionKind.Duplicate, 30],
];

/** What some schedules add. */
const SOMETIMES: readonly Weights[] = [
  DUPLICATES,
  [[ActionKind.Crash, 4]],
  [[ActionKind.Crash, 10]],
  PARTITIONS,
  [[ActionKind.Compact, 25]],
  COMMANDS,
];

/** Kinds of trouble, each of which gets its share of the schedules; the first is everything by chance. */
const FLAVOURS: readonly Weights[] = [
  TICKS,
  // Elections all the time: logs that diverge in many terms.
  [
    [ActionKind.Tick, 10],
    [ActionKind.Campaign, 40],
    [ActionKind.Drop, 60],
    [ActionKind.Put, 60],
    [ActionKind.Crash, 4],
    [ActionKind.Partition, 4],
    [ActionKind.Heal, 6],
  ],
  // Members come and go.
  [...TICKS, ...PARTITIONS, [ActionKind.ConfChange, 30], [ActionKind.Campaign, 30], [ActionKind.Transfer, 4]],
  // Reads from leaders that may have been replaced.
  [...TICKS, ...PARTITIONS, [ActionKind.Campaign, 8], [ActionKind.Get, 60], [ActionKind.Put, 20]],
  // Snapshots, some of them late.
  [...TICKS, ...DUPLICATES, [ActionKind.Compact, 50], [ActionKind.Flush, 30], [ActionKind.Crash, 6]],
];
const ELECTIONS = 1;
const MEMBERSHIP = 2;
const READS = 3;

const SHORTEST = 500;
const LONGEST = 3500;

/** The schedule of a seed: surroundings and actions, a pure function of it. */
export function planOf(seed: number): ChaosPlan {
  const random = new Random(Math.imul(seed, 0x85ebca6b) ^ 0x5bd1e995);
  const flag = () => random.next(2) === 0;
  const flavour = random.next(FLAVOURS.length);
  const members = random.pick(flavour === READS ? [3, 5] : [3, 3, 3, 4, 5]);
  const options: ChaosOptions = {
    seed,
    members,
    asyncWrites: flavour === ELECTIONS ? random.next(4) > 0 : flag(),
    preVote: flag(),
    // A leader that checks its quorum does not stay behind a partition for long.
    checkQuorum: flavour === READS ? random.next(4) === 0 : flag(),
    stepDownOnRemoval: flag(),
    confChanges: flavour === MEMBERSHIP || random.next(5) === 0,
    reorder: random.pick([1, 3, 12]),
    loss: random.pick([0, 0, 2, 15]),
    slowDisk: random.next(3) === 0 ? 1 + random.next(members) : 0,
    maxSizePerMsg: flavour === ELECTIONS ? 0 : random.pick([0, 120, 1_000_000]),
    maxInflightMsgs: random.pick([1, 3, 256]),
  };
  const weights = [...ALWAYS, ...FLAVOURS[flavour]!];
  if (flavour === 0) for (const group of SOMETIMES) if (flag()) weights.push(...group);
  if (options.confChanges) weights.push([ActionKind.ConfChange, 12]);
  let total = 0;
  for (const [, weight] of weights) total += weight;
  const count = SHORTEST + random.next(LONGEST - SHORTEST);
  const actions: Action[] = [];
  for (let i = 0; i < count; i++) {
    let at = random.next(total);
    let kind = 0;
    for (const [candidate, weight] of weights) {
      kind = candidate;
      if ((at -= weight) < 0) break;
    }
    actions.push({ kind, a: random.bits(), b: random.bits() });
  }
  return { options, actions };
}
