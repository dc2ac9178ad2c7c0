import type { Duration, Time } from '../kernel/time.js';
import type { Snapshot } from '../raft/index.js';
import { sample } from '../random/distribution.js';
import type { Member } from './member.js';
import { Store } from './mvcc.js';
import { MEMBER_OPCODE } from './opcodes.js';
import type { StoreSnapshot } from './records.js';

/** What is done with a member's database file as a whole: defragmentation, snapshots out and in. */

/** Blocks the member's backend for a defragmentation. */
export function defragment(member: Member, duration: Duration): void {
  if (!member.running) return;
  member.applier.setLocked(true);
  member.metrics.diskDefragInflight = 1;
  member.metrics.diskBackendDefragDurationSeconds.observe(duration);
  member.simulation.post(duration, member.target, MEMBER_OPCODE.DefragmentDone, member.incarnation);
}

/** The copy without holes has taken the file's place. */
export function defragmented(member: Member): void {
  member.store.defragment();
  member.metrics.diskDefragInflight = 0;
  member.applier.setLocked(false);
  member.requests.unblock();
}

/** State for a follower whose log is too far behind. */
export function takeSnapshot(member: Member): Snapshot {
  const index = member.applier.appliedIndex;
  const data: StoreSnapshot = member.store.snapshot();
  return { index, term: member.storage.term(index), confState: member.confState, data, dataLength: member.store.size };
}

/** Replaces log and store by the leader's snapshot. */
export function restoreSnapshot(member: Member, snapshot: Snapshot): void {
  member.metrics.snapDbFsyncDurationSeconds.observe(syncFile(member));
  member.storage.applySnapshot(snapshot);
  member.wal.restore(snapshot);
  const { keys } = member.store;
  member.store.release();
  member.store = Store.restore(snapshot.data as StoreSnapshot, member.spec.quotaBackendBytes, keys);
  member.noSpaceRaised = member.store.noSpace;
  member.confState = snapshot.confState;
  member.applier.appliedIndex = snapshot.index;
  member.applier.committed();
  member.loop.committedIndex = Math.max(member.loop.committedIndex, snapshot.index);
  member.watchServer.storeReplaced();
}

/** Syncs a small file beside the database, such as a snapshot's; returns how long it takes. Nobody waits for it but the disk. */
export function syncFile(member: Member): Duration {
  const now: Time = member.simulation.now;
  return member.dataDisk.operate(now, sample(member.costs.fsync, member.diskStream)) - now;
}
