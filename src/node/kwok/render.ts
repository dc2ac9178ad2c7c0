import { parse } from 'yaml';
import type { Operand, Pipe, TemplateNode } from './template.js';
import { TemplateError } from './template.js';
import { ENVIRONMENT_FUNCTIONS, isTrue, printed, type TemplateEnvironment, templateFunction } from './template-functions.js';

/**
 * A value of the environment that is not known yet: it can be printed, quoted, tested and handed on, and stands in the result as a
 * mark. One rendering then serves all objects that are alike but for these values.
 */
export class Hole {
  readonly mark: string;

  constructor(mark: string) {
    this.mark = mark;
  }
}

/** Functions that keep a hole whole. */
const HOLE_KEEPERS: ReadonlySet<string> = new Set(['Quote', 'index', 'list', 'not', 'empty', 'default', 'coalesce']);

interface Variable {
  readonly name: string;
  value: unknown;
}

/** Text of a template for an object given as JSON. */
export class Renderer {
  /** False: a hole went into a computation, so that the result holds for this object only. */
  exact = true;
  private readonly environment: TemplateEnvironment;
  private readonly out: string[] = [];
  private variables: Variable[] = [];

  constructor(environment: TemplateEnvironment) {
    this.environment = environment;
  }

  /** Throws TemplateError where Go's text/template fails. */
  render(nodes: readonly TemplateNode[], data: unknown): string {
    this.variables = [{ name: '$', value: data }];
    this.list(nodes, data);
    return this.out.join('');
  }

  /** The text read as YAML. */
  renderYaml(nodes: readonly TemplateNode[], data: unknown): unknown {
    const text = this.render(nodes, data);
    try {
      return parse(text, { logLevel: 'error' }) as unknown;
    } catch (error) {
      throw new TemplateError(`the rendered template is no YAML: ${(error as Error).message.split('\n')[0]}`, 1);
    }
  }

  private list(nodes: readonly TemplateNode[], dot: unknown): void {
    const depth = this.variables.length;
    for (const node of nodes) this.node(node, dot);
    this.variables.length = depth;
  }

  private node(node: TemplateNode, dot: unknown): void {
    switch (node.kind) {
      case 'text':
        this.out.push(node.text);
        return;
      case 'action': {
        const value = this.pipe(node.pipe, dot);
        if (node.pipe.variable === '') this.out.push(this.text(value));
        return;
      }
      case 'range':
        this.range(node, dot);
        return;
      default: {
        const depth = this.variables.length;
        const value = this.pipe(node.pipe, dot);
        if (isTrue(value)) this.list(node.body, node.kind === 'with' ? value : dot);
        else this.list(node.otherwise, dot);
        this.variables.length = depth;
      }
    }
  }

  private range(node: Extract<TemplateNode, { kind: 'range' }>, dot: unknown): void {
    const value = this.pipe(node.pipe, dot);
    if (!isTrue(value)) {
      this.list(node.otherwise, dot);
      return;
    }
    if (typeof value !== 'object' || value instanceof Hole) throw new TemplateError(`range can't iterate over ${printed(value)}`, node.pipe.line);
    const depth = this.variables.length;
    const keys: readonly (string | number)[] = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value as object).sort();
    for (const key of keys) {
      const element = (value as Record<string | number, unknown>)[key];
      if (node.index !== '') this.variables.push({ name: node.index, value: key });
      if (node.element !== '') this.variables.push({ name: node.element, value: element });
      this.list(node.body, element);
      this.variables.length = depth;
    }
  }

  private text(value: unknown): string {
    if (value instanceof Hole) return value.mark;
    if (typeof value === 'object' && value !== null && containsHole(value)) this.exact = false;
    return printed(value);
  }

  private pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown;
    for (let i = 0; i < pipe.commands.length; i++) value = this.command(pipe.commands[i]!, dot, pipe.line, i > 0, value);
    if (pipe.variable === '') return value;
    if (pipe.declares) this.variables.push({ name: pipe.variable, value });
    else this.variable(pipe.variable, pipe.line).value = value;
    return value;
  }

  private variable(name: string, line: number): Variable {
    for (let i = this.variables.length - 1; i >= 0; i--) if (this.variables[i]!.name === name) return this.variables[i]!;
    throw new TemplateError(`undefined variable ${name}`, line);
  }

  private command(operands: readonly Operand[], dot: unknown, line: number, piped: boolean, last: unknown): unknown {
    const [first, ...rest] = operands;
    if (first!.kind !== 'function') {
      if (piped) throw new TemplateError('a value that is no function cannot take the result of a pipe', line);
      return this.operand(first!, dot, line);
    }
    return this.call(first!.name, rest, dot, line, piped, last);
  }

  private call(name: string, operands: readonly Operand[], dot: unknown, line: number, piped: boolean, last: unknown): unknown {
    if (name === 'and' || name === 'or') {
      let value: unknown;
      for (const operand of operands) {
        value = this.operand(operand, dot, line);
        if (isTrue(value) === (name === 'or')) return value;
      }
      return piped ? last : value;
    }
    const args = operands.map((operand) => this.operand(operand, dot, line));
    if (piped) args.push(last);
    try {
      if (ENVIRONMENT_FUNCTIONS.has(name)) return this.environment.call(name, args);
      const holes = args.some(containsHole);
      if (holes && !HOLE_KEEPERS.has(name)) this.exact = false;
      if (holes && name === 'Quote') return this.quoted(args[0]);
      return templateFunction(name)(args);
    } catch (error) {
      if (error instanceof TemplateError) throw error;
      throw new TemplateError(`${name}: ${(error as Error).message}`, line);
    }
  }

  private quoted(value: unknown): unknown {
    if (value instanceof Hole) return `"${value.mark}"`;
    this.exact = false;
    return JSON.stringify(printed(value));
  }

  private operand(operand: Operand, dot: unknown, line: number): unknown {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'dot':
        return follow(dot, operand.path, line);
      case 'variable':
        return follow(this.variable(operand.name, line).value, operand.path, line);
      case 'function':
        return this.call(operand.name, [], dot, line, false, undefined);
      case 'pipe':
        return follow(this.pipe(operand.pipe, dot), operand.path, line);
    }
  }
}

function containsHole(value: unknown): boolean {
  return value instanceof Hole || (Array.isArray(value) && value.some(containsHole));
}

/** Fields of a map; a missing key is no value, a field of something else is an error. */
function follow(start: unknown, path: readonly string[], line: number): unknown {
  let value = start;
  for (const key of path) {
    if (value === undefined) return undefined;
    if (value === null) throw new TemplateError(`nil pointer evaluating interface {}.${key}`, line);
    if (typeof value !== 'object' || Array.isArray(value)) throw new TemplateError(`can't evaluate field ${key} in ${printed(value)}`, line);
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
