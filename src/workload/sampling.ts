import type { Pod } from '../api/core.js';
import { podVersion } from '../api/image.js';
import { controllerOf, type KubernetesObject } from '../api/meta.js';
import type { Duration, Time } from '../kernel/time.js';
import { SECOND } from '../kernel/time.js';
import type { EndpointView } from '../node/kube-proxy.js';
import { hashText, type KeyedDraws } from '../random/stream.js';
import { SUCCESS } from './causes.js';

/** Address of a request that reaches no pod. */
export const NO_ADDRESS = 0xffffffff;
/** The bound on the share of sampled endpoints is renewed this often. */
const WINDOW: Duration = 10 * SECOND;
/** A bound is this much above the share that is aimed at, or twice, four times, … that, so that it rarely moves. */
const MARGIN = 1.25;
/** Subsets of views that are kept. */
const VIEWS = 64;

/** What the requests to one sampled pod gave, weighted. */
class PodTally {
  readonly version: string;
  requests = 0;
  errors = 0;
  answered = 0;
  /** Seconds. */
  latency = 0;

  constructor(version: string) {
    this.version = version;
  }
}

/** How far sampled figures may be from those of a run of all requests. */
export interface SamplingErrors {
  /** Requests that were simulated. */
  readonly simulated: number;
  /** Standard errors: of the mean latency as a share of it, and of the share of errors; null where there are too few pods. */
  readonly latency: number | null;
  readonly errorShare: number | null;
}

/**
 * The pods whose requests are simulated when there are very many: of each ReplicaSet's pods, in the order in which they begin to listen,
 * one of every so many, chosen at random; the first of all is among them. Requests that proxies spread at random reach a pod as a
 * Poisson stream of its own, whatever the other pods get: what these pods see is exactly what they would see among all requests.
 */
export class PodSample {
  readonly every: number;
  private readonly draws: KeyedDraws;
  /** Pods seen of each owner. */
  private readonly seen = new Map<string, number>();
  private readonly chosen: boolean[] = [];
  private readonly tallies: PodTally[] = [];
  /** Of the newest pod of each address. */
  private readonly byAddress: (PodTally | undefined)[] = [];
  private simulated = 0;
  /** Errors of requests that reached no pod: sum of weights, and of their squares. */
  private alone = 0;
  private aloneSquares = 0;

  constructor(every: number, draws: KeyedDraws) {
    this.every = every;
    this.draws = draws;
  }

  /** A pod begins to listen at an address. */
  listens(pod: Pod, address: number): void {
    const owner = controllerOf(pod as KubernetesObject)?.name ?? podVersion(pod.spec);
    const key = `${pod.metadata.namespace}/${owner}`;
    const place = this.seen.get(key) ?? 0;
    this.seen.set(key, place + 1);
    const block = Math.floor(place / this.every);
    const wanted = block === 0 ? 0 : Math.floor(this.draws.uniform(hashText(key), block) * this.every);
    while (this.chosen.length <= address) this.chosen.push(false);
    this.chosen[address] = place % this.every === wanted;
  }

  /** Whether requests to an address are simulated. */
  has(address: number): boolean {
    return this.chosen[address] === true;
  }

  /** Counts a simulated request that is over and stands for `weight`; latency in nanoseconds. */
  count(address: number, version: string, cause: number, latency: number, weight: number): void {
    this.simulated++;
    if (address === NO_ADDRESS) {
      this.alone += weight;
      this.aloneSquares += weight * weight;
      return;
    }
    const tally = this.tally(address, version);
    tally.requests += weight;
    if (cause === SUCCESS) {
      tally.answered += weight;
      tally.latency += (weight * latency) / SECOND;
    } else tally.errors += weight;
  }

  /** The tally of the pod at an address; a request that has found nobody there (version empty) counts for the one that was. */
  private tally(address: number, version: string): PodTally {
    const known = this.byAddress[address];
    if (known !== undefined && (known.version === version || version === '')) return known;
    const tally = new PodTally(version);
    this.tallies.push(tally);
    while (this.byAddress.length < address) this.byAddress.push(undefined);
    this.byAddress[address] = tally;
    return tally;
  }

  /**
   * Standard errors of the ratios latency/answers and errors/requests: pods are clusters, versions are strata (linearised ratio
   * estimator, Cochran, Sampling Techniques, 3rd ed., §6.11).
   */
  errors(): SamplingErrors {
    const pods = this.tallies;
    const requests = pods.reduce((sum, tally) => sum + tally.requests, this.alone);
    const answered = pods.reduce((sum, tally) => sum + tally.answered, 0);
    const latency = pods.reduce((sum, tally) => sum + tally.latency, 0);
    const errors = pods.reduce((sum, tally) => sum + tally.errors, this.alone);
    const mean = latency / answered;
    const share = errors / requests;
    const ofLatency = stratified(pods, (tally) => tally.latency - mean * tally.answered);
    const ofErrors = stratified(pods, (tally) => tally.errors - share * tally.requests);
    return {
      simulated: this.simulated,
      latency: ofLatency === null || answered === 0 ? null : Math.sqrt(ofLatency) / latency,
      errorShare: ofErrors === null || requests === 0 ? null : Math.sqrt(ofErrors + this.aloneSquares) / requests,
    };
  }
}

/** Variance of a sum over pods drawn from strata by version; null when no version has two pods. */
function stratified(pods: readonly PodTally[], residual: (tally: PodTally) => number): number | null {
  const strata = new Map<string, number[]>();
  for (const tally of pods) {
    const stratum = strata.get(tally.version);
    if (stratum === undefined) strata.set(tally.version, [residual(tally)]);
    else stratum.push(residual(tally));
  }
  let variance = 0;
  let known = false;
  for (const values of strata.values()) {
    const n = values.length;
    if (n < 2) continue;
    known = true;
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    variance += (n / (n - 1)) * values.reduce((sum, value) => sum + (value - mean) * (value - mean), 0);
  }
  return known ? variance : null;
}

/**
 * Thins one stream of requests to those that go to sampled pods. Candidates arrive as the share `bound` of all requests; one whose proxy
 * knows n endpoints, m of them sampled, is carried on with probability (m/n)/bound, to one of the m, and stands for n/m requests: each
 * sampled pod gets the stream that it would get among all requests, and counts are unbiased whatever the bound.
 */
export class StreamSample {
  /** Share of the requests that are candidates. */
  bound: number;
  /** Requests that those carried on so far stand for. */
  represented = 0;
  private readonly pods: PodSample;
  private readonly least: number;
  private readonly subsets = new Map<EndpointView, Uint32Array>();
  /** Greatest share of sampled endpoints in this window and in the one before. */
  private greatest = 0;
  private before = 0;
  private windowEnd: Time = 0;

  constructor(pods: PodSample) {
    this.pods = pods;
    this.least = MARGIN / pods.every;
    this.bound = Math.min(1, this.least);
  }

  /** The endpoints of a view to which requests are simulated; all of them when none is sampled. */
  endpoints(view: EndpointView): Uint32Array {
    let subset = this.subsets.get(view);
    if (subset !== undefined) return subset;
    subset = view.addresses.filter((address) => this.pods.has(address));
    if (subset.length === 0) subset = view.addresses;
    if (this.subsets.size >= VIEWS) this.subsets.clear();
    this.subsets.set(view, subset);
    return subset;
  }

  /** Requests that a candidate stands for whose proxy knows a view; 0: it is dropped. `u` and `v` are uniform. */
  weigh(view: EndpointView, now: Time, u: number, v: number): number {
    const share = this.endpoints(view).length / view.addresses.length;
    const { bound } = this;
    if (now >= this.windowEnd) this.renew(now);
    if (share > this.greatest) this.greatest = share;
    // The gap before this candidate was drawn for the old bound: this one stands for 1/bound requests.
    if (share > this.bound) this.bound = this.step(share);
    if (share >= bound) return whole(1 / bound, v);
    return u < share / bound ? whole(1 / share, v) : 0;
  }

  /** Requests that a candidate stands for that reaches no endpoint. */
  weighAlone(v: number): number {
    return whole(1 / this.bound, v);
  }

  private renew(now: Time): void {
    this.bound = this.step(Math.max(this.before, this.greatest));
    this.before = this.greatest;
    this.greatest = 0;
    this.windowEnd = now + WINDOW;
  }

  private step(share: number): number {
    let bound = this.least;
    while (bound < share && bound < 1) bound *= 2;
    return Math.min(1, bound);
  }
}

/** A whole number with this mean: requests are counted. */
function whole(weight: number, v: number): number {
  const floor = Math.floor(weight);
  return v < weight - floor ? floor + 1 : floor;
}
