/**
 * Portable elementary functions: only + − × ÷ and integer operations, so that every engine gives the same bits. Method:
 * argument reduction x = 2^k · m and the series of 2·atanh (log), and x = k·ln 2 + r with a Taylor series (exp).
 */
const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);
const LN2_HIGH = 6.93147180369123816490e-1;
const LN2_LOW = 1.90821492927058770002e-10;

/** Natural logarithm of a positive finite number. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  let k = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984;
    k = -54;
  }
  float[0] = x;
  let high = words[1]!;
  k += (high >>> 20) - 1023;
  high &= 0xfffff;
  const shift = (high + 0x95f64) & 0x100000;
  words[1] = high | (shift ^ 0x3ff00000);
  k += shift >>> 20;
  const f = float[0]! - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const t1 = w * (0.3999999999940941908 + w * (0.2222219843214978396 + w * 0.1531383769920937332));
  const t2 =
    z * (0.6666666666666735130 + w * (0.2857142874366239149 + w * (0.1818357216161805012 + w * 0.1479819860511658591)));
  const half = 0.5 * f * f;
  return k * LN2_HIGH - (half - (s * (half + t1 + t2) + k * LN2_LOW) - f);
}

/** Exponential function; 0 and Infinity outside the range of doubles. */
export function exp(x: number): number {
  if (x !== x) return x;
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY;
  if (x < -745.1332191019411) return 0;
  const k = Math.round(x / 0.6931471805599453);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum = 1;
  let term = 1;
  for (let i = 1; i < 20; i++) {
    term = (term * r) / i;
    sum += term;
  }
  return scale(sum, k);
}

/** x to the power y for x > 0. */
export function pow(x: number, y: number): number {
  return exp(y * log(x));
}

/** x · 2^k, in two steps near the ends of the range. */
function scale(x: number, k: number): number {
  if (k > 1023) return x * powerOfTwo(1023) * powerOfTwo(k - 1023);
  if (k < -1022) return x * powerOfTwo(-1022) * powerOfTwo(k + 1022);
  return x * powerOfTwo(k);
}

function powerOfTwo(k: number): number {
  words[0] = 0;
  words[1] = (k + 1023) << 20;
  return float[0]!;
}
