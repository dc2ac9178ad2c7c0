/**
 * Kubernetes quantities (apimachinery pkg/api/resource): `100m`, `0.5`, `128Mi`, `12e6`. An amount is held exactly, as a
 * whole number of 10⁻⁹ (the finest that Kubernetes keeps), with the suffix family it was written in.
 */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

export interface Quantity {
  /** The amount in units of 10⁻⁹. */
  readonly nano: bigint;
  readonly format: QuantityFormat;
}

/** Text that is no quantity; the message says what was expected. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const NANO = 1_000_000_000n;
/** Amounts above this are capped (quantity.go maxAllowed: 2^63−1). */
const MAXIMUM_NANO = ((1n << 63n) - 1n) * NANO;

const decimalSuffixes: readonly (readonly [string, number])[] = [
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
];
const binarySuffixes: readonly (readonly [string, bigint])[] = [
  ['Ki', 1n << 10n],
  ['Mi', 1n << 20n],
  ['Gi', 1n << 30n],
  ['Ti', 1n << 40n],
  ['Pi', 1n << 50n],
  ['Ei', 1n << 60n],
];

const decimalExponent = new Map(decimalSuffixes);
const binaryFactor = new Map(binarySuffixes);
const shape = /^([+-]?)(\d*)(?:\.(\d*))?(.*)$/s;

/** Reads a quantity exactly; amounts finer than 10⁻⁹ are rounded away from zero. Throws QuantityError. */
export function parseQuantity(text: string): Quantity {
  const [, sign, whole = '', fraction = '', suffix = ''] = shape.exec(text) as RegExpExecArray;
  if (whole === '' && fraction === '') throw new QuantityError(unexpected(text, 'it does not start with a number'));
  const scale = suffixScale(text, suffix);
  const digits = BigInt(whole + fraction);
  let numerator = digits * scale.factor * NANO;
  let denominator = 1n;
  const power = scale.exponent - fraction.length;
  // Beyond this every amount is capped or rounded up to the finest one, and the powers of ten would only cost memory.
  if (power > 64) numerator = digits === 0n ? 0n : MAXIMUM_NANO;
  else if (power >= 0) numerator *= powerOfTen(power);
  else if (-power > 64 + fraction.length + whole.length) numerator = digits === 0n ? 0n : 1n;
  else denominator = powerOfTen(-power);
  let nano = ceilDivide(numerator, denominator);
  if (nano > MAXIMUM_NANO) nano = MAXIMUM_NANO;
  return { nano: sign === '-' ? -nano : nano, format: scale.format };
}

function powerOfTen(exponent: number): bigint {
  return BigInt(`1${'0'.repeat(exponent)}`);
}

function suffixScale(text: string, suffix: string): { factor: bigint; exponent: number; format: QuantityFormat } {
  const exponent = decimalExponent.get(suffix);
  if (exponent !== undefined) return { factor: 1n, exponent, format: 'DecimalSI' };
  const factor = binaryFactor.get(suffix);
  if (factor !== undefined) return { factor, exponent: 0, format: 'BinarySI' };
  const scientific = /^[eE]([+-]?\d+)$/.exec(suffix);
  if (scientific !== null) return { factor: 1n, exponent: Number(scientific[1]), format: 'DecimalExponent' };
  throw new QuantityError(unexpected(text, `${JSON.stringify(suffix)} is no suffix of a quantity`));
}

function unexpected(text: string, why: string): string {
  return (
    `expected a quantity such as 100m, 0.5, 128Mi or 2G (a number and one of n u m k M G T P E Ki Mi Gi Ti Pi Ei), ` +
    `found ${JSON.stringify(text)}: ${why}`
  );
}

/** Quotient rounded up, for numbers that are not negative. */
function ceilDivide(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}

/** Rounds an amount away from zero to a whole multiple of a unit given in 10⁻⁹ (Quantity.ScaledValue). */
function scaled(nano: bigint, unit: bigint): bigint {
  return nano >= 0n ? ceilDivide(nano, unit) : -ceilDivide(-nano, unit);
}

/** Whole units, rounded up (Quantity.Value). */
export function quantityValue(quantity: Quantity): number {
  return Number(scaled(quantity.nano, NANO));
}

/** Thousandths, rounded up (Quantity.MilliValue). */
export function quantityMilliValue(quantity: Quantity): number {
  return Number(scaled(quantity.nano, 1_000_000n));
}

/** Canonical text (Quantity.CanonicalizeBytes): no fraction, the largest suffix that keeps the amount exact. */
export function formatQuantity(quantity: Quantity): string {
  const { nano, format } = quantity;
  if (nano === 0n) return '0';
  const small = nano > -1024n * NANO && nano < 1024n * NANO;
  if (format === 'BinarySI' && !small) return formatBinary(scaled(nano, NANO));
  return formatDecimal(nano, format === 'DecimalExponent');
}

function formatBinary(value: bigint): string {
  let suffix = '';
  for (const [name, factor] of binarySuffixes) {
    if (value % factor !== 0n) break;
    suffix = name;
  }
  return suffix === '' ? `${value}` : `${value / (binaryFactor.get(suffix) as bigint)}${suffix}`;
}

function formatDecimal(nano: bigint, scientific: boolean): string {
  let mantissa = nano;
  let exponent = -9;
  while (exponent < 18 && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (scientific) return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
  const suffix = (decimalSuffixes.find(([, power]) => power === exponent) as readonly [string, number])[0];
  return `${mantissa}${suffix}`;
}

/** Texts met before, as amounts: dumps repeat the same few quantities a hundred thousand times. */
class AmountCache {
  private readonly amounts = new Map<string, number>();
  private readonly milli: boolean;

  constructor(milli: boolean) {
    this.milli = milli;
  }

  amount(text: string): number {
    let amount = this.amounts.get(text);
    if (amount === undefined) {
      const quantity = parseQuantity(text);
      amount = this.milli ? quantityMilliValue(quantity) : quantityValue(quantity);
      if (this.amounts.size < 4096) this.amounts.set(text, amount);
    }
    return amount;
  }
}

const milliAmounts = new AmountCache(true);
const wholeAmounts = new AmountCache(false);

/**
 * The amount of a resource as a `ResourceList` holds it: millicores for `cpu`, whole base units for all others. Throws
 * QuantityError.
 */
export function resourceAmount(resource: string, quantity: string | number): number {
  const text = typeof quantity === 'number' ? numberText(quantity) : quantity;
  return isCpu(resource) ? milliAmounts.amount(text) : wholeAmounts.amount(text);
}

/** Text of an amount of a `ResourceList`: cpu `1500m` or `2`, memory and storage `128Mi`, others decimal. */
export function resourceText(resource: string, amount: number): string {
  if (isCpu(resource)) return formatQuantity({ nano: BigInt(Math.round(amount)) * 1_000_000n, format: 'DecimalSI' });
  const binary = /(^|\.)(memory|storage|ephemeral-storage)$|^hugepages-/.test(resource);
  return formatQuantity({ nano: BigInt(Math.round(amount)) * NANO, format: binary ? 'BinarySI' : 'DecimalSI' });
}

function isCpu(resource: string): boolean {
  return resource === 'cpu' || resource === 'requests.cpu' || resource === 'limits.cpu';
}

/** JSON text of a number: what the API server's decoder sees when a manifest writes a quantity without quotes. */
function numberText(value: number): string {
  if (!Number.isFinite(value)) throw new QuantityError(unexpected(String(value), 'it is no finite number'));
  return String(value);
}
