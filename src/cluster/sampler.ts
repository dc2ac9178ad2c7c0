import type { Member } from '../etcd/member.js';
import type { Time } from '../kernel/time.js';
import type { Recorder, TableRecorder } from '../metrics/recorder.js';
import {
  API_REQUEST_DURATION,
  ETCD_FSYNC_DURATION,
  ETCD_REQUEST_DURATION,
  type HistogramFamily,
  ScrapedHistogram,
} from '../metrics/histograms.js';
import { API_REQUESTS_BY_SECOND, ETCD_BY_SECOND, NODES, SCHEDULER_BY_SECOND } from '../metrics/tables.js';
import { LogHistogram } from '../stats/index.js';
import type { Observer } from './observer.js';
import type { SimulatedCluster } from './simulated-cluster.js';

/** Nanoseconds as seconds, for tables. */
const PER_SECOND = 1e-9;

/** Seconds between two scrapes of histograms, as Prometheus is usually set to. */
const SCRAPE_INTERVAL = 15;
/** HTTP verbs of the API's verbs, as the metric has them. */
const HTTP_VERBS: Readonly<Record<string, string>> = {
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
};

/** Reads the components' figures once a simulated second and appends them to the recorder's tables. */
export class Sampler {
  private readonly cluster: SimulatedCluster;
  private readonly recorder: Recorder;
  private readonly observer: Observer;
  private origin: Time = 0;
  private attemptsSeen = 0;
  /** Histograms under their real names, by name and labels. */
  private readonly histograms = new Map<string, ScrapedHistogram>();
  /** Write transactions by etcd cluster, from proposal to apply: nanoseconds. */
  readonly commits = new Map<string, LogHistogram>();

  constructor(cluster: SimulatedCluster, recorder: Recorder, observer: Observer) {
    this.cluster = cluster;
    this.recorder = recorder;
    this.observer = observer;
  }

  /** Time 0 of all tables; figures of the warm start are dropped. */
  begin(origin: Time): void {
    this.origin = origin;
    for (const server of this.cluster.servers) server.metrics.reset();
    for (const member of this.cluster.etcdClusters.members) member.takeSample();
    for (const { name } of this.cluster.etcdClusters.all) this.commits.set(name, new LogHistogram());
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
    if ((second + 1) % SCRAPE_INTERVAL === 0) {
      for (const histogram of this.histograms.values()) histogram.scrape(this.recorder, second + 1);
    }
    this.observer.sampleNodes(second + 1);
    const { active, backoff, unschedulable, gated } = this.cluster.scheduler.queueLengths();
    this.recorder.table(SCHEDULER_BY_SECOND).append([second, active, backoff, unschedulable, gated]);
  }

  private histogram(family: HistogramFamily, labels: Readonly<Record<string, string>>): ScrapedHistogram {
    const key = `${family.name} ${Object.values(labels).join(' ')}`;
    let histogram = this.histograms.get(key);
    if (histogram === undefined) {
      histogram = new ScrapedHistogram(family, labels);
      this.histograms.set(key, histogram);
    }
    return histogram;
  }

  private sampleApi(second: number): void {
    const table = this.recorder.table(API_REQUESTS_BY_SECOND);
    for (const server of this.cluster.servers) {
      for (const figures of server.metrics.takeRecent().values()) {
        const [resource, subresource = ''] = figures.resource.split('/');
        this.histogram(API_REQUEST_DURATION, {
          verb: HTTP_VERBS[figures.verb] ?? figures.verb,
          resource: resource!,
          subresource,
          instance: server.name,
        }).add(figures.latency);
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
    for (const { name, cluster } of this.cluster.etcdClusters.all) {
      for (const member of cluster.members) this.sampleMember(table, second, member, this.commits.get(name)!);
    }
  }

  private sampleMember(table: TableRecorder, second: number, member: Member, commits: LogHistogram): void {
    const { puts, commit, fsync } = member.takeSample();
    commits.merge(commit);
    this.histogram(ETCD_FSYNC_DURATION, { instance: member.name }).add(fsync);
    this.histogram(ETCD_REQUEST_DURATION, { operation: 'txn', instance: member.name }).add(commit);
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

  /** Writes what is only complete at the end. */
  end(): void {
    this.cluster.scheduler.writeAttempts(this.recorder, this.attemptsSeen, this.origin);
    this.cluster.workload.writeTables(this.recorder);
  }
}
