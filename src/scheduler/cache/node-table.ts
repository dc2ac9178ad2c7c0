import type { Node, Taint } from '../../api/core.js';
import { changedPorts, type HostPort } from './host-ports.js';
import { Journal, JournalKind } from './journal.js';
import { NodeTree } from './node-tree.js';
import type { PodInfo } from './pod-info.js';
import { PodShapes } from './pod-shape.js';
import { TopologyColumn } from './topology.js';

/** Columns of the resources that have numbers of their own in the table. */
export const CPU = 0;
export const MEMORY = 1;
export const EPHEMERAL_STORAGE = 2;

function grown(column: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity);
  larger.set(column);
  return larger;
}

/**
 * All nodes with the pods counted on them, as columns indexed by slot: what the scheduler's cache and snapshot hold
 * (backend/cache, framework NodeInfo). One scheduling cycle runs at one instant, so the table is its own snapshot; changes go
 * into a journal, from which derived counts are kept up to date.
 */
export class NodeTable {
  readonly shapes = new PodShapes();
  readonly journal = new Journal();
  /** Node object by slot; null: free slot, or a node that pods name but that is not known (any more). */
  readonly nodes: (Node | null)[] = [];
  readonly names: string[] = [];
  readonly pods: PodInfo[][] = [];
  /** Used host ports by slot. */
  readonly ports: HostPort[][] = [];
  readonly resourceNames: string[] = ['cpu', 'memory', 'ephemeral-storage'];
  /** Allocatable and requested amounts: one column a resource, indexed by slot. */
  readonly allocatable: Float64Array[] = [new Float64Array(64), new Float64Array(64), new Float64Array(64)];
  readonly requested: Float64Array[] = [new Float64Array(64), new Float64Array(64), new Float64Array(64)];
  /** Sums of the requests with defaults for containers that state none (NodeInfo.NonZeroRequested). */
  nonZeroCpu = new Float64Array(64);
  nonZeroMemory = new Float64Array(64);
  allowedPods = new Float64Array(64);
  podCount = new Float64Array(64);
  /** How often what a node has, or what of it is taken, has changed, by slot. */
  changes = new Uint32Array(64);
  unschedulable = new Uint8Array(64);
  /** Number of the node's set of taints; 0: none. */
  taintClass = new Int32Array(64);
  readonly taintClasses: (readonly Taint[])[] = [[]];
  /** Nodes marked unschedulable; nodes with some taint. */
  unschedulableNodes = 0;
  taintedNodes = 0;
  /** Pods counted that have required anti-affinity terms, and any inter-pod terms. */
  podsWithRequiredAntiAffinity = 0;
  podsWithAffinity = 0;
  /** Pods that use a persistent volume claim, by its key, over all nodes. */
  readonly claimUsers = new Map<string, number>();
  /** Images by normalised name: size and the nodes that have it. */
  readonly images = new Map<string, ImageState>();
  /** Counts changes after which derived counts must start over: node gone, labels changed, node appeared under pods. */
  labelEpoch = 0;
  /** Counts changes of taints and of spec.unschedulable of known nodes. */
  taintEpoch = 0;
  private capacity = 64;
  private readonly bySlotName = new Map<string, number>();
  private readonly free: number[] = [];
  private readonly tree = new NodeTree();
  private readonly topologies = new Map<string, TopologyColumn>();
  private readonly resourceIds = new Map<string, number>([
    ['cpu', CPU],
    ['memory', MEMORY],
    ['ephemeral-storage', EPHEMERAL_STORAGE],
  ]);
  private readonly taintIds = new Map<string, number>([['', 0]]);
  private orderValid = false;
  private visiting: Int32Array = new Int32Array(0);

  /** Slots of all known nodes in visiting order. */
  get order(): Int32Array {
    if (!this.orderValid) {
      this.visiting = this.tree.list();
      this.orderValid = true;
    }
    return this.visiting;
  }

  /** Known nodes. */
  get size(): number {
    return this.tree.size;
  }

  /** Slots in use are below this. */
  get slots(): number {
    return this.names.length;
  }

  /** Slot of a known node; −1 when there is none of this name. */
  slotOf(name: string): number {
    const slot = this.bySlotName.get(name);
    return slot === undefined || this.nodes[slot] === null ? -1 : slot;
  }

  /** Number of a resource's column; made on first use. */
  resourceId(name: string): number {
    let id = this.resourceIds.get(name);
    if (id === undefined) {
      id = this.resourceNames.push(name) - 1;
      this.resourceIds.set(name, id);
      this.allocatable.push(new Float64Array(this.capacity));
      this.requested.push(new Float64Array(this.capacity));
      for (let slot = 0; slot < this.nodes.length; slot++) {
        this.allocatable[id]![slot] = this.nodes[slot]?.status.allocatable[name] ?? 0;
      }
    }
    return id;
  }

  /** The domains of a topology key; made on first use. */
  topology(key: string): TopologyColumn {
    let column = this.topologies.get(key);
    if (column === undefined) {
      column = new TopologyColumn(key, this.capacity);
      this.topologies.set(key, column);
      for (let slot = 0; slot < this.nodes.length; slot++) column.set(slot, this.nodes[slot]!);
    }
    return column;
  }

  /** Adds a node or takes over a new version of it. */
  setNode(node: Node): void {
    const slot = this.slotFor(node.metadata.name);
    const old = this.nodes[slot] ?? null;
    this.nodes[slot] = node;
    if (this.tree.set(slot, node)) this.orderValid = false;
    const allocatable = node.status.allocatable;
    if (old?.status.allocatable !== allocatable) {
      this.changes[slot]!++;
      for (const name of Object.keys(allocatable)) if (name !== 'pods') this.resourceId(name);
      for (let id = 0; id < this.resourceNames.length; id++)
        this.allocatable[id]![slot] = allocatable[this.resourceNames[id]!] ?? 0;
      this.allowedPods[slot] = allocatable.pods ?? 0;
    }
    if (old === null || old.metadata.labels !== node.metadata.labels) this.relabel(slot, old, node);
    this.retaint(slot, node.spec.taints ?? [], node.spec.unschedulable === true, old !== null);
    if (old?.status.images !== node.status.images) this.setImages(slot, old, node);
  }

  /** Forgets a node; pods counted on it stay until they are removed. */
  removeNode(name: string): void {
    const slot = this.slotOf(name);
    if (slot < 0) return;
    this.setImages(slot, this.nodes[slot]!, null);
    this.retaint(slot, [], false, false);
    this.nodes[slot] = null;
    this.tree.delete(slot);
    this.orderValid = false;
    for (const column of this.topologies.values()) column.set(slot, null);
    for (const column of this.allocatable) column[slot] = 0;
    this.allowedPods[slot] = 0;
    this.changes[slot]!++;
    this.labelEpoch++;
    this.releaseIfEmpty(slot);
  }

  /** Counts a pod on the node it names; the node need not be known. */
  addPod(info: PodInfo, nodeName: string): void {
    const slot = this.slotFor(nodeName);
    info.slot = slot;
    this.countPod(info, slot, 1);
    this.note(slot, info, info.terminating ? JournalKind.TerminatingPodAdded : JournalKind.PodAdded);
  }

  /** Takes a counted pod away. */
  removePod(info: PodInfo): void {
    const slot = info.slot;
    this.countPod(info, slot, -1);
    this.note(slot, info, info.terminating ? JournalKind.TerminatingPodRemoved : JournalKind.PodRemoved);
    info.slot = -1;
    this.releaseIfEmpty(slot);
  }

  /** A counted pod began to be deleted: spreading no longer counts it. */
  markTerminating(info: PodInfo): void {
    if (info.terminating) return;
    info.terminating = true;
    this.note(info.slot, info, JournalKind.PodRemoved);
    this.note(info.slot, info, JournalKind.TerminatingPodAdded);
  }

  /**
   * Adds (1) or takes away (−1) a pod's share of a node without telling the journal: used in pairs by dry runs, which leave
   * no trace. A removal moves the last pod of the list into the gap, as NodeInfo.RemovePod does.
   */
  countPod(info: PodInfo, slot: number, sign: 1 | -1): void {
    const { shape } = info;
    const { requested } = this;
    requested[CPU]![slot]! += sign * shape.cpu;
    requested[MEMORY]![slot]! += sign * shape.memory;
    requested[EPHEMERAL_STORAGE]![slot]! += sign * shape.ephemeralStorage;
    for (const { name, amount } of shape.scalars) requested[this.resourceId(name)]![slot]! += sign * amount;
    this.nonZeroCpu[slot]! += sign * shape.nonZeroCpu;
    this.nonZeroMemory[slot]! += sign * shape.nonZeroMemory;
    this.podCount[slot]! += sign;
    this.changes[slot]!++;
    if (shape.affinity.any) {
      this.podsWithAffinity += sign;
      if (shape.affinity.requiredAntiAffinity.length > 0) this.podsWithRequiredAntiAffinity += sign;
    }
    for (const claim of shape.claims) this.claimUsers.set(claim, (this.claimUsers.get(claim) ?? 0) + sign);
    const pods = this.pods[slot]!;
    if (sign > 0) pods.push(info);
    else {
      const last = pods.pop()!;
      if (last !== info) pods[pods.indexOf(info)] = last;
    }
    if (shape.hostPorts.length > 0) this.ports[slot] = changedPorts(this.ports[slot]!, shape.hostPorts, sign);
  }

  /** Pods of a node that is not known are in no derived count, and its coming and going makes these start over. */
  private note(slot: number, info: PodInfo, kind: number): void {
    if (this.nodes[slot] !== null) this.journal.append(slot, info.shape.id, kind);
  }

  private slotFor(name: string): number {
    let slot = this.bySlotName.get(name);
    if (slot !== undefined) return slot;
    slot = this.free.pop();
    if (slot === undefined) {
      slot = this.names.length;
      if (slot === this.capacity) this.grow();
      this.names.push(name);
      this.nodes.push(null);
      this.pods.push([]);
      this.ports.push([]);
    } else this.names[slot] = name;
    this.bySlotName.set(name, slot);
    return slot;
  }

  private releaseIfEmpty(slot: number): void {
    if (this.nodes[slot] !== null || this.pods[slot]!.length > 0) return;
    this.bySlotName.delete(this.names[slot]!);
    this.free.push(slot);
  }

  private relabel(slot: number, old: Node | null, node: Node): void {
    for (const column of this.topologies.values()) column.set(slot, node);
    if (old !== null) {
      if (!sameMap(old.metadata.labels ?? {}, node.metadata.labels ?? {})) this.labelEpoch++;
    } else if (this.pods[slot]!.length > 0) this.labelEpoch++;
    else this.journal.append(slot, 0, JournalKind.NodeAdded);
  }

  private retaint(slot: number, taints: readonly Taint[], unschedulable: boolean, known: boolean): void {
    const key =
      taints.length === 0 ? '' : JSON.stringify(taints.map((taint) => [taint.key, taint.value ?? '', taint.effect]));
    let id = this.taintIds.get(key);
    if (id === undefined) {
      id = this.taintClasses.push(taints) - 1;
      this.taintIds.set(key, id);
    }
    const before = this.taintClass[slot]!;
    const unschedulableBefore = this.unschedulable[slot] === 1;
    if (before === id && unschedulableBefore === unschedulable) return;
    if (known) this.taintEpoch++;
    this.taintedNodes += (id > 0 ? 1 : 0) - (before > 0 ? 1 : 0);
    this.unschedulableNodes += (unschedulable ? 1 : 0) - (unschedulableBefore ? 1 : 0);
    this.taintClass[slot] = id;
    this.unschedulable[slot] = unschedulable ? 1 : 0;
  }

  private setImages(slot: number, old: Node | null, node: Node | null): void {
    for (const image of old?.status.images ?? []) {
      for (const name of image.names) {
        const state = this.images.get(name);
        if (state === undefined) continue;
        state.setNode(slot, 0);
        if (state.nodes === 0) this.images.delete(name);
      }
    }
    for (const image of node?.status.images ?? []) {
      for (const name of image.names) {
        let state = this.images.get(name);
        if (state === undefined) this.images.set(name, (state = new ImageState(image.sizeBytes, this.capacity)));
        state.setNode(slot, 1);
      }
    }
  }

  private grow(): void {
    this.capacity *= 2;
    const { capacity } = this;
    for (let id = 0; id < this.allocatable.length; id++) {
      this.allocatable[id] = grown(this.allocatable[id]!, capacity);
      this.requested[id] = grown(this.requested[id]!, capacity);
    }
    this.nonZeroCpu = grown(this.nonZeroCpu, capacity);
    this.nonZeroMemory = grown(this.nonZeroMemory, capacity);
    this.allowedPods = grown(this.allowedPods, capacity);
    this.podCount = grown(this.podCount, capacity);
    const changes = new Uint32Array(capacity);
    changes.set(this.changes);
    this.changes = changes;
    const unschedulable = new Uint8Array(capacity);
    unschedulable.set(this.unschedulable);
    this.unschedulable = unschedulable;
    const taintClass = new Int32Array(capacity);
    taintClass.set(this.taintClass);
    this.taintClass = taintClass;
    for (const column of this.topologies.values()) column.resize(capacity);
    for (const image of this.images.values()) image.resize(capacity);
  }
}

/** An image as the nodes report it. */
export class ImageState {
  /** As first reported. */
  readonly size: number;
  /** How many nodes have it. */
  nodes = 0;
  /** 1 for each node that has it, by slot. */
  present: Uint8Array;

  constructor(size: number, capacity: number) {
    this.size = size;
    this.present = new Uint8Array(capacity);
  }

  /** A node has it (1), or no longer (0). */
  setNode(slot: number, present: 0 | 1): void {
    this.nodes += present - this.present[slot]!;
    this.present[slot] = present;
  }

  resize(capacity: number): void {
    const present = new Uint8Array(capacity);
    present.set(this.present);
    this.present = present;
  }
}

function sameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
