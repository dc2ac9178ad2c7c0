import type { Time } from '../kernel/time.js';
import { SUCCESS, TIMEOUT } from './causes.js';
import { TIMEOUT_IN_LOOKUP, TIMEOUT_IN_QUEUE, TIMEOUT_IN_SERVICE, TIMEOUT_ON_THE_WAY } from './mechanisms.js';
import type { PodServer, RequestStream } from './pod-server.js';
import { ANSWERED, type RequestTable, TRAVELLING, WAITING } from './request-table.js';

/** Mechanism of a request whose user gives up at `time`: where it has spent most of its time at its pod, if it has reached one. */
export function timeoutMechanism(requests: RequestTable, request: number, time: Time): number {
  const state = requests.state[request]!;
  if (state === ANSWERED && requests.cause[request] !== SUCCESS) return requests.mechanism[request]!;
  // Also of a request that reached its pod only after that.
  if (state === TRAVELLING || requests.arrived[request]! >= time) return requests.mechanism[request] === TIMEOUT_IN_LOOKUP ? TIMEOUT_IN_LOOKUP : TIMEOUT_ON_THE_WAY;
  if (state === WAITING) return TIMEOUT_IN_QUEUE;
  const began = Math.min(requests.began[request]!, time);
  return began - requests.arrived[request]! > time - began ? TIMEOUT_IN_QUEUE : TIMEOUT_IN_SERVICE;
}

/** Counts a request that nobody follows, answered at `end` unless its user has given up before. */
export function recordEnd({ statistics, timeout, sample }: RequestStream, requests: RequestTable, request: number, version: string, cause: number, end: Time): void {
  const sent = requests.sent[request]!;
  const weight = requests.weight[request]!;
  const late = end > sent + timeout;
  const mechanism = late && cause === SUCCESS ? timeoutMechanism(requests, request, sent + timeout) : requests.mechanism[request]!;
  statistics.record(version, late ? TIMEOUT : cause, sent, late ? sent + timeout : end, mechanism, requests.lag[request]!, weight);
  if (sample) sample.count(requests.address[request]!, version, late ? TIMEOUT : cause, end - sent, weight);
}

/** Counts the requests under way whose users have given up by now, each once. */
export function settleTimeouts(requests: RequestTable, streams: readonly RequestStream[], byAddress: readonly (PodServer | undefined)[], now: Time): void {
  for (let request = 1; request < requests.size; request++) {
    const state = requests.state[request]!;
    if (state === 0 || requests.timedOut[request] !== 0) continue;
    const { statistics, timeout, calls, sample } = streams[requests.stream[request]!]!;
    if (calls) continue;
    const sent = requests.sent[request]!;
    if (sent + timeout > now) continue;
    requests.timedOut[request] = 1;
    const server = state === TRAVELLING ? undefined : byAddress[requests.address[request]!];
    statistics.record(server?.version ?? '', TIMEOUT, sent, sent + timeout, timeoutMechanism(requests, request, sent + timeout), -1, requests.weight[request]!);
    if (sample) sample.count(requests.address[request]!, server?.version ?? '', TIMEOUT, timeout, requests.weight[request]!);
  }
}
