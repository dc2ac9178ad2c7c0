import type { KubernetesObject } from '../../api/meta.js';
import type { Rollout } from '../../api/rollout-kinds.js';
import { type ApiResponse, type Patch, succeeded } from '../../apiserver/request.js';
import type { KubectlCommand } from '../../scenario/types.js';
import { type KubectlHost, type KubectlOutput, KubectlRun, objectRequest } from './run.js';

type ArgoVerb = 'argo rollouts promote' | 'argo rollouts abort' | 'argo rollouts retry';

const PATCH_BYTES = 250;

/** What the commands write into the status of a Rollout (argo-rollouts pkg/kubectl-argo-rollouts/cmd). */
export class RolloutStatusPatch implements Patch {
  readonly bytes = PATCH_BYTES;
  private readonly verb: ArgoVerb;
  private readonly full: boolean;

  constructor(verb: ArgoVerb, full: boolean) {
    this.verb = verb;
    this.full = full;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const rollout = current as Rollout;
    if (this.verb === 'argo rollouts abort') return { ...rollout, status: { ...rollout.status, abort: true } } as Rollout;
    if (this.verb === 'argo rollouts retry') return { ...rollout, status: { ...rollout.status, abort: false } } as Rollout;
    if (this.full) return { ...rollout, status: { ...rollout.status, promoteFull: true } } as Rollout;
    const { pauseConditions: _, ...status } = rollout.status;
    return { ...rollout, status } as Rollout;
  }
}

const DONE: Readonly<Record<ArgoVerb, string>> = { 'argo rollouts promote': 'promoted', 'argo rollouts abort': 'aborted', 'argo rollouts retry': 'retried' };

/** `kubectl argo rollouts promote`, `abort` and `retry`: a patch of the status. */
export class ArgoRun extends KubectlRun {
  private readonly command: Extract<KubectlCommand, { readonly verb: ArgoVerb }>;

  constructor(kubectl: KubectlHost, output: KubectlOutput, command: Extract<KubectlCommand, { readonly verb: ArgoVerb }>) {
    super(kubectl, output);
    this.command = command;
  }

  start(): void {
    const { verb, target, full } = this.command;
    this.send(objectRequest('patch', target, { subresource: 'status', patch: new RolloutStatusPatch(verb, full) }));
  }

  receive(_tag: number, response: ApiResponse): void {
    if (succeeded(response)) this.finish(`rollout '${this.command.target.object.name}' ${DONE[this.command.verb]}`);
    else this.refuse(response);
  }
}
