import type { Entry, Message, ReadState, Ready } from '../../../src/raft/index.js';
import type { Member } from './member.js';

/** What a member tells about itself while it runs. */
export interface Observer {
  started(member: Member): void;
  crashed(member: Member): void;
  ready(member: Member, ready: Ready): void;
  sent(member: Member, message: Message): void;
  /** `happened`: the entry wrote to the store. */
  applied(member: Member, entry: Entry, happened: boolean): void;
  /** The store was replaced by a received snapshot. */
  restored(member: Member): void;
  readable(member: Member, state: ReadState): void;
}
