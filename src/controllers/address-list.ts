import type { EndpointAddress } from '../api/cluster-kinds.js';

const CHUNK = 256;

/** Addresses in order of ip and uid, in sorted chunks: a change costs O(log n) comparisons and the move of part of a chunk. */
export class AddressList {
  length = 0;
  private readonly chunks: EndpointAddress[][] = [];

  /** Puts an address in; returns how many come before it. */
  insert(address: EndpointAddress): number {
    this.length++;
    if (this.chunks.length === 0) {
      this.chunks.push([address]);
      return 0;
    }
    const at = this.chunkOf(address);
    const chunk = this.chunks[at]!;
    const position = lowerBound(chunk, address);
    chunk.splice(position, 0, address);
    const rank = this.before(at) + position;
    if (chunk.length > CHUNK) this.chunks.splice(at + 1, 0, chunk.splice(CHUNK >> 1));
    return rank;
  }

  /** Takes an address out that is in the list; returns how many came before it. */
  remove(address: EndpointAddress): number {
    const at = this.chunkOf(address);
    const chunk = this.chunks[at]!;
    const position = lowerBound(chunk, address);
    const rank = this.before(at) + position;
    chunk.splice(position, 1);
    if (chunk.length === 0) this.chunks.splice(at, 1);
    this.length--;
    return rank;
  }

  /** The first addresses, `count` at most. */
  first(count: number): EndpointAddress[] {
    const taken: EndpointAddress[] = [];
    for (const chunk of this.chunks) {
      for (const address of chunk) {
        if (taken.length >= count) return taken;
        taken.push(address);
      }
    }
    return taken;
  }

  private before(at: number): number {
    let before = 0;
    for (let i = 0; i < at; i++) before += this.chunks[i]!.length;
    return before;
  }

  /** The last chunk whose first address is not behind the given one, or the first chunk. */
  private chunkOf(address: EndpointAddress): number {
    let low = 0;
    let high = this.chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (comesBefore(address, this.chunks[middle]![0]!)) high = middle - 1;
      else low = middle;
    }
    return low;
  }
}

function lowerBound(chunk: readonly EndpointAddress[], address: EndpointAddress): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comesBefore(chunk[middle]!, address)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Order of addresses: by address, then by pod. */
export function comesBefore(a: EndpointAddress, b: EndpointAddress): boolean {
  if (a.ip !== b.ip) return a.ip < b.ip;
  return (a.targetRef?.uid ?? '') < (b.targetRef?.uid ?? '');
}
