import type { PersistentVolumeClaim, StatefulSet } from '../api/apps.js';
import type { Pod, PodTemplateSpec } from '../api/core.js';
import { keyOf } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import { objectRequest } from './controller.js';
import { createPod } from './pod-control.js';
import { nextBatch } from './replica-set-policy.js';
import { existingClaims, hasUnexpectedController, isClaimOwnerUpToDate, withClaimOwners } from './stateful-set-claims.js';
import { claimsFor, isConsistent, madeConsistent, ordinalOf, statefulPod } from './stateful-set-pods.js';
import type { StatefulFix, StatefulPodCreation } from './stateful-set-policy.js';
import type { StatefulSetController } from './statefulset.js';

const BEGIN = 0;
const CLAIMS_MADE = 1;
const OWNERS = 2;
const OWNERS_WRITTEN = 3;
const PODS = 4;
const PODS_WRITTEN = 5;
const DONE = 6;

/** What one sync of a StatefulSet writes for its pods, with the events that go with it (stateful_pod_control.go). */
export class StatefulSetWrites {
  /** First failure. */
  error: string | undefined = undefined;
  private readonly controller: StatefulSetController;
  private readonly set: StatefulSet;
  private stage = BEGIN;
  private claims: readonly { readonly claim: PersistentVolumeClaim; readonly pod: string }[] = [];
  private pods: readonly Pod[] = [];
  private batch = 0;
  private created = 0;
  private creations: readonly StatefulPodCreation[] = [];

  constructor(controller: StatefulSetController, set: StatefulSet) {
    this.controller = controller;
    this.set = set;
  }

  /** Missing claims, then owners of claims, then pods; undefined: done, or failed. */
  fix(fixes: readonly StatefulFix[], responses: readonly ApiResponse[]): readonly ApiRequest[] | undefined {
    if (fixes.length === 0) return undefined;
    if (this.stage === BEGIN) {
      const requests = this.makeClaims(fixes.filter(({ makeClaims }) => makeClaims).map(({ pod }) => ordinalOf(pod)));
      this.stage = OWNERS;
      if (this.error !== undefined) return this.end();
      if (requests.length > 0) {
        this.stage = CLAIMS_MADE;
        return requests;
      }
    }
    if (this.stage === CLAIMS_MADE) {
      if (!this.claimsMade(responses)) return this.end();
      this.stage = OWNERS;
    }
    if (this.stage === OWNERS) {
      const requests = fixes.flatMap(({ pod }) => this.ownersOf(pod));
      this.stage = PODS;
      if (requests.length > 0) {
        this.stage = OWNERS_WRITTEN;
        return requests;
      }
    }
    if (this.stage === OWNERS_WRITTEN) {
      for (const response of responses) if (!succeeded(response)) this.error ??= response.message ?? 'request failed';
      if (this.error !== undefined) return this.end();
      this.stage = PODS;
    }
    if (this.stage === PODS) {
      this.pods = fixes.filter(({ writePod }) => writePod).map(({ pod }) => pod);
      this.stage = PODS_WRITTEN;
      if (this.pods.length > 0) {
        return this.pods.map((pod) => objectRequest('update', 'pods', pod, { body: isConsistent(this.set, pod) ? pod : madeConsistent(this.set, pod) }));
      }
    } else if (this.stage === PODS_WRITTEN) {
      this.pods.forEach((pod, i) => {
        this.podEvent('update', pod.metadata.name, responses[i]!);
      });
    }
    return this.end();
  }

  private end(): undefined {
    this.stage = BEGIN;
    return undefined;
  }

  private ownersOf(pod: Pod): ApiRequest[] {
    const requests: ApiRequest[] = [];
    for (const claim of existingClaims(this.set, pod, this.controller.claims)) {
      if (hasUnexpectedController(claim, this.set, pod)) {
        const text = `PersistentVolumeClaim ${claim.metadata.name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`;
        this.event('Warning', 'ConflictingController', text);
      }
      if (isClaimOwnerUpToDate(claim, this.set, pod)) continue;
      requests.push(objectRequest('update', 'persistentvolumeclaims', claim, { body: withClaimOwners(claim, this.set, pod) }));
    }
    return requests;
  }

  /** Requests for the claims that are missing; an error when one of them is just going. */
  private makeClaims(ordinals: readonly number[]): ApiRequest[] {
    this.claims = [];
    const missing: { claim: PersistentVolumeClaim; pod: string }[] = [];
    for (const ordinal of ordinals) {
      for (const claim of claimsFor(this.set, ordinal)) {
        const existing = this.controller.claims.get(keyOf(claim));
        if (existing === undefined) missing.push({ claim, pod: `${this.set.metadata.name}-${ordinal}` });
        else if (existing.metadata.deletionTimestamp !== undefined) this.error ??= `pvc ${claim.metadata.name} is being deleted`;
      }
    }
    this.claims = missing;
    return missing.map(({ claim }) => objectRequest('create', 'persistentvolumeclaims', claim, { body: claim }));
  }

  private claimsMade(responses: readonly ApiResponse[]): boolean {
    const set = this.set.metadata.name;
    responses.forEach((response, i) => {
      const { claim, pod } = this.claims[i]!;
      const { name } = claim.metadata;
      if (succeeded(response)) {
        this.event('Normal', 'SuccessfulCreate', `create Claim ${name} Pod ${pod} in StatefulSet ${set} success`);
        return;
      }
      // One that exists already is seen next time.
      if (response.reason === 'AlreadyExists') return;
      const message = response.message ?? 'request failed';
      this.event('Warning', 'FailedCreate', `create Claim ${name} for Pod ${pod} in StatefulSet ${set} failed error: ${message}`);
      this.error ??= `failed to create PVC ${name}: ${message}`;
    });
    return this.error === undefined;
  }

  /** Pods of a plan in a slow start, claims before them; undefined: done, or failed. */
  create(plan: readonly StatefulPodCreation[], responses: readonly ApiResponse[], templateOf: (revision: string) => PodTemplateSpec): readonly ApiRequest[] | undefined {
    if (this.stage === PODS_WRITTEN) {
      responses.forEach((response, i) => {
        this.podEvent('create', this.nameOf(this.creations[i]!), response);
      });
      this.created += responses.length;
      this.stage = BEGIN;
    }
    if (this.stage === BEGIN) {
      this.batch = nextBatch(this.batch, plan.length - this.created);
      if (this.batch === 0 || this.error !== undefined) {
        this.stage = DONE;
        return undefined;
      }
      this.creations = plan.slice(this.created, this.created + this.batch);
      const requests = this.makeClaims(this.creations.map(({ ordinal }) => ordinal));
      if (this.error !== undefined) return this.notCreated();
      this.stage = PODS;
      if (requests.length > 0) {
        this.stage = CLAIMS_MADE;
        return requests;
      }
    }
    if (this.stage === CLAIMS_MADE && !this.claimsMade(responses)) return this.notCreated();
    this.stage = PODS_WRITTEN;
    return this.creations.map(({ ordinal, revision }) => createPod(statefulPod(this.set, templateOf(revision), ordinal, revision)));
  }

  /** A pod is not made because of its claims. */
  private notCreated(): undefined {
    for (const creation of this.creations) {
      const verb = this.controller.capitalEvents ? 'Create' : 'create';
      this.event('Warning', 'FailedCreate', `${verb} Pod ${this.nameOf(creation)} in StatefulSet ${this.set.metadata.name} failed error: ${this.error}`);
    }
    this.stage = DONE;
    return undefined;
  }

  private nameOf({ ordinal }: StatefulPodCreation): string {
    return `${this.set.metadata.name}-${ordinal}`;
  }

  /** What became of a write of a pod (recordPodEvent). */
  podEvent(verb: 'create' | 'update' | 'delete', name: string, response: ApiResponse): void {
    const reason = `${verb[0]!.toUpperCase()}${verb.slice(1)}`;
    const shown = this.controller.capitalEvents ? reason : verb;
    const set = this.set.metadata.name;
    if (succeeded(response)) {
      this.event('Normal', `Successful${reason}`, `${shown} Pod ${name} in StatefulSet ${set} successful`);
      return;
    }
    this.error ??= response.message ?? 'request failed';
    if (response.reason === 'AlreadyExists') return;
    this.event('Warning', `Failed${reason}`, `${shown} Pod ${name} in StatefulSet ${set} failed error: ${response.message ?? ''}`);
  }

  event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.controller.recorder.event(this.set, type, reason, message);
  }
}
