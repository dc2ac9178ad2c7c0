import { isPodReady, type Node, type Pod, type Taint } from '../api/core.js';
import type { Condition, ConditionStatus, KubernetesObject } from '../api/meta.js';
import type { Lease } from '../api/workloads.js';
import { type ApiRequest, type ApiResponse, type Patch, type ResponseReceiver, succeeded } from '../apiserver/request.js';
import type { ProcessContext } from '../client/context.js';
import type { ApiClient, EventRecorder, Indexer, Informer, ResourceEventHandler } from '../client/types.js';
import type { Component, Simulation } from '../kernel/simulation.js';
import { SECOND, type Time } from '../kernel/time.js';
import { ControllerWorkers, objectRequest, Reconciliation, type Reconciler } from './controller.js';
import { apiTime } from './conditions.js';
import {
  EVICTION_PERIOD,
  evictionRate,
  MONITOR_GRACE_PERIOD,
  MONITOR_PERIOD,
  readyStatus,
  silentConditions,
  STARTUP_GRACE_PERIOD,
  withConditionTaints,
  withExecuteTaint,
  type ZoneState,
  zoneState,
} from './node-health-policy.js';

const OP_MONITOR = 1;
const OP_EVICT = 2;
const WORKERS = 8;
export const BY_NODE = 'nodeName';
const LEASE_NAMESPACE = 'kube-node-lease';

/** Index of pods by node. */
export class NodeNameIndexer implements Indexer<Pod> {
  readonly name = BY_NODE;
  valueOf(pod: Pod): string | undefined {
    return pod.spec.nodeName === '' ? undefined : pod.spec.nodeName;
  }
}

interface NodeHealth {
  /** When the kubelet was last heard of, by this controller's clock. */
  probe: Time;
  heartbeat: Time | undefined;
  renewed: Time | undefined;
  ready: ConditionStatus;
}

/** Nodes of a zone that wait for their NoExecute taint, served at the zone's rate (RateLimitedTimedQueue with burst 1). */
class ZoneEvictions {
  state: ZoneState = 'Initial';
  rate = 0;
  /** When the limiter gives the next token. */
  nextToken: Time = 0;
  readonly waiting = new Set<string>();
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
export class NodeLifecycleController implements Component, Reconciler, ResponseReceiver {
  readonly name = 'node-lifecycle';
  readonly workers: ControllerWorkers;
  private readonly simulation: Simulation;
  private readonly client: ApiClient;
  private readonly recorder: EventRecorder;
  private readonly nodes: Informer<Node>;
  private readonly leases: Informer<Lease>;
  private readonly pods: Informer<Pod>;
  private readonly target: number;
  private readonly health = new Map<string, NodeHealth>();
  private readonly zones = new Map<string, ZoneEvictions>();
  private allDown = false;

  constructor(context: ProcessContext, client: ApiClient) {
    this.simulation = context.simulation;
    this.client = client;
    this.recorder = context.eventRecorder('node-controller');
    this.nodes = context.informers.informer<Node>('nodes');
    this.leases = context.informers.informer<Lease>('leases');
    this.pods = context.informers.informer<Pod>('pods');
    this.pods.addIndexer(new NodeNameIndexer());
    this.workers = new ControllerWorkers(context, { name: 'node-lifecycle', workers: WORKERS, client });
    this.nodes.addEventHandler(new NodeHandler(this));
    this.workers.start(this, [this.nodes, this.leases, this.pods]);
    this.target = this.simulation.add(this);
    this.simulation.schedule(0, this.target, OP_MONITOR);
    // Half a period off, so that the two loops never meet in one instant.
    this.simulation.schedule(EVICTION_PERIOD / 2, this.target, OP_EVICT);
  }

  handle(opcode: number): void {
    if (opcode === OP_MONITOR) {
      this.simulation.schedule(MONITOR_PERIOD, this.target, OP_MONITOR);
      if (this.nodes.synced && this.leases.synced && this.pods.synced) this.monitor();
      return;
    }
    this.simulation.schedule(EVICTION_PERIOD, this.target, OP_EVICT);
    for (const zone of this.zones.values()) if (zone.waiting.size > 0 && zone.rate > 0) this.evictNext(zone);
  }

  /** Answers to status writes and pod patches; the next pass looks at the nodes again anyway. */
  receive(): void {}

  forget(name: string): void {
    this.health.delete(name);
    for (const zone of this.zones.values()) zone.waiting.delete(name);
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
    const ready = new Map<string, number>();
    const total = new Map<string, number>();
    for (const node of this.nodes.list()) {
      const zone = zoneName(node);
      const status = this.observe(node, now);
      total.set(zone, (total.get(zone) ?? 0) + 1);
      if (status === 'True') ready.set(zone, (ready.get(zone) ?? 0) + 1);
      this.taintOrClear(node, status, zone);
    }
    this.setZoneStates(ready, total, now);
  }

  /** Status of a node's Ready condition after this pass (tryUpdateNodeHealth). */
  private observe(node: Node, now: Time): ConditionStatus {
    const { name } = node.metadata;
    const condition = node.status.conditions?.find(({ type }) => type === 'Ready');
    const lease = this.leases.get(`${LEASE_NAMESPACE}/${name}`);
    let health = this.health.get(name);
    const grace = condition === undefined ? STARTUP_GRACE_PERIOD : MONITOR_GRACE_PERIOD;
    if (health === undefined) {
      const probe = condition === undefined ? node.metadata.creationTimestamp : now;
      health = { probe, heartbeat: condition?.lastHeartbeatTime, renewed: lease?.spec.renewTime, ready: condition?.status ?? 'Unknown' };
      this.health.set(name, health);
    } else {
      const heartbeat = condition?.lastHeartbeatTime;
      if (heartbeat !== health.heartbeat || (lease !== undefined && lease.spec.renewTime !== health.renewed)) health.probe = now;
      health.heartbeat = heartbeat;
      health.renewed = lease?.spec.renewTime;
    }
    let status = condition?.status ?? 'Unknown';
    // The real loop waits 5 s after each pass, so that the tenth pass comes a little later than 50 s: equal counts as over.
    if (now >= health.probe + grace) {
      const conditions = silentConditions(node, now);
      status = 'Unknown';
      if (conditions !== node.status.conditions) {
        const body: Node = { ...node, status: { ...node.status, conditions } };
        this.client.request(objectRequest('update', 'nodes', node, { subresource: 'status', body }), this, 0);
      }
    }
    if (health.ready === 'True' && status !== 'True') this.wentNotReady(node, now);
    health.ready = status;
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

  private zone(name: string): ZoneEvictions {
    let zone = this.zones.get(name);
    if (zone === undefined) {
      zone = new ZoneEvictions();
      this.zones.set(name, zone);
    }
    return zone;
  }

  /** Puts a node in line for its NoExecute taint, swaps the wrong one, or takes it off (processTaintBaseEviction). */
  private taintOrClear(node: Node, status: ConditionStatus, zoneKey: string): void {
    const { name } = node.metadata;
    const zone = this.zone(zoneKey);
    const taints = node.spec.taints ?? [];
    const next = withExecuteTaint(taints, status, this.simulation.now);
    if (status === 'True') zone.waiting.delete(name);
    if (next === taints) return;
    const tainted = taints.some((taint) => taint.effect === 'NoExecute' && !next.includes(taint));
    if (status === 'True' || tainted) this.patch(node, next);
    else zone.waiting.add(name);
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
      const next = withExecuteTaint(taints, this.health.get(name)?.ready ?? readyStatus(node), now);
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
  private setZoneStates(ready: ReadonlyMap<string, number>, total: ReadonlyMap<string, number>, now: Time): void {
    let allDown = total.size > 0;
    const states = new Map<string, ZoneState>();
    for (const [zone, count] of total) {
      const up = ready.get(zone) ?? 0;
      const state = zoneState(up, count - up);
      states.set(zone, state);
      if (state !== 'FullDisruption') allDown = false;
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
      for (const zone of this.zones.values()) zone.waiting.clear();
    }
    if (wasDown && !allDown) for (const health of this.health.values()) health.probe = now;
    for (const [name, state] of states) {
      const zone = this.zone(name);
      const rate = evictionRate(state, total.get(name)!, allDown);
      if (state === zone.state && rate === zone.rate) continue;
      zone.state = state;
      zone.rate = rate;
    }
  }
}

/** Region and zone of a node, as the controller groups nodes. */
function zoneName(node: Node): string {
  const labels = node.metadata.labels;
  return `${labels?.['topology.kubernetes.io/region'] ?? ''}:${labels?.['topology.kubernetes.io/zone'] ?? ''}`;
}

class WriteTaints extends Reconciliation {
  private readonly node: Node;
  private readonly patch: TaintPatch;
  private sent = false;

  constructor(node: Node, patch: TaintPatch) {
    super();
    this.node = node;
    this.patch = patch;
  }

  next(responses: readonly ApiResponse[]): readonly ApiRequest[] | null {
    if (this.sent) return succeeded(responses[0]!) ? null : this.fail(responses[0]!.message ?? 'request failed');
    this.sent = true;
    return [objectRequest('patch', 'nodes', this.node, { patch: this.patch })];
  }
}

class NodeHandler implements ResourceEventHandler<Node> {
  private readonly controller: NodeLifecycleController;

  constructor(controller: NodeLifecycleController) {
    this.controller = controller;
  }

  onAdd(node: Node): void {
    this.controller.workers.queue.add(node.metadata.name);
  }

  onUpdate(old: Node, node: Node): void {
    if (old.status.conditions !== node.status.conditions || old.spec !== node.spec) this.controller.workers.queue.add(node.metadata.name);
  }

  onDelete(node: Node): void {
    this.controller.forget(node.metadata.name);
  }
}
