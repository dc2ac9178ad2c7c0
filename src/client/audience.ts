import { controllerOf, type KubernetesObject } from '../api/meta.js';
import { Changes } from './changes.js';
import type { ResourceEventHandler } from './types.js';

/** Numbers of the kinds of controllers: nobody controls the object; a kind that no handler names. */
const NOBODY = 0;
const ANOTHER = 1;
const KINDS = 2;
/** Bits of `Changes` fit below this. */
const CHANGES = 1024;

/**
 * The handlers of one informer. Of a change are told, in the order in which they were added, those who make something of it: which
 * these are depends on the parts that it changes and on the kind of the object's controller, so there are few lists of them.
 */
export class Audience<T extends KubernetesObject> {
  private readonly handlers: ResourceEventHandler<T>[] = [];
  /** Kinds of controllers that handlers name. */
  private readonly kinds: string[] = [];
  /** Who is told of objects that come or go, by kind of controller, and of updates, by that and what changes. */
  private whole = new Map<number, readonly ResourceEventHandler<T>[]>();
  private lists = new Map<number, readonly ResourceEventHandler<T>[]>();

  get size(): number {
    return this.handlers.length;
  }

  /** Adds a handler, and tells it of what there is. */
  add(handler: ResourceEventHandler<T>, present: Iterable<[string, T]>): void {
    const { controllerKind } = handler;
    this.handlers.push(handler);
    if (controllerKind !== undefined && !this.kinds.includes(controllerKind)) this.kinds.push(controllerKind);
    this.whole = new Map();
    this.lists = new Map();
    for (const [key, object] of present) if (isAbout(handler, controllerOf(object)?.kind)) handler.onAdd(object, key);
  }

  added(object: T, key: string): void {
    const list = this.listOf(object);
    for (let i = 0; i < list.length; i++) list[i]!.onAdd(object, key);
  }

  deleted(object: T, finalStateUnknown: boolean, key: string): void {
    const list = this.listOf(object);
    for (let i = 0; i < list.length; i++) list[i]!.onDelete(object, finalStateUnknown, key);
  }

  /** `changes`: what differs, see `changesOf`. */
  updated(old: T, object: T, key: string, changes: number): void {
    if ((changes & Changes.Owners) !== 0) {
      this.reowned(old, object, key, changes);
      return;
    }
    const kind = this.kindOf(object);
    const place = kind * CHANGES + changes;
    let list = this.lists.get(place);
    if (list === undefined) {
      list = this.listOf(object).filter((handler) => wants(handler, changes));
      this.lists.set(place, list);
    }
    for (let i = 0; i < list.length; i++) list[i]!.onUpdate(old, object, key, changes);
  }

  /** Handlers of both the former and the new controller's kind are told. */
  private reowned(old: T, object: T, key: string, changes: number): void {
    const before = controllerOf(old)?.kind;
    const after = controllerOf(object)?.kind;
    for (const handler of this.handlers) {
      if (wants(handler, changes) && (isAbout(handler, before) || isAbout(handler, after))) handler.onUpdate(old, object, key, changes);
    }
  }

  /** All who make something of an object. */
  private listOf(object: T): readonly ResourceEventHandler<T>[] {
    const kind = this.kindOf(object);
    let list = this.whole.get(kind);
    if (list === undefined) {
      const name = controllerOf(object)?.kind;
      list = this.handlers.filter((handler) => isAbout(handler, name));
      this.whole.set(kind, list);
    }
    return list;
  }

  private kindOf(object: T): number {
    if (this.kinds.length === 0) return NOBODY;
    const references = object.metadata.ownerReferences;
    if (references === undefined) return NOBODY;
    for (let i = 0; i < references.length; i++) {
      const reference = references[i]!;
      if (reference.controller !== true) continue;
      const at = this.kinds.indexOf(reference.kind);
      return at < 0 ? ANOTHER : KINDS + at;
    }
    return NOBODY;
  }
}

function wants<T extends KubernetesObject>({ updates }: ResourceEventHandler<T>, changes: number): boolean {
  return updates === undefined || (updates & changes) !== 0;
}

function isAbout<T extends KubernetesObject>({ controllerKind }: ResourceEventHandler<T>, kind: string | undefined): boolean {
  return controllerKind === undefined || kind === undefined || controllerKind === kind;
}
