import { goDuration } from '../../api/go-duration.js';
import type { Service } from '../../api/core.js';
import { keyOf, type KubernetesObject } from '../../api/meta.js';
import type { Canary, CanaryAnalysis, MetricTemplate } from '../../api/rollout-kinds.js';
import type { Deployment } from '../../api/workloads.js';
import type { ProcessContext } from '../../client/context.js';
import type { ApiClient, EventRecorder, Informer, ResourceEventHandler } from '../../client/types.js';
import { ControllerWorkers, type Reconciler, type Reconciliation } from '../../controllers/controller.js';
import type { Component, Simulation } from '../../kernel/simulation.js';
import { MINUTE, SECOND, type Duration } from '../../kernel/time.js';
import type { Ingress } from '../../network/ingress-rules.js';
import type { Measurements } from '../analysis/measurements.js';
import type { RouteKind } from '../routes.js';
import { CanarySync } from './canary-sync.js';

const OP_TICK = 1;
/** -threadiness of Flagger. */
const WORKERS = 2;
/** Default of analysis.interval, and the least that is taken. */
const DEFAULT_INTERVAL: Duration = MINUTE;
const LEAST_INTERVAL: Duration = 10 * SECOND;

export function analysisOf(canary: Canary): CanaryAnalysis {
  return canary.spec.analysis ?? canary.spec.canaryAnalysis ?? {};
}

/** How often a Canary is looked at (GetAnalysisInterval). */
export function intervalOf(canary: Canary): Duration {
  const { interval } = analysisOf(canary);
  const given = interval === undefined ? undefined : goDuration(interval);
  return given === undefined ? DEFAULT_INTERVAL : Math.max(given, LEAST_INTERVAL);
}

/** Flagger: looks at each Canary once an interval, from the moment it sees it. */
export class CanaryController implements Component, Reconciler, ResourceEventHandler<Canary> {
  readonly name = 'flagger';
  readonly workers: ControllerWorkers;
  readonly simulation: Simulation;
  readonly recorder: EventRecorder;
  readonly measurements: Measurements;
  readonly canaries: Informer<Canary>;
  readonly deployments: Informer<Deployment>;
  readonly services: Informer<Service>;
  readonly metricTemplates: Informer<MetricTemplate>;
  readonly routes: ReadonlyMap<RouteKind, Informer<KubernetesObject>>;
  readonly ingresses: Informer<Ingress>;
  private readonly target: number;
  /** Canaries with a ticker, by number and by key. */
  private readonly keys: string[] = [];
  private readonly numbers = new Map<string, number>();

  constructor(context: ProcessContext, client: ApiClient, measurements: Measurements) {
    const { informers } = context;
    this.simulation = context.simulation;
    this.measurements = measurements;
    this.recorder = context.eventRecorder('flagger', client);
    this.canaries = informers.informer<Canary>('canaries');
    this.deployments = informers.informer<Deployment>('deployments');
    this.services = informers.informer<Service>('services');
    this.metricTemplates = informers.informer<MetricTemplate>('metrictemplates');
    this.routes = new Map((['virtualservices', 'trafficsplits', 'httproutes'] as const).map((kind) => [kind, informers.informer(kind)]));
    this.ingresses = informers.informer<Ingress>('ingresses');
    this.target = context.simulation.add(this);
    this.workers = new ControllerWorkers(context, { name: 'flagger', workers: WORKERS, client });
    this.canaries.addEventHandler(this);
    this.workers.start(this, [this.canaries, this.deployments, this.services, this.metricTemplates, this.ingresses, ...this.routes.values()]);
  }

  reconcile(key: string): Reconciliation | null {
    const canary = this.canaries.get(key);
    return canary === undefined || canary.spec.suspend === true ? null : new CanarySync(this, canary);
  }

  onAdd(canary: Canary): void {
    const key = keyOf(canary);
    if (this.numbers.has(key)) return;
    const number = this.keys.push(key) - 1;
    this.numbers.set(key, number);
    this.simulation.schedule(0, this.target, OP_TICK, number);
  }

  onUpdate(): void {}

  onDelete(canary: Canary): void {
    this.numbers.delete(keyOf(canary));
  }

  describe(): string {
    return 'a Canary is due';
  }

  handle(_opcode: number, number: number): void {
    const key = this.keys[number]!;
    const canary = this.canaries.get(key);
    if (canary === undefined || this.numbers.get(key) !== number) return;
    this.workers.queue.add(key);
    this.simulation.schedule(intervalOf(canary), this.target, OP_TICK, number);
  }
}
