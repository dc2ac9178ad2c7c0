import { APPEND_THREAD, APPLY_THREAD, type Message, MessageType, NO_ENTRIES, NO_MESSAGES } from './types.js';

/** A message of this type with every other field empty; `send` fills in sender and term. */
export function makeMessage(type: number, to: number): Message {
  return {
    type,
    to,
    from: 0,
    term: 0,
    logTerm: 0,
    index: 0,
    commit: 0,
    vote: 0,
    entries: NO_ENTRIES,
    reject: false,
    rejectHint: 0,
    context: '',
    snapshot: null,
    responses: NO_MESSAGES,
  };
}

/** Empties an append or an acknowledgement that nobody reads any more. */
export function clearMessage(message: Message): void {
  message.from = 0;
  message.term = 0;
  message.logTerm = 0;
  message.index = 0;
  message.commit = 0;
  message.entries = NO_ENTRIES;
  message.reject = false;
  message.rejectHint = 0;
}

/** Empties a queue that is to be filled again: by `pop`, since setting the length gives the room back. */
export function emptyQueue(queue: Message[]): void {
  while (queue.length > 0) queue.pop();
}

/** A queue with one message more. Most queues hold one or two: they are made as large as they are, where `push` reserves seventeen. */
export function appended(queue: Message[], message: Message): Message[] {
  switch (queue.length) {
    case 0:
      return [message];
    case 1:
      return [queue[0]!, message];
    default:
      queue.push(message);
      return queue;
  }
}

/** The same message to another addressee: a received message is shared and never changed. */
export function readdressed(message: Message, to: number): Message {
  return { ...message, to };
}

/** Messages that a node sends to itself only; from the network they are refused. */
export function isLocalMessage(type: number): boolean {
  switch (type) {
    case MessageType.Hup:
    case MessageType.Beat:
    case MessageType.Unreachable:
    case MessageType.SnapStatus:
    case MessageType.CheckQuorum:
    case MessageType.StorageAppend:
    case MessageType.StorageAppendResp:
    case MessageType.StorageApply:
    case MessageType.StorageApplyResp:
      return true;
    default:
      return false;
  }
}

/** Messages that answer something; from a node outside the membership they are refused. */
export function isResponseMessage(type: number): boolean {
  switch (type) {
    case MessageType.AppResp:
    case MessageType.VoteResp:
    case MessageType.HeartbeatResp:
    case MessageType.Unreachable:
    case MessageType.ReadIndexResp:
    case MessageType.PreVoteResp:
    case MessageType.StorageAppendResp:
    case MessageType.StorageApplyResp:
      return true;
    default:
      return false;
  }
}

export function isStorageThread(id: number): boolean {
  return id === APPEND_THREAD || id === APPLY_THREAD;
}
