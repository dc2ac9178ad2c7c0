import type { RunResult } from '../analysis/result.js';
import { imageTag, podVersion } from '../api/image.js';
import type { StatefulSet } from '../api/apps.js';
import { podCondition, type Pod, type Service } from '../api/core.js';
import type { KubernetesObject } from '../api/meta.js';
import type { Deployment } from '../api/workloads.js';
import type { ApiClient } from '../client/types.js';
import { FaultBook } from '../faults/fault-book.js';
import { RandomFaults } from '../faults/random-faults.js';
import type { Component } from '../kernel/component.js';
import type { EventListName } from '../kernel/event-list.js';
import type { Time } from '../kernel/time.js';
import { Recorder } from '../metrics/recorder.js';
import { API_REQUESTS, ROLLOUT } from '../metrics/tables.js';
import type { Ingress } from '../network/ingress-rules.js';
import type { DrawObserver } from '../random/stream.js';
import type { Scenario, StrategySpec } from '../scenario/types.js';
import type { ExplainTarget } from '../scheduler/explain.js';
import { Pipeline } from '../strategies/pipeline.js';
import { ControlledRollout } from '../strategies/controlled-rollout.js';
import type { RolloutProcess } from '../strategies/rollout-process.js';
import { PodTrace } from '../workload/pod-trace.js';
import { Allocation } from './allocation.js';
import { AppTracker } from './app-tracker.js';
import { ClusterFaults } from './cluster-faults.js';
import { JoiningMachines } from './joining-machines.js';
import { NodeUsage, usageInterval } from './node-usage.js';
import { Observer } from './observer.js';
import { REQUESTS_KEPT, RequestLog } from './request-log.js';
import { summarize } from './result.js';
import { RolloutControllers } from './rollout-controllers.js';
import { Sampler } from './sampler.js';
import { ingressesOf, servedService } from './served-service.js';
import { SimulatedCluster } from './simulated-cluster.js';
import { isStartAction } from './start-objects.js';
import { Timeline } from './timeline.js';

const SECOND = 1e9;
const OP_SECOND = 1;
/** The run's own event comes after all others of its instant. */
const LAST_PHASE = 1;
/** Limits of the pipeline, and of timeline actions that are no kubectl commands: those that kubectl has for discovery (pkg/cmd/cmd.go). */
const KUBECTL_QPS = 50;
const KUBECTL_BURST = 300;
/** The warm start ends when every Deployment is complete, or when no pod has changed for this long, or at the latest then. */
const QUIET = 60 * SECOND;
const WARM_UP_LIMIT = 1800 * SECOND;
/** Once settled, the cluster is left alone for this long, so that what was started can be seen by everybody. */
const REST = 2 * SECOND;

export interface ScenarioRunOptions {
  readonly eventList?: EventListName;
  /** Permutes events of one instant and phase, by a seed: finds accidental dependence on their order. */
  readonly shuffleTies?: number;
  /** Receives every random draw, for the comparison of two runs. */
  readonly draws?: DrawObserver;
  /** The attempt of a pod that kube-scheduler is to explain; nothing else changes. */
  readonly explain?: ExplainTarget;
}

/**
 * One run of a scenario, in steps of one simulated second: first the warm start, then the scenario's own time from 0 to its
 * duration. Choose a strategy with `rollOut` before or right after the warm start (or none), `advance` until it returns false,
 * then take the `result`. A run is plain data: a checkpoint of it taken after the warm start can be continued with each strategy.
 */
export class ScenarioRun implements Component {
  readonly name = 'scenario';
  readonly cluster: SimulatedCluster;
  readonly recorder: Recorder;
  readonly observer: Observer;
  readonly tracker: AppTracker;
  readonly timeline: Timeline;
  /** Machines that are not there at the start; null: all are. */
  private readonly joining: JoiningMachines | null;
  /** What breaks at random; null: nothing does. */
  private readonly faults: RandomFaults | null;
  /** Pods of a recorded trace, and how full they make the cluster; null: there are none. */
  readonly podTrace: PodTrace | null;
  readonly allocation: Allocation | null;
  /** Single requests to the API, a sample. */
  private readonly requests: RequestLog | null;
  pipeline: RolloutProcess | null = null;
  /** Simulated time of the scenario's 0; −1 while the cluster warms up. */
  origin: Time = -1;
  private readonly scenario: Scenario;
  private readonly client: ApiClient;
  readonly sampler: Sampler;
  private strategy: StrategySpec | null = null;
  private settledAt: Time = -1;
  /** The scenario's duration is over. */
  done = false;
  private readonly target: number;

  constructor(scenario: Scenario, options: ScenarioRunOptions = {}) {
    this.scenario = scenario;
    this.cluster = new SimulatedCluster(scenario, options);
    const { simulation, kubectl } = this.cluster;
    const service = servedService(scenario);
    this.tracker = new AppTracker(simulation, service === undefined ? '' : `${service.namespace}/${service.name}`);
    const { rollout } = scenario;
    if (rollout !== undefined) this.tracker.addDeployment(`${rollout.deployment.namespace}/${rollout.deployment.name}`);
    const { podTrace, record } = scenario;
    this.recorder = new Recorder(record?.without);
    const seconds = scenario.duration / SECOND;
    this.allocation = podTrace === undefined ? null : new Allocation(scenario.cluster.nodes, podTrace.shapes, seconds);
    const usage = new NodeUsage(scenario.cluster.nodes, record?.interval ?? usageInterval(seconds), this.allocation);
    this.observer = new Observer(simulation, this.recorder, this.tracker, usage);
    this.observer.restarts = this.cluster.rollouts.measurements.restarts;
    this.cluster.connections.observer = this.observer;
    this.cluster.kubelets.observe(this.observer);
    if (scenario.cluster.settled === true) {
      for (const resource of ['replicasets', 'pods']) this.observer.present(resource, this.cluster.connections.current(resource));
    }
    this.client = kubectl.client('kubectl', KUBECTL_QPS, KUBECTL_BURST);
    kubectl.informer('deployments');
    kubectl.informer('services');
    this.podTrace =
      podTrace === undefined ? null : new PodTrace(simulation, kubectl.client('pod-trace', 0, 0), kubectl.informer<Pod>('pods'), podTrace);
    const actions = scenario.timeline.filter((action) => !isStartAction(action));
    const faults = new ClusterFaults(this.cluster);
    const book = new FaultBook(faults);
    const { randomness } = this.cluster;
    this.timeline = new Timeline(simulation, randomness, this.client, faults, book, actions, this.cluster.newKubectl());
    this.joining = JoiningMachines.needed(scenario) ? new JoiningMachines(simulation, randomness, scenario, faults, this.timeline) : null;
    this.faults = scenario.faults === undefined ? null : new RandomFaults(simulation, randomness, scenario.faults, book, this.timeline);
    this.sampler = new Sampler(this.cluster, this.recorder, this.observer, record);
    const most = this.recorder.records(API_REQUESTS) ? (record?.apiRequests ?? REQUESTS_KEPT) : 0;
    this.requests = most === 0 ? null : new RequestLog(most);
    this.cluster.connections.follower = this.requests;
    this.cluster.setLimited(false);
    this.cluster.start();
    this.target = simulation.add(this);
    simulation.schedule(SECOND, this.target, OP_SECOND, 0, LAST_PHASE);
  }

  /** Lets the scenario's rollout happen with a strategy; at the latest when the warm start ends. */
  rollOut(strategy: StrategySpec): void {
    const { rollout } = this.scenario;
    if (rollout === undefined) throw new Error('the scenario has no rollout');
    if (this.strategy !== null) throw new Error(`the strategy is ${this.strategy.name} already`);
    this.strategy = strategy;
    const { simulation, kubectl } = this.cluster;
    if (strategy.kind === 'argo' || strategy.kind === 'flagger') {
      const watched = kubectl.informer(strategy.kind === 'argo' ? 'rollouts' : 'canaries');
      this.pipeline = new ControlledRollout(simulation, this.client, watched, rollout, strategy);
    } else {
      const { measurements } = this.cluster.rollouts;
      const keys = ingressesOf(this.scenario.traffic);
      // A watch of its own only where a plan needs it.
      const ingresses = keys.length === 0 || strategy.kind !== 'canary' || strategy.routing === undefined ? null : { informer: kubectl.informer<Ingress>('ingresses'), keys };
      this.pipeline = new Pipeline(simulation, this.client, kubectl.informer('deployments'), kubectl.informer('services'), rollout, strategy, measurements, ingresses);
    }
    // A route also sends users to pods that the Service itself does not select.
    const routed = strategy.kind === 'flagger' || (strategy.kind === 'canary' && strategy.routing !== undefined);
    const service = servedService(this.scenario);
    if (routed && service !== undefined) this.tracker.addService(`${service.namespace}/${service.name}-canary`);
    for (const name of this.pipeline.deployments) this.tracker.addDeployment(`${rollout.deployment.namespace}/${name}`);
    if (this.origin >= 0) this.pipeline.startAt(this.origin + rollout.at);
  }

  /** Simulates up to the end of the warm start. */
  warmUp(): void {
    while (this.origin < 0) this.advance();
  }

  /** Simulates one second; false when the scenario's duration is over. */
  advance(): boolean {
    const { simulation } = this.cluster;
    simulation.run(simulation.now + SECOND);
    return !this.done;
  }

  describe(): string {
    return 'a second is over';
  }

  /** Each second, after everything else of its instant: looks whether the cluster has settled, or samples. */
  handle(): void {
    const { simulation } = this.cluster;
    if (this.origin < 0) this.settle(simulation.now);
    else {
      this.sampler.sample(simulation.now);
      this.allocation?.sample(Math.round((simulation.now - this.origin) / SECOND), this.podTrace!.pending, this.recorder);
      if (this.timeline.waits || this.faults?.waits === true) this.lookAtRollout();
      this.done = simulation.now - this.origin >= this.scenario.duration;
    }
    if (!this.done) simulation.schedule(SECOND, this.target, OP_SECOND, 0, LAST_PHASE);
  }

  /** Tells those who wait for an instant of the rollout how far it is. */
  private lookAtRollout(): void {
    const { pipeline } = this;
    if (pipeline === null || pipeline.startedAt < 0) return;
    let ready = 0;
    for (const object of this.cluster.connections.current('pods')) {
      const pod = object as Pod;
      if (pod.metadata.deletionTimestamp === undefined && podVersion(pod.spec) === this.rolloutVersion && podCondition(pod, 'Ready')?.status === 'True') ready++;
    }
    const wanted = this.tracker.wantedReplicas;
    const share = wanted === 0 ? 0 : ready / wanted;
    const over = pipeline.finishedAt >= 0 || pipeline.rolledBackAt >= 0;
    this.timeline.progressed(share, over);
    this.faults?.progressed(share, over);
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

  private settle(now: Time): void {
    if (this.settledAt < 0) {
      if (this.settled(now)) this.settledAt = now;
      return;
    }
    if (now - this.settledAt >= REST) this.begin(now);
  }

  private settled(now: Time): boolean {
    if (now > WARM_UP_LIMIT) return true;
    const { observer } = this;
    const { connections } = this.cluster;
    if (!RolloutControllers.settled(connections.current('rollouts'), connections.current('canaries'))) return false;
    if (now > QUIET && now - observer.lastPodChange > QUIET) return true;
    let wanted = 0;
    for (const object of this.cluster.connections.current('deployments')) {
      const { metadata, spec, status } = object as Deployment;
      if ((status.observedGeneration ?? 0) < metadata.generation) return false;
      if ((status.availableReplicas ?? 0) < spec.replicas || (status.updatedReplicas ?? 0) < spec.replicas) return false;
      wanted += spec.replicas;
    }
    for (const object of this.cluster.connections.current('statefulsets')) {
      const { metadata, spec, status } = object as StatefulSet;
      if ((status.observedGeneration ?? 0) < metadata.generation || (status.readyReplicas ?? 0) < spec.replicas) return false;
      wanted += spec.replicas;
    }
    if (this.scenario.cluster.settled === true && !this.endpointsWritten()) return false;
    return wanted === 0 ? now >= REST : true;
  }

  /** Whether every Service that selects pods has its endpoints. */
  private endpointsWritten(): boolean {
    const { connections } = this.cluster;
    const count = (objects: Iterable<KubernetesObject>, wanted: (object: KubernetesObject) => boolean): number => {
      let found = 0;
      for (const object of objects) if (wanted(object)) found++;
      return found;
    };
    const selecting = count(connections.current('services'), (object) => {
      const { spec } = object as Service;
      return spec.selector !== undefined && spec.type !== 'ExternalName';
    });
    const all = (): boolean => true;
    return count(connections.current('endpointslices'), all) >= selecting && count(connections.current('endpoints'), all) >= selecting;
  }

  /** The scenario's time begins. */
  private begin(origin: Time): void {
    this.origin = origin;
    const { cluster, scenario } = this;
    cluster.setLimited(true);
    this.observer.begin(origin);
    this.sampler.begin(origin);
    this.requests?.begin(origin);
    this.timeline.start(origin);
    this.joining?.start(origin);
    this.faults?.start(origin);
    this.podTrace?.start(origin);
    cluster.metrics.begin(origin);
    cluster.rollouts.begin(origin);
    cluster.workload.start(origin);
    for (const client of cluster.clients) client.start(origin);
    const { rollout } = scenario;
    if (this.pipeline !== null && rollout !== undefined) this.pipeline.startAt(origin + rollout.at);
    if (scenario.traffic.length > 0) this.tracker.begin(this.wantedReplicas());
  }

  /** Replicas that users need: those of the Deployment that is rolled out, else the endpoints that are ready now. */
  private wantedReplicas(): number {
    const { rollout } = this.scenario;
    if (rollout === undefined) return this.tracker.readyNow;
    const [strategy] = rollout.strategies;
    const resource = strategy?.kind === 'argo' ? 'rollouts' : 'deployments';
    // Flagger keeps the target at 0: its primary serves.
    const wanted = strategy?.kind === 'flagger' ? `${rollout.deployment.name}-primary` : rollout.deployment.name;
    for (const object of this.cluster.connections.current(resource)) {
      const { namespace, name } = object.metadata;
      if (namespace === rollout.deployment.namespace && name === wanted) return (object as Deployment).spec.replicas ?? 1;
    }
    return this.tracker.readyNow;
  }

  /** Tag of the image that the rollout brings; empty without one. */
  get rolloutVersion(): string {
    const { rollout } = this.scenario;
    return rollout === undefined ? '' : imageTag(rollout.image);
  }

  /** Name of the run among its results. */
  get label(): string {
    return this.scenario.variant ?? this.strategy?.name ?? this.scenario.name;
  }

  /** The run's figures; to be called once, at the end. */
  result(): RunResult {
    this.tracker.end();
    this.observer.writePods();
    this.writeLog();
    this.sampler.end();
    this.requests?.write(this.recorder, this.cluster.servers.map((server) => server.name));
    return { name: this.label, summary: summarize(this, this.scenario, this.strategy ?? undefined), tables: this.recorder.tables, ...(this.timeline.files.length === 0 ? {} : { files: this.timeline.files }) };
  }
}
