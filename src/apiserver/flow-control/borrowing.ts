/** What one level brings to the division of seats. */
export interface Claim {
  /** Seats it keeps in any case. */
  readonly minimum: number;
  /** Seats it may reach by borrowing. */
  readonly maximum: number;
  /** Smoothed demand. */
  readonly target: number;
}

/** One level at the end of a period: its configuration, and what it wanted. */
export interface LevelDemand {
  readonly nominal: number;
  /** Nominal less what it lends. */
  readonly minimum: number;
  readonly maximum: number;
  /** Most seats that were wanted at once. */
  readonly highest: number;
  readonly smoothed: number;
}

/** How the seats are divided. */
export interface Division {
  readonly seats: readonly number[];
  readonly targets: readonly number[];
  /** By which all targets are multiplied (apiserver_flowcontrol_seat_fair_frac); 0: there is not enough for that. */
  readonly fraction: number;
}

/** Share of the old value that the smoothed demand keeps in one period of 10 s: half in about 5 minutes (apf_controller.go). */
const DECAY = 0.977;
/** Smallest target (conc_alloc.go MinTarget). */
const LEAST_TARGET = 0.001;

/** Smoothed demand after a period: the envelope (average plus standard deviation) when it has risen, else a slow decay towards it. */
export function smoothDemand(old: number, average: number, deviation: number): number {
  const envelope = average + deviation;
  return Math.max(envelope, DECAY * old + (1 - DECAY) * envelope);
}

/**
 * The division of the seats for the next period (apf_controller.go updateBorrowingLocked, 1.34): nobody gets less than it wanted at
 * its height, up to its nominal seats. `exempt`: most seats that exempt requests held, which leave less to the others.
 */
export function divide(levels: readonly LevelDemand[], exempt: number): Division {
  let total = 0;
  let leastSum = 0;
  let keptSum = 0;
  const claims: Claim[] = [];
  for (const { nominal, minimum, maximum, highest, smoothed } of levels) {
    const kept = Math.max(minimum, Math.min(nominal, highest));
    total += nominal;
    leastSum += minimum;
    keptSum += kept;
    claims.push({ minimum: kept, maximum, target: Math.max(kept, smoothed) });
  }
  const targets = claims.map(({ target }) => target);
  const left = total - exempt;
  if (left <= leastSum) return { seats: levels.map(({ minimum }) => minimum), targets, fraction: 0 };
  if (left <= keptSum) {
    const share = (left - leastSum) / (keptSum - leastSum);
    const seats = levels.map(({ minimum }, i) => minimum + Math.round((claims[i]!.minimum - minimum) * share));
    return { seats, targets, fraction: 0 };
  }
  return { seats: divideSeats(claims, total), targets, fraction: fairFraction(claims, total) };
}

/**
 * Divides seats: each level gets fairFraction · target, kept between its minimum and maximum, with the one fraction at which the sum
 * is the total (conc_alloc.go computeConcurrencyAllocation). Rounded to whole seats.
 */
export function divideSeats(claims: readonly Claim[], total: number): number[] {
  const fraction = fairFraction(claims, total);
  return claims.map((claim) => Math.round(share(claim, fraction)));
}

/** The fraction of their targets that all levels get, between their minima and maxima. */
export function fairFraction(claims: readonly Claim[], total: number): number {
  const seats = (fraction: number): number => {
    let sum = 0;
    for (const claim of claims) sum += share(claim, fraction);
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

function share({ minimum, maximum, target }: Claim, fraction: number): number {
  const value = fraction * Math.max(LEAST_TARGET, target);
  return value < minimum ? minimum : value > maximum ? maximum : value;
}
