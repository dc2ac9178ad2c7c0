import type { Service } from '../api/core.js';
import type { EndpointSlice } from '../api/workloads.js';
import type { Simulation } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import { largest } from '../random/distribution.js';
import type { KeyedDraws } from '../random/stream.js';
import type { CostProfile } from '../scenario/types.js';
import { AddressBook } from './addresses.js';
import { DrawCursor } from './draws.js';
import {
  changedEndpoints,
  type EndpointNumbers,
  type EndpointView,
  NO_ENDPOINTS,
  type ServiceRules,
  serviceRules,
  ServiceVersion,
  SliceEndpoints,
} from './proxy-endpoints.js';
import type { KubeProxiesOptions } from './kube-proxy-options.js';
import { ProxyRuns } from './proxy-runs.js';

export type { KubeProxiesOptions } from './kube-proxy-options.js';
export type { EndpointView } from './proxy-endpoints.js';

/** Label that names the Service of an EndpointSlice. */
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** Within this time a failed sync is tried again, unless a configuration says otherwise (syncPeriod, pkg/proxy/apis/config/v1alpha1/defaults.go). */
const RETRY_PERIOD: Duration = 30 * SECOND;
/** How long superseded endpoints of a Service are kept for proxies that lag behind; longer than any lag of a live proxy. */
const HISTORY: Duration = 120 * SECOND;

/** One Service as the log has it. */
class ServiceLog {
  /** Null: the Service object does not exist; its endpoints count only when it does. */
  rules: ServiceRules | null = null;
  slices: readonly SliceEndpoints[] = [];
  versions: ServiceVersion[] = [];
  /** Log positions of the versions: looked through for each request, in one piece. */
  positions: number[] = [];
}

/**
 * The kube-proxies of all nodes. Changes of EndpointSlices and Services stand once in a shared log; a node reads the log only
 * when its traffic asks, and then replays its own sync runs: a run starts when a change has reached the node, at the earliest
 * minSyncPeriod after the end of the run before (pkg/util/async BoundedFrequencyRunner), applies what had arrived by then,
 * and counts from its end on. With a configuration a run takes as long as its mode needs for what it writes, and there are runs
 * without a change, too.
 */
export class KubeProxies {
  /** Numbers of endpoint addresses. */
  readonly addresses = new AddressBook();
  private readonly simulation: Simulation;
  private readonly network: CostProfile['network'];
  private readonly syncCost: CostProfile['kubeProxy']['sync'];
  private readonly minSyncPeriod: Duration;
  private readonly extraDelay: Duration;
  private readonly failures: number;
  private readonly failureDraws: KeyedDraws;
  private readonly retryPeriod: Duration;
  /** Syncs that failed, of all nodes. */
  failedSyncs = 0;
  /** No change takes longer to reach a node. */
  private readonly longestDelivery: Duration;
  private readonly delays: DrawCursor;
  private readonly runs: DrawCursor;
  /** Times at which the API server sent each change. */
  private sentAt = new Float64Array(256);
  private changes = 0;
  /** What each change was about and its size; null: runs take what the profile says. */
  readonly runsByMode: ProxyRuns | null;
  /** How proxies choose among endpoints unless the traffic says otherwise: at random, but IPVS by its scheduler. */
  readonly balancing: 'random' | 'roundRobin' | 'leastConnections';
  /** Number, for `view`, of one who watches Services and EndpointSlices without being a node's proxy. */
  readonly watcher: number;
  private readonly watcherPeriod: Duration;
  private readonly nodeNumbers = new Map<string, number>();
  private readonly numbers: EndpointNumbers = { addresses: this.addresses, nodes: this.nodeNumbers };
  private readonly zones: readonly string[];
  private readonly services: ServiceLog[] = [];
  private readonly serviceNumbers = new Map<string, number>();
  /** Per node: next log position to be delivered, when the newest delivery came, runs so far. */
  private readonly cursor: Uint32Array;
  private readonly deliveredAt: Float64Array;
  /** When the change at the cursor comes; −1: not drawn yet. */
  private readonly nextArrival: Float64Array;
  private readonly runCount: Uint32Array;
  /** The newest run has failed: the rules are those of before. */
  private readonly failed: Uint8Array;
  /** When the oldest change that no run has applied reached the node; meaningful while there is one. */
  private readonly pendingAt: Float64Array;
  /** No delivery and no run takes place on the node before this instant. */
  private readonly nextStep: Float64Array;
  /** The newest run: its end, and the log positions below which changes are applied by it and by the one before. */
  private readonly runEnd: Float64Array;
  private readonly runApplied: Uint32Array;
  private readonly applied: Uint32Array;
  /** Log position from which on changes do not reach a node, as its watches are broken; Infinity: all reach it. */
  private readonly heldFrom: Float64Array;
  /** Nodes that were cut off, with the log position that they have to reach (Infinity: they still are): what they see is kept for them. */
  private readonly behind = new Map<number, number>();

  constructor(options: KubeProxiesOptions) {
    this.simulation = options.simulation;
    this.network = options.profile.network;
    this.syncCost = options.profile.kubeProxy.sync;
    const { configuration } = options;
    this.minSyncPeriod = configuration?.minSyncPeriod ?? options.minSyncPeriod;
    this.balancing = configuration?.mode !== 'ipvs' ? 'random' : configuration.scheduler === 'lc' ? 'leastConnections' : 'roundRobin';
    this.zones = options.nodeZones ?? [];
    options.nodeNames?.forEach((name, index) => {
      this.nodeNumbers.set(name, index);
    });
    this.extraDelay = options.extraDelay;
    this.failures = options.failures ?? 0;
    this.failureDraws = options.randomness.keyed('kube-proxy/failure');
    this.retryPeriod = configuration?.syncPeriod ?? RETRY_PERIOD;
    this.longestDelivery = this.extraDelay + Math.ceil(largest(this.network.crossZone) / 2) + 1;
    this.watcher = options.nodes;
    this.watcherPeriod = options.watcherPeriod ?? 0;
    const size = options.nodes + 1;
    this.delays = new DrawCursor(options.randomness.keyed('kube-proxy/delivery'));
    this.runs = new DrawCursor(options.randomness.keyed('kube-proxy/sync'));
    this.cursor = new Uint32Array(size);
    this.deliveredAt = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
    this.nextArrival = new Float64Array(size).fill(-1);
    this.runCount = new Uint32Array(size);
    this.failed = new Uint8Array(size);
    this.pendingAt = new Float64Array(size);
    this.nextStep = new Float64Array(size);
    this.runEnd = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
    this.runApplied = new Uint32Array(size);
    this.applied = new Uint32Array(size);
    this.heldFrom = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
    this.runsByMode =
      configuration === undefined
        ? null
        : new ProxyRuns(configuration, options.profile.kubeProxy, options.nodes, options.noFullSyncWhenLarge === true, options.randomness);
    if (this.runsByMode !== null) for (let node = 0; node < options.nodes; node++) this.runEnd[node] = this.runsByMode.before(node);
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
    const before = log.slices;
    const slices = [...before];
    if (deleted) {
      if (index >= 0) slices.splice(index, 1);
    } else if (index >= 0) slices[index] = new SliceEndpoints(slice, this.numbers, before[index]);
    else slices.push(new SliceEndpoints(slice, this.numbers));
    log.slices = slices;
    this.append(log, time, this.runsByMode === null ? 0 : changedEndpoints(before, slices), slice.triggered ?? -1);
  }

  /** The API server sent a new version of a Service (or its deletion) to its watchers at `time`. */
  serviceChanged(service: Service, deleted: boolean, time: Time): void {
    const { namespace, name } = service.metadata;
    const log = this.services[this.serviceNumber(namespace, name)]!;
    const before = log.rules?.ports ?? 0;
    log.rules = deleted ? null : serviceRules(service);
    this.append(log, time, Math.abs((log.rules?.ports ?? 0) - before), -1);
  }

  /** Warm start: all proxies have applied everything told so far. */
  settle(): void {
    this.simulation.catchUp();
    this.cursor.fill(this.changes);
    this.nextArrival.fill(-1);
    this.runApplied.fill(this.changes);
    this.applied.fill(this.changes);
  }

  /** The watches of a node's proxy are broken, or its machine hangs: what is told from now on does not reach it. Its rules stay as they are. */
  disconnected(node: number): void {
    if (this.heldFrom[node] !== Number.POSITIVE_INFINITY) return;
    this.simulation.catchUp();
    this.advance(node, this.simulation.now);
    this.heldFrom[node] = this.changes;
    this.behind.set(node, Number.POSITIVE_INFINITY);
  }

  /** The watches of a node's proxy are open again: what it has missed reaches it now. */
  connected(node: number): void {
    if (this.heldFrom[node] === Number.POSITIVE_INFINITY) return;
    this.simulation.catchUp();
    const { now } = this.simulation;
    this.advance(node, now);
    this.heldFrom[node] = Number.POSITIVE_INFINITY;
    this.behind.set(node, this.changes);
    this.deliveredAt[node] = Math.max(this.deliveredAt[node]!, now);
    this.nextStep[node] = 0;
  }

  /** Whether some syncs fail. */
  get mayFail(): boolean {
    return this.failures > 0;
  }

  /** Replays the syncs of all proxies up to now, for the metrics of a configured mode. */
  catchUp(): void {
    this.simulation.catchUp();
    const { now } = this.simulation;
    if (this.runsByMode === null) return;
    for (let node = 0; node < this.watcher; node++) this.advance(node, now);
  }

  /**
   * What the proxy of a node has programmed for a Service now; `external`: for connections from outside the cluster. Times asked for
   * one node must not decrease.
   */
  view(node: number, service: number, external = false): EndpointView {
    const now = this.simulation.now;
    if (this.runApplied[node]! < this.changes && now >= this.nextStep[node]!) this.advance(node, now);
    const position = this.position(node, now);
    const { versions, positions } = this.services[service]!;
    let low = 0;
    let high = positions.length;
    // The wanted version is often the newest.
    if (high > 0 && positions[high - 1]! < position) low = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (positions[middle]! < position) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? NO_ENDPOINTS : this.viewOf(versions[low - 1]!, node, external);
  }

  /** Log position below which the rules of a node have everything. */
  private position(node: number, now: Time): number {
    return this.runEnd[node]! <= now ? this.runApplied[node]! : this.applied[node]!;
  }

  private viewOf(version: ServiceVersion, node: number, external: boolean): EndpointView {
    return version.plain ? version.view() : version.viewAt(node, this.zones[node] ?? '', external);
  }

  /** What the API server has told of a Service so far: what a DNS server or an ingress controller that watches it knows soon after. */
  latest(service: number): EndpointView {
    const { versions, positions } = this.services[service]!;
    const { now } = this.simulation;
    // Requests aside ask for times at which the newest had not been told.
    let newest = versions.length - 1;
    while (newest >= 0 && this.sentAt[positions[newest]!]! > now) newest--;
    return newest < 0 ? NO_ENDPOINTS : versions[newest]!.view();
  }

  /** Whether a Service exists, as the API server has told. */
  exists(service: number): boolean {
    return this.services[service]!.rules !== null;
  }

  /** Whether connections from outside stay on the node that they reach (externalTrafficPolicy Local). */
  externalLocal(service: number): boolean {
    return this.services[service]!.rules?.externalLocal === true;
  }

  /** Whether the status of a Service names a load balancer's address. */
  isBalanced(service: number): boolean {
    return this.services[service]!.rules?.balanced === true;
  }

  /** Whether a Service has no address of its own (clusterIP None). */
  isHeadless(service: number): boolean {
    return this.services[service]!.rules?.headless === true;
  }

  /** What the rules of a node add to the first packet of a connection to a Service. */
  lookup(node: number, service: number): Duration {
    const runs = this.runsByMode;
    return runs === null ? 0 : runs.lookup(node, service, this.runApplied[node]!);
  }

  private append(log: ServiceLog, time: Time, servers: number, triggered: Time): void {
    if (this.changes === this.sentAt.length) {
      const grown = new Float64Array(this.changes * 2);
      grown.set(this.sentAt);
      this.sentAt = grown;
    }
    const last = this.changes === 0 ? Number.NEGATIVE_INFINITY : this.sentAt[this.changes - 1]!;
    this.sentAt[this.changes] = Math.max(time, last);
    const { versions } = log;
    versions.push(new ServiceVersion(this.changes, log.rules, log.slices));
    log.positions.push(this.changes);
    this.runsByMode?.append(this.changes, versions, servers, triggered);
    this.changes++;
    let old = 0;
    while (old + 1 < versions.length && this.sentAt[versions[old + 1]!.position]! < time - HISTORY) old++;
    if (old <= 16) return;
    // Requests aside may still ask for what was known before.
    this.simulation.catchUp();
    const seen = this.oldestSeen();
    while (old > 0 && versions[old]!.position >= seen) old--;
    if (old <= 16) return;
    log.versions = versions.slice(old);
    log.positions = log.positions.slice(old);
  }

  /** Log position up to which each proxy that was cut off for a while has applied everything. */
  private oldestSeen(): number {
    const { now } = this.simulation;
    let oldest = Number.POSITIVE_INFINITY;
    for (const [node, missed] of this.behind) {
      if (missed !== Number.POSITIVE_INFINITY) this.advance(node, now);
      const seen = this.position(node, now);
      if (seen >= missed) this.behind.delete(node);
      else oldest = Math.min(oldest, seen);
    }
    return oldest;
  }

  /** Replays the deliveries and sync runs of a node up to `now`. */
  private advance(node: number, now: Time): void {
    for (;;) {
      this.skip(node, now);
      const position = this.cursor[node]!;
      const arrival = position < Math.min(this.changes, this.heldFrom[node]!) ? this.arrival(node, position) : Number.POSITIVE_INFINITY;
      const pending = this.runApplied[node]! < position;
      const start = pending
        ? Math.max(this.pendingAt[node]!, this.runEnd[node]! + this.pauseOf(node))
        : Number.POSITIVE_INFINITY;
      const retry = this.failed[node] === 1;
      const pause = retry ? this.retryPeriod : (this.runsByMode?.idle ?? 0);
      const idle = (this.runsByMode === null && !retry) || node === this.watcher ? Number.POSITIVE_INFINITY : this.runEnd[node]! + pause;
      const due = Math.min(arrival, start);
      const next = Math.min(due, idle);
      // Nothing to deliver: what is appended later arrives later, and is found by the log's length.
      // After a failed run what is appended later can bring the next one forward.
      this.nextStep[node] = due === Number.POSITIVE_INFINITY || retry ? 0 : due;
      if (next > now) return;
      if (arrival === next) {
        if (!pending) this.pendingAt[node] = arrival;
        else if (retry) this.pendingAt[node] = Math.min(this.pendingAt[node]!, arrival);
        this.cursor[node] = position + 1;
        this.nextArrival[node] = -1;
        this.deliveredAt[node] = arrival;
      } else this.run(node, next);
    }
  }

  /**
   * Delivers, without drawing when, the changes that the pending run finds delivered in any case. They cannot move that run, nor a later
   * delivery past it.
   */
  private skip(node: number, now: Time): void {
    const first = this.cursor[node]!;
    if (this.runApplied[node]! >= first || this.failed[node] === 1) return;
    const runEnd = this.runEnd[node]!;
    let run = Math.max(this.pendingAt[node]!, runEnd + this.pauseOf(node));
    if (this.runsByMode !== null) run = Math.min(run, runEnd + this.runsByMode.idle);
    const latest = Math.min(now, run) - this.longestDelivery;
    const end = Math.min(this.changes, this.heldFrom[node]!);
    let position = first;
    while (position < end && this.sentAt[position]! <= latest) position++;
    if (position === first) return;
    this.cursor[node] = position;
    this.nextArrival[node] = -1;
  }

  /** Least time between two runs of a node. */
  private pauseOf(node: number): Duration {
    return node === this.watcher ? this.watcherPeriod : this.minSyncPeriod;
  }

  private run(node: number, start: Time): void {
    const from = this.runApplied[node]!;
    const to = this.cursor[node]!;
    const count = this.runCount[node]!++;
    const fails = node !== this.watcher && this.failures > 0 && this.failureDraws.uniform(node, count) < this.failures;
    this.failed[node] = fails ? 1 : 0;
    this.applied[node] = from;
    // What a failed sync wrote is rolled back, or was never taken: all of it waits for the next one.
    this.runApplied[node] = fails ? from : to;
    if (node === this.watcher) this.runEnd[node] = start;
    else if (this.runsByMode !== null) this.runEnd[node] = this.runsByMode.run(node, count, start, from, to, fails);
    else this.runEnd[node] = start + this.runs.sample(this.syncCost, node, (count & 0xffffff) * 64);
    if (!fails) return;
    this.failedSyncs++;
    this.pendingAt[node] = this.runEnd[node]! + this.retryPeriod;
  }

  /** Delivery of a change to a node: the watch's network delay, in order. */
  private arrival(node: number, position: number): Time {
    const known = this.nextArrival[node]!;
    if (known >= 0) return known;
    const delay = this.delays.sample(this.network.crossZone, node, (position & 0xffffff) * 64) / 2;
    const time = this.sentAt[position]! + this.extraDelay + Math.round(delay);
    return (this.nextArrival[node] = Math.max(time, this.deliveredAt[node]!));
  }
}
