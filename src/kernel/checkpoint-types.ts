import { earlier } from './fast-priority-queue-list.js';

type Constructor = abstract new (...args: never[]) => object;

/** What a checkpoint needs to know about the program: classes by name, and what stays outside. */
export class CheckpointTypes {
  private readonly prototypes = new Map<string, object>();
  private readonly names = new Map<object, string>();
  private readonly externals = new Map<string, unknown>();
  private readonly externalNames = new Map<unknown, string>();

  constructor() {
    this.external('kernel/earlier', earlier);
  }

  /** Registers classes, by their names. Classes met while saving are learnt; others are needed only to restore in a new process. */
  classes(...list: readonly Constructor[]): this {
    for (const one of list) this.learn(one.prototype as object);
    return this;
  }

  /**
   * Declares a value that is not saved but named: a function, a table shared by all, a sink to the outside. The restoring side declares its
   * own under the same name.
   */
  external(name: string, value: unknown): this {
    this.externals.set(name, value);
    this.externalNames.set(value, name);
    return this;
  }

  /** For saving: the name of an external; undefined when the value is none. */
  nameOfExternal(value: unknown): string | undefined {
    return this.externalNames.get(value);
  }

  /** For restoring. */
  externalNamed(name: string): unknown {
    if (!this.externals.has(name)) throw new Error(`checkpoint: external ${name} was not declared`);
    return this.externals.get(name);
  }

  /** The name under which a prototype is saved. */
  learn(prototype: object): string {
    const known = this.names.get(prototype);
    if (known !== undefined) return known;
    const name = (prototype.constructor as { name?: string } | undefined)?.name ?? '';
    if (name === '') throw new Error('checkpoint: a class without a name');
    // Two classes of one name get names by order of meeting; across processes both must be registered in the same order.
    let unique = name;
    for (let i = 2; this.prototypes.has(unique); i++) unique = `${name}#${i}`;
    this.prototypes.set(unique, prototype);
    this.names.set(prototype, unique);
    return unique;
  }

  /** The prototype of a name. */
  prototypeNamed(name: string): object {
    const prototype = this.prototypes.get(name);
    if (prototype === undefined) throw new Error(`checkpoint: class ${name} was not registered`);
    return prototype;
  }
}
