import type { z } from 'zod';
import { nearestName } from '../api/nearest.js';
import { describeValue } from '../api/reader.js';
import type { InputError } from './input-error.js';
import type { SourceItem } from './source.js';

/** What zod found wrong, as errors with positions. */

type Issue = z.core.$ZodIssue;

/** Checks a value against a schema; the errors point into the file that it came from. */
export function checkValue<T>(
  schema: z.ZodType<T>,
  value: unknown,
  item: SourceItem,
): { value?: T; errors: InputError[] } {
  const result = schema.safeParse(value);
  if (result.success) return { value: result.data, errors: [] };
  const errors: InputError[] = [];
  reportAll(schema, value, result.error.issues, [], item, errors);
  return { errors };
}

function reportAll(
  schema: z.ZodType,
  root: unknown,
  issues: readonly Issue[],
  base: readonly PropertyKey[],
  item: SourceItem,
  errors: InputError[],
): void {
  // A map with an unknown key often breaks a rule about its known ones too; the key is the mistake.
  const misspelt = new Set(
    issues.filter((issue) => issue.code === 'unrecognized_keys').map((issue) => issue.path.join('/')),
  );
  for (const issue of issues) {
    if (issue.code === 'custom' && misspelt.has(issue.path.join('/'))) continue;
    report(schema, root, issue, base, item, errors);
  }
}

function report(
  schema: z.ZodType,
  root: unknown,
  issue: Issue,
  base: readonly PropertyKey[],
  item: SourceItem,
  errors: InputError[],
): void {
  const path = [...base, ...issue.path] as (string | number)[];
  const found = valueAt(root, path);
  if (issue.code === 'unrecognized_keys') {
    const names = keysAt(schema, path);
    for (const key of issue.keys) {
      const suggestion = nearestName(key, names);
      const hint = suggestion === undefined ? `; known keys: ${names.join(', ')}` : `; did you mean "${suggestion}"?`;
      errors.push(
        item.keyError([...path, key], {
          message: `unknown key "${key}"${hint}`,
          found: key,
          expected: names.join(', '),
          ...(suggestion === undefined ? {} : { suggestion }),
        }),
      );
    }
    return;
  }
  if (issue.code === 'invalid_union') {
    const branch = bestBranch(issue.errors, found);
    if (branch !== undefined) {
      reportAll(schema, root, branch, path, item, errors);
      return;
    }
  }
  if (found === undefined && path.length > 0) {
    const key = String(path[path.length - 1]);
    const what = issue.message.startsWith('expected ') ? `: ${issue.message}` : '';
    errors.push(item.error(path.slice(0, -1), { message: `missing key "${key}"${what}`, expected: key }));
    return;
  }
  const message =
    issue.code === 'invalid_type' && !issue.message.startsWith('expected ')
      ? `expected ${typeName(issue.expected)}`
      : issue.message;
  const says = message.includes(', found ') ? message : `${message}, found ${describeValue(found)}`;
  errors.push(
    item.error(path, { message: says, found: describeValue(found), expected: message.replace(/^expected /, '') }),
  );
}

/** Of a union's branches the one whose top-level type fits what was found, so that its own errors are shown. */
function bestBranch(branches: readonly (readonly Issue[])[], found: unknown): readonly Issue[] | undefined {
  if (typeof found !== 'object' || found === null) return undefined;
  return branches.find((issues) => issues.every((issue) => issue.code !== 'invalid_type' || issue.path.length > 0));
}

function typeName(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    object: 'a map',
    record: 'a map',
    array: 'a list',
    string: 'text',
    boolean: 'true or false',
    int: 'a whole number',
    number: 'a number',
  };
  return names[expected] ?? expected;
}

function valueAt(root: unknown, path: readonly (string | number)[]): unknown {
  let value = root;
  for (const step of path) value = (value as Record<string | number, unknown> | null | undefined)?.[step];
  return value;
}

/** Keys that the schema knows at a path. */
function keysAt(schema: z.ZodType, path: readonly (string | number)[]): string[] {
  let candidates = expand(schema);
  for (const step of path) {
    candidates = candidates.flatMap((candidate) => {
      const { def } = candidate._zod as unknown as { def: Definition };
      if (def.type === 'object') return Object.hasOwn(def.shape!, step) ? expand(def.shape![step as string]!) : [];
      if (def.type === 'array') return expand(def.element!);
      if (def.type === 'record') return expand(def.valueType!);
      return [];
    });
  }
  const names = candidates.flatMap((candidate) => {
    const { def } = candidate._zod as unknown as { def: Definition };
    return def.type === 'object' ? Object.keys(def.shape!) : [];
  });
  return [...new Set(names)].filter((name) => name !== '$schema');
}

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
}

/** Sees through optional, nullable and unions. */
function expand(schema: z.ZodType): z.ZodType[] {
  const { def } = schema._zod as unknown as { def: Definition };
  if (def.innerType !== undefined) return expand(def.innerType);
  if (def.options !== undefined) return def.options.flatMap(expand);
  return [schema];
}
