/**
 * The engine beside its rivals: one table of ratios, and `reports/bench/engine.json`. Every program runs in a process of its own; all contestants
 * take turns and the least time of all turns counts, so that a noisy machine does little harm. C++ (g++) and SimPy (python3) take
 * part when they are installed; set PYTHON to the interpreter that has SimPy. Arguments: `--rounds N`, `--quick`, names of rows.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { measureDraws } from './engine/draws.js';
import { EXPONENTIAL, type Increments, MIXED, TIES } from './engine/programs.js';

const here = dirname(fileURLToPath(import.meta.url));
let root = here;
while (!existsSync(join(root, 'package.json'))) root = dirname(root);
const worker = join(here, 'engine', 'worker.js');

const options = process.argv.slice(2);
const quick = options.includes('--quick');
const roundsAt = options.indexOf('--rounds');
const rounds = roundsAt >= 0 ? Number(options[roundsAt + 1]) : quick ? 2 : 5;
const wanted = options.filter((option, i) => !option.startsWith('--') && i !== roundsAt + 1);

interface Result {
  readonly ns: number;
  readonly clock: number | string;
}

type Contestant = 'engine' | 'hash' | 'heap' | 'native' | 'library' | 'simpy';

interface Row {
  readonly name: string;
  /** What each contestant runs: the worker's arguments, or those of a peer. */
  readonly programs: Partial<Record<Contestant, readonly (string | number)[]>>;
  /** Least ratio (rival's time over the engine's). */
  readonly targets: Partial<Record<Contestant, number>>;
  /** Do all final clocks agree? */
  readonly sameClock: boolean;
}

const files: Record<string, Increments> = { exponential: EXPONENTIAL, ties: TIES, mixed: MIXED };

function peerFile(file: string): (string | number)[] {
  return [join(root, 'bench/engine/data', files[file]!.file), files[file]!.scale];
}

function hold(name: string, file: string, n: number, targets: Row['targets'], more: readonly Contestant[] = []): Row {
  // A slice is short, so that a quiet moment is enough for a true minimum, but holds several fillings of the ladder's first rung, so that no slice
  // escapes their cost.
  const slice = n <= 100 ? 200_000 : n <= 10_000 ? 300_000 : n <= 50_000 ? 600_000 : 8 * n;
  const work = [n, Math.max(1_000_000, 2 * n), slice, Math.max(1, Math.round(2_400_000 / slice))];
  return {
    name,
    programs: {
      engine: ['hold', file, ...work],
      native: ['hold', ...peerFile(file), ...work],
      ...(more.includes('library') ? { library: ['hold-library', file, ...work] } : {}),
      ...(more.includes('heap') ? { heap: ['hold-heap', file, ...work] } : {}),
      ...(more.includes('simpy') ? { simpy: ['hold', ...peerFile(file), n, n, 200_000, 1] } : {}),
    },
    targets,
    sameClock: true,
  };
}

const rows: Row[] = [
  hold('HOLD exponential, N = 100', 'exponential', 100, { native: 1, simpy: 15 }, ['library', 'heap', 'simpy']),
  hold('HOLD exponential, N = 10,000', 'exponential', 10_000, { native: 1.8, library: 4.5, simpy: 20 }, [
    'library',
    'heap',
    'simpy',
  ]),
  hold('HOLD exponential, N = 1,000,000', 'exponential', 1_000_000, { native: 1, simpy: 20 }, [
    'library',
    'heap',
    'simpy',
  ]),
  hold('HOLD ties, N = 50,000', 'ties', 50_000, { native: 2 }),
  hold('HOLD cluster mix, N = 50,000', 'mixed', 50_000, { native: 1.5 }),
  {
    name: 'PHOLD, 1,000 actors, hook off',
    programs: {
      engine: ['phold', 'exponential', 0, 0, 300_000, 8],
      hash: ['phold-hash', 'exponential', 0, 0, 300_000, 8],
      native: ['phold', ...peerFile('exponential'), 300_000, 8],
      simpy: ['phold', ...peerFile('exponential'), 60_000, 1],
    },
    // The hash may cost at most 15 %: its time over the engine's is held below by `limits`.
    targets: { native: 1.2, simpy: 80 },
    sameClock: true,
  },
  {
    name: 'M/M/1, a process per customer',
    programs: {
      engine: ['mm1-process', 'exponential', 0, 0, 100_000, 8],
      native: ['mm1', 100_000, 8],
      simpy: ['mm1', 50_000, 1],
    },
    targets: { simpy: 15 },
    sameClock: false,
  },
  {
    name: 'M/M/1, a component',
    programs: { engine: ['mm1-component', 'exponential', 0, 0, 100_000, 8], native: ['mm1', 100_000, 8] },
    targets: {},
    sameClock: false,
  },
];

/** The hash may make PHOLD slower by this factor. */
const HASH_LIMIT = 1.15;

function run(command: string, args: readonly (string | number)[]): Result | undefined {
  const done = spawnSync(command, args.map(String), { encoding: 'utf8' });
  if (done.status !== 0) return undefined;
  return JSON.parse(done.stdout.trim().split('\n').at(-1)!) as Result;
}

function compileNative(directory: string): string | undefined {
  const output = join(directory, 'native');
  const compiled = spawnSync('g++', [
    '-O3',
    '-march=native',
    '-std=c++17',
    '-o',
    output,
    join(root, 'bench/engine/peers/native.cpp'),
  ]);
  return compiled.status === 0 ? output : undefined;
}

function findSimpy(): string | undefined {
  for (const python of [process.env['PYTHON'], 'python3', 'python']) {
    if (python !== undefined && spawnSync(python, ['-c', 'import simpy']).status === 0) return python;
  }
  return undefined;
}

const directory = mkdtempSync(join(tmpdir(), 'towtank-bench-'));
const native = compileNative(directory);
const python = findSimpy();
if (native === undefined) console.error('g++ is not installed: no C++ column');
if (python === undefined) console.error('SimPy is not installed (pip install simpy): no SimPy column');

function execute(contestant: Contestant, args: readonly (string | number)[]): Result | undefined {
  if (contestant === 'native') return native === undefined ? undefined : run(native, args);
  if (contestant === 'simpy')
    return python === undefined ? undefined : run(python, [join(root, 'bench/engine/peers/simpy_peers.py'), ...args]);
  const [name, file, size, ...rest] = args;
  return run(process.execPath, [worker, root, name!, file!, size!, ...rest]);
}

const measured: {
  name: string;
  ns: Partial<Record<Contestant, number>>;
  ratios: Partial<Record<Contestant, number>>;
  targets: Row['targets'];
}[] = [];
let failed = false;

for (const row of rows) {
  if (wanted.length > 0 && !wanted.some((part) => row.name.toLowerCase().includes(part.toLowerCase()))) continue;
  const ns: Partial<Record<Contestant, number>> = {};
  const clocks = new Map<string, Contestant>();
  for (let round = 0; round < rounds; round++) {
    for (const [contestant, args] of Object.entries(row.programs) as [Contestant, (string | number)[]][]) {
      // SimPy is so much slower that two turns show all there is to see.
      if (contestant === 'simpy' && round >= 2) continue;
      const result = execute(contestant, args);
      if (result === undefined) continue;
      ns[contestant] = Math.min(ns[contestant] ?? Number.POSITIVE_INFINITY, result.ns);
      if (row.sameClock && contestant !== 'simpy') clocks.set(String(Number(result.clock)), contestant);
    }
  }
  if (clocks.size > 1) {
    console.error(
      `${row.name}: final clocks differ: ${[...clocks].map(([clock, who]) => `${who} ${clock}`).join(', ')}`,
    );
    failed = true;
  }
  const ratios: Partial<Record<Contestant, number>> = {};
  for (const [contestant, time] of Object.entries(ns) as [Contestant, number][]) {
    if (contestant !== 'engine') ratios[contestant] = time / ns.engine!;
  }
  for (const [contestant, target] of Object.entries(row.targets) as [Contestant, number][]) {
    if (ratios[contestant] !== undefined && ratios[contestant] < target) failed = true;
  }
  if (ratios.hash !== undefined && ratios.hash > HASH_LIMIT) failed = true;
  measured.push({ name: row.name, ns, ratios, targets: row.targets });
}

const columns: [Contestant, string][] = [
  ['native', 'C++ priority_queue'],
  ['library', 'fastpriorityqueue'],
  ['simpy', 'SimPy processes'],
  ['heap', 'our heap'],
  ['hash', 'with hash'],
];
const table = new Table({
  head: ['work', 'ns an event', ...columns.map(([, title]) => title)],
  style: { head: [], border: [] },
});
for (const row of measured) {
  const cells = columns.map(([contestant]) => {
    const ratio = row.ratios[contestant];
    if (ratio === undefined) return '';
    const target = row.targets[contestant];
    const limit = contestant === 'hash' ? ` (≤ ${HASH_LIMIT})${ratio > HASH_LIMIT ? ' MISSED' : ''}` : '';
    const goal = target === undefined ? limit : ` (≥ ${target})${ratio < target ? ' MISSED' : ''}`;
    return `${ratio.toFixed(ratio < 10 ? 2 : 1)}×${goal}`;
  });
  table.push([row.name, row.ns.engine!.toFixed(1), ...cells]);
}
console.log(
  `Rival's time over ours (least of ${rounds} turns; M/M/1: ns a customer). Node ${process.version}, ${cpus()[0]?.model ?? ''}`,
);
console.log(table.toString());

const draws = quick || wanted.length > 0 ? [] : await measureDraws();
if (draws.length > 0) {
  const drawTable = new Table({ head: ['draw', 'ns (median)'], style: { head: [], border: [] } });
  for (const { name, ns } of draws) drawTable.push([name, ns.toFixed(1)]);
  console.log(drawTable.toString());
}

mkdirSync(join(root, 'reports/bench'), { recursive: true });
const report = { node: process.version, cpu: cpus()[0]?.model, rounds, rows: measured, draws };
writeFileSync(join(root, 'reports/bench/engine.json'), `${JSON.stringify(report, null, 2)}\n`);
rmSync(directory, { recursive: true });
process.exitCode = failed ? 1 : 0;
