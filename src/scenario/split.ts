import type { Document } from 'yaml';
import { LineCounter, parseAllDocuments, visit } from 'yaml';
import { isMap } from '../api/reader.js';
import { type InputError, throwInputErrors } from './input-error.js';
import { jsonErrorOffset } from './json-position.js';
import type { SourceFile } from './source.js';
import { SourceItem, YAML_OPTIONS } from './source.js';
import { parseLenient } from './unindented-quotes.js';

/** One value of a file: a document, or an item of a List in it. */
export interface ParsedItem {
  readonly value: unknown;
  readonly item: SourceItem;
}

/** Documents above this size are cut at the items of their List and parsed piece by piece, to bound memory. */
const WHOLE_DOCUMENT_BYTES = 1 << 20;

/** Aliases that may be resolved in one document; more are an attack on memory. */
const MAXIMUM_ALIASES = 10000;

/** Lists inside lists that are looked into. */
const MAXIMUM_LIST_DEPTH = 8;

/** Called for each value; an InputError for each piece that cannot be parsed. */
export interface ItemSink {
  value(value: unknown, item: SourceItem): void;
  error(error: InputError): void;
}

/** Parses a file of YAML documents or JSON, item by item. Lists are flattened. */
export function parseItems(source: SourceFile, sink: ItemSink): void {
  const first = firstCharacter(source.bytes);
  if (first === undefined) {
    sink.error(source.error(undefined, { message: 'the file holds nothing but white space and comments' }));
    return;
  }
  if ((first === '{' || first === '[') && parseJson(source, sink)) return;
  for (const [start, end] of yamlDocuments(source.bytes)) parseYamlDocument(source, start, end, sink);
}

function firstCharacter(bytes: Buffer): string | undefined {
  for (const byte of bytes)
    if (byte !== 32 && byte !== 9 && byte !== 10 && byte !== 13) return String.fromCharCode(byte);
  return undefined;
}

// ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Parses JSON; false when the file is YAML after all (flow style) and small enough to be tried as such. */
function parseJson(source: SourceFile, sink: ItemSink): boolean {
  const { bytes } = source;
  if (bytes.length > WHOLE_DOCUMENT_BYTES) {
    const items = jsonListItems(bytes);
    if (items !== undefined) {
      for (const [start, end] of items) {
        const item = new SourceItem(source, start, end);
        const text = source.text(start, end);
        try {
          sink.value(JSON.parse(text), item);
        } catch {
          sink.error(jsonError(source, start, text));
        }
      }
      return true;
    }
  }
  const text = source.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    if (!source.path.endsWith('.json')) return false;
    sink.error(jsonError(source, 0, text));
    return true;
  }
  flatten(value, new SourceItem(source, 0, bytes.length), sink);
  return true;
}

/** Byte ranges of the elements of the top-level `items` list; undefined when the text is not such an object. */
function jsonListItems(bytes: Buffer): readonly (readonly [number, number])[] | undefined {
  const items: [number, number][] = [];
  let depth = 0;
  let inItems = false;
  let start = -1;
  let lastString = '';
  let stringStart = -1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === 0x22) {
      stringStart = i;
      for (i++; i < bytes.length && bytes[i] !== 0x22; i++) if (bytes[i] === 0x5c) i++;
      if (depth === 1) lastString = bytes.toString('latin1', stringStart + 1, i);
    } else if (byte === 0x7b || byte === 0x5b) {
      depth++;
      if (byte === 0x5b && depth === 2 && lastString === 'items') inItems = true;
      else if (inItems && depth === 3) start = i;
    } else if (byte === 0x7d || byte === 0x5d) {
      if (inItems && depth === 3) items.push([start, i + 1]);
      if (inItems && depth === 2) return items;
      depth--;
    }
  }
  return undefined;
}

function jsonError(source: SourceFile, start: number, text: string): InputError {
  const offset = jsonErrorOffset(text) ?? 0;
  const position = source.positionAt(start + Buffer.byteLength(text.slice(0, offset)));
  const found = offset >= text.length ? 'the end of the file' : JSON.stringify(text[offset]);
  return source.error(position, { message: `no valid JSON: unexpected ${found}`, found });
}

// ── YAML ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Byte ranges between lines that are document markers (`---`, `...`). */
function* yamlDocuments(bytes: Buffer): Generator<readonly [number, number]> {
  let start = 0;
  for (let line = 0; line < bytes.length; ) {
    const next = bytes.indexOf(10, line);
    const end = next < 0 ? bytes.length : next + 1;
    if (isMarker(bytes, line, end, 0x2d)) {
      if (line > start) yield [start, line];
      start = line;
    } else if (isMarker(bytes, line, end, 0x2e)) {
      yield [start, line];
      start = end;
    }
    line = end;
  }
  if (start < bytes.length) yield [start, bytes.length];
}

/** Whether a line is three of a character, alone or followed by white space. */
function isMarker(bytes: Buffer, start: number, end: number, character: number): boolean {
  if (end - start < 3 || bytes[start] !== character || bytes[start + 1] !== character || bytes[start + 2] !== character)
    return false;
  const after = bytes[start + 3];
  return end === start + 3 || after === 10 || after === 13 || after === 32 || after === 9;
}

function parseYamlDocument(source: SourceFile, start: number, end: number, sink: ItemSink): void {
  if (end - start > WHOLE_DOCUMENT_BYTES) {
    const items = yamlListItems(source.bytes, start, end);
    if (items !== undefined) {
      for (const [from, to] of items) parseYamlPiece(source, from, to, [0], sink);
      return;
    }
  }
  parseYamlPiece(source, start, end, [], sink);
}

/** Templates of Helm and the like are no manifests yet. */
function templateHint(text: string): string {
  return /\{\{[^}]*\}\}/.test(text) ? '; a template: render it first, as with `helm template`' : '';
}

function parseYamlPiece(
  source: SourceFile,
  start: number,
  end: number,
  prefix: readonly (string | number)[],
  sink: ItemSink,
): void {
  const text = source.text(start, end);
  const document = parse(text);
  if (document === undefined) {
    sink.error(source.error(source.positionAt(start), { message: 'no valid YAML: nested too deeply' }));
    return;
  }
  const [error] = document.errors;
  if (error !== undefined) {
    const at = source.positionAt(start + Buffer.byteLength(text.slice(0, error.pos[0])));
    sink.error(source.error(at, { message: `no valid YAML: ${yamlMessage(error.message)}${templateHint(text)}` }));
    return;
  }
  const value = toValue(document, source, start, sink);
  if (value === undefined || value === null) return;
  const item = new SourceItem(source, start, end, prefix);
  if (prefix.length > 0) sink.value((value as readonly unknown[])[0], item);
  else flatten(value, item, sink);
}

/** The document of a text; undefined when it nests deeper than the parser can follow. */
function parse(text: string): Document.Parsed | undefined {
  try {
    return parseLenient(text, YAML_OPTIONS);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function toValue(document: Document.Parsed, source: SourceFile, start: number, sink: ItemSink): unknown {
  try {
    return document.toJS({ maxAliasCount: MAXIMUM_ALIASES });
  } catch (error) {
    sink.error(aliasError(document, source, start, error as Error));
    return undefined;
  }
}

/** What goes wrong only when a document becomes a value: aliases to nothing, aliases that multiply, depth. */
function aliasError(document: Document.Parsed, source: SourceFile, start: number, error: Error): InputError {
  const name = /Unresolved alias .*: (\S+)$/.exec(error.message)?.[1];
  let offset = 0;
  if (name !== undefined) {
    visit(document, {
      Alias: (_key, node) => {
        if (node.source !== name) return undefined;
        offset = node.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
  }
  const text = source.text(start).slice(0, offset);
  const why =
    name !== undefined
      ? `*${name} stands for nothing: no &${name} before it`
      : error instanceof RangeError
        ? 'nested too deeply'
        : error.message;
  return source.error(source.positionAt(start + Buffer.byteLength(text)), { message: `no valid YAML: ${why}` });
}

/** First sentence of the parser's message. */
function yamlMessage(message: string): string {
  return message.split('\n')[0]!.replace(/:$/, '');
}

/** Byte ranges of the items of a List whose `items:` stands at the left margin; undefined when there is none. */
function yamlListItems(bytes: Buffer, start: number, end: number): readonly (readonly [number, number])[] | undefined {
  const starts: number[] = [];
  let indent = -1;
  let inItems = false;
  let stop = end;
  for (let line = start; line < end; ) {
    const next = bytes.indexOf(10, line);
    const lineEnd = next < 0 || next >= end ? end : next + 1;
    let at = line;
    while (at < lineEnd && bytes[at] === 32) at++;
    const content = at < lineEnd && bytes[at] !== 10 && bytes[at] !== 13 && bytes[at] !== 0x23;
    const dash = bytes[at] === 0x2d && (bytes[at + 1] === 32 || bytes[at + 1] === 10);
    if (!inItems) {
      inItems = at === line && bytes.toString('latin1', line, lineEnd).trimEnd() === 'items:';
    } else if (content) {
      if (indent < 0) {
        if (!dash) return undefined;
        indent = at - line;
      }
      if (dash && at - line === indent) starts.push(line);
      else if (at - line < indent || (at === line && !dash)) {
        stop = line;
        break;
      }
    }
    line = lineEnd;
  }
  if (starts.length === 0) return undefined;
  return starts.map((from, i) => [from, starts[i + 1] ?? stop] as const);
}

/** Hands on a value, or the items of a List. */
function flatten(value: unknown, item: SourceItem, sink: ItemSink, depth = 0): void {
  const inList =
    isMap(value) && typeof value.kind === 'string' && value.kind.endsWith('List') && Array.isArray(value.items);
  const items = inList
    ? (value.items as readonly unknown[])
    : Array.isArray(value)
      ? (value as readonly unknown[])
      : undefined;
  if (items === undefined || depth === MAXIMUM_LIST_DEPTH) {
    sink.value(value, item);
    return;
  }
  items.forEach((each, i) => {
    const prefix = inList ? [...item.prefix, 'items', i] : [...item.prefix, i];
    flatten(each, new SourceItem(item.source, item.start, item.end, prefix), sink, depth + 1);
  });
}

/** The single document of a scenario or profile. */
export function parseSingle(source: SourceFile): ParsedItem {
  const counter = new LineCounter();
  const documents = parseAllDocuments(source.text(), { ...YAML_OPTIONS, lineCounter: counter });
  if (!Array.isArray(documents) || documents.length === 0)
    throw source.error(undefined, { message: 'the file is empty' });
  const [document, second] = documents as Document.Parsed[];
  const [error] = document!.errors;
  if (error !== undefined) {
    const { line, col } = counter.linePos(error.pos[0]);
    throw source.error({ line, column: col }, { message: `no valid YAML: ${yamlMessage(error.message)}` });
  }
  if (second !== undefined) {
    const { line, col } = counter.linePos(second.range[0]);
    throw source.error({ line, column: col }, { message: 'expected one document, found a second one' });
  }
  const errors: InputError[] = [];
  const value = toValue(document!, source, 0, { value: () => undefined, error: (each) => errors.push(each) });
  throwInputErrors(errors);
  return { value, item: new SourceItem(source, 0, source.bytes.length) };
}
