import {
  ARRAY,
  BIGINT,
  BUFFER,
  type Checkpoint,
  DOUBLE,
  EXTERNAL,
  HOLE,
  MAP,
  NULL,
  OBJECT,
  RECORD,
  SET,
  SMALL,
  SMALL_LIMIT,
  SPECIAL,
  STRING,
  TRUE,
  UNDEFINED,
  VIEW,
  VIEWS,
} from './checkpoint-format.js';
import type { CheckpointTypes } from './checkpoint-types.js';

/** V8 makes an object with more fields than this a slow dictionary when they are added by computed names; but not when they are defined. */
const MOST_COMPUTED = 12;

/** Makes a graph from what was written down. */
export class Restorer {
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
        const { keys } = this.checkpoint.shapes[detail]!;
        for (const key of keys) {
          if (key === '__proto__' || keys.length > MOST_COMPUTED)
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
