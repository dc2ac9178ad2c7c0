/**
 * A running 64-bit hash of the events handled: two runs did the same exactly when their hashes are equal (up to a chance of
 * 2^−64). Two 32-bit lanes, three multiplications an event, on the bit pattern of the time, so that no division is needed.
 */
export class TraceHash {
  /** The two lanes. */
  readonly lanes: Int32Array = new Int32Array([0x811c9dc5 | 0, 0x9e3779b9 | 0]);

  /** Takes in one event: low and high word of the time's bit pattern, target, opcode. */
  add(low: number, high: number, target: number, opcode: number): void {
    const { lanes } = this;
    let a = Math.imul(lanes[0]! ^ low, 0xcc9e2d51);
    let b = Math.imul(lanes[1]! ^ high ^ (opcode << 16), 0x1b873593);
    a = ((a << 15) | (a >>> 17)) + b;
    b = ((b << 13) | (b >>> 19)) ^ Math.imul(a ^ target, 0x85ebca6b);
    lanes[0] = a;
    lanes[1] = b;
  }

  /** A hash of this one and of another. */
  with(other: TraceHash): TraceHash {
    const both = new TraceHash();
    both.lanes.set(this.lanes);
    both.add(other.lanes[0]!, other.lanes[1]!, 0, 0);
    return both;
  }

  /** The hash as 16 hexadecimal digits. */
  get hex(): string {
    const a = mix(this.lanes[0]!);
    const b = mix(this.lanes[1]! ^ a);
    return hex(mix(a + b)) + hex(b);
  }
}

function mix(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
