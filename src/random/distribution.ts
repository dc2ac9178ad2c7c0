import { exp, log, raise, raised } from './portable.js';
import type { Stream, Uniform } from './stream.js';
import { drawNormal, drawNormalFrom, drawn, LARGEST_EXPONENTIAL, LARGEST_NORMAL, standardExponential, standardNormal } from './ziggurat.js';

export { standardExponential, standardNormal } from './ziggurat.js';

/** Whole or fractional nanoseconds: the unit of every duration in a cost profile. */
export type Nanoseconds = number;

/** With `probability`, a draw is multiplied by `factor`: the rare stalls of disks. */
export interface StallSpec {
  readonly probability: number;
  readonly factor: number;
}

/** What every distribution can have besides its shape: clamps (applied last) and stalls. */
export interface Clamps<Unit extends number> {
  readonly minimum?: Unit;
  readonly maximum?: Unit;
  readonly stall?: StallSpec;
}

/**
 * A probability distribution of a quantity in some unit. Parameters named after a quantity (`mean`, `median`, `low`, `scale`, …) are
 * in that unit; `shape` and `sigma` are pure numbers.
 * - `lognormal` by its median and σ (of the logarithm)
 * - `gamma` by shape and scale (mean shape·scale); `weibull` by shape and scale; `pareto` by shape and scale (its smallest value)
 * - `empirical`: counts of a histogram between `bounds` (one more than counts), spread evenly inside each bucket, or evenly in the
 *   logarithm when `logarithmic`
 * - `mixture`: one of the parts, with probability proportional to its weight
 * - `truncated`: the distribution given that the value lies in [low, high]; `shifted`: moved by a constant
 */
export type Distribution<Unit extends number> = (
  | { readonly kind: 'constant'; readonly value: Unit }
  | { readonly kind: 'uniform'; readonly low: Unit; readonly high: Unit }
  | { readonly kind: 'exponential'; readonly mean: Unit }
  | { readonly kind: 'normal'; readonly mean: Unit; readonly deviation: Unit }
  | { readonly kind: 'lognormal'; readonly median: Unit; readonly sigma: number }
  | { readonly kind: 'gamma'; readonly shape: number; readonly scale: Unit }
  | { readonly kind: 'weibull'; readonly shape: number; readonly scale: Unit }
  | { readonly kind: 'pareto'; readonly shape: number; readonly scale: Unit }
  | {
      readonly kind: 'empirical';
      readonly bounds: readonly Unit[];
      readonly counts: readonly number[];
      readonly logarithmic?: boolean;
    }
  | {
      readonly kind: 'mixture';
      readonly parts: readonly { readonly weight: number; readonly of: Distribution<Unit> }[];
    }
  | { readonly kind: 'truncated'; readonly of: Distribution<Unit>; readonly low?: Unit; readonly high?: Unit }
  | { readonly kind: 'shifted'; readonly of: Distribution<Unit>; readonly by: Unit }
) &
  Clamps<Unit>;

/** A distribution of a duration, as a cost profile states it: all times in whole nanoseconds. */
export type DistributionSpec = Distribution<Nanoseconds>;

/** Draws of a truncated distribution are repeated at most so often. */
const TRIES = 100_000;

/** Draws one duration, rounded to whole nanoseconds, never negative. */
export function sample(spec: DistributionSpec, source: Uniform): Nanoseconds {
  let value: number;
  if (spec.kind === 'lognormal' && spec.stall === undefined && spec.minimum === undefined && spec.maximum === undefined) {
    // What nearly all latencies are, in one piece.
    drawNormal(source);
    const exponent = spec.sigma * drawn[0]!;
    if (exponent > -700 && exponent < 700) {
      raise(exponent);
      value = Math.round(spec.median * raised[0]!);
    } else {
      value = Math.round(spec.median * exp(exponent));
    }
  } else {
    value = Math.round(draw(spec, source));
  }
  return value > 0 ? value : 0;
}

/**
 * One distribution that is drawn from again and again: `next` draws as `sample` does. What nearly all costs are, a lognormal with or without
 * stalls, is taken apart here once.
 */
export class Sampler {
  private readonly spec: DistributionSpec;
  private readonly lognormal: boolean;
  private readonly median: number = 0.5;
  private readonly sigma: number = 0.5;
  /** Negative: it has no stalls. */
  private readonly stall: number = -0.5;
  private readonly factor: number = 0.5;

  constructor(spec: DistributionSpec) {
    this.spec = spec;
    this.lognormal = spec.kind === 'lognormal' && spec.minimum === undefined && spec.maximum === undefined;
    if (spec.kind !== 'lognormal') return;
    this.median = spec.median;
    this.sigma = spec.sigma;
    if (spec.stall === undefined) return;
    this.stall = spec.stall.probability;
    this.factor = spec.stall.factor;
  }

  /** Draws one duration, rounded to whole nanoseconds, never negative. */
  next(source: Stream): Nanoseconds {
    if (!this.lognormal) return sample(this.spec, source);
    drawNormalFrom(source.next(), source);
    const exponent = this.sigma * drawn[0]!;
    if (exponent > -700 && exponent < 700) raise(exponent);
    else raised[0] = exp(exponent);
    let value = this.median * raised[0]!;
    if (this.stall >= 0 && source.next() < this.stall) value *= this.factor;
    value = Math.round(value);
    return value > 0 ? value : 0;
  }
}

/** Draws one value in the distribution's unit, as it is. */
export function draw<Unit extends number>(spec: Distribution<Unit>, source: Uniform): number {
  let value = drawShape(spec, source);
  if (spec.stall !== undefined && source.next() < spec.stall.probability) value *= spec.stall.factor;
  if (spec.minimum !== undefined && value < spec.minimum) value = spec.minimum;
  if (spec.maximum !== undefined && value > spec.maximum) value = spec.maximum;
  return value;
}

/** A value that no draw exceeds; Infinity when there is none, or none that is worth knowing. */
export function largest(spec: Distribution<number>): number {
  let value = largestShape(spec);
  if (spec.stall !== undefined && spec.stall.factor > 1) value *= spec.stall.factor;
  if (spec.minimum !== undefined && value < spec.minimum) value = spec.minimum;
  return spec.maximum !== undefined && value > spec.maximum ? spec.maximum : value;
}

function largestShape(spec: Distribution<number>): number {
  switch (spec.kind) {
    case 'constant':
      return spec.value;
    case 'uniform':
      return Math.max(spec.low, spec.high);
    case 'exponential':
      return LARGEST_EXPONENTIAL * spec.mean;
    case 'normal':
      return spec.mean + LARGEST_NORMAL * spec.deviation;
    case 'lognormal':
      return spec.median * exp(LARGEST_NORMAL * spec.sigma);
    case 'shifted':
      return spec.by + largest(spec.of);
    default:
      return Number.POSITIVE_INFINITY;
  }
}

function drawShape(spec: Distribution<number>, source: Uniform): number {
  switch (spec.kind) {
    case 'constant':
      return spec.value;
    case 'uniform':
      return spec.low + source.next() * (spec.high - spec.low);
    case 'exponential':
      return standardExponential(source) * spec.mean;
    case 'normal':
      return spec.mean + standardNormal(source) * spec.deviation;
    case 'lognormal':
      return spec.median * exp(spec.sigma * standardNormal(source));
    case 'gamma':
      return standardGamma(spec.shape, source) * spec.scale;
    case 'weibull':
      return spec.scale * exp(log(standardExponential(source)) / spec.shape);
    case 'pareto':
      return spec.scale * exp(standardExponential(source) / spec.shape);
    case 'empirical':
      return drawEmpirical(spec, source);
    case 'mixture':
      return draw(choosePart(spec.parts, source), source);
    case 'truncated':
      return drawTruncated(spec, source);
    case 'shifted':
      return spec.by + draw(spec.of, source);
  }
}

/** A gamma draw with scale 1 (Marsaglia and Tsang 2000). */
export function standardGamma(shape: number, source: Uniform): number {
  if (shape < 1) return standardGamma(shape + 1, source) * exp(-standardExponential(source) / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = standardNormal(source);
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root * root * root;
    const u = source.next();
    const x2 = x * x;
    if (u < 1 - 0.0331 * x2 * x2 || log(u) < 0.5 * x2 + d * (1 - v + log(v))) return d * v;
  }
}

type Empirical = Extract<Distribution<number>, { kind: 'empirical' }>;

function drawEmpirical(spec: Empirical, source: Uniform): number {
  const { bounds, counts } = spec;
  let total = 0;
  for (const count of counts) total += count;
  let rank = source.next() * total;
  let bucket = 0;
  while (bucket < counts.length - 1 && rank >= counts[bucket]!) rank -= counts[bucket++]!;
  const part = rank / counts[bucket]!;
  const low = bounds[bucket]!;
  const high = bounds[bucket + 1]!;
  if (spec.logarithmic === true && low > 0) return low * exp(part * log(high / low));
  return low + part * (high - low);
}

function choosePart(
  parts: readonly { readonly weight: number; readonly of: Distribution<number> }[],
  source: Uniform,
): Distribution<number> {
  let total = 0;
  for (const part of parts) total += part.weight;
  let rank = source.next() * total;
  let chosen = parts[0]!;
  for (const part of parts) {
    chosen = part;
    rank -= part.weight;
    if (rank < 0) break;
  }
  return chosen.of;
}

function drawTruncated(spec: Extract<Distribution<number>, { kind: 'truncated' }>, source: Uniform): number {
  const low = spec.low ?? Number.NEGATIVE_INFINITY;
  const high = spec.high ?? Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES; i++) {
    const value = draw(spec.of, source);
    if (value >= low && value <= high) return value;
  }
  throw new RangeError(`no draw in [${low}, ${high}] in ${TRIES} tries: ${JSON.stringify(spec.of)}`);
}

/** Mean of a distribution without clamps. A truncated distribution has no closed form: RangeError. */
export function mean<Unit extends number>(spec: Distribution<Unit>): number {
  const stall = spec.stall === undefined ? 1 : 1 + spec.stall.probability * (spec.stall.factor - 1);
  return meanShape(spec) * stall;
}

function meanShape(spec: Distribution<number>): number {
  switch (spec.kind) {
    case 'constant':
      return spec.value;
    case 'uniform':
      return (spec.low + spec.high) / 2;
    case 'exponential':
    case 'normal':
      return spec.mean;
    case 'lognormal':
      return spec.median * exp((spec.sigma * spec.sigma) / 2);
    case 'gamma':
      return spec.shape * spec.scale;
    case 'weibull':
      return spec.scale * gammaFunction(1 + 1 / spec.shape);
    case 'pareto':
      return spec.shape > 1 ? (spec.shape * spec.scale) / (spec.shape - 1) : Number.POSITIVE_INFINITY;
    case 'empirical':
      return meanEmpirical(spec);
    case 'mixture': {
      let total = 0;
      let weighted = 0;
      for (const part of spec.parts) {
        total += part.weight;
        weighted += part.weight * mean(part.of);
      }
      return weighted / total;
    }
    case 'truncated':
      throw new RangeError('the mean of a truncated distribution has no closed form');
    case 'shifted':
      return spec.by + mean(spec.of);
  }
}

function meanEmpirical(spec: Empirical): number {
  let total = 0;
  let weighted = 0;
  for (const [bucket, count] of spec.counts.entries()) {
    const low = spec.bounds[bucket]!;
    const high = spec.bounds[bucket + 1]!;
    const inside =
      spec.logarithmic === true && low > 0 && high > low ? (high - low) / log(high / low) : (low + high) / 2;
    total += count;
    weighted += count * inside;
  }
  return weighted / total;
}

/** The gamma function for x > 0 (Lanczos 1964, g = 7, nine terms; about 15 digits). */
export function gammaFunction(x: number): number {
  if (x < 0.5) return gammaFunction(x + 1) / x;
  const z = x - 1;
  const terms = [
    676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
    -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  let sum = 0.99999999999980993;
  for (const [i, term] of terms.entries()) sum += term / (z + i + 1);
  const t = z + 7.5;
  return 2.5066282746310002 * exp((z + 0.5) * log(t) - t) * sum;
}

/** What is wrong with a distribution's parameters, in words; undefined when nothing is. */
export function distributionProblem(spec: Distribution<number>): string | undefined {
  const positive = (name: string, value: number) =>
    value > 0 && value < Number.POSITIVE_INFINITY ? undefined : `${name} must be above 0`;
  const stall = spec.stall;
  if (stall !== undefined && !(stall.probability >= 0 && stall.probability <= 1))
    return 'stall.probability must be in 0..1';
  if (stall !== undefined && !(stall.factor >= 0)) return 'stall.factor must not be negative';
  if (spec.minimum !== undefined && spec.maximum !== undefined && spec.minimum > spec.maximum)
    return 'minimum is above maximum';
  switch (spec.kind) {
    case 'constant':
      return Number.isFinite(spec.value) ? undefined : 'value must be a finite number';
    case 'uniform':
      return spec.low <= spec.high ? undefined : 'low must not be above high';
    case 'exponential':
      return spec.mean >= 0 ? undefined : 'mean must not be negative';
    case 'normal':
      return spec.deviation >= 0 ? undefined : 'deviation must not be negative';
    case 'lognormal':
      return spec.sigma >= 0 ? positive('median', spec.median) : 'sigma must not be negative';
    case 'gamma':
    case 'weibull':
    case 'pareto':
      return positive('shape', spec.shape) ?? positive('scale', spec.scale);
    case 'empirical': {
      if (spec.counts.length === 0 || spec.bounds.length !== spec.counts.length + 1)
        return 'bounds must be one more than counts';
      if (spec.bounds.some((bound, i) => i > 0 && bound < spec.bounds[i - 1]!)) return 'bounds must not fall';
      if (spec.counts.some((count) => !(count >= 0))) return 'counts must not be negative';
      return spec.counts.some((count) => count > 0) ? undefined : 'some count must be above 0';
    }
    case 'mixture': {
      if (!spec.parts.some((part) => part.weight > 0)) return 'some weight must be above 0';
      if (spec.parts.some((part) => !(part.weight >= 0))) return 'weights must not be negative';
      return spec.parts.map((part) => distributionProblem(part.of)).find((problem) => problem !== undefined);
    }
    case 'truncated':
      if ((spec.low ?? Number.NEGATIVE_INFINITY) >= (spec.high ?? Number.POSITIVE_INFINITY))
        return 'low must be below high';
      return distributionProblem(spec.of);
    case 'shifted':
      return distributionProblem(spec.of);
  }
}
