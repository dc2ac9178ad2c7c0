import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  type Entry,
  type Message,
  MessageType,
  type ProgressView,
  type Snapshot,
} from '../raft/index.js';

/**
 * The recording format `raft-golden/1`: one header line, then one step per line, each an input with all outputs that etcd's raft gave.
 * Absent fields mean zero, empty or unchanged.
 */
export const RECORDING_FORMAT = 'raft-golden/1';

/** A JSON value in the shape in which recordings state outputs. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [field: string]: Value };

export interface RecordedConfig {
  readonly electionTick: number;
  readonly heartbeatTick: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly leaseRead: boolean;
  readonly async: boolean;
  readonly maxSizePerMsg: number;
  readonly maxCommittedSizePerReady: number;
  readonly maxUncommittedSize: number;
  readonly maxInflightMsgs: number;
  readonly maxInflightBytes: number;
  readonly disableProposalForwarding: boolean;
  readonly stepDownOnRemoval: boolean;
  readonly disableConfChangeValidation: boolean;
}

export interface RecordedHeader {
  readonly fmt: string;
  readonly name: string;
  readonly seed: number;
  readonly cfg: RecordedConfig;
}

/** Inputs and outputs of one step; see {@link Value} for the outputs. */
export interface RecordedStep {
  readonly s: number;
  readonly op: string;
  readonly n?: number;
  readonly boot?: string;
  readonly v?: readonly number[];
  readonly l?: readonly number[];
  readonly size?: number;
  readonly k?: number;
  readonly cc?: readonly { readonly t: string; readonly n: number }[];
  readonly tr?: string;
  readonly len?: number;
  readonly to?: number;
  readonly x?: string;
  readonly fail?: number | boolean;
  readonly m?: number;
  readonly keep?: number;
  readonly from?: string;
  readonly rnd?: readonly number[];
  readonly st?: readonly number[];
  readonly pr?: { readonly [id: string]: readonly number[] };
  readonly hr?: number;
}

/** The lines of a recording, still as text: parsing is left to the reader's pace. Plain or gzip'd. */
export function readRecording(path: string): string[] {
  const bytes = readFileSync(path);
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
  const lines = text.split('\n');
  while (lines.length > 0 && lines[lines.length - 1] === '') lines.pop();
  return lines;
}

/** The two storage threads' ids exceed what a number holds exactly: they become the port's own before parsing. */
export function parseLine(line: string): unknown {
  if (line.includes('184467440737095516')) {
    line = line
      .replaceAll('18446744073709551615', String(APPEND_THREAD))
      .replaceAll('18446744073709551614', String(APPLY_THREAD));
  }
  return JSON.parse(line);
}

const TYPE_NAMES: readonly string[] = Object.keys(MessageType);

export function entryValue(entry: Entry): Value {
  return [entry.term, entry.index, entry.type, Math.max(entry.dataLength, 0)];
}

export function entryValues(entries: readonly Entry[]): Value[] {
  return entries.map(entryValue);
}

/** `voters|learners`, in a joint configuration also `|outgoing|next`, and `|auto` when it is left by itself. */
export function confStateText(state: ConfState): string {
  let text = `${state.voters.join(',')}|${state.learners.join(',')}`;
  if (state.votersOutgoing.length > 0) text += `|${state.votersOutgoing.join(',')}|${state.learnersNext.join(',')}`;
  return state.autoLeave ? `${text}|auto` : text;
}

export function snapshotValue(snapshot: Snapshot): Value {
  return { i: snapshot.index, t: snapshot.term, cs: confStateText(snapshot.confState) };
}

/** A message in the recording's fields; zero fields are left out. `id` 0: not a network message. */
export function messageValue(message: Message, id: number): Value {
  const value: { [field: string]: Value } = {};
  if (id > 0) value.id = id;
  value.y = TYPE_NAMES[message.type]!;
  if (message.from !== 0) value.f = message.from;
  if (message.to !== 0) value.o = message.to;
  if (message.term !== 0) value.t = message.term;
  if (message.logTerm !== 0) value.lt = message.logTerm;
  if (message.index !== 0) value.i = message.index;
  if (message.commit !== 0) value.c = message.commit;
  if (message.vote !== 0) value.vt = message.vote;
  if (message.entries.length > 0) value.e = entryValues(message.entries);
  if (message.reject) value.r = 1;
  if (message.rejectHint !== 0) value.h = message.rejectHint;
  if (message.context !== '') {
    // etcd carries a read's context as the data of one entry, elsewhere as the message's context.
    const isRead = message.type === MessageType.ReadIndex || message.type === MessageType.ReadIndexResp;
    if (isRead) value.e = [[0, 0, 0, Buffer.byteLength(message.context)]];
    else value.x = message.context;
  }
  if (message.snapshot !== null) value.s = snapshotValue(message.snapshot);
  if (message.responses.length > 0) value.rs = message.responses.map((response) => messageValue(response, 0));
  return value;
}

/** Progress as recorded; in flight counts messages. */
export function progressValue(progress: ProgressView): readonly number[] {
  return [
    progress.match,
    progress.next,
    progress.state,
    progress.appendPaused ? 1 : 0,
    progress.recentActive ? 1 : 0,
    progress.inflightCount,
    progress.pendingSnapshot,
    progress.isLearner ? 1 : 0,
  ];
}

const CHANGE_TYPES = new Map<string, number>([
  ['add', ConfChangeType.AddNode],
  ['remove', ConfChangeType.RemoveNode],
  ['update', ConfChangeType.UpdateNode],
  ['learner', ConfChangeType.AddLearnerNode],
]);

const TRANSITIONS = new Map<string, number>([
  ['implicit', ConfChangeTransition.JointImplicit],
  ['explicit', ConfChangeTransition.JointExplicit],
]);

/** The configuration change that a `propcc` step proposes. Throws RangeError for a kind it does not know. */
export function recordedChange(step: RecordedStep): ConfChange {
  const changes = (step.cc ?? []).map(({ t, n }) => {
    const type = CHANGE_TYPES.get(t);
    if (type === undefined) throw new RangeError(`unknown configuration change ${t}`);
    return { type, node: n };
  });
  return { transition: TRANSITIONS.get(step.tr ?? '') ?? ConfChangeTransition.Auto, changes, context: null };
}

/** Structural equality; an absent field equals no field. */
export function sameValue(left: Value | undefined, right: Value | undefined): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false;
    for (let i = 0; i < left.length; i++) if (!sameValue(left[i], right[i])) return false;
    return true;
  }
  if (Array.isArray(right)) return false;
  const first = left as { readonly [field: string]: Value };
  const second = right as { readonly [field: string]: Value };
  let count = 0;
  for (const field in first) {
    count++;
    if (!sameValue(first[field], second[field])) return false;
  }
  for (const _ in second) count--;
  return count === 0;
}
