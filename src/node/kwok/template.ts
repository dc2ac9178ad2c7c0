import { isTemplateFunction } from './template-functions.js';

/** A text template in Go's language (text/template), read into plain data. */
export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | { readonly kind: 'if' | 'with'; readonly pipe: Pipe; readonly body: readonly TemplateNode[]; readonly otherwise: readonly TemplateNode[] }
  | {
      readonly kind: 'range';
      readonly pipe: Pipe;
      /** Variables of the index and of the element; empty: none. */
      readonly index: string;
      readonly element: string;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    };

/** Commands of which each gets the result of the one before as its last argument. */
export interface Pipe {
  readonly commands: readonly (readonly Operand[])[];
  /** Variable that takes the value; empty: none. */
  readonly variable: string;
  /** `:=` makes a variable, `=` changes one. */
  readonly declares: boolean;
  readonly line: number;
}

export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  /** A field of dot; an empty path is dot itself. */
  | { readonly kind: 'dot'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly path: readonly string[] };

/** A template that cannot be read or executed; `line` counts from 1 in the template's text. */
export class TemplateError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.name = 'TemplateError';
    this.line = line;
  }
}

const TOKEN =
  /(\s+)|("(?:[^"\\\n]|\\.)*")|(`[^`]*`)|([+-]?(?:\d[\d_]*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(\$\w*)|(\.\w+|\.)|([A-Za-z_]\w*)|(:=|=|\||,|\(|\))/y;

interface Token {
  readonly kind: 'text' | 'raw' | 'number' | 'variable' | 'field' | 'name' | 'sign' | 'end';
  readonly text: string;
  readonly apart: boolean;
  readonly line: number;
}

type Piece = { readonly text: string } | { readonly tokens: readonly Token[]; readonly line: number };

/** Reads a template. Throws TemplateError with the line. */
export function parseTemplate(source: string): readonly TemplateNode[] {
  const reader = new TemplateReader(cut(source));
  const { nodes, end } = reader.list(false);
  if (end !== undefined) throw new TemplateError(`unexpected {{ ${end.word} }}`, end.line);
  return trimmed(nodes);
}

/** KWOK trims the white space around a template. */
function trimmed(nodes: readonly TemplateNode[]): readonly TemplateNode[] {
  return nodes.map((node, i) => {
    if (node.kind !== 'text') return node;
    let { text } = node;
    if (i === 0) text = text.trimStart();
    if (i === nodes.length - 1) text = text.trimEnd();
    return { ...node, text };
  });
}

/** Cuts a template at its delimiters, with `{{-` and `-}}` trimming what is beside them. */
function cut(source: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let line = 1;
  let trimNext = false;
  for (;;) {
    const open = source.indexOf('{{', at);
    let text = source.slice(at, open < 0 ? source.length : open);
    const before = line;
    line += count(text);
    if (trimNext) text = text.trimStart();
    if (open < 0) {
      if (text !== '') pieces.push({ text });
      return pieces;
    }
    const trims = /^-\s/.test(source.slice(open + 2, open + 4));
    if (trims) text = text.trimEnd();
    if (text !== '') pieces.push({ text });
    const inside = open + (trims ? 3 : 2);
    const comment = /^\s*\/\*/.test(source.slice(inside, inside + 8 + 64));
    const close = comment ? source.indexOf('}}', source.indexOf('*/', inside)) : closing(source, inside);
    if (close < 0) throw new TemplateError('an action is not closed: expected }}', line === before ? before : line);
    trimNext = /\s-$/.test(source.slice(inside, close));
    const content = source.slice(inside, trimNext ? close - 1 : close);
    if (!comment) pieces.push({ tokens: tokenize(content, line), line });
    line += count(source.slice(open, close));
    at = close + 2;
  }
}

function count(text: string): number {
  let lines = 0;
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) lines++;
  return lines;
}

/** Where an action ends: the first `}}` outside a literal. */
function closing(source: string, from: number): number {
  let quote = '';
  for (let i = from; i < source.length; i++) {
    const character = source[i]!;
    if (quote !== '') {
      if (character === '\\' && quote === '"') i++;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === '`') quote = character;
    else if (character === '}' && source[i + 1] === '}') return i;
  }
  return -1;
}

const KINDS = ['text', 'raw', 'number', 'variable', 'field', 'name', 'sign'] as const;

function tokenize(content: string, line: number): Token[] {
  const found: Token[] = [];
  let apart = true;
  TOKEN.lastIndex = 0;
  for (let at = 0; at < content.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(content);
    const here = line + count(content.slice(0, at));
    if (match === null) throw new TemplateError(`unexpected ${JSON.stringify(content[at])} in an action`, here);
    if (match[1] !== undefined) {
      apart = true;
      continue;
    }
    const group = match.findIndex((part, i) => i > 1 && part !== undefined);
    found.push({ kind: KINDS[group - 2]!, text: match[group]!, apart, line: here });
    apart = false;
  }
  found.push({ kind: 'end', text: '}}', apart: true, line: line + count(content) });
  return found;
}

interface ListEnd {
  readonly word: 'end' | 'else';
  readonly line: number;
  /** The tokens behind `else`: `if …` or `with …`. */
  readonly rest: readonly Token[];
}

class TemplateReader {
  private readonly pieces: readonly Piece[];
  private at = 0;

  constructor(pieces: readonly Piece[]) {
    this.pieces = pieces;
  }

  /** Nodes up to `{{ end }}` or `{{ else }}`, or to the end of the text when not `inside`. */
  list(inside: boolean, opened = 0): { nodes: readonly TemplateNode[]; end: ListEnd | undefined } {
    const nodes: TemplateNode[] = [];
    while (this.at < this.pieces.length) {
      const piece = this.pieces[this.at++]!;
      if ('text' in piece) {
        nodes.push({ kind: 'text', text: piece.text });
        continue;
      }
      const word = piece.tokens[0]!.kind === 'name' ? piece.tokens[0]!.text : '';
      if (word === 'end' || word === 'else') return { nodes, end: { word, line: piece.line, rest: piece.tokens.slice(1) } };
      nodes.push(this.action(word, piece.tokens));
    }
    if (inside) throw new TemplateError('expected {{ end }} for what is opened here', opened);
    return { nodes, end: undefined };
  }

  private action(word: string, tokens: readonly Token[]): TemplateNode {
    const { line } = tokens[0]!;
    switch (word) {
      case 'if':
      case 'with':
        return this.branch(word, tokens.slice(1), line);
      case 'range':
        return this.range(tokens.slice(1), line);
      case 'define':
      case 'template':
      case 'block':
      case 'break':
      case 'continue':
        throw new TemplateError(`{{ ${word} }} is not known here`, line);
      default:
        return { kind: 'action', pipe: wholePipe(tokens) };
    }
  }

  private branch(kind: 'if' | 'with', tokens: readonly Token[], line: number): TemplateNode {
    const pipe = wholePipe(tokens);
    const { nodes: body, end } = this.list(true, line);
    return { kind, pipe, body, otherwise: this.otherwise(end!, line) };
  }

  private otherwise(end: ListEnd, line: number): readonly TemplateNode[] {
    if (end.word === 'end') return [];
    const first = end.rest[0]!;
    if (first.kind === 'end') {
      const { nodes, end: last } = this.list(true, line);
      if (last!.word !== 'end') throw new TemplateError('a second {{ else }}', last!.line);
      return nodes;
    }
    if (first.text !== 'if' && first.text !== 'with') throw new TemplateError(`unexpected ${first.text} after else`, end.line);
    return [this.branch(first.text, end.rest.slice(1), end.line)];
  }

  private range(tokens: readonly Token[], line: number): TemplateNode {
    const reader = new PipeReader(tokens);
    const { index, element } = reader.rangeVariables();
    const pipe = reader.pipe();
    reader.end();
    const { nodes: body, end } = this.list(true, line);
    return { kind: 'range', pipe, index, element, body, otherwise: this.otherwise(end!, line) };
  }
}

function wholePipe(tokens: readonly Token[]): Pipe {
  const reader = new PipeReader(tokens);
  const pipe = reader.declaration();
  reader.end();
  return pipe;
}

class PipeReader {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  private get next(): Token {
    return this.tokens[this.at]!;
  }

  private isSign(text: string, ahead = 0): boolean {
    const token = this.tokens[this.at + ahead];
    return token?.kind === 'sign' && token.text === text;
  }

  private fail(expected: string): never {
    throw new TemplateError(`expected ${expected}, found ${this.next.text}`, this.next.line);
  }

  end(): void {
    if (this.next.kind !== 'end') this.fail('}}');
  }

  rangeVariables(): { index: string; element: string } {
    if (this.next.kind !== 'variable') return { index: '', element: '' };
    const first = this.next.text;
    if (this.isSign(':=', 1)) {
      this.at += 2;
      return { index: '', element: first };
    }
    if (!this.isSign(',', 1)) return { index: '', element: '' };
    const second = this.tokens[this.at + 2]!;
    this.at += 3;
    if (second.kind !== 'variable' || !this.isSign(':=')) this.fail(':=');
    this.at++;
    return { index: first, element: second.text };
  }

  /** A pipeline that may set a variable. */
  declaration(): Pipe {
    if (this.next.kind === 'variable' && (this.isSign(':=', 1) || this.isSign('=', 1))) {
      const variable = this.next.text;
      const declares = this.isSign(':=', 1);
      this.at += 2;
      return { ...this.pipe(), variable, declares };
    }
    return this.pipe();
  }

  pipe(): Pipe {
    const { line } = this.next;
    const commands = [this.command()];
    while (this.isSign('|')) {
      this.at++;
      commands.push(this.command());
    }
    return { commands, variable: '', declares: false, line };
  }

  private command(): readonly Operand[] {
    const operands: Operand[] = [];
    while (this.next.kind !== 'end' && !this.isSign('|') && !this.isSign(')')) operands.push(this.operand());
    if (operands.length === 0) this.fail('a value or a function');
    const [first] = operands;
    if (operands.length > 1 && first!.kind !== 'function')
      throw new TemplateError('a value that is no function cannot have arguments', this.next.line);
    return operands;
  }

  private operand(): Operand {
    const token = this.next;
    this.at++;
    switch (token.kind) {
      case 'text':
        return { kind: 'literal', value: JSON.parse(token.text) as string };
      case 'raw':
        return { kind: 'literal', value: token.text.slice(1, -1) };
      case 'number':
        return { kind: 'literal', value: Number(token.text.replaceAll('_', '')) };
      case 'variable':
        return { kind: 'variable', name: token.text, path: this.fields() };
      case 'field':
        this.at--;
        return { kind: 'dot', path: this.dotPath() };
      case 'name':
        return this.word(token);
      default:
        if (token.kind === 'sign' && token.text === '(') {
          const pipe = this.declaration();
          if (!this.isSign(')')) this.fail(')');
          this.at++;
          return { kind: 'pipe', pipe, path: this.fields() };
        }
        this.at--;
        return this.fail('a value');
    }
  }

  private word(token: Token): Operand {
    if (token.text === 'true' || token.text === 'false') return { kind: 'literal', value: token.text === 'true' };
    if (token.text === 'nil') return { kind: 'literal', value: null };
    if (!isTemplateFunction(token.text)) throw new TemplateError(`the function ${token.text} is not known here`, token.line);
    return { kind: 'function', name: token.text };
  }

  private dotPath(): readonly string[] {
    const first = this.next.text.slice(1);
    this.at++;
    return first === '' ? [] : [first, ...this.fields()];
  }

  /** Fields that follow without white space: `.a.b`. */
  private fields(): readonly string[] {
    const path: string[] = [];
    while (this.next.kind === 'field' && !this.next.apart && this.next.text !== '.') {
      path.push(this.next.text.slice(1));
      this.at++;
    }
    return path;
  }
}
