import { LogHistogram } from '../stats/index.js';
import type { ApiRequest } from './request.js';

/** Requests of one (verb, resource) since the last time they were taken. */
export interface RequestFigures {
  readonly verb: string;
  readonly resource: string;
  /** Requests by status code class would hide conflicts, so each code is counted. */
  readonly codes: Map<number, number>;
  count: number;
  /** Nanoseconds, from arrival at the server to its answer. */
  readonly latency: LogHistogram;
}

/** apiserver_request_total and apiserver_request_duration_seconds of one server, in totals and since the last sample. */
export class RequestMetrics {
  /** Requests that write, since the start, without the heartbeats of nodes (leases and node status). */
  writes = 0;
  /** Totals by `verb resource`, since the start. */
  totals = new Map<string, RequestFigures>();
  /** etcd_request_duration_seconds of write transactions, nanoseconds, since the start. */
  etcdWrites = new LogHistogram();
  private recent = new Map<string, RequestFigures>();

  /** Counts one answered request. */
  observe(request: ApiRequest, code: number, latency: number): void {
    const resource = request.subresource === undefined ? request.resource : `${request.resource}/${request.subresource}`;
    const key = `${request.verb} ${resource}`;
    record(this.totals, key, request.verb, resource, code, latency);
    record(this.recent, key, request.verb, resource, code, latency);
    const reading = request.verb === 'get' || request.verb === 'list' || request.verb === 'watch';
    if (!reading && resource !== 'leases' && resource !== 'nodes/status') this.writes++;
  }

  /** Counts one write transaction of etcd. */
  observeEtcdWrite(latency: number): void {
    this.etcdWrites.observe(latency);
  }

  /** Forgets everything: what came before does not count. */
  reset(): void {
    this.writes = 0;
    this.totals = new Map();
    this.recent = new Map();
    this.etcdWrites = new LogHistogram();
  }

  /** What happened since the last call. */
  takeRecent(): ReadonlyMap<string, RequestFigures> {
    const { recent } = this;
    this.recent = new Map();
    return recent;
  }
}

function record(into: Map<string, RequestFigures>, key: string, verb: string, resource: string, code: number, latency: number): void {
  let figures = into.get(key);
  if (figures === undefined) {
    figures = { verb, resource, codes: new Map(), count: 0, latency: new LogHistogram() };
    into.set(key, figures);
  }
  figures.count++;
  figures.codes.set(code, (figures.codes.get(code) ?? 0) + 1);
  figures.latency.observe(latency);
}
