import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ApiClient } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Duration, SECOND, type Time } from '../kernel/time.js';
import type { PodInfo } from './cache/pod-info.js';
import { type Framework, guarded } from './framework/framework.js';
import type { Plugin, PostFilterResult } from './framework/plugin.js';
import type { Status } from './framework/status.js';
import { NominationPatch } from './patches.js';
import type { QueuedPod } from './queue/queued-pod.js';
import type { ScheduleResult } from './schedule-pod.js';

/** A scheduling cycle between its decision, taken at its beginning, and its end in simulated time. */
export interface CycleInProgress {
  readonly queued: QueuedPod;
  readonly framework: Framework;
  readonly result: ScheduleResult;
  readonly postFilter: PostFilterResult | null;
  /** Why the pod was not placed; empty when it was. */
  readonly message: string;
  /** Text of an error, if it was one that kept the pod from being placed; empty: none. */
  readonly failure: string;
  readonly started: Time;
  /** Chosen node; empty: none. */
  readonly node: string;
  /** The pod as it is counted on the node; null: it is not. */
  readonly assumed: PodInfo | null;
}

/** Told how binding cycles go and end. */
export interface BindingListener {
  /** Nobody can reject the pod any more: what fails from here on is an error. */
  permitted(cycle: CycleInProgress): void;
  bindingSucceeded(cycle: CycleInProgress): void;
  /** A plugin that made the pod wait rejected it. */
  bindingRejected(cycle: CycleInProgress, status: Status): void;
  bindingFailed(cycle: CycleInProgress, message: string): void;
}

/** How often PreBind looks whether what it waits for has happened, and for how long (volumebinding BindPodVolumes). */
const POLL_INTERVAL: Duration = SECOND;
const POLL_TIMEOUT: Duration = 600 * SECOND;

/** Where a binding cycle is. */
const Phase = { Expectation: 0, Permit: 1, PreBind: 2, Polling: 3, Bind: 4 } as const;

/** One binding cycle: a wait at Permit, the requests of PreBind in order, a wait until their effect is there, the request that binds. */
class Binding {
  readonly cycle: CycleInProgress;
  /** Requests of PreBind, and by which plugin. */
  readonly requests: readonly { readonly plugin: string; readonly request: ApiRequest }[];
  phase: (typeof Phase)[keyof typeof Phase] = Phase.Permit;
  /** When PreBind began. */
  begun: Time = 0;
  next = 0;
  /** Its event in the future; 0: none. */
  timer = 0;

  constructor(cycle: CycleInProgress, requests: Binding['requests']) {
    this.cycle = cycle;
    this.requests = requests;
  }
}

/**
 * Binding cycles (schedule_one.go bindingCycle): each runs beside the scheduling cycles and the other binding cycles, in any
 * number, held up only by the client's limits and the API server.
 */
export class BindingCycles implements ResponseReceiver {
  private readonly simulation: Simulation;
  private readonly client: ApiClient;
  private readonly listener: BindingListener;
  private readonly target: number;
  private readonly pollOpcode: number;
  private readonly bindings = new Slots<Binding>();
  /** Those that wait at Permit. */
  private readonly waiting = new Set<number>();

  /** @param target component that hands events of `pollOpcode` back to `poll` */
  constructor(
    simulation: Simulation,
    client: ApiClient,
    listener: BindingListener,
    target: number,
    pollOpcode: number,
  ) {
    this.simulation = simulation;
    this.client = client;
    this.listener = listener;
    this.target = target;
    this.pollOpcode = pollOpcode;
  }

  get size(): number {
    return this.bindings.size;
  }

  start(cycle: CycleInProgress): void {
    const { framework, assumed, node } = cycle;
    const requests: { readonly plugin: string; readonly request: ApiRequest }[] = [];
    for (const plugin of framework.plugins.preBind) {
      const own = guarded(plugin, assumed!.key, () => plugin.preBind?.(assumed!, node) ?? []);
      for (const request of own) requests.push({ plugin: plugin.name, request });
    }
    const binding = new Binding(cycle, requests);
    const slot = this.bindings.put(binding);
    const { features, waitingPods } = framework.handle;
    const waiting = waitingPods.get(assumed!.key) !== undefined;
    if (waiting) this.waiting.add(slot);
    if (features.nominatedNodeNameForExpectation && (requests.length > 0 || waiting)) {
      // From 1.35 on others are told where the pod is expected, before what may take long.
      binding.phase = Phase.Expectation;
      const { namespace, name } = assumed!.pod.metadata;
      const patch = new NominationPatch(node);
      this.client.request({ verb: 'patch', resource: 'pods', subresource: 'status', namespace, name, patch }, this, slot);
    } else this.awaitPermit(slot, binding);
  }

  receive(slot: number, response: ApiResponse): void {
    const binding = this.bindings.get(slot);
    const { cycle, phase } = binding;
    // That the expectation could not be written stops nothing.
    if (phase === Phase.Expectation) this.awaitPermit(slot, binding);
    else if (!succeeded(response)) {
      const what = phase === Phase.Bind ? 'Bind' : 'PreBind';
      const plugin = phase === Phase.Bind ? cycle.framework.plugins.bind[0]!.name : binding.requests[binding.next]!.plugin;
      this.fail(slot, `running ${what} plugin "${plugin}": ${reasonOf(response)}`);
    } else if (phase === Phase.Bind) {
      this.bindings.take(slot);
      this.listener.bindingSucceeded(cycle);
    } else {
      binding.next++;
      this.preBind(slot, binding);
    }
  }

  /** Looks again whether Permit has waited long enough, or whether PreBind is done. */
  poll(slot: number): void {
    const binding = this.bindings.get(slot);
    binding.timer = 0;
    if (binding.phase === Phase.Polling) this.finishPreBind(slot, binding);
    else {
      binding.cycle.framework.handle.waitingPods.get(binding.cycle.assumed!.key)!.expire(this.simulation.now);
      this.awaitPermit(slot, binding);
    }
  }

  /** Lets the pods go on that plugins have allowed or rejected. To be called after plugins have run. */
  settle(): void {
    for (const slot of this.waiting) {
      const binding = this.bindings.get(slot);
      const pod = binding.cycle.framework.handle.waitingPods.get(binding.cycle.assumed!.key)!;
      if (pod.settled && binding.phase === Phase.Permit) this.awaitPermit(slot, binding);
    }
  }

  private awaitPermit(slot: number, binding: Binding): void {
    const { cycle } = binding;
    const { waitingPods } = cycle.framework.handle;
    binding.phase = Phase.Permit;
    const pod = waitingPods.get(cycle.assumed!.key);
    if (pod !== undefined && !pod.settled) {
      if (binding.timer === 0) {
        binding.timer = this.simulation.scheduleAt(pod.deadline, this.target, this.pollOpcode, slot);
      }
      return;
    }
    if (binding.timer !== 0) this.simulation.cancel(binding.timer);
    binding.timer = 0;
    this.waiting.delete(slot);
    waitingPods.delete(cycle.assumed!.key);
    if (pod !== undefined && pod.rejection !== null) {
      this.bindings.take(slot);
      this.listener.bindingRejected(cycle, pod.rejection);
      return;
    }
    this.listener.permitted(cycle);
    binding.phase = Phase.PreBind;
    binding.begun = this.simulation.now;
    this.preBind(slot, binding);
  }

  private preBind(slot: number, binding: Binding): void {
    const next = binding.requests[binding.next];
    if (next !== undefined) this.client.request(next.request, this, slot);
    else this.finishPreBind(slot, binding);
  }

  private finishPreBind(slot: number, binding: Binding): void {
    const { assumed, framework, node } = binding.cycle;
    const { preBind, bind } = framework.plugins;
    const behind = preBind.find((plugin) => guarded(plugin, assumed!.key, () => plugin.preBindDone?.(assumed!) === false));
    if (behind === undefined) {
      binding.phase = Phase.Bind;
      this.client.request(guarded(bind[0]!, assumed!.key, () => bind[0]!.bind!(assumed!, node)), this, slot);
    } else if (this.simulation.now >= binding.begun + patience(preBind)) {
      this.fail(slot, `running PreBind plugin "${behind.name}": binding volumes: context deadline exceeded`);
    } else {
      binding.phase = Phase.Polling;
      binding.timer = this.simulation.schedule(POLL_INTERVAL, this.target, this.pollOpcode, slot);
    }
  }

  private fail(slot: number, message: string): void {
    this.listener.bindingFailed(this.bindings.take(slot).cycle, message);
  }
}

/** How long PreBind may take. */
function patience(plugins: readonly Plugin[]): Duration {
  return Math.max(0, ...plugins.map((plugin) => plugin.preBindTimeout ?? POLL_TIMEOUT));
}

function reasonOf(response: ApiResponse): string {
  return response.message ?? response.reason ?? 'connection lost';
}
