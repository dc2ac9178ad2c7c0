import type { CostProfile } from '../scenario/types.js';
import type { ApiServer } from './api-server.js';
import type { Connections } from './connections.js';
import type { CpuPool } from './cpu-pool.js';
import { typicalBytes } from './object-size.js';
import type { WatchCache, WatchRecord } from './watch-cache.js';

/** Bytes of HTTP/2 headers and framing of a watch event. */
const HEADER_BYTES = 300;

/** Sends the changes of one server's watch caches to all who watch, and pays for it. */
export class Broadcast {
  private readonly server: ApiServer;
  private readonly connections: Connections;
  private readonly cpu: CpuPool;
  private readonly watchEventCpu: number;
  private readonly encodeNanosecondsPerByte: number;

  constructor(server: ApiServer, connections: Connections, cpu: CpuPool, { apiServer }: CostProfile) {
    this.server = server;
    this.connections = connections;
    this.cpu = cpu;
    this.watchEventCpu = apiServer.watchEventCpu;
    this.encodeNanosecondsPerByte = apiServer.encodeNanosecondsPerByte;
  }

  /** A change went into a watch cache. */
  send(record: WatchRecord, cache: WatchCache): void {
    const { server } = this;
    const bytes = cache.objectBytes >= 0 ? HEADER_BYTES + cache.objectBytes : this.bytesOf(record);
    const receivers = this.connections.dispatch(server, record, cache.number, bytes);
    if (receivers === 0) return;
    cache.figures.sent(receivers, bytes);
    server.metrics.watchEvents += receivers;
    server.metrics.watchBytes += receivers * bytes;
    this.cpu.work(receivers * this.watchEventCpu + bytes * this.encodeNanosecondsPerByte);
  }

  /** Bytes of a watch event on the wire. */
  bytesOf(record: WatchRecord): number {
    return HEADER_BYTES + typicalBytes(record.resource, record.object);
  }
}
