import type { Service } from '../api/core.js';
import { matchesMap } from '../api/labels.js';
import { deploymentRolloutStatus } from '../api/rollout-status.js';
import type { Deployment } from '../api/workloads.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { imageTag } from '../api/image.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import type { Ingress } from '../network/ingress-rules.js';
import type { Objective, RolloutSpec, StrategySpec } from '../scenario/types.js';
import type { Measurements } from './analysis/measurements.js';
import { deploymentNames, type PlanInput, planRollback, planRollout, type Step } from './plan.js';
import type { RolloutEntry, RolloutProcess } from './rollout-process.js';

const OP_START = 1;
const OP_PAUSE_OVER = 2;
const OP_RETRY = 3;
/** A wait has taken too long; argument: its step. */
const OP_TIMEOUT = 4;
/** The new version is judged. */
const OP_ANALYSE = 5;

/** A request that failed for a passing reason is tried again after this long, as a pipeline's retry step does. */
const RETRY_DELAY: Duration = 1e9;

/**
 * A release pipeline: carries out the plan of a strategy through the API, as a user of kubectl would, and waits by watching
 * Deployments.
 */
export class Pipeline implements Component, ResponseReceiver, ResourceEventHandler<Deployment>, RolloutProcess {
  readonly name = 'pipeline';
  /** Deployments that take part. */
  readonly deployments: readonly string[];
  readonly log: RolloutEntry[] = [];
  startedAt: Time = -1;
  /** When the last step was done; −1 while it runs. */
  finishedAt: Time = -1;
  detectedAt: Time = -1;
  rolledBackAt: Time = -1;
  /** Why it gave up; empty when it did not. */
  failure = '';
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly informer: Informer<Deployment>;
  private readonly services: Informer<Service>;
  private readonly rollout: RolloutSpec;
  private readonly strategy: StrategySpec;
  private readonly measurements: Measurements;
  /** Those that users come through, by `namespace/name`; null: there are none. */
  private readonly ingresses: { readonly informer: Informer<Ingress>; readonly keys: readonly string[] } | null;
  /** What the plans were made from. */
  private input: PlanInput | null = null;
  private failedLooks = 0;
  private steps: readonly Step[] = [];
  private position = 0;
  private outstanding = 0;
  /** Newest resourceVersion the pipeline's own writes produced, by Deployment: older watch events are not looked at. */
  private readonly written = new Map<string, number>();
  private readonly retries: ApiRequest[] = [];

  constructor(
    simulation: Simulation,
    client: ApiClient,
    deployments: Informer<Deployment>,
    services: Informer<Service>,
    rollout: RolloutSpec,
    strategy: StrategySpec,
    measurements: Measurements,
    ingresses: { readonly informer: Informer<Ingress>; readonly keys: readonly string[] } | null = null,
  ) {
    this.ingresses = ingresses;
    this.measurements = measurements;
    this.simulation = simulation;
    this.client = client;
    this.informer = deployments;
    this.services = services;
    this.rollout = rollout;
    this.strategy = strategy;
    this.deployments = deploymentNames(strategy, rollout.deployment.name);
    this.target = simulation.add(this);
    deployments.addEventHandler(this);
  }

  /** Starts the rollout at an instant. */
  startAt(time: Time): void {
    this.simulation.scheduleAt(time, this.target, OP_START);
  }

  describe(opcode: number): string {
    return ['', 'the rollout starts', 'a pause is over', 'a request is tried again', 'a wait has taken too long', 'the new version is judged'][opcode]!;
  }

  handle(opcode: number, argument: number): void {
    switch (opcode) {
      case OP_START:
        this.start();
        return;
      case OP_PAUSE_OVER:
        if (argument === this.position) this.advance();
        return;
      case OP_RETRY: {
        const request = this.retries.shift();
        if (request !== undefined) this.client.request(request, this, this.plan);
        return;
      }
      case OP_TIMEOUT:
        if (argument === this.position && this.detectedAt < 0) this.fail('error: timed out waiting for the condition');
        return;
      case OP_ANALYSE:
        this.analyse();
        return;
      default:
        throw new Error(`pipeline: unknown opcode ${opcode}`);
    }
  }

  private start(): void {
    const { namespace, name } = this.rollout.deployment;
    const deployment = this.informer.get(`${namespace}/${name}`);
    this.startedAt = this.simulation.now;
    if (deployment === undefined) {
      this.fail(`deployments.apps "${name}" not found`);
      return;
    }
    const labels = deployment.spec.template.metadata.labels ?? {};
    const services: Service[] = [];
    for (const service of this.services.list()) {
      const { selector } = service.spec;
      if (service.metadata.namespace === namespace && selector !== undefined && matchesMap(selector, labels)) {
        services.push(service);
      }
    }
    const { container, image } = this.rollout;
    const ingresses = this.ingresses?.keys.flatMap((key) => this.ingresses!.informer.get(key) ?? []) ?? [];
    this.input = { deployment, services, container, image, ingresses };
    this.steps = planRollout(this.strategy, this.input);
    const { analysis } = this.strategy.rollback ?? {};
    if (analysis !== undefined) this.simulation.schedule(analysis.interval, this.target, OP_ANALYSE);
    this.note('started', `${this.strategy.name}: ${name} to ${image}`);
    this.perform();
  }

  private perform(): void {
    const step = this.steps[this.position];
    if (step === undefined && this.detectedAt >= 0) {
      this.rolledBackAt = this.simulation.now;
      this.note('rolledBack', 'the old version is back');
      return;
    }
    if (step === undefined) {
      this.finishedAt = this.simulation.now;
      this.note('finished', `${this.strategy.name} is complete`);
      return;
    }
    this.note(step.kind, step.message);
    switch (step.kind) {
      case 'requests':
        this.outstanding = step.requests.length;
        if (this.outstanding === 0) this.advance();
        for (const request of step.requests) this.client.request(request, this, this.plan);
        return;
      case 'pause':
        this.simulation.schedule(step.duration, this.target, OP_PAUSE_OVER, this.position);
        return;
      case 'rolloutStatus': {
        const { timeout } = this.strategy.rollback ?? {};
        if (timeout !== undefined && this.detectedAt < 0) this.simulation.schedule(timeout, this.target, OP_TIMEOUT, this.position);
        this.check();
      }
    }
  }

  private advance(): void {
    this.position++;
    this.perform();
  }

  /** 0: on the way out, 1: on the way back. Answers of the other way are too late. */
  private get plan(): number {
    return this.detectedAt < 0 ? 0 : 1;
  }

  receive(plan: number, response: ApiResponse, request: ApiRequest): void {
    if (plan !== this.plan) return;
    if (!succeeded(response)) {
      const passing = response.code === 0 || response.code === 409 || response.code === 429 || response.code >= 500;
      if (passing && response.reason !== 'AlreadyExists') {
        this.retries.push(request);
        this.simulation.schedule(RETRY_DELAY, this.target, OP_RETRY);
      } else this.fail(response.message ?? `request failed with ${response.code}`);
      return;
    }
    if (request.resource === 'deployments' && response.object !== undefined) {
      this.written.set(response.object.metadata.name, response.object.metadata.resourceVersion);
    }
    if (--this.outstanding === 0) this.advance();
  }

  /** Looks whether the Deployment that the pipeline waits for is rolled out. */
  private check(): void {
    const step = this.steps[this.position];
    if (step?.kind !== 'rolloutStatus' || (this.failure !== '' && this.detectedAt < 0)) return;
    const deployment = this.informer.get(`${this.rollout.deployment.namespace}/${step.deployment}`);
    if (deployment === undefined) return;
    if (deployment.metadata.resourceVersion < (this.written.get(step.deployment) ?? 0)) return;
    const status = deploymentRolloutStatus(deployment);
    // The old version's own deadline says nothing while its way back begins.
    if (status.failed && this.detectedAt < 0) this.fail(`error: ${status.message}`);
    else if (status.done) this.advance();
  }

  onAdd(): void {
    this.check();
  }

  onUpdate(): void {
    this.check();
  }

  onDelete(): void {}

  private fail(message: string): void {
    if (this.failure !== '') return;
    this.failure = message;
    this.note('failed', message);
    if (this.strategy.rollback === undefined || this.input === null) return;
    // Nothing of the plan goes on: numbers of its steps are not met again.
    const complete = this.finishedAt >= 0;
    this.detectedAt = this.simulation.now;
    this.finishedAt = -1;
    this.outstanding = 0;
    this.retries.length = 0;
    this.position = this.steps.length + 1;
    this.steps = [...this.steps, ...new Array<Step>(1), ...planRollback(this.strategy, this.input, complete)];
    this.perform();
  }

  /** Judges the new version by the objectives of the analysis. */
  private analyse(): void {
    const { analysis } = this.strategy.rollback!;
    const { now } = this.simulation;
    if (analysis === undefined || this.detectedAt >= 0) return;
    if (this.finishedAt >= 0 && now > this.finishedAt + analysis.watch) return;
    const bad = analysis.objectives.find((objective) => this.misses(objective, analysis.window));
    if (bad !== undefined && ++this.failedLooks > analysis.failureLimit) {
      this.fail(`analysis: the new version misses "${bad.text}"`);
      return;
    }
    this.simulation.schedule(analysis.interval, this.target, OP_ANALYSE);
  }

  /** Whether the new version misses an objective now; without answers it misses none that is about them. */
  private misses({ metric, quantile, comparison, limit }: Objective, window: Duration): boolean {
    const { namespace } = this.rollout.deployment;
    const services = new Set(this.input!.services.map(({ metadata }) => `${namespace}/${metadata.name}`));
    const version = imageTag(this.rollout.image);
    const what = metric === 'errors' ? 'errorRate' : metric === 'restarts' ? 'restarts' : 'latency';
    const scale = metric === 'latency' ? SECOND : 1;
    const measure = { what, window, of: 'canary', scale, offset: 0, ...(quantile === undefined ? {} : { quantile }) } as const;
    const value = this.measurements.value(measure, { services, canary: version, stable: '' }, this.simulation.now);
    if (value === undefined) return false;
    return !(comparison === '<' ? value < limit : comparison === '<=' ? value <= limit : comparison === '>' ? value > limit : value >= limit);
  }

  private note(phase: string, message: string): void {
    this.log.push({ time: this.simulation.now, phase, message });
  }
}
