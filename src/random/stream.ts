import tychei from 'seedrandom/lib/tychei.js';

/** Uniform numbers in (0, 1) with 53 bits. */
export interface Uniform {
  next(): number;
}

/** A named random stream: seedrandom's Tyche-i seeded with `seed/path`, so that streams never share or shift numbers. */
export class Stream implements Uniform {
  readonly path: string;
  private readonly generator: tychei.PRNG;

  constructor(seed: string, path: string) {
    this.path = path;
    this.generator = tychei(`${seed}/${path}`, { state: true });
  }

  next(): number {
    return this.generator.double();
  }

  /** Uniform integer in 0..bound−1. */
  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }
}

/** All randomness of a run: streams by path and keyed draws, both from one seed. */
export class Randomness {
  private readonly streams = new Map<string, Stream>();

  readonly seed: string;

  constructor(seed: string) {
    this.seed = seed;
  }

  /** The stream of a path such as `etcd-2/disk`; the same object each time. */
  stream(path: string): Stream {
    let stream = this.streams.get(path);
    if (stream === undefined) {
      stream = new Stream(this.seed, path);
      this.streams.set(path, stream);
    }
    return stream;
  }

  /** Draws that depend only on (seed, path, key, k): no state, so that order and number of other draws never matter. */
  keyed(path: string): KeyedDraws {
    return new KeyedDraws(`${this.seed}/${path}`);
  }
}

/** Counter-based uniform draws: a 64-bit mixing hash (murmur3's finalizer on both halves) of (path, key, k). */
export class KeyedDraws {
  private readonly low: number;
  private readonly high: number;

  constructor(path: string) {
    let low = 0x811c9dc5 | 0;
    let high = 0x9e3779b9 | 0;
    for (let i = 0; i < path.length; i++) {
      low = Math.imul(low ^ path.charCodeAt(i), 0x01000193);
      high = Math.imul(high ^ low ^ (low >>> 15), 0x85ebca6b);
    }
    this.low = mix32(low);
    this.high = mix32(high);
  }

  /** Uniform number in (0, 1) for a key (whole number below 2^53) and a draw number k. */
  uniform(key: number, k: number): number {
    const keyHigh = Math.floor(key / 4294967296);
    const keyLow = key | 0;
    let a = mix32(this.low ^ Math.imul(keyLow, 0x9e3779b1) ^ Math.imul(k + 1, 0x7feb352d));
    let b = mix32(this.high ^ Math.imul(keyHigh + 1, 0x85ebca77) ^ Math.imul(k + 1, 0x846ca68b) ^ a);
    a = mix32(a + b);
    b = mix32(b ^ keyLow ^ Math.imul(a, 0xc2b2ae35));
    return ((a >>> 0) * 2097152 + (b >>> 11) + 0.5) * 1.1102230246251565e-16;
  }

  /** The draws of one key as a source: its n-th call gives `uniform(key, n)`. */
  source(key: number): Uniform {
    return new KeyedSource(this, key);
  }
}

class KeyedSource implements Uniform {
  private k = 0;
  private readonly draws: KeyedDraws;
  private readonly key: number;

  constructor(draws: KeyedDraws, key: number) {
    this.draws = draws;
    this.key = key;
  }

  next(): number {
    return this.draws.uniform(this.key, this.k++);
  }
}

function mix32(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** 32-bit hash of a text, for keys of keyed draws (FNV-1a with a final mix). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix32(hash) >>> 0;
}
