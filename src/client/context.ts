import type { ProcessorShare } from '../etcd/processor.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration } from '../kernel/time.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile, Scenario } from '../scenario/types.js';
import type { ApiClient, EventRecorder, InformerFactory, WorkQueue, WorkQueueConsumer } from './types.js';

/** When work of some duration is done, from now: at once begun, or in the line for the cores of the machine. */
export function worked(context: Pick<ProcessContext, 'machine' | 'simulation'>, duration: Duration): Duration {
  const { now } = context.simulation;
  return context.machine === undefined ? duration : context.machine.reserve(now, duration) - now;
}

/** What one process of the control plane (kube-controller-manager, kube-scheduler) gives its parts. */
export interface ProcessContext {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly profile: CostProfile;
  readonly scenario: Scenario;
  readonly informers: InformerFactory;
  /** Cores of the machine, shared with others on it; absent: enough for everything. */
  readonly machine?: ProcessorShare;
  /** A client with its own token bucket, as each controller has (`deployment-controller`, …). */
  client(name: string, qps: number, burst: number): ApiClient;
  /**
   * An event recorder whose events name `component` as their source. It writes with `client`, whose limits its events share (all
   * controllers of kube-controller-manager do: one limiter for all groups of a clientset); absent: with a client of its own.
   */
  eventRecorder(component: string, client?: ApiClient): EventRecorder;
  /** A work queue with client-go's default rate limiter, or with a given base and maximum delay per item (nanoseconds). */
  workQueue(name: string, consumer: WorkQueueConsumer, baseDelay?: number, maximumDelay?: number): WorkQueue;
}
