import { z } from 'zod';
import type { DistributionSpec } from '../random/distribution.js';
import { DURATION_PATTERN, duration, PERCENT_PATTERN, RATE_PATTERN } from './units.js';

/** Schemas of the values that scenarios and profiles are made of. Each `error` says what was expected; what was found is added on reporting. */

export function text(description: string): z.ZodString {
  return z
    .string({ error: 'expected text' })
    .min(1, { error: 'expected text that is not empty' })
    .describe(description);
}

export function durationText(description: string): z.ZodString {
  return z
    .string({ error: 'expected a duration such as 250ms, 5m or 1h30m' })
    .regex(DURATION_PATTERN, { error: 'expected a duration such as 250ms, 5m or 1h30m' })
    .describe(description);
}

export function rateText(description: string): z.ZodString {
  return z
    .string({ error: 'expected a rate such as 500/s or 30/m' })
    .regex(RATE_PATTERN, { error: 'expected a rate such as 500/s or 30/m' })
    .describe(description);
}

export function percent(description: string) {
  return z
    .union([z.string().regex(PERCENT_PATTERN), z.number().min(0).max(1)], {
      error: 'expected a percentage such as 0.5%, or a share between 0 and 1',
    })
    .describe(description);
}

/** A quantity; its grammar is checked on conversion, where the message is better. */
export function quantity(description: string) {
  return z
    .union([z.string().regex(/^\d+(\.\d+)?(k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/), z.int().min(0)], {
      error: 'expected a size such as 128Mi, 2Gi or 500M',
    })
    .describe(description);
}

export function wholeNumber(description: string, minimum: number, maximum?: number): z.ZodInt {
  const range =
    maximum === undefined ? `a whole number from ${minimum} on` : `a whole number from ${minimum} to ${maximum}`;
  const schema = z.int({ error: `expected ${range}` }).min(minimum, { error: `expected ${range}` });
  return (maximum === undefined ? schema : schema.max(maximum, { error: `expected ${range}` })).describe(description);
}

export function count(description: string): z.ZodInt {
  return wholeNumber(description, 1);
}

const stall = z
  .strictObject({
    probability: z.number({ error: 'expected a number between 0 and 1' }).min(0).max(1).describe('How often.'),
    factor: z.number({ error: 'expected a number' }).positive().describe('The draw is multiplied by this.'),
  })
  .describe('Rare stalls, as of disks.');

const kinds = ['constant', 'uniform', 'exponential', 'lognormal'] as const;

const distributionMap = z
  .strictObject({
    constant: durationText('Always this long.').optional(),
    uniform: z
      .strictObject({ low: durationText('Least.'), high: durationText('Most.') })
      .optional()
      .describe('Evenly between two durations.'),
    exponential: z
      .strictObject({ mean: durationText('Mean.') })
      .optional()
      .describe('Exponential.'),
    lognormal: z
      .strictObject({
        median: durationText('Median.'),
        sigma: z
          .number({ error: 'expected a number' })
          .min(0)
          .describe('Standard deviation of the logarithm: p99 = median · e^(2.326 σ).'),
      })
      .optional()
      .describe('Lognormal, by its median.'),
    min: durationText('Lower bound of the draw.').optional(),
    max: durationText('Upper bound of the draw.').optional(),
    stall: stall.optional(),
  })
  .superRefine((value, context) => {
    const given = kinds.filter((kind) => value[kind] !== undefined);
    if (given.length === 1) return;
    const found = given.length === 0 ? 'none of them' : given.join(' and ');
    context.addIssue({
      code: 'custom',
      message: `expected one of constant, uniform, exponential, lognormal, found ${found}`,
    });
  })
  .meta({
    id: 'distribution',
    description: 'One of constant, uniform, exponential, lognormal, with optional bounds and stalls.',
  });

type DistributionMap = z.infer<typeof distributionMap>;
export type RawDistribution = string | DistributionMap;

/** A duration, or a map of one of constant, uniform, exponential, lognormal with optional min, max and stall. */
export function distribution(description: string) {
  return z
    .union([durationText('Always this long.'), distributionMap], {
      error: 'expected a duration such as 250ms, or a distribution such as { lognormal: { median: 3s, sigma: 0.4 } }',
    })
    .describe(description);
}

/** A distribution of the kernel's form, from one that the schema has accepted. */
export function toDistribution(raw: RawDistribution): DistributionSpec {
  if (typeof raw === 'string') return { kind: 'constant', value: duration(raw) };
  const limits = {
    ...(raw.min === undefined ? {} : { minimum: duration(raw.min) }),
    ...(raw.max === undefined ? {} : { maximum: duration(raw.max) }),
    ...(raw.stall === undefined ? {} : { stall: raw.stall }),
  };
  if (raw.uniform !== undefined)
    return { kind: 'uniform', low: duration(raw.uniform.low), high: duration(raw.uniform.high), ...limits };
  if (raw.exponential !== undefined) return { kind: 'exponential', mean: duration(raw.exponential.mean), ...limits };
  if (raw.lognormal !== undefined) {
    return { kind: 'lognormal', median: duration(raw.lognormal.median), sigma: raw.lognormal.sigma, ...limits };
  }
  return { kind: 'constant', value: duration(raw.constant ?? '0s'), ...limits };
}
