import { isPodReady, type Node, type Pod, type Taint } from '../api/core.js';
import type { Condition, ConditionStatus, KubernetesObject } from '../api/meta.js';
import type { Lease } from '../api/workloads.js';
import { type ApiRequest, type ApiResponse, type Patch, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import { Changes } from '../client/changes.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, CacheObserver, EventRecorder, Indexer, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { SECOND, type Time } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { apiTime } from './conditions.js';
import {
  EVICTION_PERIOD,
  evictionRate,
  MONITOR_PERIOD,
  readyStatus,
  silentConditions,
  withConditionTaints,
  withExecuteTaint,
  zoneState,
} from './node-health-policy.js';
import { gracePeriod, type NodeRecord, NodeTable, type ZoneEvictions } from './node-table.js';

const OP_MONITOR = 1;
const OP_EVICT = 2;
const WORKERS = 8;
export const BY_NODE = 'nodeName';
const LEASE_NAMESPACE = 'kube-node-lease';

/** Index of pods by node. */
export class NodeNameIndexer implements Indexer<Pod> {
  readonly name = BY_NODE;
  readonly dependsOn = Changes.Spec;
  valueOf(pod: Pod): string | undefined {
    return pod.spec.nodeName === '' ? undefined : pod.spec.nodeName;
  }
}

/** Changes some taints of a node and leaves the others as they are then. */
export class TaintPatch implements Patch {
  readonly bytes = 200;
  private readonly add: readonly Taint[];
  private readonly remove: readonly Taint[];

  constructor(before: readonly Taint[], after: readonly Taint[]) {
    this.add = after.filter((taint) => !before.includes(taint));
    this.remove = before.filter((taint) => !after.includes(taint));
  }

  /** Whether there is nothing to change. */
  get isEmpty(): boolean {
    return this.add.length === 0 && this.remove.length === 0;
  }

  apply(current: KubernetesObject): KubernetesObject {
    const node = current as Node;
    const { taints, ...spec } = node.spec;
    const old = taints ?? [];
    const kept = old.filter((taint) => !has(this.remove, taint));
    const next = [...kept, ...this.add.filter((taint) => !has(kept, taint))];
    if (kept.length === old.length && next.length === old.length) return node;
    return { ...node, spec: next.length === 0 ? spec : { ...spec, taints: next } } as Node;
  }
}

function has(taints: readonly Taint[], wanted: Taint): boolean {
  return taints.some((taint) => taint.key === wanted.key && taint.effect === wanted.effect);
}

/** The node lifecycle controller: watches heartbeats, writes conditions and taints. */
export class NodeLifecycleController implements Component, Reconciler, ResponseReceiver, CacheObserver<Lease> {
  readonly name = 'node-lifecycle';
  readonly workers: ControllerWorkers;
  private readonly simulation: Simulation;
  private readonly client: ApiClient;
  private readonly recorder: EventRecorder;
  private readonly nodes: Informer<Node>;
  private readonly leases: Informer<Lease>;
  private readonly pods: Informer<Pod>;
  private readonly target: number;
  private readonly table = new NodeTable();
  /** Leases of nodes that the cache has taken in or lost since the last pass, in that order, and whether it has them. */
  private readonly heard: Lease[] = [];
  private readonly kept: boolean[] = [];
  private readonly startedAt: Time;
  /** Nodes that have gone since the last pass. */
  private removed: Node[] = [];
  private allDown = false;
  /** Whether the next look at the NoExecute queues is scheduled; they are only looked at while nodes wait. */
  private evicting = false;

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.startedAt = context.simulation.now;
    this.client = client;
    this.recorder = context.eventRecorder('node-controller', client);
    this.nodes = context.informers.informer<Node>('nodes');
    this.leases = context.informers.informer<Lease>('leases');
    this.pods = context.informers.informer<Pod>('pods');
    this.pods.addIndexer(new NodeNameIndexer());
    this.workers = new ControllerWorkers(context, { name: 'node-lifecycle', workers: WORKERS, client });
    this.nodes.addEventHandler(new NodeHandler(this));
    this.leases.observe(this);
    this.workers.start(this, [this.nodes, this.leases, this.pods]);
    this.target = this.simulation.add(this);
    this.simulation.schedule(0, this.target, OP_MONITOR);
  }

  handle(opcode: number): void {
    if (opcode === OP_MONITOR) {
      this.simulation.schedule(MONITOR_PERIOD, this.target, OP_MONITOR);
      if (this.nodes.synced && this.leases.synced && this.pods.synced) this.monitor();
      return;
    }
    let waiting = 0;
    for (const zone of this.table.zones) {
      if (zone.waiting.size > 0 && zone.rate > 0) this.evictNext(zone);
      waiting += zone.waiting.size;
    }
    this.evicting = waiting > 0;
    if (this.evicting) this.simulation.schedule(EVICTION_PERIOD, this.target, OP_EVICT);
  }

  /** Answers to status writes and pod patches; the next pass looks at the nodes again anyway. */
  receive(): void {}

  cached(lease: Lease): void {
    this.note(lease, true);
  }

  uncached(lease: Lease): void {
    this.note(lease, false);
  }

  private note(lease: Lease, kept: boolean): void {
    if (lease.metadata.namespace !== LEASE_NAMESPACE) return;
    this.heard.push(lease);
    this.kept.push(kept);
  }

  /** A node came or changed. */
  know(node: Node): void {
    const { name } = node.metadata;
    this.table.know(node, this.table.get(name) === undefined ? this.leases.get(`${LEASE_NAMESPACE}/${name}`) : undefined);
  }

  forget(node: Node): void {
    if (this.table.forget(node.metadata.name)?.greeted === true) this.removed.push(node);
  }

  /** Keeps the NoSchedule taints of a node in line with its conditions (doNoScheduleTaintingPass). */
  reconcile(name: string): Reconciliation | null {
    const node = this.nodes.get(name);
    if (node === undefined) return null;
    const patch = new TaintPatch(node.spec.taints ?? [], withConditionTaints(node, this.simulation.now));
    return patch.isEmpty ? null : new WriteTaints(node, patch);
  }

  /** One pass over all nodes (monitorNodeHealth). */
  private monitor(): void {
    const { now } = this.simulation;
    const { table, heard, kept } = this;
    for (let i = 0; i < heard.length; i++) {
      const lease = heard[i]!;
      table.leaseChanged(lease.metadata.name, kept[i]! ? lease : undefined);
    }
    heard.length = 0;
    kept.length = 0;
    for (const record of table.attend(now)) {
      if (!record.greeted) this.greet(record);
      const status = this.observe(record, now);
      const { zone, node } = record;
      zone.total++;
      if (status === 'True') {
        zone.ready++;
        if (node.spec.taints === undefined) {
          if (zone.waiting.size > 0) zone.waiting.delete(node.metadata.name);
          table.settle(record);
          continue;
        }
      }
      this.taintOrClear(node, status, zone);
    }
    for (const node of this.removed) {
      const { name } = node.metadata;
      this.recorder.event(node, 'Normal', 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`);
    }
    if (this.removed.length > 0) this.removed = [];
    this.setZoneStates(now);
  }

  /** The first pass that sees a node says so, unless the node has been there since before this controller's warm start. */
  private greet(record: NodeRecord): void {
    const { node } = record;
    record.greeted = true;
    if (this.startedAt === 0 && node.metadata.creationTimestamp === 0) return;
    const { name } = node.metadata;
    this.recorder.event(node, 'Normal', 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`);
  }

  /** Status of a node's Ready condition after this pass (tryUpdateNodeHealth). */
  private observe(record: NodeRecord, now: Time): ConditionStatus {
    const { node, condition, lease } = record;
    let probe = this.table.probe(record);
    if (Number.isNaN(probe)) {
      probe = condition === undefined ? node.metadata.creationTimestamp : now;
      record.ready = condition?.status ?? 'Unknown';
    } else if (condition?.lastHeartbeatTime !== record.heartbeat || (lease !== undefined && lease.spec.renewTime !== record.renewed)) {
      probe = now;
    }
    this.table.setProbe(record, probe);
    record.heartbeat = condition?.lastHeartbeatTime;
    record.renewed = lease?.spec.renewTime;
    let status = condition?.status ?? 'Unknown';
    // The real loop waits 5 s after each pass, so that the tenth pass comes a little later than 50 s: equal counts as over.
    if (now >= probe + gracePeriod(record)) {
      const conditions = silentConditions(node, now);
      status = 'Unknown';
      if (conditions !== node.status.conditions) {
        const body: Node = { ...node, status: { ...node.status, conditions } };
        this.client.request(objectRequest('update', 'nodes', node, { subresource: 'status', body }), this, 0);
      }
    }
    if (record.ready === 'True' && status !== 'True') this.wentNotReady(node, now);
    record.ready = status;
    return status;
  }

  /** A node that is no longer ready takes its pods out of service (RecordNodeStatusChange, MarkPodsNotReady). */
  private wentNotReady(node: Node, now: Time): void {
    const { name } = node.metadata;
    this.recorder.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    for (const pod of this.pods.byIndex(BY_NODE, name)) {
      if (!isPodReady(pod)) continue;
      const conditions = (pod.status.conditions ?? []).map((condition): Condition => {
        return condition.type === 'Ready' ? { ...condition, status: 'False', lastTransitionTime: apiTime(now) } : condition;
      });
      const body: Pod = { ...pod, status: { ...pod.status, conditions } };
      this.client.request(objectRequest('update', 'pods', pod, { subresource: 'status', body }), this, 0);
      this.recorder.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
    }
  }

  /** Puts a node in line for its NoExecute taint, swaps the wrong one, or takes it off (processTaintBaseEviction). */
  private taintOrClear(node: Node, status: ConditionStatus, zone: ZoneEvictions): void {
    const { name } = node.metadata;
    const taints = node.spec.taints ?? [];
    const next = withExecuteTaint(taints, status, this.simulation.now);
    if (status === 'True') zone.waiting.delete(name);
    if (next === taints) return;
    const tainted = taints.some((taint) => taint.effect === 'NoExecute' && !next.includes(taint));
    if (status === 'True' || tainted) this.patch(node, next);
    else this.await(zone, name);
  }

  /** Half a period later than the pass, so that the two loops never meet in one instant. */
  private await(zone: ZoneEvictions, name: string): void {
    zone.waiting.add(name);
    if (this.evicting) return;
    this.evicting = true;
    this.simulation.schedule(EVICTION_PERIOD / 2, this.target, OP_EVICT);
  }

  /** Taints the node that waits longest, when the zone's limiter allows (doNoExecuteTaintingPass). */
  private evictNext(zone: ZoneEvictions): void {
    const { now } = this.simulation;
    for (const name of zone.waiting) {
      if (zone.nextToken > now) return;
      zone.waiting.delete(name);
      const node = this.nodes.get(name);
      if (node === undefined) continue;
      const taints = node.spec.taints ?? [];
      // The pass before has just decided the status; the cache may not show it yet.
      const next = withExecuteTaint(taints, this.table.get(name)?.ready ?? readyStatus(node), now);
      // The limiter has a burst of one token, which is spent on the node even when nothing is to be done.
      zone.nextToken = now + Math.round(SECOND / zone.rate);
      if (next !== taints) this.patch(node, next);
    }
  }

  private patch(node: Node, taints: readonly Taint[]): void {
    const patch = new TaintPatch(node.spec.taints ?? [], taints);
    this.client.request(objectRequest('patch', 'nodes', node, { patch }), this, 0);
  }

  /** Rates of the zones by their state; when all are down, nothing is evicted (handleDisruption). */
  private setZoneStates(now: Time): void {
    const { zones } = this.table;
    let allDown = this.table.size > 0;
    for (const zone of zones) {
      if (zone.total > 0 && zoneState(zone.ready, zone.total - zone.ready) !== 'FullDisruption') allDown = false;
    }
    const wasDown = this.allDown;
    this.allDown = allDown;
    if (allDown && !wasDown) {
      // Master disruption mode: rather this controller is cut off than all nodes are dead.
      for (const node of this.nodes.list()) {
        const taints = node.spec.taints ?? [];
        const next = withExecuteTaint(taints, 'True', now);
        if (next !== taints) this.patch(node, next);
      }
      for (const zone of zones) zone.waiting.clear();
    }
    if (wasDown && !allDown) this.table.setAllProbes(now);
    for (const zone of zones) {
      zone.state = zoneState(zone.ready, zone.total - zone.ready);
      zone.rate = evictionRate(zone.state, zone.total, allDown);
    }
  }
}

class WriteTaints extends Reconciliation {
  private readonly node: Node;
  private readonly patch: TaintPatch;
  private step: 'get' | 'patch' | 'done' = 'get';

  constructor(node: Node, patch: TaintPatch) {
    super();
    this.node = node;
    this.patch = patch;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    const [response] = responses;
    if (response !== undefined && !succeeded(response)) return this.fail(response.message ?? 'request failed');
    if (this.step === 'get') {
      this.step = 'patch';
      return [objectRequest('get', 'nodes', this.node, { fromCache: true })];
    }
    if (this.step === 'done') return null;
    this.step = 'done';
    return [objectRequest('patch', 'nodes', this.node, { patch: this.patch })];
  }
}

class NodeHandler implements ResourceEventHandler<Node> {
  private readonly controller: NodeLifecycleController;

  constructor(controller: NodeLifecycleController) {
    this.controller = controller;
  }

  onAdd(node: Node): void {
    this.controller.know(node);
    this.controller.workers.queue.add(node.metadata.name);
  }

  onUpdate(old: Node, node: Node): void {
    this.controller.know(node);
    if (old.status.conditions !== node.status.conditions || old.spec !== node.spec) this.controller.workers.queue.add(node.metadata.name);
  }

  onDelete(node: Node): void {
    this.controller.forget(node);
  }
}
