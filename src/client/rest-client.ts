import { Call, Caller, type CallMeter } from '../apiserver/call.js';
import type { Connections } from '../apiserver/connections.js';
import type { ApiRequest, ResponseReceiver } from '../apiserver/request.js';
import type { ProcessorShare } from '../etcd/processor.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import { TokenBucket } from './token-bucket.js';
import type { ApiClient } from './types.js';

/** A client-go REST client: a user, a token bucket, and a connection to one of the API servers. */
export class RestClient implements ApiClient {
  readonly user: string;
  /** Requests sent, and the time they spent in front of the limiter (rest_client_rate_limiter_duration_seconds). */
  requests = 0;
  limiterWait: Duration = 0;
  /** Whether the token bucket holds (a warm start brings the cluster up without it). */
  limited = true;
  /** The process has ended: nothing is sent any more. */
  stopped = false;
  private readonly caller: Caller;
  private readonly simulation: Simulation;
  private readonly connections: Connections;
  private readonly preferredServer: number;
  private readonly bucket: TokenBucket;
  /** The bucket ever holds anything up. */
  private readonly bucketed: boolean;

  constructor(
    simulation: Simulation,
    connections: Connections,
    user: string,
    host: number,
    preferredServer: number,
    qps: number,
    burst: number,
    meter: CallMeter | null = null,
    machine: ProcessorShare | null = null,
  ) {
    this.simulation = simulation;
    this.connections = connections;
    this.user = user;
    this.caller = new Caller(user, host, meter, machine);
    this.preferredServer = preferredServer;
    this.bucket = new TokenBucket(qps, burst);
    this.bucketed = qps > 0;
  }

  /** Groups that its user has beside those of its name. */
  get groups(): readonly string[] {
    return this.caller.groups;
  }

  set groups(groups: readonly string[]) {
    this.caller.groups = groups;
  }

  request(request: ApiRequest, receiver: ResponseReceiver, tag: number): void {
    if (this.stopped) return;
    const wait = this.limited && this.bucketed ? this.bucket.reserve(this.simulation.now) : 0;
    this.requests++;
    this.limiterWait += wait;
    this.connections.submit(new Call(request, this.caller, receiver, tag), this.preferredServer, wait);
  }
}
