/**
 * Checkpoints: the whole object graph behind a root (a simulation and everything it reaches) as numbers and strings, and back. Component
 * state holds no functions, so a copy of the graph is a copy of the run: a restored run continues with the same events, draws and hash.
 * Handled: plain objects, class instances, arrays, Map, Set, typed arrays and their shared buffers, bigint, cycles and shared references.
 * Refused, with the path to it: functions, symbols, generators, promises, weak collections, dates. State in `#private` fields cannot be seen
 * and is lost: components use TypeScript's `private`.
 */

import { earlier } from './fast-priority-queue-list.js';

/** Kinds of values, in the low four bits of a word. */
const SPECIAL = 0;
const SMALL = 1;
const DOUBLE = 2;
const STRING = 3;
const OBJECT = 4;
const EXTERNAL = 5;
const BIGINT = 6;

const UNDEFINED = 0;
const NULL = 1;
const FALSE = 2;
const TRUE = 3;
const HOLE = 4;

/** Kinds of objects. */
const RECORD = 0;
const ARRAY = 1;
const MAP = 2;
const SET = 3;
const VIEW = 4;
const BUFFER = 5;

const SMALL_LIMIT = 2 ** 27;

const VIEWS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;
type ViewName = keyof typeof VIEWS;

/** Objects of one class with the same keys in the same order. */
interface Shape {
  /** Name of the class; empty for plain objects, `null` for objects without a prototype. */
  readonly name: string;
  readonly keys: readonly string[];
}

/** A saved graph. Plain data: `structuredClone` and `v8.serialize` take it as it is. */
export interface Checkpoint {
  readonly version: 1;
  readonly shapes: readonly Shape[];
  readonly strings: readonly string[];
  readonly doubles: Float64Array;
  /** Kind (low 3 bits) and shape, length or view of each object. */
  readonly kinds: Uint32Array;
  /** The contents of the objects, one after the other. */
  readonly words: Uint32Array;
  readonly buffers: readonly ArrayBuffer[];
}

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

/** Words that grow. */
class Words {
  array = new Uint32Array(1 << 16);
  length = 0;

  push(word: number): void {
    if (this.length === this.array.length) {
      const larger = new Uint32Array(this.length * 2);
      larger.set(this.array);
      this.array = larger;
    }
    this.array[this.length++] = word;
  }
}

class Saver {
  private readonly types: CheckpointTypes;
  private readonly shapes: Shape[] = [];
  private readonly shapeTree = new Map<object | null, ShapeNode>();
  private readonly strings: string[] = [];
  private readonly stringIndex = new Map<string, number>();
  private readonly doubles: number[] = [];
  private readonly kinds = new Words();
  private readonly words = new Words();
  private readonly buffers: ArrayBuffer[] = [];
  private readonly queue: object[] = [];
  private readonly index = new Map<object, number>();
  /** For messages: which object an object was first met in, and under which key. */
  private readonly parents: number[] = [];
  private readonly keys: (string | number)[] = [];
  private at = -1;

  constructor(types: CheckpointTypes) {
    this.types = types;
  }

  save(root: object): Checkpoint {
    this.refer(root, 'root');
    for (this.at = 0; this.at < this.queue.length; this.at++) this.write(this.queue[this.at]!);
    return {
      version: 1,
      shapes: this.shapes,
      strings: this.strings,
      doubles: Float64Array.from(this.doubles),
      kinds: this.kinds.array.slice(0, this.kinds.length),
      words: this.words.array.slice(0, this.words.length),
      buffers: this.buffers,
    };
  }

  private refer(object: object, key: string | number): number {
    const known = this.index.get(object);
    if (known !== undefined) return known;
    const number = this.queue.push(object) - 1;
    this.index.set(object, number);
    this.parents.push(this.at);
    this.keys.push(key);
    return number;
  }

  private write(object: object): void {
    if (Array.isArray(object)) {
      this.kinds.push(ARRAY | (object.length << 3));
      for (let i = 0; i < object.length; i++) {
        if (i in object) this.value(object[i], i);
        else this.words.push(SPECIAL | (HOLE << 4));
      }
    } else if (object instanceof Map) {
      this.kinds.push(MAP | (object.size << 3));
      for (const [key, value] of object) {
        this.value(key, 'key');
        this.value(value, typeof key === 'object' ? 'value' : String(key));
      }
    } else if (object instanceof Set) {
      this.kinds.push(SET | (object.size << 3));
      for (const value of object) this.value(value, 'element');
    } else if (ArrayBuffer.isView(object)) {
      this.writeView(object);
    } else if (object instanceof ArrayBuffer) {
      this.kinds.push(BUFFER | (this.buffers.length << 3));
      this.buffers.push(object.slice(0));
    } else {
      this.writeRecord(object as Record<string, unknown>);
    }
  }

  private writeRecord(object: Record<string, unknown>): void {
    const prototype = Object.getPrototypeOf(object) as object | null;
    let node: ShapeNode | undefined = this.shapeTree.get(prototype);
    if (node === undefined) {
      if (prototype !== null && prototype !== Object.prototype && !isOwnClass(object, prototype))
        this.refuse(`a ${nameOf(prototype)}`);
      node = { children: new Map(), shape: -1, keys: [] };
      this.shapeTree.set(prototype, node);
    }
    const keys = Object.keys(object);
    for (const key of keys) {
      let child: ShapeNode | undefined = node.children.get(key);
      if (child === undefined) {
        child = { children: new Map(), shape: -1, keys: [...node.keys, key] };
        node.children.set(key, child);
      }
      node = child;
    }
    if (node.shape < 0) {
      const name = prototype === null ? 'null' : prototype === Object.prototype ? '' : this.types.learn(prototype);
      node.shape = this.shapes.push({ name, keys: node.keys }) - 1;
    }
    this.kinds.push(RECORD | (node.shape << 3));
    for (const key of keys) this.value(object[key], key);
  }

  private writeView(view: ArrayBufferView): void {
    const name = nameOf(Object.getPrototypeOf(view) as object) as ViewName;
    const number = Object.keys(VIEWS).indexOf(name);
    if (number < 0 || !(view.buffer instanceof ArrayBuffer)) this.refuse(`a ${name}`);
    this.kinds.push(VIEW | (number << 3));
    this.words.push(OBJECT | (this.refer(view.buffer, 'buffer') << 4));
    this.words.push(view.byteOffset);
    this.words.push((view as Uint8Array).length);
  }

  private value(value: unknown, key: string | number): void {
    const { words } = this;
    switch (typeof value) {
      case 'number':
        if (Number.isInteger(value) && value > -SMALL_LIMIT && value < SMALL_LIMIT && !Object.is(value, -0)) {
          words.push(SMALL | ((value + SMALL_LIMIT) << 4));
        } else {
          words.push(DOUBLE);
          this.doubles.push(value);
        }
        return;
      case 'string':
        words.push(STRING | (this.string(value) << 4));
        return;
      case 'boolean':
        words.push(SPECIAL | ((value ? TRUE : FALSE) << 4));
        return;
      case 'undefined':
        words.push(SPECIAL | (UNDEFINED << 4));
        return;
      case 'bigint':
        words.push(BIGINT | (this.string(value.toString()) << 4));
        return;
    }
    if (value === null) {
      words.push(SPECIAL | (NULL << 4));
      return;
    }
    const external = this.types.nameOfExternal(value);
    if (external !== undefined) words.push(EXTERNAL | (this.string(external) << 4));
    else if (typeof value === 'object') words.push(OBJECT | (this.refer(value, key) << 4));
    else
      this.refuse(
        typeof value === 'function' ? `the function ${value.name || '(anonymous)'}` : `a ${typeof value}`,
        key,
      );
  }

  private string(text: string): number {
    let number = this.stringIndex.get(text);
    if (number === undefined) {
      number = this.strings.push(text) - 1;
      this.stringIndex.set(text, number);
    }
    return number;
  }

  private refuse(what: string, key?: string | number): never {
    const path = key === undefined ? [] : [key];
    for (let at = this.at; at >= 0; at = this.parents[at]!) path.unshift(this.keys[at]!);
    throw new Error(
      `checkpoint: ${path.join('.')} holds ${what}, which cannot be saved; keep data only, or declare it external`,
    );
  }
}

interface ShapeNode {
  readonly children: Map<string, ShapeNode>;
  readonly keys: readonly string[];
  shape: number;
}

/** Is this an object of a class written in the language, whose state is its properties? */
function isOwnClass(object: object, prototype: object): boolean {
  if (Symbol.toStringTag in object) return false;
  if (object instanceof Error) return true;
  const own = (prototype as { constructor?: unknown }).constructor;
  return typeof own === 'function' && !/\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(own));
}

function nameOf(prototype: object): string {
  return (prototype.constructor as { name?: string } | undefined)?.name ?? 'object';
}

/** Saves the graph behind a root. The run is not disturbed. */
export function saveCheckpoint(root: object, types: CheckpointTypes = new CheckpointTypes()): Checkpoint {
  return new Saver(types).save(root);
}

/** A new graph like the saved one. A checkpoint can be restored any number of times. */
export function restoreCheckpoint<T extends object>(checkpoint: Checkpoint, types: CheckpointTypes): T {
  return new Restorer(checkpoint, types).restore() as T;
}

class Restorer {
  private readonly checkpoint: Checkpoint;
  private readonly types: CheckpointTypes;
  private readonly objects: object[] = [];
  private word = 0;
  private double = 0;

  constructor(checkpoint: Checkpoint, types: CheckpointTypes) {
    this.checkpoint = checkpoint;
    this.types = types;
  }

  restore(): object {
    const { kinds } = this.checkpoint;
    const prototypes = this.checkpoint.shapes.map(({ name }) =>
      name === 'null' ? null : name === '' ? Object.prototype : this.types.prototypeNamed(name),
    );
    for (let i = 0; i < kinds.length; i++) this.objects.push(this.allocate(kinds[i]!, prototypes));
    this.makeViews();
    for (let i = 0; i < kinds.length; i++) this.fill(kinds[i]!, i);
    return this.objects[0]!;
  }

  private allocate(kind: number, prototypes: readonly (object | null)[]): object {
    const detail = kind >>> 3;
    switch (kind & 7) {
      case ARRAY:
        return [];
      case MAP:
        return new Map();
      case SET:
        return new Set();
      case VIEW:
        return this; // made when the buffers are there
      case BUFFER:
        return this.checkpoint.buffers[detail]!.slice(0);
      default: {
        const prototype = prototypes[detail]!;
        return prototype === Object.prototype ? {} : (Object.create(prototype) as object);
      }
    }
  }

  /** Views cannot be made before their buffers nor after those who refer to them: finds their words by walking over the others. */
  private makeViews(): void {
    const { kinds, shapes, words } = this.checkpoint;
    let word = 0;
    for (let i = 0; i < kinds.length; i++) {
      const detail = kinds[i]! >>> 3;
      switch (kinds[i]! & 7) {
        case RECORD:
          word += shapes[detail]!.keys.length;
          break;
        case ARRAY:
        case SET:
          word += detail;
          break;
        case MAP:
          word += 2 * detail;
          break;
        case VIEW: {
          const View = Object.values(VIEWS)[detail]!;
          this.objects[i] = new View(
            this.objects[words[word]! >>> 4] as ArrayBuffer,
            words[word + 1]!,
            words[word + 2]!,
          );
          word += 3;
          break;
        }
      }
    }
  }

  private fill(kind: number, number: number): void {
    const detail = kind >>> 3;
    const object = this.objects[number]!;
    switch (kind & 7) {
      case RECORD: {
        const record = object as Record<string, unknown>;
        for (const key of this.checkpoint.shapes[detail]!.keys) {
          if (key === '__proto__')
            Object.defineProperty(record, key, {
              value: this.value(),
              writable: true,
              enumerable: true,
              configurable: true,
            });
          else record[key] = this.value();
        }
        break;
      }
      case ARRAY: {
        const array = object as unknown[];
        for (let i = 0; i < detail; i++) {
          if (this.checkpoint.words[this.word] === (SPECIAL | (HOLE << 4))) {
            array.length = i + 1;
            this.word++;
          } else {
            array[i] = this.value();
          }
        }
        break;
      }
      case MAP: {
        const map = object as Map<unknown, unknown>;
        for (let i = 0; i < detail; i++) {
          const key = this.value();
          map.set(key, this.value());
        }
        break;
      }
      case SET: {
        const set = object as Set<unknown>;
        for (let i = 0; i < detail; i++) set.add(this.value());
        break;
      }
      case VIEW:
        this.word += 3;
        break;
    }
  }

  private value(): unknown {
    const word = this.checkpoint.words[this.word++]!;
    const detail = word >>> 4;
    switch (word & 15) {
      case SMALL:
        return detail - SMALL_LIMIT;
      case DOUBLE:
        return this.checkpoint.doubles[this.double++];
      case STRING:
        return this.checkpoint.strings[detail];
      case OBJECT:
        return this.objects[detail];
      case EXTERNAL:
        return this.types.externalNamed(this.checkpoint.strings[detail]!);
      case BIGINT:
        return BigInt(this.checkpoint.strings[detail]!);
      default:
        return detail === NULL ? null : detail === UNDEFINED ? undefined : detail === TRUE;
    }
  }
}
