import { responseBytes } from '../apiserver/answers.js';
import type { Call, CallMeter } from '../apiserver/call.js';
import type { Verb } from '../apiserver/request.js';
import { PrometheusHistogram } from '../etcd/metrics.js';
import type { Duration, Time } from '../kernel/time.js';
import { LogHistogram } from '../stats/index.js';

/** HTTP methods of the verbs, as rest_client metrics label them. */
const METHODS: Readonly<Record<Verb, string>> = {
  create: 'POST',
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE', deletecollection: 'DELETE',
};

/** Buckets of the sizes of requests and answers (component-base metrics/prometheus/restclient). */
export const SIZES = Float64Array.of(64, 256, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216);

/** rest_client_* of one process (component-base metrics/prometheus/restclient). Durations in nanoseconds. */
export interface RestClientFigures {
  /** rest_client_requests_total by `code method`; code `<error>` when the connection failed. */
  readonly rest_client_requests_total: ReadonlyMap<string, number>;
  /** By method (label `verb`). */
  readonly rest_client_request_duration_seconds: ReadonlyMap<string, LogHistogram>;
  readonly rest_client_rate_limiter_duration_seconds: ReadonlyMap<string, LogHistogram>;
  /** By `code method`: tries after the first. */
  readonly rest_client_request_retries_total: ReadonlyMap<string, number>;
  /** By method: bytes of bodies. */
  readonly rest_client_request_size_bytes: ReadonlyMap<string, PrometheusHistogram>;
  readonly rest_client_response_size_bytes: ReadonlyMap<string, PrometheusHistogram>;
}

/** Counts the requests of all clients of one process. */
export class ClientMeter implements CallMeter {
  private readonly requests = new Map<string, number>();
  private readonly retries = new Map<string, number>();
  private readonly sent = new Map<string, PrometheusHistogram>();
  private readonly received = new Map<string, PrometheusHistogram>();
  private readonly durations = new Map<string, LogHistogram>();
  private readonly limiterWaits = new Map<string, LogHistogram>();

  answered(call: Call, now: Time): void {
    const method = METHODS[call.kind.verb];
    const code = call.response!.code;
    const key = `${code === 0 ? '<error>' : code} ${method}`;
    this.requests.set(key, (this.requests.get(key) ?? 0) + 1);
    if (call.attempts > 0) this.retries.set(key, (this.retries.get(key) ?? 0) + 1);
    observeSize(this.sent, method, call.bodyBytes);
    // The body of a watch has no end.
    if (code !== 0 && call.kind.verb !== 'watch') observeSize(this.received, method, responseBytes(call.kind, call.response!));
    observe(this.durations, method, now - call.submittedAt - call.limiterWait);
    observe(this.limiterWaits, method, call.limiterWait);
  }

  figures(): RestClientFigures {
    return {
      rest_client_requests_total: this.requests,
      rest_client_request_duration_seconds: this.durations,
      rest_client_rate_limiter_duration_seconds: this.limiterWaits,
      rest_client_request_retries_total: this.retries,
      rest_client_request_size_bytes: this.sent,
      rest_client_response_size_bytes: this.received,
    };
  }
}

function observe(into: Map<string, LogHistogram>, key: string, value: Duration): void {
  let histogram = into.get(key);
  if (histogram === undefined) into.set(key, (histogram = new LogHistogram()));
  histogram.observe(value);
}

function observeSize(into: Map<string, PrometheusHistogram>, method: string, bytes: number): void {
  let histogram = into.get(method);
  if (histogram === undefined) into.set(method, (histogram = new PrometheusHistogram(SIZES)));
  histogram.observeValue(bytes);
}

/** workqueue_* of one queue (component-base metrics/prometheus/workqueue), label `name`. Durations in nanoseconds. */
export interface WorkQueueFigures {
  readonly name: string;
  readonly workqueue_depth: number;
  readonly workqueue_adds_total: number;
  readonly workqueue_retries_total: number;
  readonly workqueue_queue_duration_seconds: LogHistogram;
  readonly workqueue_work_duration_seconds: LogHistogram;
  /** Time that the keys in work have taken so far, all together, and the longest of them. */
  readonly workqueue_unfinished_work_seconds: Duration;
  readonly workqueue_longest_running_processor_seconds: Duration;
}

/** Everything that a process's client machinery exports. */
export interface ProcessFigures {
  readonly restClient: RestClientFigures;
  readonly workQueues: readonly WorkQueueFigures[];
}
