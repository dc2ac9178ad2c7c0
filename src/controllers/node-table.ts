import type { Node } from '../api/core.js';
import type { Condition, ConditionStatus } from '../api/meta.js';
import type { Lease } from '../api/workloads.js';
import type { Duration, Time } from '../kernel/time.js';
import { findCondition } from './conditions.js';
import { MONITOR_GRACE_PERIOD, STARTUP_GRACE_PERIOD, type ZoneState } from './node-health-policy.js';

/** So many places of nodes that are gone may stay empty before the others move up. */
const SLACK = 64;

/** What the node lifecycle controller knows of one node between its passes. */
export class NodeRecord {
  node: Node;
  /** Its place in the table; −1: it is gone. */
  place: number;
  zone: ZoneEvictions;
  condition: Condition | undefined;
  /** Its lease, as the cache had it when the last pass began, or when the node came. */
  lease: Lease | undefined;
  heartbeat: Time | undefined = undefined;
  renewed: Time | undefined = undefined;
  ready: ConditionStatus = 'Unknown';
  /** A pass has seen it. */
  greeted = false;

  constructor(node: Node, place: number, zone: ZoneEvictions, lease: Lease | undefined) {
    this.node = node;
    this.place = place;
    this.zone = zone;
    this.lease = lease;
    this.condition = findCondition(node.status.conditions, 'Ready');
  }
}

/** Nodes of a zone that wait for their NoExecute taint, served at the zone's rate (RateLimitedTimedQueue with burst 1). */
export class ZoneEvictions {
  readonly number: number;
  state: ZoneState = 'Initial';
  rate = 0;
  /** When the limiter gives the next token. */
  nextToken: Time = 0;
  readonly waiting = new Set<string>();
  /** Nodes, and ready ones, as the pass under way counts them. */
  total = 0;
  ready = 0;

  constructor(number: number) {
    this.number = number;
  }
}

/**
 * The nodes of the node lifecycle controller in order of arrival. What a pass needs of those that are as they should be, when each was
 * last heard of and its zone, stands in columns, so that a pass over thousands of nodes touches only those that it has something to do for.
 */
export class NodeTable {
  readonly zones: ZoneEvictions[] = [];
  private readonly zoneOf = new Map<string, ZoneEvictions>();
  private readonly byName = new Map<string, NodeRecord>();
  /** By place; null: gone. */
  private order: (NodeRecord | null)[] = [];
  /** When the kubelet was last heard of, by this controller's clock; NaN before the first pass. */
  private probes = new Float64Array(64);
  private zoneNumbers = new Uint16Array(64);
  /** Nodes whose leases changed since the last pass. */
  private readonly heard: NodeRecord[] = [];
  /** 1: ready, without taints, and nothing but its lease has changed since the last pass. */
  private calm = new Uint8Array(64);

  get size(): number {
    return this.byName.size;
  }

  get(name: string): NodeRecord | undefined {
    return this.byName.get(name);
  }

  /** A node came or changed; `lease`: as the cache has it when the node comes. */
  know(node: Node, lease: Lease | undefined): void {
    const record = this.byName.get(node.metadata.name);
    if (record === undefined) {
      const place = this.order.length;
      if (place === this.probes.length) this.resize(2 * place);
      const added = new NodeRecord(node, place, this.zone(node), lease);
      this.order.push(added);
      this.byName.set(node.metadata.name, added);
      this.probes[place] = Number.NaN;
      this.zoneNumbers[place] = added.zone.number;
      this.calm[place] = 0;
      return;
    }
    this.calm[record.place] = 0;
    if (record.node.metadata.labels !== node.metadata.labels) {
      record.zone = this.zone(node);
      this.zoneNumbers[record.place] = record.zone.number;
    }
    if (record.node.status.conditions !== node.status.conditions) record.condition = findCondition(node.status.conditions, 'Ready');
    record.node = node;
  }

  /** A node is gone; returns what was known of it. */
  forget(name: string): NodeRecord | undefined {
    const record = this.byName.get(name);
    if (record === undefined) return undefined;
    record.zone.waiting.delete(name);
    this.byName.delete(name);
    this.order[record.place] = null;
    this.calm[record.place] = 0;
    record.place = -1;
    if (this.order.length > 2 * this.byName.size + SLACK) this.moveUp();
    return record;
  }

  /** The lease of a node is another one since the last pass; undefined: it has none. */
  leaseChanged(name: string, lease: Lease | undefined): void {
    const record = this.byName.get(name);
    if (record === undefined) return;
    record.lease = lease;
    this.heard.push(record);
  }

  /** When a node was last heard of; NaN before the first pass. */
  probe(record: NodeRecord): Time {
    return this.probes[record.place]!;
  }

  setProbe(record: NodeRecord, time: Time): void {
    this.probes[record.place] = time;
  }

  /** All nodes were heard of just now. */
  setAllProbes(time: Time): void {
    this.probes.fill(time, 0, this.order.length);
  }

  /** A pass has found a node ready and without taints: the next one needs to look at it only when it changes or falls silent. */
  settle(record: NodeRecord): void {
    if (record.condition !== undefined) this.calm[record.place] = 1;
  }

  /** Begins a pass: counts the nodes that are as they should be in their zones, and returns the others, in order of arrival. */
  attend(now: Time): readonly NodeRecord[] {
    for (const zone of this.zones) {
      zone.total = 0;
      zone.ready = 0;
    }
    const { order, probes, calm, zoneNumbers } = this;
    const counts = new Uint32Array(this.zones.length);
    const others: NodeRecord[] = [];
    for (const record of this.heard) {
      const renewed = record.lease?.spec.renewTime;
      if (calm[record.place] !== 1 || renewed === record.renewed) continue;
      if (renewed !== undefined) probes[record.place] = now;
      record.renewed = renewed;
    }
    while (this.heard.length > 0) this.heard.pop();
    const heardAfter = now - MONITOR_GRACE_PERIOD;
    for (let place = 0; place < order.length; place++) {
      if (calm[place] === 1 && probes[place]! > heardAfter) {
        counts[zoneNumbers[place]!]!++;
        continue;
      }
      const record = order[place]!;
      if (record === null) continue;
      calm[place] = 0;
      others.push(record);
    }
    for (const zone of this.zones) {
      zone.total = counts[zone.number]!;
      zone.ready = zone.total;
    }
    return others;
  }

  private zone(node: Node): ZoneEvictions {
    const name = zoneName(node);
    let zone = this.zoneOf.get(name);
    if (zone === undefined) {
      zone = new ZoneEvictions(this.zones.length);
      this.zones.push(zone);
      this.zoneOf.set(name, zone);
    }
    return zone;
  }

  private moveUp(): void {
    const order: NodeRecord[] = [];
    for (const record of this.order) {
      if (record === null) continue;
      const { place } = record;
      record.place = order.length;
      order.push(record);
      this.probes[record.place] = this.probes[place]!;
      this.zoneNumbers[record.place] = this.zoneNumbers[place]!;
      this.calm[record.place] = this.calm[place]!;
    }
    this.order = order;
  }

  private resize(length: number): void {
    const { probes, zoneNumbers, calm } = this;
    this.probes = new Float64Array(length);
    this.zoneNumbers = new Uint16Array(length);
    this.calm = new Uint8Array(length);
    this.probes.set(probes);
    this.zoneNumbers.set(zoneNumbers);
    this.calm.set(calm);
  }
}

/** How long a node may be silent: longer before its kubelet has ever reported. */
export function gracePeriod({ condition }: NodeRecord): Duration {
  return condition === undefined ? STARTUP_GRACE_PERIOD : MONITOR_GRACE_PERIOD;
}

/** Region and zone of a node, as the controller groups nodes. */
function zoneName(node: Node): string {
  const labels = node.metadata.labels;
  return `${labels?.['topology.kubernetes.io/region'] ?? ''}:${labels?.['topology.kubernetes.io/zone'] ?? ''}`;
}
