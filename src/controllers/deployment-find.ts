import type { Condition } from '../api/meta.js';
import type { Deployment, ReplicaSet } from '../api/workloads.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import type { Simulation } from '../kernel/simulation.js';
import { findCondition, newCondition, setCondition } from './conditions.js';
import { objectRequest, StagedReconciliation, type Step } from './controller.js';
import type { DeploymentController } from './deployment.js';
import { REVISION } from './deployment-rollout.js';
import { findNewReplicaSet, maxRevision, newReplicaSet, newReplicaSetAnnotations } from './deployment-sets.js';
import { hasProgressDeadline, PROGRESSING } from './deployment-status.js';
import { equalIgnoringHash } from './hash.js';
import { isNamespaceTerminating } from './pod-control.js';

/** First of the stages that belong to finding the new ReplicaSet; those of the sync around it are lower. */
export const FIND = 100;
const REPLICA_SET_WRITTEN = 101;
const DEPLOYMENT_WRITTEN = 102;
const REPLICA_SET_CREATED = 103;
const COLLISION_READ = 104;
const COLLISION_WRITTEN = 105;
const CREATE_FAILED_WRITTEN = 106;

/** The part of a Deployment's sync that finds or makes the new ReplicaSet (getAllReplicaSetsAndSyncRevision). */
export abstract class DeploymentFinder extends StagedReconciliation {
  protected readonly controller: DeploymentController;
  protected readonly simulation: Simulation;
  /** As read from the cache; its status and annotations follow what this sync has written, its resourceVersion does not. */
  protected deployment: Deployment;
  protected replicaSets: readonly ReplicaSet[] = [];
  protected newSet: ReplicaSet | undefined = undefined;
  protected oldSets: readonly ReplicaSet[] = [];
  /** Stage to go on with after finding the ReplicaSets, and whether a missing new one is made. */
  protected afterFind = 0;
  protected createNew = false;
  private proposed: ReplicaSet | undefined = undefined;
  private createFailure = '';

  constructor(controller: DeploymentController, deployment: Deployment, simulation: Simulation) {
    super();
    this.controller = controller;
    this.deployment = deployment;
    this.simulation = simulation;
  }

  /** Handles the stages of this part. */
  protected advanceFind(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case FIND:
        return this.find();
      case REPLICA_SET_WRITTEN:
        if (!succeeded(responses[0]!)) return this.failed(responses[0]!);
        this.newSet = responses[0]!.object as ReplicaSet;
        return this.go(this.afterFind);
      case DEPLOYMENT_WRITTEN:
        if (!succeeded(responses[0]!)) return this.failed(responses[0]!);
        return this.go(this.afterFind);
      case REPLICA_SET_CREATED:
        return this.created(responses[0]!);
      case COLLISION_READ:
        return this.collision(responses[0]!);
      case COLLISION_WRITTEN:
        return this.fail(this.createFailure);
      case CREATE_FAILED_WRITTEN:
        return this.fail(this.createFailure);
      default:
        throw new Error(`unknown stage ${this.stage}`);
    }
  }

  protected go(stage: number): undefined {
    this.stage = stage;
    return undefined;
  }

  protected wait(stage: number, requests: readonly ApiRequest[]): readonly ApiRequest[] {
    this.stage = stage;
    return requests;
  }

  protected failed(response: ApiResponse): null {
    return this.fail(response.message ?? 'request failed');
  }

  protected statusRequest(): ApiRequest {
    return objectRequest('update', 'deployments', this.deployment, { subresource: 'status', body: this.deployment });
  }

  protected setProgressing(condition: Condition): void {
    const { status } = this.deployment;
    this.deployment = { ...this.deployment, status: { ...status, conditions: setCondition(status.conditions, condition) } };
  }

  /** Finds or makes the new ReplicaSet and keeps its revision (getAllReplicaSetsAndSyncRevision). */
  private find(): Step {
    const { deployment } = this;
    const existing = findNewReplicaSet(deployment, this.replicaSets);
    this.oldSets = existing === undefined ? this.replicaSets : this.replicaSets.filter((set) => set !== existing);
    this.newSet = existing;
    if (existing !== undefined) return this.syncRevision(existing);
    if (!this.createNew) return this.go(this.afterFind);
    this.proposed = newReplicaSet(deployment, this.oldSets);
    return this.wait(REPLICA_SET_CREATED, [objectRequest('create', 'replicasets', this.proposed, { body: this.proposed })]);
  }

  private syncRevision(existing: ReplicaSet): Step {
    const { deployment } = this;
    const { metadata, spec } = existing;
    const annotations = newReplicaSetAnnotations(deployment, metadata.annotations, maxRevision(this.oldSets) + 1, true);
    if (annotations !== metadata.annotations || spec.minReadySeconds !== deployment.spec.minReadySeconds) {
      const body: ReplicaSet = {
        ...existing,
        metadata: { ...metadata, annotations },
        spec: { ...spec, minReadySeconds: deployment.spec.minReadySeconds },
      };
      return this.wait(REPLICA_SET_WRITTEN, [objectRequest('update', 'replicasets', existing, { body })]);
    }
    let write = this.setRevision(annotations[REVISION]);
    if (hasProgressDeadline(deployment) && findCondition(deployment.status.conditions, PROGRESSING) === undefined) {
      const message = `Found new replica set "${metadata.name}"`;
      this.setProgressing(newCondition(PROGRESSING, 'True', 'FoundNewReplicaSet', message, this.simulation.now));
      write = true;
    }
    return write ? this.wait(DEPLOYMENT_WRITTEN, [this.statusRequest()]) : this.go(this.afterFind);
  }

  /** Puts the revision on the Deployment (SetDeploymentRevision); true when it has changed. */
  private setRevision(revision: string | undefined): boolean {
    const { metadata } = this.deployment;
    if (revision === undefined || metadata.annotations?.[REVISION] === revision) return false;
    const annotations = { ...metadata.annotations, [REVISION]: revision };
    this.deployment = { ...this.deployment, metadata: { ...metadata, annotations } };
    return true;
  }

  private created(response: ApiResponse): Step {
    const proposed = this.proposed!;
    if (response.reason === 'AlreadyExists') {
      this.createFailure = response.message ?? 'already exists';
      return this.wait(COLLISION_READ, [objectRequest('get', 'replicasets', proposed)]);
    }
    if (!succeeded(response)) return this.createFailed(response);
    const set = response.object as ReplicaSet;
    if (proposed.spec.replicas > 0) {
      const message = `Scaled up replica set ${set.metadata.name} from 0 to ${proposed.spec.replicas}`;
      this.controller.recorder.event(this.deployment, 'Normal', 'ScalingReplicaSet', message);
    }
    return this.foundNew(set, true);
  }

  private foundNew(set: ReplicaSet, isNew: boolean): Step {
    this.newSet = set;
    let write = this.setRevision(this.proposed!.metadata.annotations![REVISION]);
    if (isNew && hasProgressDeadline(this.deployment)) {
      const message = `Created new replica set "${set.metadata.name}"`;
      this.setProgressing(newCondition(PROGRESSING, 'True', 'NewReplicaSetCreated', message, this.simulation.now));
      write = true;
    }
    return write ? this.wait(DEPLOYMENT_WRITTEN, [this.statusRequest()]) : this.go(this.afterFind);
  }

  private createFailed(response: ApiResponse): Step {
    // Nothing can come into a namespace that is being deleted: not worth a word.
    if (isNamespaceTerminating(response)) return this.failed(response);
    const message = `Failed to create new replica set "${this.proposed!.metadata.name}": ${response.message ?? ''}`;
    this.createFailure = message;
    this.controller.recorder.event(this.deployment, 'Warning', 'ReplicaSetCreateError', message);
    if (!hasProgressDeadline(this.deployment)) return this.fail(message);
    this.setProgressing(newCondition(PROGRESSING, 'False', 'ReplicaSetCreateError', message, this.simulation.now));
    return this.wait(CREATE_FAILED_WRITTEN, [this.statusRequest()]);
  }

  /** The name is taken: by the same ReplicaSet, which the cache did not show yet, or by a hash collision. */
  private collision(response: ApiResponse): Step {
    if (!succeeded(response)) return this.failed(response);
    const set = response.object as ReplicaSet;
    const owned = set.metadata.ownerReferences?.some((reference) => reference.controller && reference.uid === this.deployment.metadata.uid);
    if (owned === true && equalIgnoringHash(set.spec.template, this.deployment.spec.template)) return this.foundNew(set, false);
    const { status } = this.deployment;
    this.deployment = { ...this.deployment, status: { ...status, collisionCount: (status.collisionCount ?? 0) + 1 } };
    return this.wait(COLLISION_WRITTEN, [this.statusRequest()]);
  }
}
