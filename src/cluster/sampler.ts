import { CacheFigures } from '../apiserver/cache-figures.js';
import type { RequestFigures } from '../apiserver/metrics.js';
import type { Member } from '../etcd/member.js';
import { resourceInfo } from '../api/resources.js';
import { type MetricsSink, scrapeMember } from '../etcd/scrape.js';
import type { Time } from '../kernel/time.js';
import {
  API_REQUEST_DURATION,
  API_REQUEST_SLI,
  appendHistogram,
  HISTOGRAMS,
  type HistogramFamily,
  ScrapedHistogram,
} from '../metrics/histograms.js';
import type { Recorder, TableRecorder } from '../metrics/recorder.js';
import { SCRAPES } from '../metrics/scrapes.js';
import { API_REQUESTS_BY_SECOND, ETCD_BY_SECOND, NODES, SCHEDULER_BY_SECOND } from '../metrics/tables.js';
import { LogHistogram } from '../stats/index.js';
import { type BucketCounts, scrapeApiServer, scrapeElection, scrapeProcess } from './api-scrape.js';
import type { RecordSpec } from '../scenario/types.js';
import { scrapeNetwork } from './network-scrape.js';
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

/** Where the latencies of one kind of requests go; `sli` null: nobody wants it. */
interface ShownRequests {
  readonly duration: ScrapedHistogram;
  readonly sli: ScrapedHistogram | null;
}

/** Reads the components' figures once a simulated second and appends them to the recorder's tables. */
export class Sampler implements MetricsSink {
  private readonly cluster: SimulatedCluster;
  private readonly recorder: Recorder;
  private readonly observer: Observer;
  /** Seconds between two samples of gauges. */
  private readonly interval: number;
  private readonly scrapeInterval: number;
  /** Somebody wants what a scrape finds. */
  private readonly scrapes: boolean;
  private origin: Time = 0;
  /** Attempts of the scheduler before time 0. */
  attemptsBefore = 0;
  /** Histograms under their real names, by name and labels. */
  private now = 0;
  private scraped = 0;
  private readonly histograms = new Map<string, ScrapedHistogram>();
  /** Those of the API servers' requests by the servers' own series. */
  private readonly requests = new Map<object, ShownRequests>();
  /** Write transactions by etcd cluster, from proposal to apply: nanoseconds. */
  readonly commits = new Map<string, LogHistogram>();

  constructor(cluster: SimulatedCluster, recorder: Recorder, observer: Observer, record: RecordSpec | undefined) {
    this.interval = record?.interval ?? 1;
    this.scrapeInterval = record?.scrapeInterval ?? SCRAPE_INTERVAL;
    this.scrapes = recorder.records(HISTOGRAMS) || recorder.records(SCRAPES);
    this.cluster = cluster;
    this.recorder = recorder;
    this.observer = observer;
  }

  /** Time 0 of all tables; figures of the warm start are dropped. */
  begin(origin: Time): void {
    this.origin = origin;
    for (const server of this.cluster.servers) {
      server.metrics.reset();
      for (const cache of server.caches()) cache.figures = new CacheFigures();
    }
    this.cluster.connections.unanswered = 0;
    for (const member of this.cluster.etcdClusters.members) member.resetMetrics();
    for (const { name } of this.cluster.etcdClusters.all) this.commits.set(name, new LogHistogram());
    this.cluster.proxies.catchUp();
    this.cluster.proxies.runsByMode?.reset();
    this.attemptsBefore = this.cluster.scheduler.attempts.length;
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
    const gauges = second % this.interval === 0;
    if (gauges) this.observer.sample(second);
    this.sampleApi(second);
    for (const server of this.cluster.servers) server.seats.kinds.endSecond();
    this.sampleEtcd(second);
    this.now = second + 1;
    if (this.now % this.scrapeInterval === 0) this.scrape();
    this.observer.sampleNodes(second + 1);
    if (!gauges) return;
    const { active, backoff, unschedulable, gated } = this.cluster.scheduler.queueLengths();
    this.recorder.table(SCHEDULER_BY_SECOND).append([second, active, backoff, unschedulable, gated]);
  }

  /** Reads all metrics as Prometheus does. */
  private scrape(): void {
    this.scraped = this.now;
    if (!this.scrapes) return;
    for (const histogram of this.histograms.values()) histogram.scrape(this.recorder, this.now);
    const { etcdClusters, servers, etcd } = this.cluster;
    for (const member of etcdClusters.members) scrapeMember(member, this);
    const { connections } = this.cluster;
    for (const server of servers) scrapeApiServer(server, etcd.members[0]!.store.size, connections.watchesByResource(server), this);
    for (const process of [this.cluster.controllerManager, this.cluster.schedulerProcess]) scrapeProcess(process, this);
    for (const replicated of this.cluster.controlPlane) scrapeElection(replicated, this);
    scrapeNetwork(this.cluster, this);
  }

  /** A counter or gauge of the scrape under way. */
  value(name: string, labels: string, value: number): void {
    this.recorder.table(SCRAPES).append([this.now, name, labels, value]);
  }

  /** A histogram of the scrape under way. */
  histogram(name: string, labels: string, { bounds, counts, count, sum }: BucketCounts): void {
    const atMost = new Float64Array(bounds.length);
    let below = 0;
    for (let i = 0; i < bounds.length; i++) atMost[i] = below += counts[i]!;
    appendHistogram(this.recorder.table(HISTOGRAMS), this.now, name, labels, bounds, atMost, count, sum);
  }

  /** Durations of the scrape under way. */
  latencies({ name, bounds }: HistogramFamily, labels: string, durations: LogHistogram): void {
    const counts = durations.countsAtMost(bounds.map((bound) => bound * 1e9));
    appendHistogram(this.recorder.table(HISTOGRAMS), this.now, name, labels, bounds, counts, durations.count, durations.sum * PER_SECOND);
  }

  private observed(family: HistogramFamily, labels: Readonly<Record<string, string>>): ScrapedHistogram {
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
    const wanted = this.scrapes || this.recorder.records(API_REQUESTS_BY_SECOND);
    for (const server of this.cluster.servers) {
      const recent = server.metrics.takeRecent();
      if (!wanted) continue;
      for (const { series, figures, total } of recent) {
        let shown = this.requests.get(series);
        if (shown === undefined) this.requests.set(series, (shown = this.shown(server.name, figures)));
        shown.duration.show(total.latency);
        shown.sli?.show(total.sli);
        const mean = figures.latency.mean * PER_SECOND;
        const p99 = figures.latency.quantile(0.99) * PER_SECOND;
        for (const [code, count] of figures.codes) {
          table.append([second, figures.verb, figures.resource, code, count, mean, p99]);
        }
      }
    }
  }

  private shown(server: string, { verb, resource: full, scope }: RequestFigures): ShownRequests {
    const [resource = '', subresource = ''] = full.split('/');
    const { group, version } = resourceInfo(resource);
    const where = { job: 'apiserver', instance: server, component: 'apiserver', verb: HTTP_VERBS[verb] ?? verb };
    const what = { scope, group, version, resource, subresource };
    return {
      duration: this.observed(API_REQUEST_DURATION, { ...where, dry_run: '', ...what }),
      sli: this.scrapes ? this.observed(API_REQUEST_SLI, { ...where, ...what }) : null,
    };
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
    // A member that is down for the whole second has no row.
    if (!member.running && puts === 0 && fsync.count === 0) return;
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
    if (this.scraped < this.now) this.scrape();
    this.cluster.scheduler.writeAttempts(this.recorder, this.attemptsBefore, this.origin);
    this.cluster.workload.writeTables(this.recorder);
  }
}
