import type { Time } from '../../kernel/time.js';
import { SECOND } from '../../kernel/time.js';
import type { MeasurementSpec, MeasureSpec, WebhookGate } from '../../scenario/types.js';
import { LogHistogram } from '../../stats/log-histogram.js';
import type { ServiceStatistics } from '../../workload/statistics.js';
import type { Workload } from '../../workload/workload.js';
import { RestartLog } from './restarts.js';

/** Whose requests are measured. */
export interface Measured {
  /** Services (`namespace/name`) whose users are meant; those without traffic do not matter. */
  readonly services: ReadonlySet<string>;
  /** Versions (image tags) of the new and of the stable pods. */
  readonly canary: string;
  readonly stable: string;
}

/** What a monitoring system knows of the simulated traffic and of restarts: the providers of analyses ask it. */
export class Measurements {
  /** Instant from which the times of the scenario count. */
  origin: Time = 0;
  /** Of the application that is rolled out. */
  readonly restarts = new RestartLog();
  private readonly workload: Workload;
  private readonly stated: readonly MeasurementSpec[];
  private readonly gates: readonly WebhookGate[];

  constructor(workload: Workload, stated: readonly MeasurementSpec[], gates: readonly WebhookGate[]) {
    this.workload = workload;
    this.stated = stated;
    this.gates = gates;
  }

  /** What the scenario states for a metric. */
  statedFor(metric: string): MeasurementSpec | undefined {
    return this.stated.find((each) => each.metric === metric);
  }

  /** Whether a webhook answers with success now. */
  passes(webhook: string, now: Time): boolean {
    return !this.gates.some(({ name, from, until }) => name === webhook && now - this.origin >= from && now - this.origin < until);
  }

  /** Whether somebody says how a webhook answers. */
  hasGate(webhook: string): boolean {
    return this.gates.some(({ name }) => name === webhook);
  }

  /** The value of a measure over the window that ends now; undefined: it is of requests, and none ended in it. */
  value(measure: MeasureSpec, measured: Measured, now: Time): number | undefined {
    const { what, window, of, scale, offset } = measure;
    const version = of === 'all' ? undefined : of === 'stable' ? measured.stable : measured.canary;
    if (what === 'restarts') return offset + scale * this.restarts.count(now - window, now, version);
    let requests = 0;
    let errors = 0;
    const latency = new LogHistogram();
    for (const statistics of this.streams(measured.services)) {
      const part = statistics.totals(now - window, now, version);
      requests += part.requests;
      errors += part.errors;
      if (what === 'latency') latency.merge(part.latency);
    }
    if (what === 'requests') return offset + (scale * requests * SECOND) / window;
    if (requests === 0) return undefined;
    if (what === 'latency') return latency.count === 0 ? undefined : offset + scale * latency.quantile(measure.quantile ?? 0.99);
    const share = errors / requests;
    return offset + scale * (what === 'errorRate' ? share : 1 - share);
  }

  /** Requests of users, of those that come to a Service through an Ingress too, and their mirrored copies. */
  private *streams(services: ReadonlySet<string>): Generator<ServiceStatistics> {
    const { workload } = this;
    const meant = ({ service }: ServiceStatistics): boolean => services.has(service) || workload.behind(service).some((each) => services.has(each));
    for (const statistics of workload.statistics()) if (meant(statistics)) yield statistics;
    for (const { mirrored } of workload.traffic) if (meant(mirrored)) yield mirrored;
  }
}
