import type { KubernetesObject, OwnerReference } from '../api/meta.js';

/** The garbage collector's graph of owners and dependents: pure (pkg/controller/garbagecollector/graph.go, graph_builder.go). */

export const ORPHAN_FINALIZER = 'orphan';
export const FOREGROUND_FINALIZER = 'foregroundDeletion';

/** One object that exists, or an owner that is only known from references to it. */
export interface GraphNode {
  readonly uid: string;
  /** What references say until the object has been seen. */
  resource: string;
  namespace: string;
  name: string;
  owners: readonly OwnerReference[];
  /** Dependents by uid; null while there are none, to keep nodes of pods small. */
  dependents: Set<string> | null;
  beingDeleted: boolean;
  /** Foreground deletion: waits for its dependents. */
  deletingDependents: boolean;
  /** Only known from references; its existence has not been seen. */
  virtual: boolean;
}

/** Uids to be looked at after a change. */
export interface GraphEffects {
  readonly attemptToDelete: string[];
  readonly attemptToOrphan: string[];
  /** Dependents whose owner is in another namespace, which can never be; absent: none. */
  misplaced?: { readonly dependent: GraphNode; readonly owner: string }[];
}

function misplace(effects: GraphEffects, dependent: GraphNode, owner: string): void {
  effects.misplaced ??= [];
  effects.misplaced.push({ dependent, owner });
}

export class OwnershipGraph {
  readonly nodes = new Map<string, GraphNode>();

  /** An object was seen: new or changed. `resourceOf` gives the resource of a referenced kind; unknown kinds are left alone. */
  put(resource: string, object: KubernetesObject, resourceOf: (reference: OwnerReference) => string | undefined): GraphEffects {
    const effects: GraphEffects = { attemptToDelete: [], attemptToOrphan: [] };
    const { uid, namespace, name, ownerReferences, deletionTimestamp, finalizers } = object.metadata;
    const owners = ownerReferences ?? [];
    let node = this.nodes.get(uid);
    if (node === undefined) {
      node = { uid, resource, namespace, name, owners, dependents: null, beingDeleted: false, deletingDependents: false, virtual: false };
      this.nodes.set(uid, node);
      this.link(node, owners, resourceOf, effects);
    } else {
      if (node.virtual) this.observe(node, resource, object, effects);
      if (node.owners !== owners) this.relink(node, owners, resourceOf, effects);
    }
    const deleting = deletionTimestamp !== undefined;
    if (deleting && !node.beingDeleted) node.beingDeleted = true;
    if (!deleting || finalizers === undefined) return effects;
    if (finalizers.includes(ORPHAN_FINALIZER)) effects.attemptToOrphan.push(uid);
    if (finalizers.includes(FOREGROUND_FINALIZER) && !node.deletingDependents) {
      node.deletingDependents = true;
      if (node.dependents !== null) effects.attemptToDelete.push(...node.dependents);
      effects.attemptToDelete.push(uid);
    }
    return effects;
  }

  /** An object is gone: its dependents, and owners that wait for it, are looked at. */
  remove(uid: string): GraphEffects {
    const effects: GraphEffects = { attemptToDelete: [], attemptToOrphan: [] };
    const node = this.nodes.get(uid);
    if (node === undefined) return effects;
    this.nodes.delete(uid);
    for (const owner of node.owners) {
      const ownerNode = this.nodes.get(owner.uid);
      if (ownerNode === undefined) continue;
      this.unlink(ownerNode, uid);
      if (ownerNode.deletingDependents) effects.attemptToDelete.push(owner.uid);
    }
    if (node.dependents !== null) effects.attemptToDelete.push(...node.dependents);
    return effects;
  }

  /** Dependents that block the foreground deletion of their owner. */
  blockingDependents(node: GraphNode): readonly GraphNode[] {
    const blocking: GraphNode[] = [];
    for (const uid of node.dependents ?? []) {
      const dependent = this.nodes.get(uid);
      const reference = dependent?.owners.find((owner) => owner.uid === node.uid);
      if (dependent !== undefined && reference?.blockOwnerDeletion === true) blocking.push(dependent);
    }
    return blocking;
  }

  private link(
    node: GraphNode,
    owners: readonly OwnerReference[],
    resourceOf: (reference: OwnerReference) => string | undefined,
    effects: GraphEffects,
  ): void {
    for (const reference of owners) {
      let owner = this.nodes.get(reference.uid);
      if (owner === undefined) {
        const resource = resourceOf(reference);
        if (resource === undefined) continue;
        const { uid, name } = reference;
        // An owner that was not seen yet; whether it exists is asked of the API server.
        owner = {
          uid,
          resource,
          namespace: node.namespace,
          name,
          owners: [],
          dependents: null,
          beingDeleted: false,
          deletingDependents: false,
          virtual: true,
        };
        this.nodes.set(uid, owner);
        effects.attemptToDelete.push(uid);
      }
      else if (isDoubtful(node, owner, reference, effects)) effects.attemptToDelete.push(node.uid);
      owner.dependents ??= new Set();
      owner.dependents.add(node.uid);
    }
  }

  /** An owner known from references only is seen: dependents that mean something else are looked at (processGraphChanges). */
  private observe(
    node: GraphNode,
    resource: string,
    { metadata }: KubernetesObject,
    effects: GraphEffects,
  ): void {
    node.virtual = false;
    const same = node.resource === resource && node.name === metadata.name && (metadata.namespace === '' || node.namespace === metadata.namespace);
    node.resource = resource;
    node.name = metadata.name;
    node.namespace = metadata.namespace;
    if (same) return;
    for (const uid of node.dependents ?? []) {
      const dependent = this.nodes.get(uid);
      const reference = dependent?.owners.find((owner) => owner.uid === node.uid);
      if (reference !== undefined && isDoubtful(dependent!, node, reference, effects)) effects.attemptToDelete.push(uid);
    }
  }

  private relink(
    node: GraphNode,
    owners: readonly OwnerReference[],
    resourceOf: (reference: OwnerReference) => string | undefined,
    effects: GraphEffects,
  ): void {
    const gone = node.owners.filter((before) => !owners.some((owner) => owner.uid === before.uid));
    const added = owners.filter((owner) => !node.owners.some((before) => before.uid === owner.uid));
    node.owners = owners;
    for (const { uid } of gone) {
      const owner = this.nodes.get(uid);
      if (owner === undefined) continue;
      this.unlink(owner, node.uid);
      if (owner.deletingDependents) effects.attemptToDelete.push(uid);
    }
    this.link(node, added, resourceOf, effects);
  }

  private unlink(owner: GraphNode, dependent: string): void {
    owner.dependents?.delete(dependent);
    if (owner.dependents?.size === 0) owner.dependents = null;
  }
}

/** Whether a reference may not mean the owner that has its uid: the API server is asked then (addDependentToOwners). */
function isDoubtful(
  node: GraphNode,
  owner: GraphNode,
  reference: OwnerReference,
  effects: GraphEffects,
): boolean {
  if (owner.namespace !== '' && owner.namespace !== node.namespace) {
    // Of an owner that was not seen its namespace is that of whoever named it first.
    if (!owner.virtual) misplace(effects, node, owner.uid);
    return true;
  }
  return owner.name !== reference.name;
}
