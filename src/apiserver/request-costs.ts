import type { DistributionSpec } from '../random/distribution.js';
import type { CostProfile } from '../scenario/types.js';
import type { ApiRequest } from './request.js';

/** Processor time of requests as the profile has it, by `verb resource/subresource`, `verb resource`, `verb`, or the default. */
export class RequestCosts {
  private readonly profile: CostProfile;
  /** By verb and resource: a list by subresource. */
  private readonly known = new Map<string, Map<string, Known>>();

  constructor(profile: CostProfile) {
    this.profile = profile;
  }

  /** Cost of a request; throws when the profile has none. */
  of({ verb, resource, subresource }: ApiRequest): DistributionSpec {
    let byResource = this.known.get(verb);
    if (byResource === undefined) this.known.set(verb, (byResource = new Map()));
    let known = byResource.get(resource);
    while (known !== undefined && known.subresource !== subresource) known = known.next;
    if (known === undefined) {
      known = { subresource, spec: this.look(verb, resource, subresource), next: byResource.get(resource) };
      byResource.set(resource, known);
    }
    return known.spec;
  }

  private look(verb: string, resource: string, subresource: string | undefined): DistributionSpec {
    const key = subresource === undefined ? `${verb} ${resource}` : `${verb} ${resource}/${subresource}`;
    const { requestCpu } = this.profile.apiServer;
    const spec = requestCpu[key] ?? requestCpu[`${verb} ${resource}`] ?? requestCpu[verb] ?? requestCpu['default'];
    if (spec === undefined) throw new Error(`the profile gives no apiServer.requestCpu for "${key}" and no default`);
    return spec;
  }
}

/** The cost of one subresource of a verb and resource, and the others of them. */
interface Known {
  readonly subresource: string | undefined;
  readonly spec: DistributionSpec;
  readonly next: Known | undefined;
}
