import { type Container, type Pod, servingContainer } from '../api/core.js';
import { matchesSelector } from '../api/labels.js';
import type { LabelSelector } from '../api/meta.js';
import type { ScaleTargetReference } from '../api/policy.js';
import type { PodMetric } from '../controllers/horizontal-policy.js';
import type { MetricsSource } from '../controllers/horizontal-metrics.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import type { MetricSeries, Scenario } from '../scenario/types.js';
import type { PodServer } from '../workload/pod-server.js';
import type { PodServers } from '../workload/pods.js';

/** metrics-server's --metric-resolution in the manifest that it ships (manifests/base/deployment.yaml). */
export const RESOLUTION: Duration = 15 * SECOND;
/** A container younger than one resolution counts from its start on, when it is at least this old (pkg/storage/types.go). */
const FRESH_CONTAINER: Duration = 10 * SECOND;
const OP_SCRAPE = 1;
const NANOSECONDS_PER_MILLICORE_SECOND = 1e6;

/** Processor time of a pod at an instant. */
interface Point {
  readonly time: Time;
  readonly cpuTime: number;
}

/** The last two points of a pod, between which its use is the rate. */
interface Sample {
  readonly last: Point;
  readonly previous: Point | null;
  readonly memory: number;
}

/**
 * metrics-server and the adapters of other metrics: looks at all pods every 15 s and knows of each how much processor time it
 * took between the last two looks; other metrics are series of the scenario. It begins to look when the scenario has a
 * HorizontalPodAutoscaler, or when somebody asks for the first time.
 */
export class MetricsServer implements Component, MetricsSource {
  readonly name = 'metrics-server';
  private readonly simulation: Simulation;
  private readonly servers: PodServers;
  private readonly series: readonly MetricSeries[];
  private readonly target: number;
  private samples = new Map<string, Sample>();
  private running = false;
  /** Instant of the scenario's time 0. */
  private origin: Time = 0;

  constructor(simulation: Simulation, servers: PodServers, scenario: Scenario) {
    this.simulation = simulation;
    this.servers = servers;
    this.series = scenario.metrics ?? [];
    this.target = simulation.add(this);
    if (scenario.objects.some(({ kind }) => kind === 'HorizontalPodAutoscaler')) this.start();
  }

  /** The scenario's time begins: its series count from now on. */
  begin(origin: Time): void {
    this.origin = origin;
  }

  describe(): string {
    return 'looks at the use of all pods';
  }

  handle(): void {
    const { now } = this.simulation;
    const next = new Map<string, Sample>();
    for (const server of this.servers.running) next.set(server.uid, this.look(server, now));
    this.samples = next;
    this.simulation.schedule(RESOLUTION, this.target, OP_SCRAPE);
  }

  resource(pods: readonly Pod[], resource: string, _now: Time, container?: string): ReadonlyMap<string, PodMetric> {
    if (!this.running) this.start();
    const metrics = new Map<string, PodMetric>();
    for (const { metadata, spec } of pods) {
      const sample = this.samples.get(metadata.uid);
      if (sample === undefined || sample.previous === null) continue;
      const share = container === undefined ? 1 : shareOf(spec.containers, container);
      if (share === undefined) continue;
      const { last, previous, memory } = sample;
      const window = last.time - previous.time;
      const rate = (last.cpuTime - previous.cpuTime) / (window / SECOND) / NANOSECONDS_PER_MILLICORE_SECOND;
      if (resource === 'cpu') metrics.set(metadata.name, { value: Math.ceil(rate * share), timestamp: last.time, window });
      else if (resource === 'memory') metrics.set(metadata.name, { value: memory * share, timestamp: last.time, window });
    }
    return metrics;
  }

  pods(namespace: string, pods: readonly Pod[], metric: string, now: Time, selector?: LabelSelector): ReadonlyMap<string, PodMetric> {
    const metrics = new Map<string, PodMetric>();
    const series = this.find(namespace, metric, selector).find(({ object }) => object === undefined);
    const value = series === undefined ? undefined : this.at(series, now);
    if (series === undefined || value === undefined) return metrics;
    const running = pods.filter(({ status, metadata }) => status.phase === 'Running' && metadata.deletionTimestamp === undefined);
    const each = series.perPod ? value : value / running.length;
    for (const { metadata } of running) metrics.set(metadata.name, { value: each, timestamp: now, window: RESOLUTION });
    return metrics;
  }

  value(namespace: string, metric: string, now: Time, selector?: LabelSelector, object?: ScaleTargetReference): number | undefined {
    const known = this.find(namespace, metric, selector);
    const any = known.filter((series) => series.object === undefined);
    if (object !== undefined) {
      const own = known.find((series) => series.object?.kind === object.kind && series.object.name === object.name) ?? any[0];
      return own === undefined ? undefined : this.at(own, now);
    }
    let sum: number | undefined;
    for (const series of any) {
      const value = this.at(series, now);
      if (value !== undefined) sum = (sum ?? 0) + value;
    }
    return sum;
  }

  /** What a series is now; undefined before its first value. */
  private at(series: MetricSeries, now: Time): number | undefined {
    let value: number | undefined;
    for (const step of series.values) {
      if (this.origin + step.at > now) break;
      value = step.value;
    }
    return value;
  }

  private find(namespace: string, metric: string, selector: LabelSelector | undefined): MetricSeries[] {
    return this.series.filter(
      ({ name, namespace: own, labels }) => name === metric && own === namespace && (selector === undefined || matchesSelector(selector, labels)),
    );
  }

  private start(): void {
    this.running = true;
    this.simulation.schedule(0, this.target, OP_SCRAPE);
  }

  private look(server: PodServer, now: Time): Sample {
    server.settleCpu(now);
    const idle = (server.usage?.cpu ?? 0) * NANOSECONDS_PER_MILLICORE_SECOND * ((now - server.started) / SECOND);
    const last = { time: now, cpuTime: server.cpuTime + idle };
    const age = now - server.started;
    const fresh = age >= FRESH_CONTAINER && age < RESOLUTION ? { time: server.started, cpuTime: 0 } : null;
    return { last, previous: fresh ?? this.samples.get(server.uid)?.last ?? null, memory: server.usage?.memory ?? 0 };
  }
}

/** Share of a container in its pod's use: the one that serves has all of it, others none; undefined for a container that is not there. */
function shareOf(containers: readonly Container[], name: string): number | undefined {
  if (!containers.some((container) => container.name === name)) return undefined;
  return servingContainer(containers).name === name ? 1 : 0;
}
