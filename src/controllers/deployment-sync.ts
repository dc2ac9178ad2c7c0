import type { Deployment, DeploymentStatus, ReplicaSet } from '../api/workloads.js';
import { succeeded, type ApiResponse } from '../apiserver/request.js';
import type { Simulation } from '../kernel/simulation.js';
import { findCondition, newCondition } from './conditions.js';
import { objectRequest, type Step } from './controller.js';
import type { DeploymentController } from './deployment.js';
import { DeploymentFinder, FIND } from './deployment-find.js';
import {
  historyToDelete,
  isScalingEvent,
  reconcileNewReplicaSet,
  reconcileOldReplicaSets,
  type ScaleChange,
  scaleProportionally,
} from './deployment-rollout.js';
import { rollback, rollbackTo } from './deployment-rollback.js';
import { resized } from './deployment-sets.js';
import {
  calculateStatus,
  equalStatus,
  hasProgressDeadline,
  isComplete,
  PROGRESSING,
  rolloutStatus,
  stuckCheck,
  TIMED_OUT,
} from './deployment-status.js';
import { AdoptPatch, type Claim, claim, controllerReference, ReleasePatch } from './ownership.js';

const CLAIM = 0;
const CAN_ADOPT = 1;
const ADOPTED = 2;
const PAUSE_CHECK = 3;
const PAUSE_WRITTEN = 4;
const ROUTE = 5;
const SCALING_CHECK = 6;
const SCALE = 7;
const SCALE_NEXT = 8;
const SCALE_WRITTEN = 9;
const SCALED = 10;
const ROLLING_NEW = 11;
const ROLLING_OLD = 12;
const ROLLED_OLD = 13;
const RECREATE = 14;
const RECREATE_NEXT = 15;
const RECREATE_UP = 16;
const HISTORY = 17;
const HISTORY_DELETED = 18;
const STATUS = 19;
const STATUS_WRITTEN = 20;
const RECREATE_FIND = 21;
const SCALE_FOUND = 22;
const ROLLBACK = 23;
const ROLLED_BACK = 24;

const NOTHING: Claim<ReplicaSet> = { owned: [], adopt: [], release: [] };

/** One sync of a Deployment (deployment_controller.go syncDeployment), stage by stage; decisions come from the policy files. */
export class DeploymentSync extends DeploymentFinder {
  private readonly selectsAll: boolean;
  /** ReplicaSets as the cache had them when the Deployment was read. */
  private readonly claimed: Claim<ReplicaSet>;
  private adopting: readonly ReplicaSet[] = [];
  private releasing: readonly ReplicaSet[] = [];
  private afterScale = STATUS;
  /** Errors while scaling old sets in a rolling step are swallowed by the real controller. */
  private swallowErrors = false;
  private changes: readonly ScaleChange[] = [];
  private changeIndex = 0;
  private scaled = false;
  /** Sets as the API server returned them, by name. */
  private readonly written = new Map<string, ReplicaSet>();
  /** Whether the sync ends with rollout conditions (syncRolloutStatus) or plain status (syncDeploymentStatus). */
  private rollout = false;
  private deletions: readonly ReplicaSet[] = [];

  constructor(controller: DeploymentController, deployment: Deployment, simulation: Simulation, selectsAll: boolean) {
    super(controller, deployment, simulation);
    this.selectsAll = selectsAll;
    const { selector } = deployment.spec;
    this.claimed = selectsAll ? NOTHING : claim(deployment, selector, controller.ownedBy(deployment), controller.orphansIn(deployment.metadata.namespace));
  }

  protected advance(responses: readonly ApiResponse[]): Step {
    switch (this.stage) {
      case CLAIM:
        return this.claim();
      case CAN_ADOPT:
        return this.adopt(responses[0]!);
      case ADOPTED:
        return this.adopted(responses);
      case PAUSE_CHECK:
        return this.checkPaused();
      case PAUSE_WRITTEN:
        if (!succeeded(responses[0]!)) return this.failed(responses[0]!);
        return this.go(ROUTE);
      case ROUTE:
        return this.route();
      case SCALING_CHECK:
        return this.go(isScalingEvent(this.deployment, this.replicaSets) ? SCALE : this.strategyStage());
      case SCALE:
        return this.scaleOrFind();
      case SCALE_FOUND:
        return this.scale(scaleProportionally(this.deployment, this.newSet, this.oldSets), SCALED, false);
      case SCALE_NEXT:
        return this.scaleNext();
      case SCALE_WRITTEN:
        return this.scaleWritten(responses[0]!);
      case SCALED:
        // `sync` cleans the history of a paused Deployment, then writes the plain status.
        this.rollout = false;
        return this.go(this.deployment.spec.paused === true && rollbackTo(this.deployment) === undefined ? HISTORY : STATUS);
      case ROLLBACK:
        return this.rollBack();
      case ROLLED_BACK:
        return succeeded(responses[0]!) ? null : this.failed(responses[0]!);
      case ROLLING_NEW:
        return this.rollingNew();
      case ROLLING_OLD:
        return this.rollingOld();
      case ROLLED_OLD:
        return this.go(!this.scaled && isComplete(this.deployment, this.deployment.status) ? HISTORY : STATUS);
      case RECREATE:
        return this.recreate();
      case RECREATE_NEXT:
        return this.recreateNext();
      case RECREATE_FIND:
        return this.scale([{ replicaSet: this.newSet!, replicas: this.deployment.spec.replicas }], RECREATE_UP, false);
      case RECREATE_UP:
        return this.go(isComplete(this.deployment, this.deployment.status) ? HISTORY : STATUS);
      case HISTORY:
        return this.history();
      case HISTORY_DELETED:
        return this.historyDeleted(responses);
      case STATUS:
        return this.status();
      case STATUS_WRITTEN:
        if (!succeeded(responses[0]!)) return this.failed(responses[0]!);
        return null;
      default:
        return this.advanceFind(responses);
    }
  }

  private claim(): Step {
    const { deployment, controller } = this;
    if (this.selectsAll) {
      controller.recorder.event(deployment, 'Warning', 'SelectingAll', 'This deployment is selecting all pods. A non-empty selector is required.');
      if ((deployment.status.observedGeneration ?? 0) >= deployment.metadata.generation) return null;
      const status = { ...deployment.status, observedGeneration: deployment.metadata.generation };
      this.deployment = { ...deployment, status };
      return this.wait(STATUS_WRITTEN, [this.statusRequest()]);
    }
    const result = this.claimed;
    this.replicaSets = result.owned;
    this.adopting = result.adopt;
    this.releasing = result.release;
    if (result.adopt.length > 0) return this.wait(CAN_ADOPT, [objectRequest('get', 'deployments', deployment)]);
    return result.release.length > 0 ? this.adoptOrRelease() : this.go(PAUSE_CHECK);
  }

  /** The uncached check before adopting (RecheckDeletionTimestamp). */
  private adopt(response: ApiResponse): Step {
    if (!succeeded(response)) return this.failed(response);
    const { metadata } = response.object!;
    if (metadata.uid !== this.deployment.metadata.uid) return this.fail('original Deployment is gone');
    if (metadata.deletionTimestamp !== undefined) return this.fail('Deployment has just been deleted');
    return this.adoptOrRelease();
  }

  private adoptOrRelease(): Step {
    const adopt = new AdoptPatch(controllerReference(this.deployment));
    const release = new ReleasePatch(this.deployment.metadata.uid);
    return this.wait(ADOPTED, [
      ...this.adopting.map((set) => objectRequest('patch', 'replicasets', set, { patch: adopt })),
      ...this.releasing.map((set) => objectRequest('patch', 'replicasets', set, { patch: release })),
    ]);
  }

  private adopted(responses: readonly ApiResponse[]): Step {
    const adopted: ReplicaSet[] = [];
    for (let i = 0; i < responses.length; i++) {
      const response = responses[i]!;
      if (!succeeded(response) && response.code !== 404) return this.failed(response);
      if (i < this.adopting.length && response.object !== undefined) adopted.push(response.object as ReplicaSet);
    }
    this.replicaSets = [...this.replicaSets, ...adopted];
    return this.go(PAUSE_CHECK);
  }

  /** Notes pausing and resuming in the Progressing condition (checkPausedConditions). */
  private checkPaused(): Step {
    const { deployment } = this;
    if (deployment.metadata.deletionTimestamp !== undefined) {
      return this.findThen(STATUS, false);
    }
    if (!hasProgressDeadline(deployment)) return this.go(ROUTE);
    const current = findCondition(deployment.status.conditions, PROGRESSING);
    if (current?.reason === TIMED_OUT) return this.go(ROUTE);
    const noted = current?.reason === 'DeploymentPaused';
    const paused = deployment.spec.paused === true;
    if (paused === noted) return this.go(ROUTE);
    const { now } = this.simulation;
    this.setProgressing(
      paused
        ? newCondition(PROGRESSING, 'Unknown', 'DeploymentPaused', 'Deployment is paused', now)
        : newCondition(PROGRESSING, 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now),
    );
    return this.wait(PAUSE_WRITTEN, [this.statusRequest()]);
  }

  private route(): Step {
    if (this.deployment.spec.paused === true) return this.go(SCALE);
    if (rollbackTo(this.deployment) !== undefined) return this.findThen(ROLLBACK, true);
    return this.findThen(SCALING_CHECK, false);
  }

  /** The annotation of old API versions asks for a revision: the template goes back, the next sync rolls it out. */
  private rollBack(): Step {
    const { deployment, newSet } = this;
    const all = newSet === undefined ? this.oldSets : [...this.oldSets, newSet];
    const result = rollback(deployment, rollbackTo(deployment)!, all);
    this.controller.recorder.event(deployment, result.type, result.reason, result.message);
    return this.wait(ROLLED_BACK, [objectRequest('update', 'deployments', deployment, { body: result.deployment })]);
  }

  private strategyStage(): number {
    this.rollout = true;
    if (this.deployment.spec.strategy.type === 'Recreate') {
      this.afterFind = RECREATE;
      this.createNew = false;
    } else {
      this.afterFind = ROLLING_NEW;
      this.createNew = true;
    }
    return FIND;
  }

  private findThen(stage: number, create: boolean): undefined {
    this.afterFind = stage;
    this.createNew = create;
    return this.go(FIND);
  }

  private scaleOrFind(): Step {
    this.rollout = false;
    this.afterFind = SCALE_FOUND;
    this.createNew = false;
    return this.go(FIND);
  }

  private scale(changes: readonly ScaleChange[], after: number, swallowErrors: boolean): undefined {
    this.changes = changes;
    this.changeIndex = 0;
    this.scaled = false;
    this.afterScale = after;
    this.swallowErrors = swallowErrors;
    return this.go(SCALE_NEXT);
  }

  private scaleNext(): Step {
    while (this.changeIndex < this.changes.length) {
      const { replicaSet, replicas } = this.changes[this.changeIndex]!;
      const current = this.written.get(replicaSet.metadata.name) ?? replicaSet;
      const body = resized(this.deployment, current, replicas);
      // A plain scale of an old set to the size it has writes nothing; proportional scaling also refreshes annotations.
      if (body !== current && (this.afterScale === SCALED || current.spec.replicas !== replicas)) {
        return this.wait(SCALE_WRITTEN, [objectRequest('update', 'replicasets', current, { body })]);
      }
      this.changeIndex++;
    }
    return this.go(this.afterScale);
  }

  private scaleWritten(response: ApiResponse): Step {
    if (!succeeded(response)) {
      if (!this.swallowErrors) return this.failed(response);
      this.scaled = false;
      return this.go(ROLLED_OLD);
    }
    const { replicaSet, replicas } = this.changes[this.changeIndex]!;
    const { name } = replicaSet.metadata;
    const before = (this.written.get(name) ?? replicaSet).spec.replicas;
    this.written.set(name, response.object as ReplicaSet);
    if (before !== replicas) {
      this.scaled = true;
      const direction = before < replicas ? 'up' : 'down';
      const message = `Scaled ${direction} replica set ${name} from ${before} to ${replicas}`;
      this.controller.recorder.event(this.deployment, 'Normal', 'ScalingReplicaSet', message);
    }
    this.changeIndex++;
    return this.go(SCALE_NEXT);
  }

  private rollingNew(): Step {
    const newSet = this.newSet!;
    const replicas = reconcileNewReplicaSet(this.deployment, newSet, this.oldSets);
    if (replicas === newSet.spec.replicas) return this.go(ROLLING_OLD);
    return this.scale([{ replicaSet: newSet, replicas }], STATUS, false);
  }

  private rollingOld(): Step {
    const { changes, scaledDown } = reconcileOldReplicaSets(this.deployment, this.newSet!, this.oldSets);
    if (changes.length === 0) {
      this.scaled = false;
      return this.go(ROLLED_OLD);
    }
    return this.scale(changes, scaledDown ? STATUS : ROLLED_OLD, true);
  }

  private recreate(): Step {
    const changes = this.oldSets.filter((set) => set.spec.replicas > 0).map((replicaSet) => ({ replicaSet, replicas: 0 }));
    if (changes.length > 0) return this.scale(changes, STATUS, false);
    return this.go(RECREATE_NEXT);
  }

  private recreateNext(): Step {
    if (this.controller.hasUnfinishedPods(this.oldSets)) return this.go(STATUS);
    return this.newSet === undefined ? this.findThen(RECREATE_FIND, true) : this.go(RECREATE_FIND);
  }

  private history(): Step {
    this.deletions = historyToDelete(this.deployment, this.oldSets);
    if (this.deletions.length === 0) return this.go(STATUS);
    return this.wait(HISTORY_DELETED, this.deletions.map((set) => objectRequest('delete', 'replicasets', set)));
  }

  private historyDeleted(responses: readonly ApiResponse[]): Step {
    for (const response of responses) if (!succeeded(response) && response.code !== 404) return this.failed(response);
    return this.go(STATUS);
  }

  private status(): Step {
    const { deployment, newSet } = this;
    const { now } = this.simulation;
    const all = newSet === undefined ? this.oldSets : [...this.oldSets, newSet];
    const status = this.rollout ? rolloutStatus(deployment, all, newSet, now) : calculateStatus(deployment, all, newSet, now);
    if (equalStatus(deployment.status, status)) {
      if (this.rollout) this.checkStuck(status);
      return null;
    }
    this.deployment = { ...deployment, status };
    return this.wait(STATUS_WRITTEN, [this.statusRequest()]);
  }

  private checkStuck(status: DeploymentStatus): void {
    const after = stuckCheck(this.deployment, status, this.simulation.now);
    if (after === 0) this.requeueRateLimited = true;
    else this.requeueAfter = after;
  }
}
