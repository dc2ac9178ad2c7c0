import type { InputError } from './input-error.js';
import type { SourceFile } from './source.js';

/** One field of a CSV file with its place. */
export interface CsvField {
  readonly text: string;
  /** Character in the file's text. */
  readonly offset: number;
}

/** Rows of a CSV file (RFC 4180: quotes, doubled quotes inside them, line breaks inside them); empty lines are left out. */
export function readCsv(source: SourceFile, errors: InputError[]): readonly (readonly CsvField[])[] {
  const text = source.text();
  const rows: CsvField[][] = [];
  let row: CsvField[] = [];
  let at = 0;
  for (;;) {
    const offset = at;
    let value = '';
    if (text[at] === '"') {
      const end = closingQuote(text, at + 1);
      if (end < 0) {
        errors.push(errorAt(source, text, offset, 'a quote is not closed'));
        return rows;
      }
      value = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
      if (at < text.length && !/[,\r\n]/.test(text[at]!)) errors.push(errorAt(source, text, at, 'expected a comma or the end of the line after a quote'));
    }
    const end = endOfField(text, at);
    value += text.slice(at, end);
    row.push({ text: value, offset });
    at = end;
    if (text[at] === ',') {
      at++;
      continue;
    }
    if (row.length > 1 || row[0]!.text !== '') rows.push(row);
    row = [];
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    if (at >= text.length) return rows;
  }
}

function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2)) if (text[at + 1] !== '"') return at;
  return -1;
}

function endOfField(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== ',' && text[at] !== '\n' && text[at] !== '\r') at++;
  return at;
}

/** An error at a character of the file. */
export function errorAt(source: SourceFile, text: string, offset: number, message: string): InputError {
  return source.error(source.positionAt(Buffer.byteLength(text.slice(0, offset))), { message });
}
