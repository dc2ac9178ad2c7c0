/** What one level brings to the division of seats. */
export interface Claim {
  /** Seats it keeps in any case: nominal minus lendable. */
  readonly minimum: number;
  /** Seats it may reach by borrowing. */
  readonly maximum: number;
  /** Smoothed demand. */
  readonly target: number;
}

/** Share of the old value that the smoothed demand keeps in one period of 10 s: half in about 5 minutes (apf_controller.go). */
const DECAY = 0.977;

/**
 * Smoothed demand after a period: the envelope (average plus standard deviation, at most the highest value) when it has risen, else a
 * slow decay towards it.
 */
export function smoothDemand(old: number, average: number, deviation: number, highest: number): number {
  const envelope = Math.min(highest, average + deviation);
  return Math.max(envelope, DECAY * old + (1 - DECAY) * envelope);
}

/**
 * Divides seats: each level gets fairFraction · target, kept between its minimum and maximum, with the one fraction at which the sum
 * is the total (conc_alloc.go computeConcurrencyAllocation). Rounded to whole seats.
 */
export function divideSeats(claims: readonly Claim[], total: number): number[] {
  const fraction = fairFraction(claims, total);
  return claims.map((claim) => Math.round(clamp(fraction * claim.target, claim)));
}

/** The fraction of their targets that all levels get, between their minima and maxima. */
export function fairFraction(claims: readonly Claim[], total: number): number {
  const seats = (fraction: number): number => {
    let sum = 0;
    for (const claim of claims) sum += clamp(fraction * claim.target, claim);
    return sum;
  };
  let lowest = 0;
  let highest = 1;
  while (seats(highest) < total && highest < 1e12) highest *= 2;
  // Bisection to the last bit: the same on every machine.
  for (let i = 0; i < 200; i++) {
    const middle = (lowest + highest) / 2;
    if (middle <= lowest || middle >= highest) break;
    if (seats(middle) < total) lowest = middle;
    else highest = middle;
  }
  return highest;
}

function clamp(value: number, { minimum, maximum }: Claim): number {
  return value < minimum ? minimum : value > maximum ? maximum : value;
}
