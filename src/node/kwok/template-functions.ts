import { stringify } from 'yaml';

/**
 * Functions of templates: those of Go's text/template, KWOK's own (pkg/utils/gotpl/funcs.go) and the part of Sprig that stages use.
 * Values are JSON; a value that is not there is undefined (Go's "no value").
 */
export type TemplateFunction = (args: readonly unknown[]) => unknown;

/** Functions whose answers come from the controller that plays the stage. */
export const ENVIRONMENT_FUNCTIONS: ReadonlySet<string> = new Set([
  'Now',
  'StartTime',
  'Version',
  'NodeIP',
  'NodeName',
  'NodePort',
  'PodIP',
  'NodeIPWith',
  'NodeIPsWith',
  'PodIPWith',
  'PodIPsWith',
]);

/** Answers the functions of `ENVIRONMENT_FUNCTIONS`. */
export interface TemplateEnvironment {
  call(name: string, args: readonly unknown[]): unknown;
}

/** Go's truth: everything but false, 0, nothing, and an empty text, list or map. */
export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/** How Go prints a value. */
export function printed(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(printed).join(' ')}]`;
  if (typeof value === 'object') {
    const keys = Object.keys(value).sort();
    return `map[${keys.map((key) => `${key}:${printed((value as Record<string, unknown>)[key])}`).join(' ')}]`;
  }
  return String(value);
}

/** pkg/utils/gotpl/funcs.go nodeConditions. */
const NODE_CONDITIONS = [
  { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
  {
    type: 'MemoryPressure',
    status: 'False',
    reason: 'KubeletHasSufficientMemory',
    message: 'kubelet has sufficient memory available',
  },
  { type: 'DiskPressure', status: 'False', reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure' },
  { type: 'PIDPressure', status: 'False', reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available' },
  { type: 'NetworkUnavailable', status: 'False', reason: 'RouteCreated', message: 'RouteController created a route' },
] as const;

function quoted(value: unknown): string {
  const data = JSON.stringify(value ?? null);
  return data.startsWith('"') ? data : JSON.stringify(data);
}

function yamlOf(value: unknown, indent: unknown): string {
  const text = stringify(value ?? null, { lineWidth: 0, sortMapEntries: true, aliasDuplicateObjects: false });
  const pad = typeof indent === 'number' && indent > 0 ? '  '.repeat(indent) : '';
  return pad === '' ? text : `\n${text}`.replaceAll('\n', `\n${pad}`);
}

function index(args: readonly unknown[]): unknown {
  let value = args[0];
  for (const key of args.slice(1)) {
    if (value === undefined || value === null) throw new Error('index of untyped nil');
    if (Array.isArray(value)) {
      if (typeof key !== 'number' || key < 0 || key >= value.length) throw new Error(`index out of range: ${printed(key)}`);
      value = value[key];
    } else if (typeof value === 'object') value = (value as Record<string, unknown>)[String(key)];
    else throw new Error(`cannot index a ${typeof value}`);
  }
  return value;
}

function length(value: unknown): number {
  if (typeof value === 'string') return new TextEncoder().encode(value).length;
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  throw new Error(`len of ${printed(value)}`);
}

function equals(args: readonly unknown[]): boolean {
  const [first, ...rest] = args;
  if (rest.length === 0) throw new Error('missing argument for comparison');
  return rest.some((other) => {
    const both = first !== undefined && first !== null && other !== undefined && other !== null;
    if (both && (typeof first !== typeof other || typeof first === 'object')) throw new Error('incompatible types for comparison');
    return first === other || ((first ?? null) === null && (other ?? null) === null);
  });
}

function less(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a < b;
  if (typeof a === 'string' && typeof b === 'string') return a < b;
  throw new Error('incompatible types for comparison');
}

/** fmt.Sprintf with %s, %v, %d, %q, %t and %%. */
function formatted(args: readonly unknown[]): string {
  const rest = args.slice(1);
  let next = 0;
  return text(args[0]).replace(/%([svdqt%])/g, (_match, verb: string) => {
    if (verb === '%') return '%';
    if (next >= rest.length) return `%!${verb}(MISSING)`;
    const value = rest[next++];
    return verb === 'q' ? JSON.stringify(printed(value)) : printed(value);
  });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : printed(value);
}

function whole(value: unknown): number {
  const number = Math.trunc(Number(typeof value === 'boolean' ? (value ? 1 : 0) : (value ?? 0)));
  return Number.isFinite(number) ? number : 0;
}

const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  // text/template
  ['not', ([value]) => !isTrue(value)],
  ['len', ([value]) => length(value)],
  ['index', index],
  ['eq', equals],
  ['ne', (args) => !equals(args)],
  ['lt', ([a, b]) => less(a, b)],
  ['le', ([a, b]) => !less(b, a)],
  ['gt', ([a, b]) => less(b, a)],
  ['ge', ([a, b]) => !less(a, b)],
  ['print', (args) => args.map(printed).join('')],
  ['println', (args) => `${args.map(printed).join(' ')}\n`],
  ['printf', formatted],
  // KWOK
  ['Quote', ([value]) => quoted(value)],
  ['YAML', ([value, indent]) => yamlOf(value, indent)],
  ['NodeConditions', () => NODE_CONDITIONS],
  // Sprig
  ['dict', (args) => Object.fromEntries(pairs(args))],
  ['list', (args) => [...args]],
  ['default', ([fallback, value]) => (isTrue(value) ? value : fallback)],
  ['coalesce', (args) => args.find(isTrue)],
  ['empty', ([value]) => !isTrue(value)],
  ['ternary', ([yes, no, condition]) => (condition === true ? yes : no)],
  ['hasKey', ([map, key]) => typeof map === 'object' && map !== null && Object.hasOwn(map, text(key))],
  ['get', ([map, key]) => (map as Record<string, unknown>)[text(key)] ?? ''],
  ['quote', (args) => args.filter((value) => value !== undefined && value !== null).map((value) => JSON.stringify(printed(value))).join(' ')],
  ['squote', (args) => args.filter((value) => value !== undefined && value !== null).map((value) => `'${printed(value)}'`).join(' ')],
  ['toString', ([value]) => text(value)],
  ['toJson', ([value]) => JSON.stringify(value ?? null)],
  ['lower', ([value]) => text(value).toLowerCase()],
  ['upper', ([value]) => text(value).toUpperCase()],
  ['trim', ([value]) => text(value).trim()],
  ['trimPrefix', ([prefix, value]) => (text(value).startsWith(text(prefix)) ? text(value).slice(text(prefix).length) : text(value))],
  ['trimSuffix', ([suffix, value]) => (text(value).endsWith(text(suffix)) ? text(value).slice(0, -text(suffix).length || undefined) : text(value))],
  ['hasPrefix', ([prefix, value]) => text(value).startsWith(text(prefix))],
  ['hasSuffix', ([suffix, value]) => text(value).endsWith(text(suffix))],
  ['contains', ([part, value]) => text(value).includes(text(part))],
  ['replace', ([from, to, value]) => text(value).replaceAll(text(from), text(to))],
  ['join', ([separator, values]) => (Array.isArray(values) ? values.map(printed).join(text(separator)) : printed(values))],
  ['int', ([value]) => whole(value)],
  ['add', (args) => args.reduce<number>((sum, value) => sum + whole(value), 0)],
  ['sub', ([a, b]) => whole(a) - whole(b)],
  ['mul', (args) => args.reduce<number>((product, value) => product * whole(value), 1)],
]);

function pairs(args: readonly unknown[]): [string, unknown][] {
  const found: [string, unknown][] = [];
  for (let i = 0; i < args.length; i += 2) found.push([text(args[i]), args[i + 1] ?? '']);
  return found;
}

/** Whether a template may call a function of this name. */
export function isTemplateFunction(name: string): boolean {
  return name === 'and' || name === 'or' || FUNCTIONS.has(name) || ENVIRONMENT_FUNCTIONS.has(name);
}

/** A function other than `and`, `or` and those of the environment. */
export function templateFunction(name: string): TemplateFunction {
  return FUNCTIONS.get(name)!;
}
