import type { Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { DistributionSpec } from '../random/distribution.js';
import { sample } from '../random/distribution.js';
import type { Randomness, Stream } from '../random/stream.js';

/** Round-trip times by distance; one way is half of a draw. */
export interface NetworkCosts {
  readonly sameHost: DistributionSpec;
  readonly sameZone: DistributionSpec;
  readonly crossZone: DistributionSpec;
  readonly external: DistributionSpec;
  readonly bytesPerSecond: number;
}

/** A machine (or the users outside) as the network sees it. */
interface Host {
  readonly name: string;
  readonly zone: string;
  up: boolean;
}

/** Zone name of hosts outside the cluster. */
export const EXTERNAL_ZONE = '';

/**
 * Hosts, zones and the links between them: latency by distance, transmission time by bytes, failures of hosts, zones and
 * links. Messages between the same two hosts on a stream keep their order (TCP); independent requests need not.
 */
export class Network {
  private readonly hosts: Host[] = [];
  private readonly byName = new Map<string, number>();
  private readonly stream: Stream;
  /** Cut links, as `from>to` of host numbers. */
  private readonly cut = new Set<string>();
  /** Latest delivery on ordered streams, by `from * 2^20 + to`. */
  private readonly lastDelivery = new Map<number, Time>();
  private readonly simulation: Simulation;
  private readonly costs: NetworkCosts;

  constructor(simulation: Simulation, randomness: Randomness, costs: NetworkCosts) {
    this.simulation = simulation;
    this.costs = costs;
    this.stream = randomness.stream('network');
  }

  /** Adds a host; returns its number. */
  addHost(name: string, zone: string): number {
    const host = this.hosts.push({ name, zone, up: true }) - 1;
    this.byName.set(name, host);
    return host;
  }

  /** Number of a host by name; undefined when there is none. */
  hostNamed(name: string): number | undefined {
    return this.byName.get(name);
  }

  zoneOf(host: number): string {
    return this.hosts[host]!.zone;
  }

  isUp(host: number): boolean {
    return this.hosts[host]!.up;
  }

  /** A host that is down neither sends nor receives. */
  setUp(host: number, up: boolean): void {
    this.hosts[host]!.up = up;
  }

  /** Cuts or heals the one-way link between two hosts. */
  setLink(from: number, to: number, connected: boolean): void {
    if (connected) this.cut.delete(`${from}>${to}`);
    else this.cut.add(`${from}>${to}`);
  }

  /** Whether a message sent now would arrive. */
  reachable(from: number, to: number): boolean {
    if (!this.hosts[from]!.up || !this.hosts[to]!.up) return false;
    return this.cut.size === 0 || !this.cut.has(`${from}>${to}`);
  }

  /** One-way delay of a message now, nanoseconds: half a round trip plus transmission. */
  delay(from: number, to: number, bytes: number): number {
    const a = this.hosts[from]!;
    const b = this.hosts[to]!;
    const spec =
      from === to
        ? this.costs.sameHost
        : a.zone === EXTERNAL_ZONE || b.zone === EXTERNAL_ZONE
          ? this.costs.external
          : a.zone === b.zone
            ? this.costs.sameZone
            : this.costs.crossZone;
    return Math.round(sample(spec, this.stream) / 2 + (bytes / this.costs.bytesPerSecond) * 1e9);
  }

  /**
   * Sends a message: its arrival is an event of the receiver's component. False when it is lost (nothing is scheduled; the
   * sender learns nothing until its own timeout, unless it chooses to look).
   */
  send(from: number, to: number, bytes: number, target: number, opcode: number, argument: number): boolean {
    if (!this.reachable(from, to)) return false;
    this.simulation.schedule(this.delay(from, to, bytes), target, opcode, argument);
    return true;
  }

  /** As `send`, on the ordered stream between the two hosts: never arrives before what was sent earlier. */
  sendOrdered(from: number, to: number, bytes: number, target: number, opcode: number, argument: number): boolean {
    if (!this.reachable(from, to)) return false;
    const pair = from * 1048576 + to;
    let arrival = this.simulation.now + this.delay(from, to, bytes);
    const last = this.lastDelivery.get(pair);
    if (last !== undefined && last > arrival) arrival = last;
    this.lastDelivery.set(pair, arrival);
    this.simulation.scheduleAt(arrival, target, opcode, argument);
    return true;
  }
}
