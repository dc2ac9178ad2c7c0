import type { ApiResponse, ResponseReceiver } from '../apiserver/request.js';
import type { ApiClient, EventRecorder } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import type { PodInfo } from './cache/pod-info.js';
import type { WaitingPods } from './framework/waiting-pods.js';
import { PreemptionPatch } from './patches.js';
import type { DefaultPreemption } from './plugins/default-preemption.js';

/** Victims of one preemption: all but the last are deleted at once, the last when they are done. */
interface Run {
  readonly preemptor: PodInfo;
  readonly node: string;
  readonly schedulerName: string;
  readonly victims: readonly PodInfo[];
  readonly plugin: DefaultPreemption;
  readonly waitingPods: WaitingPods;
  outstanding: number;
}

/** Tags: slot of the run × VICTIMS + index of the victim × 2 + (0: condition patched, 1: deleted). */
const VICTIMS = 4096;

/**
 * Deletes the victims of preemptions as the asynchronous preemption of kube-scheduler does (framework/preemption/executor.go):
 * each victim gets the condition DisruptionTarget, then is deleted. The preemptor waits outside the active queue until only
 * the last victim is left, whose deletion then brings it back.
 */
export class PreemptionRuns implements ResponseReceiver {
  private readonly simulation: Simulation;
  private readonly client: ApiClient;
  private readonly recorder: EventRecorder;
  private readonly runs = new Slots<Run>();

  constructor(simulation: Simulation, client: ApiClient, recorder: EventRecorder) {
    this.simulation = simulation;
    this.client = client;
    this.recorder = recorder;
  }

  /** Preemptions whose victims are not all deleted yet. */
  get size(): number {
    return this.runs.size;
  }

  start(
    plugin: DefaultPreemption,
    schedulerName: string,
    preemptor: PodInfo,
    node: string,
    victims: readonly PodInfo[],
    waitingPods: WaitingPods,
  ): void {
    const run: Run = { preemptor, node, schedulerName, victims, plugin, waitingPods, outstanding: victims.length - 1 };
    const slot = this.runs.put(run);
    if (victims.length === 1) this.evict(slot, 0);
    else {
      plugin.startPreempting(preemptor.key);
      for (let i = 0; i < victims.length - 1; i++) this.evict(slot, i);
    }
  }

  receive(tag: number, _: ApiResponse): void {
    const slot = Math.floor(tag / VICTIMS);
    const index = Math.floor((tag % VICTIMS) / 2);
    const run = this.runs.get(slot);
    const victim = run.victims[index]!;
    if (tag % 2 === 0) {
      // A victim that is gone already needs no deletion; its answer is NotFound all the same.
      const { namespace, name } = victim.pod.metadata;
      this.client.request({ verb: 'delete', resource: 'pods', namespace, name }, this, tag + 1);
      return;
    }
    this.evicted(slot, index);
  }

  /** A victim is on its way out. */
  private evicted(slot: number, index: number): void {
    const run = this.runs.get(slot);
    this.recorder.event(
      run.victims[index]!.pod,
      'Normal',
      'Preempted',
      `Preempted by pod ${run.preemptor.pod.metadata.uid} on node ${run.node}`,
    );
    if (index === run.victims.length - 1) {
      this.runs.take(slot);
      return;
    }
    if (--run.outstanding > 0) return;
    run.plugin.finishPreempting(run.preemptor.key);
    this.evict(slot, run.victims.length - 1);
  }

  private evict(slot: number, index: number): void {
    const run = this.runs.get(slot);
    const waiting = run.waitingPods.get(run.victims[index]!.key);
    if (waiting !== undefined) {
      // A pod that waits at Permit is not there yet: it need not be deleted.
      waiting.reject(run.plugin.name, 'preempted');
      this.evicted(slot, index);
      return;
    }
    const { namespace, name } = run.victims[index]!.pod.metadata;
    const patch = new PreemptionPatch(run.schedulerName, this.simulation.now);
    this.client.request(
      { verb: 'patch', resource: 'pods', subresource: 'status', namespace, name, patch },
      this,
      slot * VICTIMS + index * 2,
    );
  }
}
