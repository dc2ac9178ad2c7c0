import type { Entry } from './types.js';

/** Bytes of a protobuf varint. */
export function varintSize(value: number): number {
  let size = 1;
  // Division, not shifts: terms and lengths may exceed 32 bits.
  while (value >= 128) {
    value = Math.floor(value / 128);
    size++;
  }
  return size;
}

/** Encoded bytes of an entry in etcd's wire format: type, term, index and (unless nil) data, each with a one-byte tag. */
export function entrySize(entry: Entry): number {
  const { term, index, dataLength } = entry;
  // The three fixed tags and the type byte make 4; small numbers are decided without a loop.
  let size = 4;
  size += term < 128 ? 1 : varintSize(term);
  size += index < 128 ? 1 : index < 16384 ? 2 : index < 2097152 ? 3 : varintSize(index);
  if (dataLength >= 0) {
    size += 1 + dataLength + (dataLength < 128 ? 1 : dataLength < 16384 ? 2 : varintSize(dataLength));
  }
  return size;
}

/** Encoded bytes of all entries. */
export function entriesSize(entries: readonly Entry[]): number {
  let size = 0;
  for (let i = 0; i < entries.length; i++) size += entrySize(entries[i]!);
  return size;
}

/** Bytes of data alone, which flow control and the uncommitted limit count. */
export function payloadSize(entries: readonly Entry[]): number {
  let size = 0;
  for (let i = 0; i < entries.length; i++) {
    const length = entries[i]!.dataLength;
    if (length > 0) size += length;
  }
  return size;
}

/** End of the longest run from `start` within `maxSize` bytes; one entry is always taken if there is any. */
export function limitedEnd(entries: readonly Entry[], start: number, end: number, maxSize: number): number {
  if (end - start <= 1) return end;
  let size = entrySize(entries[start]!);
  for (let i = start + 1; i < end; i++) {
    size += entrySize(entries[i]!);
    if (size > maxSize) return i;
  }
  return end;
}
