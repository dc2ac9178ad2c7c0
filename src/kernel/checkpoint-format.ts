/** The encoding of checkpoints: words of 32 bits, the kind in the low bits, a detail above. */

/** Kinds of values, in the low four bits of a word. */
export const SPECIAL = 0;
export const SMALL = 1;
export const DOUBLE = 2;
export const STRING = 3;
export const OBJECT = 4;
export const EXTERNAL = 5;
export const BIGINT = 6;

export const UNDEFINED = 0;
export const NULL = 1;
export const FALSE = 2;
export const TRUE = 3;
export const HOLE = 4;

/** Kinds of objects. */
export const RECORD = 0;
export const ARRAY = 1;
export const MAP = 2;
export const SET = 3;
export const VIEW = 4;
export const BUFFER = 5;

export const SMALL_LIMIT = 2 ** 27;

export const VIEWS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;
export type ViewName = keyof typeof VIEWS;

/** Objects of one class with the same keys in the same order. */
export interface Shape {
  /** Name of the class; empty for plain objects, `null` for objects without a prototype. */
  readonly name: string;
  readonly keys: readonly string[];
}

/** A saved graph. Plain data: `structuredClone` and `v8.serialize` take it as it is. */
export interface Checkpoint {
  readonly version: 1;
  readonly shapes: readonly Shape[];
  readonly strings: readonly string[];
  readonly doubles: Float64Array;
  /** Kind (low 3 bits) and shape, length or view of each object. */
  readonly kinds: Uint32Array;
  /** The contents of the objects, one after the other. */
  readonly words: Uint32Array;
  readonly buffers: readonly ArrayBuffer[];
}
