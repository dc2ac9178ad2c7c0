import { MILLISECOND, SECOND } from '../kernel/time.js';
import { RawNode } from '../raft/index.js';
import type { Member } from './member.js';
import { MemberMetrics } from './metrics.js';
import { MEMBER_OPCODE } from './opcodes.js';
import { PEER_PROBE_INTERVAL } from './peers.js';

/** bootstrap.go, raftConfig: raft limits of etcd. */
const MAX_SIZE_PER_MESSAGE = 1024 * 1024;
const MAX_INFLIGHT_MESSAGES = 512;
/** server.go, adjustTicks: a joining member looks for its peers this often, this many times. */
const ADVANCE_TICKS_INTERVAL = 50 * MILLISECOND;
const ADVANCE_TICKS_ATTEMPTS = 100;
/** embed/config.go, DefaultWaitClusterReadyTimeout: a member without its cluster serves clients after this long. */
const SERVE_WITHOUT_CLUSTER = 5 * SECOND;

/** How a member's process starts: it reads its log back, takes part in raft, joins its cluster, and only then serves clients. */
export class Startup {
  private readonly member: Member;
  private advanceAttempts = 0;

  constructor(member: Member) {
    this.member = member;
  }

  /** Starts the process, unless it runs or must not. `warm`: as if it had been running for long. */
  start(warm: boolean): void {
    const { member } = this;
    if (member.removed || member.running || member.booting) return;
    member.incarnation++;
    const replay = warm ? 0 : (member.costs.walReplayCpu ?? 0) * member.wal.length;
    if (replay === 0 && (warm || member.spec.initialCorruptCheck !== true)) {
      this.boot(warm);
      return;
    }
    member.booting = true;
    member.simulation.schedule(replay, member.target, MEMBER_OPCODE.Booted, member.incarnation);
  }

  /** The log is read. The member takes part, or first compares its data with its peers'. */
  replayed(): void {
    const { member } = this;
    if (member.spec.initialCorruptCheck !== true) {
      this.boot(false);
      return;
    }
    const wait = member.corruption.ask();
    member.simulation.post(wait, member.target, MEMBER_OPCODE.PeersCompared, member.incarnation);
  }

  /** The peers have answered: a member that holds other data than any of them does not start. */
  compared(): void {
    const { member } = this;
    if (member.corruption.differing().length > 0) member.crash();
    else this.boot(false);
  }

  /** Raft begins from what is on disk. */
  boot(warm: boolean): void {
    const { member } = this;
    member.booting = false;
    member.running = true;
    member.serving = warm;
    member.metrics = new MemberMetrics();
    if (!warm) member.storage = member.wal.recover();
    member.storage.setConfState(member.confState);
    member.node = this.node();
    member.loop.restart();
    const { simulation, target, incarnation } = member;
    member.lastTick = simulation.now;
    const phase = member.electionDraws.phase(member.spec.heartbeatInterval);
    simulation.schedule(phase, target, MEMBER_OPCODE.Tick, incarnation);
    simulation.schedule(PEER_PROBE_INTERVAL, target, MEMBER_OPCODE.PeerProbe, incarnation);
    member.corruption.restart();
    if (!warm) this.join();
  }

  /** A (re)joining member that sees its peers need not wait a full election timeout for a leader that may be gone. */
  advanceTicks(): void {
    const { member } = this;
    if (member.peers.active(member) > 1) member.node.advanceElectionClock(member.electionTicks - 2);
    else if (++this.advanceAttempts < ADVANCE_TICKS_ATTEMPTS) this.armAdvance();
  }

  private join(): void {
    const { member } = this;
    member.applier.restart();
    member.simulation.schedule(SERVE_WITHOUT_CLUSTER, member.target, MEMBER_OPCODE.Serve, member.incarnation);
    member.proposals.submitOwn({ op: 'publish' });
    this.advanceAttempts = 0;
    if (member.confState.voters.length === 1) member.node.advanceElectionClock(member.electionTicks - 1);
    else this.armAdvance();
  }

  private armAdvance(): void {
    const { simulation, target, incarnation } = this.member;
    simulation.schedule(ADVANCE_TICKS_INTERVAL, target, MEMBER_OPCODE.AdvanceTicks, incarnation);
  }

  private node(): RawNode {
    const { member } = this;
    return new RawNode({
      id: member.id,
      electionTick: member.electionTicks,
      heartbeatTick: 1,
      storage: member.storage,
      random: member.electionDraws,
      // A commit index that was not synced may be behind the backend; what raft then brings up again is skipped.
      applied: Math.min(member.applier.appliedIndex, member.storage.initialHardState().commit),
      asyncStorageWrites: false,
      maxSizePerMsg: MAX_SIZE_PER_MESSAGE,
      maxCommittedSizePerReady: MAX_SIZE_PER_MESSAGE,
      maxUncommittedEntriesSize: 0,
      maxInflightMsgs: MAX_INFLIGHT_MESSAGES,
      maxInflightBytes: 0,
      checkQuorum: member.checkQuorum,
      preVote: true,
      readOnlyLeaseBased: false,
      disableProposalForwarding: false,
      disableConfChangeValidation: false,
      stepDownOnRemoval: false,
      // Peers.sendAll sends the last one only.
      mergeAcknowledgements: true,
      reuse: true,
    });
  }
}
