import type { Service } from '../api/core.js';
import { matchesMap } from '../api/labels.js';
import { deploymentRolloutStatus } from '../api/rollout-status.js';
import type { Deployment } from '../api/workloads.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import type { RolloutSpec, StrategySpec } from '../scenario/types.js';
import { deploymentNames, planRollout, type Step } from './plan.js';

const OP_START = 1;
const OP_PAUSE_OVER = 2;
const OP_RETRY = 3;

/** A request that failed for a passing reason is tried again after this long, as a pipeline's retry step does. */
const RETRY_DELAY: Duration = 1e9;

/** A line of the pipeline's log. */
export interface PipelineEntry {
  readonly time: Time;
  readonly phase: string;
  readonly message: string;
}

/**
 * A release pipeline: carries out the plan of a strategy through the API, as a user of kubectl would, and waits by watching
 * Deployments.
 */
export class Pipeline implements Component, ResponseReceiver, ResourceEventHandler<Deployment> {
  readonly name = 'pipeline';
  /** Deployments that take part. */
  readonly deployments: readonly string[];
  readonly log: PipelineEntry[] = [];
  startedAt: Time = -1;
  /** When the last step was done; −1 while it runs. */
  finishedAt: Time = -1;
  /** Why it gave up; empty when it did not. */
  failure = '';
  private readonly simulation: Simulation;
  private readonly target: number;
  private readonly client: ApiClient;
  private readonly informer: Informer<Deployment>;
  private readonly services: Informer<Service>;
  private readonly rollout: RolloutSpec;
  private readonly strategy: StrategySpec;
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
  ) {
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
    return opcode === OP_START ? 'the rollout starts' : opcode === OP_PAUSE_OVER ? 'a pause is over' : 'a request is tried again';
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
        if (request !== undefined) this.client.request(request, this, 0);
        return;
      }
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
    this.steps = planRollout(this.strategy, { deployment, services, container, image });
    this.note('started', `${this.strategy.name}: ${name} to ${image}`);
    this.perform();
  }

  private perform(): void {
    const step = this.steps[this.position];
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
        for (const request of step.requests) this.client.request(request, this, 0);
        return;
      case 'pause':
        this.simulation.schedule(step.duration, this.target, OP_PAUSE_OVER, this.position);
        return;
      case 'rolloutStatus':
        this.check();
    }
  }

  private advance(): void {
    this.position++;
    this.perform();
  }

  receive(_tag: number, response: ApiResponse, request: ApiRequest): void {
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
    if (step?.kind !== 'rolloutStatus' || this.failure !== '') return;
    const deployment = this.informer.get(`${this.rollout.deployment.namespace}/${step.deployment}`);
    if (deployment === undefined) return;
    if (deployment.metadata.resourceVersion < (this.written.get(step.deployment) ?? 0)) return;
    const status = deploymentRolloutStatus(deployment);
    if (status.failed) this.fail(`error: ${status.message}`);
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
    this.failure = message;
    this.note('failed', message);
  }

  private note(phase: string, message: string): void {
    this.log.push({ time: this.simulation.now, phase, message });
  }
}
