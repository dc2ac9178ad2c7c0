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

/** Answers of one code to requests of one method. */
class CodeTally {
  readonly code: number;
  readonly method: string;
  requests = 0;
  retries = 0;

  constructor(code: number, method: string) {
    this.code = code;
    this.method = method;
  }

  get label(): string {
    return `${this.code === 0 ? '<error>' : this.code} ${this.method}`;
  }
}

/** Requests of one method. */
class MethodTally {
  readonly method: string;
  readonly codes: CodeTally[] = [];
  readonly sent = new PrometheusHistogram(SIZES);
  readonly received = new PrometheusHistogram(SIZES);
  readonly durations = new LogHistogram();
  readonly limiterWaits = new LogHistogram();

  constructor(method: string) {
    this.method = method;
  }

  of(code: number): CodeTally | undefined {
    const { codes } = this;
    for (let i = 0; i < codes.length; i++) if (codes[i]!.code === code) return codes[i];
    return undefined;
  }
}

/** Counts the requests of all clients of one process. */
export class ClientMeter implements CallMeter {
  private readonly byVerb = new Map<Verb, MethodTally>();
  /** What there is, each in the order in which it first came. */
  private readonly methods: MethodTally[] = [];
  private readonly received: MethodTally[] = [];
  private readonly codes: CodeTally[] = [];
  private readonly retried: CodeTally[] = [];

  answered(call: Call, now: Time): void {
    const { verb } = call.kind;
    const tally = this.byVerb.get(verb) ?? this.open(verb);
    const { code } = call.response!;
    let answers = tally.of(code);
    if (answers === undefined) {
      answers = new CodeTally(code, tally.method);
      tally.codes.push(answers);
      this.codes.push(answers);
    }
    answers.requests++;
    if (call.attempts > 0 && answers.retries++ === 0) this.retried.push(answers);
    tally.sent.observeValue(call.bodyBytes);
    // The body of a watch has no end.
    if (code !== 0 && verb !== 'watch') {
      if (tally.received.count === 0) this.received.push(tally);
      tally.received.observeValue(responseBytes(call.kind, call.response!));
    }
    tally.durations.observe(now - call.submittedAt - call.limiterWait);
    tally.limiterWaits.observe(call.limiterWait);
  }

  /** Begins to count a verb; several have one method. */
  private open(verb: Verb): MethodTally {
    const method = METHODS[verb];
    let tally = this.methods.find((known) => known.method === method);
    if (tally === undefined) this.methods.push((tally = new MethodTally(method)));
    this.byVerb.set(verb, tally);
    return tally;
  }

  figures(): RestClientFigures {
    const { methods } = this;
    return {
      rest_client_requests_total: new Map(this.codes.map((tally) => [tally.label, tally.requests])),
      rest_client_request_duration_seconds: new Map(methods.map((tally) => [tally.method, tally.durations])),
      rest_client_rate_limiter_duration_seconds: new Map(methods.map((tally) => [tally.method, tally.limiterWaits])),
      rest_client_request_retries_total: new Map(this.retried.map((tally) => [tally.label, tally.retries])),
      rest_client_request_size_bytes: new Map(methods.map((tally) => [tally.method, tally.sent])),
      rest_client_response_size_bytes: new Map(this.received.map((tally) => [tally.method, tally.received])),
    };
  }
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
