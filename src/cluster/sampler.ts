import type { Time } from '../kernel/time.js';
import type { Recorder } from '../metrics/recorder.js';
import { API_REQUESTS_BY_SECOND, ETCD_BY_SECOND, NODES, SCHEDULER_BY_SECOND } from '../metrics/tables.js';
import type { Observer } from './observer.js';
import type { SimulatedCluster } from './simulated-cluster.js';

/** Nanoseconds as seconds, for tables. */
const PER_SECOND = 1e-9;

/** Reads the components' figures once a simulated second and appends them to the recorder's tables. */
export class Sampler {
  private readonly cluster: SimulatedCluster;
  private readonly recorder: Recorder;
  private readonly observer: Observer;
  private origin: Time = 0;
  private attemptsSeen = 0;

  constructor(cluster: SimulatedCluster, recorder: Recorder, observer: Observer) {
    this.cluster = cluster;
    this.recorder = recorder;
    this.observer = observer;
  }

  /** Time 0 of all tables; figures of the warm start are dropped. */
  begin(origin: Time): void {
    this.origin = origin;
    for (const server of this.cluster.servers) server.metrics.reset();
    for (const member of this.cluster.etcd.members) member.takeSample();
    this.attemptsSeen = this.cluster.scheduler.attempts.length;
    const table = this.recorder.table(NODES);
    for (const node of this.cluster.scenario.cluster.nodes) {
      const labels = node.metadata.labels ?? {};
      const { allocatable } = node.status;
      table.append([
        node.metadata.name,
        labels['topology.kubernetes.io/zone'] ?? '',
        labels['node.kubernetes.io/instance-type'] ?? '',
        (allocatable['cpu'] ?? 0) / 1000,
        allocatable['memory'] ?? 0,
        allocatable['pods'] ?? 0,
      ]);
    }
  }

  /** Takes the second that ends now. */
  sample(now: Time): void {
    const second = Math.round((now - this.origin) * PER_SECOND) - 1;
    this.observer.sample(second);
    this.sampleApi(second);
    this.sampleEtcd(second);
    const { active, backoff, unschedulable, gated } = this.cluster.scheduler.queueLengths();
    this.recorder.table(SCHEDULER_BY_SECOND).append([second, active, backoff, unschedulable, gated]);
  }

  private sampleApi(second: number): void {
    const table = this.recorder.table(API_REQUESTS_BY_SECOND);
    for (const server of this.cluster.servers) {
      for (const figures of server.metrics.takeRecent().values()) {
        const mean = figures.latency.mean * PER_SECOND;
        const p99 = figures.latency.quantile(0.99) * PER_SECOND;
        for (const [code, count] of figures.codes) {
          table.append([second, figures.verb, figures.resource, code, count, mean, p99]);
        }
      }
    }
  }

  private sampleEtcd(second: number): void {
    const table = this.recorder.table(ETCD_BY_SECOND);
    for (const member of this.cluster.etcd.members) {
      const { puts, commit, fsync } = member.takeSample();
      table.append([
        second,
        member.name,
        member.isLeader ? 1 : 0,
        member.node.term,
        puts,
        commit.quantile(0.5) * PER_SECOND,
        commit.quantile(0.99) * PER_SECOND,
        fsync.quantile(0.5) * PER_SECOND,
        fsync.quantile(0.99) * PER_SECOND,
        member.store.size,
      ]);
    }
  }

  /** Writes what is only complete at the end. */
  end(): void {
    this.cluster.scheduler.writeAttempts(this.recorder, this.attemptsSeen, this.origin);
    this.cluster.workload.writeTables(this.recorder);
  }
}
