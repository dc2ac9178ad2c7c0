import type { Duration } from '../kernel/time.js';
import type { DistributionSpec } from '../random/distribution.js';
import type { TrafficSpec } from './types.js';

/** When requests arrive. */
export type ArrivalSpec =
  /** At exact distances of 1/rate. */
  | { readonly kind: 'constant' }
  /** A closed loop: each user sends, waits for the answer (or gives up), thinks, and sends again; all begin with a think time. */
  | { readonly kind: 'closed'; readonly users: number; readonly think: DistributionSpec }
  /** A modulated Poisson process: goes through the states in turn; with exponential stays a Markov-modulated one (MMPP). */
  | { readonly kind: 'bursts'; readonly states: readonly BurstState[] }
  /** A Poisson process whose rate goes linearly from point to point and repeats after `period`; times count from the scenario's start. */
  | { readonly kind: 'profile'; readonly points: readonly ProfilePoint[]; readonly period: Duration }
  /** Recorded arrivals; again from the beginning when `repeat` (the length of one pass) is given. */
  | { readonly kind: 'trace'; readonly rows: readonly TraceRow[]; readonly repeat?: Duration };

export interface BurstState {
  /** Requests a second. */
  readonly rate: number;
  readonly stay: DistributionSpec;
}

export interface ProfilePoint {
  readonly at: Duration;
  /** Requests a second. */
  readonly rate: number;
}

/** Requests of a recorded trace: one at `at`, or `count` of them at random instants (as of a Poisson process) in [at, at + slot). */
export interface TraceRow {
  readonly at: Duration;
  readonly count: number;
  readonly slot: Duration;
}

/**
 * How a proxy chooses among the endpoints that it knows; each entry node's proxy has its own view and counts only its own requests.
 * - `random`: as kube-proxy with iptables and nftables
 * - `roundRobin`: in turn, as IPVS rr
 * - `leastConnections`: the one with the fewest open requests of this proxy, ties at random, as IPVS lc
 * - `powerOfTwo`: of two at random the one with fewer open requests, as Envoy LEAST_REQUEST
 */
export type BalancingPolicy = 'random' | 'roundRobin' | 'leastConnections' | 'powerOfTwo';

/** Retries by the client or its proxy. */
export interface RetrySpec {
  /** Tries after the first. */
  readonly maximum: number;
  /** A try without answer is given up after this long; absent: only the timeout of the whole request holds. */
  readonly tryTimeout?: Duration;
  /** Wait before retry n: evenly between 0 and min(base·2^(n−1), maximum) (full jitter, as Envoy). */
  readonly backOff: { readonly base: Duration; readonly maximum: Duration };
  /** Retries are at most this share of the requests of the last ten seconds plus `minimumRate` a second; absent: no limit. */
  readonly budget?: { readonly share: number; readonly minimumRate: number };
}

/** A second try is sent while the first is still open; the first answer counts. */
export interface HedgeSpec {
  readonly after: Duration;
  /** Tries beyond the first. */
  readonly maximum: number;
}

/** Circuit breaking of each entry node's proxy. */
export interface BreakerSpec {
  /** Requests under way to the Service beyond which more are refused at once; absent: no limit. */
  readonly maximumRequests?: number;
  /** An endpoint is ejected after so many failed answers in a row; absent: never. */
  readonly consecutiveErrors?: number;
  /** How long it is ejected, times the number of its ejections. */
  readonly ejection: Duration;
  /** Share of the endpoints that may be ejected at once (at least one may). */
  readonly maximumEjected: number;
}

/** An application that is slow when it is new: service time × (1 + (factor − 1)·e^(−t/τ)), t since it listens. */
export interface WarmUpSpec {
  readonly factor: number;
  readonly time: Duration;
}

/** An application that fails only under load. */
export interface OverloadSpec {
  /** Requests that the pod holds (in service and waiting) beyond which it fails. */
  readonly above: number;
  /** Probability of an error then. */
  readonly errors: number;
}

/** Service time is time of a processor: requests in service share the cores, and the container's CPU limit throttles them. */
export interface ProcessorSpec {
  /** Cores that the pod can use at once at most; absent: as many as there are requests in service. */
  readonly cores?: number;
}

/** Memory that grows until the container's memory limit, where the kernel kills the process. */
export interface MemorySpec {
  /** Bytes at the start. */
  readonly base: number;
  /** Bytes more each second from the start of the process on. */
  readonly leakPerSecond: number;
}

/** A call to another Service (or a server outside) that a request causes. */
export interface CallSpec {
  /** Where it goes and how: timeout, balancing, retries and so on; its rate is 0. */
  readonly traffic: TrafficSpec;
  /** Share of the requests that make it, 0..1. */
  readonly share: number;
  /** So many of them side by side. */
  readonly count: number;
  /** Its failure does not fail the request. */
  readonly optional: boolean;
}
