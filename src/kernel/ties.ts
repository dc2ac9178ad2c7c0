/** Scheduling counts that tell the events of one instant apart are numbers of 29 bits. */
export const SERIAL_MASK = 0x1fffffff;

/** A permutation of 29-bit numbers. */
export function permute(x: number, seed: number): number {
  x = (x + seed) & SERIAL_MASK;
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) & SERIAL_MASK;
  x = Math.imul(x ^ (x >>> 12) ^ seed, 0x297a2d39) & SERIAL_MASK;
  return x ^ (x >>> 15);
}
