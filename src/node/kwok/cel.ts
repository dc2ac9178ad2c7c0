import { ExpressionError } from './jq.js';

/**
 * The part of the Common Expression Language that Stage files use: fields of `self`, `has`, comparisons, `in` over a list, `!`, `&&`, `||`,
 * parentheses and literals. Anything else is refused when the expression is read.
 */
export type CelNode =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'list'; readonly items: readonly CelNode[] }
  | { readonly kind: 'self' }
  | { readonly kind: 'field'; readonly of: CelNode; readonly key: string }
  | { readonly kind: 'has'; readonly field: CelNode }
  | { readonly kind: 'not'; readonly of: CelNode }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: CelNode; readonly right: CelNode };

/** An expression that fails on an object: a field that is not there. */
export class CelError extends Error {}

const TOKEN = /\s*(?:('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(&&|\|\||==|!=|<=|>=|[.,()[\]<>!]))/y;
const LEVELS: readonly (readonly string[])[] = [['||'], ['&&'], ['==', '!=', '<', '<=', '>', '>=', 'in']];

interface Token {
  readonly kind: 'text' | 'number' | 'name' | 'sign' | 'end';
  readonly text: string;
  readonly offset: number;
}

/** Reads an expression. Throws ExpressionError. */
export function parseCel(source: string): CelNode {
  const list: Token[] = [];
  for (let at = 0; source.slice(at).trim() !== ''; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    if (match === null) throw new ExpressionError(`unexpected ${JSON.stringify(source.slice(at).trim()[0])}`, at);
    const text = match[1] ?? match[2] ?? match[3] ?? match[4]!;
    const kind = match[1] !== undefined ? 'text' : match[2] !== undefined ? 'number' : match[3] !== undefined ? 'name' : 'sign';
    list.push({ kind, text, offset: TOKEN.lastIndex - text.length });
  }
  list.push({ kind: 'end', text: 'the end', offset: source.length });
  const parser = new CelParser(list);
  const node = parser.binary(0);
  parser.end();
  return node;
}

class CelParser {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(list: readonly Token[]) {
    this.tokens = list;
  }

  private get next(): Token {
    return this.tokens[this.at]!;
  }

  private fail(expected: string): never {
    throw new ExpressionError(`expected ${expected}, found ${this.next.text}`, this.next.offset);
  }

  private accept(text: string): boolean {
    if (this.next.kind !== 'sign' || this.next.text !== text) return false;
    this.at++;
    return true;
  }

  end(): void {
    if (this.next.kind !== 'end') this.fail('the end of the expression');
  }

  binary(level: number): CelNode {
    if (level === LEVELS.length) return this.unary();
    let left = this.binary(level + 1);
    while (this.next.kind !== 'text' && LEVELS[level]!.includes(this.next.text)) {
      const operator = this.tokens[this.at++]!.text;
      left = { kind: 'binary', operator, left, right: this.binary(level + 1) };
    }
    return left;
  }

  private unary(): CelNode {
    if (this.accept('!')) return { kind: 'not', of: this.unary() };
    let node = this.term();
    while (this.accept('.')) {
      const key = this.tokens[this.at++]!;
      if (key.kind !== 'name') throw new ExpressionError(`expected a field, found ${key.text}`, key.offset);
      node = { kind: 'field', of: node, key: key.text };
    }
    return node;
  }

  private term(): CelNode {
    const token = this.tokens[this.at++]!;
    if (token.kind === 'text') return { kind: 'literal', value: token.text.slice(1, -1).replace(/\\(.)/g, '$1') };
    if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
    if (token.kind === 'name') return this.word(token);
    if (token.text === '(') {
      const inner = this.binary(0);
      if (!this.accept(')')) this.fail('")"');
      return inner;
    }
    if (token.text === '[') {
      const items: CelNode[] = [];
      while (!this.accept(']')) {
        items.push(this.binary(0));
        if (!this.accept(',') && !(this.next.kind === 'sign' && this.next.text === ']')) this.fail('"," or "]"');
      }
      return { kind: 'list', items };
    }
    this.at--;
    return this.fail('a field of self, a literal or a list');
  }

  private word(token: Token): CelNode {
    switch (token.text) {
      case 'true':
      case 'false':
        return { kind: 'literal', value: token.text === 'true' };
      case 'null':
        return { kind: 'literal', value: null };
      case 'self':
        return { kind: 'self' };
      case 'has': {
        if (!this.accept('(')) this.fail('"("');
        const field = this.binary(0);
        if (field.kind !== 'field') throw new ExpressionError('has() wants a field', token.offset);
        if (!this.accept(')')) this.fail('")"');
        return { kind: 'has', field };
      }
      default:
        throw new ExpressionError(`the name ${token.text} is not known here: expected self or has()`, token.offset);
    }
  }
}

/** Value of an expression for an object as JSON. Throws CelError where CEL has no answer. */
export function evaluateCel(node: CelNode, self: unknown): unknown {
  switch (node.kind) {
    case 'literal':
      return node.value;
    case 'list':
      return node.items.map((item) => evaluateCel(item, self));
    case 'self':
      return self;
    case 'field': {
      const value = field(evaluateCel(node.of, self), node.key);
      if (value === undefined) throw new CelError(`no such key: ${node.key}`);
      return value;
    }
    case 'has': {
      if (node.field.kind !== 'field') return false;
      return field(evaluateCel(node.field.of, self), node.field.key) !== undefined;
    }
    case 'not':
      return !asBoolean(evaluateCel(node.of, self));
    case 'binary':
      return binary(node.operator, node.left, node.right, self);
  }
}

function field(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CelError(`no such key: ${key}`);
  return (value as Record<string, unknown>)[key];
}

function asBoolean(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new CelError('no such overload: expected true or false');
  return value;
}

function binary(operator: string, left: CelNode, right: CelNode, self: unknown): boolean {
  if (operator === '&&') return asBoolean(evaluateCel(left, self)) && asBoolean(evaluateCel(right, self));
  if (operator === '||') return asBoolean(evaluateCel(left, self)) || asBoolean(evaluateCel(right, self));
  const a = evaluateCel(left, self);
  const b = evaluateCel(right, self);
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case 'in':
      if (Array.isArray(b)) return b.includes(a);
      if (typeof b === 'object' && b !== null) return (b as Record<string, unknown>)[String(a)] !== undefined;
      throw new CelError('no such overload: in');
  }
  if ((typeof a !== 'number' || typeof b !== 'number') && (typeof a !== 'string' || typeof b !== 'string')) {
    throw new CelError(`no such overload: ${operator}`);
  }
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}
