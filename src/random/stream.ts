import tychei from 'seedrandom/lib/tychei.js';

/** Uniform numbers in (0, 1) with 53 bits. */
export interface Uniform {
  next(): number;
}

/** Told of every draw: for the check that two runs draw the same. */
export interface DrawObserver {
  /** @param path the stream  @param key key of a keyed draw, −1 for a stream  @param k number of the draw  @param value what was drawn */
  draw(path: string, key: number, k: number, value: number): void;
}

/** State of a stream. */
export interface StreamState {
  readonly path: string;
  /** The four words of the generator. */
  readonly words: readonly [number, number, number, number];
  /** Draws so far. */
  readonly draws: number;
}

/**
 * A named random stream: seedrandom's Tyche-i (Neves and Araujo 2011) seeded with `seed/path`, so that streams never share or shift
 * numbers. seedrandom makes the state; the numbers are drawn here, from four words that a checkpoint can save, and are those of
 * seedrandom's `double()`.
 */
export class Stream implements Uniform {
  readonly path: string;
  /** Draws so far. */
  draws = 0;
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: string, path: string) {
    this.path = path;
    const { a, b, c, d } = tychei(`${seed}/${path}`, { state: true }).state();
    this.a = a | 0;
    this.b = b | 0;
    this.c = c | 0;
    this.d = d | 0;
  }

  next(): number {
    this.draws++;
    let { a, b, c, d } = this;
    for (;;) {
      // Two words of the generator.
      b = (b << 25) ^ (b >>> 7) ^ c;
      c = (c - d) | 0;
      d = (d << 24) ^ (d >>> 8) ^ a;
      a = (a - b) | 0;
      b = (b << 20) ^ (b >>> 12) ^ c;
      c = (c - d) | 0;
      d = (d << 16) ^ (c >>> 16) ^ a;
      a = (a - b) | 0;
      const top = a >>> 11;
      b = (b << 25) ^ (b >>> 7) ^ c;
      c = (c - d) | 0;
      d = (d << 24) ^ (d >>> 8) ^ a;
      a = (a - b) | 0;
      b = (b << 20) ^ (b >>> 12) ^ c;
      c = (c - d) | 0;
      d = (d << 16) ^ (c >>> 16) ^ a;
      a = (a - b) | 0;
      const value = (top + (a >>> 0) / 4294967296) / 2097152;
      if (value === 0) continue;
      this.a = a;
      this.b = b;
      this.c = c;
      this.d = d;
      return value;
    }
  }

  /** Uniform integer in 0..bound−1. */
  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** What `restore` needs to go on from here. */
  save(): StreamState {
    return { path: this.path, words: [this.a, this.b, this.c, this.d], draws: this.draws };
  }

  /** Goes on where another stream of this path was saved. */
  restore(state: StreamState): void {
    if (state.path !== this.path) throw new Error(`state of stream ${state.path} given to stream ${this.path}`);
    [this.a, this.b, this.c, this.d] = state.words;
    this.draws = state.draws;
  }
}

class ObservedStream extends Stream {
  private readonly observer: DrawObserver;

  constructor(seed: string, path: string, observer: DrawObserver) {
    super(seed, path);
    this.observer = observer;
  }

  override next(): number {
    const value = super.next();
    this.observer.draw(this.path, -1, this.draws, value);
    return value;
  }
}

/** All randomness of a run: streams by path and keyed draws, both from one seed. */
export class Randomness {
  private readonly streams = new Map<string, Stream>();
  private readonly observer: DrawObserver | null;

  readonly seed: string;

  /** @param observer told of every draw; without one, draws cost nothing more */
  constructor(seed: string, observer?: DrawObserver) {
    this.seed = seed;
    this.observer = observer ?? null;
  }

  /** The stream of a path such as `etcd-2/disk`; the same object each time. */
  stream(path: string): Stream {
    let stream = this.streams.get(path);
    if (stream === undefined) {
      stream =
        this.observer === null ? new Stream(this.seed, path) : new ObservedStream(this.seed, path, this.observer);
      this.streams.set(path, stream);
    }
    return stream;
  }

  /** Draws that depend only on (seed, path, key, k): no state, so that order and number of other draws never matter. */
  keyed(path: string): KeyedDraws {
    if (this.observer === null) return new KeyedDraws(`${this.seed}/${path}`);
    return new ObservedKeyedDraws(`${this.seed}/${path}`, path, this.observer);
  }

  /** The state of every stream made so far. */
  save(): readonly StreamState[] {
    return [...this.streams.values()].map((stream) => stream.save());
  }

  /** Sets streams to saved states. */
  restore(states: readonly StreamState[]): void {
    for (const state of states) this.stream(state.path).restore(state);
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

class ObservedKeyedDraws extends KeyedDraws {
  private readonly path: string;
  private readonly observer: DrawObserver;

  constructor(seeded: string, path: string, observer: DrawObserver) {
    super(seeded);
    this.path = path;
    this.observer = observer;
  }

  override uniform(key: number, k: number): number {
    const value = super.uniform(key, k);
    this.observer.draw(this.path, key, k, value);
    return value;
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

/** Key of keyed draws made of three whole numbers: evenly spread below 2^52, so that keys of different origins do not meet. */
export function derivedKey(a: number, b: number, c: number): number {
  let low = mix32((a | 0) ^ Math.imul((b | 0) + 1, 0x9e3779b1));
  let high = mix32(Math.imul(Math.floor(a / 4294967296) + 1, 0x85ebca77) ^ Math.imul((c | 0) + 1, 0x846ca68b) ^ low);
  low = mix32(low + high);
  high = mix32(high ^ Math.imul(low, 0xc2b2ae35));
  return (low >>> 0) * 1048576 + (high >>> 12);
}

/** 32-bit hash of a text, for keys of keyed draws (FNV-1a with a final mix). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix32(hash) >>> 0;
}
