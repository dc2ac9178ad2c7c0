import type { Time } from '../kernel/time.js';
import type { DrawCursor } from '../node/draws.js';
import type { ImageBehaviour, RequestBehaviour } from '../scenario/types.js';
import { CpuShare } from './cpu-share.js';
import type { PodSample } from './sampling.js';
import type { SessionClients } from './sessions.js';
import type { ServiceStatistics } from './statistics.js';

/** The serving side of one pod: `concurrency` requests in service, the others in a first-come, first-served queue. */
export class PodServer {
  readonly uid: string;
  readonly version: string;
  readonly host: number;
  readonly address: number;
  readonly behaviour: RequestBehaviour;
  accepting = true;
  inService = 0;
  queued = 0;
  /** Of those in service: requests that wait for their calls to other Services. */
  calling = 0;
  /** Requests of the queue, linked by `next`; 0: none. */
  queueHead = 0;
  queueTail = 0;
  /** Requests in service, linked both ways; 0: none. */
  serving = 0;
  /** Processor time that requests have used up to `since`, nanoseconds. */
  cpuTime = 0;
  since: Time;
  /** When it began to listen. */
  readonly started: Time;
  /** Millicores and bytes without requests. */
  readonly usage: ImageBehaviour['usage'];
  /** What requests in service share; null: each has its own. */
  readonly processor: CpuShare | null;
  /** Handle of the event of its processor; 0: none. */
  processorEvent = 0;

  /** @param cpuLimit cores of the container's limit; Infinity: none */
  constructor(
    uid: string,
    version: string,
    host: number,
    address: number,
    { request, usage }: ImageBehaviour,
    now: Time,
    cpuLimit: number,
  ) {
    this.uid = uid;
    this.version = version;
    this.host = host;
    this.address = address;
    this.behaviour = request;
    this.usage = usage;
    this.started = now;
    this.since = now;
    const { processor } = request;
    this.processor = processor === undefined ? null : new CpuShare(processor.cores ?? Number.POSITIVE_INFINITY, cpuLimit, now);
  }

  /** Requests in service use the processor all the time, unless they say how much of it, or share it. */
  settleCpu(now: Time): void {
    if (this.processor !== null) {
      this.processor.advance(now);
      this.cpuTime = this.processor.used;
    } else if (this.behaviour.cpu === undefined) this.cpuTime += (this.inService - this.calling) * (now - this.since);
    this.since = now;
  }
}

/** What the pods need to know of one stream of requests. */
export interface RequestStream {
  readonly statistics: ServiceStatistics;
  /** Service demands, keyed by request number. */
  readonly demand: DrawCursor;
  readonly timeout: number;
  /** Told when a request is over; only without `calls`, which tell it themselves. Null: nobody counts open requests. */
  readonly balancer?: RequestCounter | null;
  /** The pods whose requests are simulated; absent: all are. */
  readonly sample?: PodSample | null;
  /** Who follows the requests of this stream; null: they end at their servers. */
  readonly calls?: RequestFollower | null;
  /** Clients that may meet one version after the other; null: they notice nothing. */
  readonly sessions?: SessionClients | null;
}

/** Counts open requests by proxy and address. */
export interface RequestCounter {
  release(entry: number, address: number, request: number, cause: number): void;
}

/** Who follows requests until their answers are back. */
export interface RequestFollower {
  /** A request ends at its pod, or on the way, at `time`. Its row now belongs to the follower, who frees it. */
  ended(request: number, version: string, cause: number, time: Time): void;
}
