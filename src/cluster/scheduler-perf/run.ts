import type { Pod } from '../../api/core.js';
import { RestClient } from '../../client/rest-client.js';
import { type Duration, SECOND, toSeconds } from '../../kernel/time.js';
import type { PerfWorkload, Scenario } from '../../scenario/types.js';
import { type ClusterOptions, SimulatedCluster } from '../simulated-cluster.js';
import { PerfHarness } from './harness.js';
import type { Throughput } from './throughput.js';

/** Client limits of the harness (util.go mustSetupCluster). */
const HARNESS_LIMIT = 5000;

/** Admission plugins that the harness switches off. */
const DISABLED_PLUGINS = ['ServiceAccount', 'TaintNodesByCondition', 'Priority', 'StorageObjectInUseProtection'];

/** Outcome of one workload. */
export interface PerfResult {
  readonly workload: string;
  /** Null when it was over before there was a sample, or failed. */
  readonly throughput: Throughput | null;
  /** Pods a second from the first to the last that was placed while it was measured; 0 with fewer than two. */
  readonly overall: number;
  /** Scheduling cycles while it was measured, and their median, seconds. */
  readonly cycles: number;
  readonly cycleMedian: number;
  /** Simulated seconds from the start of the cluster to the end of the workload. */
  readonly duration: number;
  readonly threshold?: number;
  readonly measured?: number;
  readonly notes: readonly string[];
  /** Empty: none. */
  readonly failure: string;
  readonly traceHash: string;
}

/** A workload of scheduler_perf on a cluster of its own: API server, etcd and scheduler, no kubelets. */
export class SchedulerPerfRun {
  readonly cluster: SimulatedCluster;
  private readonly workload: PerfWorkload;
  private readonly harness: PerfHarness;
  private readonly limit: Duration;

  constructor(scenario: Scenario, workload: PerfWorkload, options: Omit<ClusterOptions, 'controllers'> = {}) {
    this.workload = workload;
    this.limit = scenario.duration;
    // The harness starts the garbage collector and the namespace controller beside the scheduler.
    const cluster = { ...scenario.cluster, disabledAdmissionPlugins: DISABLED_PLUGINS };
    this.cluster = new SimulatedCluster({ ...scenario, cluster }, { ...options, controllers: ['garbage-collector', 'namespace'] });
    const { simulation, connections, servers, schedulerProcess } = this.cluster;
    const client = new RestClient(simulation, connections, 'system:masters', servers[0]!.host, 0, HARNESS_LIMIT, HARNESS_LIMIT);
    this.harness = new PerfHarness(this.cluster, client, schedulerProcess.informers.informer<Pod>('pods'), workload);
    this.cluster.start();
  }

  /** Simulates one second; false when the workload is over. */
  advance(): boolean {
    const { simulation } = this.cluster;
    simulation.run(simulation.now + SECOND);
    return !this.harness.done && simulation.now < this.limit;
  }

  result(): PerfResult {
    const { harness, cluster, workload } = this;
    const { simulation } = cluster;
    const timeout = harness.done ? '' : `timed out after ${toSeconds(this.limit)} s`;
    const { collectingFrom: from, collectedUntil: until } = harness;
    const durations: number[] = [];
    let placed = 0;
    let first = 0;
    let last = 0;
    for (const { time, duration, result } of cluster.scheduler.attempts) {
      if (from < 0 || time < from || (until >= 0 && time > until)) continue;
      durations.push(duration);
      if (result !== 'scheduled') continue;
      if (placed++ === 0) first = time;
      last = time;
    }
    durations.sort((a, b) => a - b);
    const failure = harness.failure !== '' ? harness.failure : timeout;
    return {
      workload: workload.name,
      throughput: failure === '' ? harness.collector.result() : null,
      overall: last > first ? ((placed - 1) * SECOND) / (last - first) : 0,
      cycles: durations.length,
      cycleMedian: durations.length === 0 ? 0 : toSeconds(durations[durations.length >> 1]!),
      duration: toSeconds(simulation.now),
      ...(workload.threshold === undefined ? {} : { threshold: workload.threshold }),
      ...(workload.measured === undefined ? {} : { measured: workload.measured }),
      notes: workload.notes,
      failure,
      traceHash: simulation.traceHash,
    };
  }
}
