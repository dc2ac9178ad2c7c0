import type { Service } from '../api/core.js';
import type { EndpointSlice } from '../api/workloads.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { Randomness } from '../random/stream.js';
import type { CostProfile } from '../scenario/types.js';
import { AddressBook } from './addresses.js';
import { DrawCursor } from './draws.js';

/** Label that names the Service of an EndpointSlice. */
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** How long superseded endpoints of a Service are kept for proxies that lag behind; longer than any lag of a live proxy. */
const HISTORY: Duration = 120 * SECOND;

/** The endpoints of a Service as one proxy sees them; address numbers are those of the proxies' `AddressBook`. */
export interface EndpointView {
  /** Addresses that take new connections: the ready ones; if there are none, those serving while they terminate. */
  readonly addresses: readonly number[];
}

const NO_ENDPOINTS: EndpointView = { addresses: [] };

/** The endpoints of one slice, split once when the slice changes. */
interface SliceEndpoints {
  readonly name: string;
  readonly ready: readonly number[];
  /** Not ready, but serving and terminating. */
  readonly draining: readonly number[];
}

/** State of a Service from a log position on. The view is merged when a proxy first asks for it. */
class ServiceVersion {
  /** Log position of the change that made it. */
  readonly position: number;
  readonly slices: readonly SliceEndpoints[];
  private merged: EndpointView | null = null;

  constructor(position: number, slices: readonly SliceEndpoints[]) {
    this.position = position;
    this.slices = slices;
  }

  /** CategorizeEndpoints (pkg/proxy/topology.go) without topology hints. */
  view(): EndpointView {
    if (this.merged === null) {
      const ready = merge(this.slices, 'ready');
      this.merged = { addresses: ready.length > 0 ? ready : merge(this.slices, 'draining') };
    }
    return this.merged;
  }
}

/** In order of slices; an address that two slices name counts once. */
function merge(slices: readonly SliceEndpoints[], which: 'ready' | 'draining'): readonly number[] {
  if (slices.length === 1) return slices[0]![which];
  const all = new Set<number>();
  for (const slice of slices) for (const address of slice[which]) all.add(address);
  return [...all];
}

/** One Service as the log has it. */
class ServiceLog {
  /** The Service object exists; its endpoints count only then. */
  exists = false;
  slices: readonly SliceEndpoints[] = [];
  versions: ServiceVersion[] = [];
}

export interface KubeProxiesOptions {
  readonly simulation: Simulation;
  readonly randomness: Randomness;
  readonly profile: CostProfile;
  readonly nodes: number;
  /** --iptables-min-sync-period. */
  readonly minSyncPeriod: Duration;
  /** Added to every delivery. */
  readonly extraDelay: Duration;
}

/**
 * The kube-proxies of all nodes. Changes of EndpointSlices and Services stand once in a shared log; a node reads the log only
 * when its traffic asks, and then replays its own sync runs: a run starts when a change has reached the node, at the earliest
 * minSyncPeriod after the end of the run before (pkg/util/async BoundedFrequencyRunner), applies what had arrived by then,
 * and counts from its end on.
 */
export class KubeProxies {
  /** Numbers of endpoint addresses. */
  readonly addresses = new AddressBook();
  private readonly simulation: Simulation;
  private readonly network: CostProfile['network'];
  private readonly syncCost: CostProfile['kubeProxy']['sync'];
  private readonly minSyncPeriod: Duration;
  private readonly extraDelay: Duration;
  private readonly delays: DrawCursor;
  private readonly runs: DrawCursor;
  /** Times at which the API server sent each change. */
  private sentAt = new Float64Array(256);
  private changes = 0;
  private readonly services: ServiceLog[] = [];
  private readonly serviceNumbers = new Map<string, number>();
  /** Per node: next log position to be delivered, when the newest delivery came, runs so far. */
  private readonly cursor: Uint32Array;
  private readonly deliveredAt: Float64Array;
  private readonly runCount: Uint32Array;
  /** When the oldest change that no run has applied reached the node; meaningful while there is one. */
  private readonly pendingAt: Float64Array;
  /** No delivery and no run takes place on the node before this instant. */
  private readonly nextStep: Float64Array;
  /** The newest run: its end, and the log positions below which changes are applied by it and by the one before. */
  private readonly runEnd: Float64Array;
  private readonly runApplied: Uint32Array;
  private readonly applied: Uint32Array;

  constructor(options: KubeProxiesOptions) {
    this.simulation = options.simulation;
    this.network = options.profile.network;
    this.syncCost = options.profile.kubeProxy.sync;
    this.minSyncPeriod = options.minSyncPeriod;
    this.extraDelay = options.extraDelay;
    this.delays = new DrawCursor(options.randomness.keyed('kube-proxy/delivery'));
    this.runs = new DrawCursor(options.randomness.keyed('kube-proxy/sync'));
    this.cursor = new Uint32Array(options.nodes);
    this.deliveredAt = new Float64Array(options.nodes).fill(Number.NEGATIVE_INFINITY);
    this.runCount = new Uint32Array(options.nodes);
    this.pendingAt = new Float64Array(options.nodes);
    this.nextStep = new Float64Array(options.nodes);
    this.runEnd = new Float64Array(options.nodes).fill(Number.NEGATIVE_INFINITY);
    this.runApplied = new Uint32Array(options.nodes);
    this.applied = new Uint32Array(options.nodes);
  }

  /** Number of a Service, for `view`; given out before the Service exists, too. */
  serviceNumber(namespace: string, name: string): number {
    const key = `${namespace}/${name}`;
    let number = this.serviceNumbers.get(key);
    if (number === undefined) {
      number = this.services.push(new ServiceLog()) - 1;
      this.serviceNumbers.set(key, number);
    }
    return number;
  }

  /** The API server sent a new version of an EndpointSlice (or its deletion) to its watchers at `time`, not before earlier calls. */
  endpointSliceChanged(slice: EndpointSlice, deleted: boolean, time: Time): void {
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    if (service === undefined) return;
    const log = this.services[this.serviceNumber(slice.metadata.namespace, service)]!;
    const { name } = slice.metadata;
    const index = log.slices.findIndex((other) => other.name === name);
    const slices = [...log.slices];
    if (deleted) {
      if (index >= 0) slices.splice(index, 1);
    } else if (index >= 0) slices[index] = this.split(slice);
    else slices.push(this.split(slice));
    log.slices = slices;
    this.append(log, time);
  }

  /** The API server sent a new version of a Service (or its deletion) to its watchers at `time`. */
  serviceChanged(service: Service, deleted: boolean, time: Time): void {
    const { namespace, name } = service.metadata;
    const log = this.services[this.serviceNumber(namespace, name)]!;
    log.exists = !deleted;
    this.append(log, time);
  }

  /** Warm start: all proxies have applied everything told so far. */
  settle(): void {
    this.cursor.fill(this.changes);
    this.runApplied.fill(this.changes);
    this.applied.fill(this.changes);
  }

  /** What the proxy of a node has programmed for a Service now. Times asked for one node must not decrease. */
  view(node: number, service: number): EndpointView {
    const now = this.simulation.now;
    if (this.runApplied[node]! < this.changes && now >= this.nextStep[node]!) this.advance(node, now);
    const position = this.runEnd[node]! <= now ? this.runApplied[node]! : this.applied[node]!;
    const { versions } = this.services[service]!;
    // The wanted version is nearly always the newest or close to it.
    for (let i = versions.length - 1; i >= 0; i--) if (versions[i]!.position < position) return versions[i]!.view();
    return NO_ENDPOINTS;
  }

  private split(slice: EndpointSlice): SliceEndpoints {
    const ready: number[] = [];
    const draining: number[] = [];
    for (const endpoint of slice.endpoints) {
      const address = endpoint.addresses[0];
      if (address === undefined) continue;
      const { ready: isReady, serving, terminating } = endpoint.conditions;
      if (isReady) ready.push(this.addresses.number(address));
      else if (serving && terminating) draining.push(this.addresses.number(address));
    }
    return { name: slice.metadata.name, ready, draining };
  }

  private append(log: ServiceLog, time: Time): void {
    if (this.changes === this.sentAt.length) {
      const grown = new Float64Array(this.changes * 2);
      grown.set(this.sentAt);
      this.sentAt = grown;
    }
    const last = this.changes === 0 ? Number.NEGATIVE_INFINITY : this.sentAt[this.changes - 1]!;
    this.sentAt[this.changes] = Math.max(time, last);
    const { versions } = log;
    versions.push(new ServiceVersion(this.changes, log.exists ? log.slices : []));
    this.changes++;
    let old = 0;
    while (old + 1 < versions.length && this.sentAt[versions[old + 1]!.position]! < time - HISTORY) old++;
    if (old > 16) log.versions = versions.slice(old);
  }

  /** Replays the deliveries and sync runs of a node up to `now`. */
  private advance(node: number, now: Time): void {
    for (;;) {
      const position = this.cursor[node]!;
      const arrival = position < this.changes ? this.arrival(node, position) : Number.POSITIVE_INFINITY;
      const pending = this.runApplied[node]! < position;
      const start = pending
        ? Math.max(this.pendingAt[node]!, this.runEnd[node]! + this.minSyncPeriod)
        : Number.POSITIVE_INFINITY;
      const next = Math.min(arrival, start);
      // Nothing to deliver: what is appended later arrives later, and is found by the log's length.
      this.nextStep[node] = next === Number.POSITIVE_INFINITY ? 0 : next;
      if (next > now) return;
      if (arrival <= start) {
        if (!pending) this.pendingAt[node] = arrival;
        this.cursor[node] = position + 1;
        this.deliveredAt[node] = arrival;
      } else this.run(node, start);
    }
  }

  private run(node: number, start: Time): void {
    this.applied[node] = this.runApplied[node]!;
    this.runApplied[node] = this.cursor[node]!;
    const count = this.runCount[node]!++;
    this.runEnd[node] = start + this.runs.sample(this.syncCost, node, (count & 0xffffff) * 64);
  }

  /** Delivery of a change to a node: the watch's network delay, in order. */
  private arrival(node: number, position: number): Time {
    const delay = this.delays.sample(this.network.crossZone, node, (position & 0xffffff) * 64) / 2;
    const time = this.sentAt[position]! + this.extraDelay + Math.round(delay);
    return Math.max(time, this.deliveredAt[node]!);
  }
}
