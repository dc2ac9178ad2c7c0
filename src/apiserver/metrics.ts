import { LogHistogram } from '../stats/index.js';
import { PrometheusHistogram } from '../etcd/metrics.js';
import { responseBytes } from './answers.js';
import type { Call } from './call.js';
import type { ApiResponse } from './request.js';
import { REQUEST_KINDS, type RequestKind } from './request-kind.js';

/** Buckets of apiserver_response_sizes (endpoints/metrics/metrics.go), bytes. */
export const RESPONSE_SIZES = Float64Array.of(1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9);

/** Buckets of apiserver_request_body_size_bytes (endpoints/handlers/metrics): 50 kB, then 100 kB more up to 3.05 MB. */
export const BODY_SIZES = Float64Array.from({ length: 31 }, (_, i) => 50_000 + 100_000 * i);

/** Requests of one (verb, resource) since the last time they were taken. */
export interface RequestFigures {
  readonly verb: string;
  readonly resource: string;
  /** resource, namespace or cluster (endpoints/metrics CleanScope). */
  readonly scope: string;
  /** Requests by status code class would hide conflicts, so each code is counted. */
  readonly codes: Map<number, number>;
  count: number;
  /** Nanoseconds, from arrival at the server to its answer. */
  readonly latency: LogHistogram;
  /** The same without the time in queues and at webhooks (apiserver_request_sli_duration_seconds). */
  readonly sli: LogHistogram;
}

/** Figures of one second, say. */
export interface RecentFigures {
  /** What stands for verb, resource and scope: the same object each time. */
  readonly series: object;
  readonly figures: RequestFigures;
  /** All that has been taken of the series so far, these included; `latency` and `sli` are one while no request has waited. */
  readonly total: RequestFigures;
}

/** Figures in the making: most requests wait for nothing, so that their two latencies are one. */
class Tally {
  private readonly codes = new Map<number, number>();
  /** The code that came last, and how often in a row: not in `codes` yet. */
  private code = 0;
  private run = 0;
  count = 0;
  private readonly latency = new LogHistogram();
  private delayed: { readonly latency: LogHistogram; readonly sli: LogHistogram } | null = null;

  observe(code: number, latency: number, excluded: number): void {
    this.count++;
    if (code !== this.code) this.turnTo(code);
    this.run++;
    if (excluded <= 0) {
      this.latency.observe(latency);
      return;
    }
    this.delayed ??= { latency: new LogHistogram(), sli: new LogHistogram() };
    this.delayed.latency.observe(latency);
    this.delayed.sli.observe(Math.max(0, latency - excluded));
  }

  private turnTo(code: number): void {
    if (this.run > 0) this.codes.set(this.code, (this.codes.get(this.code) ?? 0) + this.run);
    this.code = code;
    this.run = 0;
  }

  addTo(figures: RequestFigures & { count: number }): void {
    this.turnTo(this.code);
    figures.count += this.count;
    for (const [code, count] of this.codes) figures.codes.set(code, (figures.codes.get(code) ?? 0) + count);
    figures.latency.merge(this.latency);
    figures.sli.merge(this.latency);
    if (this.delayed === null) return;
    figures.latency.merge(this.delayed.latency);
    figures.sli.merge(this.delayed.sli);
  }

  /** Itself as figures of a series, once it is complete; valid until `clear`. */
  figures({ verb, resource, scope }: Series): RequestFigures {
    this.turnTo(this.code);
    const { codes, count, delayed } = this;
    let { latency } = this;
    let sli = latency;
    if (delayed !== null) {
      delayed.latency.merge(latency);
      delayed.sli.merge(latency);
      ({ latency, sli } = delayed);
    }
    return { verb, resource, scope, codes, count, latency, sli };
  }

  clear(): void {
    this.codes.clear();
    this.code = 0;
    this.run = 0;
    this.count = 0;
    this.latency.clear();
    this.delayed = null;
  }
}

/** One kind of requests, of one scope: what came since the last sample, and before. */
class Series {
  readonly verb: string;
  readonly scope: string;
  /** `verb resource/subresource`. */
  readonly key: string;
  readonly resource: string;
  readonly isWrite: boolean;
  readonly before: RequestFigures & { sli: LogHistogram };
  recent = new Tally();
  /** What was taken last. */
  private taken = new Tally();
  /** Bytes of answers to get and list. */
  readonly sizes: PrometheusHistogram | null;
  /** Bytes of the bodies of requests that write; null: they have none. */
  readonly bodies: PrometheusHistogram | null;

  constructor({ verb, resource, subresource, mutating }: RequestKind, scope: string) {
    this.verb = verb;
    this.scope = scope;
    this.resource = subresource === undefined ? resource : `${resource}/${subresource}`;
    this.key = `${verb} ${this.resource}`;
    this.isWrite = mutating && this.resource !== 'leases' && this.resource !== 'nodes/status';
    this.before = this.none();
    this.before.sli = this.before.latency;
    this.sizes = verb === 'get' || verb === 'list' ? new PrometheusHistogram(RESPONSE_SIZES) : null;
    this.bodies = verb === 'create' || verb === 'update' || verb === 'patch' ? new PrometheusHistogram(BODY_SIZES) : null;
  }

  /** What came since the last call; valid until the next one. */
  take(): RequestFigures {
    const { recent, taken } = this;
    taken.clear();
    this.recent = taken;
    this.taken = recent;
    const figures = recent.figures(this);
    this.keep(figures);
    return figures;
  }

  /** Adds figures to those of before. */
  private keep({ codes, count, latency, sli }: RequestFigures): void {
    const { before } = this;
    before.count += count;
    for (const [code, times] of codes) before.codes.set(code, (before.codes.get(code) ?? 0) + times);
    if (sli !== latency && before.sli === before.latency) {
      before.sli = new LogHistogram();
      before.sli.merge(before.latency);
    }
    before.latency.merge(latency);
    if (before.sli !== before.latency) before.sli.merge(sli);
  }

  none(): RequestFigures {
    return { verb: this.verb, resource: this.resource, scope: this.scope, codes: new Map(), count: 0, latency: new LogHistogram(), sli: new LogHistogram() };
  }
}

/** apiserver_request_total and apiserver_request_duration_seconds of one server, in totals and since the last sample. */
export class RequestMetrics {
  /** Requests that write, since the start, without the heartbeats of nodes (leases and node status). */
  writes = 0;
  /** Watch events sent, and their bytes. */
  watchEvents = 0;
  watchBytes = 0;
  /** etcd_request_duration_seconds of write transactions, nanoseconds, since the start. */
  etcdWrites = new LogHistogram();
  /** etcd_request_duration_seconds by operation and resource, nanoseconds, since the start. */
  etcdRequests = new Map<string, Map<string, LogHistogram>>();
  /** etcd_request_errors_total by `operation resource`. */
  etcdErrors = new Map<string, number>();
  /** Of `etcdRequests`, that of the operation that requests of a kind led to last, by number of the kind. */
  private etcdOfKind = none<{ readonly operation: string; readonly latency: LogHistogram }>();
  /** apiserver_watch_cache_consistent_read_total by resource: served from the cache, and by etcd. */
  consistentReads = new Map<string, { fromCache: number; fallback: number }>();
  /** Beginnings of streaming lists by `resource scope`, nanoseconds (apiserver_watch_list_duration_seconds). */
  watchLists = new Map<string, LogHistogram>();
  private series: Series[] = [];
  /** Series by number of the kind. Those of lists and watches differ by scope: of these it is the last one. */
  private ofKind = none<Series>();
  private recent: Series[] = [];

  /** Counts one answered request; `excluded`: what of its latency it spent in queues and at webhooks. */
  observe(call: Call, code: number, latency: number, excluded = 0, response?: ApiResponse): void {
    const series = this.seriesOf(call);
    if (series.isWrite) this.writes++;
    if (series.bodies !== null && call.bodyBytes > 0) series.bodies.observeValue(call.bodyBytes);
    const tally = series.recent;
    if (tally.count === 0) this.recent.push(series);
    tally.observe(code, latency, excluded);
    if (response === undefined) return;
    if (series.sizes !== null) series.sizes.observeValue(responseBytes(call.kind, response));
    else if (call.kind.verb === 'watch' && call.request.sendInitialEvents === true) this.observeWatchList(series, latency);
  }

  private observeWatchList({ resource, scope }: Series, latency: number): void {
    const key = `${resource} ${scope}`;
    let histogram = this.watchLists.get(key);
    if (histogram === undefined) this.watchLists.set(key, (histogram = new LogHistogram()));
    histogram.observe(latency);
  }

  private seriesOf({ kind, namespace, name }: Call): Series {
    const last = this.ofKind[kind.number]!;
    const { verb } = kind;
    if (last !== null && verb !== 'list' && verb !== 'watch') return last;
    const scope = scopeOf(verb, namespace, name);
    if (last !== null && last.scope === scope) return last;
    const made = new Series(kind, scope);
    let series = this.series.find((each) => each.key === made.key && each.scope === scope);
    if (series === undefined) this.series.push((series = made));
    return (this.ofKind[kind.number] = series);
  }

  /** Counts one write transaction of etcd. */
  observeEtcdWrite(latency: number): void {
    this.etcdWrites.observe(latency);
  }

  /** Counts one request to etcd: get, list, create, update or delete, for requests of a kind; `failed`: it was answered with an error. */
  observeEtcd(operation: string, { number, resource }: RequestKind, latency: number, failed: boolean): void {
    if (failed) {
      const key = `${operation} ${resource}`;
      this.etcdErrors.set(key, (this.etcdErrors.get(key) ?? 0) + 1);
    }
    const last = this.etcdOfKind[number]!;
    if (last !== null && last.operation === operation) {
      last.latency.observe(latency);
      return;
    }
    let byResource = this.etcdRequests.get(operation);
    if (byResource === undefined) this.etcdRequests.set(operation, (byResource = new Map()));
    let histogram = byResource.get(resource);
    if (histogram === undefined) byResource.set(resource, (histogram = new LogHistogram()));
    histogram.observe(latency);
    this.etcdOfKind[number] = { operation, latency: histogram };
  }

  /** Counts one consistent list: from the cache (true), or from etcd because the cache did not catch up (false). */
  consistentRead(resource: string, fromCache: boolean): void {
    let counts = this.consistentReads.get(resource);
    if (counts === undefined) this.consistentReads.set(resource, (counts = { fromCache: 0, fallback: 0 }));
    if (fromCache) counts.fromCache++;
    else counts.fallback++;
  }

  /** Forgets everything: what came before does not count. */
  reset(): void {
    this.watchEvents = 0;
    this.watchBytes = 0;
    this.writes = 0;
    this.series = [];
    this.ofKind = none();
    this.recent = [];
    this.etcdWrites = new LogHistogram();
    this.etcdRequests = new Map();
    this.etcdErrors = new Map();
    this.etcdOfKind = none();
    this.consistentReads = new Map();
    this.watchLists = new Map();
  }

  /** Sizes of answers by verb, resource and scope (apiserver_response_sizes). */
  *responseSizes(): Generator<{ readonly verb: string; readonly resource: string; readonly scope: string; readonly sizes: PrometheusHistogram }> {
    for (const { verb, resource, scope, sizes } of this.series) if (sizes !== null && sizes.count > 0) yield { verb, resource, scope, sizes };
  }

  /** Sizes of bodies by verb and resource, subresources included (apiserver_request_body_size_bytes). */
  bodySizes(): Map<string, PrometheusHistogram> {
    const sizes = new Map<string, PrometheusHistogram>();
    for (const { verb, resource: full, bodies } of this.series) {
      if (bodies === null || bodies.count === 0) continue;
      const key = `${verb} ${full.split('/')[0]}`;
      let sum = sizes.get(key);
      if (sum === undefined) sizes.set(key, (sum = new PrometheusHistogram(BODY_SIZES)));
      sum.merge(bodies);
    }
    return sizes;
  }

  /** Totals by `verb resource`, since the start, all scopes together. */
  get totals(): ReadonlyMap<string, RequestFigures> {
    const totals = new Map<string, RequestFigures>();
    for (const series of this.series) {
      const total = totals.get(series.key) ?? series.none();
      add(total, series.before);
      series.recent.addTo(total);
      totals.set(series.key, total);
    }
    return totals;
  }

  /** What happened since the last call, by verb, resource and scope; valid until the next call. */
  takeRecent(): readonly RecentFigures[] {
    const taken = this.recent.map((series) => {
      const figures = series.take();
      return { series, figures, total: series.before };
    });
    this.recent = [];
    return taken;
  }
}

/** Label `scope`: one object, a namespace, or everything (endpoints/metrics/metrics.go CleanScope). */
function scopeOf(verb: string, namespace: string, name: string): string {
  if (name !== '' || verb === 'create') return 'resource';
  return namespace === '' ? 'cluster' : 'namespace';
}

/** Room for something of each kind of requests. */
function none<T>(): (T | null)[] {
  return new Array<T | null>(REQUEST_KINDS).fill(null);
}

function add(into: RequestFigures, more: RequestFigures): void {
  into.count += more.count;
  for (const [code, count] of more.codes) into.codes.set(code, (into.codes.get(code) ?? 0) + count);
  into.latency.merge(more.latency);
  into.sli.merge(more.sli);
}
