import type { Node, Pod } from '../api/core.js';
import { isPodTerminal } from '../api/core.js';
import { equal } from '../api/equal.js';
import type { KubernetesObject } from '../api/meta.js';
import type { ResourceEventHandler } from '../client/types.js';
import type { ObjectStore } from './cache/cluster-objects.js';
import { podRequestsWith } from './cache/requests.js';
import { type ClusterEvent, EventKind } from './framework/events.js';

/** What the handlers tell: the part of the scheduler that owns cache and queue. */
export interface SchedulerInputs {
  bound(pod: Pod, old: Pod | null, key: string): void;
  unbound(pod: Pod, old: Pod | null, key: string): void;
  gone(pod: Pod, key: string): void;
  /** Whether a profile is responsible for the pod. */
  schedules(pod: Pod): boolean;
  setNode(node: Node): void;
  removeNode(node: Node): void;
  event(event: ClusterEvent): void;
}

/** Pods: bound ones go to the cache, pending ones to the queue, finished ones out of both (eventhandlers.go). */
export class PodHandler implements ResourceEventHandler<Pod> {
  private readonly inputs: SchedulerInputs;

  constructor(inputs: SchedulerInputs) {
    this.inputs = inputs;
  }

  onAdd(pod: Pod, key: string): void {
    this.apply(pod, null, key);
  }

  onUpdate(old: Pod, pod: Pod, key: string): void {
    if (old.metadata.resourceVersion === pod.metadata.resourceVersion) return;
    this.apply(pod, old, key);
  }

  onDelete(pod: Pod, _finalStateUnknown: boolean, key: string): void {
    this.inputs.gone(pod, key);
  }

  private apply(pod: Pod, old: Pod | null, key: string): void {
    if (isPodTerminal(pod)) {
      if (old !== null && !isPodTerminal(old)) this.inputs.gone(pod, key);
    } else if ((pod.spec.nodeName ?? '') !== '') this.inputs.bound(pod, old, key);
    else if (this.inputs.schedules(pod)) this.inputs.unbound(pod, old, key);
  }
}

/** Nodes: into the table, and an event for waiting pods when something changed that scheduling looks at. */
export class NodeHandler implements ResourceEventHandler<Node> {
  private readonly inputs: SchedulerInputs;

  constructor(inputs: SchedulerInputs) {
    this.inputs = inputs;
  }

  onAdd(node: Node): void {
    this.inputs.setNode(node);
    this.inputs.event({ kinds: EventKind.NodeAdd, object: node });
  }

  onUpdate(old: Node, node: Node): void {
    this.inputs.setNode(node);
    const kinds = nodeChanges(old, node);
    if (kinds !== 0) this.inputs.event({ kinds, old, object: node });
  }

  onDelete(node: Node): void {
    this.inputs.removeNode(node);
    this.inputs.event({ kinds: EventKind.NodeDelete, object: node });
  }
}

/** Which sorts of change a node update is (framework NodeSchedulingPropertiesChange). */
export function nodeChanges(old: Node, node: Node): number {
  let kinds = 0;
  if (old.status.allocatable !== node.status.allocatable && !equal(old.status.allocatable, node.status.allocatable)) {
    kinds |= EventKind.NodeAllocatable;
  }
  if (old.metadata.labels !== node.metadata.labels && !equal(old.metadata.labels, node.metadata.labels))
    kinds |= EventKind.NodeLabel;
  if (
    (old.spec.unschedulable === true && node.spec.unschedulable !== true) ||
    (old.spec.taints !== node.spec.taints && !equal(old.spec.taints ?? [], node.spec.taints ?? []))
  ) {
    kinds |= EventKind.NodeTaint;
  }
  return kinds;
}

/** Which sorts of change an update of a pod is, as far as plugins care (framework PodSchedulingPropertiesChange). */
export function podChanges(old: Pod, pod: Pod): number {
  let kinds = 0;
  if ((old.spec.tolerations?.length ?? 0) !== (pod.spec.tolerations?.length ?? 0)) kinds |= EventKind.OwnTolerations;
  if ((old.spec.schedulingGates?.length ?? 0) > 0 && (pod.spec.schedulingGates?.length ?? 0) === 0)
    kinds |= EventKind.OwnGatesGone;
  if (old.metadata.labels !== pod.metadata.labels && !equal(old.metadata.labels, pod.metadata.labels))
    kinds |= EventKind.PodLabel;
  if (old.spec !== pod.spec && asksForLess(old, pod)) kinds |= EventKind.PodScaleDown;
  return kinds;
}

function asksForLess(old: Pod, pod: Pod): boolean {
  const before = podRequestsWith(old.spec, undefined);
  const after = podRequestsWith(pod.spec, undefined);
  return Object.keys(before).some((name) => before[name]! > (after[name] ?? Number.NEGATIVE_INFINITY));
}

/** Any other kind: kept for the plugins, and waiting pods are told. */
export class ObjectHandler<T extends KubernetesObject> implements ResourceEventHandler<T> {
  private readonly store: ObjectStore<T>;
  private readonly inputs: SchedulerInputs;
  private readonly added: number;
  private readonly updated: number;

  constructor(store: ObjectStore<T>, inputs: SchedulerInputs, added: number, updated: number) {
    this.store = store;
    this.inputs = inputs;
    this.added = added;
    this.updated = updated;
  }

  onAdd(object: T): void {
    this.store.set(object);
    if (this.added !== 0) this.inputs.event({ kinds: this.added, object });
  }

  onUpdate(old: T, object: T): void {
    this.store.set(object);
    if (this.updated !== 0) this.inputs.event({ kinds: this.updated, old, object });
  }

  onDelete(object: T): void {
    this.store.delete(object);
  }
}
