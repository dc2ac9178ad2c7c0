import type { Call, CallMeter } from '../apiserver/call.js';
import type { Verb } from '../apiserver/request.js';
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

/** rest_client_* of one process (component-base metrics/prometheus/restclient). Durations in nanoseconds. */
export interface RestClientFigures {
  /** rest_client_requests_total by `code method`; code `<error>` when the connection failed. */
  readonly rest_client_requests_total: ReadonlyMap<string, number>;
  /** By method (label `verb`). */
  readonly rest_client_request_duration_seconds: ReadonlyMap<string, LogHistogram>;
  readonly rest_client_rate_limiter_duration_seconds: ReadonlyMap<string, LogHistogram>;
}

/** Counts the requests of all clients of one process. */
export class ClientMeter implements CallMeter {
  private readonly requests = new Map<string, number>();
  private readonly durations = new Map<string, LogHistogram>();
  private readonly limiterWaits = new Map<string, LogHistogram>();

  answered(call: Call, now: Time): void {
    const method = METHODS[call.request.verb];
    const code = call.response!.code;
    const key = `${code === 0 ? '<error>' : code} ${method}`;
    this.requests.set(key, (this.requests.get(key) ?? 0) + 1);
    observe(this.durations, method, now - call.submittedAt - call.limiterWait);
    observe(this.limiterWaits, method, call.limiterWait);
  }

  figures(): RestClientFigures {
    return {
      rest_client_requests_total: this.requests,
      rest_client_request_duration_seconds: this.durations,
      rest_client_rate_limiter_duration_seconds: this.limiterWaits,
    };
  }
}

function observe(into: Map<string, LogHistogram>, key: string, value: Duration): void {
  let histogram = into.get(key);
  if (histogram === undefined) into.set(key, (histogram = new LogHistogram()));
  histogram.observe(value);
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
