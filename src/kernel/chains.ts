/** Work on chains of event records, linked through their `next`. */
import { type EventRecords, NO_TARGET } from './event-list.js';

/**
 * A chain whose events all have one time and come newest first, as pushes leave them, in ascending order of key: its new head, the old one is
 * its tail. Any other chain: its head negated, in some order.
 */
export function reverseTies({ f64, i32 }: EventRecords, chain: number): number {
  const time = f64[chain << 2]!;
  let head = 0;
  let key = Number.POSITIVE_INFINITY;
  for (let record = chain; ; ) {
    const next = i32[(record << 3) + 4]!;
    const own = f64[(record << 2) + 1]!;
    if (f64[record << 2] !== time || own > key) {
      i32[(chain << 3) + 4] = record;
      return -head;
    }
    i32[(record << 3) + 4] = head;
    head = record;
    key = own;
    if (next === 0) return head;
    record = next;
  }
}

/** A chain in ascending order of key: its ascending and descending stretches are merged. */
export function sortChain({ f64, i32 }: EventRecords, chain: number): number {
  const stretches: number[] = [];
  while (chain !== 0) {
    let head = chain;
    let last = chain;
    let next = i32[(chain << 3) + 4]!;
    const descending = next !== 0 && f64[(next << 2) + 1]! < f64[(chain << 2) + 1]!;
    while (next !== 0 && f64[(next << 2) + 1]! < f64[(last << 2) + 1]! === descending) {
      const after = i32[(next << 3) + 4]!;
      if (descending) {
        i32[(next << 3) + 4] = head;
        head = next;
      }
      last = next;
      next = after;
    }
    i32[((descending ? chain : last) << 3) + 4] = 0;
    stretches.push(head);
    chain = next;
  }
  for (let width = stretches.length; width > 1; width = (width + 1) >> 1) {
    for (let i = 0; i < width >> 1; i++) stretches[i] = merge(f64, i32, stretches[2 * i]!, stretches[2 * i + 1]!);
    if (width % 2 === 1) stretches[width >> 1] = stretches[width - 1]!;
  }
  return stretches[0]!;
}

/** Merges two chains that ascend in key. */
function merge(f64: Float64Array, i32: Int32Array, a: number, b: number): number {
  let head = 0;
  let tail = 0;
  while (a !== 0 && b !== 0) {
    let least: number;
    if (f64[(a << 2) + 1]! < f64[(b << 2) + 1]!) {
      least = a;
      a = i32[(a << 3) + 4]!;
    } else {
      least = b;
      b = i32[(b << 3) + 4]!;
    }
    if (tail === 0) head = least;
    else i32[(tail << 3) + 4] = least;
    tail = least;
  }
  i32[(tail << 3) + 4] = a !== 0 ? a : b;
  return head;
}

/** A chain without its cancelled records, in the same order. */
export function sweepChain(records: EventRecords, chain: number): number {
  const { i32 } = records;
  let head = 0;
  let tail = 0;
  while (chain !== 0) {
    const next = i32[(chain << 3) + 4]!;
    if (i32[(chain << 3) + 5] === NO_TARGET) {
      records.release(chain);
    } else {
      if (tail === 0) head = chain;
      else i32[(tail << 3) + 4] = chain;
      tail = chain;
    }
    chain = next;
  }
  if (tail !== 0) i32[(tail << 3) + 4] = 0;
  return head;
}
