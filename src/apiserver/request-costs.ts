import type { Duration } from '../kernel/time.js';
import { type DistributionSpec, mean } from '../random/distribution.js';
import type { CostProfile } from '../scenario/types.js';
import { REQUEST_KINDS, type RequestKind } from './request-kind.js';

/** What requests of one kind cost. */
export interface RequestCost {
  /** Processor time. */
  readonly spec: DistributionSpec;
  /** Processor time after the answer, where processes share cores. */
  readonly beside: Duration;
  /** What a request waits for beside a core, where processes share cores. */
  readonly wait: Duration;
}

/** Processor time of requests as the profile has it, by `verb resource/subresource`, `verb resource`, `verb`, or the default. */
export class RequestCosts {
  private readonly profile: CostProfile;
  /** By number of the kind; null: not asked for yet. */
  private readonly known: (RequestCost | null)[] = new Array<RequestCost | null>(REQUEST_KINDS).fill(null);

  constructor(profile: CostProfile) {
    this.profile = profile;
  }

  /** Costs of requests of a kind; throws when the profile has none. */
  of(kind: RequestKind): RequestCost {
    return this.known[kind.number] ?? this.look(kind);
  }

  private look({ number, verb, resource, subresource }: RequestKind): RequestCost {
    const key = subresource === undefined ? `${verb} ${resource}` : `${verb} ${resource}/${subresource}`;
    const { requestCpu } = this.profile.apiServer;
    const spec = requestCpu[key] ?? requestCpu[`${verb} ${resource}`] ?? requestCpu[verb] ?? requestCpu['default'];
    if (spec === undefined) throw new Error(`the profile gives no apiServer.requestCpu for "${key}" and no default`);
    const { request = 0, requestWait = {} } = this.profile.background ?? {};
    return (this.known[number] = { spec, beside: Math.max(0, Math.round(request - mean(spec))), wait: requestWait[key] ?? 0 });
  }
}
