/** Rows of one piece of a column. */
const PIECE = 4096;
/** A new column has room for so many rows. */
const FIRST_ROOM = 64;
/** Of a piece of numbers, so many different ones are numbered. */
const MOST_VALUES = 256;

/** A piece whose numbers are few: of each row its place among them. */
class CodedNumbers {
  private readonly values: Float64Array;
  private readonly codes: Uint8Array;

  constructor(values: Float64Array, codes: Uint8Array) {
    this.values = values;
    this.codes = codes;
  }

  copyTo(target: Float64Array, at: number): void {
    const { values, codes } = this;
    for (let i = 0; i < codes.length; i++) target[at + i] = values[codes[i]!]!;
  }

  get byteLength(): number {
    return this.values.byteLength + this.codes.byteLength;
  }
}

type Integers = Int8Array | Int16Array | Int32Array;

/**
 * Growing numbers in pieces, of which each full one takes only the bytes that its values need: nothing when they are all the same, one, two or
 * four a row when they are whole and small, one when they are few, else eight.
 */
export class NumberColumn {
  /** Full pieces: one number for all rows, or one for each. */
  private readonly pieces: (number | Integers | Float64Array | CodedNumbers)[] = [];
  /** The piece that is being filled. */
  private open = new Float64Array(FIRST_ROOM);
  private used = 0;

  push(value: number): void {
    if (this.used === this.open.length) this.makeRoom();
    this.open[this.used++] = value;
  }

  /** Appends one value `count` times. */
  fill(value: number, count: number): void {
    for (let left = count; left > 0; ) {
      if (this.used === this.open.length) this.makeRoom();
      const some = Math.min(left, this.open.length - this.used);
      this.open.fill(value, this.used, this.used + some);
      this.used += some;
      left -= some;
    }
  }

  /** Appends values. */
  pushAll(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) this.push(values[i]!);
  }

  /** Bytes that hold the values. */
  get bytes(): number {
    let bytes = this.open.byteLength;
    for (const piece of this.pieces) bytes += typeof piece === 'number' ? 8 : piece.byteLength;
    return bytes;
  }

  /** All values. */
  values(): Float64Array {
    const { pieces, open, used } = this;
    if (pieces.length === 0) return open.subarray(0, used);
    const all = new Float64Array(pieces.length * PIECE + used);
    let at = 0;
    for (const piece of pieces) {
      if (typeof piece === 'number') all.fill(piece, at, at + PIECE);
      else if (piece instanceof CodedNumbers) piece.copyTo(all, at);
      else all.set(piece, at);
      at += PIECE;
    }
    all.set(open.subarray(0, used), at);
    return all;
  }

  private makeRoom(): void {
    const { open } = this;
    if (open.length < PIECE) {
      this.open = new Float64Array(open.length * 2);
      this.open.set(open);
      return;
    }
    this.pieces.push(shrunk(open));
    this.used = 0;
  }
}

/** The values of a piece in as few bytes as give them back exactly. */
function shrunk(values: Float64Array): number | Integers | Float64Array | CodedNumbers {
  let least = values[0]!;
  let most = least;
  let whole = true;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // Also false for NaN, what is larger, and minus zero.
    if (!Object.is(value | 0, value)) {
      whole = false;
      break;
    }
    if (value < least) least = value;
    else if (value > most) most = value;
  }
  if (!whole) return coded(values) ?? values.slice();
  if (least === most) return least;
  if (least >= -0x80 && most <= 0x7f) return Int8Array.from(values);
  if (least >= -0x8000 && most <= 0x7fff) return Int16Array.from(values);
  return Int32Array.from(values);
}

/** The numbered values of a piece that has few different ones; null: it has too many. */
function coded(values: Float64Array): number | CodedNumbers | null {
  const numbers = new Map<number, number>();
  const codes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // A Map takes minus zero for zero.
    if (Object.is(value, -0)) return null;
    let code = numbers.get(value);
    if (code === undefined) {
      if (numbers.size === MOST_VALUES) return null;
      numbers.set(value, (code = numbers.size));
    }
    codes[i] = code;
  }
  return numbers.size === 1 ? values[0]! : new CodedNumbers(Float64Array.from(numbers.keys()), codes);
}

/**
 * Growing texts in pieces. While at most half of a column's texts are new, a full piece holds of each row the number of its text, in as few bytes
 * as these need; otherwise it holds the texts.
 */
export class TextColumn {
  private readonly pieces: ((readonly string[]) | Uint8Array | Uint16Array | Uint32Array)[] = [];
  private open: string[] = [];
  /** The numbered texts in order, and their numbers; null: too few come again. */
  private readonly texts: string[] = [];
  private numbers: Map<string, number> | null = new Map();

  push(text: string): void {
    this.open.push(text);
    if (this.open.length === PIECE) this.close();
  }

  /** Appends one text `count` times. */
  fill(text: string, count: number): void {
    for (let i = 0; i < count; i++) this.push(text);
  }

  /** All texts. */
  values(): readonly string[] {
    const { pieces, open, texts } = this;
    if (pieces.length === 0) return open;
    const all = new Array<string>(pieces.length * PIECE + open.length);
    let at = 0;
    for (const piece of pieces) {
      if (Array.isArray(piece)) for (const text of piece as readonly string[]) all[at++] = text;
      else for (const number of piece as Uint8Array) all[at++] = texts[number]!;
    }
    for (const text of open) all[at++] = text;
    return all;
  }

  private close(): void {
    this.pieces.push(this.numbered() ?? this.open.slice());
    this.open = [];
  }

  /** The numbers of the open piece's texts; null: the texts are not numbered. */
  private numbered(): Uint8Array | Uint16Array | Uint32Array | null {
    const { open, texts, numbers } = this;
    if (numbers === null) return null;
    const piece = new Uint32Array(PIECE);
    let last: string | null = null;
    let number: number | undefined = 0;
    for (let i = 0; i < PIECE; i++) {
      const text = open[i]!;
      // Rows of one series stand together.
      if (text !== last) {
        last = text;
        number = numbers.get(text);
        if (number === undefined) {
          number = texts.push(text) - 1;
          numbers.set(text, number);
        }
      }
      piece[i] = number!;
    }
    if (texts.length > ((this.pieces.length + 1) * PIECE) / 2) this.numbers = null;
    // A number is at most the last one given.
    if (texts.length <= 0x100) return Uint8Array.from(piece);
    return texts.length <= 0x10000 ? Uint16Array.from(piece) : piece;
  }
}
