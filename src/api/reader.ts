import type { ResourceList } from './core.js';
import type { FieldError } from './fields.js';
import { required, unsupported } from './fields.js';
import type { IntOrString, Labels } from './meta.js';
import { nearestName } from './nearest.js';
import { QuantityError, resourceAmount } from './quantity.js';

/** A parsed YAML or JSON map. */
export type RawMap = { readonly [key: string]: unknown };

/** Whether a parsed value is a map. */
export function isMap(value: unknown): value is RawMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value` of the error about a field that Kubernetes does not know: the fault is in the key. */
export const UNKNOWN_FIELD = 'unknown field';

/** What a parsed value is, for people. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string')
    return `the text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)}`;
  if (typeof value === 'number') return `the number ${value}`;
  return `the value ${String(value)}`;
}

/** Path of a key below a path: `spec.replicas`, `metadata.labels[a.b/c]`. */
export function fieldPath(path: string, key: string): string {
  const step = /^[A-Za-z_][\w-]*$/.test(key);
  if (path === '') return step ? key : `[${key}]`;
  return step ? `${path}.${key}` : `${path}[${key}]`;
}

/**
 * Reads typed fields out of raw maps and keeps a list of what was wrong, with the path of each field. A field with an error
 * reads as absent, so that one pass finds all errors.
 */
export class FieldReader {
  readonly errors: FieldError[] = [];

  wrongType(path: string, value: unknown, expected: string): undefined {
    this.malformed(path, `expected ${expected}, found ${describeValue(value)}`);
    return undefined;
  }

  private malformed(field: string, detail: string): void {
    this.errors.push({ field, type: 'Malformed', detail });
  }

  map(raw: RawMap, key: string, path: string): RawMap | undefined {
    const value = raw[key];
    if (value === undefined || value === null) return undefined;
    return isMap(value) ? value : this.wrongType(fieldPath(path, key), value, 'a map');
  }

  list(raw: RawMap, key: string, path: string): readonly unknown[] | undefined {
    const value = raw[key];
    if (value === undefined || value === null) return undefined;
    return Array.isArray(value) ? value : this.wrongType(fieldPath(path, key), value, 'a list');
  }

  /** A list of maps, each read by `read` (which is given the map and its path). */
  listOf<T>(raw: RawMap, key: string, path: string, read: (item: RawMap, path: string) => T): readonly T[] | undefined {
    const items = this.list(raw, key, path);
    if (items === undefined) return undefined;
    const result: T[] = [];
    const base = fieldPath(path, key);
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      const itemPath = `${base}[${i}]`;
      if (isMap(item)) result.push(read(item, itemPath));
      else this.wrongType(itemPath, item, 'a map');
    }
    return result;
  }

  text(raw: RawMap, key: string, path: string): string | undefined {
    const value = raw[key];
    if (typeof value === 'string') return value;
    if (value === undefined || value === null) return undefined;
    return this.wrongType(fieldPath(path, key), value, 'text');
  }

  choice<const T extends string>(raw: RawMap, key: string, path: string, choices: readonly T[]): T | undefined {
    const value = this.text(raw, key, path);
    if (value === undefined || value === '') return undefined;
    if ((choices as readonly string[]).includes(value)) return value as T;
    this.errors.push(unsupported(fieldPath(path, key), value, choices));
    return undefined;
  }

  integer(raw: RawMap, key: string, path: string): number | undefined {
    const value = raw[key];
    if (typeof value === 'number' && Number.isInteger(value)) return value;
    if (value === undefined || value === null) return undefined;
    return this.wrongType(fieldPath(path, key), value, 'a whole number');
  }

  flag(raw: RawMap, key: string, path: string): boolean | undefined {
    const value = raw[key];
    if (typeof value === 'boolean') return value;
    if (value === undefined || value === null) return undefined;
    return this.wrongType(fieldPath(path, key), value, 'true or false');
  }

  intOrString(raw: RawMap, key: string, path: string): IntOrString | undefined {
    const value = raw[key];
    if (typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value))) return value;
    if (value === undefined || value === null) return undefined;
    return this.wrongType(fieldPath(path, key), value, 'a whole number or text');
  }

  texts(raw: RawMap, key: string, path: string): readonly string[] | undefined {
    const items = this.list(raw, key, path);
    if (items === undefined) return undefined;
    const base = fieldPath(path, key);
    items.forEach((item, i) => {
      if (typeof item !== 'string') this.wrongType(`${base}[${i}]`, item, 'text');
    });
    return items.filter((item) => typeof item === 'string');
  }

  /** A map of texts: labels, annotations, selectors. */
  labels(raw: RawMap, key: string, path: string): Labels | undefined {
    const map = this.map(raw, key, path);
    if (map === undefined) return undefined;
    let clean = true;
    for (const name in map) {
      if (typeof map[name] !== 'string') {
        clean = false;
        this.wrongType(`${fieldPath(path, key)}[${name}]`, map[name], 'text (quote it)');
      }
    }
    return clean ? (map as Labels) : {};
  }

  /** Resource amounts: cpu in millicores, everything else in base units. */
  resources(raw: RawMap, key: string, path: string): ResourceList | undefined {
    const map = this.map(raw, key, path);
    if (map === undefined) return undefined;
    const result: Record<string, number> = {};
    for (const name in map) {
      const value = map[name];
      const at = `${fieldPath(path, key)}[${name}]`;
      if (typeof value !== 'string' && typeof value !== 'number') {
        this.wrongType(at, value, 'a quantity such as 100m or 128Mi');
        continue;
      }
      try {
        result[name] = resourceAmount(name, value);
      } catch (error) {
        if (!(error instanceof QuantityError)) throw error;
        this.malformed(at, error.message);
      }
    }
    return result;
  }

  /** Notes that a field must be there. */
  missing(path: string, key: string): void {
    this.errors.push(required(fieldPath(path, key)));
  }

  /**
   * Reports keys that Kubernetes does not know here (as `kubectl apply` does with its strict field validation), and returns
   * the known ones that the models do not read, to be kept as they are; undefined when there are none.
   */
  rest(raw: RawMap, path: string, modelled: ReadonlySet<string>, others: ReadonlySet<string>): RawMap | undefined {
    let rest: Record<string, unknown> | undefined;
    for (const key in raw) {
      if (modelled.has(key)) continue;
      if (others.has(key)) {
        rest ??= {};
        rest[key] = raw[key];
        continue;
      }
      const nearest = nearestName(key, [...modelled, ...others]);
      const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
      this.errors.push({
        field: fieldPath(path, key),
        type: 'Malformed',
        value: UNKNOWN_FIELD,
        detail: `unknown field${hint}`,
      });
    }
    return rest;
  }
}
