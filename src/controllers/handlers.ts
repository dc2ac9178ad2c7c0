import { controllerOf, keyOf, type KubernetesObject } from '../api/meta.js';
import type { Informer, ResourceEventHandler, WorkQueue } from '../client/types.js';

/** Queues the key of every object that comes, changes or goes. */
export class KeyHandler<T extends KubernetesObject> implements ResourceEventHandler<T> {
  private readonly queue: WorkQueue;

  constructor(queue: WorkQueue) {
    this.queue = queue;
  }

  onAdd(object: T): void {
    this.queue.add(keyOf(object));
  }

  onUpdate(_old: T, object: T): void {
    this.queue.add(keyOf(object));
  }

  onDelete(object: T): void {
    this.queue.add(keyOf(object));
  }
}

/** Queues the controller (of one kind) of every object that comes, changes or goes. */
export class OwnerHandler<T extends KubernetesObject> implements ResourceEventHandler<T> {
  private readonly queue: WorkQueue;
  private readonly kind: string;

  constructor(queue: WorkQueue, kind: string) {
    this.queue = queue;
    this.kind = kind;
  }

  onAdd(object: T): void {
    this.enqueue(object);
  }

  onUpdate(old: T, object: T): void {
    if (controllerOf(old)?.uid !== controllerOf(object)?.uid) this.enqueue(old);
    this.enqueue(object);
  }

  onDelete(object: T): void {
    this.enqueue(object);
  }

  private enqueue(object: T): void {
    const owner = controllerOf(object);
    if (owner?.kind === this.kind) this.queue.add(`${object.metadata.namespace}/${owner.name}`);
  }
}

/** The owner in an informer's cache, if it has the uid that the reference names (resolveControllerRef). */
export function cachedOwner<T extends KubernetesObject>(object: KubernetesObject, kind: string, owners: Informer<T>): T | undefined {
  const reference = controllerOf(object);
  if (reference === undefined || reference.kind !== kind) return undefined;
  const { namespace } = object.metadata;
  const owner = owners.get(namespace === '' ? reference.name : `${namespace}/${reference.name}`);
  return owner?.metadata.uid === reference.uid ? owner : undefined;
}
