import type { DistributionSpec } from '../random/distribution.js';
import type { CostProfile } from '../scenario/types.js';
import type { ApiRequest } from './request.js';

/** Processor time of requests as the profile has it, by `verb resource/subresource`, `verb resource`, `verb`, or the default. */
export class RequestCosts {
  private readonly profile: CostProfile;
  private readonly known = new Map<string, DistributionSpec>();

  constructor(profile: CostProfile) {
    this.profile = profile;
  }

  /** Cost of a request; throws when the profile has none. */
  of({ verb, resource, subresource }: ApiRequest): DistributionSpec {
    const key = subresource === undefined ? `${verb} ${resource}` : `${verb} ${resource}/${subresource}`;
    let spec = this.known.get(key);
    if (spec === undefined) {
      const { requestCpu } = this.profile.apiServer;
      spec = requestCpu[key] ?? requestCpu[`${verb} ${resource}`] ?? requestCpu[verb] ?? requestCpu['default'];
      if (spec === undefined) throw new Error(`the profile gives no apiServer.requestCpu for "${key}" and no default`);
      this.known.set(key, spec);
    }
    return spec;
  }
}
