import type { Simulation } from '../kernel/simulation.js';
import type { Duration, Time } from '../kernel/time.js';
import type { DistributionSpec } from '../random/distribution.js';
import { Sampler } from '../random/distribution.js';
import type { Randomness, Stream } from '../random/stream.js';

/** Round-trip times by distance; one way is half of a draw. */
export interface NetworkCosts {
  readonly sameHost: DistributionSpec;
  readonly sameZone: DistributionSpec;
  readonly crossZone: DistributionSpec;
  readonly external: DistributionSpec;
  readonly bytesPerSecond: number;
  /** Share of the packets between machines that are lost, 0..1; absent: none. */
  readonly loss?: number;
  /** Round trips between two zones (`a b`, either way), instead of `crossZone`. */
  readonly zonePairs?: Readonly<Record<string, DistributionSpec>>;
}

/** A lost segment is sent again after this long, then after twice as long each time (Linux TCP_RTO_MIN; RFC 6298). */
export const RETRANSMISSION_TIMEOUT: Duration = 200_000_000;
/** Losses in a row after which a message is taken as arrived all the same. */
const MOST_LOSSES = 10;

/** What losses add to the way of one message: `u` in [0, 1) decides how many there are in a row. */
export function retransmissions(loss: number, u: number): Duration {
  let delay = 0;
  let wait = RETRANSMISSION_TIMEOUT;
  let still = loss;
  for (let losses = 0; losses < MOST_LOSSES && u < still; losses++) {
    delay += wait;
    wait *= 2;
    still *= loss;
  }
  return delay;
}

/** One direction of a connection. */
interface OrderedStream {
  readonly from: number;
  readonly to: number;
  lastDelivery: Time;
  /** Its round trips, and the delays of what its sender sends; null before the first. */
  readonly roundTrips: Sampler;
  source: Stream | null;
  /** Whether it takes the link of its sender: a machine's messages to itself do not, nor do those of the users outside. */
  readonly linked: boolean;
}

/** How far apart two hosts can be (`Network.distance`). */
export const DISTANCES = 4;
const SAME_HOST = 0;
const SAME_ZONE = 1;
const CROSS_ZONE = 2;
const EXTERNAL = 3;

/** Zone name of hosts outside the cluster. */
export const EXTERNAL_ZONE = '';
/** Its number: it is there from the beginning. */
const OUTSIDE = 0;
/** Room for so many hosts at first. */
const FIRST_HOSTS = 64;

/**
 * Hosts, zones and the links between them: latency by distance, transmission time by bytes, failures of hosts, zones and
 * links. All that a machine sends to others shares the bandwidth of its one link, first come first served; the users outside
 * are many machines, and a machine's messages to itself take no link. Messages between the same two hosts on a stream keep
 * their order (TCP); independent requests need not.
 */
export class Network {
  /**
   * Machines (and the users outside) in columns by number: every message asks for those of two machines, which are in few places in memory
   * this way. Names; zones, by number; delays of what a host sends, made when it first sends; whether it is up, and when it went down.
   */
  private readonly names: string[] = [];
  private readonly zones: string[] = [];
  private readonly zoneNumbers = new Map<string, number>();
  private zone = new Uint16Array(FIRST_HOSTS);
  private readonly senders: (Stream | null)[] = [];
  private up = new Uint8Array(FIRST_HOSTS);
  private downAt = new Float64Array(FIRST_HOSTS);
  /** When the link out of each host has sent what was given to it so far. */
  private linkFreeAt = new Float64Array(FIRST_HOSTS);
  /** As `linkFreeAt`, of what is sent to each: links are full duplex. Only uploads are counted. */
  private receivedAt = new Float64Array(FIRST_HOSTS);
  private readonly byName = new Map<string, number>();
  private readonly randomness: Randomness;
  /** Cut links, as `from>to` of host numbers. */
  private readonly cut = new Set<string>();
  /** Share of the packets from and to a host that is lost, beside what all lose. */
  private readonly losses = new Map<number, number>();
  /** Zones between which nothing passes, as `from>to`. */
  private readonly cutZones = new Set<string>();
  /** Number of the stream that `sendOrdered` uses between two hosts, by `from * 2^20 + to`. */
  private readonly defaultStreams = new Map<number, number>();
  private readonly streams: OrderedStream[] = [];
  private readonly simulation: Simulation;
  private readonly costs: NetworkCosts;
  private readonly bytesPerSecond: number;
  /** Whether links lose packets at all times. */
  private readonly lossy: boolean;
  /** Round trips by distance. */
  private readonly roundTrips: readonly DistributionSpec[];
  private readonly samplers: readonly Sampler[];
  /** Between zones that have round trips of their own, by `from * 65536 + to`. */
  private readonly ownSamplers = new Map<number, Sampler>();
  private hostsDown = 0;
  /** Counts what was cut, healed, lost or brought back: what was worked out about reachability holds while it stays the same. */
  changes = 0;

  constructor(simulation: Simulation, randomness: Randomness, costs: NetworkCosts) {
    this.simulation = simulation;
    this.costs = costs;
    this.bytesPerSecond = costs.bytesPerSecond;
    this.lossy = costs.loss !== undefined;
    this.randomness = randomness;
    this.zones.push(EXTERNAL_ZONE);
    this.zoneNumbers.set(EXTERNAL_ZONE, OUTSIDE);
    this.roundTrips = [costs.sameHost, costs.sameZone, costs.crossZone, costs.external];
    this.samplers = this.roundTrips.map((spec) => new Sampler(spec));
  }

  /** Adds a host; returns its number. */
  addHost(name: string, zone: string): number {
    const host = this.names.push(name) - 1;
    if (host === this.up.length) this.grow();
    let number = this.zoneNumbers.get(zone);
    if (number === undefined) {
      number = this.zones.push(zone) - 1;
      this.zoneNumbers.set(zone, number);
    }
    this.zone[host] = number;
    this.up[host] = 1;
    this.senders.push(null);
    this.byName.set(name, host);
    return host;
  }

  private grow(): void {
    const { zone, up, downAt, linkFreeAt, receivedAt } = this;
    const size = 2 * up.length;
    this.zone = new Uint16Array(size);
    this.zone.set(zone);
    this.up = new Uint8Array(size);
    this.up.set(up);
    this.downAt = new Float64Array(size);
    this.downAt.set(downAt);
    this.linkFreeAt = new Float64Array(size);
    this.linkFreeAt.set(linkFreeAt);
    this.receivedAt = new Float64Array(size);
    this.receivedAt.set(receivedAt);
  }

  /** Number of a host by name; undefined when there is none. */
  hostNamed(name: string): number | undefined {
    return this.byName.get(name);
  }

  zoneOf(host: number): string {
    return this.zones[this.zone[host]!]!;
  }

  isUp(host: number): boolean {
    return this.up[host] === 1;
  }

  /** A host that is down neither sends nor receives. */
  setUp(host: number, up: boolean): void {
    if (this.isUp(host) === up) return;
    this.simulation.catchUp();
    this.hostsDown += up ? -1 : 1;
    this.up[host] = up ? 1 : 0;
    if (!up) this.downAt[host] = this.simulation.now;
  }

  /** Since a host went down; negative: it is up. */
  downFor(host: number): Duration {
    return this.isUp(host) ? -1 : this.simulation.now - this.downAt[host]!;
  }

  /** Makes a host lose this share of the packets from and to it; 0: none. */
  setLoss(host: number, share: number): void {
    this.simulation.catchUp();
    if (share === 0) this.losses.delete(host);
    else this.losses.set(host, share);
  }

  /** Share of the packets between two hosts that are lost. */
  lossBetween(from: number, to: number): number {
    const { loss = 0 } = this.costs;
    if (this.losses.size === 0 || from === to) return loss;
    return 1 - (1 - loss) * (1 - (this.losses.get(from) ?? 0)) * (1 - (this.losses.get(to) ?? 0));
  }

  /** Cuts or heals the one-way link between two hosts. */
  setLink(from: number, to: number, connected: boolean): void {
    this.simulation.catchUp();
    this.changes++;
    if (connected) this.cut.delete(`${from}>${to}`);
    else this.cut.add(`${from}>${to}`);
  }

  /** Cuts or heals all one-way links from the hosts of a zone to those of another. */
  setZoneLink(from: string, to: string, connected: boolean): void {
    this.simulation.catchUp();
    this.changes++;
    if (connected) this.cutZones.delete(`${from}>${to}`);
    else this.cutZones.add(`${from}>${to}`);
  }

  /** Whether every host is up and no link is cut. */
  get whole(): boolean {
    return this.hostsDown === 0 && this.cut.size === 0 && this.cutZones.size === 0;
  }

  /** How far one host is from another: on the same machine, in the same zone, in another zone, or one of them outside the cluster. */
  distance(from: number, to: number): number {
    if (from === to) return SAME_HOST;
    const a = this.zone[from]!;
    const b = this.zone[to]!;
    if (a === OUTSIDE || b === OUTSIDE) return EXTERNAL;
    return a === b ? SAME_ZONE : CROSS_ZONE;
  }

  /** Round trips between two hosts. */
  roundTrip(from: number, to: number): DistributionSpec {
    const distance = this.distance(from, to);
    if (distance === CROSS_ZONE && this.costs.zonePairs !== undefined) {
      const a = this.zoneOf(from);
      const b = this.zoneOf(to);
      const own = this.costs.zonePairs[`${a} ${b}`] ?? this.costs.zonePairs[`${b} ${a}`];
      if (own !== undefined) return own;
    }
    return this.roundTrips[distance]!;
  }

  /** The same, to draw from. */
  private sampler(from: number, to: number): Sampler {
    const distance = this.distance(from, to);
    if (distance !== CROSS_ZONE || this.costs.zonePairs === undefined) return this.samplers[distance]!;
    const pair = this.zone[from]! * 65536 + this.zone[to]!;
    let sampler = this.ownSamplers.get(pair);
    if (sampler === undefined) this.ownSamplers.set(pair, (sampler = new Sampler(this.roundTrip(from, to))));
    return sampler;
  }

  /** Whether a message sent now would arrive. */
  reachable(from: number, to: number): boolean {
    if (this.whole) return true;
    if (!this.isUp(from) || !this.isUp(to)) return false;
    if (this.cutZones.size > 0 && this.cutZones.has(`${this.zoneOf(from)}>${this.zoneOf(to)}`)) return false;
    return this.cut.size === 0 || !this.cut.has(`${from}>${to}`);
  }

  /** One-way delay of a message on an idle link, nanoseconds: half a round trip plus transmission. */
  delay(from: number, to: number, bytes: number): Duration {
    return Math.round(this.latency(from, to) + this.transmission(bytes));
  }

  private transmission(bytes: number): Duration {
    return (bytes / this.bytesPerSecond) * 1e9;
  }

  /**
   * Puts a message that is ready `after` nanoseconds from now on the link of its sender; returns the delay from now to its
   * arrival. It takes its place in the queue now: what becomes ready earlier does not wait for one that is still being made.
   */
  private carry(from: number, to: number, bytes: number, after: Duration): Duration {
    const stream = this.senders[from] ?? this.sender(from);
    const linked = from !== to && this.zone[from] !== OUTSIDE;
    return this.carryOn(this.sampler(from, to), stream, linked, from, to, bytes, after);
  }

  /** As `carry`, where the round trips, the delays of what the sender sends and whether it takes the sender's link are known. */
  private carryOn(
    roundTrips: Sampler,
    source: Stream,
    linked: boolean,
    from: number,
    to: number,
    bytes: number,
    after: Duration,
  ): Duration {
    // Written out: numbers that functions return are objects on the heap when they are no integers.
    const transmission = (bytes / this.bytesPerSecond) * 1e9;
    let latency = roundTrips.next(source) / 2;
    if (this.lossy || this.losses.size > 0) latency += this.lossDelay(from, to, source);
    if (!linked) return Math.round(after + transmission + latency);
    const { now } = this.simulation;
    const { linkFreeAt } = this;
    const free = linkFreeAt[from]!;
    const queued = free > now ? free - now : 0;
    linkFreeAt[from] = now + queued + transmission;
    return Math.round((queued > after ? queued : after) + transmission + latency);
  }

  /** Puts bytes on the link out of a host now; returns when they have left it, from now. */
  occupy(from: number, bytes: number): Duration {
    const { now } = this.simulation;
    const free = Math.max(this.linkFreeAt[from]!, now) + this.transmission(bytes);
    this.linkFreeAt[from] = free;
    return Math.round(free - now);
  }

  /** As `occupy`, of the link into a host. */
  receive(to: number, bytes: number): Duration {
    const { now } = this.simulation;
    const free = Math.max(this.receivedAt[to]!, now) + this.transmission(bytes);
    this.receivedAt[to] = free;
    return Math.round(free - now);
  }

  /** Half of a round trip between two hosts. */
  private latency(from: number, to: number): number {
    const stream = this.senders[from] ?? this.sender(from);
    return this.sampler(from, to).next(stream) / 2 + this.lossDelay(from, to, stream);
  }

  /** Delays of what a host sends. */
  private sender(host: number): Stream {
    const stream = this.randomness.stream(`network/${this.names[host]!}`);
    this.senders[host] = stream;
    return stream;
  }

  /** What losses add to the way of a message. */
  private lossDelay(from: number, to: number, stream: Stream): Duration {
    const loss = this.lossBetween(from, to);
    return loss === 0 || from === to ? 0 : retransmissions(loss, stream.next());
  }

  /**
   * Sends a message `after` nanoseconds from now: its arrival is an event of the receiver's component. False when it is lost
   * (nothing is scheduled; the sender learns nothing until its own timeout, unless it chooses to look).
   */
  send(
    from: number,
    to: number,
    bytes: number,
    target: number,
    opcode: number,
    argument: number,
    after: Duration = 0,
  ): boolean {
    if (!this.reachable(from, to)) return false;
    this.simulation.post(this.carry(from, to, bytes, after), target, opcode, argument);
    return true;
  }

  /** Opens an ordered stream (a TCP connection's direction) between two hosts; returns its number. */
  openStream(from: number, to: number): number {
    const linked = from !== to && this.zone[from] !== OUTSIDE;
    return this.streams.push({ from, to, lastDelivery: 0, roundTrips: this.sampler(from, to), source: null, linked }) - 1;
  }

  /** The one ordered stream that all users of `sendOrdered` share between two hosts. */
  orderedStream(from: number, to: number): number {
    const pair = from * 1048576 + to;
    let stream = this.defaultStreams.get(pair);
    if (stream === undefined) {
      stream = this.openStream(from, to);
      this.defaultStreams.set(pair, stream);
    }
    return stream;
  }

  /** As `send`, on an ordered stream: never arrives before what was sent on it earlier. */
  sendOnStream(
    stream: number,
    bytes: number,
    target: number,
    opcode: number,
    argument: number,
    after: Duration = 0,
  ): boolean {
    const ordered = this.streams[stream]!;
    if (!this.reachable(ordered.from, ordered.to)) return false;
    this.simulation.postAt(this.arrival(ordered, bytes, after), target, opcode, argument);
    return true;
  }

  /**
   * When a message put on an ordered stream now arrives, for those who see to the rest themselves: whether the other end can be reached,
   * and the event of its arrival.
   */
  arrivalOn(stream: number, bytes: number, after: Duration = 0): Time {
    return this.arrival(this.streams[stream]!, bytes, after);
  }

  private arrival(ordered: OrderedStream, bytes: number, after: Duration): Time {
    const { from, to, roundTrips, linked } = ordered;
    const source = (ordered.source ??= this.senders[from] ?? this.sender(from));
    let arrival = this.simulation.now + this.carryOn(roundTrips, source, linked, from, to, bytes, after);
    // A nanosecond later, so that the order does not hang on how ties are broken.
    if (ordered.lastDelivery >= arrival) arrival = ordered.lastDelivery + 1;
    ordered.lastDelivery = arrival;
    return arrival;
  }

  /** As `sendOnStream`, on the one stream that all its users share between the two hosts. */
  sendOrdered(
    from: number,
    to: number,
    bytes: number,
    target: number,
    opcode: number,
    argument: number,
    after: Duration = 0,
  ): boolean {
    return this.sendOnStream(this.orderedStream(from, to), bytes, target, opcode, argument, after);
  }
}
