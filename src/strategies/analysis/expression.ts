/**
 * Conditions of analysis metrics (successCondition, failureCondition): the part of github.com/expr-lang/expr that they use, with
 * Argo's functions (argo-rollouts utils/evaluate/evaluate.go). Parsed once, evaluated against a result.
 */

/** What an expression works on and gives. */
export type Value = number | string | boolean | null | readonly Value[] | { readonly [key: string]: Value };

/** What is wrong with an expression, or with its evaluation. */
export class ExpressionError extends Error {}

type Node =
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'index'; readonly of: Node; readonly at: Node }
  | { readonly kind: 'unary'; readonly operator: string; readonly of: Node }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Node; readonly right: Node }
  | { readonly kind: 'choice'; readonly test: Node; readonly yes: Node; readonly no: Node }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Node[] };

/** A parsed expression: plain data. */
export interface Expression {
  readonly text: string;
  readonly root: Node;
}

const TOKEN = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_]\w*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\|\||&&|==|!=|<=|>=|\?\?|[-+*/%<>!()[\]{},.#?:]))/y;

/** Binding of binary operators, loosest first. */
const LEVELS: readonly (readonly string[])[] = [
  ['??'],
  ['||', 'or'],
  ['&&', 'and'],
  ['==', '!=', '<', '<=', '>', '>=', 'in', 'contains', 'startsWith', 'endsWith'],
  ['+', '-'],
  ['*', '/', '%'],
];

interface Token {
  readonly kind: 'number' | 'name' | 'text' | 'symbol';
  readonly text: string;
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (text.slice(at).trim() === '') break;
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) throw new ExpressionError(`unexpected "${text.slice(at).trim()[0]}" in "${text}"`);
    const [, number, name, quoted, symbol] = match;
    if (number !== undefined) found.push({ kind: 'number', text: number });
    else if (name !== undefined) found.push({ kind: 'name', text: name });
    else if (quoted !== undefined) found.push({ kind: 'text', text: quoted.slice(1, -1).replaceAll(/\\(.)/g, '$1') });
    else found.push({ kind: 'symbol', text: symbol! });
    at = TOKEN.lastIndex;
  }
  return found;
}

/** Parses an expression. Throws ExpressionError. */
export function parseExpression(text: string): Expression {
  const parser = new Parser(tokens(text), text);
  return { text, root: parser.all() };
}

class Parser {
  private readonly tokens: readonly Token[];
  private readonly text: string;
  private at = 0;

  constructor(list: readonly Token[], text: string) {
    this.tokens = list;
    this.text = text;
  }

  all(): Node {
    const root = this.choice();
    if (this.at < this.tokens.length) this.unexpected();
    return root;
  }

  private unexpected(): never {
    const token = this.tokens[this.at];
    throw new ExpressionError(`unexpected ${token === undefined ? 'end' : `"${token.text}"`} in "${this.text}"`);
  }

  private is(text: string): boolean {
    const token = this.tokens[this.at];
    return token !== undefined && token.kind !== 'text' && token.kind !== 'number' && token.text === text;
  }

  private take(text: string): boolean {
    if (!this.is(text)) return false;
    this.at++;
    return true;
  }

  private expect(text: string): void {
    if (!this.take(text)) this.unexpected();
  }

  private choice(): Node {
    const test = this.binary(0);
    if (!this.take('?')) return test;
    const yes = this.choice();
    this.expect(':');
    return { kind: 'choice', test, yes, no: this.choice() };
  }

  private binary(level: number): Node {
    const operators = LEVELS[level];
    if (operators === undefined) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const operator = operators.find((each) => this.is(each));
      if (operator === undefined) return left;
      this.at++;
      left = { kind: 'binary', operator, left, right: this.binary(level + 1) };
    }
  }

  private unary(): Node {
    for (const operator of ['!', '-', '+', 'not'])
      if (this.take(operator)) return { kind: 'unary', operator, of: this.unary() };
    return this.postfix(this.primary());
  }

  private postfix(node: Node): Node {
    let result = node;
    for (;;) {
      if (this.take('[')) {
        result = { kind: 'index', of: result, at: this.choice() };
        this.expect(']');
      } else if (this.take('.')) {
        const token = this.tokens[this.at];
        if (token?.kind !== 'name') this.unexpected();
        this.at++;
        result = { kind: 'index', of: result, at: { kind: 'literal', value: token.text } };
      } else return result;
    }
  }

  private primary(): Node {
    const token = this.tokens[this.at];
    if (token === undefined) this.unexpected();
    this.at++;
    if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
    if (token.kind === 'text') return { kind: 'literal', value: token.text };
    if (token.kind === 'name') {
      const { text } = token;
      if (text === 'true' || text === 'false') return { kind: 'literal', value: text === 'true' };
      if (text === 'nil' || text === 'null') return { kind: 'literal', value: null };
      if (this.take('(')) return { kind: 'call', name: text, args: this.items(')') };
      return { kind: 'name', name: text };
    }
    if (token.text === '#') return { kind: 'name', name: '#' };
    if (token.text === '(') {
      const inside = this.choice();
      this.expect(')');
      return inside;
    }
    if (token.text === '[') return { kind: 'list', items: this.items(']') };
    // A predicate: { # > 1 }.
    if (token.text === '{') {
      const inside = this.choice();
      this.expect('}');
      return inside;
    }
    this.at--;
    return this.unexpected();
  }

  private items(end: string): Node[] {
    const items: Node[] = [];
    if (this.take(end)) return items;
    do items.push(this.choice());
    while (this.take(','));
    this.expect(end);
    return items;
  }
}

/** Evaluates an expression with `result` as given. Throws ExpressionError: a measurement then ends in Error. */
export function evaluate(expression: Expression, result: Value): Value {
  return new Evaluation(expression.text, result).value(expression.root);
}

/** Whether a condition holds; anything but a truth value is an error, as it is for Argo (EvaluateResult). */
export function holds(expression: Expression, result: Value): boolean {
  const value = evaluate(expression, result);
  if (typeof value !== 'boolean') throw new ExpressionError(`expected bool, but got ${value === null ? 'nil' : typeof value} from "${expression.text}"`);
  return value;
}

const PREDICATES = ['all', 'any', 'none', 'one', 'filter', 'map', 'count'];

class Evaluation {
  private readonly text: string;
  private readonly result: Value;
  private element: Value = null;

  constructor(text: string, result: Value) {
    this.text = text;
    this.result = result;
  }

  value(node: Node): Value {
    switch (node.kind) {
      case 'literal':
        return node.value;
      case 'list':
        return node.items.map((item) => this.value(item));
      case 'name':
        if (node.name === 'result') return this.result;
        if (node.name === '#') return this.element;
        throw new ExpressionError(`unknown name ${node.name} in "${this.text}"`);
      case 'index':
        return this.at(this.value(node.of), this.value(node.at));
      case 'unary': {
        const value = this.value(node.of);
        if (node.operator === '!' || node.operator === 'not') return !this.truth(value);
        return node.operator === '-' ? -this.number(value) : this.number(value);
      }
      case 'choice':
        return this.value(this.truth(this.value(node.test)) ? node.yes : node.no);
      case 'binary':
        return this.binary(node.operator, node.left, node.right);
      case 'call':
        return this.call(node.name, node.args);
    }
  }

  private at(of: Value, at: Value): Value {
    if (isList(of)) {
      const place = this.number(at);
      const index = place < 0 ? of.length + place : place;
      if (index < 0 || index >= of.length) throw new ExpressionError(`index out of range: ${place} (array length is ${of.length})`);
      return of[index]!;
    }
    if (of !== null && typeof of === 'object') return (of as { readonly [key: string]: Value })[String(at)] ?? null;
    throw new ExpressionError(`cannot take [${String(at)}] of ${String(of)} in "${this.text}"`);
  }

  private binary(operator: string, left: Node, right: Node): Value {
    const a = this.value(left);
    switch (operator) {
      case '||':
      case 'or':
        return this.truth(a) || this.truth(this.value(right));
      case '&&':
      case 'and':
        return this.truth(a) && this.truth(this.value(right));
      case '??':
        return a ?? this.value(right);
    }
    const b = this.value(right);
    switch (operator) {
      case '==':
        return a === b;
      case '!=':
        return a !== b;
      case 'in':
        return isList(b) ? b.includes(a) : typeof b === 'object' && b !== null && String(a) in b;
      case 'contains':
        return String(a).includes(String(b));
      case 'startsWith':
        return String(a).startsWith(String(b));
      case 'endsWith':
        return String(a).endsWith(String(b));
      case '+':
        return typeof a === 'string' && typeof b === 'string' ? a + b : this.number(a) + this.number(b);
      case '-':
        return this.number(a) - this.number(b);
      case '*':
        return this.number(a) * this.number(b);
      case '/':
        return this.number(a) / this.number(b);
      case '%':
        return this.number(a) % this.number(b);
    }
    const text = typeof a === 'string' && typeof b === 'string';
    const x = text ? a : this.number(a);
    const y = text ? b : this.number(b);
    if (operator === '<') return x < y;
    if (operator === '<=') return x <= y;
    return operator === '>' ? x > y : x >= y;
  }

  private call(name: string, args: readonly Node[]): Value {
    if (PREDICATES.includes(name)) return this.predicate(name, args);
    const values = args.map((arg) => this.value(arg));
    const [first = null] = values;
    switch (name) {
      case 'len':
        if (isList(first) || typeof first === 'string') return first.length;
        throw new ExpressionError(`invalid argument for len in "${this.text}"`);
      case 'isNaN':
        return typeof first === 'number' && Number.isNaN(first);
      case 'isInf':
        return first === Number.POSITIVE_INFINITY || first === Number.NEGATIVE_INFINITY;
      case 'isNil':
        return first === null;
      case 'asFloat':
      case 'float':
        return this.converted(first);
      case 'asInt':
      case 'int':
        return Math.trunc(this.converted(first));
      case 'default':
        return first === null || (typeof first === 'number' && Number.isNaN(first)) ? (values[1] ?? null) : first;
      case 'abs':
        return Math.abs(this.number(first));
      case 'min':
        return Math.min(...values.map((value) => this.number(value)));
      case 'max':
        return Math.max(...values.map((value) => this.number(value)));
      default:
        throw new ExpressionError(`unknown function ${name} in "${this.text}"`);
    }
  }

  private predicate(name: string, args: readonly Node[]): Value {
    const list = args[0] === undefined ? null : this.value(args[0]);
    const test = args[1];
    if (!isList(list) || test === undefined) throw new ExpressionError(`${name} needs a list and a condition in "${this.text}"`);
    const values = list.map((element): Value => {
      const before = this.element;
      this.element = element;
      const value = this.value(test);
      this.element = before;
      return value;
    });
    if (name === 'map') return values;
    const hits = values.filter((value) => this.truth(value)).length;
    if (name === 'all') return hits === values.length;
    if (name === 'any') return hits > 0;
    if (name === 'none') return hits === 0;
    if (name === 'one') return hits === 1;
    return name === 'count' ? hits : list.filter((_, i) => values[i] === true);
  }

  private converted(value: Value): number {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number !== 'number') throw new ExpressionError(`cannot convert ${String(value)} to a number`);
    return number;
  }

  private number(value: Value): number {
    if (typeof value === 'number') return value;
    throw new ExpressionError(`${value === null ? 'nil' : typeof value} where "${this.text}" needs a number`);
  }

  private truth(value: Value): boolean {
    if (typeof value === 'boolean') return value;
    throw new ExpressionError(`${value === null ? 'nil' : typeof value} where "${this.text}" needs true or false`);
  }
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
