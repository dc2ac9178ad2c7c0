import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Document } from 'yaml';
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter } from 'yaml';
import { describeValue } from '../api/reader.js';
import type { InputErrorDetails, Position } from './input-error.js';
import { InputError } from './input-error.js';
import { parseLenient } from './unindented-quotes.js';

/** Where a file is that another one names: from that one's folder, unless its path is absolute. */
export function fileFrom(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}

/** Steps from the top of a document to a value: keys and list indices. */
export type Path = readonly (string | number)[];

const LINE_FEED = 10;
/** Bytes of a line that may be shown. */
const LONGEST_LINE = 10000;

/** A file that was read, kept as bytes: big dumps are decoded item by item. */
export class SourceFile {
  /** Path as the user would open it. */
  readonly path: string;
  readonly bytes: Buffer;
  private lineNumber = 1;
  private lineStart = 0;

  constructor(path: string, bytes: Buffer) {
    this.path = path;
    this.bytes = bytes;
  }

  /** Text of a range of bytes. */
  text(start = 0, end = this.bytes.length): string {
    return this.bytes.toString('utf8', start, end);
  }

  /** Line and column (in characters) of a byte. */
  positionAt(offset: number): Position {
    this.seek((_line, next) => next <= offset, this.lineStart <= offset);
    return { line: this.lineNumber, column: this.text(this.lineStart, offset).length + 1 };
  }

  /** Text of a line, without its end; of a very long one only the beginning. */
  line(number: number): string {
    this.seek((line) => line < number, this.lineNumber <= number);
    const found = this.bytes.indexOf(LINE_FEED, this.lineStart);
    const end = found < 0 ? this.bytes.length : found;
    return this.text(this.lineStart, Math.min(end, this.lineStart + LONGEST_LINE)).replace(/\r$/, '');
  }

  /** Walks on from the line of the last look-up (errors come in order), or from the top, while `before` says so. */
  private seek(before: (line: number, next: number) => boolean, onward: boolean): void {
    if (!onward) {
      this.lineNumber = 1;
      this.lineStart = 0;
    }
    for (;;) {
      const found = this.bytes.indexOf(LINE_FEED, this.lineStart);
      if (found < 0 || !before(this.lineNumber, found + 1)) return;
      this.lineNumber++;
      this.lineStart = found + 1;
    }
  }

  /** An error in this file, with the line shown. */
  error(
    position: Position | undefined,
    details: Omit<InputErrorDetails, 'file' | 'position' | 'sourceLine'>,
  ): InputError {
    const place = position === undefined ? {} : { position, sourceLine: this.line(position.line) };
    return new InputError({ file: this.path, ...place, ...details });
  }
}

/** Reads a file, unpacking one that ends in `.gz`; a missing, unreadable or empty one is an InputError (placed by `missing`, where the file is named). */
export function readSource(
  path: string,
  missing: (message: string) => InputError = (message) => new InputError({ file: path, message }),
): SourceFile {
  let bytes: Buffer;
  try {
    if (statSync(path).isDirectory()) throw missing(`expected a file, found the folder ${path}`);
    bytes = path.endsWith('.gz') ? gunzipSync(readFileSync(path)) : readFileSync(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    throw missing(
      code === 'ENOENT' ? `no such file: ${path}` : `cannot read ${path}: ${code ?? (error as Error).message}`,
    );
  }
  const start = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const source = new SourceFile(path, start === 0 ? bytes : bytes.subarray(start));
  if (source.bytes.length === 0) throw new InputError({ file: path, message: 'the file is empty' });
  return source;
}

/** A range of a file that is one YAML or JSON value. Positions inside it are worked out only when asked for. */
export class SourceItem {
  readonly source: SourceFile;
  readonly start: number;
  readonly end: number;
  /** Steps from the value of the range to the item itself. */
  readonly prefix: Path;

  constructor(source: SourceFile, start: number, end: number, prefix: Path = []) {
    this.source = source;
    this.start = start;
    this.end = end;
    this.prefix = prefix;
  }

  /** Position of the value at a path, or of the nearest thing above it that exists. */
  position(path: Path): Position {
    return this.locate(path, false);
  }

  /** Position of the key at the end of a path. */
  keyPosition(path: Path): Position {
    return this.locate(path, true);
  }

  /** `file:line:column` of a path. */
  place(path: Path): string {
    const { line, column } = this.position(path);
    return `${this.source.path}:${line}:${column}`;
  }

  error(path: Path, details: Omit<InputErrorDetails, 'file' | 'position' | 'sourceLine'>): InputError {
    return this.source.error(this.position(path), details);
  }

  keyError(path: Path, details: Omit<InputErrorDetails, 'file' | 'position' | 'sourceLine'>): InputError {
    return this.source.error(this.keyPosition(path), details);
  }

  private locate(path: Path, key: boolean): Position {
    const first = this.source.positionAt(this.start);
    const located = parsePositions(this);
    if (located === undefined) return first;
    const { document, counter } = located;
    const inside = counter.linePos(offsetOf(document, [...this.prefix, ...path], key));
    return inside.line === 1
      ? { line: first.line, column: first.column + inside.col - 1 }
      : { line: first.line + inside.line - 1, column: inside.col };
  }
}

interface Located {
  readonly document: Document.Parsed;
  readonly counter: LineCounter;
}

let lastItem: SourceItem | undefined;
let lastLocated: Located | undefined;

/**
 * Parses a range again with positions; the last one is remembered, as errors come in groups. Undefined for JSON that nests
 * deeper than the YAML parser can follow.
 */
function parsePositions(item: SourceItem): Located | undefined {
  if (
    lastLocated !== undefined &&
    lastItem?.source === item.source &&
    lastItem.start === item.start &&
    lastItem.end === item.end
  ) {
    return lastLocated;
  }
  const counter = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseLenient(item.source.text(item.start, item.end), { ...YAML_OPTIONS, lineCounter: counter });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  lastItem = item;
  lastLocated = { document, counter };
  return lastLocated;
}

/** How YAML is read: version 1.2 with the merge keys that manifests use; messages are ours. */
export const YAML_OPTIONS = { prettyErrors: false, merge: true, uniqueKeys: true, logLevel: 'error' } as const;

function offsetOf(document: Document.Parsed, path: Path, key: boolean): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (let i = 0; i < path.length; i++) {
    const step = path[i];
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      );
      if (pair === undefined) return offset;
      const keyStart = startOf(pair.key) ?? offset;
      if (key && i === path.length - 1) return keyStart;
      node = pair.value;
      // An empty value stands nowhere: its key is the best place to point at.
      offset = isScalar(node) && node.source === '' ? keyStart : (startOf(node) ?? keyStart);
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      if (node === undefined) return offset;
      offset = startOf(node) ?? offset;
    } else return offset;
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return (node as { range?: readonly [number, number, number] | null } | null)?.range?.[0];
}

/** Path of a field error such as `spec.containers[0].image` or `metadata.labels[a/b]` as steps. */
export function stepsOf(field: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const [, name, bracket] of field.matchAll(/([^.[\]]+)|\[([^\]]*)\]/g)) {
    if (name !== undefined) steps.push(name);
    else steps.push(/^\d+$/.test(bracket!) ? Number(bracket) : bracket!);
  }
  return steps;
}

export { describeValue };
