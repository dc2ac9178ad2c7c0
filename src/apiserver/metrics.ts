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
  /** All requests that write, since the start. */
  writes = 0;
  /** Totals by `verb resource`, since the start. */
  readonly totals = new Map<string, RequestFigures>();
  private recent = new Map<string, RequestFigures>();

  /** Counts one answered request. */
  observe(request: ApiRequest, code: number, latency: number): void {
    const resource = request.subresource === undefined ? request.resource : `${request.resource}/${request.subresource}`;
    const key = `${request.verb} ${resource}`;
    record(this.totals, key, request.verb, resource, code, latency);
    record(this.recent, key, request.verb, resource, code, latency);
    if (request.verb !== 'get' && request.verb !== 'list' && request.verb !== 'watch') this.writes++;
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
