import type { Pod } from '../api/core.js';
import { matchesSelector } from '../api/labels.js';
import type { Condition } from '../api/meta.js';
import type { PodDisruptionBudget } from '../api/policy.js';
import type { EtcdResponse } from '../etcd/types.js';
import { MILLISECOND } from '../kernel/time.js';
import { objectOf, stamp } from './cache-feeder.js';
import { failure, type Operation } from './call.js';
import { decideEviction, type EvictionRefusal, ignoresBudgets, stillProcessing } from './eviction.js';
import { conflict, decide, qualifiedName } from './registry.js';
import type { ApiRequest, ApiResponse } from './request.js';
import type { WritePath } from './write-path.js';

/** pkg/registry/core/pod/storage/eviction.go EvictionsRetry: attempts after a conflict, and the pause between them (jitter 0.1). */
const ATTEMPTS = 20;
const RETRY_PAUSE = 500 * MILLISECOND;
const RETRY_JITTER = 0.1;

type Step = 'pod' | 'budgets' | 'budget' | 'condition' | 'mark' | 'delete' | 'pod pause' | 'budget pause';

/**
 * One `pods/eviction`: the pod and its budgets are read, the budget's status gives one disruption away, the pod gets the condition
 * DisruptionTarget and is deleted (eviction.go Create). Each of these is a transaction that a conflict starts again.
 */
export class EvictionRun implements Operation {
  private readonly path: WritePath;
  private readonly slot: number;
  private readonly request: ApiRequest;
  private step: Step = 'pod';
  private pod: Pod | null = null;
  private budget: PodDisruptionBudget | null = null;
  /** What the pending transaction writes. */
  private proposed: Pod | PodDisruptionBudget | null = null;
  /** Revision that the pod must still have, −1: any; and what a change of the pod leads to. */
  private guardRevision = -1;
  private guard: 'retry' | 'refuse' = 'retry';
  private attempts = 0;

  constructor(path: WritePath, slot: number, request: ApiRequest) {
    this.path = path;
    this.slot = slot;
    this.request = request;
  }

  start(): void {
    this.step = 'pod';
    this.path.read(this.slot, 'pods', `${this.request.namespace}/${this.request.name}`);
  }

  resumed(): void {
    if (this.step === 'pod pause') this.start();
    else this.readBudget(this.budget!);
  }

  etcdAnswered(response: EtcdResponse): void {
    const object = objectOf(response.kvs?.[0]);
    switch (this.step) {
      case 'pod':
        this.pod = (object as Pod | undefined) ?? null;
        if (this.pod === null) this.notFound();
        else this.lookForBudgets(this.pod);
        return;
      case 'budgets':
        this.budget = (object as PodDisruptionBudget | undefined) ?? null;
        this.judge(this.budget === null ? [] : [this.budget]);
        return;
      case 'budget':
        if (response.succeeded) this.addCondition(this.pod!);
        else this.again('budget pause', `couldn't update PodDisruptionBudget "${this.budget!.metadata.name}" due to conflicts`);
        return;
      case 'condition':
        if (response.succeeded) this.conditionWritten(response.revision);
        else this.changed(object as Pod | undefined, 'condition');
        return;
      case 'mark':
        if (response.succeeded) this.marked(response.revision);
        else this.changed(object as Pod | undefined, 'delete');
        return;
      default:
        if (response.succeeded) this.evicted();
        else this.changed(object as Pod | undefined, 'delete');
    }
  }

  /** Budgets of the pod's namespace that select it. A single one is read anew, so that its status is the latest. */
  private lookForBudgets(pod: Pod): void {
    const { uid } = this.request.preconditions ?? {};
    if (uid !== undefined && uid !== pod.metadata.uid) {
      this.finish(conflict(this.request));
      return;
    }
    const matching: PodDisruptionBudget[] = [];
    for (const object of this.path.owner.budgetsIn(pod.metadata.namespace)) {
      const budget = object as PodDisruptionBudget;
      if (matchesSelector(budget.spec.selector, pod.metadata.labels)) matching.push(budget);
    }
    if (matching.length === 1 && !ignoresBudgets(pod)) this.readBudget(matching[0]!);
    else this.judge(matching);
  }

  private readBudget(budget: PodDisruptionBudget): void {
    this.step = 'budgets';
    this.path.read(this.slot, 'poddisruptionbudgets', `${budget.metadata.namespace}/${budget.metadata.name}`);
  }

  private judge(budgets: readonly PodDisruptionBudget[]): void {
    const pod = this.pod!;
    this.budget = budgets[0] ?? null;
    const decision = decideEviction(pod, budgets, this.path.registry.now, this.path.kubernetesVersion);
    if (decision.kind === 'refuse') {
      this.finish(refusal(decision));
      return;
    }
    if (decision.kind === 'delete') {
      this.guardRevision = decision.guard === undefined ? -1 : pod.metadata.resourceVersion;
      this.guard = decision.guard ?? 'retry';
      this.addCondition(pod);
      return;
    }
    const budget = budgets[0]!;
    this.step = 'budget';
    this.proposed = { ...budget, metadata: { ...budget.metadata }, status: decision.status };
    this.path.put(this.slot, 'poddisruptionbudgets', this.proposed, budget.metadata.resourceVersion);
  }

  private addCondition(pod: Pod): void {
    const { now } = this.path.registry;
    const condition: Condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
      lastTransitionTime: now,
    };
    const others = (pod.status.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget');
    this.step = 'condition';
    this.proposed = { ...pod, metadata: { ...pod.metadata }, status: { ...pod.status, conditions: [...others, condition] } };
    this.path.put(this.slot, 'pods', this.proposed, pod.metadata.resourceVersion);
  }

  private conditionWritten(revision: number): void {
    const pod = this.proposed as Pod;
    stamp(pod, revision);
    if (this.guardRevision >= 0) this.guardRevision = revision;
    this.delete(pod);
  }

  private delete(pod: Pod): void {
    const { namespace, name, gracePeriodSeconds } = this.request;
    const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    const decision = decide({ verb: 'delete', resource: 'pods', namespace, name, ...grace }, pod, this.path.registry);
    this.step = 'delete';
    this.pod = pod;
    if (decision.kind === 'delete') this.path.remove(this.slot, 'pods', pod, decision.expectedRevision);
    else if (decision.kind === 'put') {
      if (decision.deletes === true) this.step = 'mark';
      this.proposed = decision.object as Pod;
      this.path.put(this.slot, 'pods', decision.object, decision.expectedRevision);
    } else this.evicted();
  }

  /** A pod without grace is marked: now it goes. */
  private marked(revision: number): void {
    const pod = this.proposed as Pod;
    stamp(pod, revision);
    if (this.guardRevision >= 0) this.guardRevision = revision;
    this.step = 'delete';
    this.pod = pod;
    this.path.remove(this.slot, 'pods', pod, revision);
  }

  /** Somebody else wrote the pod meanwhile. */
  private changed(current: Pod | undefined, step: 'condition' | 'delete'): void {
    if (current === undefined) {
      this.notFound();
      return;
    }
    if (this.guardRevision < 0) {
      if (step === 'condition') this.addCondition(current);
      else this.delete(current);
      return;
    }
    if (this.guard === 'refuse') this.finish(refusal(stillProcessing(this.budget!.metadata.name)));
    else this.again('pod pause', '');
  }

  private again(step: 'pod pause' | 'budget pause', message: string): void {
    if (++this.attempts >= ATTEMPTS) {
      const timeout = { ...failure(504, `Timeout: ${message}`), retryAfterSeconds: 10 };
      this.finish(step === 'budget pause' ? timeout : conflict(this.request));
      return;
    }
    this.step = step;
    this.path.pause(this.slot, Math.round(RETRY_PAUSE * (1 + RETRY_JITTER * this.path.jitter.next())));
  }

  private notFound(): void {
    this.finish(failure(404, `${qualifiedName(this.request)} not found`));
  }

  private evicted(): void {
    this.finish({ code: 201 });
  }

  private finish(response: ApiResponse): void {
    this.path.owner.respond(this.slot, response);
  }
}

function refusal({ code, message, cause, retryAfterSeconds }: EvictionRefusal): ApiResponse {
  return {
    ...failure(code, message),
    ...(cause === undefined ? {} : { cause }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}
