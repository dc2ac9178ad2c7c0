import type { RunResult } from '../analysis/result.js';
import { imageTag } from '../api/image.js';
import type { Deployment } from '../api/workloads.js';
import type { EventListName } from '../kernel/event-list.js';
import type { Time } from '../kernel/time.js';
import { Recorder } from '../metrics/recorder.js';
import { ROLLOUT } from '../metrics/tables.js';
import type { Scenario, StrategySpec } from '../scenario/types.js';
import { Pipeline } from '../strategies/pipeline.js';
import { deploymentNames } from '../strategies/plan.js';
import { AppTracker } from './app-tracker.js';
import { Observer } from './observer.js';
import { summarize } from './result.js';
import { Sampler } from './sampler.js';
import { SimulatedCluster } from './simulated-cluster.js';
import { isStartAction } from './start-objects.js';
import { Timeline } from './timeline.js';

const SECOND = 1e9;
/** The warm start ends when every Deployment is complete, or when no pod has changed for this long, or at the latest then. */
const QUIET = 60 * SECOND;
const WARM_UP_LIMIT = 1800 * SECOND;
/** Once settled, the cluster is left alone for this long, so that what was started can be seen by everybody. */
const REST = 2 * SECOND;

export interface ScenarioRunOptions {
  /** Strategy of the scenario's rollout; absent: no rollout happens. */
  readonly strategy?: StrategySpec;
  readonly eventList?: EventListName;
}

/**
 * One run of a scenario, in steps of one simulated second: first the warm start, then the scenario's own time from 0 to its
 * duration. `advance` until it returns false, then take the `result`.
 */
export class ScenarioRun {
  readonly cluster: SimulatedCluster;
  readonly recorder = new Recorder();
  readonly observer: Observer;
  readonly tracker: AppTracker;
  readonly timeline: Timeline;
  readonly pipeline: Pipeline | null;
  /** Simulated time of the scenario's 0; −1 while the cluster warms up. */
  origin: Time = -1;
  private readonly scenario: Scenario;
  private readonly options: ScenarioRunOptions;
  private readonly sampler: Sampler;
  private settledAt: Time = -1;

  constructor(scenario: Scenario, options: ScenarioRunOptions = {}) {
    this.scenario = scenario;
    this.options = options;
    this.cluster = new SimulatedCluster(scenario, options.eventList);
    const { simulation, kubectl } = this.cluster;
    const { rollout } = scenario;
    const { strategy } = options;
    const names = rollout === undefined || strategy === undefined ? [] : deploymentNames(strategy, rollout.deployment.name);
    const service = scenario.traffic[0]?.service;
    this.tracker = new AppTracker(
      simulation,
      service === undefined ? '' : `${service.namespace}/${service.name}`,
      names.map((name) => `${rollout!.deployment.namespace}/${name}`),
    );
    this.observer = new Observer(simulation, this.recorder, this.tracker);
    this.cluster.connections.observer = this.observer;
    const client = kubectl.client('kubectl', 50, 300);
    this.timeline = new Timeline(
      simulation,
      client,
      this.cluster,
      scenario.timeline.filter((action) => !isStartAction(action)),
    );
    this.pipeline =
      rollout === undefined || strategy === undefined
        ? null
        : new Pipeline(simulation, client, kubectl.informer('deployments'), kubectl.informer('services'), rollout, strategy);
    this.sampler = new Sampler(this.cluster, this.recorder, this.observer);
    this.cluster.setLimited(false);
    this.cluster.start();
  }

  /** Simulates one second; false when the scenario's duration is over. */
  advance(): boolean {
    const { simulation } = this.cluster;
    simulation.run(simulation.now + SECOND);
    if (this.origin < 0) {
      this.warmUp(simulation.now);
      return true;
    }
    this.sampler.sample(simulation.now);
    return simulation.now - this.origin < this.scenario.duration;
  }

  /** The log of pipeline and timeline, in order of time. */
  private writeLog(): void {
    const table = this.recorder.table(ROLLOUT);
    const entries = [...this.timeline.log, ...(this.pipeline?.log ?? [])].sort((a, b) => a.time - b.time);
    for (const { time, phase, message } of entries) table.append([(time - this.origin) / SECOND, phase, message]);
  }

  /** Share of the run that is done, 0..1. */
  get share(): number {
    return this.origin < 0 ? 0 : Math.min(1, (this.cluster.simulation.now - this.origin) / this.scenario.duration);
  }

  private warmUp(now: Time): void {
    if (this.settledAt < 0) {
      if (this.settled(now)) this.settledAt = now;
      return;
    }
    if (now - this.settledAt >= REST) this.begin(now);
  }

  private settled(now: Time): boolean {
    if (now > WARM_UP_LIMIT) return true;
    const { observer } = this;
    if (now > QUIET && now - observer.lastPodChange > QUIET) return true;
    let wanted = 0;
    for (const object of this.cluster.connections.current('deployments')) {
      const { metadata, spec, status } = object as Deployment;
      if ((status.observedGeneration ?? 0) < metadata.generation) return false;
      if ((status.availableReplicas ?? 0) < spec.replicas || (status.updatedReplicas ?? 0) < spec.replicas) return false;
      wanted += spec.replicas;
    }
    return wanted === 0 ? now >= REST : true;
  }

  /** The scenario's time begins. */
  private begin(origin: Time): void {
    this.origin = origin;
    const { cluster, scenario } = this;
    cluster.setLimited(true);
    this.observer.begin(origin);
    this.sampler.begin(origin);
    this.timeline.start(origin);
    cluster.workload.start(origin);
    const { rollout } = scenario;
    if (this.pipeline !== null && rollout !== undefined) this.pipeline.startAt(origin + rollout.at);
    const service = scenario.traffic[0]?.service;
    if (service !== undefined) this.tracker.begin(this.wantedReplicas());
  }

  /** Replicas that users need: those of the Deployment that is rolled out, else the endpoints that are ready now. */
  private wantedReplicas(): number {
    const { rollout } = this.scenario;
    if (rollout === undefined) return this.tracker.readyNow;
    for (const object of this.cluster.connections.current('deployments')) {
      const { namespace, name } = object.metadata;
      if (namespace === rollout.deployment.namespace && name === rollout.deployment.name) return (object as Deployment).spec.replicas;
    }
    return this.tracker.readyNow;
  }

  /** Tag of the image that the rollout brings; empty without one. */
  get rolloutVersion(): string {
    const { rollout } = this.scenario;
    return rollout === undefined ? '' : imageTag(rollout.image);
  }

  /** The run's figures; to be called once, at the end. */
  result(): RunResult {
    this.tracker.end();
    this.observer.writePods();
    this.writeLog();
    this.sampler.end();
    const name = this.options.strategy?.name ?? this.scenario.name;
    return { name, summary: summarize(this, this.scenario, this.options.strategy), tables: this.recorder.tables };
  }
}
