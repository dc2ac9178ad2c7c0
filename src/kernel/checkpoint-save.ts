import {
  ARRAY,
  BIGINT,
  BUFFER,
  type Checkpoint,
  DOUBLE,
  EXTERNAL,
  FALSE,
  HOLE,
  MAP,
  NULL,
  OBJECT,
  RECORD,
  SET,
  type Shape,
  SMALL,
  SMALL_LIMIT,
  SPECIAL,
  STRING,
  TRUE,
  UNDEFINED,
  VIEW,
  VIEWS,
  type ViewName,
} from './checkpoint-format.js';
import type { CheckpointTypes } from './checkpoint-types.js';

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

/** Walks a graph and writes it down. */
export class Saver {
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
