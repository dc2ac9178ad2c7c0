import type { Node, Pod } from '../../api/core.js';
import { controllerOf, keyOf } from '../../api/meta.js';
import { type ApiResponse, type ContinueToken, servesEviction, succeeded } from '../../apiserver/request.js';
import type { DrainOptions } from '../../scenario/types.js';
import { UnschedulablePatch } from './patches.js';
import { CHUNK_SIZE, type KubectlHost, type KubectlOutput, KubectlRun } from './run.js';

/** kubectl pkg/drain/drain.go: pause before an eviction that was refused is tried again, and between looks at a pod that goes. */
const EVICTION_RETRY = 5e9;
const DELETE_POLL = 1e9;

/** The clients of the clientset's groups: a limiter each. */
const CORE = 'typed/';
const APPS = 'typed/apps';
const POLICY = 'typed/policy';

const TAG_NODE = 0;
const TAG_CORDON = 1;
const TAG_LIST = 2;
const TAG_DAEMON_SET = 3;
/** From here on: the pod's number times 4, plus what is asked. */
const TAG_PODS = 4;
const EVICT = 0;
const LOOK = 1;
const REFRESH = 2;
const WAKE_TIMEOUT = -1;

const MIRROR = 'kubernetes.io/config.mirror';

/** Pods of a node that a drain removes, and why it must not begin. */
export interface DrainPlan {
  readonly pods: readonly Pod[];
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** The filters of drain (filters.go): daemons and mirror pods stay; unmanaged pods and local storage need a flag. */
export function planDrain(pods: readonly Pod[], options: DrainOptions): DrainPlan {
  const removed: Pod[] = [];
  const fatal = new Map<string, string[]>();
  const daemons: string[] = [];
  const note = (reason: string, pod: Pod) => fatal.set(reason, [...(fatal.get(reason) ?? []), keyOf(pod)]);
  for (const pod of pods) {
    const finished = pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
    const controller = controllerOf(pod);
    if (pod.metadata.annotations?.[MIRROR] !== undefined) continue;
    if (controller?.kind === 'DaemonSet' && !finished) {
      if (options.ignoreDaemonSets) daemons.push(keyOf(pod));
      else note('cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)', pod);
      continue;
    }
    if (!finished && controller === undefined && !options.force) {
      note('cannot delete cannot delete Pods that declare no controller (use --force to override)', pod);
    } else if (!finished && !options.deleteEmptyDirData && pod.spec.volumes?.some((volume) => volume['emptyDir'] !== undefined)) {
      note('cannot delete Pods with local storage (use --delete-emptydir-data to override)', pod);
    } else removed.push(pod);
  }
  return {
    pods: removed,
    errors: [...fatal].map(([reason, names]) => `${reason}: ${names.join(', ')}`),
    warnings: daemons.length === 0 ? [] : [`Warning: ignoring DaemonSet-managed Pods: ${daemons.join(', ')}`],
  };
}

/** `kubectl cordon` and `uncordon`: GET, PATCH unless it is that already. */
export class CordonRun extends KubectlRun {
  private readonly node: string;
  private readonly unschedulable: boolean;

  constructor(kubectl: KubectlHost, output: KubectlOutput, node: string, unschedulable: boolean) {
    super(kubectl, output);
    this.node = node;
    this.unschedulable = unschedulable;
  }

  start(): void {
    this.send({ verb: 'get', resource: 'nodes', namespace: '', name: this.node });
  }

  receive(_tag: number, response: ApiResponse, request: { readonly verb: string }): void {
    const what = this.unschedulable ? 'cordoned' : 'uncordoned';
    if (!succeeded(response)) this.refuse(response);
    else if (request.verb === 'patch') this.finish(`node/${this.node} ${what}`);
    else if (((response.object as Node).spec?.unschedulable ?? false) === this.unschedulable) this.finish(`node/${this.node} already ${what}`);
    else {
      const patch = new UnschedulablePatch(this.unschedulable);
      this.send({ verb: 'patch', resource: 'nodes', namespace: '', name: this.node, patch }, 0, CORE);
    }
  }
}

/**
 * `kubectl drain`: GET and PATCH of the node, LIST of its pods by field selector, GET of the DaemonSet of each daemon; then all pods at once: an eviction
 * each, 5 a second after the first 10 as clients without stated limits have it (a DELETE where the server does not serve evictions or --disable-eviction is given), again after 5 s while a disruption
 * budget refuses it, then a look every second until the pod is gone.
 */
export class DrainRun extends KubectlRun {
  private readonly node: string;
  private readonly options: DrainOptions;
  /** Pods of the node. */
  private readonly mine: Pod[] = [];
  private pods: readonly Pod[] = [];
  private outstanding = 0;
  /** Evictions refused for a budget so far. */
  refusals = 0;

  constructor(kubectl: KubectlHost, output: KubectlOutput, node: string, options: DrainOptions) {
    super(kubectl, output);
    this.node = node;
    this.options = options;
  }

  start(): void {
    this.send({ verb: 'get', resource: 'nodes', namespace: '', name: this.node }, TAG_NODE);
  }

  receive(tag: number, response: ApiResponse): void {
    if (this.exitCode >= 0) return;
    if (tag >= TAG_PODS) {
      this.podAnswered((tag - TAG_PODS) >> 2, (tag - TAG_PODS) & 3, response);
      return;
    }
    if (tag === TAG_DAEMON_SET) {
      if (--this.outstanding === 0) this.remove();
      return;
    }
    if (!succeeded(response)) {
      this.refuse(response);
      return;
    }
    if (tag === TAG_LIST) {
      this.mine.push(...(response.items as readonly Pod[]));
      if (response.continue !== undefined) this.listPods(response.continue);
      else this.plan();
      return;
    }
    if (tag === TAG_NODE && (response.object as Node).spec?.unschedulable !== true) {
      const patch = new UnschedulablePatch(true);
      this.send({ verb: 'patch', resource: 'nodes', namespace: '', name: this.node, patch }, TAG_CORDON, CORE);
      return;
    }
    this.print(`node/${this.node} ${tag === TAG_CORDON ? 'cordoned' : 'already cordoned'}`);
    this.listPods(undefined);
  }

  private listPods(token: ContinueToken | undefined): void {
    const page = token === undefined ? {} : { continue: token };
    this.send({ verb: 'list', resource: 'pods', namespace: '', name: '', nodeName: this.node, source: 'consistent', limit: CHUNK_SIZE, ...page }, TAG_LIST, CORE);
  }

  private plan(): void {
    const { mine } = this;
    const plan = planDrain(mine, this.options);
    if (plan.errors.length > 0) {
      this.fail(`error: unable to drain node "${this.node}" due to error: [${plan.errors.join(', ')}]`);
      return;
    }
    for (const warning of plan.warnings) this.print(warning);
    this.pods = plan.pods;
    const daemons = mine.filter((pod) => controllerOf(pod)?.kind === 'DaemonSet');
    this.outstanding = daemons.length;
    for (const pod of daemons) {
      const { namespace } = pod.metadata;
      this.send({ verb: 'get', resource: 'daemonsets', namespace, name: controllerOf(pod)!.name }, TAG_DAEMON_SET, APPS);
    }
    if (daemons.length === 0) this.remove();
  }

  private remove(): void {
    if (this.options.timeout > 0) this.kubectl.later(this, this.options.timeout, WAKE_TIMEOUT);
    this.outstanding = this.pods.length;
    if (this.outstanding === 0) this.finish(`node/${this.node} drained`);
    for (let i = 0; i < this.pods.length; i++) {
      this.print(`evicting pod ${keyOf(this.pods[i]!)}`);
      this.evict(i);
    }
  }

  private evict(index: number): void {
    const { namespace, name } = this.pods[index]!.metadata;
    const { gracePeriodSeconds, disableEviction } = this.options;
    const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    const tag = TAG_PODS + index * 4 + EVICT;
    if (!disableEviction && servesEviction()) this.send({ verb: 'create', resource: 'pods', subresource: 'eviction', namespace, name, ...grace }, tag, POLICY);
    else this.send({ verb: 'delete', resource: 'pods', namespace, name, ...grace }, tag, CORE);
  }

  private look(index: number, what: number): void {
    const { namespace, name } = this.pods[index]!.metadata;
    this.send({ verb: 'get', resource: 'pods', namespace, name }, TAG_PODS + index * 4 + what, CORE);
  }

  private podAnswered(index: number, what: number, response: ApiResponse): void {
    const pod = this.pods[index]!;
    const gone = response.code === 404 || (what !== EVICT && succeeded(response) && response.object!.metadata.uid !== pod.metadata.uid);
    if (gone) {
      this.print(`pod/${pod.metadata.name} evicted`);
      if (--this.outstanding === 0) this.finish(`node/${this.node} drained`);
    } else if (what === EVICT && response.code === 429) {
      this.refusals++;
      this.print(`error when evicting pods/"${pod.metadata.name}" -n "${pod.metadata.namespace}" (will retry after 5s): ${response.message ?? ''}`);
      this.kubectl.later(this, EVICTION_RETRY, TAG_PODS + index * 4 + EVICT);
    } else if (!succeeded(response)) this.refuse(response);
    else if (what === REFRESH) this.evict(index);
    else if (what === EVICT) this.look(index, LOOK);
    else this.kubectl.later(this, DELETE_POLL, TAG_PODS + index * 4 + LOOK);
  }

  override wake(argument: number): void {
    if (this.exitCode >= 0) return;
    if (argument === WAKE_TIMEOUT) {
      this.fail(`error: drain did not complete within ${this.options.timeout / 1e9}s`);
      return;
    }
    const index = (argument - TAG_PODS) >> 2;
    if (((argument - TAG_PODS) & 3) === LOOK) this.look(index, LOOK);
    // From 1.35 on the pod is read again before the eviction is tried again.
    else if (this.kubectl.kubernetesVersion !== '1.34') this.look(index, REFRESH);
    else this.evict(index);
  }
}
