import type { Duration } from '../../kernel/time.js';
import type { CostProfile } from '../../scenario/types.js';
import type { Call } from '../call.js';
import type { NamespaceIndex, ObjectsByNamespace } from '../namespace-index.js';
import { authorize, forbidden, isTrusted, userOf } from './rbac.js';

/** Authorization of one server: decides by the roles in its caches, and says what that costs. */
export class Authorizer {
  private readonly view: NamespaceIndex;
  private readonly clusterBindings: ObjectsByNamespace;
  private readonly bindings: ObjectsByNamespace;
  private readonly bindingCpu: Duration;
  private readonly ruleCpu: Duration;

  constructor(view: NamespaceIndex, profile: CostProfile) {
    this.view = view;
    this.clusterBindings = view.of('clusterrolebindings');
    this.bindings = view.of('rolebindings');
    this.bindingCpu = profile.apiServer.rbacBindingCpu ?? 0;
    this.ruleCpu = profile.apiServer.rbacRuleCpu ?? 0;
  }

  /** Processor time of a call's authorization; a refusal is noted in the call. */
  cost(call: Call): Duration {
    const { view, bindingCpu } = this;
    const { caller } = call;
    caller.trusted ??= isTrusted(caller.user);
    if (caller.trusted) return bindingCpu === 0 ? 0 : (this.clusterBindings.count('') + this.bindings.count(call.namespace)) * bindingCpu;
    const { allowed, reason, bindings, rules } = authorize(call.request, userOf(call.user, caller.groups), view);
    if (!allowed) call.denied = forbidden(call.request, call.user, reason);
    return bindings * bindingCpu + rules * this.ruleCpu;
  }
}
