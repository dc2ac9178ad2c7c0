import type { KubernetesObject } from '../api/meta.js';
import { type ApiRequest, type ApiResponse, succeeded } from '../apiserver/request.js';
import { objectRequest } from './controller.js';
import { AdoptPatch, type Claim, controllerReference, ReleasePatch } from './ownership.js';

const BEGIN = 0;
const ASKED = 1;
const WRITTEN = 2;
const DONE = 3;

/**
 * A controller takes orphans that it selects and lets go what it selects no more: the requests for that, as part of a sync
 * (controller_ref_manager.go). Before the first adoption it reads its own object, past all caches, so that nothing is adopted by
 * an owner that is going (RecheckDeletionTimestamp).
 */
export class Claiming<T extends KubernetesObject> {
  /** What the owner has when all is done: what it had and keeps, then what it has adopted, as the server returned it. */
  readonly objects: T[];
  /** What it has adopted. */
  readonly adopted: T[] = [];
  /** Why the sync must end. */
  error: string | undefined = undefined;
  private readonly owner: KubernetesObject;
  private readonly ownerResource: string;
  private readonly resource: string;
  private readonly claim: Claim<T>;
  private readonly finalizer: string | undefined;
  private stage = BEGIN;

  /** @param finalizer goes on what is adopted and off what is let go (Jobs) */
  constructor(owner: KubernetesObject, ownerResource: string, resource: string, claim: Claim<T>, finalizer?: string) {
    this.owner = owner;
    this.ownerResource = ownerResource;
    this.resource = resource;
    this.claim = claim;
    this.finalizer = finalizer;
    this.objects = [...claim.owned];
  }

  /** The requests to make now; undefined when it is done, or has failed. */
  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | undefined {
    switch (this.stage) {
      case BEGIN:
        if (this.claim.adopt.length === 0) return this.write();
        this.stage = ASKED;
        return [objectRequest('get', this.ownerResource, this.owner)];
      case ASKED:
        return this.mayAdopt(responses[0]!) ? this.write() : undefined;
      case WRITTEN:
        this.written(responses);
        return undefined;
      default:
        return undefined;
    }
  }

  /** What it has let go. */
  get released(): readonly T[] {
    return this.claim.release;
  }

  private mayAdopt(response: ApiResponse): boolean {
    const { kind, metadata } = this.owner;
    if (!succeeded(response)) this.error = response.message ?? 'request failed';
    else if (response.object!.metadata.uid !== metadata.uid) this.error = `original ${kind} ${metadata.namespace}/${metadata.name} is gone`;
    else if (response.object!.metadata.deletionTimestamp !== undefined) this.error = `${metadata.namespace}/${metadata.name} has just been deleted`;
    return this.error === undefined;
  }

  private write(): readonly ApiRequest[] | undefined {
    const { adopt, release } = this.claim;
    if (adopt.length + release.length === 0) {
      this.stage = DONE;
      return undefined;
    }
    this.stage = WRITTEN;
    const adoption = new AdoptPatch(controllerReference(this.owner), this.finalizer);
    const goodbye = new ReleasePatch(this.owner.metadata.uid, this.finalizer);
    return [
      ...adopt.map((object) => objectRequest('patch', this.resource, object, { patch: adoption })),
      ...release.map((object) => objectRequest('patch', this.resource, object, { patch: goodbye })),
    ];
  }

  /** What is gone by now needs neither. */
  private written(responses: readonly ApiResponse[]): void {
    this.stage = DONE;
    responses.forEach((response, i) => {
      if (succeeded(response)) {
        if (i < this.claim.adopt.length) this.adopted.push(response.object as T);
      } else if (response.code !== 404) this.error ??= response.message ?? 'request failed';
    });
    this.objects.push(...this.adopted);
  }
}
