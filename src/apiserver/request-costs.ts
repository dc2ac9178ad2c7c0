import type { Duration } from '../kernel/time.js';
import { type DistributionSpec, mean } from '../random/distribution.js';
import type { CostProfile } from '../scenario/types.js';
import type { ApiRequest } from './request.js';

/** Processor time of requests as the profile has it, by `verb resource/subresource`, `verb resource`, `verb`, or the default. */
export class RequestCosts {
  private readonly profile: CostProfile;
  /** What was asked for last. */
  private last: Known | null = null;
  /** By verb and resource: a list by subresource. */
  private readonly known = new Map<string, Map<string, Known>>();

  constructor(profile: CostProfile) {
    this.profile = profile;
  }

  /** Cost of a request; throws when the profile has none. */
  of(request: ApiRequest): DistributionSpec {
    return this.find(request).spec;
  }

  /** Processor time of a request after its answer, where processes share cores. */
  beside(request: ApiRequest): Duration {
    return this.find(request).beside;
  }

  /** What a request waits for beside a core, where processes share cores. */
  wait(request: ApiRequest): Duration {
    return this.find(request).wait;
  }

  private find({ verb, resource, subresource }: ApiRequest): Known {
    const { last } = this;
    if (last !== null && last.resource === resource && last.verb === verb && last.subresource === subresource) return last;
    let byResource = this.known.get(verb);
    if (byResource === undefined) this.known.set(verb, (byResource = new Map()));
    let known = byResource.get(resource);
    while (known !== undefined && known.subresource !== subresource) known = known.next;
    if (known === undefined) {
      const spec = this.look(verb, resource, subresource);
      const { request = 0, requestWait = {} } = this.profile.background ?? {};
      const wait = requestWait[keyOf(verb, resource, subresource)] ?? 0;
      known = { verb, resource, subresource, spec, beside: Math.max(0, Math.round(request - mean(spec))), wait, next: byResource.get(resource) };
      byResource.set(resource, known);
    }
    this.last = known;
    return known;
  }

  private look(verb: string, resource: string, subresource: string | undefined): DistributionSpec {
    const key = keyOf(verb, resource, subresource);
    const { requestCpu } = this.profile.apiServer;
    const spec = requestCpu[key] ?? requestCpu[`${verb} ${resource}`] ?? requestCpu[verb] ?? requestCpu['default'];
    if (spec === undefined) throw new Error(`the profile gives no apiServer.requestCpu for "${key}" and no default`);
    return spec;
  }
}

function keyOf(verb: string, resource: string, subresource: string | undefined): string {
  return subresource === undefined ? `${verb} ${resource}` : `${verb} ${resource}/${subresource}`;
}

/** The cost of one subresource of a verb and resource, and the others of them. */
interface Known {
  readonly verb: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly spec: DistributionSpec;
  readonly beside: Duration;
  readonly wait: Duration;
  readonly next: Known | undefined;
}
