import { makeMessage } from './messages.js';
import type { Raft } from './raft.js';
import { step } from './step.js';
import { type Message, MessageType, NONE, Role } from './types.js';

/** One tick of the logical clock. */
export function tick(raft: Raft): void {
  if (raft.role === Role.Leader) tickLeader(raft);
  else tickOther(raft);
}

function tickOther(raft: Raft): void {
  raft.electionElapsed++;
  if (raft.electionElapsed >= raft.randomizedElectionTimeout && raft.promotable()) {
    raft.electionElapsed = 0;
    step(raft, makeLocal(raft, MessageType.Hup));
  }
}

function tickLeader(raft: Raft): void {
  raft.heartbeatElapsed++;
  raft.electionElapsed++;
  if (raft.electionElapsed >= raft.electionTimeout) {
    raft.electionElapsed = 0;
    if (raft.checkQuorum) step(raft, makeLocal(raft, MessageType.CheckQuorum));
    // A transfer that took an election timeout has failed: lead on. (The quorum check may have ended leadership.)
    if (isLeader(raft)) raft.leadTransferee = NONE;
  }
  if (isLeader(raft) && raft.heartbeatElapsed >= raft.heartbeatTimeout) {
    raft.heartbeatElapsed = 0;
    step(raft, makeLocal(raft, MessageType.Beat));
  }
}

function isLeader(raft: Raft): boolean {
  return raft.role === Role.Leader;
}

function makeLocal(raft: Raft, type: number): Message {
  const message = makeMessage(type, NONE);
  message.from = raft.id;
  return message;
}
