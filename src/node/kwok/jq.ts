/**
 * The part of the jq language that Stage files use: paths with keys, indexes and `[]`, pipes, `select`, comparisons, `and`, `or`, `not`,
 * `//`, `has`, `length` and literals. Anything else is refused when the expression is read.
 */
export type JqNode =
  | { readonly kind: 'identity' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'key'; readonly of: JqNode; readonly key: string | number; readonly optional: boolean }
  | { readonly kind: 'each'; readonly of: JqNode; readonly optional: boolean }
  | { readonly kind: 'pipe'; readonly left: JqNode; readonly right: JqNode }
  | { readonly kind: 'call'; readonly name: 'select' | 'has' | 'not' | 'length'; readonly argument: JqNode | null }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: JqNode; readonly right: JqNode };

/** An expression that cannot be read; `offset` is where, in characters. */
export class ExpressionError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'ExpressionError';
    this.offset = offset;
  }
}

/** A value that jq refuses to work on, such as iterating over null. */
const FAILED = Symbol('failed');

const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(\/\/|==|!=|<=|>=|[.|()[\]<>?]))/y;
const FUNCTIONS: ReadonlySet<string> = new Set(['select', 'has', 'not', 'length']);

interface Token {
  readonly kind: 'text' | 'number' | 'name' | 'sign' | 'end';
  readonly text: string;
  readonly offset: number;
  /** White space stands before it. */
  readonly apart: boolean;
}

function tokens(source: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  for (;;) {
    const rest = source.slice(at);
    if (rest.trim() === '') break;
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    if (match === null) {
      const offset = at + rest.length - rest.trimStart().length;
      throw new ExpressionError(`unexpected ${JSON.stringify(source[offset])}`, offset);
    }
    const text = match[1] ?? match[2] ?? match[3] ?? match[4]!;
    const kind = match[1] !== undefined ? 'text' : match[2] !== undefined ? 'number' : match[3] !== undefined ? 'name' : 'sign';
    found.push({ kind, text, offset: TOKEN.lastIndex - text.length, apart: match[0].length > text.length });
    at = TOKEN.lastIndex;
  }
  found.push({ kind: 'end', text: 'the end', offset: source.length, apart: true });
  return found;
}

/** Reads an expression. Throws ExpressionError. */
export function parseJq(source: string): JqNode {
  const parser = new JqParser(tokens(source));
  const node = parser.pipeline();
  parser.end();
  return node;
}

class JqParser {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(list: readonly Token[]) {
    this.tokens = list;
  }

  private get next(): Token {
    return this.tokens[this.at]!;
  }

  private take(): Token {
    return this.tokens[this.at++]!;
  }

  private isSign(text: string): boolean {
    return this.next.kind === 'sign' && this.next.text === text;
  }

  private fail(expected: string): never {
    throw new ExpressionError(`expected ${expected}, found ${this.next.text}`, this.next.offset);
  }

  private expect(text: string): void {
    if (!this.isSign(text)) this.fail(JSON.stringify(text));
    this.at++;
  }

  end(): void {
    if (this.next.kind !== 'end') this.fail('the end of the expression');
  }

  pipeline(): JqNode {
    const left = this.binary(0);
    if (!this.isSign('|')) return left;
    this.at++;
    return { kind: 'pipe', left, right: this.pipeline() };
  }

  /** Operators by rising precedence: `//`, or, and, comparisons. */
  private binary(level: number): JqNode {
    if (level === LEVELS.length) return this.postfix();
    const operators = LEVELS[level]!;
    let left = this.binary(level + 1);
    while ((this.next.kind === 'sign' || this.next.kind === 'name') && operators.includes(this.next.text)) {
      const operator = this.take().text;
      left = { kind: 'binary', operator, left, right: this.binary(level + 1) };
    }
    return left;
  }

  private postfix(): JqNode {
    let node = this.term();
    for (;;) {
      if (this.isSign('[')) node = this.bracket(node);
      else if (this.isSign('.') && !this.next.apart) {
        this.at++;
        node = this.isSign('[') ? this.bracket(node) : this.name(node);
      } else return node;
    }
  }

  private term(): JqNode {
    const token = this.next;
    if (token.kind === 'text' || token.kind === 'number') {
      this.at++;
      return { kind: 'literal', value: JSON.parse(token.text) as string | number };
    }
    if (this.isSign('(')) {
      this.at++;
      const inner = this.pipeline();
      this.expect(')');
      return inner;
    }
    if (this.isSign('.')) {
      this.at++;
      const { next } = this;
      if ((next.kind === 'name' || next.kind === 'text') && !next.apart) return this.name({ kind: 'identity' });
      return { kind: 'identity' };
    }
    if (token.kind === 'name') return this.word();
    return this.fail('a path such as .status.phase');
  }

  private word(): JqNode {
    const { text, offset } = this.take();
    if (text === 'true' || text === 'false') return { kind: 'literal', value: text === 'true' };
    if (text === 'null') return { kind: 'literal', value: null };
    if (!FUNCTIONS.has(text)) throw new ExpressionError(`the jq function ${text} is not known here`, offset);
    const name = text as 'select' | 'has' | 'not' | 'length';
    if (name === 'not' || name === 'length') return { kind: 'call', name, argument: null };
    this.expect('(');
    const argument = this.pipeline();
    this.expect(')');
    return { kind: 'call', name, argument };
  }

  private name(of: JqNode): JqNode {
    const token = this.take();
    if (token.kind !== 'name' && token.kind !== 'text') {
      this.at--;
      this.fail('a key');
    }
    const key = token.kind === 'text' ? (JSON.parse(token.text) as string) : token.text;
    return { kind: 'key', of, key, optional: this.optional() };
  }

  private bracket(of: JqNode): JqNode {
    this.expect('[');
    if (this.isSign(']')) {
      this.at++;
      return { kind: 'each', of, optional: this.optional() };
    }
    const token = this.take();
    if (token.kind !== 'text' && token.kind !== 'number') {
      this.at--;
      this.fail('a key in quotes, an index or "]"');
    }
    this.expect(']');
    return { kind: 'key', of, key: JSON.parse(token.text) as string | number, optional: this.optional() };
  }

  private optional(): boolean {
    if (!this.isSign('?')) return false;
    this.at++;
    return true;
  }
}

const LEVELS: readonly (readonly string[])[] = [['//'], ['or'], ['and'], ['==', '!=', '<', '<=', '>', '>=']];

/** All values other than null that an expression gives; undefined when it fails on this input (KWOK then takes it as no value at all). */
export function evaluateJq(node: JqNode, input: unknown): readonly unknown[] | undefined {
  const out: unknown[] = [];
  try {
    run(node, input, out);
  } catch (error) {
    if (error === FAILED) return undefined;
    throw error;
  }
  return out.includes(null) || out.includes(undefined) ? out.filter((value) => value !== null && value !== undefined) : out;
}

function run(node: JqNode, input: unknown, out: unknown[]): void {
  switch (node.kind) {
    case 'identity':
      out.push(input);
      return;
    case 'literal':
      out.push(node.value);
      return;
    case 'key':
      for (const value of values(node.of, input)) {
        const found = child(value, node.key);
        if (found !== FAILED) out.push(found);
        else if (!node.optional) throw FAILED;
      }
      return;
    case 'each':
      for (const value of values(node.of, input)) {
        if (Array.isArray(value)) out.push(...value);
        else if (typeof value === 'object' && value !== null) out.push(...Object.values(value));
        else if (!node.optional) throw FAILED;
      }
      return;
    case 'pipe':
      for (const value of values(node.left, input)) run(node.right, value, out);
      return;
    case 'call':
      call(node.name, node.argument, input, out);
      return;
    case 'binary':
      binary(node.operator, node.left, node.right, input, out);
      return;
  }
}

function values(node: JqNode, input: unknown): readonly unknown[] {
  if (node.kind === 'identity') return [input];
  const found: unknown[] = [];
  run(node, input, found);
  return found;
}

function child(value: unknown, key: string | number): unknown {
  if (value === null || value === undefined) return null;
  if (typeof key === 'number') return Array.isArray(value) ? (value[key < 0 ? value.length + key : key] ?? null) : FAILED;
  if (typeof value !== 'object' || Array.isArray(value)) return FAILED;
  return (value as Record<string, unknown>)[key] ?? null;
}

function call(name: string, argument: JqNode | null, input: unknown, out: unknown[]): void {
  switch (name) {
    case 'select':
      for (const value of values(argument!, input)) if (truthy(value)) out.push(input);
      return;
    case 'not':
      out.push(!truthy(input));
      return;
    case 'has':
      for (const key of values(argument!, input)) {
        if (typeof input !== 'object' || input === null) throw FAILED;
        out.push((input as Record<string, unknown>)[String(key)] !== undefined);
      }
      return;
    default:
      out.push(lengthOf(input));
  }
}

function lengthOf(value: unknown): number {
  if (value === null || value === undefined) return 0;
  if (typeof value === 'string') return [...value].length;
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object') return Object.keys(value).length;
  if (typeof value === 'number') return Math.abs(value);
  throw FAILED;
}

function truthy(value: unknown): boolean {
  return value !== null && value !== undefined && value !== false;
}

function binary(operator: string, left: JqNode, right: JqNode, input: unknown, out: unknown[]): void {
  if (operator === '//') {
    const found: unknown[] = [];
    try {
      run(left, input, found);
    } catch (error) {
      if (error !== FAILED) throw error;
    }
    const good = found.filter(truthy);
    if (good.length > 0) out.push(...good);
    else run(right, input, out);
    return;
  }
  if (operator === 'and' || operator === 'or') {
    for (const a of values(left, input)) {
      if (truthy(a) === (operator === 'or')) out.push(operator === 'or');
      else for (const b of values(right, input)) out.push(truthy(b));
    }
    return;
  }
  for (const b of values(right, input)) for (const a of values(left, input)) out.push(compare(operator, a, b));
}

/** jq's order of types: null, false, true, numbers, texts, lists, maps. */
function rank(value: unknown): number {
  if (value === null || value === undefined) return 0;
  if (value === false) return 1;
  if (value === true) return 2;
  if (typeof value === 'number') return 3;
  if (typeof value === 'string') return 4;
  return Array.isArray(value) ? 5 : 6;
}

function compare(operator: string, a: unknown, b: unknown): boolean {
  const order = orderOf(a, b);
  switch (operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    default:
      return order >= 0;
  }
}

function orderOf(a: unknown, b: unknown): number {
  const difference = rank(a) - rank(b);
  if (difference !== 0) return difference;
  if (typeof a === 'number') return a - (b as number);
  if (typeof a === 'string') return a < (b as string) ? -1 : a > (b as string) ? 1 : 0;
  if (typeof a !== 'object' || a === null) return 0;
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The keys from the input down to where an expression stops being a plain path; for telling which fields it reads. */
export function jqPath(node: JqNode): readonly string[] {
  if (node.kind === 'pipe') return jqPath(node.left);
  if (node.kind === 'each') return jqPath(node.of);
  if (node.kind !== 'key' || typeof node.key !== 'string') return [];
  const above = jqPath(node.of);
  return plain(node.of) ? [...above, node.key] : above;
}

function plain(node: JqNode): boolean {
  return node.kind === 'identity' || (node.kind === 'key' && typeof node.key === 'string' && plain(node.of));
}
