import { type Component, Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Duration, MICROSECOND, MILLISECOND, SECOND } from '../kernel/time.js';
import {
  type Entry,
  EntryType,
  MemoryStorage,
  type Message,
  MessageType,
  NO_LIMIT,
  NONE,
  RawNode,
  Role,
} from '../raft/index.js';
import { Randomness, type Stream } from '../random/stream.js';

/**
 * The election experiment of the Raft paper (Ongaro and Ousterhout 2014, figure 16): the leader of five servers is crashed at a
 * random instant of its heartbeat interval, which is half of the least election timeout; a broadcast takes 15 ms; logs have
 * different lengths, so that only two of the four left can win. How long is there no leader?
 */
export interface PaperExperiment {
  /** Election timeouts are drawn from [minimum, minimum + spread]. */
  readonly minimum: Duration;
  readonly spread: Duration;
  readonly trials: number;
  readonly seed: string;
}

/** What the paper says of one row; absent figures it does not give. */
export interface PaperRow {
  readonly name: string;
  readonly minimum: Duration;
  readonly spread: Duration;
  readonly median?: Duration;
  readonly mean?: Duration;
  readonly worst?: Duration;
}

export const PAPER_ROWS: readonly PaperRow[] = [
  { name: '150-155 ms', minimum: 150 * MILLISECOND, spread: 5 * MILLISECOND, median: 287 * MILLISECOND },
  { name: '150-200 ms', minimum: 150 * MILLISECOND, spread: 50 * MILLISECOND, worst: 513 * MILLISECOND },
  {
    name: '12-24 ms',
    minimum: 12 * MILLISECOND,
    spread: 12 * MILLISECOND,
    mean: 35 * MILLISECOND,
    worst: 152 * MILLISECOND,
  },
];

const SERVERS = 5;
/** Timers are read this often. */
const TICK = 500 * MICROSECOND;
/** A trial without a leader by then counts as that long. */
const LIMIT = 10 * SECOND;
const TICK_EVENT = 0;
const MESSAGE_EVENT = 1;

/** Gives election timeouts the spread of the experiment instead of the library's own. */
class SpreadDraws {
  private readonly stream: Stream;
  private readonly ticks: number;

  constructor(stream: Stream, ticks: number) {
    this.stream = stream;
    this.ticks = ticks;
  }

  next(): number {
    return this.ticks === 0 ? 0 : this.stream.integer(this.ticks + 1);
  }
}

/** The servers that are left after the crash. */
class Election implements Component {
  readonly name = 'election';
  elected = false;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly nodes: RawNode[] = [];
  private readonly storages: MemoryStorage[] = [];
  private readonly messages = new Slots<Message>();
  private readonly delays: Stream;

  constructor(simulation: Simulation, experiment: PaperExperiment, randomness: Randomness) {
    this.simulation = simulation;
    this.target = simulation.add(this);
    this.delays = randomness.stream('delays');
    const draws = randomness.stream('timeouts');
    const electionTick = Math.round(experiment.minimum / TICK);
    // The crash comes at a random age of the last heartbeat, which restarted all timers.
    const age = draws.next() * (experiment.minimum / 2);
    for (let i = 0; i < SERVERS - 1; i++) {
      const storage = log(i + 1);
      this.storages.push(storage);
      this.nodes.push(
        new RawNode({
          id: i + 1,
          electionTick,
          heartbeatTick: Math.max(1, Math.floor(electionTick / 2)),
          storage,
          random: new SpreadDraws(draws, Math.round(experiment.spread / TICK)),
          applied: 0,
          asyncStorageWrites: false,
          maxSizePerMsg: NO_LIMIT,
          maxCommittedSizePerReady: NO_LIMIT,
          maxUncommittedEntriesSize: 0,
          maxInflightMsgs: 256,
          maxInflightBytes: 0,
          checkQuorum: false,
          preVote: false,
          readOnlyLeaseBased: false,
          disableProposalForwarding: false,
          disableConfChangeValidation: false,
          stepDownOnRemoval: false,
        }),
      );
      // The heartbeat reached each server after its own delay; time 0 is the crash.
      const heard = this.delay(null) - age;
      const first = heard + draws.next() * TICK;
      const missed = Math.max(0, Math.ceil(-first / TICK));
      this.nodes[i]!.advanceElectionClock(missed);
      simulation.schedule(Math.round(first + missed * TICK), this.target, TICK_EVENT, i);
    }
  }

  handle(opcode: number, argument: number): void {
    if (opcode === TICK_EVENT) {
      this.simulation.schedule(TICK, this.target, TICK_EVENT, argument);
      this.nodes[argument]!.tick();
      this.work(argument);
      return;
    }
    const message = this.messages.take(argument);
    this.step(this.nodes[message.to - 1]!, message);
    this.work(message.to - 1);
  }

  /**
   * The paper's servers restart the election timer when they grant a vote or campaign; etcd's do also when they learn of a newer
   * term or have lost a vote. The experiment is the paper's, so the timer runs on in these two cases.
   */
  private step(node: RawNode, message: Message): void {
    const { raft } = node;
    const { electionElapsed, randomizedElectionTimeout, role, term } = raft;
    node.step(message);
    const refused = message.type === MessageType.Vote && role === Role.Follower && raft.vote === NONE;
    const lost =
      message.type === MessageType.VoteResp &&
      role === Role.Candidate &&
      raft.role === Role.Follower &&
      raft.term === term;
    if (!refused && !lost) return;
    raft.electionElapsed = electionElapsed;
    raft.randomizedElectionTimeout = randomizedElectionTimeout;
  }

  private work(index: number): void {
    const node = this.nodes[index]!;
    while (node.hasReady()) {
      const ready = node.ready();
      if (ready.hardState !== null) this.storages[index]!.setHardState(ready.hardState);
      this.storages[index]!.append(ready.entries);
      for (const message of ready.messages) {
        if (message.to <= this.nodes.length)
          this.simulation.schedule(this.delay(message), this.target, MESSAGE_EVENT, this.messages.put(message));
      }
      node.advance();
    }
    if (node.role === Role.Leader) {
      this.elected = true;
      this.simulation.stop();
    }
  }

  /** One way: requests travel and are read; answers wait for the voter's disk. */
  private delay(message: Message | null): Duration {
    const answer = message !== null && message.type === MessageType.VoteResp;
    return answer ? ANSWER + this.delays.next() * ANSWER_SPREAD : REQUEST + this.delays.next() * REQUEST_SPREAD;
  }
}

/**
 * A broadcast with all its answers takes about 15 ms: requests arrive soon, answers after the vote is on disk. Requests of
 * half a broadcast would never let a timer spread of 5 ms elect anyone, and the paper's servers took two rounds at it.
 */
const REQUEST = 2.5 * MILLISECOND;
const REQUEST_SPREAD = 1 * MILLISECOND;
const ANSWER = 1.5 * MILLISECOND;
const ANSWER_SPREAD = 10.5 * MILLISECOND;

/** A log of `length` entries beyond the committed one. */
function log(length: number): MemoryStorage {
  const storage = new MemoryStorage();
  const voters = Array.from({ length: SERVERS }, (_, i) => i + 1);
  const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  storage.applySnapshot({ index: 1, term: 1, confState, data: null, dataLength: 0 });
  storage.setHardState({ term: 1, vote: NONE, commit: 1 });
  const entries: Entry[] = [];
  for (let i = 0; i < length; i++)
    entries.push({ term: 1, index: i + 2, type: EntryType.Normal, data: null, dataLength: -1 });
  storage.append(entries);
  return storage;
}

/** Without any spread: of `trials`, how many had no leader after ten seconds. */
export function paperTrialsWithoutLeader(trials: number, seed: string): number {
  const times = paperElections({ minimum: 150 * MILLISECOND, spread: 0, trials, seed });
  return times.filter((time) => time >= LIMIT).length;
}

/** Ascending times without leader, nanoseconds. */
export function paperElections(experiment: PaperExperiment): Float64Array {
  const times = new Float64Array(experiment.trials);
  for (let trial = 0; trial < experiment.trials; trial++) {
    const simulation = new Simulation();
    const election = new Election(simulation, experiment, new Randomness(`${experiment.seed}/${trial}`));
    simulation.run(LIMIT);
    times[trial] = election.elected ? simulation.now : LIMIT;
  }
  return times.sort();
}
