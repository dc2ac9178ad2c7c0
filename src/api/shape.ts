import { nearestName } from './nearest.js';
import { type FieldReader, fieldPath, isMap, type RawMap, UNKNOWN_FIELD } from './reader.js';

/**
 * What custom resources may hold, as data: names and types of fields, and which of them no model looks at. For kinds whose objects
 * are kept as written.
 */
export type Shape =
  | 'text'
  | 'integer'
  | 'number'
  | 'flag'
  /** A whole number or text. */
  | 'intOrText'
  | 'scalar'
  | 'any'
  | { readonly map: Readonly<Record<string, Shape>> }
  | { readonly list: Shape }
  /** Kept, but nothing happens because of it: what happens instead, for people. */
  | { readonly unmodelled: string; readonly shape?: Shape };

/** A field that is given and not modelled. */
export interface UnmodelledField {
  /** Steps of its path from the top of the object. */
  readonly path: readonly (string | number)[];
  readonly why: string;
}

export function map(fields: Readonly<Record<string, Shape>>): Shape {
  return { map: fields };
}

export function list(of: Shape): Shape {
  return { list: of };
}

/** `why` says what the models do instead. */
export function unmodelled(why: string, shape?: Shape): Shape {
  return { unmodelled: why, ...(shape === undefined ? {} : { shape }) };
}

const EXPECTED: Readonly<Record<string, string>> = {
  text: 'text',
  integer: 'a whole number',
  number: 'a number',
  flag: 'true or false',
  intOrText: 'a whole number or text',
  scalar: 'text, a number, true or false',
};

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'text':
      return typeof value === 'string';
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'flag':
      return typeof value === 'boolean';
    case 'intOrText':
      return typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value));
    default:
      return typeof value !== 'object';
  }
}

/** Checks a value; unknown fields and wrong types become errors. */
export function checkShape(read: FieldReader, value: unknown, path: string, shape: Shape): void {
  if (value === undefined || value === null || shape === 'any') return;
  if (typeof shape === 'string') {
    if (!isOfType(value, shape)) read.wrongType(path, value, EXPECTED[shape]!);
  } else if ('unmodelled' in shape) {
    if (shape.shape !== undefined) checkShape(read, value, path, shape.shape);
  } else if ('list' in shape) {
    if (!Array.isArray(value)) read.wrongType(path, value, 'a list');
    else for (let i = 0; i < value.length; i++) checkShape(read, value[i], `${path}[${i}]`, shape.list);
  } else if (!isMap(value)) read.wrongType(path, value, 'a map');
  else for (const key in value) checkField(read, value, key, path, shape.map);
}

function checkField(read: FieldReader, value: RawMap, key: string, path: string, fields: Readonly<Record<string, Shape>>): void {
  const shape = Object.hasOwn(fields, key) ? fields[key] : undefined;
  if (shape !== undefined) {
    checkShape(read, value[key], fieldPath(path, key), shape);
    return;
  }
  const nearest = nearestName(key, Object.keys(fields));
  const detail = `unknown field${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`;
  read.errors.push({ field: fieldPath(path, key), type: 'Malformed', value: UNKNOWN_FIELD, detail });
}

/** The fields of a value that are given and not modelled. */
export function unmodelledFields(value: unknown, shape: Shape, path: readonly (string | number)[] = []): UnmodelledField[] {
  if (value === undefined || value === null || typeof shape === 'string') return [];
  if ('unmodelled' in shape) return [{ path, why: shape.unmodelled }];
  if ('list' in shape) return Array.isArray(value) ? value.flatMap((item, i) => unmodelledFields(item, shape.list, [...path, i])) : [];
  if (!isMap(value)) return [];
  return Object.keys(value).flatMap((key) => {
    const field = Object.hasOwn(shape.map, key) ? shape.map[key] : undefined;
    return field === undefined ? [] : unmodelledFields(value[key], field, [...path, key]);
  });
}

