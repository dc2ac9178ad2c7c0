import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ApiClient } from '../client/types.js';
import type { Simulation } from '../kernel/simulation.js';
import { Slots } from '../kernel/slots.js';
import { type Duration, SECOND, type Time } from '../kernel/time.js';
import type { PodInfo } from './cache/pod-info.js';
import type { Framework } from './framework/framework.js';
import type { PostFilterResult } from './framework/plugin.js';
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
  readonly started: Time;
  /** Chosen node; empty: none. */
  readonly node: string;
  /** The pod as it is counted on the node; null: it is not. */
  readonly assumed: PodInfo | null;
}

/** Told how binding cycles end. */
export interface BindingListener {
  bindingSucceeded(cycle: CycleInProgress): void;
  bindingFailed(cycle: CycleInProgress, message: string): void;
}

/** How often PreBind looks whether what it waits for has happened, and for how long (volumebinding BindPodVolumes). */
const POLL_INTERVAL: Duration = SECOND;
const POLL_TIMEOUT: Duration = 600 * SECOND;

/** One binding cycle: the requests of PreBind in order, a wait until their effect is there, the request that binds. */
class Binding {
  readonly cycle: CycleInProgress;
  readonly requests: readonly ApiRequest[];
  readonly deadline: Time;
  next = 0;
  binding = false;

  constructor(cycle: CycleInProgress, requests: readonly ApiRequest[], deadline: Time) {
    this.cycle = cycle;
    this.requests = requests;
    this.deadline = deadline;
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
    const requests: ApiRequest[] = [];
    for (const plugin of cycle.framework.plugins.preBind) requests.push(...plugin.preBind!(cycle.assumed!, cycle.node));
    if (requests.length > 0 && cycle.framework.handle.features.nominatedNodeNameForExpectation) {
      // From 1.35 on others are told where the pod is expected, before the work that may take long.
      const { namespace, name } = cycle.assumed!.pod.metadata;
      const patch = new NominationPatch(cycle.node);
      requests.unshift({ verb: 'patch', resource: 'pods', subresource: 'status', namespace, name, patch });
    }
    const slot = this.bindings.put(new Binding(cycle, requests, this.simulation.now + POLL_TIMEOUT));
    this.advance(slot);
  }

  receive(slot: number, response: ApiResponse): void {
    const binding = this.bindings.get(slot);
    if (!succeeded(response)) {
      this.fail(slot, `${binding.binding ? 'binding rejected' : 'running PreBind plugin'}: ${reasonOf(response)}`);
    } else if (binding.binding) {
      this.bindings.take(slot);
      this.listener.bindingSucceeded(binding.cycle);
    } else {
      binding.next++;
      this.advance(slot);
    }
  }

  /** Looks again whether PreBind is done. */
  poll(slot: number): void {
    this.advance(slot);
  }

  private advance(slot: number): void {
    const binding = this.bindings.get(slot);
    const { cycle, requests } = binding;
    if (binding.next < requests.length) {
      this.client.request(requests[binding.next]!, this, slot);
      return;
    }
    const { preBind, bind } = cycle.framework.plugins;
    const waiting = preBind.some((plugin) => plugin.preBindDone !== undefined && !plugin.preBindDone(cycle.assumed!));
    if (!waiting) {
      binding.binding = true;
      this.client.request(bind[0]!.bind!(cycle.assumed!, cycle.node), this, slot);
    } else if (this.simulation.now >= binding.deadline) this.fail(slot, 'binding volumes: context deadline exceeded');
    else this.simulation.schedule(POLL_INTERVAL, this.target, this.pollOpcode, slot);
  }

  private fail(slot: number, message: string): void {
    this.listener.bindingFailed(this.bindings.take(slot).cycle, message);
  }
}

function reasonOf(response: ApiResponse): string {
  return response.message ?? response.reason ?? 'connection lost';
}
