import type { Node, Pod } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import type { ApiResponse, ResponseReceiver } from '../apiserver/request.js';
import { type ProcessContext, worked } from '../client/context.js';
import type { ApiClient, EventRecorder, Informer } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { type Duration, MILLISECOND, type Time } from '../kernel/time.js';
import type { Recorder } from '../metrics/recorder.js';
import type { Stream } from '../random/stream.js';
import { type Attempt, attemptOf, writeAttempts } from './attempts.js';
import { BindingCycles, type BindingListener, type CycleInProgress } from './binding-cycles.js';
import { CycleClock } from './cycle-cost.js';
import { type AttemptExplanation, type ExplainTarget, explainDecision } from './explain.js';
import { rejectionText, shortened } from './failure-text.js';
import { Diagnosis } from './framework/diagnosis.js';
import { type ClusterEvent, EventKind } from './framework/events.js';
import { type Framework, guarded } from './framework/framework.js';
import type { Status } from './framework/status.js';
import type { PostFilterResult } from './framework/plugin.js';
import { podChanges, type SchedulerInputs } from './informer-handlers.js';
import { NominationPatch, SchedulingFailurePatch } from './patches.js';
import { PreemptionRuns } from './preemption-runs.js';
import { BACKOFF_WINDOW, type QueueLengths, UNSCHEDULABLE_FLUSH_PERIOD } from './queue/scheduling-queue.js';
import type { QueuedPod } from './queue/queued-pod.js';
import { NO_NODES } from './schedule-pod.js';
import { type Decision, preemptionOf, SchedulerCore } from './scheduler-core.js';
import { ScenarioPlugins } from './user-plugins.js';
import { watchObjects } from './watch-objects.js';

const OP_POLL = 1;
const OP_NEXT = 2;
const OP_DECIDED = 3;
const OP_FLUSH_BACKOFF = 4;
const OP_FLUSH_UNSCHEDULABLE = 5;
const OP_POLL_BINDING = 6;

/** How often the caches are looked at before scheduling starts (cache.WaitForCacheSync). */
const SYNC_POLL: Duration = 100 * MILLISECOND;
/** Answers to patches and deletions change nothing here: the informers tell of their effect. */
const TAG_IGNORE = 0;

export interface KubeSchedulerOptions {
  /** The pod one of whose attempts is to be explained. */
  readonly explain?: ExplainTarget;
  /** It fills its caches and waits for `lead`. */
  readonly standby?: boolean;
}

/**
 * kube-scheduler: informers feed cache and queue; one scheduling cycle at a time takes a pod, decides by the real rules, pays
 * the time of the cycle, and hands over to a binding cycle of its own (pkg/scheduler/schedule_one.go).
 */
export class KubeScheduler implements Component, ResponseReceiver, SchedulerInputs, BindingListener {
  readonly name = 'kube-scheduler';
  /** Attempts so far, in order of their end. */
  readonly attempts: Attempt[] = [];
  readonly core: SchedulerCore;
  /** The attempt that was to be explained, the last one when none was chosen; null: not yet, or none was to be. */
  explanation: AttemptExplanation | null = null;
  private readonly explain: ExplainTarget | null;
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly recorder: EventRecorder;
  private readonly draws: Stream;
  private readonly informers: readonly Informer<KubernetesObject>[];
  private readonly bindings: BindingCycles;
  private readonly preemptions: PreemptionRuns;
  private readonly clock: CycleClock;
  private current: CycleInProgress | null = null;
  private synced = false;
  private leading: boolean;
  private nextPending = false;
  /** When the last cycle ended; −1 before. */
  private endedAt: Time = -1;
  private backoffFlush = false;
  private unschedulableFlush = false;

  private readonly context: ProcessContext;

  constructor(context: ProcessContext, options: KubeSchedulerOptions = {}) {
    const { simulation, scenario, randomness } = context;
    this.context = context;
    const { qps, burst, percentageOfNodesToScore, configuration, plugins } = scenario.cluster.scheduler;
    this.simulation = simulation;
    this.target = simulation.add(this);
    this.client = context.client('kube-scheduler', qps, burst);
    this.recorder = context.eventRecorder('default-scheduler');
    this.preemptions = new PreemptionRuns(simulation, this.client, this.recorder);
    this.bindings = new BindingCycles(simulation, this.client, this, this.target, OP_POLL_BINDING);
    this.draws = randomness.stream('kube-scheduler/ties');
    this.explain = options.explain ?? null;
    this.leading = options.standby !== true;
    this.clock = new CycleClock(
      context.profile.scheduler,
      configuration?.parallelism ?? scenario.cluster.scheduler.parallelism,
    );
    this.core = new SchedulerCore(
      scenario.kubernetesVersion,
      randomness.stream('kube-scheduler/preemption'),
      configuration,
      plugins === undefined ? undefined : new ScenarioPlugins(plugins),
    );
    this.core.algorithm.percentageOfNodesToScore = percentageOfNodesToScore;
    this.informers = watchObjects(context.informers, this.core.objects, this);
    simulation.schedule(0, this.target, OP_POLL);
  }

  /** A standby has become leader: with what its informers have told it so far it starts at once. */
  lead(): void {
    this.leading = true;
    this.wake();
  }

  /** Pods by place in the scheduling queue (scheduler_pending_pods). */
  queueLengths(): QueueLengths {
    return this.core.queue.lengths;
  }

  /** Bindings on their way. */
  get bindingsInFlight(): number {
    return this.bindings.size;
  }

  /** Writes the attempts from position `from` on into the recorder's table; times count from `origin`. */
  writeAttempts(recorder: Recorder, from: number, origin: Time): void {
    writeAttempts(this.attempts, recorder, from, origin);
  }

  handle(opcode: number, argument: number): void {
    switch (opcode) {
      case OP_POLL:
        this.synced = this.informers.every((informer) => informer.synced);
        if (!this.synced) this.simulation.schedule(SYNC_POLL, this.target, OP_POLL);
        break;
      case OP_NEXT:
        this.nextPending = false;
        this.startCycle();
        break;
      case OP_DECIDED:
        this.endCycle();
        break;
      case OP_FLUSH_BACKOFF:
        this.backoffFlush = false;
        this.core.queue.flushBackoff(this.simulation.now);
        break;
      case OP_FLUSH_UNSCHEDULABLE:
        this.unschedulableFlush = false;
        this.core.queue.flushUnschedulable(this.simulation.now);
        break;
      case OP_POLL_BINDING:
        this.bindings.poll(argument);
        break;
      default:
        throw new Error(`kube-scheduler has no opcode ${opcode}`);
    }
    this.wake();
  }

  /** Starts what is due: the next cycle, and the periodic looks at waiting pods as long as there are some. */
  private wake(): void {
    this.bindings.settle();
    const { queue } = this.core;
    const { now } = this.simulation;
    if (this.leading && this.synced && this.current === null && !this.nextPending && queue.ready) {
      this.nextPending = true;
      this.simulation.schedule(0, this.target, OP_NEXT);
    }
    if (!this.backoffFlush && queue.backingOff) {
      this.backoffFlush = true;
      this.simulation.scheduleAt(
        (Math.floor(now / BACKOFF_WINDOW) + 1) * BACKOFF_WINDOW,
        this.target,
        OP_FLUSH_BACKOFF,
      );
    }
    if (!this.unschedulableFlush && queue.waiting) {
      this.unschedulableFlush = true;
      const at = (Math.floor(now / UNSCHEDULABLE_FLUSH_PERIOD) + 1) * UNSCHEDULABLE_FLUSH_PERIOD;
      this.simulation.scheduleAt(at, this.target, OP_FLUSH_UNSCHEDULABLE);
    }
  }

  private startCycle(): void {
    const { core, simulation } = this;
    const queued = core.queue.pop(simulation.now);
    if (queued === undefined) return;
    const { pod } = queued;
    const framework = core.frameworks.get(pod.pod.spec.schedulerName)!;
    if (pod.pod.metadata.deletionTimestamp !== undefined || core.cache.isAssumed(pod.key)) {
      if (pod.pod.metadata.deletionTimestamp !== undefined) {
        this.recorder.event(pod.pod, 'Warning', 'FailedScheduling', `skip schedule deleting pod: ${pod.key}`);
      }
      core.queue.done(queued);
      core.queue.forget(queued);
      return;
    }
    const decision = this.decide(framework, queued);
    const { result, postFilter } = decision;
    const { cache } = core;
    let node = result.chosen < 0 ? '' : cache.nodes.names[result.chosen]!;
    let message = result.error;
    let failure = result.error;
    if (node === '' && message === '') message = result.diagnosis.fitError(cache.nodes.size);
    if (node !== '') {
      cache.assume(pod, node);
      // What was reserved for the pod now counts as taken by it (schedule_one.go assume).
      core.nominator.delete(pod.key);
      const rejected = framework.reserve(decision.cycle, result.chosen, simulation.now);
      if (rejected !== null) {
        cache.forget(pod.key);
        message = rejectionText(result.diagnosis, rejected, result.chosen);
        if (!rejected.rejected) failure = message;
        node = '';
      }
    }
    const assumed = node === '' ? null : pod;
    this.current = { queued, framework, result, postFilter, message, failure, started: simulation.now, node, assumed };
    simulation.schedule(worked(this.context, this.clock.next(cache.nodes, decision, simulation.now !== this.endedAt)), this.target, OP_DECIDED);
  }

  private decide(framework: Framework, queued: QueuedPod): Decision {
    const { pod, attempts: attempt } = queued;
    const { explain } = this;
    const moment = { now: this.simulation.now, cycle: this.core.queue.cycle };
    if (pod.key !== explain?.pod || (explain.attempt ?? attempt) !== attempt) return this.core.decide(framework, pod, this.draws, moment);
    const { decision, explanation } = explainDecision(this.core, framework, pod, this.draws, moment);
    this.explanation = { attempt, time: this.simulation.now, ...explanation };
    return decision;
  }

  private endCycle(): void {
    const cycle = this.current!;
    this.current = null;
    this.endedAt = this.simulation.now;
    const { result, postFilter, message } = cycle;
    if (cycle.assumed !== null) {
      this.note(cycle, 'scheduled', '');
      this.bindings.start(cycle);
      return;
    }
    const isError = cycle.failure !== '' && cycle.failure !== NO_NODES;
    this.note(cycle, isError ? 'error' : 'unschedulable', message);
    // Only PostFilter keeps or makes a nomination; up to 1.34 a profile without PostFilter leaves it alone.
    const { features } = this.core.handle;
    const untouched = result.error === '' && result.chosen < 0 && !cycle.framework.hasPostFilter && !features.nominatedNodeNameForExpectation;
    const nominated = postFilter !== null ? postFilter.nominatedNode : untouched ? undefined : '';
    if (postFilter !== null) this.evict(cycle, postFilter);
    this.fail(cycle, isError ? 'SchedulerError' : 'Unschedulable', message, nominated);
  }

  private note(cycle: CycleInProgress, result: Attempt['result'], message: string): void {
    this.attempts.push(attemptOf(cycle, result, message, this.simulation.now));
  }

  /** A failed attempt: event, condition, back into the queue (handleSchedulingFailure). */
  private fail(cycle: CycleInProgress, reason: string, message: string, nominated: string | undefined): void {
    const { queued, result } = cycle;
    const { pod } = queued.pod;
    const { queue, nominator } = this.core;
    if (!queue.has(queued.pod.key)) {
      queue.addUnschedulable(queued, [], [], this.simulation.now);
      return;
    }
    this.recorder.event(pod, 'Warning', 'FailedScheduling', shortened(message));
    queue.addUnschedulable(
      queued,
      result.diagnosis.unschedulablePlugins,
      result.diagnosis.pendingPlugins,
      this.simulation.now,
    );
    if (nominated !== undefined) {
      if (nominated === '') nominator.delete(queued.pod.key);
      else nominator.add(queued.pod, nominated);
    }
    const patch = new SchedulingFailurePatch(reason, message, this.simulation.now, nominated);
    if (patch.changes(pod)) this.patchStatus(pod, patch);
  }

  /** Clears nominations that a preemption overrules, and has its victims deleted. */
  private evict(cycle: CycleInProgress, { nominatedNode, victims }: PostFilterResult): void {
    if (nominatedNode === undefined || victims.length === 0) return;
    const { pod } = cycle.queued;
    for (const other of this.core.nominator.podsOn(nominatedNode)) {
      if (other.priority < pod.priority) this.patchStatus(other.pod, new NominationPatch(''));
    }
    const plugin = preemptionOf(cycle.framework);
    if (plugin !== undefined)
      this.preemptions.start(plugin, cycle.framework.schedulerName, pod, nominatedNode, victims, this.core.handle.waitingPods);
  }

  private patchStatus(pod: Pod, patch: SchedulingFailurePatch | NominationPatch): void {
    const { namespace, name } = pod.metadata;
    this.client.request(
      { verb: 'patch', resource: 'pods', subresource: 'status', namespace, name, patch },
      this,
      TAG_IGNORE,
    );
  }

  receive(_tag: number, _response: ApiResponse): void {}

  bindingSucceeded(cycle: CycleInProgress): void {
    const { queued, node, framework } = cycle;
    this.core.queue.forget(queued);
    this.core.nominator.delete(queued.pod.key);
    for (const plugin of framework.plugins.postBind) guarded(plugin, queued.pod.key, () => plugin.postBind!(cycle.assumed!, node));
    this.recorder.event(queued.pod.pod, 'Normal', 'Scheduled', `Successfully assigned ${queued.pod.key} to ${node}`);
  }

  permitted(cycle: CycleInProgress): void {
    this.core.queue.done(cycle.queued);
  }

  /** Takes the assumption back; the room it held may help others, and the pod backs off as after an error. */
  bindingFailed(cycle: CycleInProgress, message: string): void {
    const freed = this.takeBack(cycle);
    this.event(freed);
    this.note(cycle, 'error', message);
    const failed = { ...cycle, result: { ...cycle.result, diagnosis: new Diagnosis() } };
    this.fail(failed, 'SchedulerError', message, '');
    this.wake();
  }

  /** As `bindingFailed`, of a pod that is unschedulable for now; its own leaving does not bring it back. */
  bindingRejected(cycle: CycleInProgress, status: Status): void {
    const freed = this.takeBack(cycle);
    const diagnosis = new Diagnosis();
    const message = rejectionText(diagnosis, status, 0);
    this.note(cycle, 'unschedulable', message);
    this.fail({ ...cycle, result: { ...cycle.result, diagnosis } }, 'Unschedulable', message, '');
    this.core.queue.event(freed, this.simulation.now, cycle.queued.pod.key);
    this.wake();
  }

  /** Undoes Reserve and the assumption; returns the event that this is to others. */
  private takeBack({ framework, node, assumed }: CycleInProgress): ClusterEvent {
    framework.unreserve(assumed!, node);
    this.core.cache.forget(assumed!.key);
    const { pod } = assumed!;
    const object: Pod = { ...pod, spec: { ...pod.spec, nodeName: node } };
    return { kinds: EventKind.PodDelete, object, pod: assumed!, assigned: true };
  }

  // What the informers tell.

  schedules(pod: Pod): boolean {
    return this.core.frameworks.has(pod.spec.schedulerName);
  }

  bound(pod: Pod, old: Pod | null, key: string): void {
    const { queue, cache } = this.core;
    // What is bound and changes in its status only, as most do, concerns the cache alone.
    if (old !== null && old.spec === pod.spec && old.metadata.labels === pod.metadata.labels) {
      cache.set(pod, key);
      return;
    }
    const wasBound = old !== null && (old.spec.nodeName ?? '') !== '';
    if (!wasBound) queue.delete(key);
    const info = cache.set(pod, key);
    const kinds = wasBound ? podChanges(old, pod) & (EventKind.PodLabel | EventKind.PodScaleDown) : EventKind.PodAdd;
    if (kinds !== 0) this.event({ kinds, object: pod, pod: info, assigned: true, ...(old === null ? {} : { old }) });
  }

  unbound(pod: Pod, old: Pod | null, key: string): void {
    const { queue, cache } = this.core;
    if (cache.isAssumed(key)) return;
    const info = cache.podInfo(pod, key);
    if (old === null) queue.add(info, this.simulation.now);
    else {
      queue.update(info, podChanges(old, pod), this.simulation.now);
      const { nominatedNodeName = '' } = old.status;
      if (nominatedNodeName !== '' && nominatedNodeName !== pod.status.nominatedNodeName) this.leftNomination(old);
    }
    this.wake();
  }

  gone(pod: Pod, key: string): void {
    const { queue, cache } = this.core;
    this.core.handle.waitingPods.get(key)?.reject('', 'removed');
    if (!cache.isAssumed(key)) {
      const info = cache.delete(key);
      if (info !== undefined) this.event({ kinds: EventKind.PodDelete, object: pod, pod: info, assigned: true });
    }
    const known = queue.has(key);
    queue.delete(key);
    this.wake();
    if (known && (pod.status.nominatedNodeName ?? '') !== '') this.leftNomination(pod);
  }

  /** A pod no longer counts on the node it was nominated to, for pods that are no more important than it. */
  private leftNomination(pod: Pod): void {
    const info = this.core.cache.podInfo(pod);
    this.event({ kinds: EventKind.PodDelete, object: pod, pod: info, assigned: true, maximumPriority: info.priority });
  }

  setNode(node: Node): void {
    this.core.cache.nodes.setNode(node);
  }

  removeNode(node: Node): void {
    this.core.cache.nodes.removeNode(node.metadata.name);
  }

  event(event: ClusterEvent): void {
    this.core.queue.event(event, this.simulation.now);
    this.wake();
  }
}
