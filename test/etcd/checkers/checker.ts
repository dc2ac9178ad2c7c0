import type { Member } from '../../../src/etcd/member.js';
import type { Entry } from '../../../src/raft/index.js';
import { Violation } from '../../raft/checkers/checker.js';
import type { Watching, WatchMessage } from '../chaos/watching.js';
import type { World } from '../chaos/world.js';

/** One promise of an etcd cluster. It watches through these calls, each of which may throw a {@link Violation}. */
export abstract class Checker {
  abstract readonly name: string;

  /** A member runs again, from what its disk had. */
  started(_member: Member, _world: World): void {}
  /** A member's store was replaced by a snapshot of the leader's. */
  restored(_member: Member, _world: World): void {}
  /** A member has applied an entry. */
  applied(_member: Member, _entry: Entry, _world: World): void {}
  /** A member leads from now on. */
  leads(_member: Member, _world: World): void {}
  /** A watch is told something, or opened. */
  told(_watch: Watching, _message: WatchMessage, _world: World): void {}
  /** The faults are over, all members have caught up, and all watches with them. */
  settled(_world: World): void {}
  /** A minority is lost for good; the survivors have caught up. */
  finished(_survivors: readonly Member[], _world: World): void {}

  protected fail(text: string): never {
    throw new Violation(this.name, text);
  }
}
