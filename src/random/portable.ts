/**
 * Portable elementary functions: only + − × ÷, square root and integer operations on bit patterns, so that every engine gives the same
 * bits. `log` follows the evaluation order of Go's `math.Log` (Sun's FreeBSD e_log), because real Kubernetes decisions depend on
 * that one; `exp` is Sun's e_exp; `pow` works with twice the precision inside.
 */
const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);
const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;
const INVERSE_LN2 = 1.442695040888963387;
const SQRT_HALF = 0.7071067811865476;

/** Natural logarithm; NaN below 0. Error below 1 unit in the last place. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  let k = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984;
    k = -54;
  }
  // x = 2^k · fraction with fraction in [√½, √2)
  float[0] = x;
  const high = words[1]!;
  k += (high >>> 20) - 1022;
  words[1] = (high & 0xfffff) | 0x3fe00000;
  let fraction = float[0]!;
  if (fraction < SQRT_HALF) {
    fraction *= 2;
    k--;
  }
  const f = fraction - 1;
  const s = f / (2 + f);
  const s2 = s * s;
  const s4 = s2 * s2;
  const odd =
    s2 *
    (6.66666666666673513e-1 +
      s4 * (2.857142874366239149e-1 + s4 * (1.818357216161805012e-1 + s4 * 1.479819860511658591e-1)));
  const even = s4 * (3.999999999940941908e-1 + s4 * (2.222219843214978396e-1 + s4 * 1.531383769920937332e-1));
  const half = 0.5 * f * f;
  return k * LN2_HIGH - (half - (s * (half + (odd + even)) + k * LN2_LOW) - f);
}

/** Exponential function; 0 and Infinity outside the range of doubles. Error below 1 unit in the last place. */
export function exp(x: number): number {
  if (x !== x) return x;
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY;
  if (x < -745.1332191019411) return 0;
  raise(x);
  return raised[0]!;
}

/** What `raise` has found: handed over here, because a number that a function returns is an object on the heap when it is no integer. */
export const raised = new Float64Array(1);

/** As `exp`, into `raised`, of a number that is surely inside its range. */
export function raise(x: number): void {
  let k = 0;
  let high = x;
  let low = 0;
  if (x > 0.34657359027997264 || x < -0.34657359027997264) {
    k = Math.floor(x * INVERSE_LN2 + 0.5);
    high = x - k * LN2_HIGH;
    low = k * LN2_LOW;
  }
  const r = high - low;
  const r2 = r * r;
  const c =
    r -
    r2 *
      (1.66666666666666019037e-1 +
        r2 *
          (-2.77777777770155933842e-3 +
            r2 * (6.61375632143793436117e-5 + r2 * (-1.6533902205465251539e-6 + r2 * 4.13813679705723846039e-8))));
  const fraction = 1 - (low - (r * c) / (2 - c) - high);
  raised[0] = k === 0 ? fraction : scale(fraction, k);
}

/** The remainders of products and sums that `pow` carries along. */
const pair = new Float64Array(2);

/** x to the power y for x ≥ 0. Error below 1 unit in the last place; exact where the result is a double and small. */
export function pow(x: number, y: number): number {
  if (y === 0 || x === 1) return 1;
  if (x !== x || y !== y || x < 0) return Number.NaN;
  if (x === 0) return y > 0 ? 0 : Number.POSITIVE_INFINITY;
  if (x === Number.POSITIVE_INFINITY) return y > 0 ? x : 0;
  if (y === Number.POSITIVE_INFINITY) return x > 1 ? y : 0;
  if (y === Number.NEGATIVE_INFINITY) return x > 1 ? 0 : Number.POSITIVE_INFINITY;
  if (y === -1) return 1 / x;
  const integer = smallPower(x, y);
  if (integer >= 0) return integer;
  logPair(x);
  // (high + low) · y
  const product = pair[0]! * y;
  const rest = remainder(pair[0]!, y, product) + pair[1]! * y;
  if (product > 710) return Number.POSITIVE_INFINITY;
  if (product < -746) return 0;
  return expPair(product, rest);
}

/** x^y by multiplication where every product is exact (whole results below 2^53); −1 otherwise. */
function smallPower(x: number, y: number): number {
  if (y < 0 || y > 64 || Math.floor(y) !== y || Math.floor(x) !== x) return -1;
  let result = 1;
  for (let i = 0; i < y; i++) {
    result *= x;
    if (result > 9007199254740992) return -1;
  }
  return result;
}

/** a·b − product exactly (Dekker 1971). */
function remainder(a: number, b: number, product: number): number {
  const aHigh = upper(a);
  const bHigh = upper(b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** The upper 26 bits of a double. */
function upper(a: number): number {
  float[0] = a;
  words[0] = words[0]! & 0xf8000000;
  return float[0]!;
}

/** log x as high + low with about 70 bits, in `pair`. */
function logPair(x: number): void {
  let k = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984;
    k = -54;
  }
  float[0] = x;
  const word = words[1]!;
  k += (word >>> 20) - 1022;
  words[1] = (word & 0xfffff) | 0x3fe00000;
  let fraction = float[0]!;
  if (fraction < SQRT_HALF) {
    fraction *= 2;
    k--;
  }
  const f = fraction - 1;
  // s = f / (2 + f) in two parts
  const base = 2 + f;
  const baseLow = f - (base - 2);
  const s = f / base;
  const product = s * base;
  const sLow = (f - product - remainder(s, base, product) - s * baseLow) / base;
  // s² in two parts, then 2s + ⅔s³ in two parts; the rest of the series in one
  const s2 = s * s;
  const s2Low = remainder(s, s, s2) + 2 * s * sLow;
  const third = s2 / 3;
  const thirdLow = (s2 - third * 3 + (0 - remainder(third, 3, third * 3)) + s2Low) / 3;
  const tail =
    s2 *
    s2 *
    (0.2 +
      s2 *
        (1 / 7 +
          s2 * (1 / 9 + s2 * (1 / 11 + s2 * (1 / 13 + s2 * (1 / 15 + s2 * (1 / 17 + s2 * (1 / 19 + s2 / 21))))))));
  const sum = third + tail;
  const sumLow = third - sum + tail + thirdLow;
  const cubic = s * sum;
  const cubicLow = remainder(s, sum, cubic) + s * sumLow + sLow * sum;
  const whole = s + cubic;
  const wholeLow = s - whole + cubic + (sLow + cubicLow);
  // k·ln 2 (the high part is exact for |k| < 2^20) + 2·(whole + wholeLow)
  const a = k * LN2_HIGH;
  const b = 2 * whole;
  const high = a + b;
  const back = high - a;
  const low = a - (high - back) + (b - back) + (2 * wholeLow + k * LN2_LOW);
  pair[0] = high + low;
  pair[1] = high - pair[0]! + low;
}

/** 2^(j/32) as high and low parts, by repeated square roots and products. */
const STEPS = 32;
const stepHigh = new Float64Array(STEPS);
const stepLow = new Float64Array(STEPS);

/** e^(x + rest): x = (k + j/32)·ln 2 + r with |r| ≤ ln 2 / 64. */
function expPair(x: number, rest: number): number {
  const n = Math.round(x * (STEPS * INVERSE_LN2));
  const j = ((n % STEPS) + STEPS) % STEPS;
  const k = (n - j) / STEPS;
  const r = x - n * (LN2_HIGH / STEPS) - (n * (LN2_LOW / STEPS) - rest);
  const c = r + r * r * (0.5 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r / 5040)))));
  const high = stepHigh[j]!;
  return scale(high + (stepLow[j]! + high * c), k);
}

/** x · 2^k, in two steps near the ends of the range. */
function scale(x: number, k: number): number {
  if (k > 1023) return x * powerOfTwo(1023) * powerOfTwo(k - 1023);
  if (k < -1022) return x * powerOfTwo(k + 1000) * powerOfTwo(-1000);
  return x * powerOfTwo(k);
}

function powerOfTwo(k: number): number {
  words[0] = 0;
  words[1] = (k + 1023) << 20;
  return float[0]!;
}

/** Fills the table: the root of a pair is the rounded root and the correction (a − root²) / (2·root). */
function fillSteps(): void {
  const rootHigh = new Float64Array(6);
  const rootLow = new Float64Array(6);
  rootHigh[0] = 2;
  for (let i = 1; i < 6; i++) {
    const root = Math.sqrt(rootHigh[i - 1]!);
    const square = root * root;
    rootHigh[i] = root;
    rootLow[i] = (rootHigh[i - 1]! - square - remainder(root, root, square) + rootLow[i - 1]!) / (2 * root);
  }
  for (let j = 0; j < STEPS; j++) {
    let high = 1;
    let low = 0;
    for (let i = 1; i < 6; i++) {
      if (((j >> (5 - i)) & 1) === 0) continue;
      const product = high * rootHigh[i]!;
      low = remainder(high, rootHigh[i]!, product) + (high * rootLow[i]! + low * rootHigh[i]!);
      high = product;
    }
    stepHigh[j] = high + low;
    stepLow[j] = high - stepHigh[j]! + low;
  }
}

fillSteps();
