import { equal } from '../../api/equal.js';
import type { PatchType } from './stage.js';
import type { JsonOperation } from './steps.js';

type Fields = Record<string, unknown>;

/** Lists that a strategic merge patch merges by a key, by the name of the field (k8s.io/api core/v1, Pods and Nodes). */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  conditions: 'type',
  addresses: 'type',
  podIPs: 'ip',
  hostIPs: 'ip',
  containers: 'name',
  initContainers: 'name',
  volumes: 'name',
  env: 'name',
  ownerReferences: 'uid',
};
/** Lists of plain values that a strategic merge patch unites. */
const UNITED: ReadonlySet<string> = new Set(['finalizers', 'podCIDRs']);

/** What a patch makes of a JSON value. Throws an error when a JSON patch does not fit. */
export function applyJson(type: PatchType, value: unknown, patch: unknown): unknown {
  if (type === 'json') return (patch as readonly JsonOperation[]).reduce(operate, value);
  return merge(value, patch, type !== 'merge', '');
}

/** RFC 7386, or a strategic merge. */
function merge(value: unknown, patch: unknown, strategic: boolean, name: string): unknown {
  if (Array.isArray(patch) && strategic && Array.isArray(value)) return mergeList(value, patch, name);
  if (!isFields(patch)) return patch;
  const result: Fields = isFields(value) ? { ...value } : {};
  for (const [key, wanted] of Object.entries(patch)) {
    if (wanted === null) delete result[key];
    else result[key] = merge(result[key], wanted, strategic, key);
  }
  return result;
}

function mergeList(value: readonly unknown[], patch: readonly unknown[], name: string): readonly unknown[] {
  if (UNITED.has(name)) return [...value, ...patch.filter((item) => !value.includes(item))];
  const key = MERGE_KEYS[name];
  if (key === undefined) return patch;
  const result = [...(value as Fields[])];
  for (const item of patch as Fields[]) {
    const at = result.findIndex((other) => other[key] === item[key]);
    if (at < 0) result.push(item);
    else result[at] = merge(result[at], item, true, '') as Fields;
  }
  return result;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function stepsOf(path: string): string[] {
  if (path === '') return [];
  if (!path.startsWith('/')) throw new Error(`JSON patch: the path ${path} does not begin with /`);
  return path.slice(1).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** RFC 6902. */
function operate(value: unknown, operation: JsonOperation): unknown {
  const path = stepsOf(operation.path);
  switch (operation.op) {
    case 'add':
      return edit(value, path, operation.path, (holder, key) => add(holder, key, operation.value));
    case 'remove':
      return edit(value, path, operation.path, remove);
    case 'replace':
      get(value, path, operation.path);
      return edit(value, path, operation.path, (holder, key) => set(holder, key, operation.value));
    case 'test':
      if (equal(get(value, path, operation.path), operation.value)) return value;
      throw new Error(`JSON patch: the test of ${operation.path} fails`);
    case 'copy':
    case 'move': {
      const from = stepsOf(operation.from ?? '');
      const moved = get(value, from, operation.from ?? '');
      const without = operation.op === 'move' ? edit(value, from, operation.from ?? '', remove) : value;
      return edit(without, path, operation.path, (holder, key) => add(holder, key, moved));
    }
    default:
      throw new Error(`JSON patch: the operation ${operation.op} is not known`);
  }
}

function get(value: unknown, path: readonly string[], text: string): unknown {
  let found = value;
  for (const step of path) {
    found = typeof found === 'object' && found !== null ? (found as Fields)[step] : undefined;
    if (found === undefined) throw new Error(`JSON patch: there is no ${text}`);
  }
  return found;
}

type Edit = (holder: unknown, key: string) => unknown;

function edit(value: unknown, path: readonly string[], text: string, change: Edit): unknown {
  const [step, ...rest] = path;
  if (step === undefined) throw new Error('JSON patch: the whole object cannot be changed');
  if (rest.length === 0) return change(value, step);
  const inner = typeof value === 'object' && value !== null ? (value as Fields)[step] : undefined;
  if (inner === undefined) throw new Error(`JSON patch: there is no ${text}`);
  return set(value, step, edit(inner, rest, text, change));
}

function add(holder: unknown, key: string, value: unknown): unknown {
  if (!Array.isArray(holder)) return set(holder, key, value);
  const at = key === '-' ? holder.length : Number(key);
  if (!(at >= 0 && at <= holder.length)) throw new Error(`JSON patch: there is no place ${key} in the list`);
  return [...holder.slice(0, at), value, ...holder.slice(at)];
}

function remove(holder: unknown, key: string): unknown {
  if (Array.isArray(holder)) {
    if (!(Number(key) >= 0 && Number(key) < holder.length)) throw new Error(`JSON patch: there is no item ${key} in the list`);
    return holder.filter((_item, i) => i !== Number(key));
  }
  if ((holder as Fields)[key] === undefined) throw new Error(`JSON patch: there is no ${key} to remove`);
  const { [key]: _removed, ...rest } = holder as Fields;
  return rest;
}

function set(holder: unknown, key: string, value: unknown): unknown {
  if (Array.isArray(holder)) return holder.map((item, i) => (i === Number(key) ? value : item));
  return { ...(holder as Fields), [key]: value };
}
