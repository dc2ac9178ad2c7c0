import type { KubernetesObject } from '../api/meta.js';
import type { Attributes } from './admission/attributes.js';
import { REGISTRY } from './cached-objects.js';
import type { Call, Operation } from './call.js';
import type { WritePath } from './write-path.js';

/** Label `operation` of etcd_request_duration_seconds (storage/etcd3/store.go). */
export function operationOf(call: Call): string {
  if (call.proposed === undefined) return 'get';
  if (call.deleting) return 'delete';
  return call.kind.creates ? 'create' : 'update';
}

/** Key in etcd. */
export function keyIn(resource: string, { metadata: { namespace, name } }: KubernetesObject): string {
  return namespace === '' ? `${REGISTRY}${resource}/${name}` : `${REGISTRY}${resource}/${namespace}/${name}`;
}

/** What admission is asked about; subresources without an object of their own have none. */
export function attributesOf({ request, kind: { verb, subresource }, base }: Call, object: KubernetesObject | undefined): Attributes {
  if (verb === 'delete') return { request, operation: 'DELETE', object: undefined, old: base };
  if (verb === 'create') return { request, operation: 'CREATE', object: subresource === undefined ? object : undefined, old: undefined };
  return { request, operation: 'UPDATE', object: subresource === 'scale' ? undefined : object, old: base };
}

/** A request that an admission plugin lets wait. */
export class PluginWait implements Operation {
  private readonly path: WritePath;
  private readonly slot: number;

  constructor(path: WritePath, slot: number) {
    this.path = path;
    this.slot = slot;
  }

  resumed(): void {
    this.path.admitAgain(this.slot);
  }

  etcdAnswered(): void {
    throw new Error('a request that waits for admission asks etcd nothing');
  }
}
