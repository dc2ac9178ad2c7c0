import type { IntOrString } from './meta.js';

/** A number, or a whole percentage of a total (apimachinery pkg/util/intstr). */

const percentage = /^(\d+)%$/;

/** The percent of a text such as `25%`; undefined when it is none (validation.IsValidPercent: `^[0-9]+%$`). */
export function percentOf(value: IntOrString): number | undefined {
  if (typeof value === 'number') return undefined;
  const match = percentage.exec(value);
  return match === null ? undefined : Number(match[1]);
}

/**
 * Resolves a number or percentage of `total` (GetScaledValueFromIntOrPercent). A percentage is rounded up or down as asked.
 * Throws for a text that is no percentage.
 */
export function scaledValue(value: IntOrString, total: number, roundUp: boolean): number {
  if (typeof value === 'number') return value;
  const percent = percentOf(value);
  if (percent === undefined)
    throw new Error(
      `invalid value for IntOrString: expected a whole number or a percentage such as 25%, found "${value}"`,
    );
  return roundUp ? Math.ceil((percent * total) / 100) : Math.floor((percent * total) / 100);
}
