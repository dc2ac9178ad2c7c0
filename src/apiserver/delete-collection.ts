import type { KubernetesObject } from '../api/meta.js';
import type { EtcdResponse } from '../etcd/types.js';
import { objectOf, stamp } from './cache-feeder.js';
import type { Operation } from './call.js';
import { decide } from './registry.js';
import type { ApiRequest } from './request.js';
import type { WritePath } from './write-path.js';

/**
 * One `deletecollection`: the objects of a namespace, one after the other (registry/generic/registry/store.go DeleteCollection with
 * one worker, the default of --delete-collection-workers). Which objects there are the watch cache says; each deletion is a
 * transaction of its own, tried again from what etcd has when somebody else wrote meanwhile.
 */
export class DeleteCollectionRun implements Operation {
  private readonly path: WritePath;
  private readonly slot: number;
  private readonly request: ApiRequest;
  private readonly left: KubernetesObject[] = [];
  private readonly deleted: KubernetesObject[] = [];
  /** What the pending transaction writes; whether it deletes, and whether a deletion follows it. */
  private pending: KubernetesObject | null = null;
  private removing = false;
  private removes = false;

  constructor(path: WritePath, slot: number, request: ApiRequest) {
    this.path = path;
    this.slot = slot;
    this.request = request;
  }

  start(): void {
    const { namespace, resource } = this.request;
    for (const object of this.path.owner.cache(resource).objects.values()) {
      if (namespace === '' || object.metadata.namespace === namespace) this.left.push(object);
    }
    this.left.reverse();
    this.next();
  }

  resumed(): void {}

  etcdAnswered(response: EtcdResponse): void {
    const object = this.pending!;
    if (!response.succeeded) {
      const current = objectOf(response.kvs?.[0]);
      // Somebody else has deleted it, or written it.
      if (current === undefined) this.next();
      else this.remove(current);
      return;
    }
    if (!this.removing) stamp(object, response.revision);
    if (this.removes) {
      this.removes = false;
      this.removing = true;
      this.path.remove(this.slot, this.request.resource, object, response.revision);
      return;
    }
    this.deleted.push(object);
    this.next();
  }

  private next(): void {
    const object = this.left.pop();
    if (object === undefined) this.path.owner.respond(this.slot, { code: 200, items: this.deleted });
    else this.remove(object);
  }

  private remove(object: KubernetesObject): void {
    const { resource, propagationPolicy, gracePeriodSeconds } = this.request;
    const { namespace, name } = object.metadata;
    const options = { ...(propagationPolicy === undefined ? {} : { propagationPolicy }), ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }) };
    const decision = decide({ verb: 'delete', resource, namespace, name, ...options }, object, this.path.registry);
    if (decision.kind === 'fail' || decision.kind === 'unchanged') {
      this.next();
      return;
    }
    this.pending = decision.object;
    this.removing = decision.kind === 'delete';
    this.removes = decision.kind === 'put' && decision.deletes === true;
    if (this.removing) this.path.remove(this.slot, resource, decision.object, decision.expectedRevision);
    else this.path.put(this.slot, resource, decision.object, decision.expectedRevision);
  }
}
