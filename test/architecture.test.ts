import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Project root, seen from the compiled test. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Rooms by step: a room may import rooms of earlier steps, never of its own step or a later one. */
const STEPS: readonly (readonly string[])[] = [
  ['kernel', 'random', 'stats', 'raft'],
  ['metrics'],
  ['api'],
  ['network'],
  ['etcd'],
  ['apiserver'],
  ['client'],
  ['scheduler'],
  ['controllers', 'node'],
  ['cloud'],
  ['workload', 'faults'],
  ['strategies'],
  ['cluster'],
  ['conformance', 'capacity'],
  ['sweep'],
  ['serve', 'cli'],
];

/** Rooms that know recorded figures and never the model. */
const OUTPUT_ROOMS = new Set(['analysis', 'export', 'report']);
const OUTPUT_MAY_IMPORT = new Set(['random', 'stats', 'metrics', 'analysis', 'export', 'report']);
/** Rooms that may load scenarios, not only know their types. */
const MAY_LOAD = new Set(['conformance', 'capacity', 'sweep', 'serve', 'cli', 'scenario']);
const stepOf = new Map(STEPS.flatMap((rooms, step) => rooms.map((room) => [room, step] as const)));

interface Import {
  readonly file: string;
  readonly room: string;
  readonly to: string;
  readonly toFile: string;
}

function imports(): readonly Import[] {
  const found: Import[] = [];
  const files = readdirSync(join(root, 'src'), { recursive: true }).map((name) => String(name).replaceAll('\\', '/'));
  for (const file of files) {
    if (!file.endsWith('.ts') || file.endsWith('.d.ts') || !file.includes('/')) continue;
    const text = readFileSync(join(root, 'src', file), 'utf8');
    for (const match of text.matchAll(/from '(\.[^']+)'/g)) {
      const toFile = posix.normalize(posix.join(posix.dirname(file), match[1]!));
      const room = file.slice(0, file.indexOf('/'));
      const slash = toFile.indexOf('/');
      if (slash > 0 && toFile.slice(0, slash) !== room) found.push({ file, room, to: toFile.slice(0, slash), toFile });
    }
  }
  return found;
}

function allowed({ room, to, toFile }: Import): boolean {
  if (toFile === 'scenario/types.js') return OUTPUT_ROOMS.has(room) || room === 'scenario' || (stepOf.get(room) ?? 0) > stepOf.get('api')!;
  if (to === 'scenario') return MAY_LOAD.has(room);
  // Stage files are read by those who play them.
  if (room === 'scenario' && /^node\/kwok\/(?:stage|read-stage)\.js$/.test(toFile)) return true;
  if (room === 'scenario') return OUTPUT_MAY_IMPORT.has(to) || (stepOf.get(to) ?? 99) <= stepOf.get('api')! || to === 'scheduler';
  if (OUTPUT_ROOMS.has(room)) return OUTPUT_MAY_IMPORT.has(to);
  if (OUTPUT_ROOMS.has(to)) return (stepOf.get(room) ?? 0) >= stepOf.get('cluster')!;
  const from = stepOf.get(room);
  const target = stepOf.get(to);
  if (from === undefined || target === undefined) return false;
  if (room === 'raft') return false;
  return target < from;
}

test('imports go one way between rooms', () => {
  const all = imports();
  assert.ok(all.length > 50, 'the test must see the imports');
  const wrong = all.filter((item) => !allowed(item)).map((item) => `${item.file} imports ${item.toFile}`);
  assert.deepEqual(wrong, []);
});

test('only the outer rooms touch files, processes and sockets', () => {
  const outer = new Set(['cli', 'sweep', 'serve', 'export', 'report', 'conformance', 'scenario']);
  const wrong: string[] = [];
  for (const name of readdirSync(join(root, 'src'), { recursive: true })) {
    const file = String(name).replaceAll('\\', '/');
    if (!file.endsWith('.ts') || outer.has(file.slice(0, file.indexOf('/')))) continue;
    if (/from 'node:/.test(readFileSync(join(root, 'src', file), 'utf8'))) wrong.push(file);
  }
  assert.deepEqual(wrong, []);
});
