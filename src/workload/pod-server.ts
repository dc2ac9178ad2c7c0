import type { Time } from '../kernel/time.js';
import type { DrawCursor } from '../node/draws.js';
import type { ImageBehaviour, RequestBehaviour } from '../scenario/types.js';
import { CpuShare } from './cpu-share.js';
import type { PodSample } from './sampling.js';
import { ROW_DOUBLES, ROW_WORDS, type ServerTable } from './server-table.js';
import type { SessionClients } from './sessions.js';
import type { ServiceStatistics } from './statistics.js';

/** Words of a row; doubles of a row, behind the words. */
const ACCEPTING = 0;
const IN_SERVICE = 1;
const QUEUED = 2;
const CALLING = 3;
const QUEUE_HEAD = 4;
const QUEUE_TAIL = 5;
const SERVING = 6;
const CPU_TIME = 4;
const SINCE = 5;

/** The serving side of one pod: `concurrency` requests in service, the others in a first-come, first-served queue. */
export class PodServer {
  // What each request asks for comes first: it lies in one cache line.
  private readonly table: ServerTable;
  private readonly row: number;
  readonly behaviour: RequestBehaviour;
  /** What requests in service share; null: each has its own. */
  readonly processor: CpuShare | null;
  readonly version: string;
  readonly uid: string;
  readonly host: number;
  readonly address: number;
  /** When it began to listen. */
  readonly started: Time;
  /** Millicores and bytes without requests. */
  readonly usage: ImageBehaviour['usage'];
  /** Handle of the event of its processor; 0: none. */
  processorEvent = 0;

  /** @param cpuLimit cores of the container's limit; Infinity: none */
  constructor(
    table: ServerTable,
    uid: string,
    version: string,
    host: number,
    address: number,
    { request, usage }: ImageBehaviour,
    now: Time,
    cpuLimit: number,
  ) {
    const { processor } = request;
    this.table = table;
    this.row = table.take();
    this.behaviour = request;
    this.processor = processor === undefined ? null : new CpuShare(processor.cores ?? Number.POSITIVE_INFINITY, cpuLimit, now);
    this.version = version;
    this.uid = uid;
    this.host = host;
    this.address = address;
    this.usage = usage;
    this.started = now;
    this.accepting = true;
    table.f64[this.row * ROW_DOUBLES + SINCE] = now;
  }

  get accepting(): boolean {
    return this.table.i32[this.row * ROW_WORDS + ACCEPTING] !== 0;
  }

  set accepting(accepting: boolean) {
    this.table.i32[this.row * ROW_WORDS + ACCEPTING] = accepting ? 1 : 0;
  }

  get inService(): number {
    return this.table.i32[this.row * ROW_WORDS + IN_SERVICE]!;
  }

  set inService(count: number) {
    this.table.i32[this.row * ROW_WORDS + IN_SERVICE] = count;
  }

  get queued(): number {
    return this.table.i32[this.row * ROW_WORDS + QUEUED]!;
  }

  set queued(count: number) {
    this.table.i32[this.row * ROW_WORDS + QUEUED] = count;
  }

  /** Of those in service: requests that wait for their calls to other Services. */
  get calling(): number {
    return this.table.i32[this.row * ROW_WORDS + CALLING]!;
  }

  set calling(count: number) {
    this.table.i32[this.row * ROW_WORDS + CALLING] = count;
  }

  /** Requests of the queue, linked by `next`; 0: none. */
  get queueHead(): number {
    return this.table.i32[this.row * ROW_WORDS + QUEUE_HEAD]!;
  }

  set queueHead(request: number) {
    this.table.i32[this.row * ROW_WORDS + QUEUE_HEAD] = request;
  }

  get queueTail(): number {
    return this.table.i32[this.row * ROW_WORDS + QUEUE_TAIL]!;
  }

  set queueTail(request: number) {
    this.table.i32[this.row * ROW_WORDS + QUEUE_TAIL] = request;
  }

  /** Requests in service, linked both ways; 0: none. */
  get serving(): number {
    return this.table.i32[this.row * ROW_WORDS + SERVING]!;
  }

  set serving(request: number) {
    this.table.i32[this.row * ROW_WORDS + SERVING] = request;
  }

  /** Processor time that requests have used, nanoseconds; up to the newest `settleCpu`. */
  get cpuTime(): number {
    return this.table.f64[this.row * ROW_DOUBLES + CPU_TIME]!;
  }

  set cpuTime(time: number) {
    this.table.f64[this.row * ROW_DOUBLES + CPU_TIME] = time;
  }

  /** Requests in service use the processor all the time, unless they say how much of it, or share it. */
  settleCpu(now: Time): void {
    if (this.processor !== null) {
      this.processor.advance(now);
      this.cpuTime = this.processor.used;
      return;
    }
    if (this.behaviour.cpu !== undefined) return;
    const { f64 } = this.table;
    const at = this.row * ROW_DOUBLES;
    f64[at + CPU_TIME] = f64[at + CPU_TIME]! + (this.inService - this.calling) * (now - f64[at + SINCE]!);
    f64[at + SINCE] = now;
  }

  /** The pod is gone: its place in the table is free. Ask it nothing more. */
  leave(): void {
    this.accepting = false;
    this.table.release(this.row);
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
