import type { Time } from '../kernel/time.js';
import type { DrawCursor } from '../node/draws.js';
import type { BalancingPolicy, BreakerSpec } from '../scenario/types.js';

/** What the proxy of one entry node knows of the endpoints that it has used, by address number. */
class ProxyState {
  /** Requests under way to each endpoint, and in total. */
  open = new Int32Array(64);
  total = 0;
  /** Failed answers in a row, ejections so far, and until when the endpoint is ejected. */
  failures = new Int32Array(64);
  ejections = new Int32Array(64);
  ejectedUntil = new Float64Array(64);
  /** No endpoint is ejected from this instant on. */
  lastEjection: Time = 0;
  /** Next place of round robin. */
  turn = 0;

  /** Makes room for an address. */
  reach(address: number): void {
    if (address < this.open.length) return;
    const size = Math.max(address + 1, this.open.length * 2);
    this.open = grown(this.open, new Int32Array(size));
    this.failures = grown(this.failures, new Int32Array(size));
    this.ejections = grown(this.ejections, new Int32Array(size));
    this.ejectedUntil = grown(this.ejectedUntil, new Float64Array(size));
  }
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/**
 * Chooses endpoints of one stream of requests and ejects those that fail (outlier detection as Envoy's consecutive_5xx). The proxy
 * of each entry node has its own state: with many proxies, least connections comes close to random.
 */
export class Balancer {
  private readonly policy: BalancingPolicy;
  private readonly breaker: BreakerSpec | undefined;
  private readonly states: (ProxyState | undefined)[] = [];

  constructor(policy: BalancingPolicy, breaker: BreakerSpec | undefined) {
    this.policy = policy;
    this.breaker = breaker;
  }

  /** Whether the breaker of a proxy lets another request through. */
  admits(entry: number): boolean {
    const maximum = this.breaker?.maximumRequests;
    return maximum === undefined || this.state(entry).total < maximum;
  }

  /** The address of a new request among those known, of which there is at least one. Uses draws `k` and `k + 1` of the request. */
  pick(entry: number, known: ArrayLike<number>, now: Time, draws: DrawCursor, number: number, k: number): number {
    const state = this.state(entry);
    const addresses = now < state.lastEjection ? healthy(state, known, now) : known;
    const n = addresses.length;
    let address: number;
    if (this.policy === 'roundRobin') address = addresses[state.turn++ % n]!;
    else {
      const first = Math.floor(draws.at(number, k).next() * n);
      address = addresses[first]!;
      if (this.policy === 'leastConnections') address = least(state, addresses, first);
      else if (this.policy === 'powerOfTwo' && n > 1) {
        const second = Math.floor(draws.next() * (n - 1));
        const other = addresses[second < first ? second : second + 1]!;
        state.reach(Math.max(address, other));
        if (state.open[other]! < state.open[address]!) address = other;
      }
    }
    state.reach(address);
    state.open[address]!++;
    state.total++;
    return address;
  }

  /** A request is sent to an address that was not picked here. */
  add(entry: number, address: number): void {
    const state = this.state(entry);
    state.reach(address);
    state.open[address]!++;
    state.total++;
  }

  /** A request to an address is over, as this proxy sees it. */
  release(entry: number, address: number): void {
    const state = this.state(entry);
    state.open[address]!--;
    state.total--;
  }

  /** An answer of an endpoint; enough failed ones in a row eject it. `known` endpoints limit how many may be ejected. */
  answered(entry: number, address: number, failed: boolean, known: ArrayLike<number>, now: Time): void {
    const limit = this.breaker?.consecutiveErrors;
    if (limit === undefined) return;
    const { ejection, maximumEjected } = this.breaker!;
    const state = this.state(entry);
    state.reach(address);
    if (!failed) {
      state.failures[address] = 0;
      return;
    }
    if (++state.failures[address]! < limit || state.ejectedUntil[address]! > now) return;
    let ejected = 0;
    for (let i = 0; i < known.length; i++) if (isEjected(state, known[i]!, now)) ejected++;
    if (ejected > 0 && ejected + 1 > maximumEjected * known.length) return;
    state.failures[address] = 0;
    const until = now + ejection * ++state.ejections[address]!;
    state.ejectedUntil[address] = until;
    if (until > state.lastEjection) state.lastEjection = until;
  }

  private state(entry: number): ProxyState {
    let state = this.states[entry];
    if (state === undefined) {
      while (this.states.length < entry) this.states.push(undefined);
      state = new ProxyState();
      this.states[entry] = state;
    }
    return state;
  }
}

/** Endpoints that are not ejected; all of them when every one is. */
function healthy(state: ProxyState, known: ArrayLike<number>, now: Time): ArrayLike<number> {
  const left: number[] = [];
  for (let i = 0; i < known.length; i++) if (!isEjected(state, known[i]!, now)) left.push(known[i]!);
  return left.length > 0 ? left : known;
}

function isEjected(state: ProxyState, address: number, now: Time): boolean {
  return address < state.ejectedUntil.length && state.ejectedUntil[address]! > now;
}

/** The address with the fewest open requests; of several the first from place `from` on. */
function least(state: ProxyState, addresses: ArrayLike<number>, from: number): number {
  let best = -1;
  let fewest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < addresses.length; i++) {
    const place = from + i;
    const address = addresses[place < addresses.length ? place : place - addresses.length]!;
    const open = address < state.open.length ? state.open[address]! : 0;
    if (open >= fewest) continue;
    best = address;
    fewest = open;
    if (open === 0) break;
  }
  return best;
}
