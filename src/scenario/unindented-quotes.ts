import { type Document, type DocumentOptions, parseDocument, type ParseOptions, type SchemaOptions } from 'yaml';

/**
 * Quoted text over several lines whose later lines begin no further in than their key. YAML 1.2 wants them further in; libyaml, and so
 * kubectl, takes them, and many a CustomResourceDefinition has them.
 */

/** A key or an item of a list whose value begins with a quote: what stands before it, the quote, and the rest of the line. */
const OPENS = /^( *)((?:- +)*)(?:[^\s'"#&*!|>{[-][^'"#]*?: +)?(['"])(.*)$/;
/** A key or an item whose value is a block of lines. */
const BLOCK = /^( *)(?:- +)*(?:\S.*: +)?[|>][-+0-9]* *(?:#.*)?$/;
/** Code of the parser for a quote that does not end. */
const MISSING = 'MISSING_CHAR';

/** Where a quoted text ends in what follows its quote; −1: not in it. */
function closing(text: string, quote: string): number {
  for (let at = 0; at < text.length; at++) {
    if (quote === '"' && text[at] === '\\') at++;
    else if (text[at] === quote) {
      if (quote === "'" && text[at + 1] === "'") at++;
      else return at;
    }
  }
  return -1;
}

function indentation(line: string): number {
  return line.length - line.trimStart().length;
}

/** The text with those lines further in; all lines keep their numbers. */
export function indentQuoted(text: string): string {
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const block = BLOCK.exec(lines[i]!.replace(/\r$/, ''))?.[1];
    if (block !== undefined) {
      while (i + 1 < lines.length && (lines[i + 1]!.trim() === '' || indentation(lines[i + 1]!) > block.length)) i++;
      continue;
    }
    const [, indent = '', items = '', quote, rest] = OPENS.exec(lines[i]!.replace(/\r$/, '')) ?? [];
    if (quote === undefined || closing(rest!, quote) >= 0) continue;
    const least = indent.length + items.length + 1;
    for (i++; i < lines.length; i++) {
      const line = lines[i]!;
      const own = indentation(line);
      if (line.trim() !== '' && own < least) lines[i] = `${' '.repeat(least - own)}${line}`;
      if (closing(line, quote) >= 0) break;
    }
  }
  return lines.join('\n');
}

/** Parses a document as kubectl would: a second time with such lines further in, if only they are wrong. */
export function parseLenient(text: string, options: ParseOptions & DocumentOptions & SchemaOptions): Document.Parsed {
  const document = parseDocument(text, options);
  if (document.errors[0]?.code !== MISSING || !/quote/.test(document.errors[0].message)) return document;
  const { lineCounter, ...rest } = options;
  const indented = indentQuoted(text);
  if (parseDocument(indented, rest).errors.length > 0) return document;
  if (lineCounter !== undefined) lineCounter.lineStarts.length = 0;
  return parseDocument(indented, options);
}
