import type { EventHandle } from '../kernel/simulation.js';
import { MILLISECOND, SECOND, type Time } from '../kernel/time.js';
import type { Member } from './member.js';
import { MEMBER_OPCODE } from './opcodes.js';

/** lessor.go: the leader looks for expired leases this often and revokes at most this many each time. */
const EXPIRY_SCAN_INTERVAL = 500 * MILLISECOND;
const MAX_REVOKES_PER_SCAN = 500;
/** server.go: revocations proposed and not yet applied. */
const MAX_PENDING_REVOKES = 16;
/** lessor.go: a revocation that was not applied by then is tried again. */
const REVOKE_RETRY = 3 * SECOND;
/** lessor.go, Promote: with this many leases, expiries after a leader change are spread at 3/4 of the revoke rate. */
const LEASE_REVOKE_RATE = 1000;

interface Expiry {
  readonly id: number;
  at: Time;
}

/**
 * When leases expire: kept by the leader only. A new leader gives every lease its full time again, so that no lease ends
 * earlier than its owner may think.
 */
export class LeaseClock {
  private readonly member: Member;
  /** Sorted by instant; leases of one TTL are appended at the end. */
  private expiries: Expiry[] = [];
  private expired: number[] = [];
  private pendingRevokes = 0;
  private leading = false;
  private timer: EventHandle = 0;

  constructor(member: Member) {
    this.member = member;
  }

  /** The member became leader: all leases start anew, extended by the election timeout. */
  promote(): void {
    const { member } = this;
    this.leading = true;
    this.expired = [];
    this.pendingRevokes = 0;
    const { now } = member.simulation;
    const leases = member.store.lessor.list();
    this.expiries = leases.map((lease) => ({
      id: lease.id,
      at: now + lease.ttlSeconds * SECOND + member.electionTimeout,
    }));
    this.expiries.sort((a, b) => a.at - b.at || a.id - b.id);
    if (leases.length >= LEASE_REVOKE_RATE) this.spread(now);
    if (leases.length > 0) this.arm();
  }

  /** The member lost the leadership. */
  demote(): void {
    this.leading = false;
    this.expiries = [];
    this.expired = [];
    this.member.simulation.cancel(this.timer);
    this.timer = 0;
  }

  granted(id: number): void {
    const { member } = this;
    member.metrics.debuggingLeaseGrantedTotal++;
    member.metrics.debuggingLeaseTtl.observeValue(member.store.lessor.ttlSeconds(id)!);
    if (!this.leading) return;
    this.insert({ id, at: member.simulation.now + member.store.lessor.ttlSeconds(id)! * SECOND });
    if (this.timer === 0 || this.expiries[0]!.id === id) this.arm();
  }

  /** A lease is gone from the store. */
  revoked(_id: number): void {
    this.member.metrics.debuggingLeaseRevokedTotal++;
    if (!this.leading) return;
    if (this.pendingRevokes > 0) this.pendingRevokes--;
    this.propose();
  }

  /** A revocation was not applied in time. */
  revokeFailed(): void {
    if (this.pendingRevokes > 0) this.pendingRevokes--;
  }

  /** A client renewed a lease: its full time starts again. False: no such lease, or this member does not lead. */
  renew(id: number): boolean {
    const ttl = this.member.store.lessor.ttlSeconds(id);
    if (!this.leading || ttl === undefined) return false;
    const position = this.expiries.findIndex((expiry) => expiry.id === id);
    if (position >= 0) this.expiries.splice(position, 1);
    this.insert({ id, at: this.member.simulation.now + ttl * SECOND });
    return true;
  }

  /** The scan for expired leases. */
  scan(): void {
    this.timer = 0;
    if (!this.leading) return;
    const { member } = this;
    const { now } = member.simulation;
    let count = 0;
    while (count < MAX_REVOKES_PER_SCAN && count < this.expiries.length && this.expiries[count]!.at <= now) count++;
    if (count > 0) {
      for (const expiry of this.expiries.splice(0, count)) {
        if (!member.store.lessor.has(expiry.id)) continue;
        this.expired.push(expiry.id);
        member.metrics.debuggingServerLeaseExpiredTotal++;
        // Comes up again if the revocation is lost with a leader or a timeout.
        this.insert({ id: expiry.id, at: now + REVOKE_RETRY });
      }
      this.propose();
    }
    if (this.expiries.length > 0) this.arm();
  }

  private propose(): void {
    while (this.expired.length > 0 && this.pendingRevokes < MAX_PENDING_REVOKES) {
      const id = this.expired.shift()!;
      if (!this.member.store.lessor.has(id)) continue;
      this.pendingRevokes++;
      this.member.proposals.submitOwn({ op: 'leaseRevoke', id });
    }
  }

  private insert(expiry: Expiry): void {
    let position = this.expiries.length;
    while (position > 0 && this.expiries[position - 1]!.at > expiry.at) position--;
    this.expiries.splice(position, 0, expiry);
  }

  /** No more expiries in one second than three quarters of the revoke rate. */
  private spread(now: Time): void {
    const perSecond = (3 * LEASE_REVOKE_RATE) / 4;
    let window = this.expiries[0]!.at;
    let inWindow = 0;
    let shift = 0;
    for (const expiry of this.expiries) {
      const at = Math.max(expiry.at, now) + shift;
      if (at - window >= SECOND) {
        window = at;
        inWindow = 0;
      } else if (++inWindow >= perSecond) {
        shift += SECOND - (at - window);
        window += SECOND;
        inWindow = 0;
      }
      expiry.at += shift;
    }
  }

  private arm(): void {
    const { member } = this;
    const next = Math.max(this.expiries[0]!.at, member.simulation.now);
    // Scans run on a grid of their interval; those that would find nothing are left out.
    const at = (Math.floor(next / EXPIRY_SCAN_INTERVAL) + 1) * EXPIRY_SCAN_INTERVAL;
    member.simulation.cancel(this.timer);
    this.timer = member.simulation.scheduleAt(at, member.target, MEMBER_OPCODE.LeaseScan, member.incarnation);
  }
}
