import { equal } from '../api/equal.js';
import { keyOf, type KubernetesObject } from '../api/meta.js';
import type { Canary, Rollout } from '../api/rollout-kinds.js';
import { type ApiRequest, type ApiResponse, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ApiClient, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { SECOND, type Duration, type Time } from '../kernel/time.js';
import type { ObjectName, RolloutSpec, StrategySpec } from '../scenario/types.js';
import { SetImagePatch } from './patches.js';
import type { RolloutEntry, RolloutProcess } from './rollout-process.js';

const OP_START = 1;
const OP_RETRY = 2;
const RETRY_DELAY: Duration = SECOND;

/** A rollout that a controller of the cluster carries out (Argo Rollouts, Flagger): a user sets the image and follows the status. */
export class ControlledRollout implements Component, ResponseReceiver, ResourceEventHandler<KubernetesObject>, RolloutProcess {
  readonly name = 'release';
  readonly deployments: readonly string[];
  readonly log: RolloutEntry[] = [];
  startedAt: Time = -1;
  finishedAt: Time = -1;
  detectedAt: Time = -1;
  rolledBackAt: Time = -1;
  failure = '';
  private readonly simulation: Simulation;
  private readonly client: ApiClient;
  private readonly rollout: RolloutSpec;
  private readonly strategy: StrategySpec & { readonly kind: 'argo' | 'flagger' };
  /** The object whose status tells how it goes. */
  private readonly watched: string;
  private readonly target: number;
  /** The status has shown that the controller works on the new version. */
  private seen = false;
  private request: ApiRequest | null = null;
  private last = '';

  constructor(
    simulation: Simulation,
    client: ApiClient,
    informer: Informer<KubernetesObject>,
    rollout: RolloutSpec,
    strategy: StrategySpec & { readonly kind: 'argo' | 'flagger' },
  ) {
    this.simulation = simulation;
    this.client = client;
    this.rollout = rollout;
    this.strategy = strategy;
    const { namespace, name } = strategy.kind === 'flagger' ? strategy.canary : rollout.deployment;
    this.watched = `${namespace}/${name}`;
    this.deployments = strategy.kind === 'flagger' ? [`${rollout.deployment.name}-primary`, rollout.deployment.name] : [rollout.deployment.name];
    this.target = simulation.add(this);
    informer.addEventHandler(this);
  }

  startAt(time: Time): void {
    this.simulation.scheduleAt(time, this.target, OP_START);
  }

  describe(opcode: number): string {
    return opcode === OP_START ? 'the image is set' : 'a request is tried again';
  }

  handle(opcode: number): void {
    if (opcode === OP_START) {
      this.startedAt = this.simulation.now;
      this.request = imageRequest(this.rollout, this.strategy);
      this.note('started', `${this.strategy.name}: ${this.rollout.deployment.name} to ${this.rollout.image}`);
    }
    if (this.request !== null) this.client.request(this.request, this, 0);
  }

  receive(_tag: number, response: ApiResponse): void {
    if (succeeded(response)) {
      this.request = null;
      return;
    }
    const passing = response.code === 0 || response.code === 409 || response.code === 429 || response.code >= 500;
    if (passing) this.simulation.schedule(RETRY_DELAY, this.target, OP_RETRY);
    else this.giveUp(response.message ?? `request failed with ${response.code}`);
  }

  onAdd(object: KubernetesObject): void {
    this.look(object);
  }

  onUpdate(old: KubernetesObject, object: KubernetesObject): void {
    if (!equal(old, object)) this.look(object);
  }

  onDelete(): void {}

  private look(object: KubernetesObject): void {
    if (this.startedAt < 0 || keyOf(object) !== this.watched) return;
    if (this.strategy.kind === 'argo') this.lookAtRollout(object as Rollout);
    else this.lookAtCanary(object as Canary);
  }

  private lookAtRollout({ metadata, spec, status }: Rollout): void {
    if (status.observedGeneration !== String(metadata.generation) && spec.workloadRef === undefined) return;
    const { phase = 'Progressing', message = '', currentStepIndex = 0, canaryWeight, abort, stableRS, currentPodHash } = status;
    const steps = spec.strategy.canary?.steps?.length;
    const at = steps === undefined ? '' : `, step ${Math.min(currentStepIndex, steps)}/${steps}`;
    this.noteOnce(phase.toLowerCase(), `${phase}${at}${canaryWeight === undefined ? '' : `, weight ${canaryWeight}`}${message === '' ? '' : `: ${message}`}`);
    if (currentPodHash !== stableRS) this.seen = true;
    if (message.startsWith('InvalidSpec')) this.giveUp(message);
    if (!this.seen) return;
    if (abort === true) {
      this.detected(message);
      const back = (canaryWeight ?? 0) === 0 && (status.availableReplicas ?? 0) >= (spec.replicas ?? 1);
      if (back) this.back();
    } else if (phase === 'Healthy') this.finished();
    else if (phase === 'Degraded') this.giveUp(message);
  }

  private lookAtCanary({ status }: Canary): void {
    const { phase = 'Initializing', canaryWeight = 0, failedChecks = 0, iterations = 0 } = status;
    const more = `${failedChecks > 0 ? `, ${failedChecks} failed checks` : ''}${iterations > 0 ? `, iteration ${iterations}` : ''}`;
    this.noteOnce(phase.toLowerCase(), `${phase}, weight ${canaryWeight}${more}`);
    if (phase === 'Progressing' || phase === 'Waiting') this.seen = true;
    if (!this.seen) return;
    if (phase === 'Failed') {
      this.detected(`${failedChecks} failed checks`);
      this.back();
    } else if (phase === 'Succeeded') this.finished();
  }

  private detected(message: string): void {
    if (this.detectedAt >= 0) return;
    this.detectedAt = this.simulation.now;
    this.failure = message === '' ? 'rolled back' : message;
    this.note('rollback', this.failure);
  }

  private back(): void {
    if (this.rolledBackAt >= 0) return;
    this.rolledBackAt = this.simulation.now;
    this.note('rolledBack', 'the old version is back');
  }

  private finished(): void {
    if (this.finishedAt >= 0 || this.detectedAt >= 0) return;
    this.finishedAt = this.simulation.now;
    this.note('finished', `${this.strategy.name} is complete`);
  }

  private giveUp(message: string): void {
    if (this.failure !== '') return;
    this.failure = message;
    this.note('failed', message);
  }

  private noteOnce(phase: string, message: string): void {
    if (message === this.last) return;
    this.last = message;
    this.note(phase, message);
  }

  private note(phase: string, message: string): void {
    this.log.push({ time: this.simulation.now, phase, message });
  }
}

/** `kubectl argo rollouts set image`, or `kubectl set image` of the Deployment that a Rollout or a Canary refers to. */
function imageRequest({ deployment, container, image }: RolloutSpec, strategy: StrategySpec): ApiRequest {
  const patch = new SetImagePatch(container, image);
  const inRollout = strategy.kind === 'argo' && strategy.workload === undefined;
  const object: ObjectName = strategy.kind === 'argo' && strategy.workload !== undefined ? { ...deployment, name: strategy.workload } : deployment;
  return { verb: 'patch', resource: inRollout ? 'rollouts' : 'deployments', namespace: object.namespace, name: object.name, patch };
}
