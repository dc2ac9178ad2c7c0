import { exp, log } from './portable.js';
import type { Uniform } from './stream.js';

/**
 * A probability distribution of a duration, as a cost profile states it. All times are whole nanoseconds.
 * `lognormal` is given by its median and σ; `minimum` and `maximum` clamp the result.
 */
export type DistributionSpec = (
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly low: number; readonly high: number }
  | { readonly kind: 'exponential'; readonly mean: number }
  | { readonly kind: 'lognormal'; readonly median: number; readonly sigma: number }
) & { readonly minimum?: number; readonly maximum?: number; readonly stall?: StallSpec };

/** With `probability`, a draw is multiplied by `factor`: the rare stalls of disks. */
export interface StallSpec {
  readonly probability: number;
  readonly factor: number;
}

/** Draws one duration, rounded to whole nanoseconds, never negative. */
export function sample(spec: DistributionSpec, source: Uniform): number {
  let value = draw(spec, source);
  if (spec.stall !== undefined && source.next() < spec.stall.probability) value *= spec.stall.factor;
  if (spec.minimum !== undefined && value < spec.minimum) value = spec.minimum;
  if (spec.maximum !== undefined && value > spec.maximum) value = spec.maximum;
  return Math.round(value);
}

function draw(spec: DistributionSpec, source: Uniform): number {
  switch (spec.kind) {
    case 'constant':
      return spec.value;
    case 'uniform':
      return spec.low + source.next() * (spec.high - spec.low);
    case 'exponential':
      return -log(source.next()) * spec.mean;
    case 'lognormal':
      return spec.median * exp(spec.sigma * standardNormal(source));
  }
}

/** Mean of a distribution without its clamps. */
export function mean(spec: DistributionSpec): number {
  const stall = spec.stall === undefined ? 1 : 1 + spec.stall.probability * (spec.stall.factor - 1);
  switch (spec.kind) {
    case 'constant':
      return spec.value * stall;
    case 'uniform':
      return ((spec.low + spec.high) / 2) * stall;
    case 'exponential':
      return spec.mean * stall;
    case 'lognormal':
      return spec.median * exp((spec.sigma * spec.sigma) / 2) * stall;
  }
}

/** Standard normal draw by the polar method of Marsaglia (1964); one of the pair is used, so that draws keep no state. */
export function standardNormal(source: Uniform): number {
  for (;;) {
    const u = 2 * source.next() - 1;
    const v = 2 * source.next() - 1;
    const s = u * u + v * v;
    if (s > 0 && s < 1) return u * Math.sqrt((-2 * log(s)) / s);
  }
}
