import type { Operand, Pipe, TemplateNode } from './template.js';
import { ENVIRONMENT_FUNCTIONS } from './template-functions.js';

/** What an expression of a template is, as far as it matters for what the template reads. */
type Abstract = { readonly root: readonly string[] } | null;

/**
 * Which fields of its object a template reads: the paths whose values decide the text. Arguments of the environment's functions do not
 * count, since those values are filled in later. Null: it cannot be told.
 */
export function templateInputs(nodes: readonly TemplateNode[]): readonly (readonly string[])[] {
  const finder = new InputFinder(usedVariables(nodes));
  finder.list(nodes, { root: [] });
  return finder.paths();
}

class InputFinder {
  private readonly found = new Map<string, readonly string[]>();
  private readonly used: ReadonlySet<string>;
  private variables: { name: string; value: Abstract }[] = [{ name: '$', value: { root: [] } }];

  constructor(used: ReadonlySet<string>) {
    this.used = used;
  }

  /** The paths found, without those below another one. */
  paths(): readonly (readonly string[])[] {
    const all = [...this.found.values()];
    return all.filter((path) => !all.some((other) => other !== path && other.length < path.length && other.every((key, i) => path[i] === key)));
  }

  private read(value: Abstract): null {
    if (value !== null) this.found.set(JSON.stringify(value.root), value.root);
    return null;
  }

  list(nodes: readonly TemplateNode[], dot: Abstract): void {
    const depth = this.variables.length;
    for (const node of nodes) this.node(node, dot);
    this.variables.length = depth;
  }

  private node(node: TemplateNode, dot: Abstract): void {
    if (node.kind === 'text') return;
    const depth = this.variables.length;
    const value = this.pipe(node.pipe, dot);
    if (node.kind === 'action') {
      // A variable is read where it is used.
      if (node.pipe.variable === '') this.read(value);
      return;
    }
    this.read(value);
    if (node.kind === 'range') {
      for (const name of [node.index, node.element]) if (name !== '') this.variables.push({ name, value: null });
      this.list(node.body, null);
    } else this.list(node.body, node.kind === 'with' ? null : dot);
    this.variables.length = depth;
    this.list(node.otherwise, dot);
  }

  private pipe(pipe: Pipe, dot: Abstract): Abstract {
    let value: Abstract = null;
    // What only fills a variable that nobody asks decides nothing.
    if (pipe.declares && !this.used.has(pipe.variable)) return null;
    pipe.commands.forEach((command, i) => {
      value = this.command(command, dot, i > 0 ? value : null);
    });
    if (pipe.variable !== '') {
      if (pipe.declares) this.variables.push({ name: pipe.variable, value });
      // Which of several assignments holds is not followed: what is assigned counts as read.
      else this.read(value);
    }
    return value;
  }

  private command(operands: readonly Operand[], dot: Abstract, last: Abstract): Abstract {
    const [first, ...rest] = operands;
    if (first!.kind !== 'function') return this.operand(first!, dot);
    if (ENVIRONMENT_FUNCTIONS.has(first!.name)) return null;
    for (const operand of rest) this.read(this.operand(operand, dot));
    return this.read(last);
  }

  private operand(operand: Operand, dot: Abstract): Abstract {
    switch (operand.kind) {
      case 'literal':
      case 'function':
        return null;
      case 'dot':
        return extended(dot, operand.path);
      case 'variable': {
        const known = this.variables.findLast((variable) => variable.name === operand.name);
        return extended(known?.value ?? null, operand.path);
      }
      case 'pipe':
        return extended(this.pipe(operand.pipe, dot), operand.path);
    }
  }
}

function extended(value: Abstract, path: readonly string[]): Abstract {
  return value === null ? null : { root: [...value.root, ...path] };
}

/** Names of the variables that a template asks or changes. */
function usedVariables(nodes: readonly TemplateNode[]): ReadonlySet<string> {
  const used = new Set<string>();
  const pipe = (each: Pipe): void => {
    if (each.variable !== '' && !each.declares) used.add(each.variable);
    for (const command of each.commands) {
      for (const operand of command) {
        if (operand.kind === 'variable') used.add(operand.name);
        else if (operand.kind === 'pipe') pipe(operand.pipe);
      }
    }
  };
  const list = (all: readonly TemplateNode[]): void => {
    for (const node of all) {
      if (node.kind === 'text') continue;
      pipe(node.pipe);
      if (node.kind === 'action') continue;
      list(node.body);
      list(node.otherwise);
    }
  };
  list(nodes);
  return used;
}
