import type { Duration, Time } from '../kernel/time.js';
import type { PodServer } from './pod-server.js';
import type { RequestTable } from './request-table.js';

/** Time until the last request that a pod holds is answered; `work` tells the service time of one that waits. At least one is in service. */
export function timeToDrain(server: PodServer, requests: RequestTable, now: Time, work: (request: number) => Duration): Duration {
  if (server.processor !== null) {
    const waiting: number[] = [];
    for (let request = server.queueHead; request !== 0; request = requests.next[request]!)
      if (requests.dropped[request] === 0) waiting.push(work(request));
    server.processor.advance(now);
    return server.processor.lastEnd(waiting, server.behaviour.concurrency) - now;
  }
  const ends: number[] = [];
  for (let request = server.serving; request !== 0; request = requests.next[request]!) ends.push(requests.ends[request]!);
  ends.sort((a, b) => a - b);
  let last = ends[ends.length - 1]!;
  for (let request = server.queueHead; request !== 0; request = requests.next[request]!) {
    if (requests.dropped[request] !== 0) continue;
    const end = ends.shift()! + work(request);
    if (end > last) last = end;
    const place = ends.findIndex((other) => other > end);
    ends.splice(place < 0 ? ends.length : place, 0, end);
  }
  // Never 0 while something is held: an answer due at this very instant is still to be sent.
  return Math.max(1, last - now);
}
